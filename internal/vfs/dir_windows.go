package vfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// rootDir is a directory held by an os.Root, whose names are all single components and so never leave it. A link is
// told by an lstat before a name is used; what takes its place afterwards still cannot lead out of the directory.
type rootDir struct {
	root *os.Root
	name string
}

var _ Dir = (*rootDir)(nil)

func (d *rootDir) ReadNames(buf []DirName) ([]DirName, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return buf, err
	}
	entries, err := f.ReadDir(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return buf, err
	}
	for _, e := range entries {
		buf = append(buf, DirName{e.Name(), TypeOf(e.Type())})
	}
	return buf, nil
}

func (d *rootDir) Lstat(name string, st *Stat) error {
	if err := CheckComponent("lstat", name); err != nil {
		return err
	}
	fi, err := d.root.Lstat(name)
	if err == nil {
		*st = statOfInfo(fi)
	}
	return err
}

func (d *rootDir) Stat(st *Stat) error {
	fi, err := d.root.Stat(".")
	if err == nil {
		*st = statOfInfo(fi)
	}
	return err
}

// notLink fails with ELOOP on a link; a name that is not there is fine.
func (d *rootDir) notLink(op, name string) error {
	if err := CheckComponent(op, name); err != nil {
		return err
	}
	fi, err := d.root.Lstat(name)
	if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		return &fs.PathError{Op: op, Path: name, Err: syscall.ELOOP}
	}
	return nil
}

func (d *rootDir) OpenDir(name string) (Dir, error) {
	if err := d.notLink("open", name); err != nil {
		return nil, err
	}
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &rootDir{root, name}, nil
}

func (d *rootDir) OpenFile(name string, flag int, perm uint32) (File, error) {
	if err := d.notLink("open", name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, flag, modeOfPerm(perm).Perm())
	if err != nil {
		return nil, err
	}
	return wrapFile(f, name), nil
}

func (d *rootDir) Mkdir(name string, perm uint32) error {
	return d.on("mkdir", name, func() error { return d.root.Mkdir(name, modeOfPerm(perm).Perm()) })
}

func (d *rootDir) on(op, name string, call func() error) error {
	if err := CheckComponent(op, name); err != nil {
		return err
	}
	return call()
}

func (d *rootDir) Remove(name string) error {
	var st Stat
	if err := d.Lstat(name, &st); err != nil {
		return err
	}
	if st.Type == Directory {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EISDIR}
	}
	return d.root.Remove(name)
}

func (d *rootDir) RemoveDir(name string) error {
	var st Stat
	if err := d.Lstat(name, &st); err != nil {
		return err
	}
	if st.Type != Directory {
		return &fs.PathError{Op: "rmdir", Path: name, Err: errNotDir}
	}
	return d.root.Remove(name)
}

func (d *rootDir) Rename(oldname, newname string) error {
	if err := CheckComponent("rename", newname); err != nil {
		return err
	}
	return d.on("rename", oldname, func() error { return d.root.Rename(oldname, newname) })
}

// RenameTo works between directories one of which was opened below the other's path; os.Root has no call for two
// unrelated handles, so both names are joined to the paths the handles were opened by.
func (d *rootDir) RenameTo(oldname string, to Dir, newname string) error {
	return d.across("rename", d, oldname, to, newname, os.Rename)
}

func (d *rootDir) LinkFrom(from Dir, oldname, newname string) error {
	return d.across("link", from, oldname, d, newname, os.Link)
}

// BUG(windows): RenameTo and LinkFrom resolve the paths of both directories again, as Windows handles of os.Root
// cannot be combined in one call; who swaps a parent for a link in that instant can redirect them.
func (d *rootDir) across(op string, from Dir, oldname string, to Dir, newname string, call func(string, string) error) error {
	f, ok := from.(*rootDir)
	t, ok2 := to.(*rootDir)
	if !ok || !ok2 {
		return &os.LinkError{Op: op, Old: oldname, New: newname, Err: errors.ErrUnsupported}
	}
	if err := CheckComponent(op, oldname); err != nil {
		return err
	}
	if err := CheckComponent(op, newname); err != nil {
		return err
	}
	return call(join(f.root.Name(), oldname), join(t.root.Name(), newname))
}

func (d *rootDir) Symlink(target, name string) error {
	return d.on("symlink", name, func() error { return d.root.Symlink(target, name) })
}

func (d *rootDir) Readlink(name string) (target string, err error) {
	err = d.on("readlink", name, func() (err error) {
		target, err = d.root.Readlink(name)
		return err
	})
	return target, err
}

func (d *rootDir) Chmod(name string, perm uint32) error {
	if err := d.notLink("chmod", name); err != nil {
		return err
	}
	return d.root.Chmod(name, modeOfPerm(perm))
}

func (d *rootDir) SetTimes(name string, mtime Time) error {
	if err := d.notLink("chtimes", name); err != nil {
		return err
	}
	t := mtime.Time()
	return d.root.Chtimes(name, t, t)
}

func unsupported(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: errors.ErrUnsupported}
}

func (d *rootDir) Mknod(name string, _ Type, _ uint32, _ uint64) error {
	return unsupported("mknod", name)
}

func (d *rootDir) Lchown(name string, _, _ uint32) error   { return unsupported("lchown", name) }
func (d *rootDir) ListXattrs(string) ([]string, error)     { return nil, nil }
func (d *rootDir) GetXattr(name, _ string) ([]byte, error) { return nil, unsupported("getxattr", name) }
func (d *rootDir) SetXattr(name, _ string, _ []byte) error { return unsupported("setxattr", name) }
func (d *rootDir) RemoveXattr(name, _ string) error        { return unsupported("removexattr", name) }
func (d *rootDir) Sync() error                             { return nil }
func (d *rootDir) Close() error                            { return d.root.Close() }
