package vfs

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// dirBuffers: os reads directories here.
type dirBuffers struct{}

func newDirBuffers() *dirBuffers { return nil }

func statOfInfo(fi fs.FileInfo) Stat {
	return Stat{
		Type:   TypeOf(fi.Mode()),
		Perm:   PermOf(fi.Mode()),
		Size:   fi.Size(),
		Mtime:  TimeOf(fi.ModTime()),
		Nlink:  1,
		Blocks: -1,
	}
}

func (r *realFS) openFollowing(name string) (d Dir, err error) {
	err = onName("open", name, func(c string) error {
		root, err := r.root.OpenRoot(c)
		if err != nil {
			return err
		}
		d = &rootDir{root, name}
		return nil
	})
	return d, err
}

// OpenDir looks at the last component first; what is opened afterwards is still inside the root.
func (r *realFS) OpenDir(name string) (Dir, error) {
	fi, err := r.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotDir}
	}
	return r.openFollowing(name)
}

// SyncDir checks that the directory is there. NTFS journals names itself and offers no call for it.
func (r *realFS) SyncDir(name string) error {
	fi, err := r.Stat(name)
	if err == nil && !fi.IsDir() {
		err = &fs.PathError{Op: "sync", Path: name, Err: errNotDir}
	}
	return err
}

// RenameNoReplace is a hard link and a removal: os.Root has no renaming that refuses to replace.
func (r *realFS) RenameNoReplace(oldname, newname string) error {
	return onNames("rename", oldname, newname, func(o, n string) error {
		if err := r.root.Link(o, n); err != nil {
			return err
		}
		return r.root.Remove(o)
	})
}

// join makes one path of components for os.Root.
func join(dir, name string) string { return filepath.Join(filepath.FromSlash(dir), name) }

var errNotDir = errors.New("not a directory")
