package nearest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatches(t *testing.T) {
	verbs := []string{"add", "blame", "branch", "checkout", "cherry-pick", "commit", "config", "log", "ls", "merge", "mv", "rm", "status", "switch", "tag"}
	for _, c := range []struct {
		word string
		from []string
		want string
	}{
		{"comit", verbs, "commit"},
		{"sttaus", verbs, "status"},
		{"STATUS", verbs, "status"},
		{"brnach", verbs, "branch"},
		{"sl", verbs, "ls"},
		{"che", verbs, "checkout cherry-pick"},
		{"frobnicate", verbs, ""},
		{"commit", verbs, ""},
		{"", verbs, ""},
		{"x", verbs, ""},
		{"readme.md", []string{"README.md", "docs/README.md", "docs/readme.md"}, "README.md docs/readme.md"},
		{"notes.txt", []string{"old/notes.txt", "b/notes.txt", "nodes.txt"}, "nodes.txt b/notes.txt old/notes.txt"},
		{"müller", []string{"muller", "mueller", "other"}, "muller mueller"},
		{"\xff\xfe", []string{"\xff", "a"}, ""},
	} {
		if got := strings.Join(Matches(c.word, slices.Values(c.from), 3), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.word, got, c.want)
		}
	}
	if got := Matches("comit", slices.Values(verbs), 0); got != nil {
		t.Errorf("none are asked for, and there are %q", got)
	}
	if got := Matches("ab", slices.Values([]string{"abc", "abd", "abc", "abe"}), 2); !slices.Equal(got, []string{"abc", "abd"}) {
		t.Errorf("two of three: %q", got)
	}
}

// recursive is the distance as it is defined, without a limit.
func recursive(a, b []rune) int {
	switch {
	case len(a) == 0:
		return len(b)
	case len(b) == 0:
		return len(a)
	}
	d := recursive(a[1:], b[1:])
	if a[0] != b[0] {
		d++
	}
	d = min(d, recursive(a[1:], b)+1, recursive(a, b[1:])+1)
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		d = min(d, recursive(a[2:], b[2:])+1)
	}
	return d
}

func TestEditsAreAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringMatching(`[abc]{0,6}`)
		a, b := letters.Draw(t, "a"), letters.Draw(t, "b")
		limit := rapid.IntRange(0, 6).Draw(t, "limit")
		s := search{word: []rune(a)}
		s.edits([]rune("abcabcabc"), 9) // rows of an earlier comparison
		got, want := s.edits([]rune(b), limit), recursive([]rune(a), []rune(b))
		if got != want && (want <= limit || got <= limit) {
			t.Fatalf("%q to %q within %d: %d, want %d", a, b, limit, got, want)
		}
	})
}

// TestManyCandidatesAreLeft: of millions of names only so many are looked at.
func TestManyCandidatesAreLeft(t *testing.T) {
	seen := 0
	Matches(strings.Repeat("x", 40), func(yield func(string) bool) {
		for i := range 10_000_000 {
			seen++
			if !yield(fmt.Sprintf("%s%08d", strings.Repeat("y", 32), i)) {
				return
			}
		}
	}, 3)
	if seen > MaxCandidates+1 {
		t.Errorf("%d candidates were looked at", seen)
	}
}
