package repo

import (
	"context"

	"evault/objects"
	"evault/refs"
)

// Favour says which side decides a conflict.
type Favour uint8

// The ways to decide. FavourOurs and FavourTheirs decide each hunk of a text, FavourNewest whole files by their time.
const (
	FavourNone Favour = iota
	FavourOurs
	FavourTheirs
	FavourNewest
)

// combineOptions say how to bring the changes between two trees into the work tree, and what to commit then.
type combineOptions struct {
	operation    string          // as it is recorded: "merge", "revert", "cherry-pick"
	what         string          // the other side in words, for the log and for messages: "feature"
	label        string          // the other side in conflict markers; empty: what
	message      string          // of the commit
	base, theirs objects.TreeRef // theirs is HEAD's tree with the changes from base to theirs
	theirsID     objects.ID      // the commit of the other side; zero: none
	parents      []objects.ID    // of the commit; none: HEAD
	author       string          // empty: the user's
	favour       Favour
	diff3        bool // conflict markers with the base between them
	noCommit     bool
	rest         pickRest    // kept in the state if this waits for the user
	packs        []refs.Pack // came into the store for this, and are recorded with it
}

// combine brings the changes between two trees into the work tree and commits them. Conflicts are left in the work tree and
// noted (see mergeState); the error is then a MergeConflictError. Uncommitted work is never overwritten: the error is a
// DirtyError, and nothing was done.
func (r *Repository) combine(ctx context.Context, o combineOptions) (*MergeResult, error) {
	return nil, conflictf("%s cannot be combined yet", o.what)
}
