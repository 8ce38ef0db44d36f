package folder

import (
	"errors"
	"fmt"

	"evault/refs"
	"evault/remote"
)

// entry is a record on its way into a log.
type entry struct {
	refs.Header
	hash [32]byte // of its header
	data []byte   // header and body
}

func (e *entry) position() refs.Position { return refs.Position{Tag: e.Tag, Seq: e.Seq, Hash: e.hash} }

// batch is what one call adds: records of one log, each continuing the one before.
type batch []entry

// newBatch checks all that can be checked of records without looking at the disk. The error is remote.ErrMismatch.
func newBatch(store refs.StoreID, records [][]byte) (batch, error) {
	if len(records) > remote.MaxAppend {
		return nil, fmt.Errorf("%w: %d records at once, more than %d", remote.ErrMismatch, len(records), remote.MaxAppend)
	}
	total := 0
	for _, data := range records {
		if total += len(data); total > remote.MaxAppendBytes {
			return nil, fmt.Errorf("%w: records of more than %d bytes at once", remote.ErrMismatch, remote.MaxAppendBytes)
		}
	}
	b := make(batch, len(records))
	for i, data := range records {
		h, hash, body, err := refs.CheckRecord(store, data)
		if err == nil && body == nil {
			err = errors.New("it has no body")
		}
		if err == nil && i > 0 {
			err = h.Follows(b[i-1].position())
		}
		if err != nil {
			return nil, fmt.Errorf("%w: record %d of %d: %w", remote.ErrMismatch, i+1, len(records), err)
		}
		b[i] = entry{Header: h, hash: hash, data: data}
	}
	return b, nil
}

// before gives the position that the first record names as the one before it; ok is false if it is the first of its log.
func (b batch) before() (p refs.Position, ok bool) {
	if b[0].Seq == 0 {
		return p, false
	}
	return refs.Position{Tag: b[0].Tag, Seq: b[0].Seq - 1, Hash: b[0].Previous}, true
}
