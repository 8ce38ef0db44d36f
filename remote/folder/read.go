package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"evault/internal/vfs"
	"evault/remote"
)

// openRegular opens a plain file of at most limit bytes. A link, a fifo or anything else is remote.ErrDamaged; so is a file
// that is larger. A file that is not there is remote.ErrNotFound.
func openRegular(d vfs.Dir, name string, limit int64) (vfs.File, vfs.Stat, error) {
	var st vfs.Stat
	// Looked at first: to open a device may do something.
	err := d.Lstat(name, &st)
	if err == nil {
		err = checkRegular(name, st, limit)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, st, fmt.Errorf("%w: %w", remote.ErrNotFound, err)
	}
	if err != nil {
		return nil, st, err
	}
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, st, fmt.Errorf("%w: %w", remote.ErrNotFound, err)
	}
	if err != nil {
		return nil, st, err
	}
	st, err = f.StatStat()
	if err == nil {
		err = checkRegular(name, st, limit)
	}
	if err != nil {
		return nil, st, errors.Join(err, f.Close())
	}
	return f, st, nil
}

func checkRegular(name string, st vfs.Stat, limit int64) error {
	switch {
	case st.Type != vfs.Regular:
		return fmt.Errorf("%w: %s is a %s and no plain file", remote.ErrDamaged, name, st.Type)
	case st.Size > limit:
		return fmt.Errorf("%w: %s has %d bytes, more than the %d that are allowed", remote.ErrDamaged, name, st.Size, limit)
	}
	return nil
}

// readRegular reads a plain file of at most limit bytes into buf, which grows if need be. Errors as of openRegular.
func readRegular(d vfs.Dir, name string, limit int64, buf []byte) (data []byte, err error) {
	f, st, err := openRegular(d, name, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if int64(cap(buf)) < st.Size {
		buf = make([]byte, st.Size)
	}
	data = buf[:st.Size]
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// readAt is readRegular of a file in a folder given by its components.
func (p *place) readAt(name string, limit int64, dir string, rest ...string) (data []byte, err error) {
	d, err := p.openDir(dir, rest...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", remote.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	data, err = readRegular(d, name, limit, nil)
	return data, errors.Join(err, d.Close())
}
