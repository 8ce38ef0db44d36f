package ignore

import "testing"

func TestStackOrder(t *testing.T) {
	s := new(Stack).
		Push("", Parse([]byte("a\nb\nc\n"))). // the user's
		Push("", Parse([]byte("!b\n/x/c\n"))).
		Push("x", Parse([]byte("!a\n/c/d\n"))).
		Push("x/y", Parse([]byte("a\n")))
	cases := []struct {
		path string
		want Decision
		why  string
	}{
		{"a", Ignored, "the user's file alone"},
		{"b", Included, "the root's file outranks the user's"},
		{"x/a", Included, "a nested file outranks the root's"},
		{"x/y/a", Ignored, "a deeper file outranks a nested one"},
		{"xx/a", Ignored, "a nested file has no say in a directory with a longer name"},
		{"x", Undecided, "nor about its own directory"},
		{"x/c", Ignored, "anchored to the root"},
		{"x/c/d", Ignored, "anchored to the nested directory"},
		{"c/d", Undecided, "anchored to the nested directory"},
		{"z/y/a", Ignored, "files of other directories are passed over"},
	}
	for _, c := range cases {
		if got := s.Match(c.path, false); got != c.want {
			t.Errorf("%s: %v, want %v: %s", c.path, got, c.want, c.why)
		}
	}
}

func TestEmptyStacks(t *testing.T) {
	var none *Stack
	for _, s := range []*Stack{none, new(Stack), none.Push("", nil), new(Stack).Push("a", Parse(nil))} {
		if s.Match("a/b", false) != Undecided || s.Check("a/b", true) != Undecided {
			t.Error("an empty stack decides")
		}
	}
	s := none.Push("", Parse([]byte("a")))
	if s.Match("a", false) != Ignored {
		t.Error("Push on a nil stack lost the patterns")
	}
}

func TestPushLeavesTheOriginal(t *testing.T) {
	root := new(Stack).Push("", Parse([]byte("a")))
	one := root.Push("x", Parse([]byte("!a")))
	two := root.Push("x", Parse([]byte("b")))
	if root.Match("x/a", false) != Ignored || one.Match("x/a", false) != Included || two.Match("x/a", false) != Ignored {
		t.Error("a push changed a stack that shares its tail")
	}
}

func TestCheckParents(t *testing.T) {
	s := new(Stack).
		Push("", Parse([]byte("build/\n!build/keep\n*.tmp\n"))).
		Push("build", Parse([]byte("!*\n"))).
		Push("src", Parse([]byte("!build/\n")))
	cases := []struct {
		path  string
		isDir bool
		want  Decision
		why   string
	}{
		{"build", true, Ignored, "itself"},
		{"build", false, Undecided, "a file of that name"},
		{"build/keep", false, Ignored, "nothing below an ignored directory comes back"},
		{"build/x/y", false, Ignored, "whatever files lie in it"},
		{"src/build", true, Included, "taken back by a deeper file"},
		{"src/build/x", false, Undecided, "a parent taken back decides nothing about its content"},
		{"src/build/x.tmp", false, Ignored, "its content is decided on its own"},
		{"a.tmp/b", false, Ignored, "a parent is a directory, and a pattern for all fits it"},
		{"", true, Undecided, "the root"},
	}
	for _, c := range cases {
		if got := s.Check(c.path, c.isDir); got != c.want {
			t.Errorf("%s: %v, want %v: %s", c.path, got, c.want, c.why)
		}
	}
}

func TestExplain(t *testing.T) {
	root := Parse([]byte("# comment\n\nbuild/  \r\n"))
	nested := Parse([]byte("!*.c\n"))
	s := new(Stack).Push("", root).Push("src", nested)
	want := Reason{Decision: Ignored, Patterns: root, Line: 3, Pattern: "build/", Path: "a/build"}
	if got := s.Explain("a/build/x", false); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want = Reason{Decision: Included, Patterns: nested, Dir: "src", Line: 1, Pattern: "!*.c", Path: "src/a.c"}
	if got := s.Explain("src/a.c", false); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Explain("src/a.h", false); got != (Reason{}) {
		t.Errorf("got %+v for a path that no pattern fits", got)
	}
}

func TestDecisionString(t *testing.T) {
	if Undecided.String() != "undecided" || Ignored.String() != "ignored" || Included.String() != "included" {
		t.Error("wrong words")
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	s := new(Stack).Push("", Parse([]byte(kernelPatterns))).Push("drivers", Parse([]byte("*.[oa]\n/x/**/y*z\n!a\n")))
	if n := testing.AllocsPerRun(100, func() {
		s.Match("drivers/x/1/2/3/yyyzz", false)
		s.Match("drivers/net/ethernet/e1000e/netdev.c", false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
