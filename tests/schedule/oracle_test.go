package schedule

import (
	"fmt"
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
	age     map[objects.ID]int // how many were made before
}

func newHistory() *history {
	return &history{map[objects.ID][]objects.ID{}, map[objects.ID]tree{}, map[objects.ID]int{}}
}

func (h *history) copy() *history {
	return &history{maps.Clone(h.parents), maps.Clone(h.trees), maps.Clone(h.age)}
}

func (h *history) add(id objects.ID, files tree, parents ...objects.ID) {
	h.parents[id], h.trees[id], h.age[id] = parents, maps.Clone(files), len(h.age)
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

// bases are the best common ancestors of a commit and of what some others come to together, the oldest first.
func (h *history) bases(a objects.ID, others ...objects.ID) (best []objects.ID) {
	other := map[objects.ID]bool{}
	for _, b := range others {
		maps.Copy(other, h.ancestors(b))
	}
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
	slices.SortFunc(best, func(a, b objects.ID) int { return h.age[a] - h.age[b] })
	return best
}

// merge gives what two commits come to together, and the names that they cannot agree about.
func (h *history) merge(ours, theirs objects.ID) (merged tree, conflicts []string) {
	bad := map[string]bool{}
	merged = mergeBy(h.joined(h.bases(ours, theirs), 1), h.trees[ours], h.trees[theirs], func(_, _, _, _ tree, name string) { bad[name] = true })
	return merged, slices.Sorted(maps.Keys(bad))
}

// joined is the tree that stands for several merge bases: what they come to one after the other, each time with what their
// own bases come to. Where they cannot agree it has a text that nobody wrote, so that a side that settles it differs from it;
// where one removed what another changed, it is as if nobody had.
func (h *history) joined(bases []objects.ID, depth int) (merged tree) {
	for i, next := range bases {
		if i == 0 {
			merged = h.trees[next]
			continue
		}
		below := h.joined(h.bases(next, bases[:i]...), depth+1)
		merged = mergeBy(below, merged, h.trees[next], func(out, base, ours, theirs tree, name string) {
			x, inOurs := ours[name]
			y, inTheirs := theirs[name]
			if out[name] = fmt.Sprintf("%d: %q or %q", depth, x, y); !inOurs || !inTheirs {
				out[name] = base[name]
			}
		})
	}
	return merged
}

// mergeBy merges by a base; clash is told of what cannot be.
func mergeBy(base, ours, theirs tree, clash func(out, base, ours, theirs tree, name string)) tree {
	out := tree{}
	for name := range union(union(base, ours), theirs) {
		from := ours
		switch {
		case same(ours, theirs, name), same(base, theirs, name):
		case same(base, ours, name):
			from = theirs
		default:
			clash(out, base, ours, theirs, name)
			continue
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
