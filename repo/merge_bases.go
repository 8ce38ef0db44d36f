package repo

import (
	"context"
	"slices"

	"evault/objects"
)

// Bounds of the merging of merge bases. Two bases come of one criss-cross; more are rare, and deep ones rarer. Beyond a bound
// the oldest base counts alone: a merge is then asked more often, and never wrong.
const (
	maxBases     = 8
	maxBaseDepth = 16
)

// mergedBase gives the tree that stands for the merge bases: that of the only one, or of their merge, for which their own
// merge bases are merged first. This is git's recursive strategy. What conflicts there holds markers, which are longer the
// deeper they are; none of it is ever shown where both sides agree on what came of it.
func (r *Repository) mergedBase(ctx context.Context, made *treeStore, bases []objects.ID, diff3 bool, depth int) (objects.TreeRef, error) {
	if len(bases) == 0 {
		return r.emptyTree(made)
	}
	commits := make([]datedCommit, len(bases))
	for i, id := range bases {
		c, err := r.loadCommit(ctx, id)
		if err != nil {
			return objects.TreeRef{}, err
		}
		commits[i] = datedCommit{id, c}
	}
	slices.SortStableFunc(commits, func(a, b datedCommit) int { return a.Time.Compare(b.Time) })
	merged := commits[0].Root()
	if len(commits) > maxBases || depth >= maxBaseDepth {
		return merged, nil
	}
	for i := 1; i < len(commits); i++ {
		next := commits[i]
		below, err := r.basesOfAll(ctx, commits[:i], next.id)
		if err != nil {
			return merged, err
		}
		base, err := r.mergedBase(ctx, made, below, diff3, depth+1)
		if err != nil {
			return merged, err
		}
		m := r.newTreeMerge(ctx, made)
		m.depth, m.diff3 = depth+1, diff3
		m.names = sideNames{base: "merged common ancestors", ours: "Temporary merge branch 1", theirs: "Temporary merge branch 2"}
		if err := m.run(base, merged, next.Root()); err != nil {
			return merged, err
		}
		merged = m.root
	}
	return merged, nil
}

type datedCommit struct {
	id objects.ID
	*objects.Commit
}

// emptyTree is the base of what has none.
func (r *Repository) emptyTree(made *treeStore) (objects.TreeRef, error) {
	return objects.NewTreeBuilder(made).Finish()
}

// basesOfAll gives the best common ancestors of a commit and of the merge of some others.
func (r *Repository) basesOfAll(ctx context.Context, merged []datedCommit, next objects.ID) ([]objects.ID, error) {
	var all []objects.ID
	for _, c := range merged {
		found, err := objects.MergeBases(ctx, r.db, c.id, next)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	if len(merged) == 1 {
		return all, nil
	}
	var best []objects.ID
	for _, id := range all {
		older := false
		for _, other := range all {
			if other == id || older {
				continue
			}
			var err error
			if older, err = objects.IsAncestor(ctx, r.db, id, other); err != nil {
				return nil, err
			}
		}
		if !older {
			best = append(best, id)
		}
	}
	return best, nil
}
