package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/objects"
)

// openRoot gives a new directory and its filesystem.
func openRoot(t testing.TB) (string, vfs.FS) {
	t.Helper()
	dir := t.TempDir()
	root, err := vfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return dir, root
}

// onDisk lists what is below dir, in the form of store.files; "->" before the target of a link, "/" after directories.
func onDisk(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := filepath.ToSlash(path[len(dir)+1:])
		switch {
		case d.IsDir():
			found[name+"/"] = ""
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			found[name] = "->" + target
			return err
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			found[name] = string(data)
			return err
		default:
			found[name] = d.Type().String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantDisk compares what is below dir with files; directories that hold something need not be named.
func wantDisk(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	want := make(map[string]string)
	for path, data := range files {
		want[path] = data
		for i, c := range path {
			if c == '/' {
				want[path[:i+1]] = ""
			}
		}
	}
	got := onDisk(t, dir)
	for path, data := range want {
		if has, ok := got[path]; !ok || has != data {
			t.Errorf("%q: there %v, content %.40q, want %.40q", path, ok, has, data)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%q should not be there", path)
		}
	}
}

func mustRestore(t testing.TB, s *store, tree objects.TreeRef, sel Selection, o RestoreOptions) RestoreResult {
	t.Helper()
	res, err := Restore(context.Background(), s, tree.ID, sel, o)
	if err != nil {
		t.Fatalf("restore: %v %v", err, res.Problems)
	}
	return res
}

var example = map[string]string{
	"README":            "hello",
	"empty":             "",
	"src/main.go":       "package main\n",
	"src/deep/er/x.bin": strings.Repeat("0123456789abcdef", 10_000),
	"src/link":          "->main.go",
	"nothing/":          "",
	"odd/\xff\n name":   "bytes",
	"dangling":          "->/no/where",
}

func TestRestoreWritesTheTree(t *testing.T) {
	s, tree := newStore(t), objects.TreeRef{}
	tree = s.files(t, example)
	dir, root := openRoot(t)
	res := mustRestore(t, s, tree, nil, RestoreOptions{Root: root})
	wantDisk(t, dir, example)
	if res.Files != 5 || res.Symlinks != 2 || res.Directories != 5 || len(res.Notes) != 0 {
		t.Errorf("result %+v", res)
	}
	for _, name := range []string{"README", "src", "src/deep/er/x.bin", "nothing"} {
		st, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !st.ModTime().Equal(time.Unix(someTime.Sec, int64(someTime.Nsec))) {
			t.Errorf("%q: time %v", name, st.ModTime())
		}
		want := fs.FileMode(0o644)
		if st.IsDir() {
			want = 0o755
		}
		if st.Mode().Perm() != want {
			t.Errorf("%q: mode %v", name, st.Mode())
		}
	}
}

func TestRestoreReportsFinalKeys(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, example)
	_, root := openRoot(t)
	keys := make(map[string]StatKey)
	mustRestore(t, s, tree, nil, RestoreOptions{Root: root, Written: func(dir string, e *objects.Entry, key StatKey) {
		keys[joinPath(dir, e.Name)] = key
	}})
	if len(keys) != int(tree.Entries) {
		t.Errorf("%d keys of %d entries", len(keys), tree.Entries)
	}
	for path, key := range keys {
		st, err := root.LstatStat(path)
		if err != nil {
			t.Fatal(err)
		}
		if key != KeyOf(&st) {
			t.Errorf("%q: key %+v, is %+v", path, key, KeyOf(&st))
		}
	}
}

func TestRestoreSelection(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, example)
	dir, root := openRoot(t)
	mustRestore(t, s, tree, Selection{"src/deep", "README", "src/deep/er"}, RestoreOptions{Root: root})
	wantDisk(t, dir, map[string]string{"README": example["README"], "src/deep/er/x.bin": example["src/deep/er/x.bin"]})

	_, err := Restore(context.Background(), s, tree.ID, Selection{"README", "src/no"}, RestoreOptions{Root: root})
	if !errors.Is(err, objects.ErrNoPath) || !errors.Is(err, ErrIncomplete) {
		t.Errorf("a path that is not there: %v", err)
	}
	for _, bad := range []string{"../x", "a/../b", "/etc", ".evault/x", "a//b"} {
		if _, err := Restore(context.Background(), s, tree.ID, Selection{bad}, RestoreOptions{Root: root}); err == nil {
			t.Errorf("selection %q was accepted", bad)
		}
	}
}

