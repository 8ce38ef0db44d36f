package refs

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// behind is for a source whose log ends before the mirror's, or with another record in its last place.
func (m *mirroring) behind(ctx context.Context, head, tip Position) error {
	if head.Seq < tip.Seq {
		m.found(m.rollback(head.Tag, tip.Seq, head.Seq+1))
	}
	d, err := openLog(m.o.Store, head.Tag)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	data, err := d.read(head.Seq)
	if err := errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	if known := headerHash(data); known != head.Hash {
		return m.other(ctx, head, known)
	}
	return nil
}

// other has the source show the record that it announces in the place of a known one.
func (m *mirroring) other(ctx context.Context, head Position, known [32]byte) error {
	var data []byte
	given := false
	err := m.src.Records(ctx, head.Tag, head.Seq, func(b []byte) error {
		if !given && len(b) <= MaxRecord {
			data = slices.Clone(b)
		}
		given = true
		return errEnough
	})
	if err != nil && !given {
		return err
	}
	if !given {
		m.found(m.c.problem(head.Tag, head.Seq, fmt.Errorf("%w: the store announces it and does not give it", ErrHidden)))
		return nil
	}
	return m.compare(head.Tag, head.Seq, data, known)
}

// compare judges a record that a source gives for a place in which another is known. It is no fork unless the log's own key
// has signed both.
func (m *mirroring) compare(tag Tag, seq uint64, data []byte, known [32]byte) error {
	h, hash, _, err := CheckRecord(m.o.StoreID, data)
	switch {
	case err == nil && (h.Tag != tag || h.Seq != seq):
		err = fmt.Errorf("%w: it is %s", ErrMismatch, recordName(h.Tag, h.Seq))
	case err == nil && hash == known:
		err = fmt.Errorf("%w: the store announces another one than it gives", ErrMismatch)
	}
	if err != nil {
		m.found(m.c.problem(tag, seq, err))
		return nil
	}
	m.found(&ForkError{Tag: tag, Seq: seq, Known: known, Found: hash, Evidence: data})
	return keepRecord(m.o, tag, seq, hash, data)
}

// vanished names the logs that are known and that the source does not name.
func (m *mirroring) vanished(copies []Tag) error {
	named := make(map[Tag]bool)
	for _, p := range m.result.Heads {
		named[p.Tag] = true
	}
	for _, tag := range copies {
		if named[tag] {
			continue
		}
		tip, known, err := m.tip(Position{Tag: tag})
		if err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
		if pin, ok := m.pinned[tag]; ok && (!known || pin.Seq > tip.Seq) {
			tip, known = pin, true
		}
		if known {
			m.found(m.rollback(tag, tip.Seq, 0))
		}
		named[tag] = true
	}
	for _, tag := range sortedTags(m.pinned) {
		if !named[tag] {
			m.found(m.rollback(tag, m.pinned[tag].Seq, 0))
		}
	}
	return nil
}
