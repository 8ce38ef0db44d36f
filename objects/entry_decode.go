package objects

import "fmt"

// DecodeEntry decodes the entry at the front of data into e, all of whose fields
// it sets, and returns what follows it. It accepts exactly what AppendEntry
// writes. It reuses e's slices, and e's strings where they are equal: a caller
// that keeps an entry while it decodes the next into the same place keeps
// e.Clone(). Nothing in e aliases data. After an error e holds nothing of use.
func DecodeEntry(data []byte, e *Entry) (rest []byte, err error) {
	d := newDecoder(data)
	e.Type = EntryType(d.Uint8("entry"))
	flags := d.Uint8("entry")
	// What follows an unknown type or flag cannot be understood: say so before
	// anything is called malformed.
	if d.Err() == nil && (!e.Type.valid() || flags&^flagsKnown != 0) {
		return nil, newer("entry of type %d with flags %#x", e.Type, flags)
	}
	d.entryHead(e)
	d.entryExtras(e, flags)
	d.entryBody(e, flags)
	if d.Err() != nil {
		return nil, d.Err()
	}
	if err := e.check(); err != nil {
		return nil, decodedError(e, err)
	}
	return d.Rest(), nil
}

// decodedError says of an entry that came from outside that it is malformed,
// whichever rule it breaks, unless it is merely newer.
func decodedError(e *Entry, err error) error {
	return fmt.Errorf("%w: %w", ErrMalformed, entryError(e, err))
}

func (d *decoder) entryHead(e *Entry) {
	e.Name = d.text(e.Name, MaxName, "name")
	e.Mode = uint32(d.Uvarint(0o7777, "mode"))
	e.UID = uint32(d.Uvarint(1<<32-1, "uid"))
	e.GID = uint32(d.Uvarint(1<<32-1, "gid"))
	e.User = d.text(e.User, MaxOwnerName, "owner's name")
	e.Group = d.text(e.Group, MaxOwnerName, "group's name")
	e.Mtime = d.time("mtime")
}

func (d *decoder) entryExtras(e *Entry, flags byte) {
	e.Xattrs = e.Xattrs[:0]
	if flags&flagXattrs != 0 {
		d.xattrs(e)
	}
	e.LinkGroup = 0
	if flags&flagLinkGroup != 0 {
		if e.LinkGroup = d.Uint64("link group"); e.LinkGroup == 0 {
			d.Fail(malformed("link group 0"))
		}
	}
}

// xattrs decodes into the slices that e already has. The sum of the lengths is
// held to its limit on the way, before a value is copied.
func (d *decoder) xattrs(e *Entry) {
	n := d.Uvarint(MaxXattrs, "number of extended attributes")
	if n == 0 {
		d.Fail(malformed("no extended attributes where some are announced"))
	}
	room := uint64(MaxXattrBytes)
	for range n {
		if d.Err() != nil {
			return
		}
		i := len(e.Xattrs)
		if i < cap(e.Xattrs) {
			e.Xattrs = e.Xattrs[:i+1]
		} else {
			e.Xattrs = append(e.Xattrs, Xattr{})
		}
		x := &e.Xattrs[i]
		x.Name = d.text(x.Name, MaxName, "name of an extended attribute")
		room -= min(room, uint64(len(x.Name)))
		value := d.Bytes(d.Uvarint(room, "extended attributes"), "extended attribute")
		x.Value = append(x.Value[:0], value...)
		room -= uint64(len(value))
	}
}

func (d *decoder) entryBody(e *Entry, flags byte) {
	e.Size, e.Sparse = 0, flags&flagSparse != 0
	e.Content = Content{Inline: e.Content.Inline[:0]}
	e.Tree, e.Entries, e.Bytes = ID{}, 0, 0
	e.Major, e.Minor = 0, 0
	if e.Type != TypeSymlink {
		e.Target = ""
	}
	switch e.Type {
	case TypeFile:
		d.content(e)
	case TypeSymlink:
		e.Target = d.text(e.Target, MaxPath, "target")
	case TypeCharDevice, TypeBlockDevice:
		e.Major = uint32(d.Uvarint(1<<32-1, "major number"))
		e.Minor = uint32(d.Uvarint(1<<32-1, "minor number"))
	case TypeDirectory:
		e.Tree = d.id("tree")
		e.Entries = d.Uvarint(MaxTotalEntries, "total of entries")
		e.Bytes = d.Uvarint(MaxTotalBytes, "total of bytes")
	}
}

func (d *decoder) content(e *Entry) {
	e.Size = d.Uvarint(MaxFileSize, "size")
	e.Content.Kind = ContentKind(d.Uint8("content"))
	switch e.Content.Kind {
	case ContentEmpty:
	case ContentInline:
		if e.Size > MaxInline {
			d.Fail(malformed("inline content of %d bytes", e.Size))
			return
		}
		e.Content.Inline = append(e.Content.Inline, d.Bytes(e.Size, "inline content")...)
	case ContentChunk, ContentFileList:
		e.Content.ID = d.id("content")
	default:
		d.Fail(newer("content kind %d", e.Content.Kind))
	}
}
