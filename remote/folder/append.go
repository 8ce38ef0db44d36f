package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"evault/refs"
	"evault/remote"
)

// Append adds records to one log. See remote.Store.
//
// All records are durable in incoming/ before the first gets its name; then each is renamed into logs/<tag>/ and that
// folder synced, in order. So a crash, or a disk that fails half way, leaves the first few of them or all, never one
// behind a gap, and the same call again completes the rest.
//
// What stands in the place of one of the records and is no valid record (the disk has rotted) is replaced by it, if it
// continues the record before: so whoever has a copy can mend a log.
func (s *Store) Append(ctx context.Context, records [][]byte, heads []refs.Position) error {
	store, err := s.storeID(ctx)
	if err != nil {
		return err
	}
	batch, err := newBatch(store, records)
	if err != nil || len(batch) == 0 {
		return s.named("", err)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.named("", s.appendBatch(ctx, store, batch, heads))
}

func (s *Store) appendBatch(ctx context.Context, store refs.StoreID, b batch, heads []refs.Position) error {
	there, err := s.countPresent(store, b)
	if err != nil {
		return err
	}
	dir := logDir(b[0].Tag)
	if there == len(b) {
		return s.fs.SyncDir(dir) // whoever added them may have died before their names were durable
	}
	if err := s.compareHeads(ctx, b, there, heads); err != nil {
		return err
	}
	if err := s.packsPresent(ctx, b[there:]); err != nil {
		return err
	}
	if err := s.ensureDir(dir); err != nil {
		return err
	}
	if there > 0 {
		if err := s.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	return s.publishRecords(ctx, b[there:])
}

// countPresent says how many of the first records are there already.
func (s *Store) countPresent(store refs.StoreID, b batch) (int, error) {
	for i := range b {
		have, err := s.readAt(seqName(b[i].Seq), refs.MaxRecord, logsDir, b[i].Tag.String())
		switch {
		case errors.Is(err, remote.ErrNotFound):
			return i, nil
		case err != nil && !errors.Is(err, remote.ErrDamaged):
			return 0, err
		case err == nil && bytes.Equal(have, b[i].data):
			continue
		}
		h, hash, _, err := refs.CheckRecord(store, have)
		if err != nil || h.Tag != b[i].Tag || h.Seq != b[i].Seq {
			if err := s.heal(&b[i]); err != nil {
				return 0, err
			}
			continue
		}
		if hash != b[i].hash {
			return i, nil // another record: it will not fit
		}
	}
	return len(b), nil
}

// heal puts a record where something stands that is none.
func (s *Store) heal(e *entry) (err error) {
	if e.Seq > 0 {
		before, err := s.readAt(seqName(e.Seq-1), refs.MaxRecord, logsDir, e.Tag.String())
		if err != nil {
			return err
		}
		if hash, err := hashOf(before, e.Tag, e.Seq-1); err != nil || hash != e.Previous {
			return fmt.Errorf("%w: record %d does not continue the one before it", remote.ErrMismatch, e.Seq)
		}
	}
	a, err := s.receiveData(e.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.drop()) }()
	return a.publish(logDir(e.Tag), seqName(e.Seq))
}

// publishRecords gives the records their names, in order. Until the first has its name nothing was done.
func (s *Store) publishRecords(ctx context.Context, b batch) (err error) {
	arrivals := make([]*arrival, 0, len(b))
	defer func() {
		for _, a := range arrivals {
			err = errors.Join(err, a.drop())
		}
	}()
	for _, e := range b {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, err := s.receiveData(e.data)
		if err != nil {
			return err
		}
		arrivals = append(arrivals, a)
	}
	for i, e := range b {
		err := arrivals[i].publishNew(logDir(e.Tag), seqName(e.Seq))
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: record %d of log %s was written meanwhile", remote.ErrConflict, e.Seq, e.Tag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
