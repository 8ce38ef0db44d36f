package commands

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"evault/repo"
)

const (
	progressDelay    = time.Second            // shorter work shows nothing
	progressInterval = 100 * time.Millisecond // between two drawings
	rateWindow       = 3 * time.Second        // over which the rate is measured
)

// screen draws one line of progress on stderr, in place. It is safe for concurrent use.
type screen struct {
	stderr io.Writer
	now    func() time.Time
	width  func() int // of the terminal, in columns

	mu    sync.Mutex
	shown int // columns on the screen now
	begun time.Time
	drawn time.Time
	phase string
	marks []rateMark // the last few seconds of this phase, oldest first
}

// rateMark is how much was done at a time.
type rateMark struct {
	at   time.Time
	done int64
}

// update is repo.Settings.Progress.
func (s *screen) update(p repo.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.begun.IsZero() {
		s.begun = now
	}
	rate := s.measure(now, p)
	if now.Sub(s.begun) < progressDelay || now.Sub(s.drawn) < progressInterval {
		return
	}
	s.drawn = now
	s.draw(fittingLine(p, rate, s.width()))
}

// measure gives the rate in units of p a second: bytes, or items where no bytes are counted.
func (s *screen) measure(now time.Time, p repo.Progress) float64 {
	done, _ := progressUnits(p)
	if p.Phase != s.phase || len(s.marks) > 0 && done < s.marks[len(s.marks)-1].done {
		s.phase, s.marks = p.Phase, s.marks[:0]
	}
	s.marks = append(s.marks, rateMark{now, done})
	for len(s.marks) > 2 && now.Sub(s.marks[1].at) >= rateWindow {
		s.marks = append(s.marks[:0], s.marks[1:]...)
	}
	first := s.marks[0]
	span := now.Sub(first.at).Seconds()
	if span <= 0 {
		return 0
	}
	return float64(done-first.done) / span
}

func progressUnits(p repo.Progress) (done, total int64) {
	if p.Done == 0 && p.Total == 0 {
		return p.Items, p.TotalItems
	}
	return p.Done, p.Total
}

// progressLine is the text of one drawing: "reading 1.2 GiB of 3.0 GiB (40%), 1200 of 78600 files, 200.0 MiB/s, 0:12 left".
func progressLine(p repo.Progress, rate float64) string {
	var parts []string
	if p.Done > 0 || p.Total > 0 {
		parts = append(parts, partOf(size(p.Done), size(p.Total), p.Done, p.Total))
	}
	if p.Items > 0 || p.TotalItems > 0 {
		parts = append(parts, partOf(fmt.Sprint(p.Items), fmt.Sprint(p.TotalItems), p.Items, p.TotalItems)+" items")
	}
	done, total := progressUnits(p)
	if rate > 0 && (p.Done > 0 || p.Total > 0) {
		parts = append(parts, size(int64(rate))+"/s")
	}
	if rate > 0 && total > done {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		parts = append(parts, countdown(left)+" left")
	}
	return strings.TrimSpace(p.Phase + " " + strings.Join(parts, ", "))
}

// fittingLine is progressLine for a terminal of so many columns: where the whole line is too long, the number of items goes
// first, then the bytes as far as their part of the whole says enough.
func fittingLine(p repo.Progress, rate float64, width int) string {
	line := progressLine(p, rate)
	if utf8.RuneCountInString(line) < width || p.Total == 0 {
		return line
	}
	p.Items, p.TotalItems = 0, 0
	if line = progressLine(p, rate); utf8.RuneCountInString(line) < width || rate <= 0 {
		return line
	}
	left := time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second))
	return fmt.Sprintf("%s %d%%, %s left", p.Phase, min(int64(float64(p.Done)/float64(p.Total)*100), 100), countdown(left))
}

// countdown is a time that is left, in whole seconds and never none: "0:07", "1:02:03".
func countdown(left time.Duration) string {
	s := max(int64(left.Round(time.Second)/time.Second), 1)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

func partOf(done, total string, d, t int64) string {
	if t <= 0 {
		return done
	}
	return fmt.Sprintf("%s of %s (%d%%)", done, total, min(int64(float64(d)/float64(t)*100), 100))
}

// draw replaces the line on the screen. Blanks, not an escape sequence, wipe what is left of a longer one; they never go
// beyond the right edge, where they would begin another line, also when the terminal has become narrower.
func (s *screen) draw(line string) {
	if w := s.width(); w > 1 {
		if utf8.RuneCountInString(line) >= w {
			line = string([]rune(line)[:w-1])
		}
		s.shown = min(s.shown, w-1)
	}
	n := utf8.RuneCountInString(line)
	_, _ = io.WriteString(s.stderr, "\r"+line+strings.Repeat(" ", max(s.shown-n, 0))) // progress may be lost
	s.shown = n
}

// clear takes the line off the screen.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}

func (s *screen) wipe() {
	if w := s.width(); w > 1 {
		s.shown = min(s.shown, w-1)
	}
	if s.shown > 0 {
		_, _ = io.WriteString(s.stderr, "\r"+strings.Repeat(" ", s.shown)+"\r")
		s.shown = 0
	}
}

// write writes to a terminal that the progress line may be on, so that neither gets into the other.
func (s *screen) write(w io.Writer, p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	return w.Write(p)
}

// clearingWriter takes the progress line away before it writes to the same terminal.
type clearingWriter struct {
	screen *screen
	w      io.Writer
}

func (c *clearingWriter) Write(p []byte) (int, error) {
	return c.screen.write(c.w, p)
}

// progress gives the callback for repo, nil where nothing may be shown.
func (a *app) progress() func(repo.Progress) {
	if !a.env.Terminal.Err || a.flags.quiet || a.flags.json || a.flags.noProgress || a.getenv("TERM") == "dumb" {
		return nil
	}
	return a.screen.update
}
