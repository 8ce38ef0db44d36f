package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"evault/internal/vfs"
	"evault/objects"
)

// lookAt opens the root and looks at one name in it.
func (b *workbench) lookAt(name string) (vfs.Dir, vfs.Stat) {
	b.t.Helper()
	dir, err := b.root.OpenDir("")
	check(b.t, err)
	b.t.Cleanup(func() { check(b.t, dir.Close()) })
	var st vfs.Stat
	check(b.t, dir.Lstat(name, &st))
	return dir, st
}

// Get gives a stored object, so that a workbench is an objects.Source.
func (b *workbench) Get(_ context.Context, id objects.ID, _ objects.Kind) ([]byte, error) {
	data, ok := b.stored[id]
	if !ok {
		return nil, fmt.Errorf("no object %v", id)
	}
	return data, nil
}

// bytesOf puts a content together again.
func (b *workbench) bytesOf(c objects.Content, size uint64) []byte {
	b.t.Helper()
	if c.Kind == objects.ContentInline {
		return c.Inline
	}
	var data []byte
	check(b.t, objects.Extents(context.Background(), b, c, size, func(x objects.Extent) error {
		if x.Hole {
			data = append(data, make([]byte, x.Length)...)
		} else {
			data = append(data, b.stored[x.ID]...)
		}
		return nil
	}))
	return data
}

// pattern is bytes with runs of zeros among them.
func pattern(rng *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := 0; i < n; {
		run := 1 + rng.IntN(max(n/2, 1))
		if rng.IntN(3) > 0 {
			for j := i; j < min(i+run, n); j++ {
				data[j] = byte(rng.Uint32())
			}
		}
		i += run
	}
	return data
}

// A content depends on the bytes only: not on how the file is read, nor on where it has holes.
func TestContentIsThatOfTheBytes(t *testing.T) {
	b, dir := realWorkbench(t)
	rng := rand.New(rand.NewPCG(3, 4))
	sizes := []int{0, 1, 63, 64, 65, 4096, 64 << 10, 200_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3 << 20, 5<<20 + 17, 9 << 20}
	for i, size := range sizes {
		data := pattern(rng, size)
		if i%4 == 3 {
			clear(data[size/3:])
		}
		name := fmt.Sprint("f", i)
		check(t, os.WriteFile(dir+"/"+name, data, 0o644))
		sparse := sparseCopy(t, dir+"/sparse"+name, data)
		reader := NewFileReader(b.chunker, new(Owners), b)
		var entries [2]objects.Entry
		for j, n := range []string{name, "sparse" + name} {
			d, st := b.lookAt(n)
			check(t, reader.Read(d, n, &st, &entries[j]))
			if got := b.bytesOf(entries[j].Content, uint64(size)); !bytes.Equal(got, data) {
				t.Fatalf("%s: %d bytes came back of %d, or others", n, len(got), size)
			}
		}
		if !entries[0].Content.Equal(&entries[1].Content) {
			t.Errorf("size %d: the content depends on the holes", size)
		}
		if entries[1].Sparse != sparse {
			t.Errorf("size %d: sparse is %v, want %v", size, entries[1].Sparse, sparse)
		}
		if size > 0 && size <= SmallFile {
			var c objects.Content
			check(t, reader.Bytes(data, &c))
			if !c.Equal(&entries[0].Content) {
				t.Errorf("size %d: Bytes gives another content", size)
			}
		}
	}
}

// sparseCopy writes data without its zero blocks, and tells whether that saved room.
func sparseCopy(t *testing.T, path string, data []byte) bool {
	f, err := os.Create(path)
	check(t, err)
	const block = 64 << 10
	for i := 0; i < len(data); i += block {
		part := data[i:min(i+block, len(data))]
		if !objects.IsZero(part) {
			_, err := f.WriteAt(part, int64(i))
			check(t, err)
		}
	}
	check(t, f.Truncate(int64(len(data))))
	check(t, f.Close())
	up, name := splitPath(path)
	root, err := vfs.Open(up)
	check(t, err)
	st, err := root.LstatStat(name)
	check(t, errors.Join(err, root.Close()))
	return st.Blocks*512 < st.Size
}

// A hole of a terabyte is not read.
func TestHugeHoleCostsNothing(t *testing.T) {
	b, dir := realWorkbench(t)
	f, err := os.Create(dir + "/f")
	check(t, err)
	_, err = f.WriteAt([]byte("here"), 1<<39)
	check(t, err)
	if err := f.Truncate(1 << 40); err != nil {
		t.Skipf("the file system has no files of a terabyte: %v", err)
	}
	check(t, f.Close())
	d, st := b.lookAt("f")
	var total uint64
	chunks := 0
	check(t, StreamFile(d, "f", &st, b.chunker, func(chunk []byte, hole bool, n uint64) error {
		total += n
		if !hole {
			chunks++
		}
		return nil
	}))
	if total != 1<<40 || chunks != 1 {
		t.Errorf("%d bytes, %d chunks", total, chunks)
	}
}

