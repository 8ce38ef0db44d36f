package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/objects"
)

// hostileCase is a tree by somebody who wants to write outside of the root, or to fill the disk.
type hostileCase struct {
	name string
	tree func(t testing.TB, s *store) objects.ID
	// ok says that restoring works, harmlessly; otherwise it must fail.
	ok bool
	// setUp may put things on disk first; there is a directory ../outside with files in it.
	setUp func(t testing.TB, s *store, root string)
	// relinks says that a file outside has a name inside that is replaced, which moves its ctime.
	relinks bool
	opts    RestoreOptions
}

var badNames = []string{"..", ".", "", "a/b", "../x", "/", "/abs", "../outside/pwned", "a\x00b", ".evault", ".EVAULT", ".eVaUlT",
	".evault ", ".evault.", ".evault...", ".evault::$INDEX_ALLOCATION", ".evault:x", "EVAULT~1", "evault~2", ".ev\u200cault",
	".\u200devault", ".evault\ufeff", tempPrefix + "0123456789abcdef-1"}

// forgeName changes the name of one entry, the only one called "Q...", in an encoded tree.
func forgeName(t testing.TB, s *store, id objects.ID, name string) objects.ID {
	t.Helper()
	data := bytes.Clone(s.held[id])
	old := []byte(placeholder(name))
	i := bytes.Index(data, old)
	if i < 1 || int(data[i-1]) != len(old) {
		t.Fatal("no name to forge")
	}
	data[i-1] = byte(len(name))
	return s.forge(append(append(data[:i:i], name...), data[i+len(old):]...))
}

func placeholder(name string) string { return strings.Repeat("Q", max(1, len(name))) }

// forge puts bytes that no encoder would make under the ID that they have.
func (s *store) forge(data []byte) objects.ID {
	id, _ := s.Put(objects.KindTree, data)
	return id
}

// entryKinds are all the things that a name may stand for.
func entryKinds(t testing.TB, s *store, name string) []objects.Entry {
	dir := s.dir(t, name, s.file(t, "pwned", "by a directory"))
	return []objects.Entry{s.file(t, name, "pwned"), dir, link(name, "../outside/pwned"),
		{Name: name, Type: objects.TypeFifo, Mode: 0o600, Mtime: someTime}}
}

func nameCases() (cases []hostileCase) {
	for _, name := range badNames {
		for kind := range 4 {
			for _, nested := range []bool{false, true} {
				cases = append(cases, hostileCase{
					name: fmt.Sprintf("name %q kind %d nested %v", name, kind, nested),
					tree: func(t testing.TB, s *store) objects.ID {
						bad := entryKinds(t, s, placeholder(name))[kind]
						if IsTemporary(name) { // a well-formed name, which only the restore refuses
							bad.Name = name
						}
						ref := s.tree(t, s.file(t, "A", "before"), bad, s.file(t, "z", "after"))
						if !IsTemporary(name) {
							ref.ID = forgeName(t, s, ref.ID, name)
						}
						if nested {
							d := objects.Entry{Name: "d", Type: objects.TypeDirectory, Mode: 0o755, Mtime: someTime, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes}
							ref = s.tree(t, d)
						}
						return ref.ID
					},
				})
			}
		}
	}
	return cases
}

// lie makes a directory entry that claims what is not so.
func lie(e objects.Entry, entries, size int) objects.Entry {
	e.Entries, e.Bytes = uint64(int(e.Entries)+entries), uint64(int(e.Bytes)+size)
	return e
}

