package memfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"evault/internal/vfs"
)

// file is an open file. Everything in it is guarded by the disk's mutex.
type file struct {
	d      *disk
	n      *node
	name   string // as given by the caller
	full   string // from the root of the disk
	flag   int
	off    int64
	closed bool
	failed error // what the first Sync that failed returned
}

var _ vfs.File = (*file)(nil)

// open gives a handle on a node that exists. The disk is locked.
func (d *disk) open(n *node, name, full string, flag int) (*file, error) {
	if n.typ == vfs.Directory && flag&(os.O_WRONLY|os.O_RDWR|os.O_TRUNC|os.O_CREATE) != 0 {
		return nil, syscall.EISDIR
	}
	if n.typ == vfs.Symlink {
		return nil, syscall.ELOOP
	}
	f := &file{d: d, n: n, name: name, full: full, flag: flag}
	if flag&os.O_TRUNC != 0 && n.typ == vfs.Regular && n.content.size > 0 {
		op := Op{Kind: Truncate, Name: full, Index: d.next}
		d.truncateNode(&op, n, 0)
		d.log(op)
	}
	return f, nil
}

func (d *disk) truncateNode(op *Op, n *node, size int64) {
	n.content.truncate(size)
	d.touch(n)
	op.ino, op.Offset, op.mtime = n.ino, size, n.mtime
}

// do runs an operation on the open file.
func (f *file) do(kind Kind, act func(op *Op) error) error {
	err := f.d.do(Op{Kind: kind, Name: f.full, ino: f.n.ino}, f.whileOpen(act))
	return f.renamed(err)
}

func (f *file) whileOpen(act func(op *Op) error) func(op *Op) error {
	return func(op *Op) error {
		if f.closed {
			return fs.ErrClosed
		}
		return act(op)
	}
}

// renamed gives an error the name that the caller knows.
func (f *file) renamed(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &fs.PathError{Op: pe.Op, Path: f.name, Err: pe.Err}
	}
	return err
}

func (f *file) Name() string { return f.name }

func (f *file) Read(p []byte) (n int, err error) {
	eof := false
	err = f.do(Read, func(*Op) error {
		if err := f.readable(); err != nil {
			return err
		}
		var rerr error
		n, rerr = f.n.content.readAt(p, f.off)
		f.off += int64(n)
		eof = rerr == io.EOF && n == 0 && len(p) > 0
		return nil
	})
	if err == nil && eof {
		err = io.EOF
	}
	return n, err
}

func (f *file) readable() error {
	if f.n.typ == vfs.Directory {
		return syscall.EISDIR
	}
	if f.flag&os.O_WRONLY != 0 {
		return syscall.EBADF
	}
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	var rerr error
	err = f.do(Read, func(*Op) error {
		if off < 0 {
			return syscall.EINVAL
		}
		if err := f.readable(); err != nil {
			return err
		}
		n, rerr = f.n.content.readAt(p, off)
		if len(p) == 0 {
			rerr = nil
		}
		return nil
	})
	if err == nil {
		err = rerr
	}
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	return f.write(p, func(n int) int64 {
		if f.flag&os.O_APPEND != 0 {
			f.off = f.n.content.size
		}
		at := f.off
		f.off += int64(n)
		return at
	})
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: syscall.EINVAL}
	}
	if f.flag&os.O_APPEND != 0 {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: syscall.EINVAL}
	}
	return f.write(p, func(int) int64 { return off })
}

// write writes p, or what a fault leaves of it, where at says, given how much that is.
func (f *file) write(p []byte, at func(n int) int64) (int, error) {
	data := append([]byte(nil), p...)
	op := Op{Kind: Write, Name: f.full, ino: f.n.ino, Data: data}
	late, err := f.d.admit(&op)
	var short ShortWrite
	if errors.As(err, &short) {
		late, err = short.Err, nil
		data = data[:min(max(short.N, 0), len(data))]
	}
	if err == nil {
		err = f.d.locked(&op, f.whileOpen(func(op *Op) error { return f.put(op, data, at) }))
	}
	if err != nil {
		return 0, f.renamed(named(op, err))
	}
	return len(data), f.renamed(named(op, late))
}

