package ignore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// The differential test: random pattern files and paths, each answered by git
// check-ignore and by this package. Not only the decision is compared but the
// file and line of the pattern that decides, so that two wrongs cannot cancel
// out.
//
// Many cases share one repository and one run of git: each has its own folder
// (K0, K1, ...) with a .gitignore and further ones below. Above them, each
// repository has one in its root and an exclude file.
//
// What git check-ignore does not do as a scan does, and how the test avoids it:
// it takes a path for a directory only if one exists on disk, so directories
// are made; it refuses a path that leaves the repository or has an empty
// element, so none is made up.

const ignoreFile = ".gitignore"

// gitCase is one path put to git.
type gitCase struct {
	path  string
	isDir bool
}

// gitRepo is one repository with many cases.
type gitRepo struct {
	root  string
	files map[string]string // the pattern files, by directory; the user's under "\x00"
	cases []gitCase
}

const userFile = "\x00"

func TestAgainstGit(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("needs a file system that takes any bytes as a name and tells upper from lower case")
	}
	requireGit(t)
	repos, folders := 6, 60
	if os.Getenv("EVAULT_PROVE") == "1" {
		repos, folders = 60, 150
	}
	r := rand.New(rand.NewPCG(1, 2))
	cases, matched, different := 0, 0, 0
	for i := range repos {
		g := generate(r, t.TempDir(), i, folders)
		n, m, d := g.compare(t)
		cases, matched, different = cases+n, matched+m, different+d
	}
	t.Logf("%d of %d cases are decided by a pattern", matched, cases)
	fmt.Printf("proof row 18 (ignore): %d cases, %d differences\n", cases, different)
	if matched < cases/5 || matched > cases*9/10 {
		t.Errorf("%d of %d cases decided by a pattern: the generator is off balance", matched, cases)
	}
}

// TestClassesAgainstGit asks git about every byte in every named class.
func TestClassesAgainstGit(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("needs a file system that takes any bytes as a name and tells upper from lower case")
	}
	requireGit(t)
	g := &gitRepo{root: t.TempDir(), files: map[string]string{}}
	for _, name := range strings.Fields("alnum alpha blank cntrl digit graph lower print punct space upper xdigit word ascii") {
		for _, negate := range []string{"", "!"} {
			dir := name + strings.ReplaceAll(negate, "!", "-not")
			g.files[dir] = "[" + negate + "[:" + name + ":]]\n"
			for b := 1; b < 256; b++ {
				if b != '/' && b != '.' {
					g.cases = append(g.cases, gitCase{path: dir + "/" + string([]byte{byte(b)})})
				}
			}
		}
	}
	g.compare(t)
}

// requireGit stops the test if there is no git. EVAULT_NO_GIT=1 says that this
// is on purpose.
func requireGit(t *testing.T) {
	t.Helper()
	if os.Getenv("EVAULT_NO_GIT") == "1" {
		t.Skip("EVAULT_NO_GIT=1: the comparison with git is left out on purpose")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatalf("git is needed to compare with (EVAULT_NO_GIT=1 leaves this test out): %v", err)
	}
}

// generate makes up a repository. Names and patterns come from few pieces, so
// that they meet often.
func generate(r *rand.Rand, root string, number, folders int) *gitRepo {
	g := &gitRepo{root: root, files: map[string]string{}}
	if number%3 == 1 { // else only the folders' own files count
		g.files[""] = randomFile(r, 3, nil)
		g.files[userFile] = randomFile(r, 3, nil)
	}
	for i := range folders {
		g.addFolder(r, "K"+strconv.Itoa(i))
	}
	return g
}

// addFolder makes up a folder with paths and pattern files. Paths are made
// from a common stock of directories, so that nested files apply to several.
func (g *gitRepo) addFolder(r *rand.Rand, folder string) {
	dirs := []string{folder}
	known := map[string]bool{folder: true}
	var paths []string
	for range 20 {
		path := dirs[r.IntN(len(dirs))] + "/" + randomName(r)
		if known[path] {
			continue
		}
		known[path] = true
		isDir := r.IntN(5) < 2 && strings.Count(path, "/") < 5
		if isDir {
			dirs = append(dirs, path)
		}
		g.cases = append(g.cases, gitCase{path, isDir})
		paths = append(paths, path)
	}
	for i, dir := range dirs {
		if i == 0 || r.IntN(4) == 0 {
			g.files[dir] = randomFile(r, 6, inside(dir, paths))
		}
	}
}

