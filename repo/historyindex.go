package repo

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"evault/internal/historyindex"
	"evault/objects"
)

// history is what this working copy knows of commits: an index of all that its refs lead to, kept in .evault/local/history
// and in memory (docs/decisions/0032-history-index.md). Every commit in it was read from the vault, and its signature
// verified, when it entered. A commit's number is its place in the index: parents have smaller numbers than their children.
// It is for one goroutine.
type history struct {
	repo     *Repository
	ctx      context.Context // of the verb that uses it
	segments []*historySegment
	ids      []objects.ID
	nodes    []historyNode
	parents  []int32           // of all commits, one after the other
	table    []int32           // open addressing over ids; -1 is free
	cache    []*objects.Commit // decoded, nil until asked for
	cached   int               // of them that are not nil
	texts    [][]byte          // encodings that were read and not decoded
	codec    historyindex.Codec
}

// maxCachedCommits bounds how many commits are held decoded, a few hundred bytes each.
const maxCachedCommits = 1 << 16

// historyNode is one commit in the graph.
type historyNode struct {
	generation uint64
	sec        int64
	nsec       uint32
	parentsEnd uint32 // where its parents end in history.parents; they begin where those of the one before end
}

// history gives the history, up to date with all refs and HEAD. What a ref leads to and cannot be read or does not verify
// is left out with its descendants: who needs it finds out why from loadCommit.
func (r *Repository) history(ctx context.Context) (*history, error) {
	if r.hist == nil {
		h, err := r.openHistory()
		if err != nil {
			return nil, err
		}
		r.hist = h
	}
	r.hist.ctx = ctx
	for id := range r.historyTips(ctx) {
		if r.hist.need(ctx, id) != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return r.hist, nil
}

// historyTips gives the commits that refs and HEAD point at.
func (r *Repository) historyTips(ctx context.Context) iter.Seq[objects.ID] {
	return func(yield func(objects.ID) bool) {
		if id := r.head(); !id.IsZero() && !yield(id) {
			return
		}
		for _, id := range r.refs.View().All() {
			known := false
			if r.hist != nil {
				_, known = r.hist.number(id) // most refs: no need to ask whether it is a tag
			}
			if !known {
				var err error
				if id, err = r.peel(ctx, id); err != nil {
					continue
				}
			}
			if !yield(id) {
				return
			}
		}
	}
}

// commit gives a commit of the history. It is shared: do not change it.
func (h *history) commit(id objects.ID) (*objects.Commit, bool) {
	n, ok := h.number(id)
	if !ok {
		return nil, false
	}
	c, err := h.at(n)
	return c, err == nil
}

// at gives a commit by its number, and keeps it decoded.
func (h *history) at(n int) (*objects.Commit, error) {
	c, err := h.decode(n)
	if err == nil && h.cache[n] == nil && h.cached < maxCachedCommits {
		h.cache[n], h.texts[n] = c, nil
		h.cached++
	}
	return c, err
}

// decode gives a commit by its number.
func (h *history) decode(n int) (*objects.Commit, error) {
	if h.cache[n] != nil {
		return h.cache[n], nil
	}
	data, err := h.text(n)
	if err != nil {
		return nil, err
	}
	c, err := objects.DecodeCommit(data)
	if err != nil {
		return nil, fmt.Errorf("history index: %w", err)
	}
	return c, nil
}

// encoded gives a commit's encoding.
func (h *history) encoded(n int) ([]byte, error) {
	if h.cache[n] != nil {
		return h.cache[n].Encode()
	}
	return h.text(n)
}

// text gives a commit's encoding. Those of its neighbours come with it.
func (h *history) text(n int) ([]byte, error) {
	if h.texts[n] == nil {
		i, _ := slices.BinarySearchFunc(h.segments, n, func(s *historySegment, n int) int {
			switch {
			case s.first+s.index.Len() <= n:
				return -1
			case s.first > n:
				return 1
			}
			return 0
		})
		s := h.segments[i]
		keep := func(i int, data []byte) { h.texts[s.first+i] = data }
		err := s.index.Texts(n-s.first, keep)
		if err != nil && h.mend(s, err) == nil {
			err = s.index.Texts(n-s.first, keep)
		}
		if err != nil {
			return nil, err
		}
	}
	return h.texts[n], nil
}

// parentsOf gives the numbers of a commit's parents.
func (h *history) parentsOf(n int) []int32 {
	from := uint32(0)
	if n > 0 {
		from = h.nodes[n-1].parentsEnd
	}
	return h.parents[from:h.nodes[n].parentsEnd]
}

// newer orders two commits by generation, then time, then ID: a commit comes before its parents.
func (h *history) newer(a, b int) int {
	x, y := &h.nodes[a], &h.nodes[b]
	return cmp.Or(cmp.Compare(y.generation, x.generation), cmp.Compare(y.sec, x.sec), cmp.Compare(y.nsec, x.nsec), h.ids[a].Compare(h.ids[b]))
}

// touching gives the commits whose tree differs at a path, or below it, from that of their first parent, newest first: none
// before one of its descendants. They are those of all branches, and may be some that no branch leads to any more.
func (h *history) touching(path string) iter.Seq[objects.ID] {
	return func(yield func(objects.ID) bool) {
		var seen map[int]bool
		begin := func() { seen = map[int]bool{} }
		err := h.under(path, begin, func(_ []byte, touches []historyTouch) error {
			for _, t := range touches {
				seen[t.Commit] = true
			}
			return nil
		})
		if err != nil { // a cache that broke and cannot be mended: every commit may have
			for n := range h.nodes {
				seen[n] = true
			}
		}
		all := slices.Collect(maps.Keys(seen))
		slices.SortFunc(all, h.newer)
		for _, n := range all {
			if !yield(h.ids[n]) {
				return
			}
		}
	}
}

// historyTouch is a change of a path; Commit is a number of the history.
type historyTouch = historyindex.Touch

// under calls each for the changes of a path and all below it, segment by segment; path and touches are good until it
// returns. It calls begin first, and once more whenever a segment turned out to be damaged: what was gathered before is void.
func (h *history) under(path string, begin func(), each func(path []byte, touches []historyTouch) error) error {
	for range len(h.segments) + 1 {
		begin()
		damaged, err := h.underOnce(path, each)
		if err == nil || damaged == nil || h.mend(damaged, err) != nil {
			return err
		}
	}
	return historyindex.ErrDamaged
}

func (h *history) underOnce(path string, each func(path []byte, touches []historyTouch) error) (*historySegment, error) {
	for _, s := range h.segments {
		err := s.index.Under(path, func(path []byte, touches []historyTouch) error {
			for i := range touches {
				touches[i].Commit += s.first
			}
			return each(path, touches)
		})
		if err != nil {
			return s, err
		}
	}
	return nil, nil
}

// number finds a commit. IDs are keyed hashes, so their first bytes are as good as random.
func (h *history) number(id objects.ID) (int, bool) {
	if len(h.table) == 0 {
		return 0, false
	}
	for i := h.slot(id); ; i = (i + 1) % len(h.table) {
		switch n := h.table[i]; {
		case n < 0:
			return 0, false
		case h.ids[n] == id:
			return int(n), true
		}
	}
}

func (h *history) slot(id objects.ID) int {
	return int((uint64(id[0]) | uint64(id[1])<<8 | uint64(id[2])<<16 | uint64(id[3])<<24 | uint64(id[4])<<32 | uint64(id[5])<<40) % uint64(len(h.table)))
}

// enter puts commit n, the newest, into the table.
func (h *history) enter(n int) {
	if 2*(n+1) > len(h.table) {
		h.table = make([]int32, max(1024, 4*len(h.ids)))
		for i := range h.table {
			h.table[i] = -1
		}
		for i := range n {
			h.place(i)
		}
	}
	h.place(n)
}

func (h *history) place(n int) {
	i := h.slot(h.ids[n])
	for h.table[i] >= 0 {
		i = (i + 1) % len(h.table)
	}
	h.table[i] = int32(n)
}

// addSegment takes in the commits of a segment that follows those before it.
func (h *history) addSegment(s *historySegment) error {
	s.first = len(h.ids)
	h.ids = slices.Grow(h.ids, s.index.Len())
	h.nodes = slices.Grow(h.nodes, s.index.Len())
	err := s.index.Graph(func(node *historyindex.Node) error { return h.addNode(s, node) })
	if err != nil {
		return err
	}
	h.cache = append(h.cache, make([]*objects.Commit, s.index.Len())...)
	h.texts = append(h.texts, make([][]byte, s.index.Len())...)
	h.segments = append(h.segments, s)
	return nil
}

func (h *history) addNode(s *historySegment, node *historyindex.Node) error {
	n := len(h.ids)
	for _, p := range node.Parents {
		parent := n - p.Back
		if p.Back == 0 {
			var ok bool
			if parent, ok = h.number(p.ID); !ok {
				return fmt.Errorf("%w: a parent of commit %s is missing", historyindex.ErrDamaged, objects.ID(node.ID).Short())
			}
		}
		if parent < 0 || h.nodes[parent].generation >= node.Generation {
			return fmt.Errorf("%w: commit %s comes before a parent", historyindex.ErrDamaged, objects.ID(node.ID).Short())
		}
		h.parents = append(h.parents, int32(parent))
	}
	if _, twice := h.number(node.ID); twice {
		return fmt.Errorf("%w: commit %s twice", historyindex.ErrDamaged, objects.ID(node.ID).Short())
	}
	h.ids = append(h.ids, node.ID)
	h.nodes = append(h.nodes, historyNode{node.Generation, node.Sec, node.Nsec, uint32(len(h.parents))})
	h.enter(n)
	return nil
}