// What changes between lstat and the last read is told.
func TestChangeWhileReadingIsTold(t *testing.T) {
	b, dir := realWorkbench(t)
	changes := map[string]func(path string) error{
		"written":   func(p string) error { return os.WriteFile(p, []byte("later"), 0o644) },
		"appended":  func(p string) error { return appendTo(p, "x") },
		"truncated": func(p string) error { return os.Truncate(p, 1) },
		"replaced": func(p string) error {
			return errors.Join(os.WriteFile(p+".new", []byte("first"), 0o644), os.Rename(p+".new", p))
		},
		"chmod": func(p string) error { return os.Chmod(p, 0o600) },
	}
	for what, change := range changes {
		path := dir + "/" + what
		check(t, os.WriteFile(path, []byte("first"), 0o644))
		d, st := b.lookAt(what)
		b.settle() // else the ctime may stay the same: then the index takes the entry as racy
		check(t, change(path))
		if _, _, err := ReadSmall(d, what, &st, nil); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: ReadSmall: %v", what, err)
		}
		if err := StreamFile(d, what, &st, b.chunker, func([]byte, bool, uint64) error { return nil }); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: StreamFile: %v", what, err)
		}
	}
	check(t, os.Symlink("written", dir+"/link"))
	d, st := b.lookAt("written")
	if _, _, err := ReadSmall(d, "link", &st, nil); err == nil {
		t.Error("a link was followed")
	}
}

func appendTo(path, data string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(data)
	return errors.Join(err, f.Close())
}

func TestReadSmallUsesItsBuffer(t *testing.T) {
	b, dir := realWorkbench(t)
	data := bytes.Repeat([]byte("abc"), 1000)
	check(t, os.WriteFile(dir+"/f", data, 0o644))
	d, st := b.lookAt("f")
	buf := make([]byte, 10_000)
	got, after, err := ReadSmall(d, "f", &st, buf)
	check(t, err)
	if !bytes.Equal(got, data) || &got[0] != &buf[0] || after.Size != 3000 {
		t.Error("not the file's bytes, or not in the buffer")
	}
	allocs := testing.AllocsPerRun(50, func() {
		if _, _, err := ReadSmall(d, "f", &st, buf); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 4 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestMetaIsComplete(t *testing.T) {
	b, dir := realWorkbench(t)
	write(t, dir, "f", "x")
	check(t, os.Symlink("to/somewhere", dir+"/link"))
	check(t, os.Mkdir(dir+"/d", 0o1777))
	d, st := b.lookAt("f")
	check(t, d.Chmod("f", 0o4751))
	attrs := d.SetXattr("f", "user.b", []byte("2")) == nil && d.SetXattr("f", "user.a", nil) == nil
	check(t, d.Lstat("f", &st))
	owners := new(Owners)
	var e objects.Entry
	check(t, ReadMeta(d, "f", &st, owners, &e))
	if e.Type != objects.TypeFile || e.Mode != 0o4751 || e.Size != 1 || e.UID != st.UID || e.User != owners.User(st.UID) ||
		e.Mtime != (objects.Time{Sec: st.Mtime.Sec, Nsec: st.Mtime.Nsec}) {
		t.Errorf("%+v", e)
	}
	if attrs && (len(e.Xattrs) < 2 || e.Xattrs[len(e.Xattrs)-2].Name != "user.a" || string(e.Xattrs[len(e.Xattrs)-1].Value) != "2") {
		t.Errorf("attributes %v", e.Xattrs)
	}
	check(t, d.Lstat("link", &st))
	check(t, ReadMeta(d, "link", &st, owners, &e))
	if e.Type != objects.TypeSymlink || e.Target != "to/somewhere" || len(e.Xattrs) != 0 || e.Size != 0 {
		t.Errorf("%+v", e)
	}
	if _, err := objects.AppendEntry(nil, &e); err != nil {
		t.Error(err)
	}
	if os.Getuid() == 0 && owners.User(0) != "root" {
		t.Errorf("user 0 is %q", owners.User(0))
	}
	if name := owners.User(4_000_000_001); name != "" {
		t.Errorf("a user that is not there is %q", name)
	}
}

func TestLinksGetOneNumber(t *testing.T) {
	var l Links
	one := vfs.Stat{Type: vfs.Regular, Dev: 1, Ino: 5, Nlink: 2}
	other := vfs.Stat{Type: vfs.Regular, Dev: 1, Ino: 6, Nlink: 2}
	alone := vfs.Stat{Type: vfs.Regular, Dev: 1, Ino: 7, Nlink: 1}
	dir := vfs.Stat{Type: vfs.Directory, Dev: 1, Ino: 8, Nlink: 9}
	g := l.Group(&one, "a")
	if g == 0 || l.Group(&one, "b") != g || l.Group(&other, "c") == g || l.Group(&alone, "d") != 0 || l.Group(&dir, "e") != 0 {
		t.Error("wrong numbers")
	}
	var again Links
	if again.Group(&one, "a") != g {
		t.Error("the number is not stable")
	}
	var seeded Links
	seeded.Seed(1, 5, 77)
	seeded.Seed(1, 5, 78)
	if seeded.Group(&one, "a") != 77 {
		t.Error("a recorded number was not kept")
	}
}