// inside returns those of the paths that lie below dir, relative to it.
func inside(dir string, paths []string) (rel []string) {
	for _, path := range paths {
		if p, ok := strings.CutPrefix(path, dir+"/"); ok {
			rel = append(rel, p)
		}
	}
	return rel
}

// patternFor makes a pattern that may well fit path: some of its bytes and
// elements replaced by wildcards.
func patternFor(r *rand.Rand, path string) string {
	elements := strings.Split(path, "/")
	if r.IntN(3) == 0 {
		elements = elements[r.IntN(len(elements)):]
	}
	for i, name := range elements {
		switch r.IntN(8) {
		case 0:
			elements[i] = pick(r, "*", "**", "***", "?*")
		case 1, 2, 3:
			at := r.IntN(len(name))
			with := pick(r, "*", "?", "**", `\`+name[at:at+1], randomSet(r), "["+name[at:at+1]+"]", "[!a]", "[a-c.]")
			elements[i] = name[:at] + with + name[min(len(name), at+1+r.IntN(2)):]
		}
	}
	if len(elements) > 1 && r.IntN(6) == 0 {
		elements[r.IntN(len(elements)-1)] = "**"
	}
	return pick(r, "", "", "", "/", "!", "!", "!/", "**/") + strings.Join(elements, "/") + pick(r, "", "", "", "", "/", "/**", "*")
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func randomName(r *rand.Rand) string {
	if r.IntN(3) > 0 {
		return pick(r, "a", "b", "c", "ab", "ba", "aa", "abc", "a.o", "b.o", ".o", "foo", "foobar", "A", "bar")
	}
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString(pick(r, "a", "b", "c", "A", "0", ".", " ", "-", "!", "#", "^", "]", "[", "*", "?", `\`, ":",
			"\r", "\n", "\t", "é", "\xff", "\x80", "\x01", "\x7f", "z"))
	}
	if s := b.String(); s != "." && s != ".." {
		return s
	}
	return "..."
}

// randomFile makes up a file of up to n patterns, half of them made for one of
// the paths, if there are any.
func randomFile(r *rand.Rand, n int, paths []string) string {
	var b strings.Builder
	if r.IntN(15) == 0 {
		b.WriteString(utf8BOM)
	}
	for range r.IntN(n + 1) {
		if len(paths) > 0 && r.IntN(2) == 0 {
			b.WriteString(patternFor(r, paths[r.IntN(len(paths))]))
		} else {
			b.WriteString(randomLine(r))
		}
		b.WriteString(pick(r, "\n", "\n", "\n", "\n", "\r\n", " \n", " \r\n", "\n\n", "\n# c\n"))
	}
	return strings.TrimSuffix(b.String(), pick(r, "", "\n"))
}

func randomLine(r *rand.Rand) string {
	line := pick(r, "", "", "", "", "!", "!", "/", "!/", "**/", "!**/", " ", "#", `\#`, `\!`, `\`)
	for i := range 1 + r.IntN(4) {
		if i > 0 {
			line += pick(r, "/", "/", "", "", "/**/", "**/", "/**", `\/`, "//")
		}
		line += randomPiece(r)
	}
	return line + pick(r, "", "", "", "", "/", "/", "/**", "/*", " ", `\ `, `\`, "**", "\r", "\x00b")
}

func randomPiece(r *rand.Rand) string {
	switch r.IntN(4) {
	case 0:
		return randomName(r)
	case 1:
		return pick(r, "*", "*", "**", "***", "?", "a*", "*a", "*b", "*.o", "a*b", "*a*", "foo*", "f**r", "?*", "*?", `\*`, "a?", "foo**")
	case 2:
		return randomSet(r)
	default:
		return pick(r, "a", "b", "c", "ab", "foo", "bar", "K1", "K*", `\a`, `\?`, "é", "a b")
	}
}

// randomSet makes up a set, often a malformed one.
func randomSet(r *rand.Rand) string {
	s := "[" + pick(r, "", "", "", "!", "^", "]", "!]", "-", `\`)
	for range 1 + r.IntN(3) {
		s += pick(r, "a", "b", "c", "a-c", "a-", "-", "!", "^", `\]`, `\-`, `\\`, `a-\c`, "/", ".-0", "[", "[:", ":]",
			"[:alpha:]", "[:punct:]", "[:space:]", "[:cntrl:]", "[:nope:]", "[:alpha]", "[:alpha:", "\x80-\xff", "A-z", "*", "?", "c-a")
	}
	return s + pick(r, "]", "]", "]", "]", "]", "]]", "", "]*")
}

// compare builds the repository on disk, asks git about all cases at once, and
// reports where this package answers otherwise.
func (g *gitRepo) compare(t *testing.T) (cases, matched, different int) {
	t.Helper()
	g.build(t)
	answers := g.ask(t)
	if len(answers) != len(g.cases) {
		t.Fatalf("git gave %d answers to %d cases", len(answers), len(g.cases))
	}
	parsed := map[string]*Patterns{}
	for dir, file := range g.files {
		parsed[dir] = Parse([]byte(file))
	}
	for i, c := range g.cases {
		want := answers[i]
		if got := g.answer(parsed, c); got != want {
			different++
			t.Errorf("%q (directory: %v): got %q, git says %q; files: %q", c.path, c.isDir, got, want, g.relevant(c.path))
		}
		if want != "" {
			matched++
		}
	}
	return len(g.cases), matched, different
}

// build writes the repository to disk.
func (g *gitRepo) build(t *testing.T) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := g.git("init", "-q", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("git init: %v: %s", err, out)
	}
	for _, c := range g.cases {
		if c.isDir {
			must(os.MkdirAll(filepath.Join(g.root, c.path), 0o777))
		}
	}
	for dir, file := range g.files {
		name := filepath.Join(g.root, dir, ignoreFile)
		if dir == userFile {
			name = filepath.Join(g.root, ".git", "info", "exclude")
		}
		must(os.MkdirAll(filepath.Dir(name), 0o777))
		must(os.WriteFile(name, []byte(file), 0o666))
	}
}

// git prepares a run of git that no configuration of the machine can sway.
func (g *gitRepo) git(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = g.root
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "HOME="+g.root,
		"XDG_CONFIG_HOME="+g.root, "GIT_DIR="+filepath.Join(g.root, ".git"), "GIT_WORK_TREE="+g.root, "LC_ALL=C")
	return cmd
}

// ask returns git's answer to each case: "file:line" of the pattern that
// decides, with a ! if it is negated; "" if there is none.
func (g *gitRepo) ask(t *testing.T) []string {
	t.Helper()
	var in, stderr bytes.Buffer
	for _, c := range g.cases {
		in.WriteString(c.path + "\x00")
	}
	cmd := g.git("-c", "core.ignorecase=false", "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n")
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > 1 { // 1: nothing is ignored
		t.Fatalf("git check-ignore: %v: %s", err, stderr.String())
	}
	fields := strings.Split(string(out), "\x00")
	var answers []string
	for i := 0; i+4 <= len(fields); i += 4 {
		if fields[i+3] != g.cases[len(answers)].path {
			t.Fatalf("git answers about %q, asked was %q", fields[i+3], g.cases[len(answers)].path)
		}
		answer := ""
		if fields[i] != "" {
			answer = fields[i] + ":" + fields[i+1]
			if strings.HasPrefix(fields[i+2], "!") {
				answer = "!" + answer
			}
		}
		answers = append(answers, answer)
	}
	return answers
}

// answer is what this package says, in the form of ask.
func (g *gitRepo) answer(parsed map[string]*Patterns, c gitCase) string {
	s := new(Stack).Push("", parsed[userFile]).Push("", parsed[""])
	for i := range len(c.path) {
		if c.path[i] == '/' {
			s = s.Push(c.path[:i], parsed[c.path[:i]])
		}
	}
	why := s.Explain(c.path, c.isDir)
	file := strings.TrimPrefix(why.Dir+"/"+ignoreFile, "/")
	if why.Patterns == parsed[userFile] {
		file = filepath.Join(g.root, ".git", "info", "exclude")
	}
	switch why.Decision {
	case Undecided:
		return ""
	case Included:
		return fmt.Sprintf("!%s:%d", file, why.Line)
	default:
		return fmt.Sprintf("%s:%d", file, why.Line)
	}
}

// relevant returns the pattern files that can bear on path.
func (g *gitRepo) relevant(path string) map[string]string {
	files := map[string]string{}
	for dir, file := range g.files {
		if dir == "" || dir == userFile || strings.HasPrefix(path, dir+"/") {
			files[dir] = file
		}
	}
	return files
}
