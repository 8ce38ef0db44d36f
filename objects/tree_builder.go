package objects

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// How a directory is split. A node ends after a name whose hash says so, from
// nodeMin on; without such a name it ends at nodeMax, or before it would be longer
// than nodeBytes. One name more or less therefore changes one leaf and the nodes
// above it, wherever in a million it stands.
const (
	nodeMin      = 256
	nodeMeanBits = 10 // one name in 1,024 ends a node
	nodeMax      = 4096
	nodeBytes    = 1 << 20
	nodeHeader   = 2 + 3 // version, level and a count of up to three bytes
)

// TreeBuilder builds the tree of one directory and writes it to a Sink:
//
//	b.Reset()
//	b.Add(&entry) ...        in strictly ascending order of the names' bytes
//	ref, err := b.Finish()
//
// The result depends on the entries alone: the same directory always has the same
// ID. A builder is used by one goroutine, any number of times; its buffers stay.
type TreeBuilder struct {
	sink   Sink
	levels []treeLevel // [0] gathers entries, the others children
	used   int         // levels in use for this directory
	last   []byte      // name added last
	err    error       // first error; the directory is lost
}

// treeLevel gathers one node.
type treeLevel struct {
	buf   []byte // nodeHeader bytes kept free, then entries or children
	items int
	first string
	only  ChildRef // the child added last, for a node that turns out to have one only

	count, entries, bytes uint64
}

// NewTreeBuilder returns a builder that writes nodes to sink.
func NewTreeBuilder(sink Sink) *TreeBuilder {
	b := &TreeBuilder{sink: sink}
	b.Reset()
	return b
}

// Reset begins a new directory and forgets an unfinished one.
func (b *TreeBuilder) Reset() {
	for i := range b.levels {
		b.levels[i].reset()
	}
	b.used, b.last, b.err = 0, b.last[:0], nil
	b.level(0)
}

func (l *treeLevel) reset() {
	if l.buf == nil {
		l.buf = make([]byte, nodeHeader, 4<<10)
	}
	l.buf = l.buf[:nodeHeader]
	l.items, l.first = 0, ""
	l.count, l.entries, l.bytes = 0, 0, 0
}

// level returns level n, made when it is needed for the first time.
func (b *TreeBuilder) level(n int) *treeLevel {
	if n == len(b.levels) {
		b.levels = append(b.levels, treeLevel{})
		b.levels[n].reset()
	}
	b.used = max(b.used, n+1)
	return &b.levels[n]
}

// Add adds an entry, whose name must be greater than the one before. After an
// error of the sink the directory is lost, and every call returns that error until Reset;
// an entry that is refused leaves the directory as it was.
func (b *TreeBuilder) Add(e *Entry) error {
	if b.err != nil {
		return b.err
	}
	if err := b.checkOrder(e.Name); err != nil {
		return err
	}
	l := &b.levels[0]
	before := len(l.buf)
	buf, err := AppendEntry(l.buf, e)
	if err != nil {
		return err
	}
	entries, bytes := e.Totals()
	l.buf = buf
	if len(buf) > nodeBytes && l.items > 0 { // this entry opens the next leaf
		raw := append([]byte(nil), buf[before:]...)
		l.buf = buf[:before]
		return b.addRaw(raw, e.Name, entries, bytes)
	}
	return b.added(e.Name, entries, bytes)
}

// AddEncoded adds an entry that AppendEntry has encoded, with its name and what its
// Totals returned: for a directory the totals below it, otherwise 0 and its size.
// The encoding is trusted: it must come from this program, not from outside.
func (b *TreeBuilder) AddEncoded(raw []byte, name string, entries, bytes uint64) error {
	if b.err != nil {
		return b.err
	}
	if err := b.checkOrder(name); err != nil {
		return err
	}
	return b.addRaw(raw, name, entries, bytes)
}

func (b *TreeBuilder) addRaw(raw []byte, name string, entries, bytes uint64) error {
	l := &b.levels[0]
	if l.items > 0 && len(l.buf)+len(raw) > nodeBytes {
		if b.err = b.cut(0); b.err != nil {
			return b.err
		}
		l = &b.levels[0]
	}
	l.buf = append(l.buf, raw...)
	return b.added(name, entries, bytes)
}

