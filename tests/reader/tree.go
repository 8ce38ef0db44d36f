package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The kinds of object.
const (
	kindChunk = 1 + iota
	kindFileList
	kindTree
	kindCommit
)

type treeRef struct {
	id             [32]byte
	entries, bytes uint64
}

type commit struct {
	parents    [][32]byte
	tree       treeRef
	generation uint64
}

// commit reads a commit and checks its signature: section 8.
func (v *vault) commit(id [32]byte) (*commit, error) {
	data, err := v.get(id, kindCommit)
	if err != nil {
		return nil, err
	}
	d := decoder{rest: data}
	d.version("commit")
	c := &commit{}
	for range d.count(16, 32) {
		if p := d.hash(); slices.Contains(c.parents, p) {
			d.fail("one parent twice")
		} else {
			c.parents = append(c.parents, p)
		}
	}
	c.tree = treeRef{d.hash(), d.uvarint(1 << 48), d.uvarint(1 << 62)}
	c.generation = d.uvarint(1 << 62)
	device := d.hash()
	author := d.text(1024)
	d.number(8)
	nanoseconds, zone := d.number(4), int16(d.number(2))
	message := d.text(65536)
	before := ""
	for i := range d.count(256, 2) {
		key := d.text(255)
		d.ascending(i, &before, key)
		if value := d.text(4096); key == "" || strings.Contains(key, "=") || control7(key) || strings.Contains(value, "\x00") {
			d.fail("label %q", key)
		}
	}
	unsigned := data[:len(data)-len(d.rest)]
	signature := d.take(64)
	if nanoseconds >= 1e9 || zone <= -1440 || zone >= 1440 || control7(author) || strings.Contains(message, "\x00") ||
		c.generation == 0 || (c.generation == 1) != (len(c.parents) == 0) {
		d.fail("a field is not as it must be")
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("commit %x: %w", id[:6], err)
	}
	if !v.known[device] {
		return nil, fmt.Errorf("commit %x: no roster lists its device", id[:6])
	}
	hash := mac256("evault commit object v1\x00", unsigned)
	return c, signed(device, "evault commit v1", hash[:], signature)
}

