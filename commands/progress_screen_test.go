package commands

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// glass is a terminal as somebody sees it who looks at it all the time: lines of a fixed width that wrap, and carriage
// returns. It keeps every state of the last line.
type glass struct {
	t     *testing.T
	width int

	mu    sync.Mutex
	lines []string // those that have scrolled on
	cells []rune
	at    int
	seen  []string // the last line after each write
}

func (g *glass) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range string(p) {
		switch {
		case r == '\r':
			g.at = 0
		case r == '\n':
			g.lines, g.cells, g.at = append(g.lines, string(g.cells)), nil, 0
		case r == '\x1b' || r == '\b':
			g.t.Errorf("an escape sequence in %q", p)
		default:
			if g.at == g.width {
				g.lines, g.cells, g.at = append(g.lines, string(g.cells)), nil, 0
			}
			for len(g.cells) <= g.at {
				g.cells = append(g.cells, ' ')
			}
			g.cells[g.at] = r
			g.at++
		}
	}
	g.seen = append(g.seen, strings.TrimRight(string(g.cells), " "))
	return len(p), nil
}

// TestProgressOfVerbs looks at the terminal while commit, push, clone and verify work, with a clock that hurries: push shows a
// meter, the others do if they take long enough, and when it has ended nothing of the meter is left, neither between lines nor on the last one.
func TestProgressOfVerbs(t *testing.T) {
	w := newWorld(t)
	var clock struct {
		sync.Mutex
		at time.Time
	}
	clock.at = fixedClock()
	hurry := func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		clock.at = clock.at.Add(700 * time.Millisecond)
		return clock.at
	}
	run := func(width int, stderrIsTerminal bool, args ...string) (*glass, *bytes.Buffer) {
		t.Helper()
		g, plain := &glass{t: t, width: width}, &bytes.Buffer{}
		env := Environment{Stdin: strings.NewReader(""), Stdout: g, Stderr: g, Dir: w.dir, Now: hurry,
			Terminal: Terminal{Out: true, Err: true, Width: func() int { return width }},
			Lookup:   func(n string) (string, bool) { v, ok := w.vars[n]; return v, ok }}
		if !stderrIsTerminal {
			env.Stderr, env.Terminal.Err = plain, false
		}
		if code := Main(append(args, "--color=never"), env); code != exitDone {
			t.Fatalf("%q: exit code %d: %q %s", args, code, g.seen, plain)
		}
		return g, plain
	}
	w.vars["EVAULT_PAGER"], w.vars["EVAULT_PASSPHRASE_FILE"] = "", filepath.Join(w.dir, "pass")
	w.write("pass", "correct horse battery staple purple 42\n")
	w.run(exitDone, "init", "work")
	for i := range 40 { // 50 MB
		var text bytes.Buffer
		for j := range 40_000 {
			sum := sha256.Sum256(fmt.Appendf(nil, "%d %d", i, j))
			text.Write(sum[:])
		}
		w.write(filepath.Join("work", fmt.Sprint("file", i)), text.String())
	}
	w.run(exitDone, "-C", "work", "remote", "add", "friend", filepath.Join(w.dir, "friend"))
	for _, c := range []struct {
		width int
		args  []string
	}{
		{80, []string{"-C", "work", "commit", "-A", "-m", "everything"}},
		{80, []string{"-C", "work", "push", "friend", "--limit-upload", "60M"}},
		{80, []string{"-C", "work", "verify"}},
		{30, []string{"clone", filepath.Join(w.dir, "friend"), "copy"}},
		{20, []string{"-C", "work", "verify"}},
	} {
		g, _ := run(c.width, true, c.args...)
		meters := 0
		for _, line := range g.seen {
			if isMeter(line) {
				meters++
			}
		}
		if meters == 0 && slices.Contains(c.args, "push") { // which cannot take less than 0.8 s; the others may be too quick
			t.Errorf("%q shows no meter in %d writes: %q", c.args, len(g.seen), g.lines)
		}
		for _, line := range append(g.lines, string(g.cells)) {
			if isMeter(line) {
				t.Errorf("%q leaves %q on the screen", c.args, line)
			}
		}
		if rest := strings.TrimSpace(string(g.cells)); rest != "" {
			t.Errorf("%q ends with %q on the last line", c.args, rest)
		}
	}
	for _, args := range [][]string{{"-C", "work", "verify"}, {"-C", "work", "verify", "--no-progress"}, {"-C", "work", "verify", "-q"}} {
		g, plain := run(80, len(args) > 3, args...)
		for _, line := range append(append(g.seen, g.lines...), strings.Split(plain.String(), "\n")...) {
			if isMeter(line) || strings.Contains(line, "\r") {
				t.Errorf("%q shows %q", args, line)
			}
		}
	}
}

// isMeter tells a line of progress: a part of a whole, as yet unfinished or not.
func isMeter(line string) bool {
	return strings.Contains(line, "%)") || strings.Contains(line, " items") || strings.Contains(line, "B/s") || strings.Contains(line, " of ")
}
