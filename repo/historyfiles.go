package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"

	"evault/internal/historyindex"
	"evault/internal/vfs"
)

const (
	historyDir     = "history" // in local/
	historyPurpose = "history index"
)

// historySegment is one segment of the index: a file in local/history, or bytes in memory where nothing can be written.
type historySegment struct {
	index    *historyindex.Segment
	first    int // number of its first commit
	from, to uint64
	size     int64
	file     vfs.File // nil: in memory
	written  bool     // and on disk as well, where it may be part of a larger one by now
}

func (s *historySegment) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Segments are named by the additions that they hold, the first and the last: a merge of 1-1 and 2-2 is 1-2. Where a crash
// has left both, the merged one counts.
func historyName(from, to uint64) string { return fmt.Sprintf("%016x-%016x", from, to) }

func parseHistoryName(name string) (from, to uint64, ok bool) {
	if len(name) != 33 {
		return 0, 0, false
	}
	_, err := fmt.Sscanf(name, "%016x-%016x", &from, &to)
	return from, to, err == nil && historyName(from, to) == name && from > 0 && from <= to && to < math.MaxInt64
}

// openHistory opens the index as it is on disk. One that is damaged is dropped: it is a cache.
func (r *Repository) openHistory() (*history, error) {
	var err error
	for range 5 { // a writer may merge segments between the listing and the opening
		h := &history{repo: r, ctx: context.Background()}
		if err = h.load(); err == nil {
			return h, nil
		}
		h.close()
		if !isGone(err) {
			break
		}
	}
	h := &history{repo: r, ctx: context.Background()}
	if isGone(err) {
		return h, nil
	}
	r.notes = append(r.notes, fmt.Sprintf("the history index is built again: %v", err))
	return h, h.drop()
}

// drop removes the files of an index that is of no use, if this process may write.
func (h *history) drop() error {
	if h.repo.lock == nil {
		held, err := lock(context.Background(), h.repo.places.Vault, 0)
		if err != nil {
			return nil // somebody else is at it, or nobody can be
		}
		defer held.Close()
	}
	if err := h.repo.local.RemoveAll(historyDir); err != nil {
		h.repo.notes = append(h.repo.notes, fmt.Sprintf("the history index could not be removed: %v", err))
	}
	return nil
}

func (h *history) close() error {
	var errs []error
	for _, s := range h.segments {
		errs = append(errs, s.close())
	}
	h.segments = nil
	return errors.Join(append(errs, h.codec.Close())...)
}

// load opens all segments.
func (h *history) load() error {
	names, err := listAll(h.repo.local, historyDir)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	next := uint64(0)
	for _, s := range historyRow(names) {
		if s.to < next { // merged into one before it
			h.forget(s)
			continue
		}
		if next > 0 && s.from != next {
			return fmt.Errorf("%w: additions %d to %d are missing", historyindex.ErrDamaged, next, s.from-1)
		}
		if err := h.openSegment(s); err != nil {
			return errors.Join(err, s.close())
		}
		next = s.to + 1
	}
	return nil
}

// forget removes the file of a segment that a merged one has replaced, where no crash, and no system that keeps open files,
// has done so.
func (h *history) forget(s *historySegment) {
	if h.repo.lock != nil {
		_ = h.repo.local.Remove(path.Join(historyDir, historyName(s.from, s.to))) // the next command tries again
	}
}

// historyRow gives the segments of a listing in order; of those that begin together the longest comes first.
func historyRow(names []vfs.DirName) []*historySegment {
	var row []*historySegment
	for _, n := range names {
		if from, to, ok := parseHistoryName(n.Name); ok {
			row = append(row, &historySegment{from: from, to: to})
		}
	}
	slices.SortFunc(row, func(a, b *historySegment) int {
		if a.from != b.from {
			return int(a.from - b.from)
		}
		return int(b.to - a.to)
	})
	return row
}

func (h *history) openSegment(s *historySegment) error {
	file, err := h.repo.local.OpenHandle(path.Join(historyDir, historyName(s.from, s.to)), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	s.file = file
	st, err := file.StatStat()
	if err != nil {
		return err
	}
	s.size = st.Size
	return h.openIndex(s, file)
}

func (h *history) openIndex(s *historySegment, from io.ReaderAt) (err error) {
	if s.index, err = h.readSegment(from, s.size); err != nil {
		return err
	}
	return h.addSegment(s)
}

// encodeSegment gives the bytes of a new segment's file.
func (h *history) encodeSegment(b *historyindex.Builder) ([]byte, error) {
	sealer, err := h.repo.vault.LocalSealer(historyPurpose)
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	err = b.Write(&data, sealer, &h.codec)
	return data.Bytes(), err
}

// readSegment opens the bytes of a segment's file.
func (h *history) readSegment(from io.ReaderAt, size int64) (*historyindex.Segment, error) {
	sealer, err := h.repo.vault.LocalSealer(historyPurpose)
	if err != nil {
		return nil, err
	}
	return historyindex.Open(from, size, sealer, &h.codec)
}

// append takes a new segment in: as a file if the lock is, or can be, held and nobody else has added to the index since it
// was opened, in memory otherwise.
func (h *history) append(ctx context.Context, b *historyindex.Builder) error {
	data, err := h.encodeSegment(b)
	if err != nil {
		return err
	}
	s := &historySegment{from: 1, size: int64(len(data))}
	if n := len(h.segments); n > 0 {
		s.from = h.segments[n-1].to + 1
	}
	s.to = s.from
	if n := len(h.segments); n == 0 || h.segments[n-1].file != nil || h.segments[n-1].written {
		if err := h.publish(ctx, s, data); err != nil {
			h.repo.notes = append(h.repo.notes, fmt.Sprintf("the history index could not be written: %v", err))
		}
	}
	return h.openIndex(s, bytes.NewReader(data))
}

// publish writes a segment, if it may, and joins small ones. It is an optimisation: what goes wrong costs time only.
func (h *history) publish(ctx context.Context, s *historySegment, data []byte) error {
	if h.repo.lock == nil {
		held, err := lock(ctx, h.repo.places.Vault, 0)
		if err != nil {
			return nil
		}
		defer held.Close()
	}
	if err := vfs.MkdirAll(h.repo.local, historyDir, 0o700); err != nil {
		return err
	}
	names, err := listAll(h.repo.local, historyDir)
	if err != nil {
		return err
	}
	if row := historyRow(names); len(row) > 0 && slices.MaxFunc(row, func(a, b *historySegment) int { return int(a.to) - int(b.to) }).to+1 != s.from {
		return nil // somebody has added to it, or dropped it, meanwhile
	} else if len(row) == 0 && s.from != 1 {
		return nil
	}
	write := func(w io.Writer) error { _, err := w.Write(data); return err }
	if err := h.writeSegment(historyName(s.from, s.to), write); err != nil {
		return err
	}
	s.written = true
	return h.join(s)
}

// writeSegment writes a file under a temporary name and renames it. Nothing is synced: a file that a crash has torn does not
// open, and is built again.
func (h *history) writeSegment(name string, write func(io.Writer) error) (err error) {
	temporary := path.Join(historyDir, ".tmp-"+name)
	file, err := h.repo.local.OpenHandle(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Close())
	if err == nil {
		err = h.repo.local.Rename(temporary, path.Join(historyDir, name))
	}
	if err != nil {
		err = errors.Join(err, h.repo.local.Remove(temporary))
	}
	return err
}
