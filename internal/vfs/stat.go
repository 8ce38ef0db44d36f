package vfs

import (
	"io/fs"
	"path"
	"time"
)

// Type is what kind of thing a name is.
type Type uint8

// The types. The numbers mean nothing outside this process.
const (
	TypeUnknown Type = iota
	Regular
	Directory
	Symlink
	Fifo
	CharDevice
	BlockDevice
	Socket
	Other // something this package has no name for
)

var typeNames = [...]string{"unknown", "regular", "directory", "symlink", "fifo", "chardevice", "blockdevice", "socket", "other"}

// String gives the type's name in lower case.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "invalid"
}

// Time is an instant: Sec seconds and Nsec (0 to 999,999,999) nanoseconds after 1970-01-01 00:00 UTC.
type Time struct {
	Sec  int64
	Nsec uint32
}

// TimeOf gives the instant of t.
func TimeOf(t time.Time) Time { return Time{t.Unix(), uint32(t.Nanosecond())} }

// Time gives t in UTC.
func (t Time) Time() time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

// Before reports whether t is earlier than u.
func (t Time) Before(u Time) bool { return t.Sec < u.Sec || t.Sec == u.Sec && t.Nsec < u.Nsec }

// Stat is what lstat says about a name, in a form that needs no allocation. Fields that the system does not know are
// zero, except Blocks and Nlink (Windows tells neither inodes nor owners, and counts one name for everything).
type Stat struct {
	Type  Type
	Perm  uint32 // the twelve permission bits, 07777
	Size  int64  // bytes; of a link, the length of its target
	Mtime Time
	Ctime Time
	Dev   uint64
	Ino   uint64
	Nlink uint64
	Rdev  uint64 // number of a device
	UID   uint32
	GID   uint32
	// Blocks is the space taken, in units of 512 bytes; -1 where unknown.
	Blocks int64
}

// Mode gives type and permissions as an fs.FileMode.
func (st *Stat) Mode() fs.FileMode { return modeOfType(st.Type) | modeOfPerm(st.Perm) }

// FileInfo gives st as an fs.FileInfo of the given name, of which the base is kept. Its Sys is a *Stat.
func (st Stat) FileInfo(name string) fs.FileInfo { return &fileInfo{path.Base(name), st} }

type fileInfo struct {
	name string
	st   Stat
}

func (fi *fileInfo) Name() string       { return fi.name }
func (fi *fileInfo) Size() int64        { return fi.st.Size }
func (fi *fileInfo) Mode() fs.FileMode  { return fi.st.Mode() }
func (fi *fileInfo) ModTime() time.Time { return fi.st.Mtime.Time() }
func (fi *fileInfo) IsDir() bool        { return fi.st.Type == Directory }
func (fi *fileInfo) Sys() any           { return &fi.st }

// PermOf gives the twelve permission bits of an fs.FileMode, which keeps three of them elsewhere.
func PermOf(m fs.FileMode) uint32 {
	p := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		p |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		p |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		p |= 0o1000
	}
	return p
}

func modeOfPerm(p uint32) fs.FileMode {
	m := fs.FileMode(p & 0o777)
	if p&0o4000 != 0 {
		m |= fs.ModeSetuid
	}
	if p&0o2000 != 0 {
		m |= fs.ModeSetgid
	}
	if p&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	return m
}

func modeOfType(t Type) fs.FileMode {
	switch t {
	case Regular:
		return 0
	case Directory:
		return fs.ModeDir
	case Symlink:
		return fs.ModeSymlink
	case Fifo:
		return fs.ModeNamedPipe
	case CharDevice:
		return fs.ModeDevice | fs.ModeCharDevice
	case BlockDevice:
		return fs.ModeDevice
	case Socket:
		return fs.ModeSocket
	}
	return fs.ModeIrregular
}

// TypeOf gives the type that an fs.FileMode says.
func TypeOf(m fs.FileMode) Type {
	switch m.Type() {
	case 0:
		return Regular
	case fs.ModeDir:
		return Directory
	case fs.ModeSymlink:
		return Symlink
	case fs.ModeNamedPipe:
		return Fifo
	case fs.ModeDevice | fs.ModeCharDevice:
		return CharDevice
	case fs.ModeDevice:
		return BlockDevice
	case fs.ModeSocket:
		return Socket
	}
	return Other
}
