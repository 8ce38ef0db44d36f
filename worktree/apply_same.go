package worktree

import (
	"bytes"
	"io"
	"os"

	"evault/internal/vfs"
	"evault/objects"
)

// same reports whether the file of that name already is what the entry says, by size, time and content. A file with
// other names does not count: setting its metadata could reach outside of the root. Neither does one that cannot be
// read: it is written anew.
func (w *worker) same(d vfs.Dir, e *objects.Entry) bool {
	var st vfs.Stat
	if err := d.Lstat(e.Name, &st); err != nil {
		return false
	}
	if st.Type != vfs.Regular || st.Nlink > 1 || !sameTime(st.Mtime, e.Mtime) || hasHoles(&st) != e.Sparse {
		return false
	}
	ok, err := w.sameContent(d, e.Name, &st, e)
	return err == nil && ok
}

// sameContent reads a file and compares the IDs of its pieces with those of the entry.
func (w *worker) sameContent(d vfs.Dir, name string, st *vfs.Stat, e *objects.Entry) (bool, error) {
	if st.Type != vfs.Regular || uint64(st.Size) != e.Size {
		return false, nil
	}
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	ok, err := w.sameOpen(f, st, e)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return ok && err == nil, err
}

func (w *worker) sameOpen(f vfs.File, st *vfs.Stat, e *objects.Entry) (bool, error) {
	now, err := f.StatStat()
	if err != nil || KeyOf(&now) != KeyOf(st) {
		return false, err
	}
	switch e.Content.Kind {
	case objects.ContentEmpty:
		return true, nil
	case objects.ContentInline:
		data, err := w.read(f, e.Size)
		return err == nil && bytes.Equal(data, e.Content.Inline), err
	case objects.ContentChunk:
		return w.sameExtent(f, objects.Extent{ID: e.Content.ID, Length: e.Size})
	}
	same := true
	err = objects.Extents(w.ctx, w.src, e.Content, e.Size, func(x objects.Extent) error {
		ok, err := w.sameExtent(f, x)
		if err == nil && !ok {
			same, err = false, io.EOF
		}
		return err
	})
	if !same {
		return false, nil
	}
	return err == nil, err
}

func (w *worker) sameExtent(f vfs.File, x objects.Extent) (bool, error) {
	if x.Hole {
		return w.sameZeros(f, x.Length)
	}
	if x.Length > objects.MaxChunk {
		return false, nil
	}
	data, err := w.read(f, x.Length)
	return err == nil && w.hasher.ObjectID(byte(objects.KindChunk), data) == x.ID, err
}

func (w *worker) sameZeros(f vfs.File, length uint64) (bool, error) {
	for length > 0 {
		n := min(length, 64<<10)
		data, err := w.read(f, n)
		if err != nil || !objects.IsZero(data) {
			return false, err
		}
		length -= n
	}
	return true, nil
}

func (w *worker) read(f vfs.File, n uint64) ([]byte, error) {
	if uint64(cap(w.buf)) < n {
		w.buf = make([]byte, max(n, 64<<10))
	}
	_, err := io.ReadFull(f, w.buf[:n])
	return w.buf[:n], err
}