func TestRestoreKeepsWhatIsNotInTheTree(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, map[string]string{"a/x": "new", "b": "file", "c/y": "1", "d": "2", "e": "->x"})
	dir, root := openRoot(t)
	put(t, dir, map[string]string{"a/x": "old", "a/mine": "keep", "b/mine": "keep", "c": "->a", "d/": "", "e": "old"})
	res, err := Restore(context.Background(), s, tree.ID, nil, RestoreOptions{Root: root})
	if !errors.Is(err, ErrInTheWay) || res.ProblemCount != 1 || res.Problems[0].Path != "b" {
		t.Errorf("a full directory in the way: %v %v", err, res.Problems)
	}
	wantDisk(t, dir, map[string]string{"a/x": "new", "a/mine": "keep", "b/mine": "keep", "c/y": "1", "d": "2", "e": "->x"})
}

// put makes files on disk, in the form of store.files.
func put(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for path, data := range files {
		name := filepath.Join(dir, path)
		parent := filepath.Dir(name)
		if strings.HasSuffix(path, "/") {
			parent = name
		}
		err := os.MkdirAll(parent, 0o755)
		if target, ok := strings.CutPrefix(data, "->"); ok {
			err = errors.Join(err, os.Symlink(target, name))
		} else if parent != name {
			err = errors.Join(err, os.WriteFile(name, []byte(data), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestoreLargeAndSparse(t *testing.T) {
	s := newStore(t)
	random := rand.New(rand.NewPCG(1, 2))
	large := make([]byte, 24<<20)
	for i := 5 << 20; i < 19<<20; i += 8 {
		for k, v := 0, random.Uint64(); k < 8; k, v = k+1, v>>8 {
			large[i+k] = byte(v)
		}
	}
	part := append(make([]byte, 100_000), "end"...)
	entries := []objects.Entry{s.file(t, "large", string(large)), s.file(t, "sparse", string(large)),
		s.file(t, "part", string(part)), s.file(t, "zeros", string(make([]byte, 2<<20)))}
	entries[1].Sparse, entries[2].Sparse, entries[3].Sparse = true, true, true
	dir, root := openRoot(t)
	mustRestore(t, s, s.tree(t, entries...), nil, RestoreOptions{Root: root})
	for _, f := range []struct {
		name   string
		data   []byte
		sparse bool
	}{{"large", large, false}, {"sparse", large, true}, {"part", part, true}, {"zeros", make([]byte, 2<<20), true}} {
		got, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil || !bytes.Equal(got, f.data) {
			t.Errorf("%s: %d bytes differ: %v", f.name, len(got), err)
		}
		st, err := root.LstatStat(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if st.Blocks >= 0 && hasHoles(&st) != f.sparse {
			t.Errorf("%s: %d blocks for %d bytes, want holes %v", f.name, st.Blocks, st.Size, f.sparse)
		}
	}
}

func TestRestoreHardLinks(t *testing.T) {
	s := newStore(t)
	a, b, c, other := s.file(t, "a", "same"), s.file(t, "b", "same"), s.file(t, "c", "same"), s.file(t, "other", "not the same")
	la, lb := link("la", "a"), link("lb", "a")
	for _, e := range []*objects.Entry{&a, &b, &c, &other} {
		e.LinkGroup = 7
	}
	la.LinkGroup, lb.LinkGroup = 8, 8
	tree := s.tree(t, s.dir(t, "d1", a, la), s.dir(t, "d2", b, lb), c, other)
	dir, root := openRoot(t)
	for range 2 { // the second time over what is there
		res := mustRestore(t, s, tree, nil, RestoreOptions{Root: root})
		if res.Hardlinks != 3 {
			t.Errorf("%d hard links, want 3", res.Hardlinks)
		}
		wantDisk(t, dir, map[string]string{"c": "same", "other": "not the same", "d1/a": "same", "d2/b": "same", "d1/la": "->a", "d2/lb": "->a"})
		if !sameInode(t, root, "c", "d1/a") || !sameInode(t, root, "c", "d2/b") || !sameInode(t, root, "d1/la", "d2/lb") || sameInode(t, root, "c", "other") {
			t.Error("the wrong names share a file")
		}
	}
}

func sameInode(t *testing.T, root vfs.FS, a, b string) bool {
	t.Helper()
	x, err := root.LstatStat(a)
	y, err2 := root.LstatStat(b)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return x.Ino == y.Ino
}

func TestRestoreSkipsWhatIsTheSame(t *testing.T) {
	s := newStore(t)
	files := map[string]string{"a": strings.Repeat("a", 2000), "b/c": strings.Repeat("c", 3<<20), "d": "tiny", "e": ""}
	tree := s.files(t, files)
	dir, root := openRoot(t)
	o := RestoreOptions{Root: root, SkipSame: true, NewHasher: s.vault.NewHasher}
	mustRestore(t, s, tree, nil, o)
	if err := os.Chmod(filepath.Join(dir, "d"), 0o600); err != nil {
		t.Fatal(err)
	}
	var read atomic.Int64
	s.view = func(objects.ID) error { read.Add(1); return nil }
	if res := mustRestore(t, s, tree, nil, o); res.Same != 4 || read.Load() != 0 {
		t.Errorf("%d same, %d chunks read", res.Same, read.Load())
	}
	if st, err := root.LstatStat("d"); err != nil || st.Perm != 0o644 {
		t.Errorf("the mode of a file with the same content was not put right: %o %v", st.Perm, err)
	}
	// Same size and time, other content.
	put(t, dir, map[string]string{"a": strings.Repeat("b", 2000)})
	when := time.Unix(someTime.Sec, int64(someTime.Nsec))
	if err := os.Chtimes(filepath.Join(dir, "a"), when, when); err != nil {
		t.Fatal(err)
	}
	if res := mustRestore(t, s, tree, nil, o); res.Same != 3 {
		t.Errorf("%d same, want 3", res.Same)
	}
	wantDisk(t, dir, files)
}

// A file that has another name elsewhere is not touched in place: its mode would change there too.
func TestRestoreDoesNotReachThroughHardLinks(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, map[string]string{"a": "content"})
	outside, _ := openRoot(t)
	dir, root := openRoot(t)
	name := filepath.Join(outside, "theirs")
	when := time.Unix(someTime.Sec, int64(someTime.Nsec))
	err := errors.Join(os.WriteFile(name, []byte("content"), 0o600), os.Chtimes(name, when, when), os.Link(name, filepath.Join(dir, "a")))
	if err != nil {
		t.Fatal(err)
	}
	mustRestore(t, s, tree, nil, RestoreOptions{Root: root, SkipSame: true, NewHasher: s.vault.NewHasher})
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("outside file: %v %v", st.Mode(), err)
	}
}

func TestRestoreGoesOnAfterDamage(t *testing.T) {
	s := newStore(t)
	lost := s.file(t, "lost", strings.Repeat("x", 1000))
	delete(s.held, lost.Content.ID)
	noTree := s.dir(t, "no-tree", s.file(t, "f", "g"))
	delete(s.held, noTree.Tree)
	tree := s.tree(t, s.file(t, "a", "1"), lost, noTree, s.dir(t, "z", s.file(t, "y", "2")))
	dir, root := openRoot(t)
	res, err := Restore(context.Background(), s, tree.ID, nil, RestoreOptions{Root: root})
	if !errors.Is(err, ErrIncomplete) || res.ProblemCount != 2 {
		t.Fatalf("%v %v", err, res.Problems)
	}
	for _, p := range res.Problems {
		if !errors.Is(p.Err, objects.ErrNotFound) || p.Path != "lost" && p.Path != "no-tree" {
			t.Errorf("problem %v", p)
		}
	}
	wantDisk(t, dir, map[string]string{"a": "1", "z/y": "2", "no-tree/": ""})
}

func TestRestoreCancelledLeavesNoTemporaries(t *testing.T) {
	s := newStore(t)
	files := make(map[string]string)
	for i := range 300 {
		files[fmt.Sprintf("d%d/f%d", i%7, i)] = strings.Repeat("x", 100+i)
	}
	tree := s.files(t, files)
	ctx, cancel := context.WithCancel(context.Background())
	var n atomic.Int64
	s.view = func(objects.ID) error {
		if n.Add(1) == 40 {
			cancel()
		}
		return nil
	}
	dir, root := openRoot(t)
	if _, err := Restore(ctx, s, tree.ID, nil, RestoreOptions{Root: root}); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled restore: %v", err)
	}
	for path, data := range onDisk(t, dir) {
		if strings.Contains(path, tempPrefix) || !strings.HasSuffix(path, "/") && data != files[path] {
			t.Errorf("%q was left behind", path)
		}
	}
	s.view = nil
	mustRestore(t, s, tree, nil, RestoreOptions{Root: root})
	wantDisk(t, dir, files)
}

func TestRestoreSweepsAfterAKilledRun(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, map[string]string{"a/b": "1"})
	dir, root := openRoot(t)
	stale := tempPrefix + "0123456789abcdef-1f"
	put(t, dir, map[string]string{stale: "half", "a/" + stale: "half", "a/" + tempPrefix + "notes": "mine"})
	mustRestore(t, s, tree, nil, RestoreOptions{Root: root})
	wantDisk(t, dir, map[string]string{"a/b": "1", "a/" + tempPrefix + "notes": "mine"})
}

func TestRestoreReadOnlyDirectories(t *testing.T) {
	s := newStore(t)
	d := s.dir(t, "ro", s.file(t, "a", "1"), link("l", "a"), s.dir(t, "sub", s.file(t, "b", "2")))
	d.Mode = 0o555
	tree := s.tree(t, d)
	dir, root := openRoot(t)
	for range 2 {
		mustRestore(t, s, tree, nil, RestoreOptions{Root: root})
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "ro"), 0o755) })
	if st, err := root.LstatStat("ro"); err != nil || st.Perm != 0o555 {
		t.Errorf("mode %o %v", st.Perm, err)
	}
	wantDisk(t, dir, map[string]string{"ro/a": "1", "ro/l": "->a", "ro/sub/b": "2"})
}

