package ignore

import (
	"strings"
	"testing"
)

// TestPatterns states the rules one by one: a file of patterns, a path (with a
// slash at the end if it is a directory), the decision, and why.
func TestPatterns(t *testing.T) {
	const no, ign, inc = Undecided, Ignored, Included
	cases := []struct {
		file, path string
		want       Decision
		why        string
	}{
		{"", "a", no, "an empty file decides nothing"},
		{"\n\r\n  \n", "a", no, "blank lines decide nothing"},
		{"#a", "#a", no, "a line that begins with # is a comment"},
		{`\#a`, "#a", ign, "an escaped # is a name"},
		{" #a", " #a", ign, "a space before # makes it a name"},
		{"a#b", "a#b", ign, "# elsewhere is a byte as any other"},
		{`\!a`, "!a", ign, "an escaped ! is a name"},
		{"!!a", "!a", inc, "only the first ! negates"},
		{"!", "a", no, "a lone ! decides nothing"},
		{"/", "a/", no, "a lone slash decides nothing"},

		{"a", "a", ign, "a name fits itself"},
		{"a", "x/y/a", ign, "a name fits at any depth"},
		{"a", "A", no, "case counts"},
		{"a", "ab", no, "a name fits whole names only"},
		{"/a", "a", ign, "a leading slash ties to the root"},
		{"/a", "x/a", no, "a leading slash ties to the root"},
		{"x/a", "x/a", ign, "a middle slash ties to the root"},
		{"x/a", "y/x/a", no, "a middle slash ties to the root"},
		{"a/", "a", no, "a trailing slash wants a directory"},
		{"a/", "a/", ign, "a trailing slash wants a directory"},
		{"a/", "x/a/", ign, "a trailing slash does not tie to the root"},
		{"x/a/", "x/a/", ign, "a middle and a trailing slash"},
		{"x/a/", "z/x/a/", no, "a middle and a trailing slash"},
		{"a//", "a/", no, "only one trailing slash is taken away"},
		{"//a", "a", no, "only one leading slash is taken away"},

		{"a\n!a", "a", inc, "the last pattern that fits decides"},
		{"!a\na", "a", ign, "the last pattern that fits decides"},
		{"*.o\n!keep.o", "keep.o", inc, "a name outranks an earlier suffix"},
		{"!keep.o\n*.o", "keep.o", ign, "a suffix outranks an earlier name"},
		{"a\n!a/", "a", ign, "a pattern for directories passes files over"},
		{"a\n!a/", "a/", inc, "a pattern for directories takes a directory"},
		{"[a]\n!/a\na/", "a", inc, "across all ways of lookup the last one decides"},
		{"*a\n!ba\n*a/\n", "ba", inc, "across all ways of lookup the last one decides"},

		{"*", "x/y", ign, "a star fits every name"},
		{"*.c", "x/y.c", ign, "a suffix"},
		{"*.c", ".c", ign, "a star fits nothing too, and leading dots"},
		{"*.c", "a.c/", ign, "a suffix fits directories"},
		{"*.c/", "a.c", no, "a suffix for directories"},
		{"a*", "ab", ign, "a prefix"},
		{"a*b*c", "a1b2b3c", ign, "several stars"},
		{"a*b*c", "a1c", no, "several stars, one piece missing"},
		{"a*a", "a", no, "head and tail do not overlap"},
		{"a?c", "abc", ign, "? fits one byte"},
		{"a?c", "aéc", no, "? fits one byte, not one character"},
		{"a??c", "a\xff\xfec", ign, "names need not be UTF-8"},
		{"/a*", "ab/c", no, "an anchored star stops at a slash"},
		{"/a?c", "a/c", no, "? does not fit a slash"},
		{"x/*", "x/a", ign, "a star fills an element"},
		{"x/*", "x/a/b", no, "a star fills one element"},
		{"x/*/b", "x/b", no, "a star fills exactly one element"},

		{"**/a", "a", ign, "**/ fits no element"},
		{"**/a", "x/y/a", ign, "**/ fits elements"},
		{"**/a", "x/ba", no, "**/ fits whole elements"},
		{"x/**", "x/", no, "/** fits what is inside, not the directory"},
		{"x/**", "x/y/z", ign, "/** fits everything inside"},
		{"x/**/a", "x/a", ign, "/**/ fits no element"},
		{"x/**/a", "x/1/2/a", ign, "/**/ fits elements"},
		{"x/**/a", "xa", no, "/**/ needs its slash"},
		{"x/**/y/**/z", "x/1/y/y/2/z", ign, "several **"},
		{"x/**/a/b", "x/a/a/b", ign, "the piece behind ** is looked for again"},
		{"**", "x/y", ign, "** alone is a star"},
		{"a**b", "axyb", ign, "** within a name is a star"},
		{"x/a**b", "x/a1/2b", no, "** within an element stops at a slash"},
		{"x/***/a", "x/1/2/a", ign, "*** is as **"},
		{"foo**/bar", "foo/x/bar", ign, "a ** behind the literal beginning is a real one"},
		{"foo**/bar", "foobar", ign, "and fits nothing"},
		{"?oo**/bar", "foo/x/bar", no, "behind a wildcard it is not"},
		{`**\/a`, "x/a", ign, `**\/ fits one element`},
		{`**\/a`, "a", no, `**\/ wants at least one element`},
		{`x\/a`, "x/a", ign, "an escaped slash is a slash"},

		{"[abc]", "b", ign, "a set"},
		{"[a-c]", "b", ign, "a range"},
		{"[c-a]", "b", no, "a range the wrong way round is empty"},
		{"[!a]", "b", ign, "negated with !"},
		{"[^a]", "a", no, "negated with ^"},
		{"[]a]", "]", ign, "a bracket that comes first is a member"},
		{"[!]a]", "]", no, "also behind the negation"},
		{"[]-a]", "^", ign, "a range from a bracket"},
		{"[a-]", "-", ign, "a dash at the end is a member"},
		{"[-a]", "-", ign, "a dash at the start is a member"},
		{"[a-c-e]", "-", ign, "a range does not start a range"},
		{"[a-c-e]", "d", no, "a range does not start a range"},
		{`[\]]`, "]", ign, "an escaped bracket"},
		{`[a-\c]`, "b", ign, "an escaped end of a range"},
		{"[a", "[a", no, "a set that is not closed fits nothing"},
		{"a[", "a[", no, "a set that is not closed fits nothing"},
		{"[[:digit:]x]", "7", ign, "a named class"},
		{"[[:digit:]x]", "x", ign, "a named class and a byte"},
		{"[[:digit:]]", "a", no, "a named class"},
		{"[![:alpha:]]", "7", ign, "a negated named class"},
		{"[[:nope:]x]", "x", no, "an unknown class fits nothing"},
		{"[[:digit]", ":", ign, "without its colon it is a set"},
		{"x/[!a]", "x/b", ign, "a set in a path"},
		{"x[!a]y", "x/y", no, "a set does not fit a slash"},
		{"x[/]y", "x/y", no, "not even one that lists it"},
		{"x[.-0]y", "x/y", no, "nor one whose range holds it"},
		{"[\xf0-\xff]", "\xfe", ign, "sets are of bytes"},

		{"a ", "a", ign, "trailing spaces go"},
		{`a\ `, "a ", ign, "an escaped space stays"},
		{`a\  `, "a ", ign, "only the escaped one"},
		{" a", " a", ign, "leading spaces stay"},
		{"a b ", "a b", ign, "inner spaces stay"},
		{"a\t", "a\t", ign, "a tab stays"},
		{"a\r\n", "a", ign, "a carriage return at the end of a line goes"},
		{"a\r", "a", ign, "also on a last line without a line feed"},
		{"a\r\r\n", "a\r", ign, "only one"},
		{"a \r\n", "a", ign, "and then the spaces"},
		{"a\rb", "a\rb", ign, "elsewhere it is a byte as any other"},
		{"\xef\xbb\xbfa", "a", ign, "a byte order mark goes"},
		{"b\n\xef\xbb\xbfa", "a", no, "but only at the start of the file"},
		{"ab\x00c", "ab", ign, "a line ends at its first NUL"},
		{`a\`, `a\`, no, "a backslash at the end fits nothing"},
		{`a\\`, `a\`, ign, "an escaped backslash"},
		{`\a\*`, "a*", ign, "escapes make a literal"},
		{`\a\*`, "ab", no, "escapes make a literal"},
		{"a", "", no, "the root is never decided about"},
	}
	for _, c := range cases {
		path, isDir := strings.CutSuffix(c.path, "/")
		got := new(Stack).Push("", Parse([]byte(c.file))).Match(path, isDir)
		if got != c.want {
			t.Errorf("%q on %q: %v, want %v: %s", c.file, c.path, got, c.want, c.why)
		}
	}
}

func TestEmpty(t *testing.T) {
	for _, file := range []string{"", "\n\n", "# only\n#comments", "!\n/\n", "[a\n"} {
		if !Parse([]byte(file)).Empty() {
			t.Errorf("%q is not empty", file)
		}
	}
	if Parse([]byte("a")).Empty() {
		t.Error("a file with a pattern is empty")
	}
	var none *Patterns
	if !none.Empty() || none.Problems() != nil {
		t.Error("a nil *Patterns is not empty")
	}
}

func TestProblems(t *testing.T) {
	long := strings.Repeat("x", MaxLine+1)
	file := "ok\n[a\n" + long + "\n" + long[1:] + "\r\na\\\n[[:no:]]\n"
	want := []string{
		"line 2: unclosed character set", "line 3: line too long",
		"line 5: backslash at the end", "line 6: unknown character class",
	}
	p := Parse([]byte(file))
	if len(p.rules) != 2 {
		t.Errorf("%d rules, want 2: the short one and that of the longest length", len(p.rules))
	}
	checkProblems(t, p, want)
}

func TestTooManyPatterns(t *testing.T) {
	p := Parse([]byte(strings.Repeat("a\n", MaxRules+2)))
	if len(p.rules) != MaxRules {
		t.Errorf("%d rules, want %d", len(p.rules), MaxRules)
	}
	checkProblems(t, p, []string{"line 200001: too many patterns in one file"})
}

func TestTooLargeFile(t *testing.T) {
	comments := strings.Repeat("#\n", MaxSize/2-4)
	cases := []struct {
		file, problem string
		why           string
		third         Decision
	}{
		{"first\n" + comments + "3\n", "", "exactly the limit", Ignored},
		{"first\n" + comments + "3\n4", "line 4194303: beyond the size limit of a pattern file", "the limit falls between two lines", Ignored},
		{"first\n" + comments + "3a\n", "line 4194302: beyond the size limit of a pattern file", "the limit falls into a line, which does not count", Undecided},
		{strings.Repeat("3", MaxSize+1), "line 1: beyond the size limit of a pattern file", "one endless line", Undecided},
	}
	for _, c := range cases {
		p := Parse([]byte(c.file))
		s := new(Stack).Push("", p)
		if got := s.Match("3", false); got != c.third {
			t.Errorf("%s: %v, want %v", c.why, got, c.third)
		}
		var want []string
		if c.problem != "" {
			want = []string{c.problem}
		}
		checkProblems(t, p, want)
	}
}

func TestProblemsAreLimited(t *testing.T) {
	p := Parse([]byte(strings.Repeat("[\n", MaxProblems+10)))
	if n := len(p.Problems()); n != MaxProblems {
		t.Errorf("%d problems, want %d", n, MaxProblems)
	}
}

func checkProblems(t *testing.T, p *Patterns, want []string) {
	t.Helper()
	var got []string
	for _, problem := range p.Problems() {
		got = append(got, problem.String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("problems %q, want %q", got, want)
	}
}

func TestParseKeepsNoReference(t *testing.T) {
	data := []byte("abc\n")
	p := Parse(data)
	copy(data, "xyz")
	if new(Stack).Push("", p).Match("abc", false) != Ignored {
		t.Error("changing the data changed the patterns")
	}
}
