package repo

import (
	"container/heap"
	"context"
	"errors"
	"strings"
	"time"

	"evault/objects"
)

// Prefixes of full ref names.
const (
	branchPrefix = "heads/"
	tagPrefix    = "tags/"
)

// LogOptions choose the commits that Log shows.
type LogOptions struct {
	Revisions []string  // where to begin; none: HEAD
	Paths     []string  // only commits that change one of these files or folders
	Limit     int       // at most so many; 0: all
	Since     time.Time // not older than; zero: no bound
	Until     time.Time // not newer than; zero: no bound
	Stat      bool      // fill LogEntry.Changes
	Reverse   bool      // oldest first
}

// LogEntry is one commit in a history.
type LogEntry struct {
	ID      objects.ID
	Commit  *objects.Commit
	Refs    []string // what names it: "HEAD -> main", "tag: v1"
	Changes []Change // against its first parent; with LogOptions.Stat or Paths
}

// Log walks the history, newest first by generation and then by time, each commit before its parents.
func (r *Repository) Log(ctx context.Context, o LogOptions, each func(*LogEntry) error) error {
	starts, err := r.logStarts(ctx, o.Revisions)
	if err != nil {
		return err
	}
	w := &historyWalk{repo: r, seen: map[objects.ID]bool{}}
	for _, id := range starts {
		if err := w.push(ctx, id); err != nil {
			return err
		}
	}
	names := r.refNames(ctx)
	if !o.Reverse {
		return w.run(ctx, o, names, each)
	}
	var all []*LogEntry
	if err := w.run(ctx, o, names, func(e *LogEntry) error { all = append(all, e); return nil }); err != nil {
		return err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if err := each(all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repository) logStarts(ctx context.Context, revisions []string) ([]objects.ID, error) {
	if len(revisions) == 0 {
		if id := r.head(); !id.IsZero() {
			return []objects.ID{id}, nil
		}
		return nil, nil
	}
	var ids []objects.ID
	for _, rev := range revisions {
		id, _, err := r.ResolveCommit(ctx, rev)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// historyWalk yields commits so that none comes before one of its descendants.
type historyWalk struct {
	repo  *Repository
	seen  map[objects.ID]bool
	queue commitQueue
}

func (w *historyWalk) push(ctx context.Context, id objects.ID) error {
	if w.seen[id] {
		return nil
	}
	w.seen[id] = true
	c, err := w.repo.loadCommit(ctx, id)
	if err != nil {
		return err
	}
	heap.Push(&w.queue, &LogEntry{ID: id, Commit: c})
	return nil
}

func (w *historyWalk) next(ctx context.Context) (*LogEntry, error) {
	if len(w.queue) == 0 {
		return nil, nil
	}
	e := heap.Pop(&w.queue).(*LogEntry)
	for _, p := range e.Commit.Parents {
		if err := w.push(ctx, p); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// errStop ends a walk early without being an error.
var errStop = errors.New("stop")

func (w *historyWalk) run(ctx context.Context, o LogOptions, names map[objects.ID][]string, each func(*LogEntry) error) error {
	for shown := 0; o.Limit == 0 || shown < o.Limit; {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := w.next(ctx)
		if err != nil || e == nil {
			return err
		}
		wanted, err := w.repo.logWants(ctx, o, e)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		shown++
		e.Refs = names[e.ID]
		if err := each(e); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
	}
	return nil
}

func (r *Repository) logWants(ctx context.Context, o LogOptions, e *LogEntry) (bool, error) {
	at := time.Unix(e.Commit.Time.Sec, int64(e.Commit.Time.Nsec))
	if !o.Since.IsZero() && at.Before(o.Since) || !o.Until.IsZero() && at.After(o.Until) {
		return false, nil
	}
	if !o.Stat && len(o.Paths) == 0 {
		return true, nil
	}
	var parent objects.ID
	if len(e.Commit.Parents) > 0 {
		parent = e.Commit.Parents[0]
	}
	var err error
	e.Changes, err = r.Changes(ctx, parent, e.ID, o.Paths)
	return len(o.Paths) == 0 || len(e.Changes) > 0, err
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

// refNames lists, for each commit that a ref leads to, what to call it beside its ID.
func (r *Repository) refNames(ctx context.Context) map[objects.ID][]string {
	view := r.refs.View()
	names := map[objects.ID][]string{}
	if view.Head.Branch == "" && !view.Head.Commit.IsZero() {
		names[view.Head.Commit] = append(names[view.Head.Commit], "HEAD")
	}
	for name, id := range view.All() {
		switch branch, isBranch := strings.CutPrefix(name, branchPrefix); {
		case isBranch && branch == view.Head.Branch:
			names[id] = append([]string{"HEAD -> " + branch}, names[id]...)
		case isBranch:
			names[id] = append(names[id], branch)
		case isTag(name): // below
		case strings.HasPrefix(name, trackingPrefix):
			names[id] = append(names[id], strings.TrimPrefix(name, trackingPrefix))
		default:
			names[id] = append(names[id], name)
		}
	}
	for id, tags := range r.tagTargets(ctx) {
		for _, tag := range tags {
			names[id] = append(names[id], "tag: "+tag)
		}
	}
	return names
}