// A directory that is only passed keeps its own mode.
func TestRestoreBelowAReadOnlyDirectory(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, map[string]string{"ro/a": "1", "ro/b": "2"})
	dir, root := openRoot(t)
	put(t, dir, map[string]string{"ro/mine": "keep"})
	ro := filepath.Join(dir, "ro")
	if err := os.Chmod(ro, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(ro, 0o755) })
	mustRestore(t, s, tree, Selection{"ro/a"}, RestoreOptions{Root: root})
	if st, err := root.LstatStat("ro"); err != nil || st.Perm != 0o555 {
		t.Errorf("mode %o %v", st.Perm, err)
	}
	wantDisk(t, dir, map[string]string{"ro/a": "1", "ro/mine": "keep"})
}

func TestRestoreBudget(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, example)
	for _, b := range []Budget{{Entries: tree.Entries - 1}, {Bytes: tree.Bytes - 1}} {
		dir, root := openRoot(t)
		if _, err := Restore(context.Background(), s, tree.ID, nil, RestoreOptions{Root: root, Budget: b}); !errors.Is(err, ErrBudget) {
			t.Errorf("budget %+v: %v", b, err)
		}
		wantDisk(t, dir, nil)
	}
	_, root := openRoot(t)
	mustRestore(t, s, tree, nil, RestoreOptions{Root: root, Budget: Budget{tree.Entries, tree.Bytes}})
}

