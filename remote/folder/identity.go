package folder

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// identity is what a folder says about itself.
type identity struct {
	vault keys.VaultID
	said  bool // the file `vault` is there
	store refs.StoreID
}

// identify reads whose store the folder holds. It is remote.ErrNoStore if it holds none, and then gives what it could find
// out.
func (s *Store) identify() (found identity, err error) {
	defer func() { err = s.named("", err) }()
	if err := s.noWorkingCopy(); err != nil {
		return found, err
	}
	if found.vault, found.said, err = s.readVault(); err != nil {
		return found, err
	}
	if found.said && !s.o.Vault.IsZero() && found.vault != s.o.Vault {
		return found, fmt.Errorf("%w: %s", remote.ErrOtherVault, found.vault)
	}
	found.store, err = s.readID()
	return found, err
}

func (s *Store) noWorkingCopy() error {
	_, err := s.fs.LstatStat(workingCopy)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return ErrWorkingCopy
}

func (s *Store) readVault() (id keys.VaultID, said bool, err error) {
	data, err := s.readAt(vaultName, maxIDFile, ".")
	if errors.Is(err, remote.ErrNotFound) {
		return id, false, nil
	}
	if err != nil {
		return id, false, err
	}
	text, ok := strings.CutSuffix(string(data), "\n")
	if id, err = keys.ParseVaultID(text); err != nil || !ok {
		return id, false, fmt.Errorf("%w: the file %s is not as it is written", remote.ErrDamaged, vaultName)
	}
	return id, true, nil
}

func (s *Store) readID() (id refs.StoreID, err error) {
	data, err := s.readAt(idName, maxIDFile, ".")
	if errors.Is(err, remote.ErrNotFound) {
		return id, remote.ErrNoStore
	}
	if err != nil {
		return id, err
	}
	if text, ok := strings.CutSuffix(string(data), "\n"); ok && len(text) == hex.EncodedLen(len(id)) {
		if _, err := hex.Decode(id[:], []byte(text)); err == nil && id.String() == text {
			return id, nil
		}
	}
	return refs.StoreID{}, fmt.Errorf("%w: the file %s is not as it is written", remote.ErrDamaged, idName)
}

// maxIDFile bounds the files `vault` and `id` in bytes, generously: what is longer is not as it is written.
const maxIDFile = 256
