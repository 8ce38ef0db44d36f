package repo

import (
	"context"
	"errors"
	"path"

	"evault/objects"
	"evault/worktree"
)

// ContinueOptions say how to conclude an operation in progress.
type ContinueOptions struct {
	Message string // empty: the one that the operation began with
}

// ContinueMerge commits an operation in progress whose conflicts are resolved; an UnresolvedError names those that are not.
func (r *Repository) ContinueMerge(ctx context.Context, o ContinueOptions) (*MergeResult, error) {
	s, err := r.inProgress()
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, conflictf("there is nothing to continue: no merge is in progress")
	}
	done, err := r.Commit(ctx, CommitOptions{Message: o.Message})
	if done == nil {
		return nil, err
	}
	result := &MergeResult{Kind: MergeCommit, Operation: s.Operation, Commit: done.ID, Problems: done.Problems, Notes: done.Notes}
	if done.Nothing {
		result.Kind, result.Commit = MergeUpToDate, r.head()
		return result, errors.Join(err, r.forgetMerge())
	}
	result.Subject = firstLine(done.Commit.Message)
	return result, err
}

// AbortMerge takes an operation in progress back: the files that it wrote are again as HEAD has them, and what it did not
// touch stays, uncommitted work included. It may be run again where it was interrupted.
//
// Where the note of the operation cannot be read, it is forgotten and the files stay as they are.
func (r *Repository) AbortMerge(ctx context.Context) (*MergeResult, error) {
	s, err := r.inProgress()
	if isDamage(err) || errors.Is(err, ErrDamaged) {
		result := &MergeResult{Kind: MergeAborted, Operation: "merge", Commit: r.head()}
		result.Notes = append(result.Notes, "what was in progress could not be read: the files are left as they are, and \"evault status\" shows what differs")
		return result, r.forgetMerge()
	}
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, conflictf("there is nothing to take back: no merge is in progress")
	}
	m := r.settings.startMeter("writing")
	defer m.close()
	return r.takeBack(ctx, s, m)
}

// takeBack moves the work tree from what an operation wrote to HEAD.
func (r *Repository) takeBack(ctx context.Context, s *mergeState, m *meter) (*MergeResult, error) {
	index, ours, err := r.standing(ctx)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	result := &MergeResult{Kind: MergeAborted, Operation: s.Operation, Commit: r.head(), Subject: firstLine(ours.Message)}
	keys := map[string]worktree.StatKey{}
	options := worktree.CheckoutOptions{RestoreOptions: r.restoreOptions(r.places.Work, m), Force: true}
	options.Written = func(dir string, e *objects.Entry, key worktree.StatKey) {
		if !e.IsDir() {
			keys[path.Join(dir, e.Name)] = key
		}
	}
	// HEAD's index knows nothing of the files that were written, so their contents are compared.
	plan, err := worktree.PlanCheckout(ctx, db, s.Tree, ours.Root(), worktree.EmptyIndex(), options)
	if err != nil {
		return nil, dirtyError(err)
	}
	for _, lost := range plan.Lost {
		result.Lost = append(result.Lost, lost.Path)
	}
	done, err := plan.Apply(ctx)
	result.Written = int64(done.Files - done.Same + done.Symlinks + done.Hardlinks + done.Specials)
	result.Deleted = int64(done.Removed)
	result.Problems = restoreProblems(done.Problems)
	if err != nil && !errors.Is(err, worktree.ErrIncomplete) {
		return result, err
	}
	if err := r.track(ctx, index, s.Tree, ours.Root(), keys); err != nil {
		return result, err
	}
	return result, errors.Join(incomplete(result.Problems), r.forgetMerge())
}
