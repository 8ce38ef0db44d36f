package gitimport

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"evault/commands"
)

// TestGeneratedHistories imports random histories and asks git about them.
func TestGeneratedHistories(t *testing.T) {
	needGit(t)
	histories, commits := 6, 30
	if os.Getenv("EVAULT_PROVE") == "1" {
		histories, commits = 100, 60
	}
	seed := rand.Uint64()
	if text := os.Getenv("EVAULT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("EVAULT_SEED=%d", seed)
	checked := 0
	for n := range histories {
		w := newWorld(t)
		h := newHistory(seed+uint64(n), n%5 == 4)
		h.write(commits)
		w.git("", "init", "-q", "--bare", "-b", "main", w.repo)
		w.feed(&h.out, "fast-import", "--quiet")
		w.evault("import", "git", w.repo)
		checked += w.compare(h.linear)
		w.comparesWorkTree("main")
		if t.Failed() {
			t.Fatalf("history %d", n)
		}
	}
	t.Logf("%d histories, %d commits compared", histories, checked)
}

// TestOwnHistory imports the history of the project itself.
func TestOwnHistory(t *testing.T) {
	needGit(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("the source is not in a git repository")
	}
	w := newWorld(t)
	// It goes on while the test runs, perhaps; and it may be a shallow or partial copy, of which a clone says so.
	if out, err := exec.Command("git", "clone", "-q", "--bare", "--single-branch", root, w.repo).CombinedOutput(); err != nil {
		t.Skipf("it cannot be cloned: %s", out)
	}
	w.git(w.repo, "branch", "-f", "tip", "HEAD") // a copy that a machine builds from may be on no branch
	w.git(w.repo, "symbolic-ref", "HEAD", "refs/heads/tip")
	w.git(w.repo, "tag", "first", strings.Fields(w.git(w.repo, "rev-list", "--max-parents=0", "HEAD"))[0])
	w.git(w.repo, "tag", "middle", "HEAD~20")
	w.evault("import", "git", w.repo)
	n := w.compare(false)
	w.comparesWorkTree("HEAD")
	t.Logf("%d commits compared", n)
}

func needGit(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
}

// world is a git repository and a vault.
type world struct {
	t    *testing.T
	base string
	repo string
	work string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	base := t.TempDir()
	w := &world{t: t, base: base, repo: filepath.Join(base, "repo.git"), work: filepath.Join(base, "work")}
	w.check(os.Mkdir(w.work, 0o700))
	w.evault("init", "-q", "--no-passphrase")
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// evault runs a verb and gives its stdout.
func (w *world) evault(args ...string) string {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	vars := map[string]string{"EVAULT_CONFIG_HOME": filepath.Join(w.base, "config"), "EVAULT_STATE_HOME": filepath.Join(w.base, "state")}
	code := commands.Main(args, commands.Environment{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Dir: w.work, Now: time.Now,
		Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }})
	if code != 0 {
		w.t.Fatalf("evault %q: exit code %d\n%s", args, code, &stderr)
	}
	return stdout.String()
}

func (w *world) gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", append([]string{"-c", "core.quotePath=true", "-c", "i18n.logOutputEncoding=UTF-8"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x")
	return cmd
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	cmd := w.gitCommand(dir, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("git %q: %v\n%s", args, err, &stderr)
	}
	return string(out)
}

