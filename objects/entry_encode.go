package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"evault/internal/wire"
)

// Flags of an encoded entry. Bits that have no meaning yet are ErrNewer.
const (
	flagSparse    = 1 << 0
	flagXattrs    = 1 << 1
	flagLinkGroup = 1 << 2
	flagsKnown    = flagSparse | flagXattrs | flagLinkGroup
)

// AppendEntry appends the encoding of e to dst. The encoding is self-contained
// and the only one of e; a tree leaf is a header and the encodings of its entries
// one after the other. On an error (a name that no tree may hold, a value beyond
// its limit, a field set that does not belong to the type) dst is returned as it was.
//
// Layout: type u8, flags u8, name, mode uvarint, uid uvarint, gid uvarint, user,
// group, mtime (i64, u32); if flagged: number of xattrs uvarint and name and value of
// each; if flagged: link group u64; then by type: file: size uvarint, content kind
// u8, and inline bytes (as many as size says) or ID; symbolic link: target;
// device: major uvarint, minor uvarint; directory: tree ID, entries uvarint, bytes
// uvarint. Names, values and targets have their length before them, as uvarint.
func AppendEntry(dst []byte, e *Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return dst, entryError(e, err)
	}
	dst = append(dst, byte(e.Type), e.flags())
	dst = wire.AppendText(dst, e.Name)
	dst = binary.AppendUvarint(dst, uint64(e.Mode))
	dst = binary.AppendUvarint(dst, uint64(e.UID))
	dst = binary.AppendUvarint(dst, uint64(e.GID))
	dst = wire.AppendText(dst, e.User)
	dst = wire.AppendText(dst, e.Group)
	dst = wire.AppendTime(dst, e.Mtime.Sec, e.Mtime.Nsec)
	if len(e.Xattrs) > 0 {
		dst = appendXattrs(dst, e.Xattrs)
	}
	if e.LinkGroup != 0 {
		dst = binary.BigEndian.AppendUint64(dst, e.LinkGroup)
	}
	return appendBody(dst, e), nil
}

// entryError names the entry in err, unless the name itself is the error.
func entryError(e *Entry, err error) error {
	if _, ok := errors.AsType[*NameError](err); ok {
		return err
	}
	return fmt.Errorf("entry %q: %w", e.Name, err)
}

func (e *Entry) flags() (f byte) {
	if e.Sparse {
		f |= flagSparse
	}
	if len(e.Xattrs) > 0 {
		f |= flagXattrs
	}
	if e.LinkGroup != 0 {
		f |= flagLinkGroup
	}
	return f
}

func appendXattrs(dst []byte, xattrs []Xattr) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(xattrs)))
	for i := range xattrs {
		dst = wire.AppendText(dst, xattrs[i].Name)
		dst = binary.AppendUvarint(dst, uint64(len(xattrs[i].Value)))
		dst = append(dst, xattrs[i].Value...)
	}
	return dst
}

// appendBody appends the part of an entry that depends on its type.
func appendBody(dst []byte, e *Entry) []byte {
	switch e.Type {
	case TypeFile:
		dst = binary.AppendUvarint(dst, e.Size)
		dst = append(dst, byte(e.Content.Kind))
		switch e.Content.Kind {
		case ContentInline:
			dst = append(dst, e.Content.Inline...)
		case ContentChunk, ContentFileList:
			dst = append(dst, e.Content.ID[:]...)
		}
	case TypeSymlink:
		dst = wire.AppendText(dst, e.Target)
	case TypeCharDevice, TypeBlockDevice:
		dst = binary.AppendUvarint(dst, uint64(e.Major))
		dst = binary.AppendUvarint(dst, uint64(e.Minor))
	case TypeDirectory:
		dst = append(dst, e.Tree[:]...)
		dst = binary.AppendUvarint(dst, e.Entries)
		dst = binary.AppendUvarint(dst, e.Bytes)
	}
	return dst
}

