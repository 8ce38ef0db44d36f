package repo

import (
	"container/heap"
	"context"
	"slices"

	"evault/objects"
)

// logWalk shows a history out of the index.
type logWalk struct {
	h     *history
	ctx   context.Context
	o     *LogOptions
	names map[objects.ID][]string
	each  func(*LogEntry) error

	out     []bool // by number: left out, being reached from what the range excludes
	bottom  []bool // named by the range as excluded itself
	reached []bool // in the walk
	simple  *pathStates
	next    [][]int32 // parents to follow where paths simplify them; nil: all
	same    []bool    // nothing that is asked for differs from the parents
	shown   int
	skipped int
	held    []*LogEntry // with Reverse
	renames *followed
	last    *objects.Commit // decoded last
	lastAt  int
}

func (l *logWalk) run(from, without []objects.ID) error {
	n := len(l.h.nodes)
	l.out, l.bottom, l.reached = make([]bool, n), make([]bool, n), make([]bool, n)
	for _, id := range without {
		i, _ := l.h.number(id)
		l.bottom[i] = true
		l.exclude(i)
	}
	if len(l.o.Paths) > 0 && !l.o.Follow {
		var err error
		if l.simple, err = l.h.pathStates(l.o.Paths); err != nil {
			return err
		}
		l.next, l.same = make([][]int32, n), make([]bool, n)
	}
	if l.o.Follow && len(l.o.Paths) == 1 {
		l.renames = &followed{l: l}
		if err := l.renames.become(l.o.Paths[0]); err != nil {
			return err
		}
	}
	starts := l.include(from)
	var err error
	if l.o.Graph {
		err = l.graph(starts)
	} else {
		err = l.byTime(starts)
	}
	if err != nil && err != errStop {
		return err
	}
	return l.release()
}

// release shows what Reverse has held back.
func (l *logWalk) release() error {
	for _, e := range slices.Backward(l.held) {
		if err := l.each(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *logWalk) exclude(n int) {
	for stack := []int{n}; len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if l.out[n] {
			continue
		}
		l.out[n] = true
		for _, p := range l.h.parentsOf(n) {
			stack = append(stack, int(p))
		}
	}
}

// include marks what is reached from the starts along the parents that are to be followed. It gives the starts that are not
// left out, each once.
func (l *logWalk) include(from []objects.ID) []int {
	var starts, stack []int
	for _, id := range from {
		if n, _ := l.h.number(id); !l.out[n] && !slices.Contains(starts, n) {
			starts = append(starts, n)
		}
	}
	for stack = append(stack, starts...); len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if l.reached[n] {
			continue
		}
		l.reached[n] = true
		if l.simple != nil {
			l.simplify(n)
		}
		for _, p := range l.following(n) {
			if !l.out[p] && !l.reached[p] {
				stack = append(stack, int(p))
			}
		}
	}
	return starts
}

// following gives the parents that the walk goes on to.
func (l *logWalk) following(n int) []int32 {
	if l.next != nil && l.next[n] != nil {
		return l.next[n]
	}
	parents := l.h.parentsOf(n)
	if l.o.FirstParent && len(parents) > 1 {
		return parents[:1]
	}
	return parents
}

// simplify decides about one commit of a history of paths, as git does by default (gitrevisions and git-log describe it as
// "history simplification"): a merge that holds what one parent holds follows only that one, and a commit that holds what its
// parents hold is not shown. Parents that the range leaves out do not count, unless it names them or there are no others.
func (l *logWalk) simplify(n int) {
	parents := l.following(n)
	if len(parents) == 0 {
		l.same[n] = l.simple.at(n) == 0
		return
	}
	relevant, relevantChange, otherChange := false, false, false
	for _, p := range parents {
		counts := !l.out[p] || l.bottom[p]
		relevant = relevant || counts
		switch {
		case l.simple.at(n) == l.simple.at(int(p)):
			if counts {
				l.same[n], l.next[n] = true, []int32{p}
				return
			}
		case counts:
			relevantChange = true
		default:
			otherChange = true
		}
	}
	l.same[n] = !relevantChange && (relevant || !otherChange)
}