func TestRestoreDryRun(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, example)
	dir, root := openRoot(t)
	var planned []string
	res := mustRestore(t, s, tree, Selection{"src"}, RestoreOptions{Root: root, DryRun: true,
		Planned: func(path string, e *objects.Entry) { planned = append(planned, path) }})
	if got := strings.Join(planned, " "); got != "src src/deep src/deep/er src/deep/er/x.bin src/link src/main.go" || res.Files != 2 {
		t.Errorf("planned %s, result %+v", got, res)
	}
	wantDisk(t, dir, nil)
}

// A rehearsal lists what would change, and nothing else.
func TestRestoreDryRunOverFiles(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, example)
	dir, root := openRoot(t)
	options := RestoreOptions{Root: root, SkipSame: true, NewHasher: s.vault.NewHasher}
	mustRestore(t, s, tree, nil, options)
	var planned []string
	options.DryRun = true
	options.Planned = func(path string, e *objects.Entry) { planned = append(planned, path) }
	res := mustRestore(t, s, tree, nil, options)
	if len(planned) > 0 || res.Same != res.Files {
		t.Errorf("over what is there already: planned %s, result %+v", planned, res)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "src/main.go"), []byte("changed"), 0o644),
		os.Remove(filepath.Join(dir, "src/link")),
		os.RemoveAll(filepath.Join(dir, "src/deep/er")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	mustRestore(t, s, tree, nil, options)
	if got := strings.Join(planned, " "); got != "src/deep/er src/deep/er/x.bin src/link src/main.go" {
		t.Errorf("planned %s", got)
	}
}

