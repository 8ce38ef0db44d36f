package repo

import (
	"cmp"
	"slices"

	"evault/internal/historyindex"
)

// pathStates says for every commit what it holds of some paths: a number that is the same for the same contents.
type pathStates struct {
	sums []uint64
}

// pathStates adds up the changes of paths along first parents: a commit holds what its first parent holds, and its changes.
func (h *history) pathStates(paths []string) (*pathStates, error) {
	s := &pathStates{sums: make([]uint64, len(h.nodes))}
	for _, p := range outermost(paths) {
		before := slices.Clone(s.sums)
		err := h.under(p, func() { copy(s.sums, before) }, func(_ []byte, touches []historyTouch) error {
			for i := range touches {
				s.sums[touches[i].Commit] += touches[i].Delta
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for n := range s.sums {
		if parents := h.parentsOf(n); len(parents) > 0 {
			s.sums[n] += s.sums[parents[0]]
		}
		s.sums[n] &= historyindex.DeltaMask
	}
	return s, nil
}

func (s *pathStates) at(n int) uint64 { return s.sums[n] }

// outermost drops paths that are below others, so that nothing is counted twice.
func outermost(paths []string) []string {
	var out []string
	for i, p := range paths {
		covered := slices.ContainsFunc(paths[:i], func(q string) bool { return p == q })
		for _, q := range paths {
			covered = covered || p != q && isUnder(p, q)
		}
		if !covered {
			out = append(out, p)
		}
	}
	return out
}

// later orders two commits by time, the newer first, then by generation, then by ID.
func (h *history) later(a, b int) int {
	x, y := &h.nodes[a], &h.nodes[b]
	return cmp.Or(cmp.Compare(y.sec, x.sec), cmp.Compare(y.nsec, x.nsec), cmp.Compare(y.generation, x.generation), h.ids[a].Compare(h.ids[b]))
}
