package vfs

import (
	"errors"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func lstatat(dirfd int, name string, st *Stat) error {
	var s unix.Stat_t
	if err := unix.Fstatat(dirfd, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	fillFromStat(st, &s)
	return nil
}

func fstat(fd int, st *Stat) error {
	var s unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &s) }); err != nil {
		return err
	}
	fillFromStat(st, &s)
	return nil
}

func fillFromStat(st *Stat, s *unix.Stat_t) {
	st.Type = typeOfMode(uint32(s.Mode))
	st.Perm = uint32(s.Mode) & 0o7777
	st.Size = s.Size
	st.Mtime = Time{s.Mtim.Sec, uint32(s.Mtim.Nsec)}
	st.Ctime = Time{s.Ctim.Sec, uint32(s.Ctim.Nsec)}
	st.Dev = uint64(s.Dev)
	st.Ino = s.Ino
	st.Nlink = uint64(s.Nlink)
	st.Rdev = uint64(s.Rdev)
	st.UID, st.GID = s.Uid, s.Gid
	st.Blocks = s.Blocks
}

func ctimeOf(s *syscall.Stat_t) Time { return Time{s.Ctimespec.Sec, uint32(s.Ctimespec.Nsec)} }

func openat(dirfd int, name string, flag int, perm uint32) (int, error) {
	return unix.Openat(dirfd, name, flag, perm)
}

func readDirent(fd int, buf []byte) (int, error) { return unix.ReadDirent(fd, buf) }

// parse reads struct dirent of getdirentries(2).
func (b *dirBuffer) parse(raw []byte) error {
	const nameAt = int(unsafe.Offsetof(unix.Dirent{}.Name))
	for len(raw) >= nameAt {
		// The fields are read by hand because raw need not be aligned.
		size := int(*(*uint16)(unsafe.Pointer(&raw[unsafe.Offsetof(unix.Dirent{}.Reclen)])))
		length := int(*(*uint16)(unsafe.Pointer(&raw[unsafe.Offsetof(unix.Dirent{}.Namlen)])))
		if size < nameAt || size > len(raw) || nameAt+length > size {
			return unix.EIO
		}
		b.add(raw[nameAt:nameAt+length], typeOfDirent(raw[unsafe.Offsetof(unix.Dirent{}.Type)]))
		raw = raw[size:]
	}
	return nil
}

// fsync asks the drive itself to write, which fsync(2) of macOS does not; some filesystems only know the latter.
func fsync(fd int) error {
	return retry(func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0)
		if err == unix.ENOTSUP || err == unix.ENOTTY || err == unix.EINVAL {
			return unix.Fsync(fd)
		}
		return err
	})
}

func renameNoReplace(fromfd int, oldname string, tofd int, newname string) error {
	err := unix.RenameatxNp(fromfd, oldname, tofd, newname, unix.RENAME_EXCL)
	if err == unix.ENOTSUP || err == unix.EINVAL {
		return linkThenUnlink(fromfd, oldname, tofd, newname)
	}
	return err
}

// setTimesAt gives the access time back as it was read, as not every release knows UTIME_OMIT.
func setTimesAt(dirfd int, name string, mtime Time) error {
	var s unix.Stat_t
	if err := unix.Fstatat(dirfd, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	m, err := unix.TimeToTimespec(time.Unix(mtime.Sec, int64(mtime.Nsec)))
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(dirfd, name, []unix.Timespec{s.Atim, m}, unix.AT_SYMLINK_NOFOLLOW)
}

// BUG(darwin): SetTimes of an open File keeps microseconds only, because futimens is out of reach without cgo.
// SetTimes of a Dir keeps nanoseconds.
func setFdTimes(fd int, mtime Time) error {
	var s unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &s) }); err != nil {
		return err
	}
	tv := []unix.Timeval{
		{Sec: s.Atim.Sec, Usec: int32(s.Atim.Nsec / 1000)},
		{Sec: mtime.Sec, Usec: int32(mtime.Nsec / 1000)},
	}
	return retry(func() error { return unix.Futimes(fd, tv) })
}

func chmodat(dirfd int, name string, perm uint32) error {
	var s unix.Stat_t
	if err := unix.Fstatat(dirfd, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if typeOfMode(uint32(s.Mode)) == Symlink {
		return unix.ENOTSUP
	}
	return unix.Fchmodat(dirfd, name, perm, unix.AT_SYMLINK_NOFOLLOW)
}

// mknodat: macOS has mknod and mkfifo by path only, which could be led out of the root by a link.
func mknodat(int, string, Type, uint32, uint64) error { return errors.ErrUnsupported }

// onItself runs call on a descriptor of name itself, link or not: extended attributes have no calls relative to a
// directory.
func (d *unixDir) onItself(name string, call func(fd int) error) error {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_SYMLINK|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(call(fd), unix.Close(fd))
}

func (d *unixDir) listXattrsAt(name string) (names []string, err error) {
	err = d.onItself(name, func(fd int) (err error) {
		names, err = listXattrs(func(b []byte) (int, error) { return unix.Flistxattr(fd, b) })
		return err
	})
	return names, err
}

func (d *unixDir) getXattrAt(name, attr string) (value []byte, err error) {
	err = d.onItself(name, func(fd int) (err error) {
		value, err = getXattr(func(b []byte) (int, error) { return unix.Fgetxattr(fd, attr, b) })
		return err
	})
	return value, err
}

func (d *unixDir) setXattrAt(name, attr string, value []byte) error {
	return d.onItself(name, func(fd int) error { return unix.Fsetxattr(fd, attr, value, 0) })
}

func (d *unixDir) removeXattrAt(name, attr string) error {
	return d.onItself(name, func(fd int) error { return unix.Fremovexattr(fd, attr) })
}
