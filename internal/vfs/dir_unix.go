//go:build unix

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// unixDir is a directory descriptor; every operation is an *at call relative to it.
type unixDir struct {
	fd   int      // -1 once closed
	keep *os.File // owns fd, if it came through os
	name string
	bufs *dirBuffers

	mu   sync.Mutex // guards the descriptor's offset
	read bool       // the offset may have moved
}

var _ Dir = (*unixDir)(nil)

// dirBuffers holds the buffers that directories are read through.
type dirBuffers struct{ pool sync.Pool }

// dirBuffer has room for about a thousand entries of getdents, and for their names.
type dirBuffer struct {
	raw   [32 << 10]byte
	names []byte
	ends  []dirEnd
}

// dirEnd is where a name ends in the gathered names, and its type.
type dirEnd struct {
	end int
	typ Type
}

func newDirBuffers() *dirBuffers {
	return &dirBuffers{sync.Pool{New: func() any { return new(dirBuffer) }}}
}

func (d *unixDir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if d.fd < 0 {
		err = fs.ErrClosed
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// at checks name and runs call, for operations off the hot path.
func (d *unixDir) at(op, name string, call func() error) error {
	if err := CheckComponent(op, name); err != nil {
		return err
	}
	return d.fail(op, name, retry(call))
}

// ReadNames gathers all names in one string, of which the entries are parts: one allocation for a directory instead
// of one for each name.
func (d *unixDir) ReadNames(buf []DirName) ([]DirName, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.read {
		if _, err := unix.Seek(d.fd, 0, 0); err != nil {
			return buf, d.fail("readdir", d.name, err)
		}
	}
	d.read = true
	b := d.bufs.pool.Get().(*dirBuffer)
	defer d.bufs.pool.Put(b)
	b.names, b.ends = b.names[:0], b.ends[:0]
	if err := b.fill(d.fd); err != nil {
		return buf, d.fail("readdir", d.name, err)
	}
	return b.appendTo(buf), nil
}

func (b *dirBuffer) fill(fd int) error {
	for {
		n, err := readDirent(fd, b.raw[:])
		if err == unix.EINTR {
			continue
		}
		if err == unix.ENOENT { // removed meanwhile: nothing is in it
			return nil
		}
		if err != nil || n <= 0 {
			return err
		}
		if err := b.parse(b.raw[:n]); err != nil {
			return err
		}
	}
}

func (b *dirBuffer) add(name []byte, t Type) {
	if string(name) == "." || string(name) == ".." {
		return
	}
	b.names = append(b.names, name...)
	b.ends = append(b.ends, dirEnd{len(b.names), t})
}

func (b *dirBuffer) appendTo(buf []DirName) []DirName {
	all, start := string(b.names), 0
	buf = slices.Grow(buf, len(b.ends))
	for _, e := range b.ends {
		buf = append(buf, DirName{all[start:e.end], e.typ})
		start = e.end
	}
	return buf
}

// typeOfDirent reads the d_type of a directory entry, which is the mode word's type shifted.
func typeOfDirent(t uint8) Type {
	if t == unix.DT_UNKNOWN {
		return TypeUnknown
	}
	return typeOfMode(uint32(t) << 12)
}

func (d *unixDir) Lstat(name string, st *Stat) error {
	if err := CheckComponent("lstat", name); err != nil {
		return err
	}
	for {
		err := lstatat(d.fd, name, st)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return d.fail("lstat", name, err)
		}
	}
}

func (d *unixDir) Stat(st *Stat) error { return d.fail("stat", d.name, fstat(d.fd, st)) }

func (d *unixDir) OpenDir(name string) (Dir, error) {
	fd, err := d.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &unixDir{fd: fd, name: name, bufs: d.bufs}, nil
}

func (d *unixDir) OpenFile(name string, flag int, perm uint32) (File, error) {
	fd, err := d.open(name, flag|unix.O_NONBLOCK, perm)
	if err != nil {
		return nil, err
	}
	return &unixFile{fd: fd, name: name}, nil
}

func (d *unixDir) open(name string, flag int, perm uint32) (int, error) {
	if err := CheckComponent("open", name); err != nil {
		return -1, err
	}
	for {
		fd, err := openat(d.fd, name, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm&0o7777)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return -1, d.fail("open", name, err)
		}
	}
}