// check holds every rule of an entry; the encoder and the decoder both ask it.
func (e *Entry) check() error {
	if err := ValidateName(e.Name); err != nil {
		return err
	}
	switch {
	case !e.Type.valid():
		return newer("%v", e.Type)
	case e.Mode > 0o7777:
		return malformed("mode %o", e.Mode)
	case len(e.User) > MaxOwnerName:
		return tooLarge("owner's name", uint64(len(e.User)), MaxOwnerName)
	case len(e.Group) > MaxOwnerName:
		return tooLarge("group's name", uint64(len(e.Group)), MaxOwnerName)
	case e.Mtime.Nsec >= 1e9:
		return malformed("%d nanoseconds", e.Mtime.Nsec)
	}
	if len(e.Xattrs) > 0 {
		if err := checkXattrs(e.Xattrs); err != nil {
			return err
		}
	}
	return e.checkBody()
}

// checkBody checks the fields that depend on the type, and that those of other
// types are zero: otherwise two entries that differ would encode alike.
func (e *Entry) checkBody() error {
	if e.Type != TypeFile && (e.Size != 0 || e.Sparse || e.Content.Kind != ContentEmpty || !e.Content.fits(0)) {
		return malformed("%v with a file's content", e.Type)
	}
	if e.Type != TypeSymlink && e.Target != "" {
		return malformed("%v with a target", e.Type)
	}
	if e.Type != TypeDirectory && (e.Entries != 0 || e.Bytes != 0 || !e.Tree.IsZero()) {
		return malformed("%v with a tree", e.Type)
	}
	device := e.Type == TypeCharDevice || e.Type == TypeBlockDevice
	if !device && (e.Major != 0 || e.Minor != 0) {
		return malformed("%v with device numbers", e.Type)
	}
	switch e.Type {
	case TypeFile:
		return e.checkFile()
	case TypeSymlink:
		return checkTarget(e.Target)
	case TypeDirectory:
		return e.checkDirectory()
	}
	return nil
}

func (e *Entry) checkFile() error {
	if e.Size > MaxFileSize {
		return tooLarge("file", e.Size, MaxFileSize)
	}
	if e.Content.Kind > ContentFileList {
		return newer("content kind %d", e.Content.Kind)
	}
	if !e.Content.fits(e.Size) {
		return malformed("size %d does not fit its content", e.Size)
	}
	return nil
}

// fits reports whether a file of that size may have this content.
func (c *Content) fits(size uint64) bool {
	if c.Kind != ContentInline && len(c.Inline) > 0 {
		return false
	}
	switch c.Kind {
	case ContentEmpty:
		return size == 0 && c.ID.IsZero()
	case ContentInline:
		return size > 0 && size <= MaxInline && size == uint64(len(c.Inline)) && c.ID.IsZero()
	case ContentChunk:
		return size > 0 && size <= MaxChunk
	}
	return size > 0
}

func checkTarget(target string) error {
	switch {
	case target == "":
		return malformed("symbolic link without a target")
	case len(target) > MaxPath:
		return tooLarge("target", uint64(len(target)), MaxPath)
	case strings.IndexByte(target, 0) >= 0:
		return malformed("NUL in the target of a symbolic link")
	}
	return nil
}

func (e *Entry) checkDirectory() error {
	switch {
	case e.LinkGroup != 0:
		return malformed("directory with a link group")
	case e.Entries > MaxTotalEntries:
		return tooLarge("directory's total of entries", e.Entries, MaxTotalEntries)
	case e.Bytes > MaxTotalBytes:
		return tooLarge("directory's total of bytes", e.Bytes, MaxTotalBytes)
	}
	return nil
}

// checkXattrs checks names, order and the sum of the lengths.
func checkXattrs(xattrs []Xattr) error {
	if len(xattrs) > MaxXattrs {
		return tooLarge("number of extended attributes", uint64(len(xattrs)), MaxXattrs)
	}
	total := 0
	for i := range xattrs {
		name := xattrs[i].Name
		if name == "" || len(name) > MaxName || strings.IndexByte(name, 0) >= 0 {
			return malformed("extended attribute %.300q", name)
		}
		if i > 0 && xattrs[i-1].Name >= name {
			return malformed("extended attribute %q out of order", name)
		}
		total += len(name) + len(xattrs[i].Value)
		if total > MaxXattrBytes {
			return tooLarge("extended attributes", uint64(total), MaxXattrBytes)
		}
	}
	return nil
}