func totalsCases() (cases []hostileCase) {
	for _, by := range [][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-2, -5}, {1000, 1000}} {
		cases = append(cases, hostileCase{name: fmt.Sprintf("totals off by %v", by), tree: func(t testing.TB, s *store) objects.ID {
			d := s.dir(t, "d", s.file(t, "a", "12345"), s.file(t, "b", "12345"), s.dir(t, "c", s.file(t, "e", "12345")))
			return s.tree(t, lie(d, by[0], by[1])).ID
		}})
	}
	sizes := map[string]func(t testing.TB, s *store) objects.Entry{
		"chunk longer than the file": func(t testing.TB, s *store) objects.Entry {
			e := s.file(t, "f", strings.Repeat("x", 5000))
			e.Size = 4000
			return e
		},
		"chunk shorter than the file": func(t testing.TB, s *store) objects.Entry {
			e := s.file(t, "f", strings.Repeat("x", 5000))
			e.Size = 6000
			return e
		},
		"chunk that is a tree": func(t testing.TB, s *store) objects.Entry {
			e := s.file(t, "f", strings.Repeat("x", 5000))
			e.Content.ID = s.tree(t, s.file(t, "g", "h")).ID
			return e
		},
		"list that is a chunk": func(t testing.TB, s *store) objects.Entry {
			e := s.file(t, "f", strings.Repeat("x", 5000))
			e.Content.Kind = objects.ContentFileList
			return e
		},
		"list longer than the file": func(t testing.TB, s *store) objects.Entry {
			e := s.file(t, "f", strings.Repeat("some words ", 300_000))
			e.Size -= 1000
			return e
		},
		"large list longer than the file": func(t testing.TB, s *store) objects.Entry {
			e := s.file(t, "f", strings.Repeat("some words ", 900_000))
			e.Size -= 1000
			return e
		},
		"tree that is a chunk": func(t testing.TB, s *store) objects.Entry {
			e := s.dir(t, "f", s.file(t, "a", "b"))
			e.Tree = s.file(t, "f", strings.Repeat("x", 5000)).Content.ID
			return e
		},
		"list whose chunks are shorter": func(t testing.TB, s *store) objects.Entry { return s.listOf(t, 5, 5) },
		"list whose chunks are longer":  func(t testing.TB, s *store) objects.Entry { return s.listOf(t, 90_000, 90_000) },
		"large list whose chunk is shorter": func(t testing.TB, s *store) objects.Entry {
			const size = 10 << 20
			list := objects.NewFileListBuilder(s)
			for i := range 10 {
				id, err := s.Put(objects.KindChunk, bytes.Repeat([]byte{byte('a' + i)}, 1<<20-i/9))
				if err = errors.Join(err, list.AddChunk(id, 1<<20)); err != nil {
					t.Fatal(err)
				}
			}
			c, err := list.Finish()
			if err != nil {
				t.Fatal(err)
			}
			return objects.Entry{Name: "f", Type: objects.TypeFile, Mode: 0o644, Size: size, Content: c}
		},
		"list whose chunks are shorter and longer": func(t testing.TB, s *store) objects.Entry {
			return s.listOf(t, 60_000, 80_000)
		},
	}
	for name, make := range sizes {
		cases = append(cases, hostileCase{name: name, tree: func(t testing.TB, s *store) objects.ID {
			return s.tree(t, make(t, s), s.file(t, "z", "after")).ID
		}})
	}
	return cases
}

// listOf makes a file of two chunks that claim 70,000 bytes each.
func (s *store) listOf(t testing.TB, a, b int) objects.Entry {
	t.Helper()
	first, _ := s.Put(objects.KindChunk, bytes.Repeat([]byte("a"), a))
	second, _ := s.Put(objects.KindChunk, bytes.Repeat([]byte("b"), b))
	list := objects.NewFileListBuilder(s)
	err := errors.Join(list.AddChunk(first, 70_000), list.AddChunk(second, 70_000))
	c, err2 := list.Finish()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return objects.Entry{Name: "f", Type: objects.TypeFile, Mode: 0o644, Size: 140_000, Content: c}
}

func bombCases() []hostileCase {
	small := RestoreOptions{Budget: Budget{Entries: 10_000, Bytes: 1 << 30}}
	return []hostileCase{
		{name: "directory shared 2^40 times", opts: small, tree: func(t testing.TB, s *store) objects.ID {
			ref := s.tree(t, s.file(t, "f", "x"))
			for range 40 {
				d := objects.Entry{Name: "a", Type: objects.TypeDirectory, Mode: 0o755, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes}
				e := d
				e.Name = "b"
				ref = s.tree(t, d, e)
			}
			return ref.ID
		}},
		{name: "directory shared 2^40 times that claims little", opts: small, tree: func(t testing.TB, s *store) objects.ID {
			ref := s.tree(t, s.file(t, "f", "x"))
			for range 40 {
				d := objects.Entry{Name: "a", Type: objects.TypeDirectory, Mode: 0o755, Tree: ref.ID, Entries: 1, Bytes: 1}
				e := d
				e.Name = "b"
				ref = s.tree(t, d, e)
			}
			return ref.ID
		}},
		{name: "petabyte of zeros", opts: small, tree: func(t testing.TB, s *store) objects.ID {
			list := objects.NewFileListBuilder(s)
			if err := list.AddHole(1 << 50); err != nil {
				t.Fatal(err)
			}
			c, err := list.Finish()
			if err != nil {
				t.Fatal(err)
			}
			return s.tree(t, objects.Entry{Name: "f", Type: objects.TypeFile, Mode: 0o644, Size: 1 << 50, Content: c}).ID
		}},
		{name: "cycle", opts: small, tree: func(t testing.TB, s *store) objects.ID {
			d := s.dir(t, "d", s.file(t, "f", "x"))
			ref := s.tree(t, d)
			s.held[d.Tree] = s.held[ref.ID] // d holds a d that is d
			return ref.ID
		}},
		{name: "deeper than allowed", opts: small, tree: func(t testing.TB, s *store) objects.ID {
			ref := s.tree(t, s.file(t, "f", "x"))
			for range objects.MaxDepth + 50 {
				ref = s.tree(t, objects.Entry{Name: "d", Type: objects.TypeDirectory, Mode: 0o755, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes})
			}
			return ref.ID
		}},
	}
}

