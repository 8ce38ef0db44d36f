package pack

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"evault/internal/vfs"
)

// SweepIncoming removes what sessions that a crash ended have left in incoming/. The caller holds the repository's
// lock, so that no session is under way. Other files there are left alone.
func SweepIncoming(store vfs.FS) error { return sweep(store, incomingDir, tempPrefix) }

// SweepIndex removes unfinished files of the local index, under the same condition.
func SweepIndex(local vfs.FS) error { return sweep(local, runsDir, vfs.TempPrefix) }

func sweep(fsys vfs.FS, dir, prefix string) error {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			errs = append(errs, fsys.Remove(path.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
