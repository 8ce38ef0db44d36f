package memfs

import (
	"fmt"

	"evault/internal/vfs"
)

// Kind says what an operation does.
type Kind uint8

// The operations. Those up to Mark change something or make it durable and are recorded; the rest only look.
const (
	Create Kind = iota + 1
	Mkdir
	Symlink
	Mknod
	Link
	Remove
	RemoveDir
	Rename
	Write
	Truncate
	Chmod
	Chown
	Chtimes
	SetXattr
	RemoveXattr
	Sync    // of a file
	SyncDir // of a directory
	Mark    // nothing but a label; see Memory.Mark

	Open
	Read
	Stat
	ReadNames
	Readlink
	ListXattrs
	GetXattr
	Lock
	Map
	Close
)

var kindNames = [...]string{"?", "create", "mkdir", "symlink", "mknod", "link", "remove", "rmdir", "rename", "write",
	"truncate", "chmod", "chown", "chtimes", "setxattr", "removexattr", "sync", "syncdir", "mark",
	"open", "read", "stat", "readdir", "readlink", "listxattr", "getxattr", "lock", "map", "close"}

// String gives the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "?"
}

// Mutates reports whether the operation changes the disk or makes it durable.
func (k Kind) Mutates() bool { return k >= Create && k <= Mark }

// Op is one operation on a [Memory].
type Op struct {
	// Index counts the operations of this Memory from 0, those that only look included.
	Index int
	Kind  Kind
	// Name is the path from the root of the Memory as the caller reached it; of a Mark, its label.
	Name string
	// NewName is the second path of a Rename or Link.
	NewName string
	// Offset and Data say what a Write writes, and Offset the size that a Truncate sets.
	Offset int64
	Data   []byte
	// Failed says that this Sync was made to fail.
	Failed bool

	// What replaying needs: inodes instead of paths, and values.
	ino, dir, newDir uint64
	base, newBase    string
	typ              vfs.Type
	perm             uint32
	uid, gid         uint32
	rdev             uint64
	mtime            vfs.Time
	text             string // target or attribute
}

// String gives the operation in one line.
func (o Op) String() string {
	s := fmt.Sprintf("%d %s %s", o.Index, o.Kind, o.Name)
	switch o.Kind {
	case Rename, Link:
		s += " -> " + o.NewName
	case Write:
		s += fmt.Sprintf(" [%d, %d)", o.Offset, o.Offset+int64(len(o.Data)))
	case Truncate:
		s += fmt.Sprintf(" to %d", o.Offset)
	}
	if o.Failed {
		s += " (failed)"
	}
	return s
}
