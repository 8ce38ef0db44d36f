package commands

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"evault/repo"
)

func fixedClock() time.Time { return time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC) }

// stepClock is a clock that a test moves.
type stepClock struct{ at time.Time }

func (c *stepClock) now() time.Time { return c.at }

func newTestScreen() (*screen, *stepClock, *bytes.Buffer) {
	clock, out := &stepClock{fixedClock()}, &bytes.Buffer{}
	return &screen{stderr: out, now: clock.now, width: func() int { return 80 }}, clock, out
}

func TestProgressWaitsASecond(t *testing.T) {
	s, clock, out := newTestScreen()
	for range 10 {
		s.update(repo.Progress{Phase: "reading", Done: 1})
		clock.at = clock.at.Add(99 * time.Millisecond)
	}
	if out.Len() > 0 {
		t.Errorf("after 0.9 s: %q", out.String())
	}
	clock.at = clock.at.Add(20 * time.Millisecond)
	s.update(repo.Progress{Phase: "reading", Done: 1 << 20})
	if !strings.Contains(out.String(), "reading 1.0 MiB") {
		t.Errorf("after a second: %q", out.String())
	}
}

func TestProgressIsDrawnTenTimesASecond(t *testing.T) {
	s, clock, out := newTestScreen()
	for i := range 3000 {
		s.update(repo.Progress{Phase: "reading", Done: int64(i)})
		clock.at = clock.at.Add(time.Millisecond)
	}
	if n := strings.Count(out.String(), "\r"); n < 15 || n > 20 {
		t.Errorf("%d drawings in two seconds", n)
	}
}

// TestProgressLeavesNothing plays what was written on a one-line screen.
func TestProgressLeavesNothing(t *testing.T) {
	s, clock, out := newTestScreen()
	for i := range 40 {
		s.update(repo.Progress{Phase: strings.Repeat("p", 20-i%20), Done: 1 << i, Total: 1 << 41})
		clock.at = clock.at.Add(100 * time.Millisecond)
	}
	before := line(out.String())
	s.clear()
	if after := line(out.String()); before == "" || strings.TrimSpace(after) != "" {
		t.Errorf("before %q, after %q", before, after)
	}
	n := out.Len()
	s.clear()
	if out.Len() != n {
		t.Error("clearing an empty screen writes")
	}
}

// line shows what a terminal shows after carriage returns.
func line(written string) string {
	var cells []rune
	at := 0
	for _, r := range written {
		if r == '\r' {
			at = 0
			continue
		}
		if at == len(cells) {
			cells = append(cells, ' ')
		}
		cells[at] = r
		at++
	}
	return strings.TrimRight(string(cells), " ")
}

func TestProgressFitsTheTerminal(t *testing.T) {
	s, clock, out := newTestScreen()
	s.width = func() int { return 20 }
	s.update(repo.Progress{})
	clock.at = clock.at.Add(2 * time.Second)
	s.update(repo.Progress{Phase: strings.Repeat("ö", 100)})
	if got := line(out.String()); len([]rune(got)) != 19 {
		t.Errorf("%d columns: %q", len([]rune(got)), got)
	}
}

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		p    repo.Progress
		rate float64
		want string
	}{
		{repo.Progress{Phase: "scanning"}, 0, "scanning"},
		{repo.Progress{Phase: "scanning", Items: 12}, 6, "scanning 12 items"},
		{repo.Progress{Phase: "reading", Done: 1 << 30, Total: 4 << 30, Items: 5, TotalItems: 20}, 256 << 20,
			"reading 1.0 GiB of 4.0 GiB (25%), 5 of 20 (25%) items, 256.0 MiB/s, 0:12 left"},
		{repo.Progress{Phase: "walking", Items: 50, TotalItems: 100}, 10, "walking 50 of 100 (50%) items, 0:05 left"},
		{repo.Progress{Phase: "writing", Done: 5, Total: 4}, 1, "writing 5 B of 4 B (100%), 1 B/s"},
	} {
		got := progressLine(c.p, c.rate)
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.p, got, c.want)
		}
	}
}

func TestProgressLineFits(t *testing.T) {
	p := repo.Progress{Phase: "sending", Done: 1 << 30, Total: 4 << 30, Items: 5, TotalItems: 20}
	for width, want := range map[int]string{
		100: "sending 1.0 GiB of 4.0 GiB (25%), 5 of 20 (25%) items, 256.0 MiB/s, 0:12 left",
		60:  "sending 1.0 GiB of 4.0 GiB (25%), 256.0 MiB/s, 0:12 left",
		40:  "sending 25%, 0:12 left",
		10:  "sending 25%, 0:12 left", // draw cuts it off
	} {
		if got := fittingLine(p, 256<<20, width); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

func TestProgressRateFollowsTheLastSeconds(t *testing.T) {
	s, clock, _ := newTestScreen()
	var rate float64
	done := int64(0)
	for i := range 100 {
		speed := int64(1000) // bytes in a tenth of a second
		if i >= 50 {
			speed = 100
		}
		done += speed
		clock.at = clock.at.Add(100 * time.Millisecond)
		rate = s.measure(clock.at, repo.Progress{Phase: "reading", Done: done, Total: 1 << 30})
	}
	if rate < 900 || rate > 1100 {
		t.Errorf("rate %.0f B/s, and the last five seconds had 1000", rate)
	}
	if rate = s.measure(clock.at, repo.Progress{Phase: "storing", Done: 5}); rate != 0 {
		t.Errorf("a new phase begins with a rate of %.0f", rate)
	}
}

func TestProgressOnlyForPeople(t *testing.T) {
	for i, c := range []struct {
		flags globalFlags
		tty   bool
		want  bool
	}{
		{globalFlags{}, true, true}, {globalFlags{}, false, false}, {globalFlags{quiet: true}, true, false},
		{globalFlags{json: true}, true, false}, {globalFlags{noProgress: true}, true, false},
	} {
		a := newApp(Environment{Stderr: &bytes.Buffer{}, Now: fixedClock, Lookup: noVariables, Terminal: Terminal{Err: c.tty}})
		a.flags = c.flags
		if got := a.progress() != nil; got != c.want {
			t.Errorf("case %d: progress %v", i, got)
		}
	}
}

// TestOutputDoesNotMixWithProgress: what is printed while the line is on the screen begins at the left of an empty line.
func TestOutputDoesNotMixWithProgress(t *testing.T) {
	s, clock, out := newTestScreen()
	s.update(repo.Progress{})
	clock.at = clock.at.Add(2 * time.Second)
	s.update(repo.Progress{Phase: "reading"})
	fmt.Fprint(&clearingWriter{s, out}, "result\n")
	if !strings.HasSuffix(out.String(), "\rreading\r       \rresult\n") {
		t.Errorf("%q", out.String())
	}
}
