package memfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"evault/internal/vfs"
)

// dir is an open directory.
type dir struct {
	d      *disk
	n      *node
	full   string // path from the root of the disk when it was opened
	closed bool
}

var _ vfs.Dir = (*dir)(nil)

// on runs an operation on one name.
func (d *dir) on(kind Kind, name string, act func(op *Op, p place) error) error {
	if err := vfs.CheckComponent(kind.String(), name); err != nil {
		return err
	}
	return d.d.do(Op{Kind: kind, Name: path.Join(d.full, name)}, func(op *Op) error {
		if d.closed {
			return fs.ErrClosed
		}
		return act(op, place{d.n, name, d.n.entries[name]})
	})
}

// onNode runs an operation on what a name stands for.
func (d *dir) onNode(kind Kind, name string, act func(op *Op, n *node) error) error {
	return d.on(kind, name, func(op *Op, p place) error {
		if p.node == nil {
			return syscall.ENOENT
		}
		return act(op, p.node)
	})
}

func (d *dir) ReadNames(buf []vfs.DirName) ([]vfs.DirName, error) {
	err := d.d.do(Op{Kind: ReadNames, Name: d.full}, func(*Op) error {
		if d.closed {
			return fs.ErrClosed
		}
		for name, n := range d.n.entries {
			buf = append(buf, vfs.DirName{Name: name, Type: n.typ})
		}
		return nil
	})
	return buf, err
}

func (d *dir) Lstat(name string, st *vfs.Stat) error {
	return d.onNode(Stat, name, func(_ *Op, n *node) error {
		n.fill(st)
		return nil
	})
}

func (d *dir) Stat(st *vfs.Stat) error {
	return d.d.do(Op{Kind: Stat, Name: d.full}, func(*Op) error {
		if d.closed {
			return fs.ErrClosed
		}
		d.n.fill(st)
		return nil
	})
}

