package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"evault/objects"
	"evault/refs"
)

// Branch is a name that moves with commits.
type Branch struct {
	Name    string
	Commit  objects.ID // zero for the current branch before its first commit
	Current bool
	Remote  bool // of a remote, as last seen: "friend/main"
	Subject string
	Time    time.Time
	// Tracking compares it with the remotes that have a branch of its name; with BranchOptions.Tracking.
	Tracking []TrackingStatus
	Kept     objects.ID // work that was put aside on it; zero for none
}

// Branches lists the branches by name.
func (r *Repository) Branches(ctx context.Context) ([]Branch, error) {
	return r.ListBranches(ctx, BranchOptions{})
}

// CreateBranch makes a branch at a revision; empty means HEAD. With force a branch of that name is moved there.
func (r *Repository) CreateBranch(ctx context.Context, name, start string, force bool) (objects.ID, error) {
	if err := refs.ValidateBranchName(name); err != nil {
		return objects.ID{}, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	view := r.refs.View()
	old, exists := view.Ref(branchPrefix + name)
	switch {
	case exists && !force:
		return objects.ID{}, conflictf("branch %q exists already", name)
	case view.Head.Branch == name:
		return objects.ID{}, conflictf("branch %q is the current one; it moves with commits", name)
	}
	id, _, err := r.ResolveCommit(ctx, start)
	if err != nil || id == old {
		return id, err
	}
	verb := "create "
	if exists {
		verb = "move "
	}
	return id, r.record(ctx, refs.Operation{Name: "branch", Description: verb + name,
		Changes: []refs.Change{{Name: branchPrefix + name, Old: old, New: id}}})
}

// DeleteBranch is DeleteBranches for one.
func (r *Repository) DeleteBranch(ctx context.Context, name string, force bool) (objects.ID, error) {
	ids, err := r.DeleteBranches(ctx, []string{name}, force)
	if len(ids) == 0 {
		return objects.ID{}, err
	}
	return ids[0], err
}

// DeleteBranches removes branches, all of them or none, and gives the commits that they were at. One whose commits no branch
// that stays has, nor HEAD nor a tag, is refused unless force, as is one on which work is put aside; with force that goes
// too. Undo brings everything back.
func (r *Repository) DeleteBranches(ctx context.Context, names []string, force bool) ([]objects.ID, error) {
	op := refs.Operation{Name: "branch", Description: "delete " + strings.Join(names, ", ")}
	var ids []objects.ID
	var errs []error
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usagef("branch %q is named twice", name)
		}
		id, err := r.deletable(ctx, name, names, force)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ids = append(ids, id)
		op.Changes = append(op.Changes, refs.Change{Name: branchPrefix + name, Old: id})
		if kept, ok := r.kept(name); ok {
			op.Changes = append(op.Changes, refs.Change{Name: keptPrefix + name, Old: kept})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return ids, r.record(ctx, op)
}

// deletable checks that a branch may be deleted together with others.
func (r *Repository) deletable(ctx context.Context, name string, gone []string, force bool) (objects.ID, error) {
	view := r.refs.View()
	id, ok := view.Ref(branchPrefix + name)
	switch {
	case !ok:
		return id, r.noBranch(name)
	case view.Head.Branch == name:
		return id, conflictf("branch %q is the current one: switch to another first", name)
	case force:
		return id, nil
	}
	if _, ok := r.kept(name); ok {
		return id, conflictf("work is put aside on branch %q: \"evault switch %s\" brings it back, \"evault branch --drop-kept %s\" drops it", name, name, name)
	}
	held, err := r.heldElsewhere(ctx, gone, id)
	if err == nil && !held {
		err = conflictf("branch %q has commits that no other branch has (-D deletes it all the same)", name)
	}
	return id, err
}

// heldElsewhere reports whether a commit belongs to another branch than those that go, to a tag, or to HEAD.
func (r *Repository) heldElsewhere(ctx context.Context, gone []string, id objects.ID) (bool, error) {
	db, err := r.database()
	if err != nil {
		return false, err
	}
	others := []objects.ID{r.head()}
	for other, at := range r.refs.View().All() {
		branch, isBranch := strings.CutPrefix(other, branchPrefix)
		_, isKept := cutKept(other)
		if !isKept && !(isBranch && slices.Contains(gone, branch)) {
			others = append(others, at)
		}
	}
	for _, at := range others {
		if at.IsZero() {
			continue
		}
		if at, err = r.peel(ctx, at); err != nil {
			return false, err
		}
		held, err := objects.IsAncestor(ctx, db, id, at)
		if held || err != nil {
			return held, err
		}
	}
	return false, nil
}

// RenameBranch gives a branch another name; HEAD follows if it is on it, and so does work that was put aside.
func (r *Repository) RenameBranch(ctx context.Context, old, name string, force bool) error {
	if err := refs.ValidateBranchName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	view := r.refs.View()
	id, ok := view.Ref(branchPrefix + old)
	unborn := !ok && view.Head.Branch == old
	if !ok && !unborn {
		return r.noBranch(old)
	}
	replaced, exists := view.Ref(branchPrefix + name)
	keptThere, conflict := r.kept(name)
	keptHere, keeps := r.kept(old)
	switch {
	case old == name:
		return nil
	case exists && !force:
		return conflictf("branch %q exists already (-f replaces it)", name)
	case view.Head.Branch == name:
		return conflictf("branch %q is the current one", name)
	case conflict && !force:
		return conflictf("work is put aside on a branch %q", name)
	}
	op := refs.Operation{Name: "branch", Description: "rename " + old + " to " + name}
	if ok {
		op.Changes = moved(branchPrefix, old, name, id, replaced)
	}
	if keeps || conflict {
		op.Changes = append(op.Changes, moved(keptPrefix, old, name, keptHere, keptThere)...)
	}
	if view.Head.Branch == old {
		op.HeadAfter = refs.Head{Branch: name}
	}
	return r.record(ctx, op)
}

// moved gives the changes that rename a ref, which may be none, over another one, which may be none.
func moved(prefix, old, name string, id, replaced objects.ID) []refs.Change {
	var out []refs.Change
	if !id.IsZero() {
		out = append(out, refs.Change{Name: prefix + old, Old: id})
	}
	if id != replaced {
		out = append(out, refs.Change{Name: prefix + name, Old: replaced, New: id})
	}
	return out
}

// noBranch says that there is no branch of a name here, though a remote may have one.
func (r *Repository) noBranch(name string) error {
	if _, ok := r.refs.View().Ref(trackingPrefix + name); ok {
		return fmt.Errorf("%w: no branch %q here: it is what a remote had, and a fetch brings it up to date", ErrUnknownRevision, name)
	}
	return fmt.Errorf("%w: no branch %q%s", ErrUnknownRevision, name, r.suggest(name))
}
