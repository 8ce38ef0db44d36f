package worktree

import (
	"errors"
	"fmt"

	"evault/internal/vfs"
	"evault/objects"
)

// FileReader reads files for a commit, or to compare them, one after another in the same memory. It belongs to one
// goroutine.
type FileReader struct {
	chunker *objects.Chunker
	owners  *Owners
	sink    objects.Sink
	list    *objects.FileListBuilder
	small   []byte
	stream  []byte
}

// NewFileReader makes a reader whose chunks and file lists go to sink. A sink that only computes IDs ([HashSink]) makes
// it tell what a file would be, without storing anything.
func NewFileReader(chunker *objects.Chunker, owners *Owners, sink objects.Sink) *FileReader {
	return &FileReader{chunker: chunker, owners: owners, sink: sink, list: objects.NewFileListBuilder(sink)}
}

// Read fills e with all that [ReadMeta] says and, of a regular file, its content. st is what lstat said. It fails with
// [ErrChanged] if the file is not that, or no longer. A file is opened once for all of it. An *[XattrError] leaves e
// complete but for the attributes.
func (r *FileReader) Read(dir vfs.Dir, name string, st *vfs.Stat, e *objects.Entry) error {
	if st.Type != vfs.Regular {
		return ReadMeta(dir, name, st, r.owners, e)
	}
	if err := fillStat(name, st, r.owners, e); err != nil {
		return err
	}
	f, err := openRegular(dir, name, st)
	if err != nil {
		return err
	}
	err = r.content(f, name, st, &e.Content)
	if err == nil {
		err = readXattrs(e, f.ListXattrs, f.GetXattr)
	}
	return errors.Join(err, f.Close())
}

// Content reads only the content of a regular file.
func (r *FileReader) Content(dir vfs.Dir, name string, st *vfs.Stat) (objects.Content, error) {
	f, err := openRegular(dir, name, st)
	if err != nil {
		return objects.Content{}, err
	}
	var c objects.Content
	err = r.content(f, name, st, &c)
	return c, errors.Join(err, f.Close())
}

func (r *FileReader) content(f vfs.File, name string, st *vfs.Stat, c *objects.Content) error {
	if st.Size > objects.MaxFileSize {
		return fmt.Errorf("%q has %d bytes, more than a vault keeps", name, st.Size)
	}
	if st.Size > SmallFile || hasHoles(st) {
		return r.large(f, name, st, c)
	}
	if r.small == nil {
		r.small = make([]byte, SmallFile+1)
	}
	data, _, err := readAll(f, name, st, r.small)
	if err != nil {
		return err
	}
	return r.Bytes(data, c)
}

// Bytes is the content of a file that consists of data, at most [SmallFile] bytes. c's memory is used again.
func (r *FileReader) Bytes(data []byte, c *objects.Content) error {
	if len(data) <= objects.MaxInline {
		return inline(data, c)
	}
	r.list.Reset()
	for len(data) > 0 {
		n := r.chunker.Cut(data, true)
		if err := r.add(data[:n], objects.IsZero(data[:n]), uint64(n)); err != nil {
			return err
		}
		data = data[n:]
	}
	return r.finish(c)
}

func (r *FileReader) large(f vfs.File, name string, st *vfs.Stat, c *objects.Content) error {
	if r.stream == nil {
		r.stream = make([]byte, streamBuffer)
	}
	r.list.Reset()
	var short []byte // a sparse file may yet be short enough to be kept in its entry
	s := stream{file: f, name: name, size: st.Size, chunker: r.chunker, buf: r.stream}
	s.emit = func(chunk []byte, hole bool, n uint64) error {
		if st.Size > objects.MaxInline {
			return r.add(chunk, hole, n)
		}
		if hole {
			chunk = make([]byte, n)
		}
		short = append(short, chunk...)
		return nil
	}
	if err := s.run(st); err != nil {
		return err
	}
	if st.Size <= objects.MaxInline {
		return inline(short, c)
	}
	return r.finish(c)
}

func (r *FileReader) add(chunk []byte, hole bool, n uint64) error {
	if hole {
		return r.list.AddHole(n)
	}
	id, err := r.sink.Put(objects.KindChunk, chunk)
	if err != nil {
		return err
	}
	return r.list.AddChunk(id, n)
}

func (r *FileReader) finish(c *objects.Content) error {
	got, err := r.list.Finish()
	*c = got
	return err
}

func inline(data []byte, c *objects.Content) error {
	if len(data) == 0 {
		*c = objects.Content{Kind: objects.ContentEmpty, Inline: nil}
		return nil
	}
	*c = objects.Content{Kind: objects.ContentInline, Inline: append(c.Inline[:0], data...)}
	return nil
}

// HashSink is a sink that stores nothing: it only computes IDs.
type HashSink func(kind objects.Kind, data []byte) objects.ID

// Put gives the ID of data.
func (h HashSink) Put(kind objects.Kind, data []byte) (objects.ID, error) { return h(kind, data), nil }
