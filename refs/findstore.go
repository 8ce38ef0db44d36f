package refs

import (
	"context"
	"errors"

	"evault/internal/vfs"
	"evault/keys"
)

// FindStoreID finds out which ID a store has whose file id is lost: the records of its logs say it, and their signatures hold
// only for the right one. ok is false if there is no record that can be read.
func FindStoreID(ctx context.Context, store vfs.FS, v *keys.Vault) (id StoreID, ok bool, err error) {
	l, err := listLogs(store)
	if err != nil {
		return id, false, err
	}
	s := newSealers(v)
	for _, tag := range l.tags {
		d, err := openLog(store, tag)
		if err != nil {
			return id, false, err
		}
		id, ok, err = findStoreID(ctx, d, s)
		if err := errors.Join(err, d.Close()); err != nil || ok {
			return id, ok, err
		}
	}
	return id, false, nil
}

func findStoreID(ctx context.Context, d logDir, s *sealers) (id StoreID, ok bool, err error) {
	seqs, _, err := d.sequences()
	if err != nil {
		return id, false, err
	}
	for _, seq := range seqs {
		if err := ctx.Err(); err != nil {
			return id, false, err
		}
		data, err := d.read(seq)
		if err != nil && !isContent(err) {
			return id, false, err
		}
		if id, ok := storeOf(d.tag, seq, data, s); err == nil && ok {
			return id, true, nil
		}
	}
	return id, false, nil
}

// storeOf gives the store that a record says it is of, if it is whole.
func storeOf(tag Tag, seq uint64, data []byte, s *sealers) (id StoreID, ok bool) {
	h, sealed, err := DecodeHeader(data)
	if err != nil || h.Tag != tag || h.Seq != seq || len(sealed) == 0 {
		return id, false
	}
	plain, err := s.open(tag, seq, sealed)
	if err != nil {
		return id, false
	}
	b, err := DecodeBody(plain)
	if err != nil {
		return id, false
	}
	_, _, _, err = CheckRecord(b.Store, data)
	return b.Store, err == nil
}
