package objects

import (
	"bytes"
	"fmt"
	"slices"
)

// Time is a point in time: seconds since 1970-01-01 UTC (negative before) and
// nanoseconds (below 1e9) that are added to them.
type Time struct {
	Sec  int64
	Nsec uint32
}

// Compare orders times: -1, 0 or +1.
func (t Time) Compare(o Time) int {
	switch {
	case t.Sec < o.Sec || t.Sec == o.Sec && t.Nsec < o.Nsec:
		return -1
	case t == o:
		return 0
	}
	return 1
}

// EntryType says what stands behind a name in a directory.
type EntryType uint8

// The types of entry. Their numbers are part of the format.
const (
	TypeFile        EntryType = 1
	TypeDirectory   EntryType = 2
	TypeSymlink     EntryType = 3
	TypeFifo        EntryType = 4
	TypeCharDevice  EntryType = 5
	TypeBlockDevice EntryType = 6
)

// String returns the type's name in words, for messages.
func (t EntryType) String() string {
	switch t {
	case TypeFile:
		return "file"
	case TypeDirectory:
		return "directory"
	case TypeSymlink:
		return "symbolic link"
	case TypeFifo:
		return "fifo"
	case TypeCharDevice:
		return "character device"
	case TypeBlockDevice:
		return "block device"
	}
	return fmt.Sprintf("entry type %d", uint8(t))
}

func (t EntryType) valid() bool { return t >= TypeFile && t <= TypeBlockDevice }

// ContentKind says where the bytes of a file are.
type ContentKind uint8

// The kinds of content. Their numbers are part of the format.
const (
	ContentEmpty    ContentKind = 0 // no bytes
	ContentInline   ContentKind = 1 // 1 to MaxInline bytes, in the entry itself
	ContentChunk    ContentKind = 2 // one chunk
	ContentFileList ContentKind = 3 // chunks and holes, named by a file list
)

// Content is where the bytes of a file are. Inline is set for ContentInline
// only, ID for ContentChunk and ContentFileList only.
type Content struct {
	Kind   ContentKind
	Inline []byte
	ID     ID
}

// Equal reports whether two contents are the same bytes. Because chunking is
// deterministic within a vault, different contents are different bytes, too.
func (c *Content) Equal(o *Content) bool {
	return c.Kind == o.Kind && c.ID == o.ID && bytes.Equal(c.Inline, o.Inline)
}

// Xattr is one extended attribute. The name has 1 to 255 bytes and no NUL.
type Xattr struct {
	Name  string
	Value []byte
}

// Entry is one line of a directory: a name and all that is known about what it
// stands for. Fields that do not belong to the type are zero.
type Entry struct {
	Name   string
	Type   EntryType
	Mode   uint32  // permission bits, set-ID bits and sticky bit: 07777
	UID    uint32  // number of the owner at commit time
	GID    uint32  // number of the group at commit time
	User   string  // name of the owner at commit time, may be empty
	Group  string  // name of the group at commit time, may be empty
	Mtime  Time    // time of last modification
	Xattrs []Xattr // strictly ascending by name, MaxXattrBytes together

	// LinkGroup is the same number for all names of one inode within a snapshot;
	// 0 means that there is no other name. Never set for directories.
	LinkGroup uint64

	Size    uint64  // files: length in bytes
	Content Content // files
	Sparse  bool    // files: had unallocated blocks, so it is restored with holes

	Target string // symbolic links: 1 to MaxPath bytes, no NUL

	Major, Minor uint32 // devices

	Tree    ID     // directories: the root node of its tree
	Entries uint64 // directories: number of all entries below it, itself not counted
	Bytes   uint64 // directories: sum of Size of all files below it
}

// IsDir reports whether e is a directory.
func (e *Entry) IsDir() bool { return e.Type == TypeDirectory }

// Totals returns what e adds to the totals of the directory it is in, besides
// being one entry itself: the entries below it, and the file bytes of it or below it.
func (e *Entry) Totals() (entries, bytes uint64) {
	if e.Type == TypeDirectory {
		return e.Entries, e.Bytes
	}
	return 0, e.Size
}

// SameContent reports whether e and o hold the same thing, whatever their names
// and metadata: the same bytes of a file, target, device numbers or tree.
func (e *Entry) SameContent(o *Entry) bool {
	return e.Type == o.Type && e.Size == o.Size && e.Content.Equal(&o.Content) &&
		e.Target == o.Target && e.Major == o.Major && e.Minor == o.Minor && e.Tree == o.Tree
}

// Equal reports whether all fields are equal, which is so exactly when the
// encodings are.
func (e *Entry) Equal(o *Entry) bool {
	return e.SameContent(o) && e.Name == o.Name && e.Mode == o.Mode &&
		e.UID == o.UID && e.GID == o.GID && e.User == o.User && e.Group == o.Group &&
		e.Mtime == o.Mtime && e.Sparse == o.Sparse && e.LinkGroup == o.LinkGroup &&
		e.Entries == o.Entries && e.Bytes == o.Bytes &&
		slices.EqualFunc(e.Xattrs, o.Xattrs, func(a, b Xattr) bool {
			return a.Name == b.Name && bytes.Equal(a.Value, b.Value)
		})
}

// Clone returns a copy that shares no memory with e that a later DecodeEntry into
// e could overwrite.
func (e *Entry) Clone() Entry {
	c := *e
	c.Content.Inline = bytes.Clone(e.Content.Inline)
	c.Xattrs = slices.Clone(e.Xattrs)
	for i := range c.Xattrs {
		c.Xattrs[i].Value = bytes.Clone(c.Xattrs[i].Value)
	}
	return c
}
