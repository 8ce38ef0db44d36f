package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"evault/internal/fastexport"
	"evault/objects"
	"evault/pack"
	"evault/worktree"
)

// importBlob is a content of the imported repository, and what has become of it. Done is closed when the rest may be read;
// nil means at once.
type importBlob struct {
	original string
	size     uint64
	content  objects.Content
	done     chan struct{}
}

// wait waits until a blob is stored.
func (b *importBlob) wait(ctx context.Context) error {
	if b.done == nil {
		return nil
	}
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// blobBatch is some contents, one after the other, that are stored together.
type blobBatch struct {
	data  []byte
	blobs []*importBlob
	done  chan struct{}
}

func newBlobBatch() *blobBatch { return &blobBatch{done: make(chan struct{})} }

// blobStore turns contents into chunks and file lists, exactly as a commit of the same files does. Small ones are gathered
// into batches that several goroutines store; what is added is known by its importBlob, in the order of the stream.
type blobStore struct {
	ctx     context.Context
	session *pack.Session
	chunker *objects.Chunker
	batch   *blobBatch
	jobs    chan *blobBatch
	spare   sync.Pool // of *blobBatch: their memory
	frames  *pack.Frames
	list    *objects.FileListBuilder
	buf     []byte
}

func newBlobStore(ctx context.Context, session *pack.Session, chunker *objects.Chunker) *blobStore {
	s := &blobStore{ctx: ctx, session: session, chunker: chunker, batch: newBlobBatch(), jobs: make(chan *blobBatch, 2)}
	s.frames = session.NewFrames()
	s.list = objects.NewFileListBuilder(s.frames)
	return s
}

// add takes a content from the stream. It is the reading goroutine's.
func (s *blobStore) add(b *fastexport.Blob) (*importBlob, error) {
	if b.Size > objects.MaxFileSize {
		return nil, fmt.Errorf("blob %s of %d bytes: %w", b.Original, b.Size, objects.ErrLimit)
	}
	out := &importBlob{original: b.Original, size: uint64(b.Size)}
	if b.Size > worktree.SmallFile {
		return out, s.stream(b.Data, out)
	}
	at := len(s.batch.data)
	s.batch.data = append(s.batch.data, make([]byte, b.Size)...)
	if _, err := io.ReadFull(b.Data, s.batch.data[at:]); err != nil {
		return nil, err
	}
	out.done = s.batch.done
	s.batch.blobs = append(s.batch.blobs, out)
	if len(s.batch.data) >= batchBytes || len(s.batch.blobs) == batchFiles {
		return out, s.flush()
	}
	return out, nil
}

// flush hands the batch to who stores it.
func (s *blobStore) flush() error {
	if len(s.batch.blobs) == 0 {
		return nil
	}
	select {
	case s.jobs <- s.batch:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	s.batch = newBlobBatch()
	if old, ok := s.spare.Get().(*blobBatch); ok {
		s.batch.data, s.batch.blobs = old.data[:0], old.blobs[:0]
	}
	return nil
}

// work stores batches until there are no more.
func (s *blobStore) work() error {
	frames := s.session.NewFrames()
	reader := worktree.NewFileReader(s.chunker, nil, frames)
	for batch := range s.jobs {
		at := uint64(0)
		for _, b := range batch.blobs {
			if err := reader.Bytes(batch.data[at:at+b.size], &b.content); err != nil {
				return fmt.Errorf("storing blob %s: %w", b.original, err)
			}
			at += b.size
		}
		close(batch.done)
		clear(batch.blobs)
		s.spare.Put(batch)
	}
	return nil
}

// stream stores a large content while it is read.
func (s *blobStore) stream(in io.Reader, out *importBlob) error {
	if s.buf == nil {
		s.buf = make([]byte, 4*objects.MaxChunk)
	}
	s.list.Reset()
	for have, final := 0, false; !final || have > 0; {
		if !final && have < objects.MaxChunk {
			n, err := io.ReadFull(in, s.buf[have:])
			have += n
			if final = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !final {
				return err
			}
		}
		used := 0
		for {
			n := s.chunker.Cut(s.buf[used:have], final)
			if n == 0 {
				break
			}
			if err := s.chunk(s.buf[used : used+n]); err != nil {
				return err
			}
			used += n
		}
		have = copy(s.buf, s.buf[used:have])
	}
	var err error
	out.content, err = s.list.Finish()
	return err
}

func (s *blobStore) chunk(data []byte) error {
	if objects.IsZero(data) {
		return s.list.AddHole(uint64(len(data)))
	}
	id, err := s.frames.Put(objects.KindChunk, data)
	if err != nil {
		return err
	}
	return s.list.AddChunk(id, uint64(len(data)))
}
