package worktree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"

	"pgregory.net/rapid"
)

func memWorkbench(t testing.TB) *workbench {
	return newWorkbench(t, memfs.New(memfs.Options{}), memfs.New(memfs.Options{}))
}

// modelDir is what a directory in the index should give back.
type modelDir struct {
	dir     IndexDir
	entries []IndexEntry
}

var longAgo = vfs.Time{Sec: 1_000_000}

func (b *workbench) writeIndex(dirs []modelDir) {
	b.t.Helper()
	w, err := NewIndexWriter(b.local, testIndex, b.sealer, vfs.Time{Sec: 2_000_000_000})
	check(b.t, err)
	for i := range dirs {
		d := &dirs[i]
		block := w.Block(d.dir.Path, d.dir.Key)
		block.Raw, block.Tree, block.Complete, block.Added, block.Removed = d.dir.Raw, d.dir.Tree, d.dir.Complete, d.dir.Added, d.dir.Removed
		for j := range d.entries {
			check(b.t, block.Add(&d.entries[j]))
		}
		check(b.t, w.WriteDir(block))
	}
	check(b.t, w.Commit())
}

func genKey(t *rapid.T) StatKey {
	if rapid.IntRange(0, 5).Draw(t, "nokey") == 0 {
		return StatKey{}
	}
	return StatKey{
		Type: vfs.Type(rapid.IntRange(1, 7).Draw(t, "type")), Perm: uint32(rapid.IntRange(0, 0o7777).Draw(t, "perm")),
		UID: uint32(rapid.IntRange(0, 2).Draw(t, "uid")), GID: rapid.Uint32().Draw(t, "gid"),
		Size:  rapid.Int64Range(0, 1<<62).Draw(t, "size"),
		Mtime: vfs.Time{Sec: rapid.Int64Range(-1e9, 1e9).Draw(t, "mtime"), Nsec: rapid.Uint32Range(0, 1e9-1).Draw(t, "ns")},
		Ctime: vfs.Time{Sec: rapid.Int64Range(0, 1e9).Draw(t, "ctime"), Nsec: rapid.Uint32Range(0, 1e9-1).Draw(t, "ns")},
		Dev:   uint64(rapid.IntRange(0, 1).Draw(t, "dev")), Ino: rapid.Uint64().Draw(t, "ino"),
	}
}

func genDirs(t *rapid.T) []modelDir {
	name := rapid.StringMatching(`[ -.0-~]{1,6}`)
	paths := map[string]bool{"": true}
	for range rapid.IntRange(0, 12).Draw(t, "dirs") {
		path := ""
		for range rapid.IntRange(1, 4).Draw(t, "depth") {
			path = joinPath(path, name.Draw(t, "dir"))
			paths[path] = true
		}
	}
	var dirs []modelDir
	for path := range paths {
		d := modelDir{dir: IndexDir{Path: path, Key: genKey(t)}}
		d.dir.Complete, d.dir.Removed = rapid.Bool().Draw(t, "complete"), rapid.Bool().Draw(t, "removed")
		if rapid.Bool().Draw(t, "tree") {
			d.dir.Tree = objects.TreeRef{ID: objects.ID{1, 2}, Entries: rapid.Uint64().Draw(t, "entries"), Bytes: 7}
			d.dir.Raw = []byte("raw of " + path)
		}
		names := rapid.SliceOfNDistinct(name, 0, 8, rapid.ID).Draw(t, "names")
		slices.Sort(names)
		for _, n := range names {
			e := IndexEntry{Name: n, Key: genKey(t), Racy: rapid.Bool().Draw(t, "racy")}
			if e.Added = rapid.Bool().Draw(t, "added"); !e.Added {
				e.Raw = []byte(strings.Repeat("r", rapid.IntRange(0, 300).Draw(t, "raw")))
				e.Removed = rapid.Bool().Draw(t, "removed")
			}
			d.entries = append(d.entries, e)
		}
		dirs = append(dirs, d)
	}
	return dirs
}

