package textdiff

// slideFactor bounds sliding: so many steps for each line. Files of a few lines again and again could make it quadratic.
const slideFactor = 32

// slide moves each run of changed lines to the best of the places where it could as well be: behind "}\n\n" a function
// that was added between two can begin at either of three lines. Runs that touch on the way become one. Each side is
// done in turn, keeping the other's runs in step.
func (m *matching) slide(a, b [][]byte, indent bool) {
	m.slideSteps = slideFactor * (len(a) + len(b) + 64)
	if !indent {
		a, b = nil, nil
	}
	m.slideSide(&runs{line: m.a, only: m.onlyA, text: a}, &runs{line: m.b, only: m.onlyB})
	m.slideSide(&runs{line: m.b, only: m.onlyB, text: b}, &runs{line: m.a, only: m.onlyA})
}

// runs goes through one side by runs of changed lines [from,to), the empty ones between any two unchanged lines included, so
// that the n-th run of one side stands beside the n-th of the other.
type runs struct {
	line     []int32
	only     []bool
	text     [][]byte // to look at indentation; nil: do not
	from, to int
}

func (r *runs) empty() bool { return r.from == r.to }

func (r *runs) first() {
	r.from, r.to = 0, 0
	r.extendDown()
}

func (r *runs) next() bool {
	if r.to == len(r.line) {
		return false
	}
	r.from = r.to + 1
	r.to = r.from
	r.extendDown()
	return true
}

func (r *runs) previous() {
	r.to = r.from - 1
	r.from = r.to
	r.extendUp()
}

func (r *runs) extendDown() {
	for r.only[r.to] {
		r.to++
	}
}

func (r *runs) extendUp() {
	for r.from > 0 && r.only[r.from-1] {
		r.from--
	}
}

// up moves the run by one line, if the line before it equals its last one, and takes in a run that it then touches.
func (r *runs) up() bool {
	if r.from == 0 || r.line[r.from-1] != r.line[r.to-1] {
		return false
	}
	r.from--
	r.to--
	r.only[r.from], r.only[r.to] = true, false
	r.extendUp()
	return true
}

func (r *runs) down() bool {
	if r.to == len(r.line) || r.line[r.from] != r.line[r.to] {
		return false
	}
	r.only[r.from], r.only[r.to] = false, true
	r.from++
	r.to++
	r.extendDown()
	return true
}

func (m *matching) slideSide(g, other *runs) {
	g.first()
	other.first()
	for {
		if !g.empty() && m.slideSteps > 0 {
			m.slideRun(g, other)
		}
		if !g.next() {
			return
		}
		other.next()
	}
}

// slideRun moves one run as far up and then down as it goes, again if it has grown. Then it goes back up, to where it stands
// beside a run of the other side: lines that replace others; or else to where indentation says.
func (m *matching) slideRun(g, other *runs) {
	for {
		size := g.to - g.from
		beside := false
		for m.slideSteps > 0 && g.up() {
			other.previous()
			m.slideSteps--
		}
		highest := g.to
		beside = !other.empty()
		for m.slideSteps > 0 && g.down() {
			other.next()
			m.slideSteps--
			beside = beside || !other.empty()
		}
		if size != g.to-g.from && m.slideSteps > 0 {
			continue
		}
		if g.to > highest {
			m.settle(g, other, highest, beside)
		}
		return
	}
}

func (m *matching) settle(g, other *runs, highest int, beside bool) {
	if beside {
		for other.empty() && g.up() {
			other.previous()
		}
		return
	}
	if g.text == nil {
		return
	}
	for best := bestEnd(g, highest); g.to > best && g.up(); {
		other.previous()
	}
}
