package commands

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBlameAgainstGit blames the file of generated histories, with merges and renames, and compares every line with what git
// says: commit, number there, name there, and whether the search ended there.
func TestBlameAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skipf("needs git to judge: %v", err)
	}
	rounds := 6
	if os.Getenv("EVAULT_PROVE") != "" {
		rounds = 200
	}
	lines := 0
	for seed := range rounds {
		w := newWorld(t)
		dir := filepath.Join(t.TempDir(), "git")
		stream, name := blameHistory(rand.New(rand.NewPCG(uint64(seed), 3)), 60)
		git := func(input string, args ...string) string {
			cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
			cmd.Stdin = strings.NewReader(input)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("git %v: %v", args, err)
			}
			return string(out)
		}
		if out, err := exec.Command("git", "init", "-q", "-b", "main", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		git(stream, "fast-import", "--quiet")
		w.run(exitDone, "init", "-q", "--no-passphrase")
		w.run(exitDone, "import", "git", dir)
		for _, flag := range []string{"--porcelain", "-w"} {
			args := slices.Compact([]string{"blame", "--porcelain", flag, "main", "--", name})
			w.run(exitDone, args...)
			got, want := blamed(w.stdout.String()), blamed(git("", args...))
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d %s: %s", seed, flag, firstDifference(strings.Join(got, "\n"), strings.Join(want, "\n")))
			}
			lines += len(got)
		}
	}
	t.Logf("%d lines of %d histories, 0 differences", lines, rounds)
	if lines < rounds*40 {
		t.Errorf("only %d lines", lines)
	}
}

// blameHistory is a history for git fast-import, and what its one file of interest is called in the end.
func blameHistory(r *rand.Rand, commits int) (stream, name string) {
	line := func() string {
		return []string{"\n", "}\n", "x\n", fmt.Sprintf("word%d\n", r.IntN(9)), fmt.Sprintf("unique %d\n", r.Int64())}[r.IntN(5)]
	}
	edit := func(lines []string) []string {
		for range 1 + r.IntN(3) {
			at := r.IntN(len(lines) + 1)
			lines = slices.Concat(lines[:at], []string{line(), line()}, lines[min(at+r.IntN(3), len(lines)):])
		}
		return lines
	}
	texts, names := [][]string{nil}, []string{"file"}
	for range 30 {
		texts[0] = append(texts[0], line())
	}
	var out bytes.Buffer
	for i := range commits {
		from, merged := max(0, i-1-r.IntN(3)*r.IntN(2)), -1
		text, name := edit(texts[from]), names[from]
		if i > 3 && r.IntN(5) == 0 {
			if merged = max(0, i-1-r.IntN(5)); merged == from {
				merged = -1
			} else {
				at := r.IntN(len(text))
				text = slices.Concat(text[:at], texts[merged][min(at, len(texts[merged])):])
			}
		} else if r.IntN(20) == 0 {
			name += "r"
		}
		texts, names = append(texts, text), append(names, name)
		message, data := fmt.Sprint("c", i), strings.Join(text, "")
		fmt.Fprintf(&out, "commit refs/heads/main\nmark :%d\ncommitter A <a@b> %d +0000\ndata %d\n%s\n", i+1, 1_700_000_000+100*i, len(message), message)
		if i > 0 {
			fmt.Fprintf(&out, "from :%d\n", max(from, 1))
		}
		if merged > 0 {
			fmt.Fprintf(&out, "merge :%d\n", merged)
		}
		fmt.Fprintf(&out, "deleteall\nM 100644 inline %s\ndata %d\n%s\n", name, len(data), data)
	}
	return out.String(), names[len(names)-1]
}

// blamed gives of each line the subject of its commit, its number there, its name there, and the text.
func blamed(porcelain string) (out []string) {
	summary, name, end := map[string]string{}, map[string]string{}, map[string]bool{}
	id, number := "", ""
	for _, line := range strings.Split(porcelain, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "\t"):
			out = append(out, fmt.Sprint(summary[id], " ", number, " ", name[id], " ", end[id], line))
		case len(word) == 40 || len(word) == 64:
			id = word
			number, _, _ = strings.Cut(rest, " ")
		case word == "summary":
			summary[id] = rest
		case word == "filename":
			name[id] = rest
		case word == "boundary":
			end[id] = true
		}
	}
	return out
}
