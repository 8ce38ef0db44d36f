package textdiff

// Limits of what is put aside before the search. They are those of git's default algorithm; with others, results differ.
const (
	frequentLimit = 1024 // a line that the other side has so often, or as often as the root of its length, is frequent
	frequentReach = 100  // so far around a frequent line is looked at its neighbours
	frequentShare = 4    // and it goes if fewer than one in so many of those are frequent
)

// How often the other side has a line.
const (
	never = iota
	seldom
	often
)

// side is what is left of one sequence for the search: the numbers, where they stood, and where to note that one
// has no partner.
type side struct {
	line []int32
	at   []int32
	only []bool
}

// discard takes the two middles [from,end) and puts aside lines that cannot have a partner, and frequent lines, such as blank
// ones and lone braces, that stand among such: their partners would be accidental, and they are what makes a search dear.
func (m *matching) discard(from, endA, endB int) (a, b side) {
	inA, inB := counts(m.a, m.distinct), counts(m.b, m.distinct)
	a = keep(m.a, from, endA, inB, m.onlyA)
	b = keep(m.b, from, endB, inA, m.onlyB)
	return a, b
}

func counts(lines []int32, distinct int) []int32 {
	n := make([]int32, distinct)
	for _, line := range lines {
		n[line]++
	}
	return n
}

func keep(lines []int32, from, end int, inOther []int32, only []bool) side {
	limit := int32(min(roughRoot(len(lines)), frequentLimit))
	how := make([]byte, end-from)
	for i := range how {
		switch n := inOther[lines[from+i]]; {
		case n == 0:
		case n >= limit:
			how[i] = often
		default:
			how[i] = seldom
		}
	}
	s := side{only: only, line: make([]int32, 0, len(how)), at: make([]int32, 0, len(how))}
	for i, h := range how {
		if h == never || h == often && amongLonely(how, i) {
			only[from+i] = true
			continue
		}
		s.line = append(s.line, lines[from+i])
		s.at = append(s.at, int32(from+i))
	}
	return s
}

// amongLonely says whether the frequent line at i stands between lines without a partner, with few frequent ones among them.
// Lines that occur seldom end the neighbourhood.
func amongLonely(how []byte, i int) bool {
	lonelyBefore, frequentBefore := neighbours(how, i, -1)
	if lonelyBefore == 0 {
		return false
	}
	lonelyAfter, frequentAfter := neighbours(how, i, 1)
	if lonelyAfter == 0 {
		return false
	}
	lonely, frequent := lonelyBefore+lonelyAfter, frequentBefore+frequentAfter+2 // the line itself counts for either direction
	return frequent*frequentShare < frequent+lonely
}

func neighbours(how []byte, i, step int) (lonely, frequent int) {
	for r := 1; r <= frequentReach; r++ {
		at := i + r*step
		if at < 0 || at >= len(how) || how[at] == seldom {
			break
		}
		if how[at] == never {
			lonely++
		} else {
			frequent++
		}
	}
	return lonely, frequent
}

// roughRoot is a power of two near the root of n.
func roughRoot(n int) int {
	root := 1
	for ; n > 0; n >>= 2 {
		root <<= 1
	}
	return root
}
