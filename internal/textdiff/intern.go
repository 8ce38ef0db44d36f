package textdiff

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// lineTable gives equal lines equal numbers, from 0 up. Its hash is keyed at random, so that nobody can write a file
// whose lines collide.
type lineTable struct {
	seed  maphash.Seed
	slots []int32 // number+1 of a line, or 0; a power of two of them
	hash  []uint32
	line  [][]byte // of each number
}

// newLineTable makes room for n different lines.
func newLineTable(n int) *lineTable {
	size := 1 << bits.Len(uint(n+n/2+1))
	return &lineTable{seed: maphash.MakeSeed(), slots: make([]int32, size), hash: make([]uint32, 0, n), line: make([][]byte, 0, n)}
}

func (t *lineTable) number(line []byte) int32 {
	h := uint32(maphash.Bytes(t.seed, line))
	mask := uint32(len(t.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		n := t.slots[at] - 1
		if n < 0 {
			t.hash = append(t.hash, h)
			t.line = append(t.line, line)
			t.slots[at] = int32(len(t.line))
			return int32(len(t.line) - 1)
		}
		if t.hash[n] == h && bytes.Equal(t.line[n], line) {
			return n
		}
	}
}

// intern numbers the lines of two texts, and says how many different ones there are.
func intern(a, b [][]byte, key func([]byte) []byte) (na, nb []int32, distinct int) {
	t := newLineTable(len(a) + len(b))
	number := func(lines [][]byte) []int32 {
		out := make([]int32, len(lines))
		for i, line := range lines {
			if key != nil {
				line = key(line)
			}
			out[i] = t.number(line)
		}
		return out
	}
	na = number(a)
	nb = number(b)
	return na, nb, len(t.line)
}