func (d *dir) OpenDir(name string) (vfs.Dir, error) {
	var sub *dir
	err := d.onNode(Open, name, func(_ *Op, n *node) error {
		if n.typ != vfs.Directory {
			return syscall.ENOTDIR
		}
		sub = &dir{d: d.d, n: n, full: path.Join(d.full, name)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sub, nil
}

func (d *dir) OpenFile(name string, flag int, perm uint32) (vfs.File, error) {
	var f *file
	err := d.on(openKind(flag), name, func(op *Op, p place) (err error) {
		f, err = d.d.openPlace(op, p, name, flag, perm)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func openKind(flag int) Kind {
	if flag&os.O_CREATE != 0 {
		return Create
	}
	return Open
}

// openPlace opens what is at p, or creates it. An existing file is only looked at, so op is not a Create then.
func (d *disk) openPlace(op *Op, p place, name string, flag int, perm uint32) (f *file, err error) {
	switch {
	case p.node != nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, syscall.EEXIST
	case p.node != nil:
		op.Kind = Open
		return d.open(p.node, name, op.Name, flag)
	case flag&os.O_CREATE == 0:
		return nil, syscall.ENOENT
	}
	n, err := d.add(op, p, vfs.Regular, perm)
	if err != nil {
		return nil, err
	}
	return d.open(n, name, op.Name, flag)
}

func (d *dir) Mkdir(name string, perm uint32) error {
	return d.on(Mkdir, name, func(op *Op, p place) error {
		_, err := d.d.add(op, p, vfs.Directory, perm)
		return err
	})
}

func (d *dir) Remove(name string) error {
	return d.on(Remove, name, func(op *Op, p place) error {
		if p.node != nil && p.node.typ == vfs.Directory {
			return syscall.EISDIR
		}
		return d.d.removeEntry(op, p)
	})
}

func (d *dir) RemoveDir(name string) error {
	return d.on(RemoveDir, name, func(op *Op, p place) error {
		if p.node != nil && p.node.typ != vfs.Directory {
			return syscall.ENOTDIR
		}
		return d.d.removeEntry(op, p)
	})
}

func (d *dir) Rename(oldname, newname string) error { return d.RenameTo(oldname, d, newname) }

func (d *dir) RenameTo(oldname string, to vfs.Dir, newname string) error {
	return d.pair(Rename, oldname, to, newname, func(op *Op, from, to place) error {
		return d.d.renameEntry(op, from, to, true)
	})
}

func (d *dir) LinkFrom(from vfs.Dir, oldname, newname string) error {
	f, ok := from.(*dir)
	if !ok {
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: errors.ErrUnsupported}
	}
	return f.pair(Link, oldname, d, newname, d.d.linkEntry)
}

func (d *dir) pair(kind Kind, oldname string, to vfs.Dir, newname string, act func(op *Op, from, to place) error) error {
	t, ok := to.(*dir)
	if !ok || t.d != d.d {
		return &os.LinkError{Op: kind.String(), Old: oldname, New: newname, Err: errors.ErrUnsupported}
	}
	if err := vfs.CheckComponent(kind.String(), oldname); err != nil {
		return err
	}
	if err := vfs.CheckComponent(kind.String(), newname); err != nil {
		return err
	}
	op := Op{Kind: kind, Name: path.Join(d.full, oldname), NewName: path.Join(t.full, newname)}
	return d.d.do(op, func(op *Op) error {
		if d.closed || t.closed {
			return fs.ErrClosed
		}
		return act(op, place{d.n, oldname, d.n.entries[oldname]}, place{t.n, newname, t.n.entries[newname]})
	})
}

func (d *dir) Symlink(target, name string) error {
	return d.on(Symlink, name, func(op *Op, p place) error { return d.d.addSymlink(op, p, target) })
}

func (d *disk) addSymlink(op *Op, p place, target string) error {
	if target == "" {
		return syscall.ENOENT
	}
	n, err := d.add(op, p, vfs.Symlink, 0o777)
	if err == nil {
		n.target, op.text = target, target
	}
	return err
}

func (d *dir) Readlink(name string) (target string, err error) {
	err = d.onNode(Readlink, name, func(_ *Op, n *node) error {
		target = n.target
		if n.typ != vfs.Symlink {
			return syscall.EINVAL
		}
		return nil
	})
	return target, err
}

func (d *dir) Mknod(name string, t vfs.Type, perm uint32, rdev uint64) error {
	return d.on(Mknod, name, func(op *Op, p place) error {
		switch t {
		case vfs.Fifo:
			rdev = 0
		case vfs.CharDevice, vfs.BlockDevice:
		default:
			return syscall.EINVAL
		}
		n, err := d.d.add(op, p, t, perm)
		if err == nil {
			n.rdev, op.rdev = rdev, rdev
		}
		return err
	})
}

func (d *dir) Chmod(name string, perm uint32) error {
	return d.onNode(Chmod, name, func(op *Op, n *node) error { return d.d.chmodNode(op, n, perm) })
}

func (d *dir) Lchown(name string, uid, gid uint32) error {
	return d.onNode(Chown, name, func(op *Op, n *node) error {
		d.d.chownNode(op, n, uid, gid)
		return nil
	})
}

func (d *dir) SetTimes(name string, mtime vfs.Time) error {
	return d.onNode(Chtimes, name, func(op *Op, n *node) error {
		d.d.setTimes(op, n, mtime)
		return nil
	})
}

func (d *dir) ListXattrs(name string) (names []string, err error) {
	err = d.onNode(ListXattrs, name, func(_ *Op, n *node) error {
		names = listXattrs(n)
		return nil
	})
	return names, err
}

func (d *dir) GetXattr(name, attr string) (value []byte, err error) {
	err = d.onNode(GetXattr, name, func(_ *Op, n *node) (err error) {
		value, err = getXattr(n, attr)
		return err
	})
	return value, err
}

func (d *dir) SetXattr(name, attr string, value []byte) error {
	return d.onNode(SetXattr, name, func(op *Op, n *node) error { return d.d.setXattr(op, n, attr, value) })
}

func (d *dir) RemoveXattr(name, attr string) error {
	return d.onNode(RemoveXattr, name, func(op *Op, n *node) error { return d.d.removeXattr(op, n, attr) })
}

func (d *dir) Sync() error {
	return d.d.do(Op{Kind: SyncDir, Name: d.full, ino: d.n.ino}, func(*Op) error {
		if d.closed {
			return fs.ErrClosed
		}
		return nil
	})
}

func (d *dir) Close() error {
	d.d.mu.Lock()
	defer d.d.mu.Unlock()
	if d.closed {
		return &fs.PathError{Op: "close", Path: d.full, Err: fs.ErrClosed}
	}
	d.closed = true
	return nil
}
