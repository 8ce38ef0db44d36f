package ignore

import "strings"

// unit fits exactly one byte: a given one, one of a set, or any.
type unit struct {
	set *class // nil: any or b
	any bool
	b   byte
}

func (u unit) fits(b byte) bool {
	if u.set != nil {
		return u.set.has(b)
	}
	return u.any || u.b == b
}

// chunk is a run of units between stars. If all of them are single bytes they
// are held in lit, where the standard library compares and searches fast, and
// units is nil.
type chunk struct {
	lit   string
	units []unit
}

func newChunk(units []unit) chunk {
	lit := make([]byte, 0, len(units))
	for _, u := range units {
		if u.set != nil || u.any {
			return chunk{units: units}
		}
		lit = append(lit, u.b)
	}
	return chunk{lit: string(lit)}
}

// size is the number of bytes the chunk fits.
func (c *chunk) size() int {
	if c.units != nil {
		return len(c.units)
	}
	return len(c.lit)
}

// at reports whether the chunk fits the beginning of t, which must hold at
// least size bytes.
func (c *chunk) at(t string) bool {
	if c.units == nil {
		return t[:len(c.lit)] == c.lit
	}
	for i, u := range c.units {
		if !u.fits(t[i]) {
			return false
		}
	}
	return true
}

// find returns the first place in t where the chunk fits, or -1.
func (c *chunk) find(t string) int {
	if c.units == nil {
		return strings.Index(t, c.lit)
	}
	for i := 0; i+len(c.units) <= len(t); i++ {
		if c.at(t[i:]) {
			return i
		}
	}
	return -1
}

// segment is a pattern for one path element: head*mid*mid*tail, or just head
// if there is no star. As a star fits anything within the element, the head is
// tied to its start, the tail to its end, and taking each mid at the first
// place where it fits is always right. So nothing is ever tried twice.
type segment struct {
	head, tail chunk
	mids       []chunk
	star       bool
	min        int // the length of the shortest element that fits
}

// newSegment makes a segment of the runs of units between its stars, of which
// there is one less than there are runs.
func newSegment(runs [][]unit) segment {
	s := segment{head: newChunk(runs[0]), star: len(runs) > 1}
	for _, run := range runs {
		s.min += len(run)
	}
	if !s.star {
		return s
	}
	last := len(runs) - 1
	s.tail = newChunk(runs[last])
	for _, run := range runs[1:last] {
		s.mids = append(s.mids, newChunk(run))
	}
	return s
}

// literal returns the only element that s fits, if there is just one.
func (s *segment) literal() (string, bool) {
	return s.head.lit, !s.star && s.head.units == nil
}

// match reports whether s fits the whole path element t.
func (s *segment) match(t string) bool {
	if len(t) < s.min || !s.head.at(t) {
		return false
	}
	if !s.star {
		return len(t) == s.min
	}
	end := len(t) - s.tail.size()
	if !s.tail.at(t[end:]) {
		return false
	}
	t = t[s.head.size():end]
	for i := range s.mids {
		at := s.mids[i].find(t)
		if at < 0 {
			return false
		}
		t = t[at+s.mids[i].size():]
	}
	return true
}
