package worktree

import (
	"encoding/binary"
	"fmt"

	"evault/internal/vfs"
	"evault/objects"
)

// The stream inside the sealed index, all numbers uvarint in minimal form unless a width is given:
//
//	piece ... block ... piece ... block ...   in the order they were written
//	table     of each directory, in path order: length of path | path | offset of its block | length of its block
//	places    of each directory: u64 offset in the table | u32 number of the first directory after its subtree
//	footer    u64 offset of table | u64 offset of places | u64 number of directories | u64 seconds, u32 nanoseconds: as of
//	          | ID of the root tree that the entries are those of
//
//	block     flags | key | [length of raw | raw] | [tree: ID, entries, bytes]
//	          | number of pieces | of each: offset, length | entries to the end of the block
//	piece     entries
//	entry     flags | length of name | name | [key] | [length of raw | raw]
//	key       type<<12 + perm | size | mtime seconds (zigzag), u32 nanoseconds
//	          | ctime seconds - mtime seconds (zigzag), u32 nanoseconds | inode | [device | owner | group]
//
// Device, owner and group are left out of an entry's key where they are the directory's.
const (
	flagRacy     = 1 << 0
	flagAdded    = 1 << 1
	flagRemoved  = 1 << 2 // entries
	flagComplete = 1 << 2 // directories
	flagRaw      = 1 << 3
	flagKey      = 1 << 4 // entries: a key follows; directories: always set
	flagPlace    = 1 << 5 // device, owner and group are in the key
	flagTree     = 1 << 6 // directories
	flagGone     = 1 << 7 // directories: removed
)

// maxRaw bounds one recorded tree entry: a name, attributes of 256 KiB and a link target.
const maxRaw = 1 << 20

// decoder reads the stream. The first fault sticks, and everything read after it is zero.
type decoder struct {
	data []byte
	pos  int
	end  int
	bad  bool
}

func (d *decoder) fail()      { d.bad, d.pos = true, d.end }
func (d *decoder) more() bool { return d.pos < d.end }

func (d *decoder) uvarint() uint64 {
	if d.pos < d.end {
		if b := d.data[d.pos]; b < 0x80 {
			d.pos++
			return uint64(b)
		}
	}
	v, n := binary.Uvarint(d.data[d.pos:d.end])
	if n <= 0 || n > 1 && d.data[d.pos+n-1] == 0 {
		d.fail()
		return 0
	}
	d.pos += n
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) byte() byte {
	if d.pos >= d.end {
		d.fail()
		return 0
	}
	d.pos++
	return d.data[d.pos-1]
}

// limited reads a number that must not exceed max.
func (d *decoder) limited(max uint64) int {
	v := d.uvarint()
	if v > max {
		d.fail()
		return 0
	}
	return int(v)
}

// span reads a length of at most max and skips that many bytes, giving where they begin and end.
func (d *decoder) span(max uint64) (start, end int) {
	n := d.limited(max)
	if n > d.end-d.pos {
		d.fail()
		return d.pos, d.pos
	}
	start = d.pos
	d.pos += n
	return start, d.pos
}

func (d *decoder) nanos() uint32 {
	if d.end-d.pos < 4 {
		d.fail()
		return 0
	}
	v := binary.BigEndian.Uint32(d.data[d.pos:])
	d.pos += 4
	if v >= 1e9 {
		d.fail()
	}
	return v
}

func (d *decoder) key(k *StatKey, base *StatKey, flags byte) {
	tp := d.limited(uint64(vfs.Other)<<12 | 0o7777)
	k.Type, k.Perm = vfs.Type(tp>>12), uint32(tp&0o7777)
	k.Size = int64(d.limited(1<<63 - 1))
	k.Mtime.Sec = d.varint()
	k.Mtime.Nsec = d.nanos()
	k.Ctime.Sec = k.Mtime.Sec + d.varint()
	k.Ctime.Nsec = d.nanos()
	k.Ino = d.uvarint()
	if flags&flagPlace != 0 {
		k.Dev = d.uvarint()
		k.UID, k.GID = uint32(d.limited(1<<32-1)), uint32(d.limited(1<<32-1))
	} else {
		k.Dev, k.UID, k.GID = base.Dev, base.UID, base.GID
	}
	if k.Type == vfs.TypeUnknown {
		d.fail()
	}
}

