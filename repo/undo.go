package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"evault/objects"
	"evault/refs"
)

// UndoOptions say how to take the last operation back.
type UndoOptions struct {
	DryRun bool
	Force  bool // overwrite what is in no commit, where files have to move back
}

// UndoResult says what was taken back.
type UndoResult struct {
	Undone  ReflogEntry
	Head    refs.Head
	Commit  objects.ID
	Written int64
	Deleted int64
}

// Undo takes back the newest operation that was not taken back yet. Branches and HEAD go back to where they were. The
// files of a commit stay as they are, so its changes are changes again; after a switch or checkout the files go back too.
// Nothing is deleted: what was undone is still in the log, and undo itself is one more operation there.
//
// An undo that failed, or was killed, while it was being recorded may have been completed by the opening of the vault. To
// repeat it must not take back one operation more: it is reported as done.
func (r *Repository) Undo(ctx context.Context, o UndoOptions) (*UndoResult, error) {
	rec, finished, err := r.undoable(ctx)
	if err != nil {
		return nil, err
	}
	if finished {
		r.notes = append(r.notes, "the undo that was interrupted before is complete now")
		return &UndoResult{Undone: *reflogEntry(rec, nil), Head: r.refs.View().Head, Commit: r.head()}, nil
	}
	op, err := refs.Inverse(rec, r.refs.View())
	switch {
	case errors.Is(err, refs.ErrNoInverse):
		return nil, fmt.Errorf("%w: %w", ErrNothingToUndo, err)
	case errors.Is(err, refs.ErrConflict):
		return nil, fmt.Errorf("%w: %w", ErrConflict, err)
	case err != nil:
		return nil, err
	}
	result := &UndoResult{Undone: *reflogEntry(rec, nil), Head: op.HeadAfter}
	result.Commit = r.commitAfter(op)
	if o.DryRun {
		return result, nil
	}
	if !movesFiles(rec.Body.Operation) {
		// What only the undone commit held stays tracked. Were the index behind it, that would be forgotten.
		if _, err := r.loadIndex(ctx); err != nil {
			r.notes = append(r.notes, "what is tracked is known only as far as the commit before says: "+err.Error())
		}
		return result, r.record(ctx, op)
	}
	d := &destination{op: op, id: result.Commit}
	if !d.id.IsZero() {
		if d.commit, err = r.loadCommit(ctx, d.id); err != nil {
			return nil, err
		}
	}
	moved, err := r.moveTo(ctx, d, o.Force, false)
	if moved != nil {
		result.Written, result.Deleted = moved.Written, moved.Deleted
	}
	return result, err
}

// movesFiles reports whether an operation changed the work tree beside HEAD.
func movesFiles(operation string) bool {
	return operation == "switch" || operation == "checkout" || operation == "merge"
}

// undoable finds the newest record that no later undo has taken back. If the newest of all is an undo that this opening has
// finished, it is the one which that took back.
func (r *Repository) undoable(ctx context.Context) (found *refs.Record, finished bool, err error) {
	undone, newest := 0, true
	err = r.refs.Records(ctx, func(rec *refs.Record) bool {
		if rec.Tag != r.refs.Tag() {
			return true
		}
		first := newest
		newest = false
		switch {
		case rec.Body == nil:
			return false
		case rec.Body.Operation == "undo" && first && r.refs.Finished(rec.Seq):
			finished = true
		case rec.Body.Operation == "undo":
			undone++
		case changesNothing(rec.Body), isAboutRemotes(rec.Body): // repair, accept, push, fetch: nothing to take back here
		case undone > 0:
			undone--
		default:
			found = rec
			return false
		}
		return true
	})
	if err != nil {
		return nil, false, err
	}
	if found == nil || found.Body.Operation == "init" || found.Body.Operation == "clone" {
		return nil, false, ErrNothingToUndo
	}
	return found, finished, nil
}

// isAboutRemotes says that an operation only notes what was seen of remotes.
func isAboutRemotes(b *refs.Body) bool {
	for _, c := range b.Changes {
		if !strings.HasPrefix(c.Name, trackingPrefix) {
			return false
		}
	}
	return len(b.Changes) > 0 && b.HeadBefore == b.HeadAfter
}

func changesNothing(b *refs.Body) bool { return len(b.Changes) == 0 && b.HeadBefore == b.HeadAfter }

// commitAfter gives where HEAD will be after an operation.
func (r *Repository) commitAfter(op refs.Operation) objects.ID {
	if op.HeadAfter.Branch == "" {
		return op.HeadAfter.Commit
	}
	name := branchPrefix + op.HeadAfter.Branch
	for _, c := range op.Changes {
		if c.Name == name {
			return c.New
		}
	}
	id, _ := r.refs.View().Ref(name)
	return id
}
