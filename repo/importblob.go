package repo

import (
	"context"
	"errors"
	"fmt"
	"io"

	"evault/internal/fastexport"
	"evault/keys"
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
	held     *heldBlob // as long as it is in no frame; the reading goroutine's
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

// heldBlob is a small content that waits to be put in order.
type heldBlob struct {
	blob    *importBlob
	data    []byte
	path    string          // of the first commit that names it; empty: none yet
	objects []waitingObject // what it consists of, once blob.done is closed
}

// blobBatch is some contents that are looked at together.
type blobBatch struct {
	blobs []*heldBlob
	bytes int
	done  chan struct{}
}

func newBlobBatch() *blobBatch { return &blobBatch{done: make(chan struct{})} }

// blobStore turns contents into chunks and file lists, exactly as a commit of the same files does. Small ones are gathered
// into batches of which several goroutines compute the IDs, and wait in memory until there are enough of them to be put into
// frames in the order of their paths. What is added is known by its importBlob, in the order of the stream.
type blobStore struct {
	ctx     context.Context
	chunker *objects.Chunker
	hasher  func() *keys.Hasher
	batch   *blobBatch
	jobs    chan *blobBatch
	held    []*blobBatch // handed out, and in no frame
	bytes   int          // of all held contents
	order   *pathOrder
	frames  *pack.Frames // for what is too long to wait
	list    *objects.FileListBuilder
	buf     []byte
}

func (r *Repository) newBlobStore(ctx context.Context, session *pack.Session) *blobStore {
	s := &blobStore{ctx: ctx, chunker: objects.NewChunker(r.vault.ChunkerKey()), hasher: r.vault.NewHasher,
		batch: newBlobBatch(), jobs: make(chan *blobBatch, 2), order: newPathOrder(session, r.workers())}
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
	if s.bytes >= contentsWaiting*5/4 { // a commit with more contents than may wait: they come in the order of their paths
		if err := s.write(); err != nil {
			return nil, err
		}
	}
	out.held = &heldBlob{blob: out, data: s.order.memory.alloc(int(b.Size))}
	if _, err := io.ReadFull(b.Data, out.held.data); err != nil {
		return nil, err
	}
	out.done = s.batch.done
	s.batch.blobs = append(s.batch.blobs, out.held)
	s.batch.bytes += len(out.held.data)
	s.bytes += len(out.held.data)
	if s.batch.bytes >= batchBytes || len(s.batch.blobs) == batchFiles {
		return out, s.flush()
	}
	return out, nil
}

// named notes under which path a commit has a content.
func (s *blobStore) named(b *importBlob, path string) {
	if b.held != nil && b.held.path == "" {
		b.held.path = orderPath(path)
	}
}

// flush hands the batch to who computes the IDs.
func (s *blobStore) flush() error {
	if len(s.batch.blobs) == 0 {
		return nil
	}
	select {
	case s.jobs <- s.batch:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	s.held = append(s.held, s.batch)
	s.batch = newBlobBatch()
	return nil
}

// enough puts what is held into frames if it is enough. It is called between commits, when all paths are known.
func (s *blobStore) enough() error {
	if s.bytes < contentsWaiting {
		return nil
	}
	return s.write()
}

// write puts all that is held into frames. Contents that no commit has named yet come last, in the order of the stream.
func (s *blobStore) write() error {
	if err := s.flush(); err != nil {
		return err
	}
	for _, batch := range s.held {
		select {
		case <-batch.done:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
		for _, b := range batch.blobs {
			b.blob.held = nil
			for _, o := range b.objects {
				if o.path = b.path; o.path == "" {
					o.path = "\xff"
				}
				s.order.add(o)
			}
		}
	}
	clear(s.held)
	s.held, s.bytes = s.held[:0], 0
	return s.order.write()
}

// work computes IDs of batches until there are no more.
func (s *blobStore) work() error {
	sink := &foundSink{hasher: s.hasher()}
	reader := worktree.NewFileReader(s.chunker, nil, sink)
	for batch := range s.jobs {
		for _, b := range batch.blobs {
			sink.found = nil
			if err := reader.Bytes(b.data, &b.blob.content); err != nil {
				return fmt.Errorf("storing blob %s: %w", b.blob.original, err)
			}
			b.objects = sink.found
		}
		close(batch.done)
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
