//go:build unix

package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// unixFile is a file descriptor. It is not an *os.File because that costs extra system calls and a finaliser for each
// of the many thousand files of a scan or restore.
type unixFile struct {
	fd   int      // -1 once closed
	keep *os.File // owns fd, if it came through os
	name string

	mu     sync.Mutex
	failed error // what the first Sync that failed returned
}

var _ File = (*unixFile)(nil)

func wrapFile(f *os.File, name string) File { return &unixFile{fd: int(f.Fd()), keep: f, name: name} }

func (f *unixFile) err(op string, err error) error {
	if err == nil {
		return nil
	}
	if f.fd < 0 {
		err = fs.ErrClosed
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *unixFile) Name() string { return f.name }

// maxIO is the greatest number of bytes given to one call: some systems refuse, or truncate, more than 2 GiB.
const maxIO = 1 << 30

func (f *unixFile) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(f.fd, p[:min(len(p), maxIO)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, f.err("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (f *unixFile) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(f.fd, p[done:min(len(p), done+maxIO)], off+int64(done))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return done, f.err("read", err)
		case n == 0:
			return done, io.EOF
		default:
			done += n
		}
	}
	return done, nil
}

func (f *unixFile) Write(p []byte) (int, error) {
	return f.writeAll(p, func(p []byte, _ int) (int, error) { return unix.Write(f.fd, p) })
}

func (f *unixFile) WriteAt(p []byte, off int64) (int, error) {
	return f.writeAll(p, func(p []byte, done int) (int, error) { return unix.Pwrite(f.fd, p, off+int64(done)) })
}

// writeAll goes on after short writes, because the next call says why the last one was short.
func (f *unixFile) writeAll(p []byte, write func(p []byte, done int) (int, error)) (int, error) {
	done := 0
	for done < len(p) {
		n, err := write(p[done:min(len(p), done+maxIO)], done)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return done, f.err("write", err)
		case n == 0:
			return done, f.err("write", io.ErrShortWrite)
		default:
			done += n
		}
	}
	return done, nil
}

func (f *unixFile) Seek(offset int64, whence int) (int64, error) {
	n, err := unix.Seek(f.fd, offset, whence)
	return n, f.err("seek", err)
}

func (f *unixFile) Truncate(size int64) error {
	return f.err("truncate", retry(func() error { return unix.Ftruncate(f.fd, size) }))
}

func (f *unixFile) Lock() error {
	return f.err("lock", retry(func() error { return unix.Flock(f.fd, unix.LOCK_EX) }))
}

func (f *unixFile) Unlock() error {
	return f.err("unlock", retry(func() error { return unix.Flock(f.fd, unix.LOCK_UN) }))
}

func tryLock(f File) error {
	fd := f.(*unixFile).fd
	err := retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
		err = ErrLocked
	}
	return f.(*unixFile).err("lock", err)
}

func (f *unixFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	err := f.err("sync", fsync(f.fd))
	if f.fd >= 0 {
		f.failed = err
	}
	return err
}

func (f *unixFile) Close() error {
	if f.fd < 0 {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	err := closeFd(f.fd, f.keep)
	f.fd = -1
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	if err != nil {
		return &fs.PathError{Op: "close", Path: f.name, Err: err}
	}
	return nil
}

// closeFd closes fd through its owner, if it has one. EINTR is not retried: the descriptor is gone then.
func closeFd(fd int, keep *os.File) error {
	if keep != nil {
		return keep.Close()
	}
	if err := unix.Close(fd); err != unix.EINTR {
		return err
	}
	return nil
}

func (f *unixFile) Stat() (fs.FileInfo, error) {
	st, err := f.StatStat()
	if err != nil {
		return nil, err
	}
	return st.FileInfo(f.name), nil
}

func (f *unixFile) StatStat() (Stat, error) {
	var st Stat
	err := fstat(f.fd, &st)
	return st, f.err("stat", err)
}

func (f *unixFile) SeekData(off int64) (start, end int64, err error) {
	cur, err := unix.Seek(f.fd, 0, io.SeekCurrent)
	if err != nil {
		return 0, 0, f.err("seek", err)
	}
	start, end, err = seekData(f.fd, off)
	if _, serr := unix.Seek(f.fd, cur, io.SeekStart); serr != nil {
		err = serr
	}
	if err == unix.ENXIO {
		return 0, 0, io.EOF
	}
	if err != nil {
		return 0, 0, f.err("seek", err)
	}
	return start, end, nil
}

// seekData asks for data and then for the hole behind it. A file that shrinks between the two ends in ENXIO.
func seekData(fd int, off int64) (start, end int64, err error) {
	start, err = unix.Seek(fd, off, unix.SEEK_DATA)
	if err == nil {
		end, err = unix.Seek(fd, start, unix.SEEK_HOLE)
	}
	if err != unix.EINVAL && err != unix.ENOTSUP {
		return start, end, err
	}
	end, err = unix.Seek(fd, 0, io.SeekEnd)
	if err == nil && off >= end {
		err = unix.ENXIO
	}
	return off, end, err
}

func (f *unixFile) SetTimes(mtime Time) error { return f.err("chtimes", setFdTimes(f.fd, mtime)) }

func (f *unixFile) Chmod(perm uint32) error {
	return f.err("chmod", retry(func() error { return unix.Fchmod(f.fd, perm&0o7777) }))
}

func (f *unixFile) Chown(uid, gid uint32) error {
	return f.err("chown", retry(func() error { return unix.Fchown(f.fd, int(uid), int(gid)) }))
}

func (f *unixFile) ListXattrs() ([]string, error) {
	names, err := listXattrs(func(b []byte) (int, error) { return unix.Flistxattr(f.fd, b) })
	return names, f.err("listxattr", err)
}

func (f *unixFile) GetXattr(attr string) ([]byte, error) {
	value, err := getXattr(func(b []byte) (int, error) { return unix.Fgetxattr(f.fd, attr, b) })
	return value, f.err("getxattr", err)
}

func (f *unixFile) SetXattr(attr string, value []byte) error {
	return f.err("setxattr", retry(func() error { return unix.Fsetxattr(f.fd, attr, value, 0) }))
}

func mapFile(f File) (*Mapping, error) {
	st, err := f.StatStat()
	if err != nil || st.Size == 0 && st.Type == Regular {
		return &Mapping{}, err
	}
	if st.Type != Regular || st.Size != int64(int(st.Size)) {
		return nil, &fs.PathError{Op: "map", Path: f.Name(), Err: errors.ErrUnsupported}
	}
	data, err := unix.Mmap(f.(*unixFile).fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil { // some network and user-space filesystems cannot
		return readWhole(f, st.Size)
	}
	return &Mapping{data, func() error { return unix.Munmap(data) }}, nil
}
