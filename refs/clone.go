package refs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"evault/internal/vfs"
)

const (
	clonePath  = "local/clone"
	cloneMagic = "evault clone 1"
	maxClone   = 256
)

// cloneFile says which working copy this is, and in which folder on which disk it was when that was decided.
type cloneFile struct {
	id       CloneID
	dev, ino uint64
}

// EnsureClone gives the ID of the working copy whose .evault folder is given. It mints one (minted is true) if there is none,
// and if the folder is not the one that the ID was minted in: it was copied, or moved to another filesystem, and two working
// copies must never write to one log. The caller holds the lock.
func EnsureClone(evault vfs.FS) (id CloneID, minted bool, err error) {
	st, err := evault.LstatStat(".")
	if err != nil {
		return CloneID{}, false, err
	}
	known, err := readClone(evault)
	if err == nil && known.dev == st.Dev && known.ino == st.Ino {
		return known.id, false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isContent(err) {
		return CloneID{}, false, err
	}
	id, err = RenewClone(evault)
	return id, err == nil, err
}

// ReadClone gives the ID of the working copy without writing anything. current is false if EnsureClone would mint another.
func ReadClone(evault vfs.FS) (id CloneID, current bool, err error) {
	st, err := evault.LstatStat(".")
	if err != nil {
		return CloneID{}, false, err
	}
	known, err := readClone(evault)
	return known.id, err == nil && known.dev == st.Dev && known.ino == st.Ino, err
}

// RenewClone mints a new ID for the working copy: its next record begins a new log. It is for a log that is frozen by a fork,
// or that was put back to an older state and cannot go on without one. The caller holds the lock.
func RenewClone(evault vfs.FS) (CloneID, error) {
	st, err := evault.LstatStat(".")
	if err != nil {
		return CloneID{}, err
	}
	c := cloneFile{dev: st.Dev, ino: st.Ino}
	rand.Read(c.id[:]) // never fails: see crypto/rand
	if err := vfs.Publish(evault, clonePath, c.append(nil), 0o600); err != nil {
		return CloneID{}, err
	}
	return c.id, nil
}

func (c *cloneFile) append(b []byte) []byte {
	return fmt.Appendf(b, "%s\nid %s\ndevice %d\ninode %d\n", cloneMagic, c.id, c.dev, c.ino)
}

func readClone(evault vfs.FS) (cloneFile, error) {
	data, err := readNamed(evault, clonePath, maxClone)
	if err != nil {
		return cloneFile{}, err
	}
	c, err := decodeClone(data)
	if err != nil {
		return cloneFile{}, fmt.Errorf("%s: %w", clonePath, err)
	}
	return c, nil
}

func decodeClone(data []byte) (c cloneFile, err error) {
	lines := strings.Split(string(data), "\n")
	if lines[0] != cloneMagic && strings.HasPrefix(lines[0], "evault clone ") {
		return c, fmt.Errorf("%w: %.40q", ErrNewer, lines[0])
	}
	if len(lines) == 5 {
		err = errors.Join(
			parseHex(c.id[:], strings.TrimPrefix(lines[1], "id ")),
			parseDecimal(&c.dev, strings.TrimPrefix(lines[2], "device ")),
			parseDecimal(&c.ino, strings.TrimPrefix(lines[3], "inode ")))
	}
	if err != nil || string(c.append(nil)) != string(data) {
		return cloneFile{}, fmt.Errorf("%w: not a clone's file as it is written", ErrDamaged)
	}
	return c, nil
}

func parseDecimal(dst *uint64, s string) (err error) {
	*dst, err = strconv.ParseUint(s, 10, 64)
	return err
}

const storeIDName = "id"

// CreateStoreID mints the ID of a new store and keeps it, durably, in its file id. The error is fs.ErrExist if the store has
// one.
func CreateStoreID(store vfs.FS) (StoreID, error) {
	var id StoreID
	rand.Read(id[:]) // never fails: see crypto/rand
	if err := vfs.PublishNew(store, storeIDName, []byte(id.String()+"\n"), 0o600); err != nil {
		return StoreID{}, err
	}
	return id, nil
}

// ReadStoreID reads the ID of a store.
func ReadStoreID(store vfs.FS) (StoreID, error) {
	var id StoreID
	data, err := readNamed(store, storeIDName, 2*int64(hex.EncodedLen(len(id))))
	if err != nil {
		return StoreID{}, fmt.Errorf("store ID: %w", err)
	}
	text, ok := strings.CutSuffix(string(data), "\n")
	if !ok || parseHex(id[:], text) != nil {
		return StoreID{}, fmt.Errorf("store ID: %w: not as it is written", ErrDamaged)
	}
	return id, nil
}
