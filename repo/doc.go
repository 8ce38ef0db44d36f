// Package repo opens a vault on disk and implements its verbs: Commit, Checkout, Restore, Verify and the rest.
//
// A Repository is a folder of files (the work tree) with a folder .evault in it. The packages below know one thing
// each: worktree knows files on disk, pack knows sealed containers, refs knows names and their signed history, keys knows
// secrets, objects knows the model. This package composes them; it owns the lock and the order of writes.
//
// Every verb is a method (ctx, XOptions) (XResult, error). A verb never prints and never reads the environment: what it
// needs comes in its options and in Places, what it found goes out in its result, and progress leaves through the
// callback in Settings.
//
// # Order of writes
//
// Four rules keep a vault whole through a crash at any instant; each is obeyed where its name appears in a comment.
//
//   - Packs before index before log: an object is durable before anything names it. The record in the log is the only
//     commit point; what is written before it is invisible, what is written after it can be rebuilt.
//   - Delete in the reverse order.
//   - Nothing from outside is visible before it is verified.
//   - A failed operation may have happened, so a retry must be harmless.
package repo
