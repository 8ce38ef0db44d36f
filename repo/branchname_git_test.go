package repo

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"evault/refs"
)

// TestBranchNamesAsGit compares the names that a branch may have with those that git allows. Two differences are meant: a
// name is at most refs.MaxRefName bytes long, with heads/ in front, and "@{-1}" and its like are not expanded.
func TestBranchNamesAsGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is the judge here, and it is not installed")
	}
	count := 300
	if os.Getenv("EVAULT_PROVE") != "" {
		count = 20_000
	}
	names := []string{"main", "@", "a/@", "@/a", "HEAD", "head", "a/HEAD", "HEAD/a", "-", "-a", "a-", ".a", "a.", "a/.b", "a..b", "a.lock",
		"a.lock/b", "a.locked", "/a", "a/", "a//b", "a b", "a\tb", "a~", "a^1", "a:b", "a?b", "a*", "a[b", "a]b", `a\b`, "a@{b", "a@b", "{", "é",
		"\xff\xfe", "a\x7fb", "refs/heads/a", "a\nb", strings.Repeat("a", 200), "…", "'", `"`, "$(x)", ";", "|", "&", "#", "%", "!"}
	rnd := rand.New(rand.NewPCG(uint64(len(names)), 11))
	pieces := []string{"a", "b", "/", ".", "..", "-", "@", "{", "@{", ".lock", " ", "~", "^", ":", "?", "*", "[", `\`, "HEAD", "\x01", "é", "lock"}
	for range count {
		var b strings.Builder
		for range 1 + rnd.IntN(5) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		names = append(names, b.String())
	}
	for _, name := range names {
		if strings.Contains(name, "@{") { // git looks it up first
			if refs.ValidateBranchName(name) == nil {
				t.Errorf("%q is allowed", name)
			}
			continue
		}
		cmd := exec.CommandContext(t.Context(), git, "check-ref-format", "--branch", name)
		cmd.Dir = t.TempDir()
		allowed := cmd.Run() == nil
		if ours := refs.ValidateBranchName(name); (ours == nil) != allowed {
			t.Errorf("%q: git allows it: %v, evault says %v", name, allowed, ours)
		}
	}
}