func (w *world) feed(in io.Reader, args ...string) {
	w.t.Helper()
	cmd := w.gitCommand(w.repo, args...)
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// compare asks git about every ref and every commit, and gives the number of commits.
func (w *world) compare(linear bool) int {
	w.t.Helper()
	w.evault("verify")
	if status := w.evault("status", "--porcelain"); status != "" {
		w.t.Errorf("status is not clean:\n%s", status)
	}
	commits := map[string]*logged{}
	seen := map[string]bool{}
	for ref := range strings.Lines(w.git(w.repo, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags")) {
		ref = strings.TrimSuffix(ref, "\n")
		rev := strings.TrimPrefix(strings.TrimPrefix(ref, "refs/"), "heads/")
		tip := strings.TrimSpace(w.git(w.repo, "rev-parse", ref+"^{commit}"))
		if w.readLog(rev, commits) != tip {
			w.t.Errorf("%s is at another commit than in git", ref)
		}
		if !seen[tip] {
			w.compareTrees(rev, ref, linear)
		}
		seen[tip] = true
	}
	return w.compareCommits(commits)
}

// logged is what the vault says of a commit.
type logged struct {
	ID      string            `json:"id"`
	Parents []string          `json:"parents"`
	Author  string            `json:"author"`
	Time    time.Time         `json:"time"`
	Message string            `json:"message"`
	Labels  map[string]string `json:"labels"`
}

// readLog reads all commits of a revision, by their IDs in git, and gives the first.
func (w *world) readLog(rev string, into map[string]*logged) (tip string) {
	w.t.Helper()
	for line := range strings.Lines(w.evault("log", "--json", rev)) {
		var c logged
		w.check(json.Unmarshal([]byte(line), &c))
		id := c.Labels["git.commit"]
		if id == "" {
			id = "part " + c.ID
		}
		if tip == "" {
			tip = id
		}
		into[id] = &c
	}
	return tip
}

// compareCommits holds every commit against git's words about it.
func (w *world) compareCommits(commits map[string]*logged) int {
	w.t.Helper()
	byID := map[string]string{}
	for id, c := range commits {
		byID[c.ID] = id
	}
	text := w.git(w.repo, "log", "--branches", "--tags", "--format=%H%x00%P%x00%an <%ae>%x00%aI%x00%cI%x00%B%x00%x01")
	n := 0
	for one := range strings.SplitSeq(text, "\x01\n") {
		f := strings.Split(one, "\x00")
		if len(f) != 7 {
			continue
		}
		n++
		c := commits[f[0]]
		if c == nil {
			w.t.Errorf("commit %s is not in the vault", f[0])
			continue
		}
		if got := w.gitParents(c, commits, byID); got != f[1] {
			w.t.Errorf("%s: parents %s, in git %s", f[0], got, f[1])
		}
		when, err := time.Parse(time.RFC3339, f[3])
		w.check(err)
		committed := f[3]
		if label := c.Labels["git.committed"]; label != "" {
			committed = label
		}
		if c.Time.Format(time.RFC3339) != when.Format(time.RFC3339) || normalTime(committed) != normalTime(f[4]) {
			w.t.Errorf("%s: %v and %s, in git %s and %s", f[0], c.Time, committed, f[3], f[4])
		}
		if want := personOf(f[2]); c.Author != want {
			w.t.Errorf("%s: by %q, in git %q", f[0], c.Author, want)
		}
		if got, want := c.Message, strings.TrimRight(strings.ToValidUTF8(f[5], "\uFFFD"), "\n"); strings.ToValidUTF8(got, "\uFFFD") != want {
			w.t.Errorf("%s: message %q, in git %q", f[0], got, want)
		}
	}
	if n == 0 || len(commits) < n {
		w.t.Errorf("%d commits, in git %d", len(commits), n)
	}
	return n
}

func normalTime(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Format(time.RFC3339)
}

// personOf is what docs/import.md says of an author.
func personOf(git string) string {
	git = strings.ToValidUTF8(git, "\uFFFD")
	git = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, git)
	name, mail, _ := strings.Cut(git, " <")
	mail = strings.TrimSuffix(mail, ">")
	switch {
	case mail == "":
		return name
	case name == "":
		return "<" + mail + ">"
	}
	return name + " <" + mail + ">"
}

// gitParents gives a commit's parents by their IDs in git; those that a commit of parts stands for are put in its place.
func (w *world) gitParents(c *logged, commits map[string]*logged, byID map[string]string) string {
	var out []string
	for _, p := range c.Parents {
		id := byID[p]
		if part, ok := strings.CutPrefix(id, "part "); ok {
			if commits[id].ID != part || commits[id].Labels["git.part-of"] != c.Labels["git.commit"]+c.Labels["git.part-of"] {
				w.t.Errorf("commit %s is a part of nothing", p)
			}
			id = w.gitParents(commits[id], commits, byID)
		}
		out = append(out, id)
	}
	return strings.Join(out, " ")
}

// file is what an archive holds of a path.
type file struct {
	kind  byte
	exec  bool
	text  string
	mtime int64
}

func readTar(t *testing.T, data string) map[string]file {
	t.Helper()
	out := map[string]file{}
	for r := tar.NewReader(strings.NewReader(data)); ; {
		head, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if head.Typeflag == tar.TypeDir || head.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[head.Name] = file{head.Typeflag, head.Typeflag == tar.TypeReg && head.Mode&0o100 != 0, head.Linkname + string(content), head.ModTime.Unix()}
	}
}

// compareTrees holds an archive of a revision against git's.
func (w *world) compareTrees(rev, ref string, linear bool) {
	w.t.Helper()
	want := readTar(w.t, w.git(w.repo, "archive", "--format=tar", ref))
	got := readTar(w.t, w.evault("export", rev, "--format", "tar", "-o", "-"))
	w.sameFiles(rev, got, want)
	if !linear {
		return
	}
	for name, f := range got {
		when := strings.TrimSpace(w.git(w.repo, "log", "-1", "--format=%ct", ref, "--", ":(literal)"+name))
		if strconv.FormatInt(f.mtime, 10) != when {
			w.t.Errorf("%s: %q is of %d, in git changed at %s", rev, name, f.mtime, when)
		}
	}
}

func (w *world) sameFiles(where string, got, want map[string]file) {
	w.t.Helper()
	for name, f := range want {
		g, ok := got[name]
		if g.mtime = f.mtime; !ok || g != f {
			w.t.Errorf("%s: %q: %s, in git %s", where, name, describe(g, ok), describe(f, true))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			w.t.Errorf("%s: %q is not in git", where, name)
		}
	}
}

func describe(f file, ok bool) string {
	if !ok {
		return "nothing"
	}
	return fmt.Sprintf("%c, executable %v, %d bytes %.40q", f.kind, f.exec, len(f.text), f.text)
}

// comparesWorkTree holds the files on disk against git's archive.
func (w *world) comparesWorkTree(ref string) {
	w.t.Helper()
	want := readTar(w.t, w.git(w.repo, "archive", "--format=tar", ref))
	got := map[string]file{}
	w.check(filepath.WalkDir(w.work, func(p string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(w.work, p)
		switch {
		case err != nil:
			return err
		case rel == ".evault":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		case d.Type() == os.ModeSymlink:
			target, err := os.Readlink(p)
			got[filepath.ToSlash(rel)] = file{kind: tar.TypeSymlink, text: target}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(p)
		got[filepath.ToSlash(rel)] = file{kind: tar.TypeReg, exec: info.Mode()&0o100 != 0, text: string(data)}
		return err
	}))
	w.sameFiles("work tree", got, want)
}
