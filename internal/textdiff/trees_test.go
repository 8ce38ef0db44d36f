package textdiff

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTrees compares with git on two real trees, say two versions of the Linux kernel: EVAULT_TREES=/path/one:/path/two. What is
// printed must make one of the other by patch, and be as small as git's.
func TestTrees(t *testing.T) {
	one, two, ok := strings.Cut(os.Getenv("EVAULT_TREES"), ":")
	if !ok {
		t.Skip("needs two large trees: EVAULT_TREES=/path/one:/path/two")
	}
	need(t, "git")
	need(t, "patch")
	dir := t.TempDir()
	var names []string
	var before, after [][]byte
	err := filepath.WalkDir(one, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(one, p)
		if err != nil {
			return err
		}
		a, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(two, rel))
		if err != nil || bytes.Equal(a, b) || IsBinary(a) || IsBinary(b) || len(b) == 0 {
			return nil // only what both trees have
		}
		name := fmt.Sprintf("f%d", len(names))
		names, before, after = append(names, rel), append(before, a), append(after, b)
		writeFile(t, dir, "a", name, a)
		writeFile(t, dir, "b", name, b)
		writeFile(t, dir, "c", name, a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	patches := make([][]byte, len(names))
	for i := range names {
		la, lb := Lines(before[i]), Lines(after[i])
		var out bytes.Buffer
		fmt.Fprintf(&out, "--- a/f%d\n+++ b/f%d\n", i, i)
		if err := WriteUnified(&out, la, lb, Hunks(Diff(la, lb), len(la), len(lb), 3)); err != nil {
			t.Fatal(err)
		}
		patches[i] = out.Bytes()
	}
	ourTime := time.Since(start)
	start = time.Now()
	git := gitBodies(run(t, dir, "1", "git", "diff", "--no-index", "--no-color", "a", "b"))
	gitTime := time.Since(start)
	ours, gits, same := 0, 0, 0
	for i, p := range patches {
		text := body(p)
		theirs := git[fmt.Sprintf("f%d", i)]
		ours, gits = ours+len(text), gits+len(theirs)
		if text == theirs {
			same++
		}
	}
	writeFile(t, dir, "patch", bytes.Join(patches, nil))
	run(t, filepath.Join(dir, "c"), "", "patch", "-p1", "-s", "--binary", "-i", "../patch")
	for i, b := range after {
		if got, err := os.ReadFile(filepath.Join(dir, "c", fmt.Sprintf("f%d", i))); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: patch makes something else of it (%v)", names[i], err)
		}
	}
	t.Logf("proof row 18: %d files of two trees, %d are git's byte for byte, size %.4f of git's; %v, git %v with reading", len(names), same, float64(ours)/float64(gits), ourTime, gitTime)
	if float64(ours) > 1.1*float64(gits) {
		t.Errorf("%d bytes, and git needs %d", ours, gits)
	}
}
