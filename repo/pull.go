package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"evault/objects"
	"evault/refs"
)

// PullOptions say what to bring in from where.
type PullOptions struct {
	Remote          string // empty: the default one
	Branch          string // of the remote; empty: the one of the same name as the current
	FastForwardOnly bool
	NoFastForward   bool
	Favour          Favour // decides every conflict
	ConflictStyle   string // as in MergeOptions
}

// PullResult says what a pull has done.
type PullResult struct {
	Fetch  *FetchResult
	Branch string // of the remote
	Merge  *MergeResult
}

// Pull fetches, and brings the remote's branch into the current one: by moving forward where this device has nothing of its
// own, else by merging. Changes that do not overlap merge by themselves; where they do, the error is a MergeConflictError,
// and the work tree waits for the user, as after Merge. Uncommitted work is never overwritten.
func (r *Repository) Pull(ctx context.Context, o PullOptions) (*PullResult, error) {
	head := r.refs.View().Head
	if head.Branch == "" {
		return nil, usagef("HEAD is detached: a pull needs a branch to bring changes into")
	}
	if o.Branch == "" {
		o.Branch = head.Branch
	}
	if err := r.refuseInProgressBut("merge"); err != nil {
		return nil, err
	}
	fetched, err := r.Fetch(ctx, FetchOptions{Remote: o.Remote})
	result := &PullResult{Fetch: fetched, Branch: o.Branch}
	if err != nil && (fetched == nil || !errors.Is(err, ErrSecurity) && !errors.Is(err, ErrDamaged) || !fetched.finished) {
		return result, err
	}
	merged, mergeErr := r.bringIn(ctx, fetched, o)
	result.Merge = merged
	return result, errors.Join(mergeErr, err)
}

// bringIn merges what the remote's branch is at; where several devices moved it apart from each other, all of that.
func (r *Repository) bringIn(ctx context.Context, fetched *FetchResult, o PullOptions) (*MergeResult, error) {
	name := trackingPrefix + fetched.Remote + "/" + o.Branch
	id, ok := r.refs.View().Ref(name)
	if !ok {
		return nil, fmt.Errorf("%w: %s has no branch %s", ErrUnknownRevision, fetched.Remote, o.Branch)
	}
	heads := []objects.ID{id}
	for _, u := range fetched.Updates {
		if u.Branch == o.Branch {
			heads = append(heads, u.others...)
		}
	}
	diff3, err := r.conflictStyle(o.ConflictStyle)
	if err != nil {
		return nil, err
	}
	var result *MergeResult
	for _, head := range slices.Compact(heads) {
		one, err := r.mergeCommit(ctx, head, mergeOptions{What: "branch " + o.Branch + " of " + fetched.Remote, Label: fetched.Remote + "/" + o.Branch,
			FastForwardOnly: o.FastForwardOnly, NoFastForward: o.NoFastForward, Favour: o.Favour, Diff3: diff3})
		if err != nil {
			if one != nil {
				result = one
			}
			return result, err
		}
		if result == nil || one.Kind != "up-to-date" {
			result = one
		}
	}
	return result, nil
}

// TrackingStatus compares the current branch with where a remote's branch of the same name was last seen.
type TrackingStatus struct {
	Remote        string
	Branch        string
	Ahead, Behind int
}

// tracking compares the current branch with all remotes.
func (r *Repository) tracking(ctx context.Context) ([]TrackingStatus, error) {
	view := r.refs.View()
	if view.Head.Branch == "" || r.head().IsZero() {
		return nil, nil
	}
	var out []TrackingStatus
	for _, one := range r.Remotes() {
		i := slices.IndexFunc(one.Branches, func(b refs.Ref) bool { return b.Name == view.Head.Branch })
		if i < 0 {
			continue
		}
		t := TrackingStatus{Remote: one.Name, Branch: view.Head.Branch}
		if there := one.Branches[i].ID; there != r.head() {
			var err error
			if t.Ahead, t.Behind, err = r.aheadBehind(ctx, r.head(), there); err != nil {
				return out, err
			}
		}
		out = append(out, t)
	}
	return out, nil
}
