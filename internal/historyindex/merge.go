package historyindex

import "fmt"

// Merge writes the commits and paths of neighbouring segments, oldest first, as one segment. It holds one block of each.
func Merge(w *Writer, segments []*Segment) error {
	first := make([]int, len(segments))
	for i, s := range segments {
		if first[i] = len(w.numbers); i > 0 && s.commits > maxCommits-first[i] {
			return fmt.Errorf("history index: too many commits")
		}
		if err := copyCommits(w, s); err != nil {
			return err
		}
	}
	if err := mergePaths(w, segments, first); err != nil {
		return err
	}
	return w.err
}

func copyCommits(w *Writer, s *Segment) error {
	ids := make([]ID, 0, s.commits)
	texts := map[int][]byte{}
	return s.Graph(func(n *Node) error {
		number := len(ids)
		ids = append(ids, n.ID)
		c := Commit{ID: n.ID, Generation: n.Generation, Sec: n.Sec, Nsec: n.Nsec}
		for _, p := range n.Parents {
			if p.Back > 0 {
				p.ID = ids[number-p.Back]
			}
			c.Parents = append(c.Parents, p.ID)
		}
		if _, have := texts[number]; !have {
			clear(texts)
			if err := s.Texts(number, func(i int, data []byte) { texts[i] = data }); err != nil {
				return err
			}
		}
		c.Data = texts[number]
		w.Commit(&c)
		return w.err
	})
}

// cursor goes through the dictionary of one segment.
type cursor struct {
	s      *Segment
	block  int
	d      decoder
	r      pathsReader
	data   []byte // of the entry at which it stands
	at     string
	number int // what is added to the numbers of its commits
}

func (c *cursor) next() (bool, error) {
	for len(c.d.data) == 0 {
		if c.d.err != nil || c.block == len(c.s.dict) {
			return false, c.d.err
		}
		raw, err := c.s.read(c.s.dict[c.block].place, blockPaths, c.block, maxRaw)
		if err != nil {
			return false, err
		}
		c.block++
		c.d.data, c.r.path = raw, c.r.path[:0]
	}
	c.data = c.r.next(&c.d)
	c.at = string(c.r.path)
	return c.d.err == nil, c.d.err
}

// mergePaths gives the writer every path once with the touches of all segments. There are a few dozen segments at most, so
// the least path is looked for in all of them.
func mergePaths(w *Writer, segments []*Segment, first []int) error {
	var live []*cursor
	for i, s := range segments {
		c := &cursor{s: s, number: first[i]}
		more, err := c.next()
		if err != nil {
			return err
		}
		if more {
			live = append(live, c)
		}
	}
	for len(live) > 0 && w.err == nil {
		least := live[0].at
		for _, c := range live[1:] {
			if ComparePaths(c.at, least) < 0 {
				least = c.at
			}
		}
		var all []Touch
		kept := live[:0]
		for _, c := range live {
			more, err := c.take(least, &all)
			if err != nil {
				return err
			}
			if more {
				kept = append(kept, c)
			}
		}
		live = kept
		w.Path(least, all)
	}
	return w.err
}

// take appends the touches of a path, if the cursor stands at it, and goes on. It reports whether anything is left.
func (c *cursor) take(path string, all *[]Touch) (bool, error) {
	for c.at == path {
		touches, err := c.r.decode(c.data, c.s.commits)
		if err != nil {
			return false, err
		}
		for _, t := range touches {
			t.Commit += c.number
			*all = append(*all, t)
		}
		if more, err := c.next(); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}
