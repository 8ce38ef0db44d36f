package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"time"

	"github.com/go-git/go-billy/v5"
)

// realFS is the system's filesystem below one directory. Paths are resolved by os.Root, which opens them component by
// component and so cannot be led out by a link that appears meanwhile.
type realFS struct {
	root *os.Root
	dirs *dirBuffers // shared with every Dir and Sub opened from here
}

// Open gives the real filesystem rooted at the directory dir, which must exist. Links in dir itself are followed.
// Later changes of the working directory, or renaming of dir, make no difference.
func Open(dir string) (FS, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &realFS{root, newDirBuffers()}, nil
}

// OpenOrCreate is [Open] of a directory that is made first if it is missing, with those above it, for its owner alone
// (mode 0700). New names are synced on their parents where the system can.
func OpenOrCreate(dir string) (FS, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := makeRootDir(abs); err != nil {
		return nil, err
	}
	return Open(abs)
}

func makeRootDir(abs string) error {
	fi, err := os.Stat(abs)
	if err == nil && fi.IsDir() || filepath.Dir(abs) == abs {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeRootDir(filepath.Dir(abs)); err != nil {
		return err
	}
	if err := os.Mkdir(abs, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	parent, err := Open(filepath.Dir(abs))
	if err != nil {
		return err
	}
	return errors.Join(parent.SyncDir("."), parent.Close())
}

// Compile-time statement that the real filesystem is one.
var _ FS = (*realFS)(nil)

func (r *realFS) Root() string { return r.root.Name() }
func (r *realFS) Close() error { return r.root.Close() }

func (r *realFS) Join(elem ...string) string { return path.Join(elem...) }

// onName cleans name and runs f on it, in the form os.Root takes.
func onName(op, name string, f func(string) error) error {
	c, err := CleanName(op, name)
	if err != nil {
		return err
	}
	return escaping(f(filepath.FromSlash(c)))
}

func onNames(op, oldname, newname string, f func(string, string) error) error {
	return onName(op, oldname, func(o string) error {
		return onName(op, newname, func(n string) error { return f(o, n) })
	})
}

// escaping turns os.Root's own error for a path that leads out, which os does not export, into ErrEscapes.
func escaping(err error) error {
	const text = "path escapes from parent"
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Err != nil && pe.Err.Error() == text {
		return &fs.PathError{Op: pe.Op, Path: pe.Path, Err: ErrEscapes}
	}
	var le *os.LinkError
	if errors.As(err, &le) && le.Err != nil && le.Err.Error() == text {
		return &os.LinkError{Op: le.Op, Old: le.Old, New: le.New, Err: ErrEscapes}
	}
	return err
}

func (r *realFS) OpenHandle(name string, flag int, perm fs.FileMode) (f File, err error) {
	err = onName("open", name, func(c string) error {
		of, err := r.root.OpenFile(c, flag, perm.Perm())
		if err != nil {
			return err
		}
		f = wrapFile(of, name)
		return nil
	})
	return f, err
}

// Each of the three turns a typed nil into a plain one.

func (r *realFS) OpenFile(name string, flag int, perm fs.FileMode) (billy.File, error) {
	f, err := r.OpenHandle(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r *realFS) Open(name string) (billy.File, error) { return r.OpenFile(name, os.O_RDONLY, 0) }

func (r *realFS) Create(name string) (billy.File, error) {
	return r.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// TempFile makes a file for its owner alone, named prefix and something random, in dir ("" is the root).
func (r *realFS) TempFile(dir, prefix string) (billy.File, error) {
	if err := CheckComponent("create", prefix+"x"); err != nil {
		return nil, err
	}
	for tries := 0; ; tries++ {
		f, err := r.OpenFile(path.Join(dir, randomName(prefix)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) && tries < maxTempTries {
			continue
		}
		return f, err
	}
}

func (r *realFS) Stat(name string) (fi fs.FileInfo, err error) {
	err = onName("stat", name, func(c string) error {
		fi, err = r.root.Stat(c)
		return err
	})
	return fi, err
}

func (r *realFS) Lstat(name string) (fi fs.FileInfo, err error) {
	err = onName("lstat", name, func(c string) error {
		fi, err = r.root.Lstat(c)
		return err
	})
	return fi, err
}

func (r *realFS) LstatStat(name string) (Stat, error) {
	fi, err := r.Lstat(name)
	if err != nil {
		return Stat{}, err
	}
	return statOfInfo(fi), nil
}

// ReadDir lists a directory sorted by name. Entries that vanish meanwhile are left out.
func (r *realFS) ReadDir(name string) ([]fs.FileInfo, error) {
	d, err := r.openFollowing(name)
	if err != nil {
		return nil, err
	}
	infos, err := readDirInfos(d)
	return infos, errors.Join(err, d.Close())
}

func readDirInfos(d Dir) ([]fs.FileInfo, error) {
	names, err := d.ReadNames(nil)
	if err != nil {
		return nil, err
	}
	sort.Slice(names, func(i, j int) bool { return names[i].Name < names[j].Name })
	infos := make([]fs.FileInfo, 0, len(names))
	for _, n := range names {
		var st Stat
		switch err := d.Lstat(n.Name, &st); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			infos = append(infos, st.FileInfo(n.Name))
		}
	}
	return infos, nil
}

func (r *realFS) Mkdir(name string, perm fs.FileMode) error {
	return onName("mkdir", name, func(c string) error { return r.root.Mkdir(c, perm.Perm()) })
}

func (r *realFS) MkdirAll(name string, perm fs.FileMode) error {
	return MkdirAll(r, name, perm)
}

func (r *realFS) Remove(name string) error { return onName("remove", name, r.root.Remove) }

func (r *realFS) RemoveAll(name string) error { return onName("remove", name, r.root.RemoveAll) }

func (r *realFS) Rename(oldname, newname string) error {
	return onNames("rename", oldname, newname, r.root.Rename)
}

func (r *realFS) Link(oldname, newname string) error {
	return onNames("link", oldname, newname, r.root.Link)
}

func (r *realFS) Symlink(target, name string) error {
	return onName("symlink", name, func(c string) error { return r.root.Symlink(target, c) })
}

func (r *realFS) Readlink(name string) (target string, err error) {
	err = onName("readlink", name, func(c string) error {
		target, err = r.root.Readlink(c)
		return err
	})
	return target, err
}

func (r *realFS) Chmod(name string, mode fs.FileMode) error {
	return onName("chmod", name, func(c string) error { return r.root.Chmod(c, mode) })
}

func (r *realFS) Chown(name string, uid, gid int) error {
	return onName("chown", name, func(c string) error { return r.root.Chown(c, uid, gid) })
}

func (r *realFS) Lchown(name string, uid, gid int) error {
	return onName("lchown", name, func(c string) error { return r.root.Lchown(c, uid, gid) })
}

func (r *realFS) Chtimes(name string, atime, mtime time.Time) error {
	return onName("chtimes", name, func(c string) error { return r.root.Chtimes(c, atime, mtime) })
}

func (r *realFS) Chroot(name string) (billy.Filesystem, error) {
	sub, err := r.Sub(name)
	if err != nil {
		return nil, err
	}
	return sub, nil
}

func (r *realFS) Sub(name string) (sub FS, err error) {
	err = onName("chroot", name, func(c string) error {
		root, err := r.root.OpenRoot(c)
		if err != nil {
			return err
		}
		sub = &realFS{root, r.dirs}
		return nil
	})
	return sub, err
}

// lockHandle is the open file whose lock lives as long as it does.
type lockHandle struct{ f File }

// Close releases the lock.
func (l lockHandle) Close() error { return l.f.Close() }

func (r *realFS) Lock(name string) (io.Closer, error) {
	f, err := r.OpenHandle(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return lockHandle{f}, nil
}

func (r *realFS) Map(name string) (*Mapping, error) {
	f, err := r.OpenHandle(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	m, err := mapFile(f)
	return m, errors.Join(err, f.Close())
}
