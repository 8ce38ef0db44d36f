package historyindex

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Node is a commit in the graph, as Graph gives it.
type Node struct {
	ID         ID
	Generation uint64
	Sec        int64
	Nsec       uint32
	Parents    []Parent // good during the call
}

// Parent is a parent of a node.
type Parent struct {
	Back int // how many commits before the node in the same segment; 0: in an older one
	ID   ID  // if Back is 0
}

// Graph calls each for every commit of the segment in order.
func (s *Segment) Graph(each func(n *Node) error) error {
	number := 0
	var node Node
	for i, p := range s.graph {
		raw, err := s.read(p, blockGraph, i, maxRaw)
		if err != nil {
			return err
		}
		d := decoder{data: raw}
		node.Sec = 0
		for range min(groupCommits, s.commits-i*groupCommits) {
			d.node(&node, number)
			if d.err != nil {
				return d.err
			}
			if err := each(&node); err != nil {
				return err
			}
			number++
		}
		if err := d.end(); err != nil {
			return err
		}
	}
	return nil
}

// A node is: ID, generation uvarint, seconds since those of the node before as a zigzag varint, nanoseconds uvarint, number
// of parents uvarint, and of each how far back it is, uvarint, or 0 and its ID.
func (d *decoder) node(n *Node, number int) {
	copy(n.ID[:], d.bytes(32))
	n.Generation = d.uvarint(math.MaxInt64)
	n.Sec += d.varint()
	n.Nsec = uint32(d.uvarint(999_999_999))
	n.Parents = n.Parents[:0]
	for range d.uvarint(MaxParents) {
		var p Parent
		if p.Back = int(d.uvarint(uint64(number))); p.Back == 0 {
			copy(p.ID[:], d.bytes(32))
		}
		n.Parents = append(n.Parents, p)
	}
}

func appendNode(dst []byte, c *Commit, before int64, back func(ID) int) []byte {
	dst = append(dst, c.ID[:]...)
	dst = binary.AppendUvarint(dst, c.Generation)
	delta := c.Sec - before
	dst = binary.AppendUvarint(dst, uint64(delta)<<1^uint64(delta>>63))
	dst = binary.AppendUvarint(dst, uint64(c.Nsec))
	dst = binary.AppendUvarint(dst, uint64(len(c.Parents)))
	for _, p := range c.Parents {
		n := back(p)
		dst = binary.AppendUvarint(dst, uint64(n))
		if n == 0 {
			dst = append(dst, p[:]...)
		}
	}
	return dst
}

// Texts calls each with the encoding of the commits of the block of text that holds commit number, in order: several, since
// who wants one mostly wants its neighbours. Data is the caller's to keep.
func (s *Segment) Texts(number int, each func(number int, data []byte)) error {
	if number < 0 || number >= s.commits {
		return fmt.Errorf("%w: commit %d of %d", ErrDamaged, number, s.commits)
	}
	lo, hi := 0, len(s.text)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; s.text[mid].first <= number {
			lo = mid
		} else {
			hi = mid
		}
	}
	b := s.text[lo]
	raw, err := s.read(b.place, blockText, lo, maxRaw)
	if err != nil {
		return err
	}
	d := decoder{data: raw}
	all := make([][]byte, b.count)
	for i := range all {
		all[i] = d.bytes(d.uvarint(maxRaw))
	}
	if err := d.end(); err != nil {
		return err
	}
	for i, data := range all {
		each(b.first+i, data)
	}
	return nil
}
