package vfs

import (
	"encoding/binary"
	"errors"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cname is a file name with the NUL that system calls want, on the stack: x/sys would allocate it. Names were checked
// to be at most MaxComponent bytes without NUL.
type cname [MaxComponent + 1]byte

// lstatat asks statx, which every Linux since 4.11 has, for what Stat holds. Where a sandbox forbids it, fstatat.
func lstatat(dirfd int, name string, st *Stat) error {
	var c cname
	copy(c[:], name)
	var x unix.Statx_t
	_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(dirfd), uintptr(unsafe.Pointer(&c)),
		unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&x)), 0)
	switch errno {
	case 0:
		fillFromStatx(st, &x)
		return nil
	case unix.ENOSYS:
		return oldLstatat(dirfd, name, st)
	}
	return errno
}

func oldLstatat(dirfd int, name string, st *Stat) error {
	var s unix.Stat_t
	if err := unix.Fstatat(dirfd, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	fillFromStat(st, &s)
	return nil
}

func fstat(fd int, st *Stat) error {
	var s unix.Stat_t
	for {
		err := unix.Fstat(fd, &s)
		if err == nil {
			fillFromStat(st, &s)
			return nil
		}
		if err != unix.EINTR {
			return err
		}
	}
}

func fillFromStatx(st *Stat, x *unix.Statx_t) {
	st.Type = typeOfMode(uint32(x.Mode))
	st.Perm = uint32(x.Mode) & 0o7777
	st.Size = int64(x.Size)
	st.Mtime = Time{x.Mtime.Sec, x.Mtime.Nsec}
	st.Ctime = Time{x.Ctime.Sec, x.Ctime.Nsec}
	st.Dev = unix.Mkdev(x.Dev_major, x.Dev_minor)
	st.Ino = x.Ino
	st.Nlink = uint64(x.Nlink)
	st.Rdev = unix.Mkdev(x.Rdev_major, x.Rdev_minor)
	st.UID, st.GID = x.Uid, x.Gid
	st.Blocks = int64(x.Blocks)
}

func fillFromStat(st *Stat, s *unix.Stat_t) {
	st.Type = typeOfMode(s.Mode)
	st.Perm = s.Mode & 0o7777
	st.Size = s.Size
	st.Mtime = Time{int64(s.Mtim.Sec), uint32(s.Mtim.Nsec)}
	st.Ctime = Time{int64(s.Ctim.Sec), uint32(s.Ctim.Nsec)}
	st.Dev = uint64(s.Dev)
	st.Ino = s.Ino
	st.Nlink = uint64(s.Nlink)
	st.Rdev = uint64(s.Rdev)
	st.UID, st.GID = s.Uid, s.Gid
	st.Blocks = s.Blocks
}

func ctimeOf(s *syscall.Stat_t) Time { return Time{int64(s.Ctim.Sec), uint32(s.Ctim.Nsec)} }

func openat(dirfd int, name string, flag int, perm uint32) (int, error) {
	var c cname
	copy(c[:], name)
	fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(dirfd), uintptr(unsafe.Pointer(&c)),
		uintptr(flag|unix.O_LARGEFILE), uintptr(perm), 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func readDirent(fd int, buf []byte) (int, error) { return unix.Getdents(fd, buf) }

// parse reads struct linux_dirent64 of getdents64(2): inode 8 bytes, offset 8, record length 2, type 1, name, NULs.
func (b *dirBuffer) parse(raw []byte) error {
	const typeAt, nameAt = 18, 19
	for len(raw) > 0 {
		if len(raw) < nameAt {
			return unix.EIO
		}
		size := int(binary.NativeEndian.Uint16(raw[16:]))
		if size < nameAt || size > len(raw) {
			return unix.EIO
		}
		name := raw[nameAt:size]
		for i, c := range name {
			if c == 0 {
				name = name[:i]
				break
			}
		}
		b.add(name, typeOfDirent(raw[typeAt]))
		raw = raw[size:]
	}
	return nil
}

func fsync(fd int) error { return retry(func() error { return unix.Fsync(fd) }) }

func renameNoReplace(fromfd int, oldname string, tofd int, newname string) error {
	err := unix.Renameat2(fromfd, oldname, tofd, newname, unix.RENAME_NOREPLACE)
	if err == unix.ENOSYS || err == unix.EINVAL {
		return linkThenUnlink(fromfd, oldname, tofd, newname)
	}
	return err
}

// utimensat's "leave this one".
func timesKeepingAtime(mtime Time) ([2]unix.Timespec, error) {
	m, err := unix.TimeToTimespec(time.Unix(mtime.Sec, int64(mtime.Nsec)))
	return [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, m}, err
}

func setTimesAt(dirfd int, name string, mtime Time) error {
	ts, err := timesKeepingAtime(mtime)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(dirfd, name, ts[:], unix.AT_SYMLINK_NOFOLLOW)
}

// setFdTimes is futimens: utimensat with no name.
func setFdTimes(fd int, mtime Time) error {
	ts, err := timesKeepingAtime(mtime)
	if err != nil {
		return err
	}
	for {
		_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// chmodat uses fchmodat2 (Linux 6.6), and before that a descriptor of the name itself and /proc.
func chmodat(dirfd int, name string, perm uint32) error {
	err := unix.Fchmodat(dirfd, name, perm, unix.AT_SYMLINK_NOFOLLOW)
	if err != unix.EOPNOTSUPP {
		return err
	}
	fd, err := openat(dirfd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(chmodPathFd(fd, perm), unix.Close(fd))
}

func chmodPathFd(fd int, perm uint32) error {
	var st Stat
	if err := fstat(fd, &st); err != nil {
		return err
	}
	if st.Type == Symlink {
		return unix.EOPNOTSUPP
	}
	return unix.Chmod(procFd(fd), perm)
}

func procFd(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func mknodat(dirfd int, name string, t Type, perm uint32, rdev uint64) error {
	var mode uint32
	switch t {
	case Fifo:
		mode, rdev = unix.S_IFIFO, 0
	case CharDevice:
		mode = unix.S_IFCHR
	case BlockDevice:
		mode = unix.S_IFBLK
	default:
		return unix.EINVAL
	}
	if rdev != uint64(int(rdev)) {
		return unix.EINVAL
	}
	return unix.Mknodat(dirfd, name, mode|perm, int(rdev))
}

// Linux before 6.13 has no xattr calls relative to a directory; the path of the descriptor in /proc is the same thing.

func (d *unixDir) xattrPath(name string) string { return procFd(d.fd) + "/" + name }

// noProc tells a name that is not there from a /proc that is not there.
func (d *unixDir) noProc(name string, err error) error {
	var st Stat
	if err == unix.ENOENT && d.Lstat(name, &st) == nil {
		return errors.ErrUnsupported
	}
	return err
}

func (d *unixDir) listXattrsAt(name string) ([]string, error) {
	p := d.xattrPath(name)
	names, err := listXattrs(func(b []byte) (int, error) { return unix.Llistxattr(p, b) })
	return names, d.noProc(name, err)
}

func (d *unixDir) getXattrAt(name, attr string) ([]byte, error) {
	p := d.xattrPath(name)
	value, err := getXattr(func(b []byte) (int, error) { return unix.Lgetxattr(p, attr, b) })
	return value, d.noProc(name, err)
}

func (d *unixDir) setXattrAt(name, attr string, value []byte) error {
	return d.noProc(name, unix.Lsetxattr(d.xattrPath(name), attr, value, 0))
}

func (d *unixDir) removeXattrAt(name, attr string) error {
	return d.noProc(name, unix.Lremovexattr(d.xattrPath(name), attr))
}
