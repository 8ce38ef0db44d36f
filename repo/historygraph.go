package repo

import (
	"slices"

	"evault/objects"
)

// maxNearest bounds how many shown ancestors a commit is joined to across commits that are not shown.
const maxNearest = 32

// graph shows the walk's commits so that lines of descent stay together: a commit's first parent follows it unless others
// must come before (git calls it topological order). Commits that are not asked for are passed over, and those that are are
// joined to the nearest shown ones before them.
func (l *logWalk) graph(starts []int) error {
	wanted := make([]bool, len(l.h.nodes))
	for n, in := range l.reached {
		if in {
			var err error
			if wanted[n], err = l.wanted(n); err != nil {
				return err
			}
		}
	}
	nearest := l.nearest(wanted)
	children := l.counted()
	slices.SortFunc(starts, func(a, b int) int { return l.h.later(b, a) }) // the newest is taken first
	var stack []int
	for _, n := range starts {
		if children[n] == 0 {
			stack = append(stack, n)
		}
	}
	for len(stack) > 0 {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if wanted[n] {
			if err := l.show(n, l.idsOf(l.joined(n, nearest))); err != nil {
				return err
			}
		}
		stack = l.ready(n, children, stack)
	}
	return nil
}

// ready adds the parents of a commit that all children have been shown of, the first parent last, so that it comes next.
func (l *logWalk) ready(n int, children []int32, stack []int) []int {
	for _, p := range slices.Backward(l.following(n)) {
		if children[p]--; children[p] == 0 && l.reached[p] {
			stack = append(stack, int(p))
		}
	}
	return stack
}

// nearest gives, for each commit of the walk, the shown ones that stand for it: itself, or those nearest before it.
func (l *logWalk) nearest(wanted []bool) [][]int32 {
	nearest := make([][]int32, len(l.h.nodes))
	for n, in := range l.reached { // parents have smaller numbers
		switch {
		case !in:
		case wanted[n]:
			nearest[n] = []int32{int32(n)}
		default:
			nearest[n] = l.joined(n, nearest)
		}
	}
	return nearest
}

// joined gives what stands for the parents of a commit, each once, none that another stands before.
func (l *logWalk) joined(n int, nearest [][]int32) []int32 {
	parents := l.following(n)
	if len(parents) == 1 {
		return nearest[parents[0]]
	}
	var all []int32
	for _, p := range parents {
		for _, s := range nearest[p] {
			if !slices.Contains(all, s) && len(all) < maxNearest {
				all = append(all, s)
			}
		}
	}
	return all
}

func (l *logWalk) idsOf(numbers []int32) []objects.ID {
	ids := make([]objects.ID, len(numbers))
	for i, n := range numbers {
		ids[i] = l.h.ids[n]
	}
	return ids
}
