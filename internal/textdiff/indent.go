package textdiff

// What git's "indent heuristic" weighs (M. Haggerty, 2016; the weights were found by trying many on diffs that people had
// judged). A split is the place between two lines where a run of changed lines begins or ends; the less it weighs, the
// better it is.
const (
	atStart       = 1
	atEnd         = 21
	anyBlank      = -30 // for each blank line around it
	blankAfter    = 6   // for each of them that follows
	deeper        = -4  // the next line is indented deeper than the one before
	deeperBlank   = 10  // the same with blank lines between
	newBlock      = 24  // less deep, and a block begins with it
	newBlockBlank = 17
	endBlock      = 23 // less deep, and it looks like a block's end
	endBlockBlank = 17
	depthWeight   = 60 // less depth is worth so much, however much it is
)

const (
	maxIndent = 200
	maxBlanks = 20
	maxSlides = 100 // so many places are weighed
	blank     = -1  // the indentation of a blank line
)

// bestEnd says where a run, which is as far down as it goes, should end: between highest and where it is.
func bestEnd(g *runs, highest int) int {
	size := g.to - g.from
	best, bestAt := weight{}, -1
	for at := max(highest, g.to-size-1, g.to-maxSlides); at <= g.to; at++ {
		w := weigh(g.text, at).plus(weigh(g.text, at-size))
		if bestAt < 0 || w.compare(best) <= 0 {
			best, bestAt = w, at
		}
	}
	return bestAt
}

// weight is what a split costs.
type weight struct{ depth, penalty int }

func (w weight) plus(v weight) weight { return weight{w.depth + v.depth, w.penalty + v.penalty} }

func (w weight) compare(v weight) int {
	depth := 0
	switch {
	case w.depth > v.depth:
		depth = depthWeight
	case w.depth < v.depth:
		depth = -depthWeight
	}
	return depth + w.penalty - v.penalty
}

// weigh looks at the split before line at.
func weigh(text [][]byte, at int) weight {
	here := blank
	if at < len(text) {
		here = indentation(text[at])
	}
	before, blanksBefore := nearest(text, at-1, -1)
	after, blanksAfter := nearest(text, at+1, 1)
	var w weight
	if before == blank && blanksBefore == 0 {
		w.penalty += atStart
	}
	if at >= len(text) {
		w.penalty += atEnd
	}
	follow := 0
	depth := here
	if here == blank {
		follow = 1 + blanksAfter
		depth = after
	}
	blanks := blanksBefore + follow
	w.penalty += anyBlank*blanks + blankAfter*follow
	w.depth = depth
	if depth != blank && before != blank {
		w.penalty += step(before, depth, after, blanks > 0)
	}
	return w
}

// step weighs a change of indentation from before to depth, where after follows.
func step(before, depth, after int, blanks bool) int {
	choose := func(plain, withBlank int) int {
		if blanks {
			return withBlank
		}
		return plain
	}
	switch {
	case depth > before:
		return choose(deeper, deeperBlank)
	case depth == before:
		return 0
	case after != blank && after > depth:
		return choose(newBlock, newBlockBlank)
	}
	return choose(endBlock, endBlockBlank)
}

// nearest is the indentation of the first line from at on that is not blank, and how many blank ones come before it. If there
// are too many of those it is 0.
func nearest(text [][]byte, at, step int) (indent, blanks int) {
	for ; at >= 0 && at < len(text); at += step {
		if indent = indentation(text[at]); indent != blank {
			return indent, blanks
		}
		if blanks++; blanks == maxBlanks {
			return 0, blanks
		}
	}
	return blank, blanks
}

// indentation is how many columns of space a line begins with, at most maxIndent, or blank if there is nothing else.
func indentation(line []byte) int {
	columns := 0
	for _, c := range line {
		switch c {
		case ' ':
			columns++
		case '\t':
			columns += 8 - columns%8
		case '\n', '\r':
		default:
			return columns
		}
		if columns >= maxIndent {
			return maxIndent
		}
	}
	return blank
}
