package worktree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// bench is what tests need around a work tree: a vault's secrets, a place for the index, and a store in memory.
type workbench struct {
	t       testing.TB
	root    vfs.FS
	local   vfs.FS
	sealer  *keys.Sealer
	hash    func() HashSink
	chunker *objects.Chunker

	mu     sync.Mutex
	stored map[objects.ID][]byte // nil: only IDs are computed
}

const testIndex = "index"

func newWorkbench(t testing.TB, root, local vfs.FS) *workbench {
	v, err := keys.NewEphemeral()
	check(t, err)
	s, err := v.LocalSealer("index")
	check(t, err)
	return &workbench{t: t, root: root, local: local, sealer: s, chunker: objects.NewChunker(v.ChunkerKey()),
		stored: make(map[objects.ID][]byte),
		hash: func() HashSink {
			h := v.NewHasher()
			return func(kind objects.Kind, data []byte) objects.ID { return h.ObjectID(byte(kind), data) }
		}}
}

// realWorkbench has a work tree and a local folder on the disk.
func realWorkbench(t testing.TB) (*workbench, string) {
	dir := t.TempDir()
	root, err := vfs.Open(dir)
	check(t, err)
	t.Cleanup(func() { check(t, root.Close()) })
	local, err := vfs.Open(t.TempDir())
	check(t, err)
	t.Cleanup(func() { check(t, local.Close()) })
	return newWorkbench(t, root, local), dir
}

// failer is a test of the standard library or of rapid.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func check(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Put stores an object in memory.
func (b *workbench) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	id := b.hash()(kind, data)
	if b.stored != nil {
		b.mu.Lock()
		b.stored[id] = slices.Clone(data)
		b.mu.Unlock()
	}
	return id, nil
}

func (b *workbench) index() *Index {
	b.t.Helper()
	ix, err := LoadIndex(b.local, testIndex, b.sealer)
	check(b.t, err)
	return ix
}

func (b *workbench) options() ScanOptions {
	return ScanOptions{Root: b.root, Index: b.index(), Untracked: UntrackedNormal, Workers: 3}
}

// status is the changes as lines of letter and path.
func (b *workbench) status(change ...func(o *StatusOptions)) []string {
	b.t.Helper()
	lines := []string{}
	for _, c := range b.statusResult(change...).Changes {
		if c.Dir && (c.Kind == ChangeAdded || c.Kind == ChangeDeleted) {
			continue
		}
		line := fmt.Sprintf("%c %s", c.Kind, c.Path)
		if c.Dir {
			line += "/"
		}
		lines = append(lines, line)
	}
	return lines
}

func (b *workbench) statusResult(change ...func(o *StatusOptions)) *StatusResult {
	b.t.Helper()
	o := StatusOptions{Scan: b.options(), NewHash: b.hash, Chunker: b.chunker}
	for _, f := range change {
		f(&o)
	}
	res, err := Status(context.Background(), o)
	check(b.t, err)
	return res
}

func wantLines(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// commit is a small commit: it reads what the scan says, builds trees and writes the index.
func (b *workbench) commit(change ...func(o *ScanOptions)) objects.TreeRef {
	b.t.Helper()
	o := b.options()
	o.TrackNew = true
	for _, f := range change {
		f(&o)
	}
	asOf, err := Now(b.local)
	check(b.t, err)
	w, err := NewIndexWriter(b.local, testIndex, b.sealer, asOf)
	check(b.t, err)
	c := &committer{workbench: b, w: w, s: NewScanner(context.Background(), o), old: o.Index,
		reader: NewFileReader(b.chunker, new(Owners), b)}
	ref, _ := c.dir("", nil)
	check(b.t, c.s.Close())
	check(b.t, w.Commit())
	return ref
}

type committer struct {
	*workbench
	w      *IndexWriter
	s      *Scanner
	old    *Index
	reader *FileReader
	links  Links
}

// dir commits one directory, and gives its tree and the entry that its parent holds for it.
func (c *committer) dir(path string, parent *DirScan) (objects.TreeRef, []byte) {
	d, err := c.s.Dir(path)
	check(c.t, err)
	if d.Err != nil {
		c.t.Fatal(d.Err)
	}
	defer d.Release()
	block := c.w.Block(path, KeyOf(&d.Stat))
	b := objects.NewTreeBuilder(c)
	dir, err := d.Open()
	check(c.t, err)
	for {
		for i := range d.Items {
			c.item(d, dir, &d.Items[i], block, b)
		}
		if d.Last {
			break
		}
		check(c.t, c.s.More(d))
	}
	check(c.t, dir.Close())
	ref, err := b.Finish()
	check(c.t, err)
	block.Tree, block.Complete = ref, d.Complete
	if parent != nil {
		block.Raw = c.dirEntry(path, parent, ref)
	}
	check(c.t, c.w.WriteDir(block))
	return ref, block.Raw
}

func (c *committer) dirEntry(path string, parent *DirScan, ref objects.TreeRef) []byte {
	up, err := parent.Open()
	check(c.t, err)
	_, name := splitPath(path)
	var st vfs.Stat
	check(c.t, up.Lstat(name, &st))
	var e objects.Entry
	check(c.t, ReadMeta(up, name, &st, c.reader.owners, &e))
	check(c.t, up.Close())
	e.Tree, e.Entries, e.Bytes = ref.ID, ref.Entries, ref.Bytes
	raw, err := objects.AppendEntry(nil, &e)
	check(c.t, err)
	return raw
}

func (c *committer) item(d *DirScan, dir vfs.Dir, it *Item, block *DirBlock, b *objects.TreeBuilder) {
	path := joinPath(d.Path, it.Name)
	switch {
	case it.Descend:
		ref, raw := c.dir(path, d)
		check(c.t, b.AddEncoded(raw, it.Name, ref.Entries, ref.Bytes))
	case it.State == Unchanged:
		var e objects.Entry
		_, err := objects.DecodeEntry(it.Entry.Raw, &e)
		check(c.t, err)
		check(c.t, b.AddEncoded(it.Entry.Raw, it.Name, 0, e.Size))
		check(c.t, block.Add(it.Entry))
	case it.State == Suspect || it.State == Added || it.State == TypeChanged:
		var e objects.Entry
		check(c.t, c.reader.Read(dir, it.Name, &it.Stat, &e))
		e.LinkGroup = c.links.Group(&it.Stat, path)
		raw, err := objects.AppendEntry(nil, &e)
		check(c.t, err)
		check(c.t, b.AddEncoded(raw, it.Name, 0, e.Size))
		check(c.t, block.Add(&IndexEntry{Name: it.Name, Key: KeyOf(&it.Stat), Raw: raw}))
	}
}

// write makes a file with the directories above it.
func write(t testing.TB, dir, name, data string) {
	t.Helper()
	path := dir + "/" + name
	up, _ := splitPath(path)
	check(t, os.MkdirAll(up, 0o755))
	check(t, os.WriteFile(path, []byte(data), 0o644))
}

// settle waits until files written before are no longer racy.
func (b *workbench) settle() {
	start, err := Now(b.local)
	check(b.t, err)
	for {
		now, err := Now(b.local)
		check(b.t, err)
		if addNanos(start, 2*fineTick).Before(now) {
			return
		}
	}
}

var errTest = errors.New("a fault of the test")
