package repo

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"evault/internal/historyindex"
)

// Bounds of what is merged before the walk comes to it.
const (
	mergeAheadBytes     = 64 << 20 // of all versions that are held
	mergeAheadFile      = 4 << 20  // of the three versions of one file; a larger one waits for the walk
	mergeAheadBatch     = 16       // files that one worker takes at once: neighbours mostly lie in the same frames
	mergeAheadBatchSize = 1 << 20  // bytes of those
)

// mergeAhead merges the texts that both sides changed beside the walk of the trees. Nearly all of a merge's time goes into
// these: every version lies in a frame of its own in the worst case, and the frame has to be opened for it. The trees of three
// kernels take a twentieth of that, so that it pays to know the files beforehand, and a worker on every processor opens frames
// and merges. A file that the walk comes to before the workers do is left to the walk.
type mergeAhead struct {
	files  map[string]*mergeAheadOne
	room   *room
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// mergeAheadOne is one file. When done is closed the outcome is there.
type mergeAheadOne struct {
	stages
	bytes   int64
	batch   *mergeBatch
	claimed atomic.Bool // by a worker or by the walk, whoever is first
	done    chan struct{}
	merged  []byte
	clashes int
	err     error
}

type mergeBatch struct {
	files   []*mergeAheadOne
	bytes   int64
	started atomic.Bool // a worker does or will do what is not claimed
}

// mergeTexts begins to merge the texts that both sides have changed.
func (m *treeMerge) mergeTexts(ours, theirs sideChanges) {
	a := &m.ahead
	a.files = map[string]*mergeAheadOne{}
	for full, mine := range ours.changed {
		other, both := theirs.changed[full]
		if f := toMerge(full, mine, other); both && f != nil {
			a.files[full] = f
		}
	}
	if len(a.files) < 2 {
		a.files = nil
		return
	}
	ctx, cancel := context.WithCancel(m.ctx)
	a.cancel, a.room = cancel, newRoom(mergeAheadBytes)
	work := make(chan *mergeBatch)
	for range runtime.GOMAXPROCS(0) {
		a.ended.Go(func() {
			for b := range work {
				m.mergeBatch(ctx, b)
			}
		})
	}
	batches := a.batches()
	a.ended.Go(func() {
		defer close(work)
		for _, b := range batches {
			if a.room.take(ctx, b.bytes) != nil {
				return
			}
			b.started.Store(true)
			select {
			case work <- b:
			case <-ctx.Done():
				return
			}
		}
	})
}

// toMerge gives what has to be merged under a path that both sides changed; nil if that is nothing, or nothing small.
func toMerge(full string, mine, other changedLine) *mergeAheadOne {
	base, ours, theirs := mine.was, mine.is, other.is
	if !isRegular(base) || !isRegular(ours) || !isRegular(theirs) {
		return nil
	}
	if base.SameContent(&ours.Entry) || base.SameContent(&theirs.Entry) || ours.SameContent(&theirs.Entry) {
		return nil
	}
	if max(base.Size, ours.Size, theirs.Size) > mergeAheadFile || base.Size+ours.Size+theirs.Size > mergeAheadFile {
		return nil
	}
	return &mergeAheadOne{stages: stages{full: full, base: base, ours: ours, theirs: theirs},
		bytes: int64(base.Size + ours.Size + theirs.Size), done: make(chan struct{})}
}

// batches puts the files into the order of the walk.
func (a *mergeAhead) batches() []*mergeBatch {
	var all []*mergeBatch
	for _, full := range slices.SortedFunc(maps.Keys(a.files), historyindex.ComparePaths) {
		f := a.files[full]
		n := len(all) - 1
		if n < 0 || len(all[n].files) == mergeAheadBatch || all[n].bytes+f.bytes > mergeAheadBatchSize {
			all = append(all, &mergeBatch{})
			n++
		}
		f.batch = all[n]
		f.batch.files = append(f.batch.files, f)
		f.batch.bytes += f.bytes
	}
	return all
}

func (m *treeMerge) mergeBatch(ctx context.Context, b *mergeBatch) {
	for _, f := range b.files {
		if ctx.Err() != nil {
			return
		}
		if !f.claimed.CompareAndSwap(false, true) {
			m.ahead.room.free(f.bytes)
			continue
		}
		f.merged, f.clashes, f.err = m.mergeText(ctx, f.stages, f.base)
		close(f.done)
	}
}

// take gives the merged text of a file; nil: the caller has to merge it.
func (a *mergeAhead) take(ctx context.Context, s *stages, base *line) *mergeAheadOne {
	f := a.files[s.full]
	if f == nil || s.nested || s.baseAt != "" || s.oursAt != "" || s.theirsAt != "" ||
		!sameLine(f.base, base) || !sameLine(f.ours, s.ours) || !sameLine(f.theirs, s.theirs) {
		return nil
	}
	delete(a.files, s.full)
	if !f.batch.started.Load() && f.claimed.CompareAndSwap(false, true) {
		return nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		f.err = ctx.Err()
	}
	a.room.free(f.bytes)
	return f
}

// close ends the workers.
func (a *mergeAhead) close() {
	if a.cancel != nil {
		a.cancel()
		a.ended.Wait()
	}
}

// changedLine is a file before and after one side's changes.
type changedLine struct{ was, is *line }

// sideChanges are what a side did to the files of the base.
type sideChanges struct {
	gone    map[string]*line       // files that it has no longer, as the base has them
	changed map[string]changedLine // files that it has, otherwise
}

// has says whether a side did something to a file.
func (s *sideChanges) has(full string) bool {
	_, changed := s.changed[full]
	return changed || s.gone[full] != nil
}
