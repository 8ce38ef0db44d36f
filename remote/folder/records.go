package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"evault/internal/vfs"
	"evault/refs"
)

// Records gives the records of a log, in order. See remote.Store. It gives those that were there when it began, up to the
// first gap.
func (s *Store) Records(ctx context.Context, tag refs.Tag, from uint64, each func(data []byte) error) error {
	if _, err := s.enter(ctx); err != nil {
		return err
	}
	d, err := s.openDir(logsDir, tag.String())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.named(logDir(tag), err)
	}
	err = eachRecord(ctx, d, from, each)
	closed := d.Close()
	var own callersError
	if errors.As(err, &own) {
		return own.error
	}
	return s.named(logDir(tag), errors.Join(err, closed))
}

// callersError is one of the function that a caller gave, to be returned as it is.
type callersError struct{ error }

func eachRecord(ctx context.Context, d vfs.Dir, from uint64, each func(data []byte) error) error {
	n, err := countRecords(d)
	if err != nil {
		return err
	}
	var buf []byte
	for seq := from; seq < n; seq++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := readRegular(d, seqName(seq), refs.MaxRecord, buf)
		if err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
		if err := each(data); err != nil {
			return callersError{err}
		}
		buf = data[:0]
	}
	return nil
}
