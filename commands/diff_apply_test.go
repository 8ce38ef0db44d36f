package commands

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDiffApplies makes trees at random, in two versions, and lets patch and git apply make the second of the first with what
// diff prints.
func TestDiffApplies(t *testing.T) {
	for _, tool := range []string{"git", "patch"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s to judge: %v", tool, err)
		}
	}
	rounds := 12
	if os.Getenv("EVAULT_PROVE") != "" {
		rounds = 500
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 4))
		w := newWorld(t)
		w.run(exitDone, "init", "-q", "--no-passphrase")
		was := randomTree(r)
		is := was.mutate(r)
		was.write(t, w.dir)
		w.run(exitDone, "commit", "-q", "-A", "-m", "one", "--allow-empty")
		clearTree(t, w.dir)
		is.write(t, w.dir)
		w.run(exitDone, "diff")
		w.run(exitDone, "commit", "-q", "-A", "-m", "two", "--allow-empty")
		for _, args := range [][]string{{}, {"--no-renames"}, {"--find-copies"}, {"-U0"}, {"-U1"}} {
			w.run(exitDone, append([]string{"diff", "HEAD~1", "HEAD"}, args...)...)
			forward := bytes.Clone(w.stdout.Bytes())
			check := func(tool string, from, want genTree, patch []byte) {
				if len(args) > 0 && args[0] == "-U0" && tool != "patch" {
					return // git apply wants to be asked twice for patches without context
				}
				dir := t.TempDir()
				from.write(t, dir)
				if got := applyWith(t, tool, dir, patch); got != "" {
					t.Fatalf("seed %d, diff %v, %s: %s\n%s", seed, args, tool, got, patch)
				}
				if differs := want.compare(dir); differs != "" {
					t.Fatalf("seed %d, diff %v, %s: %s\n%s", seed, args, tool, differs, patch)
				}
			}
			check("git", was, is, forward)
			check("patch", was, is, forward)
			w.run(exitDone, append([]string{"diff", "-R", "HEAD~1", "HEAD"}, args...)...)
			check("git", is, was, w.stdout.Bytes())
			check("patch", is, was, w.stdout.Bytes())
		}
	}
}

func applyWith(t *testing.T, tool, dir string, patch []byte) string {
	t.Helper()
	if len(patch) == 0 {
		return ""
	}
	cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
	if tool == "patch" {
		cmd = exec.Command("patch", "-p1", "-s", "-f", "--no-backup-if-mismatch")
	}
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(patch)
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return ""
}

// genTree is a generated tree by path.
type genTree map[string]genFile

type genFile struct {
	text       string
	executable bool
	link       bool
}

func randomText(r *rand.Rand) string {
	if r.IntN(12) == 0 {
		return ""
	}
	end := "\n"
	if r.IntN(8) == 0 {
		end = "\r\n"
	}
	var b strings.Builder
	for range 1 + r.IntN(60) {
		b.WriteString(randomLine(r) + end)
	}
	if r.IntN(4) == 0 {
		return strings.TrimSuffix(b.String(), end)
	}
	return b.String()
}

func randomLine(r *rand.Rand) string {
	return []string{"", "{", "}", "\treturn x", "func f()", "-- a/x", "++ b/y", "diff --git a/x b/x", "@@ -1 +1 @@", "# note", "\x1b[1m", "caf\xe9",
		fmt.Sprint("line ", r.IntN(40)), fmt.Sprint("  indented ", r.IntN(1000)), "\\ No newline at end of file"}[r.IntN(15)]
}

func randomName(r *rand.Rand) string {
	names := []string{"a", "b.c", "with space", "tab\there", "new\nline", "quote\"d", "back\\slash", "caf\u00e9", "latin\xe9", "-dash", "'single'", "x y z", "=", "trail "}
	name := names[r.IntN(len(names))] + fmt.Sprint(r.IntN(30))
	for range r.IntN(3) {
		name = []string{"dir", "d d", "ä"}[r.IntN(3)] + "/" + name
	}
	return name
}

func randomTree(r *rand.Rand) genTree {
	out := genTree{}
	for range 3 + r.IntN(12) {
		out[randomName(r)] = genFile{text: randomText(r), executable: r.IntN(5) == 0}
	}
	if r.IntN(2) == 0 {
		out["link"] = genFile{text: "a/b", link: true}
	}
	return out
}

// mutate edits, deletes, adds, renames and copies files.
func (g genTree) mutate(r *rand.Rand) genTree {
	out := genTree{}
	for _, name := range slices.Sorted(maps.Keys(g)) {
		f := g[name]
		switch r.IntN(8) {
		case 0:
			continue
		case 1:
			name = "moved/" + name
		case 2:
			f.executable = !f.executable && !f.link
		case 3:
			out[name+".copy"] = f
		}
		if r.IntN(2) == 0 {
			f.text = f.edited(r)
		}
		out[name] = f
	}
	for range r.IntN(3) {
		out[randomName(r)] = genFile{text: randomText(r)}
	}
	return out
}

func (f genFile) edited(r *rand.Rand) string {
	if f.link {
		return "c"
	}
	lines := strings.SplitAfter(f.text, "\n")
	for range 1 + r.IntN(4) {
		i := r.IntN(len(lines))
		switch r.IntN(3) {
		case 0:
			lines = append(lines[:i], lines[i+1:]...)
		case 1:
			lines[i] = randomLine(r) + "\n"
		default:
			lines[i] += randomLine(r) + "\n"
		}
		if len(lines) == 0 {
			return ""
		}
	}
	return strings.Join(lines, "")
}

func (g genTree) write(t *testing.T, dir string) {
	t.Helper()
	for name, f := range g {
		full := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(full), 0o755)
		if err == nil && f.link {
			err = os.Symlink(f.text, full)
		} else if err == nil {
			mode := os.FileMode(0o644)
			if f.executable {
				mode = 0o755
			}
			err = os.WriteFile(full, []byte(f.text), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func clearTree(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name() != ".evault" {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compare says in what a folder differs from the tree, empty folders aside.
func (g genTree) compare(dir string) string {
	seen := 0
	problem := ""
	err := filepath.WalkDir(dir, func(full string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		seen++
		name := filepath.ToSlash(full[len(dir)+1:])
		want, ok := g[name]
		if !ok {
			problem = fmt.Sprintf("%q should not be there", name)
			return nil
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		if want.link {
			if target, err := os.Readlink(full); err != nil || target != want.text {
				problem = fmt.Sprintf("%q leads to %q, not %q", name, target, want.text)
			}
			return nil
		}
		data, err := os.ReadFile(full)
		if string(data) != want.text {
			problem = fmt.Sprintf("%q holds %q, not %q", name, data, want.text)
		} else if st.Mode()&0o100 != 0 != want.executable {
			problem = fmt.Sprintf("%q has mode %v", name, st.Mode())
		}
		return err
	})
	if err != nil {
		return err.Error()
	}
	if problem == "" && seen != len(g) {
		return fmt.Sprintf("%d files, not %d", seen, len(g))
	}
	return problem
}
