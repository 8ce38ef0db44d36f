package memfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"evault/internal/vfs"
)

// do runs one operation: asks for faults, then acts with the disk locked, then records. act may fill in op.
func (d *disk) do(op Op, act func(op *Op) error) error {
	late, err := d.admit(&op)
	if err == nil {
		err = d.locked(&op, act)
	}
	if err == nil {
		err = late
	}
	return named(op, err)
}

func (d *disk) locked(op *Op, act func(op *Op) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := act(op); err != nil {
		return err
	}
	d.log(*op)
	return nil
}

// named wraps a bare error with the operation and its names.
func named(op Op, err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	if err == nil || errors.As(err, &pe) || errors.As(err, &le) {
		return err
	}
	if op.NewName != "" {
		return &os.LinkError{Op: op.Kind.String(), Old: op.Name, New: op.NewName, Err: err}
	}
	return &fs.PathError{Op: op.Kind.String(), Path: op.Name, Err: err}
}

// The functions below change entries. The disk is locked; each notes in op what replaying needs.

// add puts a new inode under p.
func (d *disk) add(op *Op, p place, t vfs.Type, perm uint32) (*node, error) {
	if p.node != nil {
		return nil, syscall.EEXIST
	}
	if p.dir.nlink == 0 {
		return nil, syscall.ENOENT
	}
	n := d.newNode(t, perm)
	op.ino, op.dir, op.base = n.ino, p.dir.ino, p.base
	op.typ, op.perm, op.mtime = t, n.perm, n.mtime
	p.dir.link(p.base, n)
	d.touch(p.dir)
	return n, nil
}

func (d *disk) removeEntry(op *Op, p place) error {
	if p.node == nil {
		return syscall.ENOENT
	}
	if p.base == "." {
		return syscall.EINVAL
	}
	if len(p.node.entries) > 0 {
		return syscall.ENOTEMPTY
	}
	op.ino, op.dir, op.base = p.node.ino, p.dir.ino, p.base
	p.dir.unlink(p.base)
	p.node.ctime = d.now()
	d.touch(p.dir)
	return nil
}

func (d *disk) linkEntry(op *Op, from, to place) error {
	switch {
	case from.node == nil:
		return syscall.ENOENT
	case from.node.typ == vfs.Directory:
		return syscall.EPERM
	case to.node != nil:
		return syscall.EEXIST
	case to.dir.nlink == 0:
		return syscall.ENOENT
	}
	op.ino, op.newDir, op.newBase = from.node.ino, to.dir.ino, to.base
	to.dir.link(to.base, from.node)
	from.node.ctime = d.now()
	d.touch(to.dir)
	return nil
}

func (d *disk) renameEntry(op *Op, from, to place, replace bool) error {
	if err := mayRename(from, to, replace); err != nil {
		return err
	}
	op.ino, op.dir, op.base, op.newDir, op.newBase = from.node.ino, from.dir.ino, from.base, to.dir.ino, to.base
	if to.node == from.node {
		op.Kind = Stat // POSIX: two names of one file; nothing happens
		return nil
	}
	to.dir.unlink(to.base)
	from.dir.unlink(from.base)
	to.dir.link(to.base, from.node)
	from.node.ctime = d.now()
	d.touch(from.dir)
	d.touch(to.dir)
	return nil
}

func mayRename(from, to place, replace bool) error {
	isDir := func(n *node) bool { return n.typ == vfs.Directory }
	switch {
	case from.base == "." || to.base == ".":
		return syscall.EBUSY
	case from.node == nil || to.dir.nlink == 0:
		return syscall.ENOENT
	case isDir(from.node) && from.node.holds(to.dir):
		return syscall.EINVAL
	case to.node == nil:
		return nil
	case !replace:
		return syscall.EEXIST
	case isDir(from.node) && !isDir(to.node):
		return syscall.ENOTDIR
	case !isDir(from.node) && isDir(to.node):
		return syscall.EISDIR
	case len(to.node.entries) > 0 && to.node != from.node:
		return syscall.ENOTEMPTY
	}
	return nil
}

// holds reports whether x is n or below it.
func (n *node) holds(x *node) bool {
	if n == x {
		return true
	}
	for _, c := range n.entries {
		if c.typ == vfs.Directory && c.holds(x) {
			return true
		}
	}
	return false
}

func (d *disk) chmodNode(op *Op, n *node, perm uint32) error {
	if n.typ == vfs.Symlink {
		return syscall.EOPNOTSUPP
	}
	n.perm = perm & 0o7777
	n.ctime = d.now()
	op.ino, op.perm = n.ino, n.perm
	return nil
}

func (d *disk) chownNode(op *Op, n *node, uid, gid uint32) {
	if uid != keepOwner {
		n.uid = uid
	}
	if gid != keepOwner {
		n.gid = gid
	}
	n.ctime = d.now()
	op.ino, op.uid, op.gid = n.ino, n.uid, n.gid
}

// keepOwner is chown's "leave this one", -1.
const keepOwner = ^uint32(0)

func (d *disk) setTimes(op *Op, n *node, mtime vfs.Time) {
	n.mtime = mtime
	n.ctime = d.now()
	op.ino, op.mtime = n.ino, mtime
}

func (d *disk) setXattr(op *Op, n *node, attr string, value []byte) error {
	if attr == "" || len(attr) > 255 {
		return syscall.ERANGE
	}
	if n.xattrs == nil {
		n.xattrs = map[string][]byte{}
	}
	value = append([]byte{}, value...)
	n.xattrs[attr] = value
	n.ctime = d.now()
	op.ino, op.text, op.Data = n.ino, attr, value
	return nil
}

func (d *disk) removeXattr(op *Op, n *node, attr string) error {
	if _, ok := n.xattrs[attr]; !ok {
		return syscall.ENODATA
	}
	delete(n.xattrs, attr)
	n.ctime = d.now()
	op.ino, op.text = n.ino, attr
	return nil
}

func getXattr(n *node, attr string) ([]byte, error) {
	value, ok := n.xattrs[attr]
	if !ok {
		return nil, syscall.ENODATA
	}
	return append([]byte{}, value...), nil
}

func listXattrs(n *node) (names []string) {
	for name := range n.xattrs {
		names = append(names, name)
	}
	return names
}
