package refs

import "context"

// coverage counts how many records of each log some checkpoint stands for: their bodies may have been dropped.
type coverage map[Tag]uint64

// note takes in what a record covers, if it is a checkpoint: all before it in its log, and what it has seen. An honest writer
// has seen the heads of all logs whose refs are in its table.
func (c coverage) note(rec *Record) {
	if rec.Body == nil || rec.Body.Checkpoint == nil {
		return
	}
	c[rec.Tag] = max(c[rec.Tag], rec.Seq+1)
	for _, p := range rec.Body.Seen {
		c[p.Tag] = max(c[p.Tag], p.Seq+1)
	}
}

// covers says that a record has a body or needs none. The mirror's own checkpoints are looked for when the first record
// without a body turns up.
func (m *mirroring) covers(ctx context.Context, rec *Record) (bool, error) {
	if rec.Body != nil || rec.Seq < m.covered[rec.Tag] {
		return true, nil
	}
	if m.scanned {
		return false, nil
	}
	m.scanned = true
	for tag := range m.copies {
		l, err := loadAll(ctx, m.o.Store, m.c, tag)
		if err != nil {
			return false, err
		}
		for _, r := range l.records {
			m.covered.note(r)
		}
	}
	return rec.Seq < m.covered[rec.Tag], nil
}
