package repo

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"evault/objects"
)

// history is what this working copy knows of all commits that its refs lead to. Every commit in it was verified. It is for
// one goroutine.
type history struct {
	repo    *Repository
	ctx     context.Context
	commits map[objects.ID]*objects.Commit
	ids     []objects.ID // newest first
}

// history gives the history, up to date with all refs.
func (r *Repository) history(ctx context.Context) (*history, error) {
	h := &history{repo: r, ctx: ctx, commits: map[objects.ID]*objects.Commit{}}
	tips, err := r.historyTips(ctx)
	if err != nil {
		return nil, err
	}
	for len(tips) > 0 {
		id := tips[len(tips)-1]
		tips = tips[:len(tips)-1]
		if _, ok := h.commits[id]; ok {
			continue
		}
		c, err := r.loadCommit(ctx, id)
		if err != nil {
			return nil, err
		}
		h.commits[id] = c
		h.ids = append(h.ids, id)
		tips = append(tips, c.Parents...)
	}
	slices.SortFunc(h.ids, func(a, b objects.ID) int {
		x, y := h.commits[a], h.commits[b]
		return cmp.Or(cmp.Compare(y.Generation, x.Generation), y.Time.Compare(x.Time), a.Compare(b))
	})
	return h, nil
}

// historyTips lists the commits that refs and HEAD point at.
func (r *Repository) historyTips(ctx context.Context) ([]objects.ID, error) {
	var tips []objects.ID
	if id := r.head(); !id.IsZero() {
		tips = append(tips, id)
	}
	for _, id := range r.refs.View().All() {
		id, err := r.peel(ctx, id)
		if err != nil {
			return nil, err
		}
		tips = append(tips, id)
	}
	return tips, nil
}

// commit gives a commit of the history.
func (h *history) commit(id objects.ID) (*objects.Commit, bool) {
	c, ok := h.commits[id]
	return c, ok
}

// touching gives the commits whose tree differs at a path, or below it, from that of their first parent, newest first: none
// before one of its descendants.
func (h *history) touching(path string) iter.Seq[objects.ID] {
	return func(yield func(objects.ID) bool) {
		for _, id := range h.ids {
			c := h.commits[id]
			var parent objects.ID
			if len(c.Parents) > 0 {
				parent = c.Parents[0]
			}
			changes, err := h.repo.Changes(h.ctx, parent, id, []string{path})
			if (err != nil || len(changes) > 0) && !yield(id) {
				return
			}
		}
	}
}