func appendKey(dst []byte, k *StatKey, flags byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(k.Type)<<12|uint64(k.Perm&0o7777))
	dst = binary.AppendUvarint(dst, uint64(k.Size))
	dst = binary.AppendVarint(dst, k.Mtime.Sec)
	dst = binary.BigEndian.AppendUint32(dst, k.Mtime.Nsec)
	dst = binary.AppendVarint(dst, k.Ctime.Sec-k.Mtime.Sec)
	dst = binary.BigEndian.AppendUint32(dst, k.Ctime.Nsec)
	dst = binary.AppendUvarint(dst, k.Ino)
	if flags&flagPlace != 0 {
		dst = binary.AppendUvarint(dst, k.Dev)
		dst = binary.AppendUvarint(dst, uint64(k.UID))
		dst = binary.AppendUvarint(dst, uint64(k.GID))
	}
	return dst
}

func samePlace(k, base *StatKey) bool {
	return k.Dev == base.Dev && k.UID == base.UID && k.GID == base.GID
}

func bit(set bool, flag byte) byte {
	if set {
		return flag
	}
	return 0
}

// appendEntry encodes e, an entry of a directory whose own key is base.
func appendEntry(dst []byte, e *IndexEntry, base *StatKey) []byte {
	flags := bit(e.Racy, flagRacy) | bit(e.Added, flagAdded) | bit(e.Removed, flagRemoved) | bit(e.Raw != nil, flagRaw)
	if !e.Key.IsZero() {
		flags |= flagKey | bit(!samePlace(&e.Key, base), flagPlace)
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(len(e.Name)))
	dst = append(dst, e.Name...)
	if flags&flagKey != 0 {
		dst = appendKey(dst, &e.Key, flags)
	}
	if flags&flagRaw != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(e.Raw)))
		dst = append(dst, e.Raw...)
	}
	return dst
}

// entry decodes one entry; text holds the same bytes as d.data.
func (d *decoder) entry(e *IndexEntry, base *StatKey, text string) {
	flags := d.byte()
	start, end := d.span(objects.MaxName)
	e.Name = text[start:end]
	e.Racy, e.Added, e.Removed = flags&flagRacy != 0, flags&flagAdded != 0, flags&flagRemoved != 0
	if flags&flagKey != 0 {
		d.key(&e.Key, base, flags)
		if flags&flagPlace != 0 && samePlace(&e.Key, base) {
			d.fail()
		}
	} else {
		e.Key = StatKey{}
	}
	e.Raw = nil
	if flags&flagRaw != 0 {
		start, end := d.span(maxRaw)
		e.Raw = d.data[start:end:end]
	}
	if flags >= flagTree || start == end || flags&(flagKey|flagPlace) == flagPlace ||
		e.Added == (flags&flagRaw != 0) || e.Added && e.Removed {
		d.fail()
	}
}

// head is the fixed part of a directory's block.
func (d *decoder) head(b *IndexDir) {
	flags := d.byte()
	b.Racy, b.Complete, b.Added = flags&flagRacy != 0, flags&flagComplete != 0, flags&flagAdded != 0
	b.Removed = flags&flagGone != 0
	b.Key, b.Raw, b.Tree = StatKey{}, nil, objects.TreeRef{}
	if flags&flagKey != 0 {
		d.key(&b.Key, nil, flags|flagPlace)
	}
	if flags&flagRaw != 0 {
		start, end := d.span(maxRaw)
		b.Raw = d.data[start:end:end]
	}
	if flags&flagTree != 0 {
		d.tree(&b.Tree)
	}
	if flags&^(flagRacy|flagComplete|flagAdded|flagKey|flagRaw|flagTree|flagGone) != 0 {
		d.fail()
	}
}

func (d *decoder) tree(t *objects.TreeRef) {
	if d.end-d.pos < len(t.ID) {
		d.fail()
		return
	}
	d.pos += copy(t.ID[:], d.data[d.pos:])
	t.Entries, t.Bytes = d.uvarint(), d.uvarint()
	if *t == (objects.TreeRef{}) {
		d.fail()
	}
}

func appendHead(dst []byte, b *IndexDir) []byte {
	flags := bit(b.Racy, flagRacy) | bit(b.Complete, flagComplete) | bit(b.Added, flagAdded) |
		bit(!b.Key.IsZero(), flagKey) | bit(b.Raw != nil, flagRaw) | bit(b.Tree != objects.TreeRef{}, flagTree) | bit(b.Removed, flagGone)
	dst = append(dst, flags)
	if flags&flagKey != 0 {
		dst = appendKey(dst, &b.Key, flagPlace)
	}
	if flags&flagRaw != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(b.Raw)))
		dst = append(dst, b.Raw...)
	}
	if flags&flagTree != 0 {
		dst = append(dst, b.Tree.ID[:]...)
		dst = binary.AppendUvarint(dst, b.Tree.Entries)
		dst = binary.AppendUvarint(dst, b.Tree.Bytes)
	}
	return dst
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrIndexDamaged, fmt.Sprintf(format, args...))
}
