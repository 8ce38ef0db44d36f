// Package refs says which names mean which commits, and proves who said so. It keeps, for every clone and store, one
// append-only log of signed records chained by hash, and folds all logs of a store into one View.
//
// A store (the local one, or a remote) holds one log per clone that writes to it:
//
//	logs/<tag>/<sequence>     one file per record: header || body
//
// The header is what a host may see and check without any key: place in the log, hash of the header before, packs added,
// hash of the body, signature. The body is sealed: what was done, by whom, which refs moved from where to where, and
// `seen`, the heads of the other logs that its writer knew. Record B supersedes record A for a ref only if B changes that
// ref and A is in B's past. What is not superseded and is not resolved by descent is shown as diverged.
//
// Calling sequence:
//
//	r, err := refs.Open(refs.Options{...})    finishes what a crash interrupted, checks signatures, chains and pins
//	v := r.View()                             the refs and HEAD
//	rec, err := r.Append(ctx, operation)      the commit point of every verb that moves a ref or HEAD
//	r.Records(ctx, fn)                        the reflog
//	refs.Inverse(rec, r.View())               the operation that takes rec back
//	r.Verify(ctx, has, problem)               every record of every log, without any cache
//
// Whoever opens a store for writing holds the working copy's lock; readers set ReadOnly and need none.
//
// A log is trusted no further than it was seen before: the newest position of each is pinned in the user's state folder,
// outside the vault, so that an older copy put in its place is noticed (RollbackError), as are two different records for
// one place (ForkError) and a record that others have seen and that is not there (HiddenError).
//
// A store that is elsewhere is worked with through a mirror, a copy of its logs on this machine:
//
//	m, err := refs.Mirror(ctx, options, source)   brings the copy up to date; m.Problems is what the source hides or made up
//	r, err := refs.Open(options)                  with Shared and Send: what the logs there amount to
//	rec, err := r.Append(ctx, operation)          through Send, a compare-and-swap against m.Heads
//
// An answer may be lost, so a record that was sent and not acknowledged is pending: its fate is unknown. It stays in the
// outbox, is never signed a second time and never thrown away, and the next Append sends it again, as it is if that
// Append is the same operation, and otherwise below a record that takes it back: see send.go.
package refs

import (
	"context"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// Options says which store's logs to open, and as whom.
type Options struct {
	// Store is rooted at the store: logs/ is in it.
	Store vfs.FS
	// Local is rooted at the folder that is never replicated: outbox/, fold and evidence/ are in it. It is on the
	// same filesystem as Store where possible, so that a record is published by renaming it.
	Local vfs.FS
	// State is rooted at the user's state folder, outside the vault; pins/ is in it. nil means that nothing is pinned
	// and so no rollback is noticed: for tests.
	State vfs.FS
	// Vault seals, opens and signs.
	Vault *keys.Vault
	// StoreID names the store: see ReadStoreID.
	StoreID StoreID
	// CloneID names the working copy: see EnsureClone.
	CloneID CloneID

	// Descends says whether commit newer has commit older among its ancestors, or is it. It is asked only when logs
	// disagree about a ref. nil means that no commit descends from another.
	Descends func(newer, older objects.ID) (bool, error)
	// ReadOnly opens without writing anything, and so without the lock: an interrupted record is left for the next
	// writer, nothing is pinned or cached, Append fails.
	ReadOnly bool
	// Shared says that other working copies write to this store (it is a remote). Then the pins of all logs count. In
	// a local store the logs of earlier clones are history, and their pins count until this clone has its own log: so
	// a copied working copy that goes on by itself is not mistaken for a rollback for ever.
	Shared bool
	// AcceptOlder opens although the store is behind the pins of other logs than this clone's own, or holds back
	// something of them: what a user says who has put back an old copy on purpose, or goes on in a new log after
	// RenewClone. In a local store it is needed until this clone has written its first record. Nothing bad is accepted
	// by it, and no pin is lowered: what is held back stays so.
	AcceptOlder bool
	// Salvage opens what still verifies although there are problems, for reading: it implies ReadOnly. Problems are
	// in Refs.Problems.
	Salvage bool

	// Send makes this the mirror of a store that is elsewhere, which Mirror keeps up to date: what Append signs is sent
	// there before it is published here. It gets records that continue this clone's log there, in order, and adds all of
	// them or none, against the heads that the mirror was brought up to date with; records that are there already are
	// passed over. After an error the records may be there or not. It is called by Append alone, once for each. The heads
	// move on with what it has sent, and with nothing else: what the mirror does not hold must not be among them, or
	// the next record would claim to have been written in its knowledge. Whoever opens a mirror sets Shared, whether he
	// sends or not: in a shared store nothing is published from the outbox.
	Send func(ctx context.Context, records [][]byte) error
	// HasPack says whether a pack is at hand. A record that adds one which is not, and which no accepted record
	// condemns, is held back with all that depends on it: MissingPacksError. It is asked once for each pack. nil: no
	// record is held back for its packs.
	HasPack func(Pack) bool
	// Evidence is rooted at the folder that keeps the records which prove a fork; nil means evidence/ in Local.
	Evidence vfs.FS

	// Warn, if not nil, is told what went wrong with the fold cache, which costs time and nothing else.
	Warn func(error)
}
