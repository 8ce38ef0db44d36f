package memfs

import (
	"io"
	"sort"
)

// content is what a file holds: extents of bytes, ascending and apart, and zeros between them. The bytes of an extent
// are never changed once they are in, so snapshots and recorded operations share them.
type content struct {
	size    int64
	extents []extent
}

type extent struct {
	off  int64
	data []byte
}

func (e extent) end() int64 { return e.off + int64(len(e.data)) }

// snapshot shares the extents; that its slice has no spare room keeps both sides from appending to the same array.
func (c *content) snapshot() content {
	return content{c.size, c.extents[:len(c.extents):len(c.extents)]}
}

// from gives the index of the first extent that ends after off.
func (c *content) from(off int64) int {
	return sort.Search(len(c.extents), func(i int) bool { return c.extents[i].end() > off })
}

// readAt fills p from off on, up to the end of the file.
func (c *content) readAt(p []byte, off int64) (int, error) {
	if off >= c.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), c.size-off))
	clear(p[:n])
	for _, e := range c.extents[c.from(off):] {
		if e.off >= off+int64(n) {
			break
		}
		if e.off >= off {
			copy(p[e.off-off:n], e.data)
		} else {
			copy(p[:n], e.data[off-e.off:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// writeAt puts data, which the content owns from now on, at off.
func (c *content) writeAt(data []byte, off int64) {
	if len(data) == 0 {
		return
	}
	end := off + int64(len(data))
	if n := len(c.extents); n == 0 || c.extents[n-1].end() <= off {
		c.extents = append(c.extents, extent{off, data})
	} else {
		c.extents = c.splice(extent{off, data}, end)
	}
	c.size = max(c.size, end)
}

// splice gives a new list with e in place of whatever lies between e.off and end.
func (c *content) splice(e extent, end int64) []extent {
	out := make([]extent, 0, len(c.extents)+2)
	placed := false
	for _, x := range c.extents {
		if x.off < e.off {
			out = append(out, extent{x.off, x.data[:min(x.end(), e.off)-x.off]})
		}
		if !placed && x.end() > e.off {
			out, placed = append(out, e), true
		}
		if x.end() > end {
			from := max(x.off, end)
			out = append(out, extent{from, x.data[from-x.off:]})
		}
	}
	if !placed {
		out = append(out, e)
	}
	return out
}

func (c *content) truncate(size int64) {
	if size < c.size {
		var out []extent
		for _, x := range c.extents {
			if x.off < size {
				out = append(out, extent{x.off, x.data[:min(x.end(), size)-x.off]})
			}
		}
		c.extents = out
	}
	c.size = size
}

// seekData gives the next run of extents at or after off.
func (c *content) seekData(off int64) (start, end int64, err error) {
	i := c.from(off)
	if i == len(c.extents) {
		return 0, 0, io.EOF
	}
	start, end = max(off, c.extents[i].off), c.extents[i].end()
	for i++; i < len(c.extents) && c.extents[i].off == end; i++ {
		end = c.extents[i].end()
	}
	return start, end, nil
}

// stored is the number of bytes that are not holes.
func (c *content) stored() (n int64) {
	for _, e := range c.extents {
		n += int64(len(e.data))
	}
	return n
}