// counted gives, for each commit of the walk, how many children it has in it.
func (l *logWalk) counted() []int32 {
	children := make([]int32, len(l.h.nodes))
	for n, in := range l.reached {
		if in {
			for _, p := range l.following(n) {
				children[p]++
			}
		}
	}
	return children
}

// byTime shows the walk's commits newest first, none before all its children are.
func (l *logWalk) byTime(starts []int) error {
	children := l.counted()
	ready := &byTime{h: l.h}
	for _, n := range starts {
		if children[n] == 0 {
			heap.Push(ready, n)
		}
	}
	for ready.Len() > 0 {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		n := heap.Pop(ready).(int)
		if err := l.visit(n, nil); err != nil {
			return err
		}
		for _, p := range l.following(n) {
			if children[p]--; children[p] == 0 && l.reached[p] {
				heap.Push(ready, int(p))
			}
		}
	}
	return nil
}

// visit shows a commit, if it is asked for.
func (l *logWalk) visit(n int, parents []objects.ID) error {
	wanted, err := l.wanted(n)
	if err != nil || !wanted {
		return err
	}
	return l.show(n, parents)
}

// wanted reports whether a commit of the walk is one of those asked for.
func (l *logWalk) wanted(n int) (bool, error) {
	if l.same != nil && l.same[n] || l.renames != nil && !l.renames.has(n) {
		return false, nil
	}
	if !l.o.readsCommits() {
		return true, nil
	}
	c, err := l.commit(n)
	return err == nil && l.o.wants(c), err
}

// commit decodes a commit of the walk. Only the last is kept: each is looked at twice in a row, and then no more.
func (l *logWalk) commit(n int) (*objects.Commit, error) {
	if l.last == nil || l.lastAt != n {
		c, err := l.h.decode(n)
		if err != nil {
			return nil, err
		}
		l.last, l.lastAt = c, n
	}
	return l.last, nil
}

func (l *logWalk) show(n int, parents []objects.ID) error {
	path := ""
	if l.renames != nil {
		path = l.renames.path
		if err := l.renames.pass(n); err != nil {
			return err
		}
	}
	if l.skipped < l.o.Skip {
		l.skipped++
		return nil
	}
	e, err := l.entry(n, parents, path)
	if err != nil {
		return err
	}
	if l.o.Reverse {
		l.held = append(l.held, e)
	} else if err := l.each(e); err != nil {
		return err
	}
	if l.shown++; l.shown == l.o.Limit {
		return errStop
	}
	return nil
}

func (l *logWalk) entry(n int, parents []objects.ID, path string) (*LogEntry, error) {
	c, err := l.commit(n)
	if err != nil {
		return nil, err
	}
	e := &LogEntry{ID: l.h.ids[n], Commit: c, Refs: l.names[l.h.ids[n]], Parents: parents, Path: path}
	if l.o.Stat {
		paths := l.o.Paths
		if path != "" {
			paths = []string{path}
		}
		e.Changes, err = l.h.repo.logChanges(l.ctx, e.ID, c, paths)
	}
	return e, err
}

// byTime is a heap of commits: the newest by time, then by generation, first.
type byTime struct {
	h    *history
	heap []int
}

func (q *byTime) Len() int      { return len(q.heap) }
func (q *byTime) Swap(i, j int) { q.heap[i], q.heap[j] = q.heap[j], q.heap[i] }
func (q *byTime) Less(i, j int) bool {
	return q.h.later(q.heap[i], q.heap[j]) < 0
}
func (q *byTime) Push(x any) { q.heap = append(q.heap, x.(int)) }
func (q *byTime) Pop() any {
	n := q.heap[len(q.heap)-1]
	q.heap = q.heap[:len(q.heap)-1]
	return n
}
