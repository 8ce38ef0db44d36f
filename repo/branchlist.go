package repo

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"evault/objects"
	"evault/refs"
)

// BranchOptions choose and order what ListBranches gives.
type BranchOptions struct {
	Remote   bool     // the branches of remotes, as last seen, instead of those here
	All      bool     // both
	Merged   []string // only those whose commits all of these revisions have
	NoMerged []string // only those with commits that none of these revisions has
	Contains []string // only those that have all of these revisions
	Sort     string   // "name" or "time"; with "-" in front the other way round. Empty: name
	Tracking bool     // compare with remotes
}

// ListBranches lists branches: those here first, then those of remotes, each by name unless Sort says otherwise.
func (r *Repository) ListBranches(ctx context.Context, o BranchOptions) ([]Branch, error) {
	order, err := branchOrder(o.Sort)
	if err != nil {
		return nil, err
	}
	wanted, err := r.branchFilter(ctx, o)
	if err != nil {
		return nil, err
	}
	var all []Branch
	for name, id := range r.refs.View().All() {
		b, ok := r.branchOf(name, id, o)
		if !ok {
			continue
		}
		if ok, err := wanted(id); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		if err := r.fillBranch(ctx, &b, o); err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	slices.SortStableFunc(all, order)
	return all, nil
}

// branchOf makes a branch of a ref, if it is one that is asked for.
func (r *Repository) branchOf(name string, id objects.ID, o BranchOptions) (Branch, bool) {
	if short, ok := strings.CutPrefix(name, branchPrefix); ok {
		kept, _ := r.kept(short)
		return Branch{Name: short, Commit: id, Current: short == r.refs.View().Head.Branch, Kept: kept}, !o.Remote || o.All
	}
	short, ok := strings.CutPrefix(name, trackingPrefix)
	return Branch{Name: short, Commit: id, Remote: true}, ok && (o.Remote || o.All)
}

func (r *Repository) fillBranch(ctx context.Context, b *Branch, o BranchOptions) error {
	c, err := r.loadCommit(ctx, b.Commit)
	if err != nil {
		return err
	}
	b.Subject, b.Time = firstLine(c.Message), time.Unix(c.Time.Sec, int64(c.Time.Nsec))
	if o.Tracking && !b.Remote {
		b.Tracking, err = r.trackingOf(ctx, b.Name, b.Commit)
	}
	return err
}

// branchOrder is by name or time; branches of remotes come last in any case.
func branchOrder(sort string) (func(a, b Branch) int, error) {
	key, backwards := strings.CutPrefix(sort, "-")
	var by func(a, b Branch) int
	switch key {
	case "", "name", "refname":
		by = func(a, b Branch) int { return strings.Compare(a.Name, b.Name) }
	case "time", "committerdate", "authordate", "creatordate":
		by = func(a, b Branch) int { return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Name, b.Name)) }
	default:
		return nil, usagef("branches are sorted by name or time (or -name, -time), not by %q", sort)
	}
	return func(a, b Branch) int {
		if a.Remote != b.Remote {
			if a.Remote {
				return 1
			}
			return -1
		}
		if backwards {
			a, b = b, a
		}
		return by(a, b)
	}, nil
}

// branchFilter makes the test that a branch's commit must pass.
func (r *Repository) branchFilter(ctx context.Context, o BranchOptions) (func(objects.ID) (bool, error), error) {
	merged, err := r.resolveAll(ctx, o.Merged)
	if err != nil {
		return nil, err
	}
	without, err := r.resolveAll(ctx, o.NoMerged)
	if err != nil {
		return nil, err
	}
	contains, err := r.resolveAll(ctx, o.Contains)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	descends := func(from, to objects.ID) (bool, error) { return objects.IsAncestor(ctx, db, from, to) }
	return func(id objects.ID) (bool, error) {
		for _, one := range merged {
			if ok, err := descends(id, one); !ok || err != nil {
				return false, err
			}
		}
		for _, one := range without {
			if ok, err := descends(id, one); ok || err != nil {
				return false, err
			}
		}
		for _, one := range contains {
			if ok, err := descends(one, id); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}, nil
}

func (r *Repository) resolveAll(ctx context.Context, revisions []string) ([]objects.ID, error) {
	var out []objects.ID
	for _, rev := range revisions {
		id, _, err := r.ResolveCommit(ctx, rev)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// trackingOf compares a branch with all remotes that have one of its name.
func (r *Repository) trackingOf(ctx context.Context, branch string, at objects.ID) ([]TrackingStatus, error) {
	var out []TrackingStatus
	for _, one := range r.Remotes() {
		i := slices.IndexFunc(one.Branches, func(b refs.Ref) bool { return b.Name == branch })
		if i < 0 {
			continue
		}
		t := TrackingStatus{Remote: one.Name, Branch: branch}
		var err error
		if t.Ahead, t.Behind, err = r.aheadBehind(ctx, at, one.Branches[i].ID); err != nil {
			return out, err
		}
		out = append(out, t)
	}
	return out, nil
}

// RemoteBranch is a branch of a remote, as last seen.
type RemoteBranch struct {
	Remote string
	Branch string
}

// SeenOn gives the branches of remotes that have a commit, as last seen.
func (r *Repository) SeenOn(ctx context.Context, id objects.ID) ([]RemoteBranch, error) {
	var out []RemoteBranch
	remotes := r.Remotes()
	if len(remotes) == 0 {
		return nil, nil
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	for _, one := range remotes {
		for _, b := range one.Branches {
			has, err := objects.IsAncestor(ctx, db, id, b.ID)
			if err != nil {
				return out, err
			}
			if has {
				out = append(out, RemoteBranch{one.Name, b.Name})
			}
		}
	}
	return out, nil
}
