package worktree

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"evault/internal/vfs"
	"evault/objects"
)

// A file of largeFile bytes or more is written by several goroutines at once, largePiece bytes each: otherwise the last
// large file of a tree would occupy one processor and leave the others idle.
const (
	largeFile  = 8 << 20
	largePiece = 4 << 20
)

// piece is a part of a large file: consecutive extents and where the first belongs.
type piece struct {
	off     uint64
	extents []objects.Extent
}

// large writes a file that is a list of chunks. The list is checked to add up to the entry's size before the last
// piece is handed out; each chunk's length is checked where it is written.
func (w *worker) large(f vfs.File, e *objects.Entry) error {
	if err := f.Truncate(int64(e.Size)); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(w.ctx)
	defer stop(nil)
	pieces := make(chan piece)
	var writers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for p := range pieces {
				if err := w.writePiece(ctx, f, e, p); err != nil {
					stop(err)
				}
			}
		}()
	}
	err := cutPieces(ctx, w.src, e, pieces)
	close(pieces)
	writers.Wait()
	if cause := context.Cause(ctx); cause != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = cause
	}
	return err
}

// cutPieces gathers extents into pieces.
func cutPieces(ctx context.Context, src objects.Source, e *objects.Entry, pieces chan<- piece) error {
	var now piece
	var off uint64
	send := func() error {
		select {
		case pieces <- now:
			now = piece{off: off}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := objects.Extents(ctx, src, e.Content, e.Size, func(x objects.Extent) error {
		now.extents = append(now.extents, x)
		off += x.Length
		if off-now.off >= largePiece {
			return send()
		}
		return nil
	})
	if err == nil && len(now.extents) > 0 {
		err = send()
	}
	return err
}

// writePiece writes each chunk at its place.
func (w *worker) writePiece(ctx context.Context, f vfs.File, e *objects.Entry, p piece) error {
	part := worker{run: w.run}
	off := p.off
	for _, x := range p.extents {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		part.into = placing{f: &writerAt{f, int64(off)}, sparse: e.Sparse || w.o.Sparse, off: off, want: off + x.Length}
		if err := part.largeExtent(ctx, x, off); err != nil {
			return err
		}
		off += x.Length
	}
	return nil
}

func (w *worker) largeExtent(ctx context.Context, x objects.Extent, off uint64) error {
	if x.Hole {
		return w.hole(x.Length)
	}
	if err := w.src.View(ctx, x.ID, objects.KindChunk, w.into.put); err != nil {
		return err
	}
	return checkLength(x, w.into.off-off)
}

// writerAt makes Write of a shared file go to a place of its own.
type writerAt struct {
	vfs.File
	off int64
}

func (w *writerAt) Write(p []byte) (int, error) {
	n, err := w.File.WriteAt(p, w.off)
	w.off += int64(n)
	return n, err
}
