package textdiff

import "sort"

// anchorFinder looks for elements that occur exactly once in either part of a box. What such elements say in the same order on
// both sides is nearly always meant (B. Cohen's "patience" way to compare).
type anchorFinder struct {
	distinct int
	inA, inB []int32 // for each number: 0 never, -1 more than once, else place+1
	scanned  int
}

// anchorPasses bounds the looking for anchors: so many times all elements.
const anchorPasses = 32

// splitAtAnchors divides a box at its anchors and solves the parts. It says false if there are none, or if looking for them has
// cost too much already.
func (s *search) splitAtAnchors(x box) bool {
	f := &s.anchors
	if f.scanned > anchorPasses*(len(s.a.line)+len(s.b.line)) {
		return false
	}
	f.scanned += x.size()
	pairs := f.find(s.a.line, s.b.line, x)
	if len(pairs) == 0 {
		return false
	}
	for _, p := range pairs {
		s.solve(box{x.a0, p.a, x.b0, p.b})
		x.a0, x.b0 = p.a+1, p.b+1
	}
	s.solve(x)
	return true
}

type anchor struct{ a, b int }

func (f *anchorFinder) find(a, b []int32, x box) []anchor {
	if f.inA == nil {
		f.inA, f.inB = make([]int32, f.distinct), make([]int32, f.distinct)
	}
	note := func(seen []int32, lines []int32, from, to int) {
		for i := from; i < to; i++ {
			if n := lines[i]; seen[n] == 0 {
				seen[n] = int32(i + 1)
			} else {
				seen[n] = -1
			}
		}
	}
	note(f.inA, a, x.a0, x.a1)
	note(f.inB, b, x.b0, x.b1)
	var pairs []anchor
	for i := x.a0; i < x.a1; i++ {
		if n := a[i]; f.inA[n] > 0 && f.inB[n] > 0 {
			pairs = append(pairs, anchor{i, int(f.inB[n] - 1)})
		}
	}
	for _, n := range a[x.a0:x.a1] {
		f.inA[n] = 0
	}
	for _, n := range b[x.b0:x.b1] {
		f.inB[n] = 0
	}
	return ascending(pairs)
}

// ascending is a longest part of pairs, which ascend in a, that ascends in b too (patience sorting).
func ascending(pairs []anchor) []anchor {
	var ends []int // ends[l] is the pair with the least b in which a chain of l+1 pairs ends
	before := make([]int, len(pairs))
	for i, p := range pairs {
		l := sort.Search(len(ends), func(l int) bool { return pairs[ends[l]].b >= p.b })
		before[i] = -1
		if l > 0 {
			before[i] = ends[l-1]
		}
		if l == len(ends) {
			ends = append(ends, i)
		} else {
			ends[l] = i
		}
	}
	chain := make([]anchor, len(ends))
	for l, i := len(ends)-1, 0; l >= 0; l-- {
		if l == len(ends)-1 {
			i = ends[l]
		}
		chain[l] = pairs[i]
		i = before[i]
	}
	return chain
}
