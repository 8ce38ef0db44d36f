package folder

import (
	"context"
	"errors"
	"fmt"

	"evault/internal/vfs"
	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// Mend writes the files `vault` and `id` anew where they are damaged, gone or changed. It is remote.Mender. The logs must bear
// the ID out: their records hold only for the store that they were written for. ErrMismatch: they do not.
func (s *Store) Mend(ctx context.Context, vault keys.VaultID, id refs.StoreID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	s.known = nil
	s.mu.Unlock()
	return s.named("", s.mend(ctx, vault, id))
}

func (s *Store) mend(ctx context.Context, vault keys.VaultID, id refs.StoreID) error {
	if err := s.noWorkingCopy(); err != nil {
		return err
	}
	if err := s.bearOut(ctx, id); err != nil {
		return err
	}
	for _, dir := range storeDirs() {
		if err := s.ensureDir(dir); err != nil {
			return err
		}
	}
	if have, said, err := s.readVault(); err != nil || !said || have != vault {
		if err := vfs.Publish(s.fs, vaultName, []byte(vault.String()+"\n"), filePerm); err != nil {
			return err
		}
	}
	if have, err := s.readID(); err == nil && have == id {
		return nil
	}
	return vfs.Publish(s.fs, idName, []byte(id.String()+"\n"), filePerm)
}

// bearOut looks for a record that was written for the store of that ID. A store without any record bears out nothing.
func (s *Store) bearOut(ctx context.Context, id refs.StoreID) error {
	tags, err := s.tags()
	if err != nil {
		return err
	}
	for _, tag := range tags {
		d, err := s.openDir(logsDir, tag.String())
		if err != nil {
			return err
		}
		n, err := countRecords(d)
		if closed := d.Close(); err != nil || closed != nil {
			return fmt.Errorf("log %s: %w", tag, errors.Join(err, closed))
		}
		for seq := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			data, err := s.readAt(seqName(seq), refs.MaxRecord, logsDir, tag.String())
			if err != nil {
				continue // damaged: another may do
			}
			if h, _, _, err := refs.CheckRecord(id, data); err == nil && h.Tag == tag {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: no record here was written for store %s", remote.ErrMismatch, id)
}
