package worktree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"evault/objects"
)

// run is one application of a tree, or of a plan, to the disk:
//
//	walk (one goroutine)  makes directories in tree order and gathers files into batches
//	workers               write the files of a batch: temporary name, content, metadata, rename
//	last                  hard links, fifos and devices, then symlinks: no file is written once a link is there
//	settle                a directory's own metadata, when nothing in it or below it is still to happen
//
// Batches follow the order of the tree because objects lie in packs in that order: a frame that was opened serves its
// neighbours.
type run struct {
	ctx     context.Context
	stop    context.CancelCauseFunc
	src     Source
	o       *RestoreOptions
	temps   *tempNames
	owners  ownerIDs
	root    bool // the process may do what only root may
	careful bool // leave alone what changed since a plan was made

	filling *batch
	queue   chan *batch
	batches sync.Pool // *batch
	running sync.WaitGroup

	groups map[uint64]*linkGroup // the walk's, and afterwards last's
	late   []lateItem

	mu   sync.Mutex // guards what follows, and the callbacks
	res  RestoreResult
	done RestoreProgress
}

// Batch limits: a batch is what one worker takes at a time.
const (
	batchFiles = 64
	batchBytes = 3 << 19 // 1.5 MiB, about one frame and a half
	batchDirs  = 16      // each holds a descriptor open
)

// batch is a run of files in tree order.
type batch struct {
	items []item
	raws  []byte
	bytes uint64
	dirs  int
}

// item is one file to be written. Its directory is acquired and has it pending.
type item struct {
	dir   *targetDir
	raw   [2]int // where the batch has its encoded entry
	group *linkGroup
	seen  *StatKey // what a plan saw under the name; nil where it does not matter
}

func newRun(ctx context.Context, src Source, o *RestoreOptions) *run {
	r := &run{src: src, o: o, temps: newTempNames(), root: os.Geteuid() == 0, groups: make(map[uint64]*linkGroup)}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.owners.numeric = o.NumericOwners
	r.batches.New = func() any { return &batch{items: make([]item, 0, batchFiles)} }
	return r
}

// do runs walk beside the workers, then what comes last.
func (r *run) do(walk func(root *targetDir) error) (RestoreResult, error) {
	defer r.stop(nil)
	n := r.o.Workers
	if n <= 0 {
		n = max(2, runtime.GOMAXPROCS(0))
	}
	r.queue = make(chan *batch, n)
	for range n {
		r.running.Add(1)
		go r.work()
	}
	root := &targetDir{}
	root.pending.Store(1)
	err := r.walkRoot(root, walk)
	r.flush()
	close(r.queue)
	r.running.Wait()
	r.last()
	r.settle(root)
	return r.finish(err)
}

func (r *run) walkRoot(root *targetDir, walk func(root *targetDir) error) error {
	d, err := root.acquire(r.o.Root)
	if err != nil {
		return err
	}
	if err := r.temps.sweep(d); err != nil {
		r.problem("", err)
	}
	err = walk(root)
	return errors.Join(err, root.release())
}

func (r *run) finish(err error) (RestoreResult, error) {
	if cause := context.Cause(r.ctx); cause != nil {
		err = cause
	}
	if err == nil && r.res.ProblemCount > 0 {
		err = fmt.Errorf("%d of them failed: %w", r.res.ProblemCount, ErrIncomplete)
		if r.res.ProblemCount == 1 {
			p := r.res.Problems[0]
			err = fmt.Errorf("%q: %w: %w", p.Path, ErrIncomplete, p.Err)
		}
	}
	r.progress()
	return r.res, err
}

// add hands a file to the workers.
func (r *run) add(it item, raw []byte, size uint64) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	if r.filling == nil {
		r.filling = r.batches.Get().(*batch)
	}
	b := r.filling
	if _, err := it.dir.acquire(r.o.Root); err != nil {
		return err
	}
	it.dir.pending.Add(1)
	if len(b.items) == 0 || b.items[len(b.items)-1].dir != it.dir {
		b.dirs++
	}
	it.raw = [2]int{len(b.raws), len(b.raws) + len(raw)}
	b.raws = append(b.raws, raw...)
	b.items = append(b.items, it)
	b.bytes += size
	if len(b.items) >= batchFiles || b.bytes >= batchBytes || b.dirs >= batchDirs {
		r.flush()
	}
	return nil
}

func (r *run) flush() {
	if r.filling == nil {
		return
	}
	r.queue <- r.filling
	r.filling = nil
}

func (r *run) work() {
	defer r.running.Done()
	w := newWorker(r)
	for b := range r.queue {
		for i := range b.items {
			it := &b.items[i]
			w.item(it, b.raws[it.raw[0]:it.raw[1]])
		}
		clear(b.items)
		*b = batch{items: b.items[:0], raws: b.raws[:0]}
		r.batches.Put(b)
		r.progress()
	}
}

// problem notes what failed. What would fail everywhere else too ends the run.
func (r *run) problem(path string, err error) {
	if context.Cause(r.ctx) != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return // a consequence of the end of the run, not its cause
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS) {
		r.stop(fmt.Errorf("%q: %w", path, err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.ProblemCount++
	if len(r.res.Problems) < MaxProblems {
		r.res.Problems = append(r.res.Problems, Problem{path, err})
	}
}

// note tells of something left out.
func (r *run) note(path string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.res.Notes) < MaxProblems {
		r.res.Notes = append(r.res.Notes, Problem{path, err})
	}
}

func (r *run) progress() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.o.Progress != nil {
		r.o.Progress(r.done)
	}
}

// entryPath is an entry's path from the root.
func entryPath(dir *targetDir, e *objects.Entry) string { return joinPath(dir.path, e.Name) }
