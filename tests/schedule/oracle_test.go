package schedule

import (
	"maps"
	"slices"

	"evault/objects"
)

// tree is what a commit or a work tree holds: contents by name.
type tree map[string]string

// history is every commit that was ever made, by any device, as the oracle knows it.
type history struct {
	parents map[objects.ID][]objects.ID
	trees   map[objects.ID]tree
}

func newHistory() *history {
	return &history{map[objects.ID][]objects.ID{}, map[objects.ID]tree{}}
}

func (h *history) copy() *history { return &history{maps.Clone(h.parents), maps.Clone(h.trees)} }

func (h *history) add(id objects.ID, files tree, parents ...objects.ID) {
	h.parents[id], h.trees[id] = parents, maps.Clone(files)
}

// ancestors are the commits that one descends from, itself included. Of none there are none.
func (h *history) ancestors(id objects.ID) map[objects.ID]bool {
	found := map[objects.ID]bool{}
	for todo := []objects.ID{id}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if !next.IsZero() && !found[next] {
			found[next] = true
			todo = append(todo, h.parents[next]...)
		}
	}
	return found
}

// has reports whether a commit descends from another, or is it. Every commit descends from none.
func (h *history) has(newer, older objects.ID) bool {
	return older.IsZero() || h.ancestors(newer)[older]
}

// bases are the best common ancestors.
func (h *history) bases(a, b objects.ID) (best []objects.ID) {
	other := h.ancestors(b)
	var common []objects.ID
	for id := range h.ancestors(a) {
		if other[id] {
			common = append(common, id)
		}
	}
	for _, id := range common {
		if !slices.ContainsFunc(common, func(c objects.ID) bool { return c != id && h.has(c, id) }) {
			best = append(best, id)
		}
	}
	return best
}

// merge gives what two commits come to together, and the names that they cannot agree about.
func (h *history) merge(ours, theirs objects.ID) (merged tree, conflicts []string) {
	bad := map[string]bool{}
	for i, base := range h.bases(ours, theirs) {
		one := h.mergeBy(h.trees[base], h.trees[ours], h.trees[theirs], bad)
		for name := range union(one, merged) {
			if i > 0 && !same(one, merged, name) {
				bad[name] = true
			}
		}
		merged = one
	}
	return merged, slices.Sorted(maps.Keys(bad))
}

func (h *history) mergeBy(base, ours, theirs tree, bad map[string]bool) tree {
	out := tree{}
	for name := range union(union(base, ours), theirs) {
		from := ours
		switch {
		case same(ours, theirs, name), same(base, theirs, name):
		case same(base, ours, name):
			from = theirs
		default:
			bad[name] = true
		}
		if text, ok := from[name]; ok {
			out[name] = text
		}
	}
	return out
}

func same(a, b tree, name string) bool {
	x, inA := a[name]
	y, inB := b[name]
	return inA == inB && x == y
}

func union(a, b tree) tree {
	out := maps.Clone(a)
	if out == nil {
		out = tree{}
	}
	maps.Copy(out, b)
	return out
}

// state is where a device stands.
type state struct {
	branch   string
	branches map[string]objects.ID
	files    tree
}

func (s state) copy() state { return state{s.branch, maps.Clone(s.branches), maps.Clone(s.files)} }

func (s state) head() objects.ID { return s.branches[s.branch] }

// step is a state that undo goes back to, and whether the files go back, too.
type step struct {
	before state
	moves  bool
}

// choices are the commits where a branch of a host may be. There are several while nobody knows whether a push arrived.
// Zero stands for no such branch.
type choices []objects.ID

func (c choices) only(keep func(objects.ID) bool) choices {
	return slices.DeleteFunc(slices.Clone(c), func(id objects.ID) bool { return !keep(id) })
}
