package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"evault/internal/historyindex"
)

// mend makes a segment again in which a block turned out to be damaged, with the same commits, from the vault. why is what
// was found; anything but damage is returned.
func (h *history) mend(s *historySegment, why error) error {
	if !errors.Is(why, historyindex.ErrDamaged) {
		return why
	}
	db, err := h.repo.database()
	if err != nil {
		return err
	}
	var b historyindex.Builder
	diff := historyDiff{ctx: h.ctx, src: db}
	for n := s.first; n < s.first+s.index.Len(); n++ {
		data, c, err := h.repo.readCommit(h.ctx, h.ids[n])
		if err != nil {
			return err
		}
		f := newCommit{id: h.ids[n], commit: c, data: data}
		parent, err := h.repo.firstParentTree(h.ctx, c)
		if err != nil {
			return err
		}
		if err := diff.add(&b, f, parent); err != nil {
			return err
		}
	}
	h.repo.notes = append(h.repo.notes, fmt.Sprintf("a part of the history index is made again: %v", why))
	return h.replace(s, &b)
}

// replace gives a segment other contents, in memory, and if that may be written on disk too.
func (h *history) replace(s *historySegment, b *historyindex.Builder) error {
	data, err := h.encodeSegment(b)
	if err != nil {
		return err
	}
	fresh, err := h.readSegment(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	s.index, s.size = fresh, int64(len(data))
	if s.file == nil {
		return nil
	}
	err, s.file = s.file.Close(), nil
	if h.repo.lock == nil {
		held, busy := lock(h.ctx, h.repo.places.Vault, 0)
		if busy != nil {
			return nil // the next reader mends it
		}
		defer held.Close()
	}
	err = errors.Join(err, h.writeSegment(historyName(s.from, s.to), func(w io.Writer) error { _, err := w.Write(data); return err }))
	if err != nil {
		h.repo.notes = append(h.repo.notes, fmt.Sprintf("the history index could not be written: %v", err))
	}
	return nil
}
