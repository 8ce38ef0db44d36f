package objects

import (
	"encoding/binary"
	"fmt"
)

// A file list joins the chunks of a file too large for one. Like a directory, a long
// list is split into leaves under interior nodes, where the chunks' IDs say so.
//
//	leaf      version u8 = 1, level u8 = 0, count uvarint, extents, each:
//	          uvarint of twice the length, plus 1 for a hole; if no hole: chunk ID
//	interior  version u8 = 1, level u8 = 1 to 3, count uvarint, children, each:
//	          ID, length uvarint (of all bytes below)
//
// A hole is a run of zero bytes that is stored nowhere. Two holes never adjoin,
// and a chunk of nothing but zeros is always written as a hole, so that one file has
// one list. A root that is one chunk, or has one child, is not valid: it has a
// shorter form.
const listVersion = 1

// Extent is a stretch of a file: a chunk, or a hole of Length zero bytes.
type Extent struct {
	Hole   bool
	ID     ID     // of the chunk, zero for a hole
	Length uint64 // in bytes; at most MaxChunk for a chunk, MaxFileSize for a hole
}

// ListRef is what an interior node of a file list knows of one child.
type ListRef struct {
	ID     ID
	Length uint64 // bytes of the file below the child, at least 1
}

// ListNode is one decoded node of a file list: Extents for a leaf (Level 0),
// Children for an interior node.
type ListNode struct {
	Level    uint8
	Extents  []Extent
	Children []ListRef
}

// DecodeFileList decodes one node. It accepts exactly what Encode writes.
func DecodeFileList(data []byte) (*ListNode, error) {
	var r listReader
	if err := r.open(data); err != nil {
		return nil, err
	}
	n := &ListNode{Level: r.level}
	for r.left > 0 {
		if n.Level > 0 {
			c, err := r.nextChild()
			if err != nil {
				return nil, err
			}
			n.Children = append(n.Children, c)
			continue
		}
		x, err := r.nextExtent()
		if err != nil {
			return nil, err
		}
		n.Extents = append(n.Extents, x)
	}
	return n, r.d.End("file list")
}

// Encode returns the node's bytes, or an error that says which rule it breaks.
func (n *ListNode) Encode() ([]byte, error) {
	count := len(n.Extents)
	if n.Level > 0 {
		count = len(n.Children)
	}
	if count > MaxListElements {
		return nil, tooLarge("file list node", uint64(count), MaxListElements)
	}
	out := []byte{listVersion, n.Level}
	out = binary.AppendUvarint(out, uint64(count))
	for _, x := range n.Extents {
		out = appendExtent(out, x)
	}
	for _, c := range n.Children {
		out = appendListRef(out, c)
	}
	// Lengths and order are rules of the whole node: the decoder holds them.
	if _, err := DecodeFileList(out); err != nil {
		return nil, err
	}
	return out, nil
}

func appendExtent(dst []byte, x Extent) []byte {
	if x.Hole {
		return binary.AppendUvarint(dst, x.Length<<1|1)
	}
	dst = binary.AppendUvarint(dst, x.Length<<1)
	return append(dst, x.ID[:]...)
}

func appendListRef(dst []byte, c ListRef) []byte {
	dst = append(dst, c.ID[:]...)
	return binary.AppendUvarint(dst, c.Length)
}

// listReader takes the extents or children of one node one after the other.
type listReader struct {
	d      decoder
	level  uint8
	left   uint64 // items still to come
	hole   bool   // the last extent was a hole
	length uint64 // bytes of the file taken so far
}

// open reads a node's header.
func (r *listReader) open(data []byte) error {
	if len(data) > MaxMetadata {
		return fmt.Errorf("%w: %w", ErrMalformed, tooLarge("file list", uint64(len(data)), MaxMetadata))
	}
	*r = listReader{d: newDecoder(data)}
	version, level := r.d.Uint8("file list"), r.d.Uint8("file list")
	switch {
	case r.d.Err() != nil:
		return r.d.Err()
	case version != listVersion:
		return newer("file list of version %d", version)
	case level > MaxListLevel:
		return malformed("file list node of level %d", level)
	}
	r.level = level
	r.left = r.d.Uvarint(MaxListElements, "number of elements")
	if r.left == 0 {
		r.d.Fail(malformed("file list node without elements"))
	}
	return r.d.Err()
}

func (r *listReader) nextExtent() (x Extent, err error) {
	v := r.d.Uvarint(MaxFileSize<<1|1, "length of an extent")
	x = Extent{Hole: v&1 == 1, Length: v >> 1}
	if !x.Hole {
		x.ID = r.d.id("chunk")
	}
	switch {
	case r.d.Err() != nil:
		return x, r.d.Err()
	case x.Length == 0:
		return x, malformed("extent of no bytes")
	case !x.Hole && x.Length > MaxChunk:
		return x, fmt.Errorf("%w: %w", ErrMalformed, tooLarge("chunk", x.Length, MaxChunk))
	case x.Hole && r.hole:
		return x, malformed("two holes in a row")
	}
	r.hole = x.Hole
	return x, r.took(x.Length)
}

func (r *listReader) nextChild() (c ListRef, err error) {
	c.ID = r.d.id("file list")
	c.Length = r.d.Uvarint(MaxFileSize, "length of a file list")
	switch {
	case r.d.Err() != nil:
		return c, r.d.Err()
	case c.Length == 0:
		return c, malformed("file list of no bytes")
	}
	return c, r.took(c.Length)
}

// took adds up the length, which cannot wrap: both are at most 2^50.
func (r *listReader) took(length uint64) error {
	r.left--
	r.length += length
	if r.length > MaxFileSize {
		return fmt.Errorf("%w: %w", ErrMalformed, tooLarge("file", r.length, MaxFileSize))
	}
	return nil
}
