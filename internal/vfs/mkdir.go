package vfs

import (
	"errors"
	"io/fs"
	"path"
	"syscall"
)

// MkdirAll makes the directory name and all that is missing above it. It is what every [FS] does for billy's MkdirAll:
// unlike os.Root's it makes nothing through a link that leads nowhere.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	name, err := CleanName("mkdir", name)
	if err != nil {
		return err
	}
	fi, err := fsys.Stat(name)
	switch {
	case err == nil && !fi.IsDir():
		return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := MkdirAll(fsys, path.Dir(name), perm); err != nil {
		return err
	}
	return mkdirIfMissing(fsys, name, perm)
}

// MkdirAllSync makes the directory name and all that is missing above it, and syncs every parent, so that they survive
// a crash. Parents of directories that exist already are synced too: whoever made them may have died before doing so,
// and what is then published inside would hang on a name that is not durable. Syncing an unchanged directory is cheap;
// a caller with many files in one directory calls this once. It is safe beside others that make the same directories.
func MkdirAllSync(fsys FS, name string, perm fs.FileMode) error {
	name, err := CleanName("mkdir", name)
	if err != nil || name == "." {
		return err
	}
	parent := path.Dir(name)
	if err := MkdirAllSync(fsys, parent, perm); err != nil {
		return err
	}
	if err := mkdirIfMissing(fsys, name, perm); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}

func mkdirIfMissing(fsys FS, name string, perm fs.FileMode) error {
	err := fsys.Mkdir(name, perm)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, serr := fsys.Stat(name)
	if serr != nil {
		return serr
	}
	if !fi.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
	}
	return nil
}
