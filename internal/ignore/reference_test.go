package ignore

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// reference is a second implementation of the rules, as plain as can be: every
// pattern of a file is tried from the last to the first, byte by byte, with
// all results kept so that it stays polynomial. It shares with the package the
// reading of lines and of sets, which are compared with git instead.
func reference(p *Patterns, path string, isDir bool) int {
	for i := len(p.rules) - 1; i >= 0; i-- {
		pattern, _ := strings.CutPrefix(p.rules[i].text, "!")
		pattern, dirOnly := strings.CutSuffix(pattern, "/")
		if dirOnly && !isDir {
			continue
		}
		m := byteMatcher{text: path, anchored: strings.Contains(pattern, "/"), seen: map[[2]int]bool{}}
		if m.anchored {
			pattern = strings.TrimPrefix(pattern, "/")
			n := literalLen(pattern)
			if !strings.HasPrefix(path, pattern[:n]) {
				continue
			}
			pattern, m.text = pattern[n:], path[n:]
		} else {
			m.text = path[strings.LastIndex(path, "/")+1:]
		}
		m.pattern = pattern
		if m.match(0, 0) {
			return i
		}
	}
	return -1
}

// byteMatcher decides whether pattern[i:] fits text[j:].
type byteMatcher struct {
	pattern, text string
	anchored      bool
	seen          map[[2]int]bool // pairs that were tried and did not fit
}

func (m *byteMatcher) match(i, j int) bool {
	if m.seen[[2]int{i, j}] {
		return false
	}
	if m.try(i, j) {
		return true
	}
	m.seen[[2]int{i, j}] = true
	return false
}

func (m *byteMatcher) try(i, j int) bool {
	p, t := m.pattern[i:], m.text[j:]
	if p == "" {
		return t == ""
	}
	if p[0] == '*' {
		return m.star(i, j)
	}
	if t == "" {
		return false
	}
	switch p[0] {
	case '?':
		return t[0] != '/' && m.match(i+1, j+1)
	case '[':
		set, rest, fault := parseClass(p[1:])
		return fault == "" && t[0] != '/' && set.has(t[0]) && m.match(len(m.pattern)-len(rest), j+1)
	case '\\':
		return len(p) > 1 && p[1] == t[0] && m.match(i+2, j+1)
	}
	return p[0] == t[0] && m.match(i+1, j+1)
}

func (m *byteMatcher) star(i, j int) bool {
	after := strings.TrimLeft(m.pattern[i:], "*")
	next := len(m.pattern) - len(after)
	deep := m.anchored && next-i > 1 && (i == 0 || m.pattern[i-1] == '/') &&
		(after == "" || after[0] == '/' || strings.HasPrefix(after, `\/`))
	if deep && after != "" && after[0] == '/' && m.match(next+1, j) {
		return true
	}
	for ; ; j++ {
		if m.match(next, j) {
			return true
		}
		if j == len(m.text) || (m.text[j] == '/' && !deep) {
			return false
		}
	}
}

func checkReference(t interface {
	Helper()
	Errorf(string, ...any)
}, file, path string, isDir bool) {
	t.Helper()
	p := Parse([]byte(file))
	got := p.last(path, path[strings.LastIndex(path, "/")+1:], isDir)
	if want := reference(p, path, isDir); got != want {
		t.Errorf("file %q, path %q, directory %v: rule %d, the reference says %d", file, path, isDir, got, want)
	}
}

func TestAgainstReference(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "b", "a", "b", "/", "/", "*", "**", "/**/", "**/", "?", "[ab]", "[!a]", `\a`, `\/`, "\n", "!", "[", `\`})
	name := rapid.StringMatching(`[ab]{1,6}`)
	rapid.Check(t, func(t *rapid.T) {
		file := strings.Join(rapid.SliceOfN(piece, 1, 24).Draw(t, "file"), "")
		path := strings.Join(rapid.SliceOfN(name, 1, 6).Draw(t, "path"), "/")
		checkReference(t, file, path, rapid.Bool().Draw(t, "directory"))
	})
}

// TestRandomFilesAgainstReference runs the cases of the comparison with git
// against the reference, where no git and no special file system is needed.
func TestRandomFilesAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 10 {
		g := generate(r, "", i, 50)
		for _, c := range g.cases {
			for dir, file := range g.relevant(c.path) {
				checkReference(t, file, strings.TrimPrefix(c.path, dir+"/"), c.isDir)
			}
		}
	}
}

// cleanPath makes a path as a scan gives it: no empty element, no NUL.
func cleanPath(path string) string {
	path = strings.ReplaceAll(path, "\x00", "")
	return strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
}

func FuzzMatch(f *testing.F) {
	f.Add("*.o\n!/keep/**/x*y\n", "keep/a/xay", false)
	f.Add("a*a*a*b\n[[:alpha:]-z]\n", "aaab", true)
	f.Add("foo**/bar\n**\\/x\n", "foo/bar", true)
	f.Add("\xef\xbb\xbf a\\ \r\n[]-a]\x00\n", " a ", false)
	f.Fuzz(func(t *testing.T, file, path string, isDir bool) {
		if path = cleanPath(path); path == "" || len(path) > 200 || len(file) > 400 {
			return
		}
		checkReference(t, file, path, isDir)
		s := new(Stack).Push("", Parse([]byte(file)))
		if parent := path[:max(0, strings.LastIndexByte(path, '/'))]; s.Check(parent, true) == Ignored {
			if s.Check(path, isDir) != Ignored {
				t.Errorf("file %q: %q is not ignored, its parent is", file, path)
			}
		} else if got, want := s.Check(path, isDir), s.Match(path, isDir); got != want {
			t.Errorf("file %q: %q is %v by Check, %v by Match", file, path, got, want)
		}
	})
}

// FuzzPaths asks about paths that no scan would give: there is no right answer
// then, but there must be one.
func FuzzPaths(f *testing.F) {
	f.Add("a//b\n*\n/\n", "a//b/", "a")
	f.Fuzz(func(t *testing.T, file, path, dir string) {
		s := new(Stack).Push("", Parse([]byte(file))).Push(dir, Parse([]byte(file)))
		s.Match(path, true)
		s.Check(path, false)
	})
}
