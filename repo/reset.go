package repo

import (
	"context"
	"errors"
	"fmt"

	"evault/refs"
)

const opHardReset = "reset --hard"

// ResetOptions say where to move the current branch.
type ResetOptions struct {
	Revision string // empty: HEAD
	Hard     bool   // the files move too, and changes that are in no commit go back
	Force    bool   // with Hard: overwrite what is in no commit
	DryRun   bool
}

// Reset moves the current branch, or a detached HEAD, to another commit. Without Hard the files and what is tracked stay as
// they are: what differs is a change again. With Hard the tracked files become as the commit has them; files that no commit
// knows stay, no longer tracked. Hard never overwrites work that is in no commit without Force: the error is a DirtyError,
// and nothing was done. It takes back a merge in progress first, as AbortMerge does: what the user changed in the files that
// the merge wrote goes with it, and is in Lost.
//
// A Reset that was interrupted is finished by running it again, also if its revision counts from HEAD.
func (r *Repository) Reset(ctx context.Context, o ResetOptions) (*CheckoutResult, error) {
	left, err := r.leaveMerge(ctx, o)
	if err != nil {
		return nil, err
	}
	result, err := r.reset(ctx, o)
	if result != nil && left != nil {
		result.Lost = append(left.Lost, result.Lost...)
		result.Written += left.Written
		result.Deleted += left.Deleted
		result.Notes = append(result.Notes, "the "+left.Operation+" that was in progress is taken back")
	}
	return result, err
}

func (r *Repository) reset(ctx context.Context, o ResetOptions) (*CheckoutResult, error) {
	name := "reset"
	if o.Hard {
		name = opHardReset
	}
	if o.Revision == "" {
		o.Revision = "HEAD"
	}
	op := refs.Operation{Name: name, Description: "to " + o.Revision}
	if done, err := r.recordedAlready(ctx, op); done || err != nil {
		result := &CheckoutResult{Head: r.refs.View().Head, Commit: r.head()}
		if err != nil || !o.Hard {
			return result, err
		}
		o.Revision = "HEAD" // the files may not be there yet
	}
	id, commit, err := r.ResolveCommit(ctx, o.Revision)
	if err != nil {
		return nil, err
	}
	d := &destination{op: op, id: id, commit: commit, reset: o.Hard}
	r.aim(d)
	if o.Hard {
		return r.moveTo(ctx, d, o.Force, o.DryRun)
	}
	result := &CheckoutResult{Head: d.op.HeadAfter, Commit: id, Subject: firstLine(commit.Message)}
	if o.DryRun || d.op.HeadAfter == r.refs.View().Head && len(d.op.Changes) == 0 {
		return result, nil
	}
	return result, r.moveOnlyRefs(ctx, d.op)
}

// aim makes the operation of a destination move the current branch, or the detached HEAD, there.
func (r *Repository) aim(d *destination) {
	head := r.refs.View().Head
	if head.Branch == "" {
		d.op.HeadAfter = refs.Head{Commit: d.id}
		return
	}
	d.op.HeadAfter = head
	if old := r.head(); old != d.id {
		d.op.Changes = []refs.Change{{Name: branchPrefix + head.Branch, Old: old, New: d.id}}
	}
}

// leaveMerge ends an operation in progress before a hard reset, and refuses any other.
func (r *Repository) leaveMerge(ctx context.Context, o ResetOptions) (*MergeResult, error) {
	err := r.refuseInProgress()
	if err == nil || !o.Hard || o.DryRun || !errors.Is(err, ErrConflict) {
		return nil, err
	}
	left, err := r.AbortMerge(ctx)
	if err != nil {
		return nil, fmt.Errorf("taking back what is in progress: %w", err)
	}
	return left, nil
}

// recordedAlready reports whether the newest operation is this very one, and was interrupted while it was being recorded:
// then the opening of the vault has completed it, and whoever was told that it failed is about to repeat it.
func (r *Repository) recordedAlready(ctx context.Context, op refs.Operation) (done bool, err error) {
	err = r.refs.Records(ctx, func(rec *refs.Record) bool {
		if rec.Tag != r.refs.Tag() {
			return true
		}
		done = rec.Body != nil && rec.Body.Operation == op.Name && rec.Body.Description == refs.OneLine(op.Description) && r.refs.Finished(rec.Seq)
		return false
	})
	if done {
		r.notes = append(r.notes, "the "+op.Name+" that was interrupted before is complete now")
	}
	return done, err
}