func linkCases() []hostileCase {
	tree := func(files map[string]string) func(t testing.TB, s *store) objects.ID {
		return func(t testing.TB, s *store) objects.ID { return s.files(t, files).ID }
	}
	links := func(files map[string]string) func(t testing.TB, s *store, root string) {
		return func(t testing.TB, s *store, root string) { put(t, root, files) }
	}
	first := func(files map[string]string) func(t testing.TB, s *store, root string) {
		return func(t testing.TB, s *store, root string) {
			r, err := vfs.Open(root)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			mustRestore(t, s, s.files(t, files), nil, RestoreOptions{Root: r})
		}
	}
	group := func(entries ...objects.Entry) []objects.Entry {
		for i := range entries {
			entries[i].LinkGroup = 9
		}
		return entries
	}
	return []hostileCase{
		{name: "links that lead out", ok: true, tree: tree(map[string]string{"a": "->../outside", "b/c": "->/etc/passwd", "d": "->../outside/canary"})},
		{name: "files through a link of an earlier tree", ok: true, setUp: first(map[string]string{"d": "->../outside"}),
			tree: tree(map[string]string{"d/canary": "pwned", "d/new": "pwned"})},
		{name: "files through a nested link of an earlier tree", ok: true, setUp: first(map[string]string{"a/b": "->../../outside"}),
			tree: tree(map[string]string{"a/b/c/canary": "pwned", "a/b/canary": "pwned"})},
		{name: "file over a link", ok: true, setUp: links(map[string]string{"f": "->../outside/canary", "g": "->../outside/new"}),
			tree: tree(map[string]string{"f": "pwned", "g": "pwned"})},
		{name: "link over a link", ok: true, setUp: links(map[string]string{"f": "->../outside"}), tree: tree(map[string]string{"f": "->../outside/x"})},
		{name: "temporary name is a link", ok: true, setUp: links(map[string]string{tempPrefix + "0123456789abcdef-1": "->../outside/canary"}),
			tree: tree(map[string]string{"f": "x"})},
		{name: "hard link of a link and a file", ok: true, tree: func(t testing.TB, s *store) objects.ID {
			return s.tree(t, group(link("a", "../outside/canary"), s.file(t, "b", "pwned"), link("c", "../outside/canary"), s.file(t, "d", "pwned"))...).ID
		}},
		{name: "hard link group with a file that was there", ok: true, relinks: true, setUp: func(t testing.TB, s *store, root string) {
			if err := os.Link(filepath.Join(root, "../outside/canary"), filepath.Join(root, "a")); err != nil {
				t.Fatal(err)
			}
		}, tree: func(t testing.TB, s *store) objects.ID {
			return s.tree(t, group(s.file(t, "a", "canary"), s.file(t, "b", "canary"))...).ID
		}},
		{name: "one name twice, a link and a directory", tree: func(t testing.TB, s *store) objects.ID {
			ref := s.tree(t, link("Q", "../outside"), s.dir(t, "R", s.file(t, "pwned", "x")))
			data := bytes.Clone(s.held[ref.ID])
			i := bytes.Index(data, []byte("\x01R"))
			data[i+1] = 'Q'
			return s.forge(data)
		}},
		{name: "directory becomes a link while it is written", tree: func(t testing.TB, s *store) objects.ID {
			return s.files(t, map[string]string{"d/canary": strings.Repeat("pwned", 1000), "d/e/f": strings.Repeat("pwned!", 1000), "d/l": "->x"}).ID
		}, setUp: func(t testing.TB, s *store, root string) {
			var once sync.Once
			s.view = func(objects.ID) (err error) {
				once.Do(func() {
					err = errors.Join(os.Rename(filepath.Join(root, "d"), filepath.Join(root, "moved")), os.Symlink("../outside", filepath.Join(root, "d")))
				})
				return err
			}
		}},
	}
}

