// Package vfs is the only way from evault to a disk.
//
// Three interfaces say everything that the rest of the module may do with files:
//
//   - [FS] is a filesystem rooted at one directory. Names are paths relative to that root; nothing outside it can be
//     reached. It is go-billy's filesystem plus what durability needs: fsync of files and directories, renaming
//     without replacing, locks, memory maps.
//   - [Dir] is one open directory. Names are single components and links are never followed. It is what a scan and a
//     restore use: fast, and safe while somebody else changes the tree.
//   - [File] is one open file.
//
// [Open] gives the real filesystem. The subpackage memfs gives one in memory that records every operation, injects
// faults and enumerates the states that a crash may leave; the subpackage vfstest holds the conformance suite that
// both of them pass.
//
// To write a file so that a crash leaves either the old or the new contents, use [Publish], or [Stage] for a stream.
//
// Every error of this package is, or wraps, an *fs.PathError or *os.LinkError around the system's error number, so
// errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOSPC) and so on hold for all implementations.
package vfs

import (
	"errors"
	"io"
	"io/fs"

	"github.com/go-git/go-billy/v5"
)

var (
	// ErrLocked says that somebody else holds the lock.
	ErrLocked = errors.New("locked by another process")

	// ErrEscapes says that a name leads out of the root, by ".." or through a link, or is absolute.
	ErrEscapes = errors.New("name leads out of the root")

	// ErrBadComponent says that a name given to a [Dir] is not one plain component.
	ErrBadComponent = errors.New("not a single file name")

	// ErrTooLarge says that the system announced more bytes than this package is willing to hold in memory.
	ErrTooLarge = errors.New("too large to hold in memory")
)

// MaxXattr is the greatest size in bytes of an extended attribute's value, or of the list of their names, that is read.
// Linux stops at 64 KiB; macOS keeps resource forks here.
const MaxXattr = 16 << 20

// FS is a filesystem rooted at one directory.
//
// Names are slash-separated and relative to the root; "" and "." are the root itself. A name is first cleaned as
// [path.Clean] does. Names that lead out of the root, absolute names, and links on the way that lead out or are
// absolute are refused with [ErrEscapes]. Links inside the root are followed as the system does, except where a
// method says otherwise. Unlike some billy filesystems, no method creates missing parent directories unless its name
// says so.
//
// Rename replaces a file but never a directory, not even an empty one.
//
// All methods are safe for concurrent use. Permissions of created files are subject to the process's umask.
// Every billy.File returned is a [File], and every billy.Filesystem returned by Chroot is an FS.
type FS interface {
	billy.Filesystem
	billy.Change

	// OpenHandle is OpenFile with this package's type. flag takes the os.O_ constants; of perm only the nine
	// permission bits count.
	OpenHandle(name string, flag int, perm fs.FileMode) (File, error)

	// OpenDir opens a directory. The last component is not followed if it is a link.
	OpenDir(name string) (Dir, error)

	// Sub is Chroot with this package's type: the filesystem rooted at the directory name.
	// It must be closed by its caller, and stays valid when its parent is closed.
	Sub(name string) (FS, error)

	// Mkdir makes one directory; of perm only the nine permission bits count.
	Mkdir(name string, perm fs.FileMode) error

	// Link makes newname another name of the file oldname, which is not followed if it is a link.
	Link(oldname, newname string) error

	// RenameNoReplace renames, unless newname exists: then it fails with fs.ErrExist. The test and the renaming
	// are one step where the system can (Linux, macOS); elsewhere it is a hard link followed by a removal, which
	// works for files only.
	RenameNoReplace(oldname, newname string) error

	// SyncDir makes the entries of a directory durable: names created in it, removed from it and renamed in it.
	// It does nothing where the system has no such call (Windows).
	SyncDir(name string) error

	// LstatStat is Lstat in the form of [Stat].
	LstatStat(name string) (Stat, error)

	// Lock takes an exclusive lock on the file name, creating it if need be, without waiting; it fails with
	// [ErrLocked] if somebody holds it, this process included. The system releases the lock when the process
	// dies. Close releases it; the file stays.
	Lock(name string) (io.Closer, error)

	// Map maps a file for reading. See [Mapping].
	Map(name string) (*Mapping, error)

	// RemoveAll removes name and everything below it and never follows a link. It is no error if name does not
	// exist. The root itself is refused.
	RemoveAll(name string) error

	// Close releases the root. Files and directories that are open stay usable.
	Close() error
}

