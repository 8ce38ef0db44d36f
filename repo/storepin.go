package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/internal/vfs"
	"evault/refs"
	"evault/remote"
)

// Which store this user has seen behind the name and address of a remote is pinned beside the logs, outside the vault:
//
//	pins/<vault ID>/store-<hash of name and address>      evault store pin 1
//	                                                      store <store ID>
//
// So a store that was emptied, or replaced by another, is noticed: in a new one no log is behind its pin.
const (
	storePinMagic = "evault store pin 1"
	maxStorePin   = 256
)

func (r *Repository) storePinName(name string, u remote.URL) string {
	u.Device = [32]byte{} // the key of the host may change; what it holds may not
	sum := sha256.Sum256([]byte(name + "\x00" + u.String()))
	return "pins/" + r.vault.ID().String() + "/store-" + hex.EncodeToString(sum[:16])
}

// pinnedStore gives the store that was seen there; zero if none was.
func (r *Repository) pinnedStore(name string, u remote.URL) (id refs.StoreID, err error) {
	data, err := readFile(r.places.State, r.storePinName(name, u), maxStorePin)
	if errors.Is(err, fs.ErrNotExist) {
		return id, nil
	}
	if err != nil {
		return id, fmt.Errorf("pin of remote %s: %w", name, err)
	}
	text, ok := strings.CutPrefix(string(data), storePinMagic+"\nstore ")
	sum, decodeErr := hex.DecodeString(strings.TrimSuffix(text, "\n"))
	if !ok || decodeErr != nil || len(sum) != len(id) {
		return id, fmt.Errorf("%w: the pin of remote %s (%s in the user's state folder) cannot be read", ErrDamaged, name, r.storePinName(name, u))
	}
	return refs.StoreID(sum), nil
}

func (r *Repository) pinStore(name string, u remote.URL, id refs.StoreID) error {
	file := r.storePinName(name, u)
	if err := vfs.MkdirAllSync(r.places.State, file[:strings.LastIndexByte(file, '/')], 0o700); err != nil {
		return fmt.Errorf("pin of remote %s: %w", name, err)
	}
	if err := vfs.Publish(r.places.State, file, []byte(storePinMagic+"\nstore "+id.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("pin of remote %s: %w", name, err)
	}
	return nil
}

func (r *Repository) forgetStore(name string, u remote.URL) error {
	if err := r.places.State.Remove(r.storePinName(name, u)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pin of remote %s: %w", name, err)
	}
	return nil
}

func (r *Repository) renameStorePin(old, name string, u remote.URL) error {
	id, err := r.pinnedStore(old, u)
	if err != nil || id == (refs.StoreID{}) {
		return err
	}
	return errors.Join(r.pinStore(name, u, id), r.forgetStore(old, u))
}
