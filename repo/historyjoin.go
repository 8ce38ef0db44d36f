package repo

import (
	"bufio"
	"errors"
	"io"
	"path"

	"evault/internal/historyindex"
)

const (
	joinCount = 8       // so many neighbours of one size class, or smaller, become one segment
	joinUnit  = 4 << 10 // bytes; segments below eight times that are the least class, each further class is eight times larger
	joinBytes = 4 << 20 // a commit joins at most so much: the rest is left to commands that only look
)

// joinClass is the size class of a segment.
func joinClass(size int64) int {
	class := 0
	for size /= joinUnit; size >= joinCount; size /= joinCount {
		class++
	}
	return class
}

// join merges the newest segments, s and those open before it, while there are too many of one class. Each commit is
// rewritten a few times for each class, so the cost of an addition grows with the logarithm of the history. The segments that
// are open stay open, whatever becomes of their files.
func (h *history) join(s *historySegment) error {
	row := append(append([]*historySegment(nil), h.segments...), s)
	for class := 0; ; class++ {
		from, size, larger := len(row), int64(0), false
		for from > 0 && !larger {
			if larger = joinClass(row[from-1].size) > class; !larger {
				from--
				size += row[from].size
			}
		}
		if len(row)-from >= joinCount && (h.repo.lock == nil || size <= joinBytes) {
			return h.merge(row[from:])
		}
		if from == 0 {
			return nil
		}
	}
}

// merge writes neighbours as one file, and then removes theirs.
func (h *history) merge(row []*historySegment) error {
	sealer, err := h.repo.vault.LocalSealer(historyPurpose)
	if err != nil {
		return err
	}
	var open []*historyindex.Segment
	var closers []io.Closer
	defer func() {
		for _, c := range closers {
			_ = c.Close() // read from only
		}
	}()
	for _, s := range row {
		if s.index != nil {
			open = append(open, s.index)
			continue
		}
		file, err := h.repo.local.Open(path.Join(historyDir, historyName(s.from, s.to)))
		if err != nil {
			return err
		}
		closers = append(closers, file)
		index, err := h.readSegment(file, s.size)
		if err != nil {
			return err
		}
		open = append(open, index)
	}
	err = h.writeSegment(historyName(row[0].from, row[len(row)-1].to), func(to io.Writer) error {
		buffered := bufio.NewWriterSize(to, 256<<10)
		w := historyindex.NewWriter(buffered, sealer, &h.codec)
		return errors.Join(historyindex.Merge(w, open), w.Close(), buffered.Flush())
	})
	if err != nil {
		return err
	}
	for _, s := range row {
		_ = h.repo.local.Remove(path.Join(historyDir, historyName(s.from, s.to))) // what stays is passed over, and forgotten later
	}
	return nil
}
