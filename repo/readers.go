package repo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"evault/internal/vfs"
	"evault/objects"
	"evault/pack"
	"evault/worktree"
)

// fileJob is one name for a reader to look at. The producer fills the first part, a reader the second; the assembler
// reads it once the batch is done.
type fileJob struct {
	dir      *worktree.DirScan
	path     string
	name     string
	stat     vfs.Stat
	previous worktree.IndexEntry // Name is empty if the index holds none
	isNew    bool                // HEAD's tree holds no such name
	batch    *batch

	raw  []byte // the entry; nil if none could be made
	key  worktree.StatKey
	size uint64 // of the file
	read int64  // bytes read
	gone bool   // it vanished since the scan
	// marked says that the text has conflict markers in it. Only files that HEAD has are looked at: see conflictWatch.
	marked bool
	err    error
}

// batch is a run of neighbours that one reader takes as a whole.
type batch struct {
	jobs  []*fileJob
	bytes int64
	done  chan struct{}
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

func (b *batch) add(j *fileJob) {
	j.batch = b
	b.jobs = append(b.jobs, j)
	if j.stat.Type == vfs.Regular {
		b.bytes += j.stat.Size
	}
}

func (b *batch) full() bool { return len(b.jobs) >= batchFiles || b.bytes >= batchBytes }

func (j *fileJob) ready() bool {
	select {
	case <-j.batch.done:
		return true
	default:
		return false
	}
}

func (j *fileJob) wait(ctx context.Context) error {
	select {
	case <-j.batch.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readers are the goroutines that read files for a snapshot.
type readers struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	snap    *snapshot
	batches chan *batch
	blocks  chan *block // pieces of large files, for whoever has nothing else to do
	work    sync.WaitGroup
	streams sync.WaitGroup // readers that may still cut a large file into blocks
	closing sync.Once
}

func startReaders(ctx context.Context, cancel context.CancelCauseFunc, s *snapshot, n int) *readers {
	r := &readers{ctx: ctx, cancel: cancel, snap: s, batches: make(chan *batch, n), blocks: make(chan *block)}
	chunker := objects.NewChunker(s.repo.vault.ChunkerKey())
	for range n {
		w := &reader{readers: r, frames: s.session.NewFrames(), chunker: chunker}
		w.files = worktree.NewFileReader(chunker, &s.owners, &w.watch)
		w.watch.sink = storeSink{w.frames}
		w.list = objects.NewFileListBuilder(storeSink{w.frames})
		r.streams.Add(1)
		r.work.Go(func() {
			if err := w.run(); err != nil {
				cancel(err)
			}
		})
	}
	go func() {
		r.streams.Wait()
		close(r.blocks)
	}()
	return r
}

// give hands a batch over, waiting while the readers have enough to do.
func (r *readers) give(b *batch) error {
	select {
	case r.batches <- b:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// finish waits until all that was given is read and stored.
func (r *readers) finish() error {
	r.closing.Do(func() { close(r.batches) })
	r.work.Wait()
	return context.Cause(r.ctx)
}

// abandon is finish after the context was cancelled, or after finish.
func (r *readers) abandon() {
	r.closing.Do(func() { close(r.batches) })
	r.work.Wait()
}

// reader is one of them.
type reader struct {
	*readers
	frames  *pack.Frames
	chunker *objects.Chunker
	files   *worktree.FileReader
	list    *objects.FileListBuilder
	watch   conflictWatch
	entry   objects.Entry
	buf     []byte
	dir     vfs.Dir // of dirOf, open while neighbours are read
	dirOf   *worktree.DirScan
	free    []*block
}

func (w *reader) run() (err error) {
	streaming := true
	defer func() {
		if streaming {
			w.streams.Done()
		}
		err = errors.Join(err, w.closeDir())
	}()
	batches := w.batches
	for {
		select {
		case <-w.ctx.Done():
			return nil
		case b, ok := <-w.blocks:
			if !ok {
				return w.frames.Flush()
			}
			b.store(w.frames)
		case b, ok := <-batches:
			if !ok { // no more files; large ones of other readers may still come as blocks
				batches, streaming = nil, false
				w.streams.Done()
				continue
			}
			if err := w.readBatch(b); err != nil {
				return err
			}
		}
	}
}

func (w *reader) readBatch(b *batch) error {
	for _, j := range b.jobs {
		if w.ctx.Err() != nil {
			return nil
		}
		if err := w.readJob(j); err != nil {
			return err
		}
		w.snap.meter.items.Add(1)
	}
	close(b.done)
	return nil
}

// storeError is a failure of the store, which ends the commit; anything else concerns one file.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// storeSink marks the errors of the store, so that they are not taken for those of a file.
type storeSink struct{ frames *pack.Frames }

func (s storeSink) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	id, err := s.frames.Put(kind, data)
	if err != nil {
		err = &storeError{err}
	}
	return id, err
}

const readTries = 3

// readJob makes the entry of one name. A file that changes while it is read is read again, a few times.
func (w *reader) readJob(j *fileJob) error {
	for try := 1; ; try++ {
		err := w.readOnce(j)
		var fatal *storeError
		switch {
		case errors.As(err, &fatal):
			return fatal.err
		case errors.Is(err, worktree.ErrChanged) && try < readTries && w.lookAgain(j):
			continue
		case isGone(err):
			j.gone, j.err = true, fmt.Errorf("vanished while it was being read")
		default:
			j.err = err
		}
		return nil
	}
}

// lookAgain takes a fresh look at a name that changed. A name that became another kind of thing is left to the next run.
func (w *reader) lookAgain(j *fileJob) bool {
	var st vfs.Stat
	if err := w.openDir(j.dir); err != nil {
		return false
	}
	if err := w.dir.Lstat(j.name, &st); err != nil || st.Type != j.stat.Type {
		return false
	}
	j.stat = st
	return true
}

func (w *reader) readOnce(j *fileJob) error {
	if err := w.openDir(j.dir); err != nil {
		return err
	}
	var err error
	if j.stat.Type == vfs.Regular && j.stat.Size > blockThreshold {
		err = w.readLarge(j)
	} else {
		w.watch.begin(!j.isNew)
		err = w.files.Read(w.dir, j.name, &j.stat, &w.entry)
		j.marked = w.watch.found(&w.entry)
		w.snap.meter.done.Add(int64(w.entry.Size))
	}
	if err != nil && !onlyXattrs(err) {
		return err
	}
	group, linkErr := w.snap.linkGroup(&j.stat, j.path)
	if linkErr != nil {
		return linkErr
	}
	w.entry.LinkGroup = group
	raw, encodeErr := objects.AppendEntry(w.buf[:0], &w.entry)
	if encodeErr != nil {
		return encodeErr
	}
	w.buf = raw[:0]
	j.raw = append(make([]byte, 0, len(raw)), raw...)
	j.key, j.size = worktree.KeyOf(&j.stat), w.entry.Size
	if w.entry.Type == objects.TypeFile {
		j.read = int64(w.entry.Size)
	}
	return err
}

// openDir opens a folder, and keeps it open for the neighbours that come next.
func (w *reader) openDir(d *worktree.DirScan) error {
	if w.dirOf == d && w.dir != nil {
		return nil
	}
	if err := w.closeDir(); err != nil {
		return err
	}
	dir, err := d.Open()
	if err != nil {
		return err
	}
	w.dir, w.dirOf = dir, d
	return nil
}

func (w *reader) closeDir() error {
	if w.dir == nil {
		return nil
	}
	dir := w.dir
	w.dir, w.dirOf = nil, nil
	return dir.Close()
}
