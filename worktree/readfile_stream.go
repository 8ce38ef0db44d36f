package worktree

import (
	"errors"
	"io"

	"evault/internal/vfs"
	"evault/objects"
)

// streamBuffer is how much of a large file is in memory: a few chunks, so that few bytes are moved for each one read.
const streamBuffer = 4 * objects.MaxChunk

// StreamFile cuts one file into chunks and calls emit with each in order; a chunk is only valid during the call. A chunk
// of zeros is given as a hole of that length, and chunk is nil; holes of the file are not read. The cuts do not depend
// on where the file has holes, only on its bytes.
//
// It fails with [ErrChanged] if the file is not what st, an earlier lstat, says, or changed until its last byte was read.
// Chunks were emitted by then; they are good chunks, but of no file.
func StreamFile(dir vfs.Dir, name string, st *vfs.Stat, chunker *objects.Chunker, emit func(chunk []byte, hole bool, length uint64) error) error {
	f, err := openRegular(dir, name, st)
	if err != nil {
		return err
	}
	s := stream{file: f, name: name, size: st.Size, chunker: chunker, emit: emit}
	err = s.run(st)
	return errors.Join(err, f.Close())
}

// stream is one file on its way through the chunker.
type stream struct {
	file    vfs.File
	name    string
	size    int64
	chunker *objects.Chunker
	emit    func(chunk []byte, hole bool, length uint64) error
	buf     []byte // len streamBuffer
	start   int    // buf[start:end] is read and not cut yet
	end     int
	zeroCut int64
}

func (s *stream) run(st *vfs.Stat) error {
	if s.buf == nil {
		s.buf = make([]byte, streamBuffer)
	}
	s.zeroCut = int64(s.chunker.ZeroCut())
	sparse := hasHoles(st)
	for off := int64(0); off < s.size; {
		start, end := off, s.size
		if sparse {
			var err error
			if start, end, err = s.extent(off); err != nil {
				return err
			}
		}
		if err := s.zeros(start - off); err != nil {
			return err
		}
		if err := s.data(start, end); err != nil {
			return err
		}
		off = end
	}
	if err := s.cut(true); err != nil {
		return err
	}
	_, err := unchangedSince(s.file, s.name, st)
	return err
}

// extent gives the next run of data at or after off, within the size the file had; an empty one at its end if there is
// none.
func (s *stream) extent(off int64) (start, end int64, err error) {
	start, end, err = s.file.SeekData(off)
	if err == io.EOF {
		return s.size, s.size, nil
	}
	if err != nil {
		return 0, 0, err
	}
	start, end = min(start, s.size), min(end, s.size)
	if start < off || end < start || end == off {
		return 0, 0, changed(s.name)
	}
	return start, end, nil
}

// data reads [off, end) and cuts what it can.
func (s *stream) data(off, end int64) error {
	for off < end {
		s.makeRoom()
		n := min(int64(len(s.buf)-s.end), end-off)
		m, err := s.file.ReadAt(s.buf[s.end:s.end+int(n)], off)
		if int64(m) < n {
			if err == nil || err == io.EOF {
				err = changed(s.name)
			}
			return err
		}
		s.end += m
		off += n
		if err := s.cut(false); err != nil {
			return err
		}
	}
	return nil
}

// zeros is data for a hole of n bytes: chunks that begin and end in it are not looked at.
func (s *stream) zeros(n int64) error {
	for n > 0 {
		if s.start == s.end && n >= s.zeroCut {
			if err := s.emit(nil, true, uint64(s.zeroCut)); err != nil {
				return err
			}
			n -= s.zeroCut
			continue
		}
		s.makeRoom()
		m := int(min(n, int64(objects.MaxChunk-(s.end-s.start)%objects.MaxChunk), int64(len(s.buf)-s.end)))
		clear(s.buf[s.end : s.end+m])
		s.end += m
		n -= int64(m)
		if err := s.cut(false); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) makeRoom() {
	if s.start == s.end {
		s.start, s.end = 0, 0
	} else if len(s.buf)-s.end < objects.MaxChunk {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
}

// cut emits all chunks that are complete, or with final, all.
func (s *stream) cut(final bool) error {
	for s.start < s.end {
		n := s.chunker.Cut(s.buf[s.start:s.end], final)
		if n == 0 {
			return nil
		}
		chunk := s.buf[s.start : s.start+n]
		s.start += n
		hole := objects.IsZero(chunk)
		if hole {
			chunk = nil
		}
		if err := s.emit(chunk, hole, uint64(n)); err != nil {
			return err
		}
	}
	return nil
}

// hasHoles reports whether a file takes less room than its size needs.
func hasHoles(st *vfs.Stat) bool {
	return st.Type == vfs.Regular && st.Blocks >= 0 && st.Blocks*512 < st.Size
}
