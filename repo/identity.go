package repo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"

	"evault/internal/vfs"
	"evault/keys"
)

// identityName is the file, in the user's configuration folder, that holds the secrets of this device.
const identityName = "identity"

const maxIdentitySize = 64 << 10

// LoadIdentity reads the identity of this device. It fails with fs.ErrNotExist where there is none yet, and with
// ErrUnsafeIdentity where the file's mode or owner lets anybody else read it.
func LoadIdentity(p Places, s Settings) (*keys.Identity, error) {
	id, err := loadIdentity(p, s)
	if err != nil {
		return nil, fmt.Errorf("identity of this device, %s: %w", path.Join(filepath.ToSlash(p.Config.Root()), identityName), err)
	}
	return id, nil
}

func loadIdentity(p Places, s Settings) (*keys.Identity, error) {
	st, err := p.Config.LstatStat(identityName)
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(&st, s); err != nil {
		return nil, err
	}
	data, err := readFile(p.Config, identityName, maxIdentitySize)
	if err != nil {
		return nil, err
	}
	return keys.ParseIdentity(data)
}

func checkPrivate(st *vfs.Stat, s Settings) error {
	switch {
	case st.Type != vfs.Regular:
		return fmt.Errorf("%w: it is not a regular file", ErrUnsafeIdentity)
	case runtime.GOOS == "windows": // its permissions are not in these bits
		return nil
	case st.Perm&0o077 != 0:
		return fmt.Errorf("%w: its mode is %04o and must be 0600", ErrUnsafeIdentity, st.Perm)
	case s.UserID > 0 && int(st.UID) != s.UserID:
		return fmt.Errorf("%w: it belongs to user %d", ErrUnsafeIdentity, st.UID)
	}
	return nil
}

// EnsureIdentity is LoadIdentity, and makes the identity where there is none.
func EnsureIdentity(p Places, s Settings) (id *keys.Identity, created bool, err error) {
	id, err = LoadIdentity(p, s)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, false, err
	}
	if id, err = keys.NewIdentity(); err != nil {
		return nil, false, err
	}
	err = vfs.PublishNew(p.Config, identityName, id.Marshal(), 0o600)
	if errors.Is(err, fs.ErrExist) { // another evault made one at this instant
		id, err = LoadIdentity(p, s)
		return id, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("writing the identity of this device: %w", err)
	}
	return id, true, nil
}

// readFile reads a whole file that must not be larger than limit bytes.
func readFile(fsys vfs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.OpenHandle(name, 0, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w (%d bytes)", name, errTooLong, limit)
	}
	return data, nil
}

var errTooLong = errors.New("larger than it may be")
