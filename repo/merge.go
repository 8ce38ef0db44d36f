package repo

import (
	"context"
	"errors"
	"fmt"

	"evault/objects"
	"evault/refs"
)

// mergeOptions say how to bring another commit into the current branch.
type mergeOptions struct {
	What            string // what is merged, for the log and the message: "origin/main"
	Label           string // what is merged, in conflict markers; empty: What
	FastForwardOnly bool   // refuse where a merge commit would be needed
	NoFastForward   bool   // make a merge commit also where the branch could move forward
	NoCommit        bool   // leave the result in the work tree, to be looked at and committed
	Unrelated       bool   // merge what has no commit in common, too
	Favour          Favour
	Diff3           bool        // conflict markers with the base between them
	PacksAdded      []refs.Pack // came into the store for this, and are recorded with it
	Message         string      // of the merge commit; empty: "Merge <what> into <branch>"
}

// Kinds of MergeResult.
const (
	MergeUpToDate    = "up-to-date"   // the branch had the commit already
	MergeFastForward = "fast-forward" // the branch had nothing of its own
	MergeCommit      = "merge"        // a commit with two parents was made
	MergePending     = "pending"      // the work tree holds the result, and waits for the user: conflicts, or a merge without commit
	MergeAborted     = "aborted"      // what was in progress was taken back
)

// MergeResult says what a merge did.
type MergeResult struct {
	Kind      string     // MergeUpToDate, MergeFastForward, MergeCommit, MergePending or MergeAborted
	Operation string     // MergePending, MergeAborted, and MergeCommit by ContinueMerge: "merge", "revert", "cherry-pick"
	Commit    objects.ID // where HEAD is now
	Subject   string     // of that commit's message
	Conflicts []Conflict // ascending by path; then the work tree holds them, and HEAD has not moved
	Written   int64      // files
	Deleted   int64
	Lost      []string // MergeAborted: what was changed by hand since, and is as HEAD has it now
	Problems  []Problem
	Notes     []string
}

// MergeConflictError names the paths that both sides changed, each in its own way. They are in the work tree, HEAD has not
// moved, and the operation is in progress until it is committed, continued, or taken back. It is ErrConflict.
type MergeConflictError struct {
	Operation string     // "merge", "revert", "cherry-pick"
	Conflicts []Conflict // ascending by path
	Paths     []string   // theirs
}

func (e *MergeConflictError) Error() string {
	if len(e.Paths) == 1 {
		return fmt.Sprintf("%s: both sides changed it, each in its own way", e.Paths[0])
	}
	return fmt.Sprintf("%d paths were changed by both sides, each in its own way", len(e.Paths))
}

// Unwrap makes the error ErrConflict.
func (e *MergeConflictError) Unwrap() error { return ErrConflict }

// MergeOptions say what to merge and how.
type MergeOptions struct {
	Revision        string
	FastForwardOnly bool   // refuse where a merge commit would be needed
	NoFastForward   bool   // make a merge commit also where the branch could move forward
	NoCommit        bool   // leave the result in the work tree, to be looked at and committed
	Unrelated       bool   // merge also what has no commit in common with the current branch
	Message         string // of the merge commit; empty: "Merge <revision> into <branch>"
	Favour          Favour // decides every conflict
	ConflictStyle   string // "merge", "diff3"; empty: what the configuration says, else "merge"
}

// Merge brings another commit into the current branch: see mergeCommit. The error is a MergeConflictError if conflicts are in
// the work tree now.
func (r *Repository) Merge(ctx context.Context, o MergeOptions) (*MergeResult, error) {
	if o.FastForwardOnly && o.NoFastForward {
		return nil, usagef("a merge cannot be a fast-forward only and none")
	}
	diff3, err := r.conflictStyle(o.ConflictStyle)
	if err != nil {
		return nil, err
	}
	id, _, err := r.ResolveCommit(ctx, o.Revision)
	if err != nil {
		return nil, err
	}
	return r.mergeCommit(ctx, id, mergeOptions{What: o.Revision, FastForwardOnly: o.FastForwardOnly, NoFastForward: o.NoFastForward,
		NoCommit: o.NoCommit, Unrelated: o.Unrelated, Favour: o.Favour, Diff3: diff3, Message: o.Message})
}

// conflictStyle says whether markers have the base between them.
func (r *Repository) conflictStyle(said string) (diff3 bool, err error) {
	switch said {
	case "", "merge":
		return false, nil
	case "diff3":
		return true, nil
	}
	return false, usagef("conflict style: %q is not merge or diff3", said)
}

