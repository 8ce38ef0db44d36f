package textdiff

import "math"

// Limits of the search. Up to anchorCost differences in a box it is exact.
const (
	anchorCost = 256       // from so many differences in a box on, anchors are looked for
	workLimit  = 100 << 20 // steps after which the search only goes on, and looks for nothing good any more
	tiredCost  = 24        // differences after which it then takes what it has
)

// search finds a shortest edit script between two sequences: the algorithm of E. Myers, "An O(ND) Difference Algorithm and Its
// Variations" (Algorithmica 1, 1986), in its linear-space form. It searches from both ends of a box, a step each in
// turn, until the two meet in the middle of a best path, and does the two halves likewise.
//
// forward[k] is how far a path from the start has come on diagonal k = i-j, in elements of a; backward[k] how far from the
// end. Ties are resolved as git does.
type search struct {
	a, b              side
	forward, backward []int32
	zero              int // index of diagonal 0
	maxCost           int
	work              int
	anchors           anchorFinder
}

// box is the part [a0,a1) of one side and [b0,b1) of the other.
type box struct{ a0, a1, b0, b1 int }

func (x box) size() int { return x.a1 - x.a0 + x.b1 - x.b0 }

func newSearch(a, b side, distinct int) *search {
	diagonals := len(a.line) + len(b.line) + 3
	return &search{
		a: a, b: b, zero: len(b.line) + 1,
		forward: make([]int32, diagonals+2), backward: make([]int32, diagonals+2),
		maxCost: max(roughRoot(diagonals), anchorCost),
		anchors: anchorFinder{distinct: distinct},
	}
}

func (s *search) run() { s.solve(box{0, len(s.a.line), 0, len(s.b.line)}) }

// solve marks what has no partner in a box. The larger part of a split is done in the same frame, so that depth stays
// small whatever the input.
func (s *search) solve(x box) {
	for {
		x = s.shrink(x)
		if x.a0 == x.a1 || x.b0 == x.b1 {
			s.markAll(x)
			return
		}
		low, high, split := s.split(x)
		if !split {
			return
		}
		if low.size() > high.size() {
			low, high = high, low
		}
		s.solve(low)
		x = high
	}
}

func (s *search) shrink(x box) box {
	a, b := s.a.line, s.b.line
	for x.a0 < x.a1 && x.b0 < x.b1 && a[x.a0] == b[x.b0] {
		x.a0++
		x.b0++
	}
	for x.a0 < x.a1 && x.b0 < x.b1 && a[x.a1-1] == b[x.b1-1] {
		x.a1--
		x.b1--
	}
	return x
}

func (s *search) markAll(x box) {
	for _, at := range s.a.at[x.a0:x.a1] {
		s.a.only[at] = true
	}
	for _, at := range s.b.at[x.b0:x.b1] {
		s.b.only[at] = true
	}
}

// split cuts a box in two on a best path, or a good one if the best would be too dear. Without split all is done already.
func (s *search) split(x box) (low, high box, split bool) {
	w := s.begin(x)
	for cost := 1; ; cost++ {
		if i, j, met := w.stepForward(); met {
			return x.cut(i, j)
		}
		if i, j, met := w.stepBackward(); met {
			return x.cut(i, j)
		}
		s.work += w.fmax - w.fmin + w.bmax - w.bmin
		if cost == anchorCost && s.splitAtAnchors(x) {
			return low, high, false
		}
		if cost >= s.maxCost || cost >= tiredCost && s.work > workLimit {
			return x.cut(w.furthest())
		}
	}
}

func (x box) cut(i, j int) (low, high box, split bool) {
	return box{x.a0, i, x.b0, j}, box{i, x.a1, j, x.b1}, true
}

// wave is the state of one split: which diagonals both directions have reached.
type wave struct {
	*search
	box
	dmin, dmax             int // the diagonals of the box
	fmin, fmax, bmin, bmax int
	odd                    bool
}

func (s *search) begin(x box) wave {
	fmid, bmid := x.a0-x.b0, x.a1-x.b1
	s.forward[s.zero+fmid] = int32(x.a0)
	s.backward[s.zero+bmid] = int32(x.a1)
	return wave{
		search: s, box: x, dmin: x.a0 - x.b1, dmax: x.a1 - x.b0,
		fmin: fmid, fmax: fmid, bmin: bmid, bmax: bmid, odd: (fmid-bmid)&1 != 0,
	}
}

// stepForward allows one difference more from the start. It says where it met what came from the end.
func (w *wave) stepForward() (i, j int, met bool) {
	v, back := w.forward, w.backward
	w.fmin, w.fmax = widen(v, w.zero, w.fmin, w.fmax, w.dmin, w.dmax, -1)
	a, b := w.a.line, w.b.line
	for d := w.fmax; d >= w.fmin; d -= 2 {
		k := w.zero + d
		i = int(max(v[k-1]+1, v[k+1]))
		start := i
		for j = i - d; i < w.a1 && j < w.b1 && a[i] == b[j]; i, j = i+1, j+1 {
		}
		w.work += i - start
		v[k] = int32(i)
		if w.odd && w.bmin <= d && d <= w.bmax && int(back[k]) <= i {
			return i, j, true
		}
	}
	return 0, 0, false
}

// stepBackward is stepForward from the end.
func (w *wave) stepBackward() (i, j int, met bool) {
	v, front := w.backward, w.forward
	w.bmin, w.bmax = widen(v, w.zero, w.bmin, w.bmax, w.dmin, w.dmax, math.MaxInt32)
	a, b := w.a.line, w.b.line
	for d := w.bmax; d >= w.bmin; d -= 2 {
		k := w.zero + d
		i = int(min(v[k-1], v[k+1]-1))
		start := i
		for j = i - d; i > w.a0 && j > w.b0 && a[i-1] == b[j-1]; i, j = i-1, j-1 {
		}
		w.work += start - i
		v[k] = int32(i)
		if !w.odd && w.fmin <= d && d <= w.fmax && i <= int(front[k]) {
			return i, j, true
		}
	}
	return 0, 0, false
}

// widen takes in one diagonal more on either side, or one fewer at the edge of the box, where the step must change parity.
func widen(v []int32, zero, from, to, least, most int, outside int32) (int, int) {
	if from > least {
		from--
		v[zero+from-1] = outside
	} else {
		from++
	}
	if to < most {
		to++
		v[zero+to+1] = outside
	} else {
		to--
	}
	return from, to
}

// furthest is the point of either direction that has come furthest from its corner.
func (w *wave) furthest() (i, j int) {
	best, bestBack := -1, math.MaxInt
	var backI, backJ int
	for d := w.fmax; d >= w.fmin; d -= 2 {
		x := min(int(w.forward[w.zero+d]), w.a1)
		y := x - d
		if y > w.b1 {
			x, y = w.b1+d, w.b1
		}
		if x+y > best {
			best, i, j = x+y, x, y
		}
	}
	for d := w.bmax; d >= w.bmin; d -= 2 {
		x := max(int(w.backward[w.zero+d]), w.a0)
		y := x - d
		if y < w.b0 {
			x, y = w.b0+d, w.b0
		}
		if x+y < bestBack {
			bestBack, backI, backJ = x+y, x, y
		}
	}
	if w.a1+w.b1-bestBack > best-(w.a0+w.b0) {
		return backI, backJ
	}
	return i, j
}
