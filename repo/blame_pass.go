package repo

import (
	"bytes"
	"sort"

	"evault/internal/textdiff"
)

// passTo moves the lines of v that the older version p has, too, from v to p.
func (b *blaming) passTo(v, p *blameOrigin) error {
	if err := b.load(v); err != nil {
		return err
	}
	if err := b.load(p); err != nil {
		return err
	}
	equal := equalLines(p.text, v.text, b.o.IgnoreSpace)
	var stay []blameSpan
	for _, s := range v.spans {
		stay = s.divide(equal, &p.spans, stay)
	}
	v.spans = stay
	return nil
}

// equalRun says that lines [from,to) of the newer text are those that begin at old in the older.
type equalRun struct{ from, to, old int }

// equalLines gives the lines that two texts have in common, as runs.
func equalLines(older, newer [][]byte, ignoreSpace bool) []equalRun {
	cut := commonEnd(older, newer)
	a, b := older[:len(older)-cut], newer[:len(newer)-cut]
	var changes []textdiff.Change
	if ignoreSpace {
		changes = textdiff.DiffBy(a, b, textdiff.WithoutSpace)
	} else {
		changes = textdiff.Diff(a, b)
	}
	var runs []equalRun
	at := textdiff.Change{}
	for _, c := range changes {
		if c.B0 > at.B1 {
			runs = append(runs, equalRun{at.B1, c.B0, at.A1})
		}
		at = c
	}
	if len(newer) > at.B1 {
		runs = append(runs, equalRun{at.B1, len(newer), at.A1})
	}
	return runs
}

// endBlock is how much of a common end git cuts off at once before it compares two versions for blame, in bytes. What is cut
// off cannot be part of a change that slides, so the same is done here, to find the same.
const endBlock = 1024

// commonEnd says how many lines at the end of two texts need not be compared.
func commonEnd(a, b [][]byte) int {
	same, lines := 0, 0
	for lines < min(len(a), len(b)) && bytes.Equal(a[len(a)-1-lines], b[len(b)-1-lines]) {
		lines++
		same += len(a[len(a)-lines])
	}
	if rest := partOfLine(a, b, lines); rest > 0 {
		same += rest
	}
	trimmed := same - same%endBlock
	cut, size := 0, 0
	for cut < lines && size+len(a[len(a)-1-cut]) < trimmed {
		size += len(a[len(a)-1-cut])
		cut++
	}
	return cut
}

// partOfLine counts the bytes that the last lines which differ have in common at their ends.
func partOfLine(a, b [][]byte, after int) int {
	if after == len(a) || after == len(b) {
		return 0
	}
	x, y := a[len(a)-1-after], b[len(b)-1-after]
	n := 0
	for n < min(len(x), len(y)) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return n
}

// divide appends the parts of a span that lie in runs to moved, as lines of the older text, and the others to stay.
func (s blameSpan) divide(runs []equalRun, moved *[]blameSpan, stay []blameSpan) []blameSpan {
	first := sort.Search(len(runs), func(i int) bool { return runs[i].to > s.from })
	for _, run := range runs[first:] {
		if run.from >= s.to {
			break
		}
		if run.from > s.from {
			stay = append(stay, blameSpan{s.from, run.from, s.shift})
			s.from = run.from
		}
		to := min(run.to, s.to)
		back := run.old - run.from
		*moved = append(*moved, blameSpan{s.from + back, to + back, s.shift - back})
		s.from = to
	}
	if s.from < s.to {
		stay = append(stay, s)
	}
	return stay
}