// mergeCommit brings another commit into the current branch, or into a detached HEAD: nothing to do, a fast-forward, or a
// merge of the two trees by their merge base (see treeMerge for its rules) and a commit with both as parents.
//
// A DirtyError names uncommitted work where files would have to change: then nothing was done. Uncommitted work elsewhere
// stays as it is. A MergeConflictError names paths that both sides changed; see combine for what is done then, and for
// the order of writes.
//
// Two branches that merged each other have several merge bases: these are merged first, and the result is the base. Two
// branches without any common commit are merged only if asked for.
func (r *Repository) mergeCommit(ctx context.Context, theirs objects.ID, o mergeOptions) (*MergeResult, error) {
	head := r.head()
	their, err := r.loadCommit(ctx, theirs)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	if s, err := r.inProgress(); err != nil {
		return nil, err
	} else if s != nil && !(s.Writing && s.Operation == "merge" && s.Theirs == theirs) {
		return nil, &InProgressError{Operation: s.Operation, What: s.What, Writing: s.Writing}
	}
	if head.IsZero() {
		return r.fastForward(ctx, head, theirs, their, o)
	}
	bases, err := objects.MergeBases(ctx, db, head, theirs)
	switch {
	case err != nil:
		return nil, err
	case len(bases) == 0 && !o.Unrelated:
		return nil, conflictf("%s and the current branch have no commit in common", o.What)
	case len(bases) > 0 && bases[0] == theirs:
		return r.mergedAlready(ctx, head, o)
	case len(bases) > 0 && bases[0] == head && !o.NoFastForward && !o.NoCommit:
		return r.fastForward(ctx, head, theirs, their, o)
	case o.FastForwardOnly:
		return nil, conflictf("%s and the current branch have both gone on: this needs a merge", o.What)
	}
	return r.mergeSides(ctx, head, theirs, their, bases, o)
}

// mergeSides merges what has gone on on both sides.
func (r *Repository) mergeSides(ctx context.Context, head, theirs objects.ID, their *objects.Commit, bases []objects.ID, o mergeOptions) (*MergeResult, error) {
	made := newTrees(r.db, r.vault.NewHasher())
	base, err := r.mergedBase(ctx, made, bases, o.Diff3, 0)
	if err != nil {
		return nil, err
	}
	c := combineOptions{operation: "merge", what: o.What, label: o.Label, message: o.Message, base: base, theirs: their.Root(), made: made, theirsID: theirs,
		parents: []objects.ID{head, theirs}, favour: o.Favour, diff3: o.Diff3, noCommit: o.NoCommit, packs: o.PacksAdded}
	switch len(bases) {
	case 0:
		c.baseLabel = "empty tree"
	case 1:
		c.baseLabel = bases[0].Short()
	default:
		c.baseLabel = "merged common ancestors"
	}
	if c.message == "" {
		into := r.refs.View().Head.Branch
		if into == "" {
			into = "HEAD"
		}
		c.message = fmt.Sprintf("Merge %s into %s", o.What, into)
	}
	return r.combine(ctx, c)
}

// mergedAlready does nothing but record the packs.
func (r *Repository) mergedAlready(ctx context.Context, head objects.ID, o mergeOptions) (*MergeResult, error) {
	c, err := r.loadCommit(ctx, head)
	if err != nil {
		return nil, err
	}
	result := &MergeResult{Kind: MergeUpToDate, Commit: head, Subject: firstLine(c.Message)}
	if len(o.PacksAdded) == 0 {
		return result, nil
	}
	return result, r.record(ctx, refs.Operation{Name: "merge", Description: o.What + ": up to date",
		HeadAfter: r.refs.View().Head, PacksAdded: o.PacksAdded})
}

// fastForward moves the branch to a commit that comes after it. What is to be written is noted first, so that one which was
// interrupted is finished by running it again, or taken back by AbortMerge.
func (r *Repository) fastForward(ctx context.Context, head, to objects.ID, commit *objects.Commit, o mergeOptions) (*MergeResult, error) {
	d := &destination{id: to, commit: commit}
	d.op = r.advance("merge", head, to, o.What+": fast-forward", o.PacksAdded)
	if head.IsZero() {
		return r.moveMerged(ctx, d, MergeFastForward)
	}
	note := &mergeState{Operation: "merge", What: o.What, Label: o.Label, Writing: true, Ours: head, Theirs: to, Parents: []objects.ID{to},
		Tree: commit.Root(), Packs: o.PacksAdded}
	if err := r.keepMerge(note); err != nil {
		return nil, err
	}
	result, err := r.moveMerged(ctx, d, MergeFastForward)
	var inTheWay *DirtyError
	if result != nil || errors.As(err, &inTheWay) { // it is done, or nothing was
		return result, errors.Join(err, r.forgetMerge())
	}
	return nil, err
}

// advance is the operation that moves the branch, or the detached HEAD, to a new commit.
func (r *Repository) advance(operation string, from, to objects.ID, description string, packs []refs.Pack) refs.Operation {
	op := refs.Operation{Name: operation, Description: description, HeadAfter: refs.Head{Commit: to}, PacksAdded: packs}
	if head := r.refs.View().Head; head.Branch != "" {
		op.HeadAfter = head
		op.Changes = []refs.Change{{Name: branchPrefix + head.Branch, Old: from, New: to}}
	}
	return op
}

func (r *Repository) moveMerged(ctx context.Context, d *destination, kind string) (*MergeResult, error) {
	moved, err := r.moveTo(ctx, d, false, false)
	if moved == nil || err != nil && !errors.Is(err, ErrIncomplete) { // HEAD is where it was
		return nil, err
	}
	return &MergeResult{Kind: kind, Commit: d.id, Subject: moved.Subject, Written: moved.Written, Deleted: moved.Deleted,
		Problems: moved.Problems, Notes: moved.Notes}, err
}
