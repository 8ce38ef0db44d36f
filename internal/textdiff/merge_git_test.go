package textdiff

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestMergeAgainstGit gives git thousands of unmerged paths at once and lets `git checkout --merge` merge them: the same code as
// `git merge`, in one process.
func TestMergeAgainstGit(t *testing.T) {
	need(t, "git")
	batches, each := 1, 1000
	if prove() {
		batches = 50
	}
	for _, style := range []struct {
		name string
		Style
	}{{"merge", StyleMerge}, {"diff3", StyleDiff3}} {
		t.Run(style.name, func(t *testing.T) {
			cases, conflicted := 0, 0
			for batch := range batches {
				n, c := mergeBatch(t, style.name, style.Style, batch*each, each)
				cases, conflicted = cases+n, conflicted+c
			}
			t.Logf("proof row 18: %d merges (style %s), %d with conflicts, 0 differences", cases, style.name, conflicted)
			if cases < batches*each*9/10 || conflicted < cases/10 || conflicted > cases*9/10 {
				t.Errorf("%d cases, %d with conflicts: the generator is off balance", cases, conflicted)
			}
		})
	}
}

func mergeBatch(t *testing.T, styleName string, style Style, from, n int) (cases, conflicted int) {
	dir := t.TempDir()
	run(t, dir, "", "git", "init", "-q")
	run(t, dir, "", "git", "config", "core.autocrlf", "false")
	run(t, dir, "", "git", "config", "merge.conflictstyle", styleName)
	var paths strings.Builder
	for i := range n {
		base, ours, theirs := triple(uint64(from + i))
		for side, text := range [][]byte{base, ours, theirs} {
			name := fmt.Sprintf("blobs/%d.%d", i, side)
			writeFile(t, dir, name, text)
			paths.WriteString(name + "\n")
		}
	}
	ids := strings.Fields(string(feed(t, dir, paths.String(), "git", "hash-object", "-w", "--stdin-paths", "--no-filters")))
	var index strings.Builder
	for i := range n {
		for side := range 3 {
			fmt.Fprintf(&index, "100644 %s %d\tm%d\n", ids[3*i+side], side+1, i)
		}
	}
	feed(t, dir, index.String(), "git", "update-index", "--index-info")
	run(t, dir, "", "git", "checkout", "-q", "--merge", "--", ".")
	for i := range n {
		base, ours, theirs := triple(uint64(from + i))
		git, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("m%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		got, conflicts := Merge(base, ours, theirs, MergeOptions{Style: style, Ours: "ours", Base: "base", Theirs: "theirs"})
		if !bytes.Equal(got, git) {
			t.Fatalf("case %d:\n--- base\n%s\n--- ours\n%s\n--- theirs\n%s\n--- merged\n%s\n--- git\n%s", from+i, base, ours, theirs, got, git)
		}
		cases++
		if conflicts > 0 {
			conflicted++
		}
	}
	return cases, conflicted
}

func feed(t *testing.T, dir, input, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

// TestMergeFile compares with `git merge-file`, a process for each case, also where a side is favoured.
func TestMergeFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process for each case takes too long")
	}
	need(t, "git")
	cases := 400
	if prove() {
		cases = 10000
	}
	dir := t.TempDir()
	flags := []struct {
		args []string
		MergeOptions
	}{
		{nil, MergeOptions{}},
		{[]string{"--diff3"}, MergeOptions{Style: StyleDiff3}},
		{[]string{"--ours"}, MergeOptions{Favour: FavourOurs}},
		{[]string{"--theirs"}, MergeOptions{Favour: FavourTheirs}},
		{[]string{"--marker-size=11"}, MergeOptions{MarkerSize: 11}},
	}
	for i := range cases {
		base, ours, theirs := triple(uint64(1<<32 + i))
		writeFile(t, dir, "base", base)
		writeFile(t, dir, "ours", ours)
		writeFile(t, dir, "theirs", theirs)
		f := flags[i%len(flags)]
		f.Ours, f.Base, f.Theirs, f.JoinAcrossSigns = "o", "b", "t", true
		args := append([]string{"merge-file", "-p", "-L", "o", "-L", "b", "-L", "t"}, f.args...)
		cmd := exec.Command("git", append(args, "ours", "base", "theirs")...)
		cmd.Dir = dir
		git, err := cmd.Output()
		code := cmd.ProcessState.ExitCode()
		got, conflicts := Merge(base, ours, theirs, f.MergeOptions)
		if !bytes.Equal(got, git) || min(conflicts, 127) != code {
			t.Fatalf("case %d %v: %d conflicts, git %d (%v)\n--- base\n%s\n--- ours\n%s\n--- theirs\n%s\n--- merged\n%s\n--- git\n%s", i, f.args, conflicts, code, err, base, ours, theirs, got, git)
		}
	}
	t.Logf("proof row 18: %d merges of files, 0 differences", cases)
}