// outsideState is all that is to be known about a directory: any write to it, even of metadata, changes it.
// Without ctimes, the removal of another name of a file does not count.
func outsideState(t testing.TB, dir string, ctimes bool) map[string]string {
	t.Helper()
	state := make(map[string]string)
	root, err := vfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		st, err := root.LstatStat(rel)
		if err != nil {
			return err
		}
		k := KeyOf(&st)
		if st.Type == vfs.Regular && !ctimes {
			k.Ctime = vfs.Time{}
		}
		data := []byte(nil)
		if st.Type == vfs.Regular {
			data, err = os.ReadFile(path)
		}
		state[rel] = fmt.Sprintf("%+v %q", k, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func runHostile(t *testing.T, h hostileCase) {
	s := newStore(t)
	base := t.TempDir()
	rootDir, outside := filepath.Join(base, "root"), filepath.Join(base, "outside")
	put(t, base, map[string]string{"root/": "", "outside/canary": "canary", "outside/sub/deep": "deep"})
	if h.setUp != nil {
		h.setUp(t, s, rootDir)
	}
	id := h.tree(t, s)
	was, listed := outsideState(t, outside, !h.relinks), onDisk(t, base)
	root, err := vfs.Open(rootDir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	o := h.opts
	o.Root, o.SkipSame, o.NewHasher, o.Workers = root, true, s.vault.NewHasher, 2
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	res, err := Restore(ctx, s, id, nil, o)
	if h.ok != (err == nil) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: restored %v: %v %v", h.name, err == nil, err, res.Problems)
	}
	if now := outsideState(t, outside, !h.relinks); !maps.Equal(was, now) {
		t.Errorf("%s: outside was %v, is %v", h.name, was, now)
	}
	for path := range onDisk(t, base) {
		if _, was := listed[path]; !was && !strings.HasPrefix(path, "root/") {
			t.Errorf("%s: wrote %q", h.name, path)
		}
		if strings.Contains(path, tempPrefix) {
			t.Errorf("%s: left %q", h.name, path)
		}
		if strings.Contains(strings.ToLower(path), ".evault/") {
			t.Errorf("%s: wrote a vault's files: %q", h.name, path)
		}
	}
	if b := o.Budget; b.Entries != 0 && res.Files+res.Directories > b.Entries {
		t.Errorf("%s: %d entries, %d allowed", h.name, res.Files+res.Directories, b.Entries)
	}
}

func TestRestoreHostileTrees(t *testing.T) {
	count := 0
	for _, list := range [][]hostileCase{nameCases(), totalsCases(), bombCases(), linkCases()} {
		for _, h := range list {
			runHostile(t, h)
			count++
		}
	}
	if count < 210 {
		t.Errorf("only %d hostile trees", count)
	}
	t.Logf("proof row 9 (restore): %d hostile trees, 0 writes outside", count)
}

// Trees with random damage that nevertheless have the right ID, as a malicious member could sign them.
func TestRestoreMutatedTrees(t *testing.T) {
	n := 300
	if os.Getenv("EVAULT_PROVE") == "1" {
		n = 20_000
	}
	seed := uint64(20261121)
	random := rand.New(rand.NewPCG(seed, 1))
	s := newStore(t)
	base := t.TempDir()
	put(t, base, map[string]string{"outside/canary": "canary"})
	was := outsideState(t, filepath.Join(base, "outside"), true)
	for i := range n {
		ref := s.files(t, map[string]string{"a/b/c": "->../../../outside", "a/d": "data", "e": "->../outside/canary", "f/g": strings.Repeat("g", 100), "h/": ""})
		id := s.mutate(random, ref.ID)
		name := fmt.Sprintf("root%d", i)
		put(t, base, map[string]string{name + "/": ""})
		root, err := vfs.Open(filepath.Join(base, name))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Restore(context.Background(), s, id, nil, RestoreOptions{Root: root, Budget: Budget{1000, 1 << 20}})
		if err == nil {
			err = root.Close()
		} else {
			err = nil
			root.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if now := outsideState(t, filepath.Join(base, "outside"), true); !maps.Equal(was, now) {
			t.Fatalf("tree %d of seed %d: outside was %v, is %v", i, seed, was, now)
		}
		if err := os.RemoveAll(filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 1 {
		t.Errorf("beside the roots: %v %v", entries, err)
	}
	t.Logf("proof row 9 (restore): %d mutated trees, 0 writes outside", n)
}

// mutate damages some tree objects, in place under their IDs, and gives the root's.
func (s *store) mutate(random *rand.Rand, root objects.ID) objects.ID {
	fresh := make(map[objects.ID][]byte)
	for id, data := range s.held {
		data = bytes.Clone(data)
		if len(data) > 0 && random.IntN(3) == 0 {
			switch at := random.IntN(len(data)); random.IntN(4) {
			case 0:
				data[at] ^= 1 << random.IntN(8)
			case 1:
				data[at] = "./\x00.~\x01\x02"[random.IntN(7)]
			case 2:
				data = append(data[:at:at], data[min(len(data), at+1+random.IntN(4)):]...)
			case 3:
				data = append(append(data[:at:at], "../"...), data[at:]...)
			}
		}
		fresh[id] = data
	}
	s.held = fresh
	return root
}
