package objects

import (
	"encoding/binary"
	"fmt"

	"evault/internal/wire"
)

// A tree object is one node of a directory. A directory of up to about a thousand
// entries is a single leaf; larger ones are leaves under interior nodes, split
// where the names say so (see TreeBuilder).
//
//	leaf      version u8 = 1, level u8 = 0, count uvarint, entries (AppendEntry)
//	interior  version u8 = 1, level u8 = 1 to 5, count uvarint, children, each:
//	          first name, ID, count uvarint, entries uvarint, bytes uvarint
//
// Names ascend strictly, within a node and across nodes. A child's level is its
// parent's less one, so that no chain of nodes can be endless.
const treeVersion = 1

// maxDirectoryCount bounds the number of entries one directory may claim.
const maxDirectoryCount = MaxTotalEntries

// TreeRef names a directory's tree together with its recursive totals.
type TreeRef struct {
	ID      ID
	Entries uint64 // all entries below, at any depth
	Bytes   uint64 // sum of the sizes of all files below, at any depth
}

// ChildRef is what an interior node knows of one child.
type ChildRef struct {
	First   string // name of the first entry below
	ID      ID
	Count   uint64 // entries of this very directory below the child, at least 1
	Entries uint64 // recursive: Count and all entries of directories below
	Bytes   uint64 // recursive
}

// TreeNode is one decoded node of a directory: Entries for a leaf (Level 0),
// Children for an interior node.
type TreeNode struct {
	Level    uint8
	Entries  []Entry
	Children []ChildRef
}

// DecodeTree decodes one node. It accepts exactly what Encode writes. It takes
// memory for all entries at once; ReadDir does not.
func DecodeTree(data []byte) (*TreeNode, error) {
	var r nodeReader
	if err := r.open(data); err != nil {
		return nil, err
	}
	n := &TreeNode{Level: r.level}
	for r.left > 0 {
		if n.Level > 0 {
			c, err := r.nextChild()
			if err != nil {
				return nil, err
			}
			n.Children = append(n.Children, c)
			continue
		}
		var e Entry
		if _, err := r.nextEntry(&e); err != nil {
			return nil, err
		}
		n.Entries = append(n.Entries, e)
	}
	return n, r.d.End("tree")
}

// Encode returns the node's bytes, or an error that says which rule it breaks.
func (n *TreeNode) Encode() ([]byte, error) {
	count := len(n.Entries)
	if n.Level > 0 {
		count = len(n.Children)
	}
	if count > MaxTreeEntries {
		return nil, tooLarge("tree node", uint64(count), MaxTreeEntries)
	}
	out := []byte{treeVersion, n.Level}
	out = binary.AppendUvarint(out, uint64(count))
	var err error
	for i := range n.Entries {
		if out, err = AppendEntry(out, &n.Entries[i]); err != nil {
			return nil, err
		}
	}
	for i := range n.Children {
		out = appendChild(out, &n.Children[i])
	}
	// Order and totals are rules of the whole node: the decoder holds them.
	if _, err := DecodeTree(out); err != nil {
		return nil, err
	}
	return out, nil
}

func appendChild(dst []byte, c *ChildRef) []byte {
	dst = wire.AppendText(dst, c.First)
	dst = append(dst, c.ID[:]...)
	dst = binary.AppendUvarint(dst, c.Count)
	dst = binary.AppendUvarint(dst, c.Entries)
	return binary.AppendUvarint(dst, c.Bytes)
}

// nodeReader takes the entries or children of one node one after the other,
// checking order and adding up totals on the way.
type nodeReader struct {
	d     decoder
	level uint8
	left  uint64 // entries or children still to come
	first bool   // nothing taken yet
	last  string // name taken last

	count, entries, bytes uint64 // what was taken so far adds up to
}

// open reads a node's header.
func (r *nodeReader) open(data []byte) error {
	if len(data) > MaxMetadata {
		return fmt.Errorf("%w: %w", ErrMalformed, tooLarge("tree", uint64(len(data)), MaxMetadata))
	}
	*r = nodeReader{d: newDecoder(data), first: true}
	version, level := r.d.Uint8("tree"), r.d.Uint8("tree")
	switch {
	case r.d.Err() != nil:
		return r.d.Err()
	case version != treeVersion:
		return newer("tree of version %d", version)
	case level > MaxTreeLevel:
		return malformed("tree node of level %d", level)
	}
	r.level = level
	r.left = r.d.Uvarint(MaxTreeEntries, "number of entries")
	if level > 0 && r.left == 0 {
		r.d.Fail(malformed("interior tree node without children"))
	}
	return r.d.Err()
}

// nextEntry takes the next entry of a leaf into e, and returns its encoding.
func (r *nodeReader) nextEntry(e *Entry) (raw []byte, err error) {
	before := r.d.Rest()
	rest, err := DecodeEntry(before, e)
	if err != nil {
		return nil, err
	}
	raw = before[: len(before)-len(rest) : len(before)-len(rest)]
	r.d.SetRest(rest)
	entries, bytes := e.Totals()
	if err := r.took(e.Name, 1, entries+1, bytes); err != nil {
		return nil, err
	}
	return raw, nil
}

// nextChild takes the next child of an interior node.
func (r *nodeReader) nextChild() (ChildRef, error) {
	var c ChildRef
	c.First = r.d.text("", MaxName, "first name")
	c.ID = r.d.id("tree")
	c.Count = r.d.Uvarint(maxDirectoryCount, "number of entries")
	c.Entries = r.d.Uvarint(MaxTotalEntries, "total of entries")
	c.Bytes = r.d.Uvarint(MaxTotalBytes, "total of bytes")
	if r.d.Err() != nil {
		return c, r.d.Err()
	}
	if err := ValidateName(c.First); err != nil {
		return c, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if c.Count == 0 || c.Entries < c.Count {
		return c, malformed("tree node %s: %d entries of %d", c.ID.Short(), c.Count, c.Entries)
	}
	return c, r.took(c.First, c.Count, c.Entries, c.Bytes)
}

// took notes one entry or child: names ascend, sums stay within their limits.
func (r *nodeReader) took(name string, count, entries, bytes uint64) error {
	if !r.first && r.last >= name {
		return malformed("name %q is out of order", name)
	}
	r.first, r.last = false, name
	r.left--
	// None of the sums can wrap: each side is at most 2^62.
	r.count += count
	r.entries += entries
	r.bytes += bytes
	if r.entries > MaxTotalEntries || r.bytes > MaxTotalBytes {
		return malformed("totals of a tree beyond their limits")
	}
	return nil
}
