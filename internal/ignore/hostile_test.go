package ignore

import (
	"strings"
	"testing"
	"time"
)

// TestHostilePatterns has patterns and paths, as long as they may be, on which
// matchers that try again take exponential time. All of them together must take
// less than what one of them would take then, with room for a slow machine.
func TestHostilePatterns(t *testing.T) {
	long := func(s string) string { return strings.Repeat(s, MaxLine/len(s)-2) }
	patterns := []string{
		long("a*") + "b", long("*a") + "b", long("?*") + "b", long("[a]*") + "b", long("*[!b]") + "b",
		long("**/") + "b", "/" + long("**/a/") + "b", "/" + long("**/*a*/") + "b", "/" + long("a*/") + "b",
		"/" + long("**/?/") + "b", "/**/" + long("a/") + "b", "/**/" + long("*/") + "b", "/**/" + long("[a]") + "*b/**/c",
		long("*") + "b", "[" + long("[:alpha:]") + "]b", "[" + long("[:") + "]", "[" + long("a-"), long(`\a`) + "b", long("[") + "b",
	}
	for n := 8; n < 200; n += 3 { // short enough to fit a name, long enough to hurt
		patterns = append(patterns, strings.Repeat("a*", n)+"b", strings.Repeat("*[a]", n)+"b",
			"/"+strings.Repeat("**/a*a/", n)+"b", "/"+strings.Repeat("a*a*/**/", n)+"b", "/x/**/"+strings.Repeat("?*a/", n)+"b")
	}
	paths := []string{
		strings.Repeat("a", 255), strings.Repeat("a", 4096), strings.Repeat("a/", 2047) + "a",
		"x/" + strings.Repeat("aaa/", 1000) + "a", strings.Repeat("aaaaaaaaaaaaaaa/", 255) + strings.Repeat("a", 255),
	}
	for _, p := range patterns { // the same with an end that fits, so that the middle must be looked at
		if middle, ok := strings.CutSuffix(p, "b"); ok {
			patterns = append(patterns, middle+"b*a", middle+"[!a]*a", middle+"b/**/a", middle+"b/**/*a*")
		}
	}
	p := Parse([]byte(strings.Join(patterns, "\n")))
	s := new(Stack).Push("", p)
	done := make(chan bool)
	start := time.Now()
	go func() {
		defer close(done)
		for _, path := range paths {
			if d := s.Match(path, false); d != Undecided {
				t.Errorf("%.20q... is %v", path, d)
			}
		}
	}()
	select {
	case <-done:
		t.Logf("%d rules on %d paths: %v", len(p.rules), len(paths), time.Since(start))
	case <-time.After(10 * time.Second):
		t.Fatal("not done after 10 s")
	}
}

// TestLargeFile parses a file with very many patterns and looks names up in it:
// those that are names, suffixes and paths must not cost by their number.
func TestLargeFile(t *testing.T) {
	var b strings.Builder
	for i := range 60_000 {
		s := strings.Repeat("x", i%50) + string(rune('a'+i%26)) + strings.Repeat("y", i/1500)
		b.WriteString(s + "\n*" + s + "\n/dir/" + s + "\n")
	}
	start := time.Now()
	s := new(Stack).Push("", Parse([]byte(b.String())))
	parsed := time.Since(start)
	for range 10_000 {
		if s.Match("dir/no-such-name.0", false) != Undecided {
			t.Fatal("a pattern fits that should not")
		}
	}
	t.Logf("parsed in %v, 10,000 names in %v", parsed, time.Since(start)-parsed)
	if took := time.Since(start); took > time.Minute { // far above what it takes on a busy machine, far below what a quadratic way would
		t.Errorf("took %v", took)
	}
}