// control7 says whether a text has ASCII control characters.
func control7(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// ancestors gives a commit and all that it comes from.
func (v *vault) ancestors(id [32]byte) (map[[32]byte]bool, error) {
	seen := map[[32]byte]bool{id: true}
	for queue := [][32]byte{id}; len(queue) > 0; queue = queue[1:] {
		c, err := v.commit(queue[0])
		if err != nil {
			return nil, err
		}
		for _, p := range c.parents {
			parent, err := v.commit(p)
			if err != nil {
				return nil, err
			}
			if parent.generation >= c.generation {
				return nil, fmt.Errorf("commit %x: its generation is not less than its child's", p[:6])
			}
			if !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return seen, nil
}

type xattr struct{ name, value string }

// entry is one line of a directory.
type entry struct {
	kind, flags byte
	name        string
	mode        uint32
	sec         int64
	nsec        int64
	xattrs      []xattr
	group       uint64
	size        uint64
	content     byte
	inline      []byte
	id          [32]byte // of the content
	tree        treeRef
	target      string
}

// The types of entry that the rest tells apart.
const (
	typeFile = 1 + iota
	typeDirectory
	typeSymlink
	typeFifo
)

func (d *decoder) entry() (e entry) {
	e.kind, e.flags = d.u8(), d.u8()
	if d.err == nil && (e.kind < 1 || e.kind > 6 || e.flags > 7) {
		d.fail("entry of type %d, flags %d: %w", e.kind, e.flags, errNewer)
	}
	e.name = d.text(255)
	if d.err == nil && !nameAllowed(e.name) {
		d.fail("name %q", e.name)
	}
	e.mode = uint32(d.uvarint(0o7777))
	d.uvarint(1<<32 - 1)
	d.uvarint(1<<32 - 1)
	d.text(255)
	d.text(255)
	e.sec, e.nsec = int64(d.number(8)), int64(d.number(4))
	if e.flags&2 != 0 {
		d.xattrs(&e)
	}
	if e.flags&4 != 0 {
		if e.group = d.number(8); e.group == 0 {
			d.fail("link group 0")
		}
	}
	if e.nsec >= 1e9 || e.flags&1 != 0 && e.kind != typeFile || e.flags&4 != 0 && e.kind == typeDirectory {
		d.fail("entry %q is not as it must be", e.name)
	}
	switch e.kind {
	case typeFile:
		d.content(&e)
	case typeDirectory:
		e.tree = treeRef{d.hash(), d.uvarint(1 << 48), d.uvarint(1 << 62)}
	case typeSymlink:
		if e.target = d.text(32768); e.target == "" || strings.Contains(e.target, "\x00") {
			d.fail("target %q", e.target)
		}
	case typeFifo:
	default:
		d.uvarint(1<<32 - 1)
		d.uvarint(1<<32 - 1)
	}
	return e
}

func (d *decoder) xattrs(e *entry) {
	before, total := "", 0
	for i := range d.count(1024, 2) {
		x := xattr{d.text(255), d.text(262144)}
		d.ascending(i, &before, x.name)
		if total += len(x.name) + len(x.value); x.name == "" || strings.Contains(x.name, "\x00") || total > 262144 {
			d.fail("xattr %q", x.name)
		}
		e.xattrs = append(e.xattrs, x)
	}
	if len(e.xattrs) == 0 {
		d.fail("no xattrs where some are announced")
	}
}

func (d *decoder) content(e *entry) {
	e.size, e.content = d.uvarint(1<<50), d.u8()
	switch e.content {
	case 0:
		if e.size != 0 {
			d.fail("an empty file of %d bytes", e.size)
		}
	case 1:
		if e.size < 1 || e.size > 64 {
			d.fail("an inline file of %d bytes", e.size)
		}
		e.inline = d.take(e.size)
	case 2, 3:
		if e.id = d.hash(); e.size == 0 || e.content == 2 && e.size > 1<<20 {
			d.fail("a file of %d bytes", e.size)
		}
	default:
		d.fail("content %d: %w", e.content, errNewer)
	}
}

// readDir gives every entry of a directory, whose totals must be those claimed.
func (v *vault) readDir(t treeRef) (all []entry, err error) {
	count, entries, bytes, err := v.node(t.id, -1, "", &all)
	if err == nil && (entries != t.entries || bytes != t.bytes || count != uint64(len(all))) {
		err = fmt.Errorf("tree %x: %d entries and %d bytes, claimed are %d and %d", t.id[:6], entries, bytes, t.entries, t.bytes)
	}
	return all, err
}

// node reads one node and all below it. Level -1 is that of a root.
func (v *vault) node(id [32]byte, level int, first string, all *[]entry) (count, entries, bytes uint64, err error) {
	data, err := v.get(id, kindTree)
	if err != nil {
		return 0, 0, 0, err
	}
	d := decoder{rest: data}
	d.version("tree")
	mine := int(d.u8())
	if mine > 5 || level >= 0 && mine != level {
		d.fail("node of level %d", mine)
	}
	n := d.count(65536, 1)
	if n == 0 && mine > 0 {
		d.fail("no children")
	}
	for i := range n {
		if mine > 0 {
			name, child, c, e, b := d.text(255), d.hash(), d.uvarint(1<<48), d.uvarint(1<<48), d.uvarint(1<<62)
			if d.err != nil {
				break
			}
			if i == 0 && level >= 0 && name != first {
				d.fail("first name is not as claimed")
			}
			gotCount, gotEntries, gotBytes, err := v.node(child, mine-1, name, all)
			if err != nil {
				return 0, 0, 0, err
			}
			if gotCount != c || gotEntries != e || gotBytes != b || c == 0 {
				d.fail("child %x is not as claimed", child[:6])
			}
			count, entries, bytes = count+c, entries+e, bytes+b
			continue
		}
		e := d.entry()
		if d.err != nil {
			break
		}
		if l := len(*all); l > 0 && (*all)[l-1].name >= e.name || i == 0 && level >= 0 && e.name != first {
			d.fail("name %q is out of order", e.name)
		}
		*all = append(*all, e)
		count, entries, bytes = count+1, entries+1+e.tree.entries, bytes+e.size+e.tree.bytes
	}
	if err := d.end(); err != nil {
		return 0, 0, 0, fmt.Errorf("tree %x: %w", id[:6], err)
	}
	return count, entries, bytes, nil
}

// extents gives the pieces of a file in order: chunks, or holes, for which the data is nil.
func (v *vault) extents(e *entry, each func(data []byte, length uint64) error) error {
	switch e.content {
	case 0:
		return nil
	case 1:
		return each(e.inline, e.size)
	case 2:
		return v.chunk(e.id, e.size, each)
	}
	hole := false
	return v.list(e.id, -1, e.size, &hole, each)
}

func (v *vault) chunk(id [32]byte, length uint64, each func([]byte, uint64) error) error {
	data, err := v.get(id, kindChunk)
	if err == nil && uint64(len(data)) != length {
		err = fmt.Errorf("chunk %x has not the length claimed", id[:6])
	}
	if err != nil {
		return err
	}
	return each(data, length)
}

func (v *vault) list(id [32]byte, level int, length uint64, hole *bool, each func([]byte, uint64) error) error {
	data, err := v.get(id, kindFileList)
	if err != nil {
		return err
	}
	d := decoder{rest: data}
	d.version("file list")
	mine := int(d.u8())
	n := d.count(8192, 2)
	if mine > 3 || level >= 0 && mine != level || n == 0 || level < 0 && mine > 0 && n == 1 {
		d.fail("no such node")
	}
	sum := uint64(0)
	for range n {
		var err error
		if mine > 0 {
			child, bytes := d.hash(), d.uvarint(1<<50)
			if sum += bytes; d.err == nil {
				err = v.list(child, mine-1, bytes, hole, each)
			}
		} else {
			x := d.uvarint(1<<51 | 1)
			bytes, isHole := x>>1, x&1 == 1
			if sum += bytes; bytes == 0 || isHole && *hole || !isHole && n == 1 && level < 0 || sum > length {
				return errors.Join(d.err, fmt.Errorf("file list %x: extent of %d bytes", id[:6], bytes))
			}
			if *hole = isHole; isHole {
				err = each(nil, bytes)
			} else if chunk := d.hash(); d.err == nil {
				err = v.chunk(chunk, bytes, each)
			}
		}
		if err != nil {
			return err
		}
	}
	if sum != length {
		d.fail("%d bytes, claimed are %d", sum, length)
	}
	return d.end()
}