func sameEntry(a, b *IndexEntry) bool {
	return a.Name == b.Name && a.Key == b.Key && a.Racy == b.Racy && a.Added == b.Added && a.Removed == b.Removed &&
		(a.Raw == nil) == (b.Raw == nil) && string(a.Raw) == string(b.Raw)
}

func compareIndex(t rapid.TB, ix *Index, dirs []modelDir) {
	if ix.Len() != len(dirs) {
		t.Fatalf("%d directories, want %d", ix.Len(), len(dirs))
	}
	for _, want := range dirs {
		d, ok := ix.Dir(want.dir.Path)
		if !ok || d.Key != want.dir.Key || d.Tree != want.dir.Tree || string(d.Raw) != string(want.dir.Raw) ||
			d.Complete != want.dir.Complete || d.Removed != want.dir.Removed || d.Added != want.dir.Added {
			t.Fatalf("directory %q: %+v, want %+v", want.dir.Path, d, want.dir)
		}
		i := 0
		d.Each(func(e *IndexEntry) bool {
			if i >= len(want.entries) || !sameEntry(e, &want.entries[i]) {
				t.Fatalf("%q: entry %d is %+v", want.dir.Path, i, e)
			}
			i++
			return true
		})
		if i != len(want.entries) {
			t.Fatalf("%q: %d entries, want %d", want.dir.Path, i, len(want.entries))
		}
		for j := 0; j < len(want.entries); j += 1 + len(want.entries)/200 {
			if e, ok := d.Find(want.entries[j].Name); !ok || !sameEntry(&e, &want.entries[j]) {
				t.Fatalf("%q: %q not found", want.dir.Path, want.entries[j].Name)
			}
		}
		if _, ok := d.Find("\x7f none"); ok {
			t.Fatal("found what is not there")
		}
		var subs, wantSubs []string
		d.Subdirs(func(s *IndexDir) bool { subs = append(subs, s.Path); return true })
		for _, o := range dirs {
			if up, _ := splitPath(o.dir.Path); o.dir.Path != "" && up == want.dir.Path {
				wantSubs = append(wantSubs, o.dir.Path)
			}
		}
		slices.Sort(wantSubs)
		if !slices.Equal(subs, wantSubs) {
			t.Fatalf("%q: subdirectories %q, want %q", want.dir.Path, subs, wantSubs)
		}
	}
}

func TestIndexKeepsWhatIsWritten(t *testing.T) {
	b := memWorkbench(t)
	rapid.Check(t, func(t *rapid.T) {
		dirs := genDirs(t)
		b.writeIndex(dirs)
		compareIndex(t, b.index(), dirs)
		// Copied, it is the same again.
		w, err := NewIndexWriter(b.local, testIndex, b.sealer, longAgo)
		check(b.t, err)
		check(b.t, w.CopyDirs(b.index(), ""))
		check(b.t, w.Commit())
		compareIndex(t, b.index(), dirs)
	})
}

// bigDir has so many entries that they are written in pieces.
func bigDir(path string, n int) modelDir {
	d := modelDir{dir: IndexDir{Path: path, Key: StatKey{Type: vfs.Directory, Ctime: longAgo}}}
	for i := range n {
		d.entries = append(d.entries, IndexEntry{Name: fmt.Sprintf("file-%07d", i),
			Key: StatKey{Type: vfs.Regular, Size: int64(i), Ctime: longAgo, Ino: uint64(i)}, Raw: []byte("something of some length")})
	}
	return d
}

func TestIndexOfHugeDirectory(t *testing.T) {
	b := memWorkbench(t)
	dirs := []modelDir{bigDir("big", 40_000), bigDir("", 3), bigDir("big/below", 2)}
	b.writeIndex(dirs)
	ix := b.index()
	compareIndex(t, ix, dirs)
	w, err := NewIndexWriter(b.local, testIndex, b.sealer, longAgo)
	check(t, err)
	check(t, w.CopyDirs(ix, "big"))
	root := w.Block("", StatKey{})
	check(t, w.WriteDir(root))
	check(t, w.Commit())
	compareIndex(t, b.index(), []modelDir{dirs[0], {}, dirs[2]})
}

