package commands

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestDiffAgainstGit compares what diff prints of generated trees with what git prints of them, in every format.
func TestDiffAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skipf("needs git to judge: %v", err)
	}
	rounds := 12
	if os.Getenv("EVAULT_PROVE") != "" {
		rounds = 500
	}
	unlike := 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		w := newWorld(t)
		w.run(exitDone, "init", "-q", "--no-passphrase")
		git := gitIn(t, w.dir, filepath.Join(filepath.Dir(w.dir), "git"))
		git("init", "-q")
		was := randomTree(r)
		for i, tree := range []genTree{was, was.mutate(r)} {
			// Bytes that are no letters are printed as they are by a git that quotes none but those of ASCII.
			maps.DeleteFunc(tree, func(name string, _ genFile) bool { return !utf8.ValidString(name) })
			for name, f := range tree { // git takes any empty file for a renamed one
				if f.text == "" {
					tree[name] = genFile{text: "empty\n", executable: f.executable}
				}
			}
			delete(tree, "link.copy") // of links git says that they are copied
			clearTree(t, w.dir)
			tree.write(t, w.dir)
			w.run(exitDone, "commit", "-q", "-A", "-m", fmt.Sprint(i), "--allow-empty")
			git("add", "-A")
			git("commit", "-q", "--allow-empty", "-m", fmt.Sprint(i))
		}
		for _, format := range []string{"--no-renames --numstat", "--no-renames -p", "--no-renames --stat", "--name-status", "--numstat", "--stat", "--shortstat", "-p", "-U1", "--name-only -z", "--name-status -z",
			"--numstat -z", "-w --numstat", "-b --numstat", "-R --name-status", "-M80% --name-status", "--find-copies --name-status"} {
			args := append(strings.Fields(format), "HEAD~1", "HEAD")
			w.run(exitDone, append([]string{"diff"}, args...)...)
			want := normalPatch(git(append([]string{"diff"}, args...)...))
			if got := normalPatch(w.stdout.String()); got != want {
				if !strings.Contains(format, "--no-renames") { // which file is the most similar is an estimate on either side
					t.Logf("seed %d, %s: %s", seed, format, firstDifference(got, want))
					unlike++
					break
				}
				t.Fatalf("seed %d, %s: %s", seed, format, firstDifference(got, want))
			}
		}
	}
	if unlike*50 > rounds {
		t.Errorf("in %d of %d trees other renames than git's", unlike, rounds)
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			from := max(i-8, 0)
			return fmt.Sprintf("line %d: evault\n%s\ngit\n%s", i, strings.Join(a[from:min(i+8, len(a))], "\n"), strings.Join(b[min(from, len(b)):min(i+8, len(b))], "\n"))
		}
	}
	return "git has more: " + strings.Join(b[len(a):], "\n")
}

// similarities match how similar a renamed file is, which is an estimate and may be one percent more or less.
var similarities = regexp.MustCompile(`(?m)(^|\x00)(R|C|similarity index )[0-9]+%?`)

// normalPatch leaves out what is known to be different: git's own IDs, and where names with spaces are quoted.
func normalPatch(patch string) string {
	var out strings.Builder
	patch = similarities.ReplaceAllString(patch, "$1$2")
	for line := range strings.SplitAfterSeq(patch, "\n") {
		if strings.HasPrefix(line, "index ") || strings.HasPrefix(line, "diff --git ") {
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

// gitIn runs git on a work tree, its own files elsewhere.
func gitIn(t *testing.T, work, dir string) func(args ...string) string {
	t.Helper()
	return func(args ...string) string {
		t.Helper()
		all := append([]string{"-c", "core.quotePath=false", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.excludesFile=", "--git-dir=" + dir, "--work-tree=" + work}, args...)
		cmd := exec.Command("git", all...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+filepath.Dir(dir))
		if args[0] == "add" {
			cmd.Args = append(cmd.Args, "--", ":(exclude).evault", ".")
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return string(out)
	}
}
