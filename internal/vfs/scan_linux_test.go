package vfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"evault/internal/vfs"
)

// scan walks a tree as a commit does: names, then lstat of each.
func scan(d vfs.Dir, names []vfs.DirName, count *int) error {
	start := len(names)
	names, err := d.ReadNames(names)
	if err != nil {
		return err
	}
	var st vfs.Stat
	for i := start; i < len(names); i++ {
		if err := d.Lstat(names[i].Name, &st); err != nil {
			return err
		}
		*count++
		if st.Type != vfs.Directory {
			continue
		}
		sub, err := d.OpenDir(names[i].Name)
		if err != nil {
			return err
		}
		if err := scan(sub, names, count); err != nil {
			return err
		}
		if err := sub.Close(); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkScan lists and stats every name below EVAULT_BENCH_TREE, or below the Go toolchain.
func BenchmarkScan(b *testing.B) {
	tree := os.Getenv("EVAULT_BENCH_TREE")
	if tree == "" {
		tree = filepath.Join(goroot(b), "src")
	}
	fsys, err := vfs.Open(tree)
	if err != nil {
		b.Fatal(err)
	}
	defer fsys.Close()
	b.ReportAllocs()
	count := 0
	for b.Loop() {
		count = 0
		d, err := fsys.OpenDir(".")
		if err != nil {
			b.Fatal(err)
		}
		if err := scan(d, nil, &count); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
	b.ReportMetric(float64(count), "names")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/name")
}

func TestLstatDoesNotAllocate(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fsys, err := vfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	d, err := fsys.OpenDir(".")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var st vfs.Stat
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Lstat("a", &st); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("lstat allocates %v times", n)
	}
}
