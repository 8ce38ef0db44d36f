package textdiff

// Diff gives what differs between two texts: lines [A0,A1) of a became [B0,B1) of b, in ascending order, with at least one common
// line between two changes. Equal texts differ in nothing. The result is small, not always the smallest, and the time is
// bounded for any input: about proportional to the number of lines, at worst times its square root.
func Diff(a, b [][]byte) []Change { return diff(a, b, nil, true) }

// DiffBy is Diff where two lines are equal if key gives the same for both. See WithoutSpace.
func DiffBy(a, b [][]byte, key func(line []byte) []byte) []Change { return diff(a, b, key, true) }

// diff compares two texts. With indent, changes that could be at several places are put where their indentation says that a
// block begins or ends.
func diff(a, b [][]byte, key func([]byte) []byte, indent bool) []Change {
	na, nb, distinct := intern(a, b, key)
	m := newMatching(na, nb, distinct)
	m.match()
	m.slide(a, b, indent)
	return m.changes()
}

// matching is two sequences of numbers, and for each place in them whether it has no partner in the other. Both flags have a
// place more at the end, always false. Its methods fill in the flags, so that what is left of both sides is equal.
type matching struct {
	a, b       []int32
	onlyA      []bool
	onlyB      []bool
	distinct   int
	slideSteps int // how much more may be spent on sliding
}

func newMatching(a, b []int32, distinct int) *matching {
	return &matching{a: a, b: b, onlyA: make([]bool, len(a)+1), onlyB: make([]bool, len(b)+1), distinct: distinct}
}

// match finds the places without a partner.
func (m *matching) match() {
	from := 0
	for from < len(m.a) && from < len(m.b) && m.a[from] == m.b[from] {
		from++
	}
	endA, endB := len(m.a), len(m.b)
	for endA > from && endB > from && m.a[endA-1] == m.b[endB-1] {
		endA--
		endB--
	}
	if from == endA || from == endB {
		mark(m.onlyA[from:endA])
		mark(m.onlyB[from:endB])
		return
	}
	a, b := m.discard(from, endA, endB)
	newSearch(a, b, m.distinct).run()
}

func mark(flags []bool) {
	for i := range flags {
		flags[i] = true
	}
}

// changes lists the runs of places without a partner.
func (m *matching) changes() []Change {
	var all []Change
	i, j := 0, 0
	for i < len(m.a) || j < len(m.b) {
		if !m.onlyA[i] && !m.onlyB[j] {
			i++
			j++
			continue
		}
		c := Change{A0: i, B0: j}
		for m.onlyA[i] {
			i++
		}
		for m.onlyB[j] {
			j++
		}
		c.A1, c.B1 = i, j
		all = append(all, c)
	}
	return all
}