func TestIndexMarksRacyEntries(t *testing.T) {
	b := memWorkbench(t)
	asOf := vfs.Time{Sec: 5000, Nsec: 500}
	at := func(sec int64, nsec uint32) StatKey {
		return StatKey{Type: vfs.Regular, Ctime: vfs.Time{Sec: sec, Nsec: nsec}, Mtime: vfs.Time{Sec: 9000, Nsec: 1}}
	}
	coarse := StatKey{Type: vfs.Regular, Ctime: vfs.Time{Sec: 4998}, Mtime: vfs.Time{Sec: 4998}}
	older := StatKey{Type: vfs.Regular, Ctime: vfs.Time{Sec: 4997}, Mtime: vfs.Time{Sec: 4997}}
	cases := []struct {
		name string
		key  StatKey
		racy bool
	}{
		{"a later", at(5001, 0), true},
		{"b same instant", at(5000, 500), true},
		{"c within the tick", at(4999, 985_000_000), true},
		{"d before the tick, mtime in the future", at(4999, 979_000_000), false},
		{"e whole seconds", coarse, false},
		{"f whole seconds, older", older, false},
		{"g whole seconds, newer", StatKey{Type: vfs.Regular, Ctime: vfs.Time{Sec: 4999}}, true},
		{"h no key", StatKey{}, false},
	}
	w, err := NewIndexWriter(b.local, testIndex, b.sealer, asOf)
	check(t, err)
	block := w.Block("", at(5000, 0))
	for _, c := range cases {
		check(t, block.Add(&IndexEntry{Name: c.name, Key: c.key, Added: true}))
	}
	check(t, w.WriteDir(block))
	check(t, w.Commit())
	d, _ := b.index().Dir("")
	if !d.Racy {
		t.Error("the directory is not racy")
	}
	for _, c := range cases {
		if e, _ := d.Find(c.name); e.Racy != c.racy {
			t.Errorf("%s: racy %v, want %v", c.name, e.Racy, c.racy)
		}
	}
}

func TestIndexMissingIsEmpty(t *testing.T) {
	ix := memWorkbench(t).index()
	if _, ok := ix.Dir(""); ok || ix.Tracked("") || ix.Tracked("a/b") || ix.HasUnder("") {
		t.Error("an empty index tracks something")
	}
}

// A file that is torn, altered in any place, mixed from two, or sealed by another vault is never taken for an index.
func TestIndexRefusesDamage(t *testing.T) {
	b := memWorkbench(t)
	b.writeIndex([]modelDir{bigDir("", 20_000)})
	good := readFile(t, b.local, testIndex)
	b.writeIndex([]modelDir{bigDir("", 20_000)})
	other := readFile(t, b.local, testIndex)
	if len(good) < indexHeader+sealedSize+1000 {
		t.Fatalf("an index of %d bytes has one segment only", len(good))
	}
	refused := 0
	try := func(what string, data []byte) {
		t.Helper()
		writeFile(t, b.local, testIndex, data)
		if _, err := LoadIndex(b.local, testIndex, b.sealer); !errors.Is(err, ErrIndexDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		refused++
	}
	for _, n := range []int{0, 1, indexHeader, indexHeader + 1, indexHeader + sealedSize, indexHeader + sealedSize + 10, len(good) - 1} {
		try(fmt.Sprintf("cut to %d", n), good[:n])
	}
	try("one byte more", append(slices.Clone(good), 0))
	try("first segment of another", append(slices.Clone(other[:indexHeader+sealedSize]), good[indexHeader+sealedSize:]...))
	try("second segment of another", append(slices.Clone(good[:indexHeader+sealedSize]), other[indexHeader+sealedSize:]...))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		bad := slices.Clone(good)
		i := rng.IntN(len(bad))
		if rng.IntN(4) == 0 {
			i = rng.IntN(indexHeader)
		}
		bad[i] ^= 1 << rng.IntN(8)
		try(fmt.Sprintf("bit of byte %d", i), bad)
	}
	b.sealer = memWorkbench(t).sealer
	try("of another vault", good)
	t.Logf("proof row 6 (index): %d damaged files, 0 taken", refused)
}

