package repo

import (
	"context"
	"fmt"
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
	Subject string
	Time    time.Time
}

// Branches lists the branches by name.
func (r *Repository) Branches(ctx context.Context) ([]Branch, error) {
	view := r.refs.View()
	var all []Branch
	for name, id := range view.All() {
		short, ok := strings.CutPrefix(name, branchPrefix)
		if !ok {
			continue
		}
		c, err := r.loadCommit(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, Branch{Name: short, Commit: id, Current: short == view.Head.Branch,
			Subject: firstLine(c.Message), Time: time.Unix(c.Time.Sec, int64(c.Time.Nsec))})
	}
	return all, nil
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
	return id, r.record(ctx, refs.Operation{Name: "branch", Description: "create " + name,
		Changes: []refs.Change{{Name: branchPrefix + name, Old: old, New: id}}})
}

// DeleteBranch removes a branch. One whose commits no other branch has, and HEAD has not, is refused unless force.
func (r *Repository) DeleteBranch(ctx context.Context, name string, force bool) (objects.ID, error) {
	view := r.refs.View()
	id, ok := view.Ref(branchPrefix + name)
	switch {
	case !ok:
		return id, fmt.Errorf("%w: no branch %q%s", ErrUnknownRevision, name, r.suggest(name))
	case view.Head.Branch == name:
		return id, conflictf("branch %q is the current one: switch to another first", name)
	}
	if !force {
		kept, err := r.heldElsewhere(ctx, name, id)
		if err != nil {
			return id, err
		}
		if !kept {
			return id, conflictf("branch %q has commits that no other branch has", name)
		}
	}
	return id, r.record(ctx, refs.Operation{Name: "branch", Description: "delete " + name,
		Changes: []refs.Change{{Name: branchPrefix + name, Old: id}}})
}

// heldElsewhere reports whether a commit belongs to another branch, or to HEAD.
func (r *Repository) heldElsewhere(ctx context.Context, name string, id objects.ID) (bool, error) {
	db, err := r.database()
	if err != nil {
		return false, err
	}
	others := []objects.ID{r.head()}
	for other, at := range r.refs.View().All() {
		if other != branchPrefix+name {
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

// RenameBranch gives a branch another name; HEAD follows if it is on it.
func (r *Repository) RenameBranch(ctx context.Context, old, name string, force bool) error {
	if err := refs.ValidateBranchName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	view := r.refs.View()
	id, ok := view.Ref(branchPrefix + old)
	unborn := !ok && view.Head.Branch == old
	if !ok && !unborn {
		return fmt.Errorf("%w: no branch %q%s", ErrUnknownRevision, old, r.suggest(old))
	}
	replaced, exists := view.Ref(branchPrefix + name)
	switch {
	case old == name:
		return nil
	case exists && !force:
		return conflictf("branch %q exists already", name)
	case view.Head.Branch == name:
		return conflictf("branch %q is the current one", name)
	}
	op := refs.Operation{Name: "branch", Description: "rename " + old + " to " + name}
	if ok {
		op.Changes = []refs.Change{{Name: branchPrefix + old, Old: id}, {Name: branchPrefix + name, Old: replaced, New: id}}
		if replaced == id {
			op.Changes = op.Changes[:1]
		}
	}
	if view.Head.Branch == old {
		op.HeadAfter = refs.Head{Branch: name}
	}
	return r.record(ctx, op)
}
