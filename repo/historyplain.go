package repo

import (
	"container/heap"
	"context"
	"errors"
	"slices"

	"evault/objects"
)

// logWithoutIndex walks from commit to commit, reading each. It serves where the index cannot hold the history because
// something of it is lost or does not verify: what comes before is shown, and then the error says what it is. Merges are not
// simplified and renames not followed.
func (r *Repository) logWithoutIndex(ctx context.Context, o LogOptions, from, without []objects.ID, each func(*LogEntry) error) error {
	w := &plainWalk{repo: r, seen: map[objects.ID]bool{}}
	for _, id := range without {
		w.leaveOut(ctx, id)
	}
	for _, id := range from {
		if err := w.push(ctx, id); err != nil {
			return err
		}
	}
	if !o.Reverse {
		return w.run(ctx, o, each)
	}
	var all []*LogEntry
	err := w.run(ctx, o, func(e *LogEntry) error { all = append(all, e); return nil })
	for _, e := range slices.Backward(all) {
		if err := each(e); err != nil {
			return err
		}
	}
	return err
}

// plainWalk yields commits so that none comes before one of its descendants.
type plainWalk struct {
	repo  *Repository
	seen  map[objects.ID]bool
	queue commitQueue
}

// leaveOut marks a commit and all before it as seen, as far as they can be read.
func (w *plainWalk) leaveOut(ctx context.Context, id objects.ID) {
	for stack := []objects.ID{id}; len(stack) > 0 && ctx.Err() == nil; {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if w.seen[id] {
			continue
		}
		w.seen[id] = true
		if c, err := w.repo.loadCommit(ctx, id); err == nil {
			stack = append(stack, c.Parents...)
		}
	}
}

func (w *plainWalk) push(ctx context.Context, id objects.ID) error {
	if w.seen[id] {
		return nil
	}
	w.seen[id] = true
	c, err := w.repo.loadCommit(ctx, id)
	if err != nil {
		return err
	}
	heap.Push(&w.queue, &LogEntry{ID: id, Commit: c, Parents: c.Parents})
	return nil
}

func (w *plainWalk) next(ctx context.Context, firstParent bool) (*LogEntry, error) {
	if len(w.queue) == 0 {
		return nil, nil
	}
	e := heap.Pop(&w.queue).(*LogEntry)
	var lost error
	for i, p := range e.Commit.Parents {
		if i > 0 && firstParent {
			break
		}
		lost = errors.Join(lost, w.push(ctx, p))
	}
	return e, lost
}

func (w *plainWalk) run(ctx context.Context, o LogOptions, each func(*LogEntry) error) error {
	names := w.repo.refNames()
	skipped := 0
	for shown := 0; o.Limit == 0 || shown < o.Limit; {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, lost := w.next(ctx, o.FirstParent)
		if e == nil {
			return nil
		}
		wanted := o.wants(e.Commit)
		if wanted && (o.Stat || len(o.Paths) > 0) {
			var err error
			if e.Changes, err = w.repo.logChanges(ctx, e.ID, e.Commit, o.Paths); err != nil {
				return errors.Join(err, lost)
			}
			wanted = len(o.Paths) == 0 || len(e.Changes) > 0
		}
		if wanted {
			if skipped++; skipped > o.Skip {
				shown++
				e.Refs = names[e.ID]
				if err := each(e); err != nil && !errors.Is(err, errStop) {
					return err
				} else if err != nil {
					return nil
				}
			}
		}
		if lost != nil {
			return lost
		}
	}
	return nil
}

// commitQueue orders commits by generation, then time, then ID: a commit always has a greater generation than its parents.
type commitQueue []*LogEntry

func (q commitQueue) Len() int      { return len(q) }
func (q commitQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q commitQueue) Less(i, j int) bool {
	a, b := q[i].Commit, q[j].Commit
	if a.Generation != b.Generation {
		return a.Generation > b.Generation
	}
	if c := a.Time.Compare(b.Time); c != 0 {
		return c > 0
	}
	return q[i].ID.Compare(q[j].ID) < 0
}
func (q *commitQueue) Push(x any) { *q = append(*q, x.(*LogEntry)) }
func (q *commitQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
