package worktree

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"evault/internal/vfs"
	"evault/objects"
)

// BenchmarkRestore restores a tree to memory: that of the directory EVAULT_BENCH_TREE, else many small files. The source
// is a map, so that what is measured is the writing alone.
func BenchmarkRestore(b *testing.B) {
	s := newStore(b)
	var ref objects.TreeRef
	if dir := os.Getenv("EVAULT_BENCH_TREE"); dir != "" {
		ref = s.load(b, dir)
	} else {
		var dirs []objects.Entry
		for i := range 64 {
			var files []objects.Entry
			for k := range 32 {
				files = append(files, s.file(b, "f"+string(rune('0'+k)), strings.Repeat("some words ", 100*k)))
			}
			dirs = append(dirs, s.dir(b, "d"+string(rune('0'+i)), files...))
		}
		ref = s.tree(b, dirs...)
	}
	base := os.Getenv("EVAULT_BENCH_TARGET")
	if base == "" {
		base = b.TempDir()
	}
	fast := &unclonedStore{s}
	b.ReportMetric(float64(ref.Entries), "entries")
	b.SetBytes(int64(ref.Bytes))
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		target, err := os.MkdirTemp(base, "restore")
		if err != nil {
			b.Fatal(err)
		}
		root, err := vfs.Open(target)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := Restore(context.Background(), fast, ref.ID, nil, RestoreOptions{Root: root, Written: func(string, *objects.Entry, StatKey) {}}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := errors.Join(root.Close(), os.RemoveAll(target)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// unclonedStore lends what it holds.
type unclonedStore struct{ *store }

func (s *unclonedStore) View(ctx context.Context, id objects.ID, kind objects.Kind, use func(data []byte) error) error {
	data, err := s.Get(ctx, id, kind)
	if err != nil {
		return err
	}
	return use(data)
}

// load stores a directory of the disk as a commit would, as far as a restore is concerned.
func (s *store) load(t testing.TB, dir string) objects.TreeRef {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var entries []objects.Entry
	for _, d := range list {
		path := filepath.Join(dir, d.Name())
		info, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case d.IsDir():
			ref := s.load(t, path)
			entries = append(entries, objects.Entry{Name: d.Name(), Type: objects.TypeDirectory, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes})
		case info.Mode().Type() == os.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, link(d.Name(), target))
			continue
		default:
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, s.file(t, d.Name(), string(data)))
		}
		e := &entries[len(entries)-1]
		e.Mode = vfs.PermOf(info.Mode())
		at := vfs.TimeOf(info.ModTime())
		e.Mtime = objects.Time(at)
	}
	return s.tree(t, slices.Clip(entries)...)
}