func (f *file) put(op *Op, data []byte, at func(int) int64) error {
	if f.flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return syscall.EBADF
	}
	op.Data, op.Offset = data, at(len(data))
	if len(data) == 0 {
		op.Kind = Stat // POSIX: nothing happens
		return nil
	}
	f.n.content.writeAt(data, op.Offset)
	f.d.touch(f.n)
	op.mtime = f.n.mtime
	return nil
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += f.n.content.size
	}
	if f.closed {
		return 0, &fs.PathError{Op: "seek", Path: f.name, Err: fs.ErrClosed}
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "seek", Path: f.name, Err: syscall.EINVAL}
	}
	f.off = offset
	return offset, nil
}

func (f *file) Truncate(size int64) error {
	return f.do(Truncate, func(op *Op) error {
		if f.flag&(os.O_WRONLY|os.O_RDWR) == 0 || size < 0 {
			return syscall.EINVAL
		}
		f.d.truncateNode(op, f.n, size)
		return nil
	})
}

// Sync that is made to fail drops what was written since the last one: a kernel marks such pages clean.
func (f *file) Sync() error {
	f.d.mu.Lock()
	failed, closed := f.failed, f.closed
	f.d.mu.Unlock()
	if failed != nil && !closed {
		return failed
	}
	op := Op{Kind: Sync, Name: f.full, ino: f.n.ino}
	late, err := f.d.admit(&op)
	if err == nil {
		err = f.d.locked(&op, f.whileOpen(func(*Op) error {
			f.n.synced = f.n.content.snapshot()
			return nil
		}))
		if err == nil {
			err = late
		}
	} else {
		f.dropUnsynced(op)
	}
	return f.syncFailed(f.renamed(named(op, err)))
}

func (f *file) dropUnsynced(op Op) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.n.content = f.n.synced.snapshot()
	op.Failed = true
	f.d.log(op)
}

func (f *file) syncFailed(err error) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err != nil && !f.closed {
		f.failed = err
	}
	return err
}

// Close releases the handle even when it fails, as close(2) does.
func (f *file) Close() error {
	err := f.do(Close, func(*Op) error { return f.failed })
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return err
	}
	f.release()
	f.closed = true
	return err
}

func (f *file) release() {
	if f.n.holder == f {
		f.n.holder = nil
		f.d.unlock.Broadcast()
	}
}

func (f *file) Lock() error {
	return f.do(Lock, func(*Op) error {
		for f.n.holder != nil && f.n.holder != f {
			f.d.unlock.Wait()
		}
		f.n.holder = f
		return nil
	})
}

func (f *file) Unlock() error {
	return f.do(Lock, func(*Op) error {
		f.release()
		return nil
	})
}

func (f *file) Stat() (fs.FileInfo, error) {
	st, err := f.StatStat()
	if err != nil {
		return nil, err
	}
	return st.FileInfo(f.name), nil
}

func (f *file) StatStat() (st vfs.Stat, err error) {
	err = f.do(Stat, func(*Op) error {
		f.n.fill(&st)
		return nil
	})
	return st, err
}

func (f *file) SeekData(off int64) (start, end int64, err error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return 0, 0, &fs.PathError{Op: "seek", Path: f.name, Err: fs.ErrClosed}
	}
	return f.n.content.seekData(off)
}

func (f *file) SetTimes(mtime vfs.Time) error {
	return f.do(Chtimes, func(op *Op) error {
		f.d.setTimes(op, f.n, mtime)
		return nil
	})
}

func (f *file) Chmod(perm uint32) error {
	return f.do(Chmod, func(op *Op) error { return f.d.chmodNode(op, f.n, perm) })
}

func (f *file) Chown(uid, gid uint32) error {
	return f.do(Chown, func(op *Op) error {
		f.d.chownNode(op, f.n, uid, gid)
		return nil
	})
}

func (f *file) ListXattrs() (names []string, err error) {
	err = f.do(ListXattrs, func(*Op) error {
		names = listXattrs(f.n)
		return nil
	})
	return names, err
}

func (f *file) GetXattr(attr string) (value []byte, err error) {
	err = f.do(GetXattr, func(*Op) (err error) {
		value, err = getXattr(f.n, attr)
		return err
	})
	return value, err
}

func (f *file) SetXattr(attr string, value []byte) error {
	return f.do(SetXattr, func(op *Op) error { return f.d.setXattr(op, f.n, attr, value) })
}