func TestRestoreFoldedNames(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, map[string]string{"d/Name": "1", "d/name": "2", "other": "3"})
	dir, root := openRoot(t)
	_, err := Restore(context.Background(), s, tree.ID, nil, RestoreOptions{Root: root, FoldNames: true})
	var c *CollisionError
	if !errors.As(err, &c) || len(c.Paths) != 1 || c.Paths[0] != "d/name" {
		t.Errorf("names that fold together: %v", err)
	}
	wantDisk(t, dir, nil)
}

func TestRestoreSpecials(t *testing.T) {
	s := newStore(t)
	fifo := objects.Entry{Name: "fifo", Type: objects.TypeFifo, Mode: 0o640, Mtime: someTime}
	null := objects.Entry{Name: "null", Type: objects.TypeCharDevice, Mode: 0o666, Mtime: someTime, Major: 1, Minor: 3}
	suid := s.file(t, "suid", "#!")
	suid.Mode = 0o6755
	tree := s.tree(t, fifo, null, suid)
	dir, root := openRoot(t)
	res := mustRestore(t, s, tree, nil, RestoreOptions{Root: root})
	if len(res.Notes) != 1 || !errors.Is(res.Notes[0].Err, ErrLeftOut) {
		t.Errorf("notes %v", res.Notes)
	}
	if st, err := root.LstatStat("fifo"); err != nil || st.Type != vfs.Fifo || st.Perm != 0o640 {
		t.Errorf("fifo %+v %v", st, err)
	}
	if st, err := root.LstatStat("suid"); err != nil || st.Perm != 0o755 {
		t.Errorf("set-ID bits without an owner: %o %v", st.Perm, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "null")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a device was made unasked: %v", err)
	}
	if os.Geteuid() != 0 {
		return // only root may make devices and give files away
	}
	suid.UID, suid.GID = 12345, 54321
	owned := s.dir(t, "owned", suid)
	owned.UID = 777
	res, err := Restore(context.Background(), s, s.tree(t, owned, null).ID, nil, RestoreOptions{Root: root, Owners: true, Devices: true})
	if errors.Is(err, syscall.EPERM) {
		t.Logf("not allowed here: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err, res.Problems)
	}
	st, err := root.LstatStat("owned/suid")
	if err != nil || st.UID != 12345 || st.GID != 54321 || st.Perm != 0o6755 {
		t.Errorf("owner %d:%d mode %o %v", st.UID, st.GID, st.Perm, err)
	}
	if st, err := root.LstatStat("owned"); err != nil || st.UID != 777 {
		t.Errorf("directory's owner %d %v", st.UID, err)
	}
	if st, err := root.LstatStat("null"); err != nil || st.Type != vfs.CharDevice || st.Rdev != deviceNumber(1, 3) {
		t.Errorf("device %+v %v", st, err)
	}
}

func TestRestoreXattrs(t *testing.T) {
	s := newStore(t)
	f := s.file(t, "f", "x")
	f.Mode = 0o444
	f.Xattrs = []objects.Xattr{{Name: "user.colour", Value: []byte("blue")}}
	d := s.dir(t, "d", f)
	d.Xattrs = []objects.Xattr{{Name: "trusted.secret", Value: []byte("1")}, {Name: "user.kind", Value: []byte("box")}}
	dir, root := openRoot(t)
	res := mustRestore(t, s, s.tree(t, d), nil, RestoreOptions{Root: root})
	up, err := root.OpenDir("")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	sub, err := up.OpenDir("d")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	value, err := sub.GetXattr("f", "user.colour")
	if err != nil && len(res.Notes) > 1 {
		t.Logf("%s has no extended attributes: %v", dir, res.Notes)
		return
	}
	kind, err2 := up.GetXattr("d", "user.kind")
	if err != nil || err2 != nil || string(value) != "blue" || string(kind) != "box" {
		t.Errorf("attributes %q %q %v %v", value, kind, err, err2)
	}
	if names, err := up.ListXattrs("d"); err != nil || strings.Contains(strings.Join(names, " "), "trusted.") || len(res.Notes) != 1 {
		t.Errorf("attributes %q of a directory, notes %v, %v", names, res.Notes, err)
	}
}

func someTimeAgo() time.Time { return time.Unix(1_500_000_000, 0) }