func (d *unixDir) Mkdir(name string, perm uint32) error {
	return d.at("mkdir", name, func() error { return unix.Mkdirat(d.fd, name, perm&0o7777) })
}

func (d *unixDir) Remove(name string) error {
	return d.at("remove", name, func() error { return unix.Unlinkat(d.fd, name, 0) })
}

func (d *unixDir) RemoveDir(name string) error {
	return d.at("rmdir", name, func() error { return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR) })
}

func (d *unixDir) Rename(oldname, newname string) error { return d.RenameTo(oldname, d, newname) }

func (d *unixDir) RenameTo(oldname string, to Dir, newname string) error {
	t, ok := to.(*unixDir)
	if !ok {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: errors.ErrUnsupported}
	}
	return d.pair("rename", oldname, newname, func() error { return unix.Renameat(d.fd, oldname, t.fd, newname) })
}

func (d *unixDir) LinkFrom(from Dir, oldname, newname string) error {
	f, ok := from.(*unixDir)
	if !ok {
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: errors.ErrUnsupported}
	}
	return d.pair("link", oldname, newname, func() error { return unix.Linkat(f.fd, oldname, d.fd, newname, 0) })
}

func (d *unixDir) pair(op, oldname, newname string, call func() error) error {
	if err := CheckComponent(op, oldname); err != nil {
		return err
	}
	if err := CheckComponent(op, newname); err != nil {
		return err
	}
	if err := retry(call); err != nil {
		if d.fd < 0 {
			err = fs.ErrClosed
		}
		return &os.LinkError{Op: op, Old: oldname, New: newname, Err: err}
	}
	return nil
}

func (d *unixDir) Symlink(target, name string) error {
	return d.at("symlink", name, func() error { return unix.Symlinkat(target, d.fd, name) })
}

// maxTarget bounds a link's target; no system here allows more than 4096 bytes.
const maxTarget = 1 << 16

func (d *unixDir) Readlink(name string) (target string, err error) {
	err = d.at("readlink", name, func() error {
		for size := 256; ; size *= 4 {
			buf := make([]byte, size)
			n, err := unix.Readlinkat(d.fd, name, buf)
			if err != nil {
				return err
			}
			if n < size {
				target = string(buf[:n])
				return nil
			}
			if size > maxTarget {
				return ErrTooLarge
			}
		}
	})
	return target, err
}

func (d *unixDir) Mknod(name string, t Type, perm uint32, rdev uint64) error {
	return d.at("mknod", name, func() error { return mknodat(d.fd, name, t, perm&0o7777, rdev) })
}

func (d *unixDir) Chmod(name string, perm uint32) error {
	return d.at("chmod", name, func() error { return chmodat(d.fd, name, perm&0o7777) })
}

func (d *unixDir) Lchown(name string, uid, gid uint32) error {
	return d.at("lchown", name, func() error {
		return unix.Fchownat(d.fd, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
	})
}

func (d *unixDir) SetTimes(name string, mtime Time) error {
	return d.at("chtimes", name, func() error { return setTimesAt(d.fd, name, mtime) })
}

func (d *unixDir) ListXattrs(name string) (names []string, err error) {
	err = d.at("listxattr", name, func() (err error) {
		names, err = d.listXattrsAt(name)
		return err
	})
	return names, err
}

func (d *unixDir) GetXattr(name, attr string) (value []byte, err error) {
	err = d.at("getxattr", name, func() (err error) {
		value, err = d.getXattrAt(name, attr)
		return err
	})
	return value, err
}

func (d *unixDir) SetXattr(name, attr string, value []byte) error {
	return d.at("setxattr", name, func() error { return d.setXattrAt(name, attr, value) })
}

func (d *unixDir) RemoveXattr(name, attr string) error {
	return d.at("removexattr", name, func() error { return d.removeXattrAt(name, attr) })
}

func (d *unixDir) Sync() error { return d.fail("sync", d.name, fsync(d.fd)) }

func (d *unixDir) Close() error {
	if d.fd < 0 {
		return &fs.PathError{Op: "close", Path: d.name, Err: fs.ErrClosed}
	}
	err := closeFd(d.fd, d.keep)
	d.fd = -1
	if err != nil {
		return &fs.PathError{Op: "close", Path: d.name, Err: err}
	}
	return nil
}
