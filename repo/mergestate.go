package repo

import (
	"context"
	"fmt"

	"evault/objects"
)

// mergeState is an operation that combines commits and waits for the user: conflicts are in the work tree, or the user
// asked to look before anything is committed. HEAD has not moved. It is kept in .evault/local/merge.
type mergeState struct {
	Operation string // as it will be recorded: "merge", "pull", "revert", "cherry-pick"
	What      string // the other side in words: "feature"
	Ours      objects.ID
	Theirs    objects.ID // zero: no commit
	Parents   []objects.ID
	Message   string // of the commit to come
	Author    string // empty: the user's
	Conflicts []Conflict
	// Rest is what is to be done once this is concluded, by revert and cherry-pick of several commits.
	Rest pickRest
}

// pickRest is what is left of a revert or cherry-pick of several commits.
type pickRest struct {
	Todo       []objects.ID // in order
	Mainline   int          // of merges: the parent to compare with, 1 is the first; 0: none is given
	NoteOrigin bool         // say in the message where it was picked from
	Begun      objects.ID   // where HEAD was before the first of them
}

// Conflict is one path that the two sides changed so that somebody must decide.
type Conflict struct {
	Path     string
	Kind     string // "content", "add/add", "modify/delete", ...
	Resolved bool
}

// inProgress gives the operation that waits to be continued; nil: none.
func (r *Repository) inProgress() (*mergeState, error) { return nil, nil }

// refuseInProgress fails with ErrConflict while an operation waits to be continued. Every verb that moves HEAD calls it.
func (r *Repository) refuseInProgress() error {
	s, err := r.inProgress()
	if err != nil || s == nil {
		return err
	}
	return conflictf("a %s is in progress (%s): \"evault merge --continue\" concludes it, \"evault merge --abort\" takes it back", s.Operation, s.What)
}

// AbortMerge takes an operation in progress back: the files that it wrote are again as HEAD has them.
func (r *Repository) AbortMerge(context.Context) (*MergeResult, error) {
	return nil, conflictf("no merge is in progress")
}

// ContinueOptions say how to conclude an operation in progress.
type ContinueOptions struct {
	Message string // empty: the one that the operation began with
}

// ContinueMerge commits an operation in progress whose conflicts are resolved.
func (r *Repository) ContinueMerge(context.Context, ContinueOptions) (*MergeResult, error) {
	return nil, fmt.Errorf("%w: no merge is in progress", ErrConflict)
}
