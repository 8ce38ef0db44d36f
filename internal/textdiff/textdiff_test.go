package textdiff

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// TestHostileTexts gives Diff texts that make ways to compare slow: it must stay right and come to an end.
func TestHostileTexts(t *testing.T) {
	const n = 200_000
	text := func(line func(i int) string) [][]byte {
		out := make([][]byte, n)
		for i := range out {
			out[i] = []byte(line(i))
		}
		return out
	}
	cases := map[string][2][][]byte{
		"nothing in common":        {text(func(i int) string { return fmt.Sprint("a", i) }), text(func(i int) string { return fmt.Sprint("b", i) })},
		"two lines, other periods": {text(func(i int) string { return fmt.Sprint(i % 2) }), text(func(i int) string { return fmt.Sprint(i / 2 % 2) })},
		"few lines":                {text(func(i int) string { return fmt.Sprint(i * i % 7) }), text(func(i int) string { return fmt.Sprint(i * i % 11 % 7) })},
		"backwards":                {text(func(i int) string { return fmt.Sprint(i) }), text(func(i int) string { return fmt.Sprint(n - i) })},
		"one missing":              {text(func(i int) string { return "x" }), text(func(i int) string { return "x" })[1:]},
		"many scattered":           {text(func(i int) string { return fmt.Sprint(i % 3) }), text(func(i int) string { return fmt.Sprint(i % 3 * (i % 1000 / 999)) })},
		"shuffled":                 {text(func(i int) string { return fmt.Sprint(i * 7919 % 100_003) }), text(func(i int) string { return fmt.Sprint(i * 104_729 % 100_003) })},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			changes := Diff(c[0], c[1])
			took := time.Since(start)
			if err := rebuild(c[0], c[1], changes); err != nil {
				t.Error(err)
			}
			t.Logf("%d changes, %v", len(changes), took)
			if took > 20*time.Second { // far above what it takes, for slow and busy machines
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestWords(t *testing.T) {
	a, b := []byte("the quick brown fox\n"), []byte("the quick red fox!\n")
	inA, inB := Words(a, b)
	if got := fmt.Sprint(inA, inB); got != "[{10 15}] [{10 13} {17 18}]" {
		t.Error(got)
	}
}

func TestSimilarity(t *testing.T) {
	a, b := bytes.Repeat([]byte("line one\nline two\n"), 10), bytes.Repeat([]byte("line one\n"), 20)
	f := NewFingerprint
	for _, c := range []struct {
		a, b []byte
		want int
	}{{a, a, 100}, {a, b, 50}, {nil, nil, 100}, {nil, a, 0}, {a, bytes.ReplaceAll(a, []byte("\n"), []byte("\r\n")), 90}} {
		if got := f(c.a).Similarity(f(c.b)); got != c.want {
			t.Errorf("%d percent, want %d", got, c.want)
		}
	}
}

func TestConflictMarkers(t *testing.T) {
	merged, n := Merge([]byte("a\n"), []byte("b\n"), []byte("c\n"), MergeOptions{Ours: "x", Theirs: "y"})
	if n != 1 || !HasConflictMarkers(merged) {
		t.Errorf("%d conflicts in %q", n, merged)
	}
	for _, text := range []string{"", "=======\n", "<<<<<<< a\n", ">>>>>>> a\n=======\n<<<<<<< b\n", " <<<<<<< a\n=======\n>>>>>>> b\n"} {
		if HasConflictMarkers([]byte(text)) {
			t.Errorf("markers in %q", text)
		}
	}
}

func FuzzDiff(f *testing.F) {
	f.Add([]byte("a\nb\n"), []byte("b\nc"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		la, lb := Lines(a), Lines(b)
		if err := rebuild(la, lb, Diff(la, lb)); err != nil {
			t.Error(err)
		}
		Words(a, b)
		if s := NewFingerprint(a).Similarity(NewFingerprint(b)); s < 0 || s > 100 {
			t.Errorf("%d percent", s)
		}
	})
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte("a\nb\n"), []byte("b\nc"), []byte("a\n"))
	f.Fuzz(func(t *testing.T, base, ours, theirs []byte) {
		if got, n := Merge(base, ours, base, MergeOptions{}); n != 0 || !bytes.Equal(got, ours) {
			t.Errorf("only ours: %q, %d conflicts", got, n)
		}
		if got, n := Merge(base, ours, ours, MergeOptions{}); n != 0 || !bytes.Equal(got, ours) {
			t.Errorf("both the same: %q, %d conflicts", got, n)
		}
		Merge(base, ours, theirs, MergeOptions{Style: StyleDiff3})
		if _, n := Merge(base, ours, theirs, MergeOptions{Favour: FavourOurs}); n != 0 {
			t.Errorf("%d conflicts with a favoured side", n)
		}
	})
}
