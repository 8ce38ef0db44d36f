// Package proof holds the tests that stop evault at every instant and look at what is left.
//
// Work tree, vault, configuration and pins lie on one filesystem in memory that records what is done to it. A scenario is a
// prepared world and one verb. The tests run the verb
//
//   - and let the machine crash after any of its operations, with any part of what was not yet made durable lost
//     (crash_test.go);
//   - and make each of its operations fail, once and for good, in every way that a disk can (fault_test.go), fill the
//     disk after any number of bytes (full_test.go), or take the context away (cancel_test.go).
//
// What is left is judged by rules of this package alone (judge_test.go): the vault opens, Verify finds nothing, every
// commit that was acknowledged comes back byte for byte as a walk of the source found it, branches and HEAD are as before or
// after the verb, and the next command works. The counts are printed, and a test fails if its count drops.
//
// # What is not promised
//
// Files of the work tree are not synced, as with git: a checkout writes each under a temporary name and renames it, so that a
// killed process leaves old or new contents and never a mixture. When the machine itself stops, a file that had just been
// written may be empty, torn or missing. Nothing is lost by that, because all that a checkout or restore writes is in the
// vault: the judge demands that the same verb, repeated with force, puts every file right, and that no other file of the
// work tree was touched. What add and rm noted in the stat index is not synced either; after a crash of the machine it may
// have to be said again.
package proof