func (b *TreeBuilder) checkOrder(name string) error {
	if len(b.last) > 0 && string(b.last) >= name {
		return fmt.Errorf("name %q added after %q: out of order", name, b.last)
	}
	return nil
}

// added notes the entry whose encoding was appended to the leaf.
func (b *TreeBuilder) added(name string, entries, bytes uint64) error {
	b.last = append(b.last[:0], name...)
	l := &b.levels[0]
	if l.items == 0 {
		l.first = name
	}
	l.items++
	l.count++
	l.entries += entries + 1
	l.bytes += bytes
	if l.entries > MaxTotalEntries || l.bytes > MaxTotalBytes {
		b.err = fmt.Errorf("totals of a directory: %w", ErrLimit)
		return b.err
	}
	if l.items >= nodeMin && (l.items >= nodeMax || endsNode(name, 0)) {
		b.err = b.cut(0)
	}
	return b.err
}

// cut writes the node of level n and adds it to the one above.
func (b *TreeBuilder) cut(n int) error {
	if n == MaxTreeLevel {
		return tooLarge("nodes above each other in a directory", uint64(n+2), MaxTreeLevel+1)
	}
	child, err := b.write(n)
	if err != nil {
		return err
	}
	up := b.level(n + 1) // may move b.levels
	if len(up.buf)+len(child.First)+len(ID{})+3*binary.MaxVarintLen64 > nodeBytes {
		if err := b.cut(n + 1); err != nil {
			return err
		}
		up = b.level(n + 1)
	}
	up.add(child)
	if up.entries > MaxTotalEntries || up.bytes > MaxTotalBytes {
		return fmt.Errorf("totals of a directory: %w", ErrLimit)
	}
	if up.items >= nodeMin && (up.items >= nodeMax || endsNode(child.First, n+1)) {
		return b.cut(n + 1)
	}
	return nil
}

func (l *treeLevel) add(c ChildRef) {
	if l.items == 0 {
		l.first = c.First
	}
	l.buf = appendChild(l.buf, &c)
	l.only = c
	l.items++
	l.count += c.Count
	l.entries += c.Entries
	l.bytes += c.Bytes
}

// write puts the node of level n into the sink and empties the level.
func (b *TreeBuilder) write(n int) (ChildRef, error) {
	l := &b.levels[n]
	id, err := b.sink.Put(KindTree, l.node(n))
	if err != nil {
		return ChildRef{}, err
	}
	c := ChildRef{First: l.first, ID: id, Count: l.count, Entries: l.entries, Bytes: l.bytes}
	l.reset()
	return c, nil
}

// node writes the header into the room kept for it, right before the items.
func (l *treeLevel) node(n int) []byte {
	var header [nodeHeader]byte
	h := append(header[:0], treeVersion, byte(n))
	h = binary.AppendUvarint(h, uint64(l.items))
	start := nodeHeader - len(h)
	copy(l.buf[start:], h)
	return l.buf[start:]
}

// Finish writes what is left and returns the root. A directory without entries
// is a leaf without entries. Before another directory the builder needs Reset.
func (b *TreeBuilder) Finish() (TreeRef, error) {
	for n := 0; b.err == nil; n++ {
		l := &b.levels[n]
		switch {
		case n+1 < b.used:
			if l.items > 0 {
				b.err = b.cut(n)
			}
		case n > 0 && l.items == 1: // an interior node with one child is that child
			return TreeRef{ID: l.only.ID, Entries: l.entries, Bytes: l.bytes}, nil
		default:
			root, err := b.write(n)
			b.err = err
			if err == nil {
				return TreeRef{ID: root.ID, Entries: root.Entries, Bytes: root.Bytes}, nil
			}
		}
	}
	return TreeRef{}, b.err
}

// endsNode reports whether the name ends a node of the level. The hash is FNV-1a
// with the finisher of MurmurHash3; it need not be secret, as boundaries show
// nowhere outside of sealed bytes.
func endsNode(name string, level int) bool {
	h := uint64(14695981039346656037)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return bits.RotateLeft64(h, -nodeMeanBits*level)&(1<<nodeMeanBits-1) == 0
}