// File is an open file. ReadAt, WriteAt and the metadata methods are safe for concurrent use with each other; Read,
// Write, Seek and SeekData share one offset and are not. Close must not run beside any other method.
type File interface {
	billy.File
	io.WriterAt

	// Sync makes the file's contents and size durable. A failure is final: the kernel may have dropped the bytes
	// and forgotten the error, so every later Sync and Close of this File fails too, with the same error
	// (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
	Sync() error

	// Stat describes the open file.
	Stat() (fs.FileInfo, error)

	// StatStat describes the open file in the form of [Stat].
	StatStat() (Stat, error)

	// SeekData gives the next extent [start, end) of data at or after off. It fails with io.EOF if only a hole,
	// or nothing, follows off. Where holes cannot be told, the whole rest of the file is one extent.
	// The file's offset is kept.
	SeekData(off int64) (start, end int64, err error)

	// SetTimes sets the modification time and keeps the access time.
	SetTimes(mtime Time) error

	// Chmod sets all twelve permission bits, 07777, umask or not.
	Chmod(perm uint32) error

	// Chown sets owner and group. It is errors.ErrUnsupported where there are none.
	Chown(uid, gid uint32) error

	// ListXattrs gives the names of the extended attributes, unsorted; nil where there are none or the filesystem
	// has no such thing.
	ListXattrs() ([]string, error)

	// GetXattr reads one extended attribute, at most [MaxXattr] bytes.
	GetXattr(attr string) ([]byte, error)

	// SetXattr creates or replaces one extended attribute.
	SetXattr(attr string, value []byte) error
}

// Dir is an open directory. Every name is one component: one with a slash or NUL, "", "." and ".." are refused with
// [ErrBadComponent] (on Windows also a backslash, a colon, and the names reserved there). No name is ever followed when it is a link.
//
// All methods are safe for concurrent use, Close excepted. A Dir stays the same directory when it is renamed.
type Dir interface {
	// ReadNames appends all entries but "." and "..", in no particular order, to buf.
	// Each call reads the directory from its start.
	ReadNames(buf []DirName) ([]DirName, error)

	// Lstat describes name into *st. On Linux it does so without allocation.
	Lstat(name string, st *Stat) error

	// Stat describes the directory itself.
	Stat(st *Stat) error

	// OpenDir opens a directory; a link fails with ENOTDIR or ELOOP.
	OpenDir(name string) (Dir, error)

	// OpenFile opens a file; a link fails with ELOOP. It does not wait for the other end of a fifo. flag takes
	// the os.O_ constants; perm is subject to the umask.
	OpenFile(name string, flag int, perm uint32) (File, error)

	// Mkdir makes a directory; perm is subject to the umask.
	Mkdir(name string, perm uint32) error

	// Remove removes anything but a directory.
	Remove(name string) error

	// RemoveDir removes an empty directory.
	RemoveDir(name string) error

	// Rename renames within this directory, replacing newname.
	Rename(oldname, newname string) error

	// RenameTo renames into another directory of the same implementation, replacing newname.
	RenameTo(oldname string, to Dir, newname string) error

	// LinkFrom makes newname in this directory another name of oldname in from, which must be of the same
	// implementation. A link is linked, not followed.
	LinkFrom(from Dir, oldname, newname string) error

	// Symlink makes name a link to target, which is not looked at.
	Symlink(target, name string) error

	// Readlink gives a link's target.
	Readlink(name string) (string, error)

	// Mknod makes a fifo, or a character or block device numbered rdev.
	// It is errors.ErrUnsupported on Windows and macOS.
	Mknod(name string, t Type, perm uint32, rdev uint64) error

	// Chmod sets all twelve permission bits, 07777; it fails on a link.
	Chmod(name string, perm uint32) error

	// Lchown sets owner and group of name, of the link itself if it is one.
	// It is errors.ErrUnsupported on Windows.
	Lchown(name string, uid, gid uint32) error

	// SetTimes sets the modification time, of the link itself if it is one, and keeps the access time.
	SetTimes(name string, mtime Time) error

	// ListXattrs gives the names of the extended attributes of name, unsorted; nil where there are none or the
	// filesystem has no such thing.
	ListXattrs(name string) ([]string, error)

	// GetXattr reads one extended attribute of name, at most [MaxXattr] bytes.
	GetXattr(name, attr string) ([]byte, error)

	// SetXattr creates or replaces one extended attribute of name.
	SetXattr(name, attr string, value []byte) error

	// RemoveXattr removes one extended attribute of name.
	RemoveXattr(name, attr string) error

	// Sync makes the entries of the directory durable, as [FS.SyncDir].
	Sync() error

	// Close releases the directory.
	Close() error
}

// DirName is one entry of a directory.
type DirName struct {
	Name string
	Type Type // TypeUnknown if the filesystem does not say
}
