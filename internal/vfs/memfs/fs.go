package memfs

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"syscall"
	"time"

	"github.com/go-git/go-billy/v5"

	"evault/internal/vfs"
)

// on runs an operation on the place that name leads to.
func (m *Memory) on(kind Kind, name string, follow bool, act func(op *Op, p place) error) error {
	return m.d.do(Op{Kind: kind, Name: m.full(name)}, func(op *Op) error {
		p, err := m.find(kind.String(), name, follow)
		if err != nil {
			return err
		}
		return act(op, p)
	})
}

// onNode is on for what must exist.
func (m *Memory) onNode(kind Kind, name string, follow bool, act func(op *Op, n *node) error) error {
	return m.on(kind, name, follow, func(op *Op, p place) error {
		if p.node == nil {
			return syscall.ENOENT
		}
		return act(op, p.node)
	})
}

func (m *Memory) onDir(kind Kind, name string, follow bool, act func(n *node)) error {
	return m.onNode(kind, name, follow, func(op *Op, n *node) error {
		if n.typ != vfs.Directory {
			return syscall.ENOTDIR
		}
		op.ino = n.ino
		act(n)
		return nil
	})
}

// Root gives the path of this filesystem from the root of the one New made, "/" for that one.
func (m *Memory) Root() string { return path.Join("/", m.path) }

// Close does nothing.
func (m *Memory) Close() error { return nil }

// Join joins path elements.
func (m *Memory) Join(elem ...string) string { return path.Join(elem...) }

