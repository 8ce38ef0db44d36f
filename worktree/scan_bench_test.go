package worktree

import (
	"context"
	"os"
	"testing"

	"evault/internal/vfs"
)

// benchTree is where the benchmarks find a large work tree. They never write to it.
func benchTree(b *testing.B) vfs.FS {
	dir := os.Getenv("EVAULT_BENCH_TREE")
	if dir == "" {
		b.Skip("EVAULT_BENCH_TREE names no folder to measure")
	}
	root, err := vfs.Open(dir)
	check(b, err)
	b.Cleanup(func() { check(b, root.Close()) })
	return root
}

func benchIndex(b *testing.B) *workbench {
	root := benchTree(b)
	local, err := vfs.Open(b.TempDir())
	check(b, err)
	w := newWorkbench(b, root, local)
	w.stored = nil
	w.commit()
	return w
}

// BenchmarkStatus is status with nothing changed: load the index, look at every file.
func BenchmarkStatus(b *testing.B) {
	w := benchIndex(b)
	for b.Loop() {
		o := StatusOptions{Scan: ScanOptions{Root: w.root, Index: w.index(), Untracked: UntrackedNormal}, NewHash: w.hash, Chunker: w.chunker}
		res, err := Status(context.Background(), o)
		check(b, err)
		if len(res.Changes) != 0 {
			b.Fatal(res.Changes[:1])
		}
	}
}

// BenchmarkLoadIndex is the part of it that decrypts and checks the index.
func BenchmarkLoadIndex(b *testing.B) {
	w := benchIndex(b)
	st, err := w.local.LstatStat(testIndex)
	check(b, err)
	b.SetBytes(st.Size)
	b.ReportMetric(float64(st.Size), "index-bytes")
	for b.Loop() {
		w.index()
	}
}

// BenchmarkScanNew is the scan of a first commit: everything is listed and looked at, nothing is known.
func BenchmarkScanNew(b *testing.B) {
	root := benchTree(b)
	for b.Loop() {
		s := NewScanner(context.Background(), ScanOptions{Root: root, TrackNew: true})
		n := walk(b, s, "")
		check(b, s.Close())
		b.ReportMetric(float64(n), "names")
	}
}

func walk(t testing.TB, s *Scanner, path string) (names int) {
	d, err := s.Dir(path)
	check(t, err)
	for {
		names += len(d.Items)
		for i := range d.Items {
			if d.Items[i].Descend {
				names += walk(t, s, joinPath(path, d.Items[i].Name))
			}
		}
		if d.Last {
			break
		}
		check(t, s.More(d))
	}
	d.Release()
	return names
}

// BenchmarkReadFiles is the reading half of a first commit on one processor: open, read, attributes, chunk, hash.
func BenchmarkReadFiles(b *testing.B) {
	root := benchTree(b)
	local, err := vfs.Open(b.TempDir())
	check(b, err)
	w := newWorkbench(b, root, local)
	w.stored = nil
	for b.Loop() {
		w.commit()
	}
}
