package worktree

import (
	"context"
	"errors"
	"fmt"
	"os"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// worker writes files, one after another, with buffers of its own.
type worker struct {
	*run
	entry  objects.Entry
	hasher *keys.Hasher
	zeros  []byte
	buf    []byte

	// The file being written, for put, which is made once so that lending a chunk costs no allocation.
	into placing
	put  func(data []byte) error
}

func newWorker(r *run) *worker {
	w := &worker{run: r}
	w.put = func(data []byte) error { return w.into.put(data) }
	if r.o.SkipSame && r.o.NewHasher != nil {
		w.hasher = r.o.NewHasher()
	}
	return w
}

// item writes one file, whatever becomes of the others.
func (w *worker) item(it *item, raw []byte) {
	if context.Cause(w.ctx) == nil {
		if err := w.tryItem(it, raw); err != nil {
			w.problem(entryPath(it.dir, &w.entry), err)
		}
	}
	if err := it.dir.release(); err != nil {
		w.problem(it.dir.path, err)
	}
	w.settle(it.dir)
}

func (w *worker) tryItem(it *item, raw []byte) error {
	if _, err := objects.DecodeEntry(raw, &w.entry); err != nil {
		return err
	}
	d := it.dir.dir // open, because acquired with the item
	if err := w.unchanged(d, it.dir, w.entry.Name, it.seen); err != nil {
		return err
	}
	if err := w.file(d, it.dir, &w.entry); err != nil {
		return err
	}
	if it.group != nil {
		it.group.ok.Store(true)
	}
	return nil
}

// file puts one regular file in place:
//
//	openat(temporary, O_CREAT|O_EXCL|O_NOFOLLOW, 0600)   nobody else may read it yet
//	write ...
//	fchown, fsetxattr                                    where asked for; a change of owner clears setuid
//	fchmod, futimens
//	close                                                may still report a failed write
//	renameat(temporary, name)                            the name holds all of it or what it held before
//	lstat                                                for the index: the rename moved the ctime
//
// There is no fsync: what a crash of the machine loses is still in the vault, and a status shows it.
func (w *worker) file(d vfs.Dir, dir *targetDir, e *objects.Entry) error {
	if w.hasher != nil && !dir.fresh && e.LinkGroup == 0 && w.same(d, e) {
		return w.keep(d, dir, e)
	}
	tmp := w.temps.next()
	f, err := d.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = w.fill(f, dir, e)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return errors.Join(err, d.Remove(tmp))
	}
	if err := w.intoPlace(d, dir, tmp, e.Name); err != nil {
		return err
	}
	return w.record(d, dir, e, doneFile)
}

func (w *worker) fill(f vfs.File, dir *targetDir, e *objects.Entry) error {
	if err := w.content(f, e); err != nil {
		return err
	}
	return w.setOpen(f, dir, e)
}

func (w *worker) record(d vfs.Dir, dir *targetDir, e *objects.Entry, kind doneKind) error {
	var st vfs.Stat
	if err := d.Lstat(e.Name, &st); err != nil {
		return err
	}
	w.written(dir, e, &st, kind)
	return nil
}

// keep leaves a file's content and sets the metadata that differs.
func (w *worker) keep(d vfs.Dir, dir *targetDir, e *objects.Entry) error {
	var st vfs.Stat
	if err := d.Lstat(e.Name, &st); err != nil {
		return err
	}
	if err := w.setByName(d, dir.path, e, &st); err != nil {
		return err
	}
	return w.record(d, dir, e, doneSame)
}

// content writes the bytes. Whatever the source gives must be as long as the entry says.
func (w *worker) content(f vfs.File, e *objects.Entry) error {
	c := &e.Content
	w.into = placing{f: f, sparse: e.Sparse || w.o.Sparse, want: e.Size}
	var err error
	switch c.Kind {
	case objects.ContentEmpty:
	case objects.ContentInline:
		err = w.into.put(c.Inline)
	case objects.ContentChunk:
		err = w.src.View(w.ctx, c.ID, objects.KindChunk, w.put)
	case objects.ContentFileList:
		if e.Size >= largeFile {
			return w.large(f, e)
		}
		err = objects.Extents(w.ctx, w.src, *c, e.Size, w.extent)
	default:
		err = fmt.Errorf("content of kind %d: %w", c.Kind, objects.ErrNewer)
	}
	if err == nil && w.into.off != e.Size {
		err = fmt.Errorf("content has %d bytes, entry says %d: %w", w.into.off, e.Size, objects.ErrMalformed)
	}
	if err == nil && w.into.sparse {
		err = f.Truncate(int64(e.Size)) // the end may be a hole
	}
	return err
}

func (w *worker) extent(x objects.Extent) error {
	if x.Hole {
		return w.hole(x.Length)
	}
	before := w.into.off
	if err := w.src.View(w.ctx, x.ID, objects.KindChunk, w.put); err != nil {
		return err
	}
	return checkLength(x, w.into.off-before)
}

func checkLength(x objects.Extent, got uint64) error {
	if got != x.Length {
		return fmt.Errorf("chunk %s has %d bytes, the list says %d: %w", x.ID, got, x.Length, objects.ErrMalformed)
	}
	return nil
}

// hole skips zeros in a sparse file and writes them in any other: what took space takes space again.
func (w *worker) hole(length uint64) error {
	if w.into.sparse {
		w.into.off += length
		return nil
	}
	for length > 0 {
		n := min(length, uint64(len(w.zeroes())))
		if err := w.into.put(w.zeros[:n]); err != nil {
			return err
		}
		length -= n
	}
	return nil
}

func (w *worker) zeroes() []byte {
	if w.zeros == nil {
		w.zeros = make([]byte, 64<<10)
	}
	return w.zeros
}

// placing writes pieces of a file one after another.
type placing struct {
	f      vfs.File
	sparse bool
	off    uint64
	want   uint64 // the file's size, which no source makes it exceed
}

// sparseBlock is the piece of zeros that is worth a hole: the block of most filesystems.
const sparseBlock = 4096

func (p *placing) put(data []byte) error {
	if uint64(len(data)) > p.want-p.off {
		return fmt.Errorf("content is longer than the %d bytes that the entry says: %w", p.want, objects.ErrMalformed)
	}
	at := p.off
	p.off += uint64(len(data))
	if p.sparse {
		return writeSparse(p.f, data, int64(at))
	}
	_, err := p.f.Write(data)
	return err
}

// writeSparse writes data at off and leaves out whole blocks of zeros.
func writeSparse(f vfs.File, data []byte, off int64) error {
	for len(data) > 0 {
		zeros := zeroRun(data, off)
		data, off = data[zeros:], off+int64(zeros)
		n := dataRun(data, off)
		if n == 0 {
			continue
		}
		if _, err := f.WriteAt(data[:n], off); err != nil {
			return err
		}
		data, off = data[n:], off+int64(n)
	}
	return nil
}

// zeroRun gives the length of the whole blocks of zeros that data begins with, dataRun of what comes before the next
// such block. Blocks are counted from the file's start; the last one may be short.
func zeroRun(data []byte, off int64) (n int) {
	for n < len(data) {
		end := blockEnd(len(data), n, off)
		if !objects.IsZero(data[n:end]) {
			break
		}
		n = end
	}
	return n
}

func dataRun(data []byte, off int64) (n int) {
	for n < len(data) {
		end := blockEnd(len(data), n, off)
		if objects.IsZero(data[n:end]) {
			break
		}
		n = end
	}
	return n
}

func blockEnd(length, n int, off int64) int {
	return min(length, n+sparseBlock-int((off+int64(n))%sparseBlock))
}