// OpenHandle opens a file; see vfs.FS.
func (m *Memory) OpenHandle(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	var f *file
	exclusive := flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0
	err := m.on(openKind(flag), name, !exclusive, func(op *Op, p place) (err error) {
		f, err = m.d.openPlace(op, p, name, flag, uint32(perm.Perm()))
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile is OpenHandle for billy.
func (m *Memory) OpenFile(name string, flag int, perm fs.FileMode) (billy.File, error) {
	f, err := m.OpenHandle(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Open opens a file for reading.
func (m *Memory) Open(name string) (billy.File, error) { return m.OpenFile(name, os.O_RDONLY, 0) }

// Create makes or empties a file.
func (m *Memory) Create(name string) (billy.File, error) {
	return m.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// TempFile makes a file with a new name that begins with prefix.
func (m *Memory) TempFile(dir, prefix string) (billy.File, error) {
	if err := vfs.CheckComponent("create", prefix+"x"); err != nil {
		return nil, err
	}
	return m.OpenFile(path.Join(dir, prefix+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// OpenDir opens a directory; see vfs.FS.
func (m *Memory) OpenDir(name string) (vfs.Dir, error) {
	var d *dir
	err := m.onDir(Open, name, false, func(n *node) { d = &dir{d: m.d, n: n, full: m.full(name)} })
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Sub gives the filesystem below a directory.
func (m *Memory) Sub(name string) (vfs.FS, error) {
	var sub *Memory
	err := m.onDir(Open, name, true, func(n *node) { sub = &Memory{d: m.d, root: n, path: m.full(name)} })
	if err != nil {
		return nil, err
	}
	return sub, nil
}

// Chroot is Sub for billy.
func (m *Memory) Chroot(name string) (billy.Filesystem, error) {
	sub, err := m.Sub(name)
	if err != nil {
		return nil, err
	}
	return sub, nil
}

// Stat describes what name leads to.
func (m *Memory) Stat(name string) (fs.FileInfo, error) { return m.info(name, true) }

// Lstat describes name itself.
func (m *Memory) Lstat(name string) (fs.FileInfo, error) { return m.info(name, false) }

func (m *Memory) info(name string, follow bool) (fs.FileInfo, error) {
	st, err := m.stat(name, follow)
	if err != nil {
		return nil, err
	}
	return st.FileInfo(name), nil
}

// LstatStat describes name itself.
func (m *Memory) LstatStat(name string) (vfs.Stat, error) { return m.stat(name, false) }

func (m *Memory) stat(name string, follow bool) (st vfs.Stat, err error) {
	err = m.onNode(Stat, name, follow, func(_ *Op, n *node) error {
		n.fill(&st)
		return nil
	})
	return st, err
}

// ReadDir lists a directory, sorted by name.
func (m *Memory) ReadDir(name string) (infos []fs.FileInfo, err error) {
	err = m.onDir(ReadNames, name, true, func(n *node) {
		for base, c := range n.entries {
			var st vfs.Stat
			c.fill(&st)
			infos = append(infos, st.FileInfo(base))
		}
	})
	sort.Slice(infos, func(i, j int) bool { return infos[i].Name() < infos[j].Name() })
	return infos, err
}

// Mkdir makes one directory.
func (m *Memory) Mkdir(name string, perm fs.FileMode) error {
	return m.on(Mkdir, name, false, func(op *Op, p place) error {
		_, err := m.d.add(op, p, vfs.Directory, uint32(perm.Perm()))
		return err
	})
}

// MkdirAll makes a directory and what is missing above it.
func (m *Memory) MkdirAll(name string, perm fs.FileMode) error {
	return vfs.MkdirAll(m, name, perm)
}

// Remove removes a file, a link or an empty directory.
func (m *Memory) Remove(name string) error {
	return m.on(Remove, name, false, func(op *Op, p place) error {
		if p.node != nil && p.node.typ == vfs.Directory {
			op.Kind = RemoveDir
		}
		return m.d.removeEntry(op, p)
	})
}

// RemoveAll removes a tree, one entry after the other, deepest first.
func (m *Memory) RemoveAll(name string) error {
	c, err := vfs.CleanName("remove", name)
	if err != nil {
		return err
	}
	if c == "." {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EINVAL}
	}
	fi, err := m.Lstat(c)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.IsDir() {
		if err := m.removeBelow(c); err != nil {
			return err
		}
	}
	return m.Remove(c)
}

func (m *Memory) removeBelow(name string) error {
	infos, err := m.ReadDir(name)
	if err != nil {
		return err
	}
	for _, fi := range infos {
		if err := m.RemoveAll(path.Join(name, fi.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Rename renames, replacing newname.
func (m *Memory) Rename(oldname, newname string) error { return m.rename(oldname, newname, true) }

// RenameNoReplace renames unless newname exists.
func (m *Memory) RenameNoReplace(oldname, newname string) error {
	return m.rename(oldname, newname, false)
}

func (m *Memory) rename(oldname, newname string, replace bool) error {
	return m.pair(Rename, oldname, newname, func(op *Op, from, to place) error {
		if to.node != nil && to.node.typ == vfs.Directory {
			return syscall.EEXIST // as os.Root does; a Dir replaces an empty one
		}
		return m.d.renameEntry(op, from, to, replace)
	})
}

// Link makes another name of a file.
func (m *Memory) Link(oldname, newname string) error {
	return m.pair(Link, oldname, newname, m.d.linkEntry)
}

func (m *Memory) pair(kind Kind, oldname, newname string, act func(op *Op, from, to place) error) error {
	return m.d.do(Op{Kind: kind, Name: m.full(oldname), NewName: m.full(newname)}, func(op *Op) error {
		from, err := m.find(kind.String(), oldname, false)
		if err != nil {
			return err
		}
		to, err := m.find(kind.String(), newname, false)
		if err != nil {
			return err
		}
		return act(op, from, to)
	})
}

// Symlink makes name a link to target.
func (m *Memory) Symlink(target, name string) error {
	return m.on(Symlink, name, false, func(op *Op, p place) error { return m.d.addSymlink(op, p, target) })
}

// Readlink gives a link's target.
func (m *Memory) Readlink(name string) (target string, err error) {
	err = m.onNode(Readlink, name, false, func(_ *Op, n *node) error {
		target = n.target
		if n.typ != vfs.Symlink {
			return syscall.EINVAL
		}
		return nil
	})
	return target, err
}

// Chmod sets the permissions of what name leads to.
func (m *Memory) Chmod(name string, mode fs.FileMode) error {
	return m.onNode(Chmod, name, true, func(op *Op, n *node) error { return m.d.chmodNode(op, n, vfs.PermOf(mode)) })
}

// Chown sets the owner of what name leads to; -1 keeps one.
func (m *Memory) Chown(name string, uid, gid int) error { return m.chown(name, uid, gid, true) }

// Lchown sets the owner of name itself; -1 keeps one.
func (m *Memory) Lchown(name string, uid, gid int) error { return m.chown(name, uid, gid, false) }

func (m *Memory) chown(name string, uid, gid int, follow bool) error {
	return m.onNode(Chown, name, follow, func(op *Op, n *node) error {
		m.d.chownNode(op, n, uint32(uid), uint32(gid))
		return nil
	})
}

// Chtimes sets the modification time; access times are not kept here.
func (m *Memory) Chtimes(name string, _, mtime time.Time) error {
	return m.onNode(Chtimes, name, true, func(op *Op, n *node) error {
		m.d.setTimes(op, n, vfs.TimeOf(mtime))
		return nil
	})
}

// SyncDir makes the entries of a directory durable.
func (m *Memory) SyncDir(name string) error {
	return m.onDir(SyncDir, name, true, func(*node) {})
}

// Lock takes an exclusive lock on a file.
func (m *Memory) Lock(name string) (io.Closer, error) {
	h, err := m.OpenHandle(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	f := h.(*file)
	err = f.do(Lock, func(*Op) error {
		if f.n.holder != nil {
			return vfs.ErrLocked
		}
		f.n.holder = f
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Map gives a copy of a file.
func (m *Memory) Map(name string) (*vfs.Mapping, error) {
	var data []byte
	err := m.onNode(Map, name, true, func(_ *Op, n *node) error {
		if n.typ != vfs.Regular {
			return errors.ErrUnsupported
		}
		if n.content.size == 0 {
			return nil
		}
		data = make([]byte, n.content.size)
		_, err := n.content.readAt(data, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return vfs.NewMapping(data, nil), nil
}
