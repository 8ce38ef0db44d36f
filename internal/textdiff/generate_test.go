package textdiff

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

func prove() bool { return os.Getenv("EVAULT_PROVE") == "1" }

// writer makes texts up that look like sources and notes: some lines occur often, some once, some in blocks, with indentation.
type writer struct {
	*rand.Rand
	fresh int
	words int // how many different words there are: the fewer, the more lines are equal
	crlf  bool
}

func newWriter(seed uint64) *writer {
	r := rand.New(rand.NewPCG(seed, 18))
	return &writer{Rand: r, words: []int{2, 6, 40, 1000}[r.IntN(4)], crlf: r.IntN(12) == 0}
}

func (w *writer) line() string {
	end := "\n"
	if w.crlf && w.IntN(20) > 0 {
		end = "\r\n"
	}
	switch w.IntN(10) {
	case 0, 1:
		return end
	case 2:
		return strings.Repeat("\t", w.IntN(3)) + "}" + end
	case 3:
		return strings.Repeat("\t", w.IntN(3)) + "{" + end
	case 4:
		w.fresh++
		return fmt.Sprintf("line that is nowhere else %d %d%s", w.fresh, w.IntN(1e6), end)
	}
	return fmt.Sprintf("%sword%d = value%s", strings.Repeat("    ", w.IntN(4)), w.IntN(w.words), end)
}

func (w *writer) lines(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = w.line()
	}
	return out
}

// text is up to n lines; now and then the last has no end.
func (w *writer) text(n int) []string {
	lines := w.lines(w.IntN(n + 1))
	return w.maybeCut(lines)
}

func (w *writer) maybeCut(lines []string) []string {
	if n := len(lines); n > 0 && w.IntN(8) == 0 {
		lines[n-1] = strings.TrimRight(lines[n-1], "\r\n") + "."
	}
	return lines
}

// edit changes lines as people do: replaces, removes, adds, doubles and moves blocks.
func (w *writer) edit(lines []string, edits int) []string {
	out := append([]string(nil), lines...)
	for i, line := range out {
		if !strings.HasSuffix(line, "\n") {
			out[i] += "\n"
		}
	}
	for range edits {
		from := w.IntN(len(out) + 1)
		to := min(from+w.IntN(5), len(out))
		block := append([]string(nil), out[from:to]...)
		rest := append([]string(nil), out[to:]...)
		out = out[:from]
		switch w.IntN(5) {
		case 0:
			out = append(out, w.lines(w.IntN(5))...)
		case 1: // gone
		case 2:
			out = append(append(append(out, block...), w.lines(1+w.IntN(3))...), block...)
		case 3:
			at := w.IntN(len(rest) + 1)
			rest = append(append(append([]string(nil), rest[:at]...), block...), rest[at:]...)
		case 4:
			out = append(append(out, w.lines(1)...), block...)
		}
		out = append(out, rest...)
	}
	return w.maybeCut(out)
}

func joined(lines []string) []byte { return []byte(strings.Join(lines, "")) }

// pair is a text and a changed one.
func pair(seed uint64) (a, b []byte) {
	w := newWriter(seed)
	before := w.text([]int{3, 30, 200}[w.IntN(3)])
	return joined(before), joined(w.edit(before, 1+w.IntN(6)))
}

// triple is a text and what two made of it; sometimes both did some of the same.
func triple(seed uint64) (base, ours, theirs []byte) {
	w := newWriter(seed)
	before := w.text([]int{3, 20, 60}[w.IntN(3)])
	shared := before
	if w.IntN(3) == 0 {
		shared = w.edit(before, 1+w.IntN(3))
	}
	o, t := w.edit(shared, w.IntN(4)), w.edit(shared, w.IntN(4))
	if w.IntN(40) == 0 {
		before = nil // both added it
	}
	return joined(before), joined(o), joined(t)
}

// rebuild makes b of a by what Diff says, and says what is wrong with that.
func rebuild(a, b [][]byte, changes []Change) error {
	i, j := 0, 0
	for n, c := range changes {
		if c.A0 < i || c.B0 < j || c.A1 < c.A0 || c.B1 < c.B0 || c.A1 > len(a) || c.B1 > len(b) {
			return fmt.Errorf("change %d is out of order: %v", n, c)
		}
		if c.A0-i != c.B0-j || n > 0 && c.A0 == i {
			return fmt.Errorf("before change %d there are %d and %d lines", n, c.A0-i, c.B0-j)
		}
		if c.A0 == c.A1 && c.B0 == c.B1 {
			return fmt.Errorf("change %d is empty", n)
		}
		for ; i < c.A0; i, j = i+1, j+1 {
			if !bytes.Equal(a[i], b[j]) {
				return fmt.Errorf("lines %d and %d differ and are called equal", i, j)
			}
		}
		i, j = c.A1, c.B1
	}
	if len(a)-i != len(b)-j {
		return fmt.Errorf("after the last change there are %d and %d lines", len(a)-i, len(b)-j)
	}
	for ; i < len(a); i, j = i+1, j+1 {
		if !bytes.Equal(a[i], b[j]) {
			return fmt.Errorf("lines %d and %d differ and are called equal", i, j)
		}
	}
	return nil
}
