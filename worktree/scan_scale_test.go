package worktree

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestScaleMillionNames commits and compares a directory of a million empty files, and says what memory it took.
func TestScaleMillionNames(t *testing.T) {
	if os.Getenv("EVAULT_PROVE") == "" {
		t.Skip("a million files take a minute: EVAULT_PROVE=1 runs it")
	}
	b, dir := realWorkbench(t)
	b.stored = nil
	d, err := b.root.OpenDir("")
	check(t, err)
	const n = 1_000_000
	for i := range n {
		f, err := d.OpenFile(fmt.Sprintf("file-%07d", i), os.O_CREATE|os.O_WRONLY, 0o644)
		check(t, err)
		check(t, f.Close())
	}
	check(t, d.Close())
	b.settle()
	start := time.Now()
	b.commit()
	committed := time.Since(start)
	st, err := b.local.LstatStat(testIndex)
	check(t, err)
	start = time.Now()
	ix := b.index()
	loaded := time.Since(start)
	check(t, os.Remove(dir+"/file-0500000"))
	check(t, os.WriteFile(dir+"/file-0700000", []byte("x"), 0o644))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start = time.Now()
	wantLines(t, b.status(), "D file-0500000", "M file-0700000")
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(ix)
	t.Logf("%d names: commit %v, load %v, status %v; index %d MB, in use %d MB, from the system %d MB",
		n, committed, loaded, took, st.Size>>20, before.HeapInuse>>20, after.Sys>>20)
}

// A scan keeps no more directories open than are nested.
func TestScanKeepsFewDirectoriesOpen(t *testing.T) {
	b, dir := realWorkbench(t)
	for i := range 60 {
		for j := range 30 {
			check(t, os.MkdirAll(fmt.Sprintf("%s/d%d/e%d", dir, i, j), 0o755))
		}
	}
	before := openFiles(t)
	most := 0
	s := NewScanner(t.Context(), ScanOptions{Root: b.root, TrackNew: true, Workers: 2})
	var visit func(path string)
	visit = func(path string) {
		d, err := s.Dir(path)
		check(t, err)
		most = max(most, openFiles(t)-before)
		for i := range d.Items {
			visit(joinPath(path, d.Items[i].Name))
		}
		d.Release()
	}
	visit("")
	check(t, s.Close())
	if most > 100 {
		t.Errorf("%d directories open at once", most)
	}
}