func readFile(t testing.TB, f vfs.FS, name string) []byte {
	t.Helper()
	h, err := f.OpenHandle(name, os.O_RDONLY, 0)
	check(t, err)
	st, err := h.StatStat()
	check(t, err)
	data := make([]byte, st.Size)
	_, err = h.ReadAt(data, 0)
	check(t, err)
	check(t, h.Close())
	return data
}

func writeFile(t testing.TB, f vfs.FS, name string, data []byte) {
	t.Helper()
	h, err := f.OpenHandle(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	check(t, err)
	_, err = h.Write(data)
	check(t, err)
	check(t, h.Close())
}

// Whatever operation fails while an index is written, the error is told and the old index stays whole.
func TestIndexSurvivesFaults(t *testing.T) {
	mem := memfs.New(memfs.Options{})
	b := newWorkbench(t, mem, mem)
	old, next := []modelDir{bigDir("", 10)}, []modelDir{bigDir("", 30_000)}
	b.writeIndex(old)
	n := 0
	for ; ; n++ {
		count := 0
		mem.SetFault(func(memfs.Op) error {
			if count++; count == n+1 {
				return errTest
			}
			return nil
		})
		err := b.tryWrite(next)
		mem.SetFault(nil)
		if count <= n {
			check(t, err)
			break
		}
		if !errors.Is(err, errTest) {
			t.Fatalf("fault at operation %d: %v", n, err)
		}
		compareIndex(t, b.index(), old)
	}
	compareIndex(t, b.index(), next)
	if n < 5 {
		t.Errorf("only %d operations", n)
	}
	t.Logf("proof row 3 (index): %d faults, 0 silent", n)
}

func (b *workbench) tryWrite(dirs []modelDir) error {
	w, err := NewIndexWriter(b.local, testIndex, b.sealer, vfs.Time{Sec: 2_000_000_000})
	if err != nil {
		return err
	}
	for i := range dirs {
		block := w.Block(dirs[i].dir.Path, dirs[i].dir.Key)
		for j := range dirs[i].entries {
			if err := block.Add(&dirs[i].entries[j]); err != nil {
				return errors.Join(err, w.Abort())
			}
		}
		if err := w.WriteDir(block); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	return w.Commit()
}

func TestIndexWriterRefuses(t *testing.T) {
	b := memWorkbench(t)
	cases := map[string]func(w *IndexWriter) error{
		"names out of order": func(w *IndexWriter) error {
			block := w.Block("", StatKey{})
			return errors.Join(block.Add(&IndexEntry{Name: "b", Added: true}), block.Add(&IndexEntry{Name: "a", Added: true}), w.WriteDir(block))
		},
		"added and recorded": func(w *IndexWriter) error {
			return w.Block("", StatKey{}).Add(&IndexEntry{Name: "b", Added: true, Raw: []byte("x")})
		},
		"no parent": func(w *IndexWriter) error {
			return errors.Join(w.WriteDir(w.Block("", StatKey{})), w.WriteDir(w.Block("a/b", StatKey{})), w.Commit())
		},
		"no root": func(w *IndexWriter) error { return errors.Join(w.WriteDir(w.Block("a", StatKey{})), w.Commit()) },
		"twice": func(w *IndexWriter) error {
			return errors.Join(w.WriteDir(w.Block("", StatKey{})), w.WriteDir(w.Block("", StatKey{})), w.Commit())
		},
		"copy of nothing": func(w *IndexWriter) error { return w.CopyDirs(EmptyIndex(), "x") },
	}
	for name, f := range cases {
		w, err := NewIndexWriter(b.local, testIndex, b.sealer, longAgo)
		check(t, err)
		if f(w) == nil {
			t.Errorf("%s: accepted", name)
		}
		check(t, w.Abort())
	}
	infos, err := b.local.ReadDir("")
	check(t, err)
	if len(infos) != 0 {
		t.Errorf("%d files left behind", len(infos))
	}
}
