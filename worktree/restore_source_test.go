package worktree

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"evault/keys"
	"evault/objects"
)

// store is a Source and a Sink in memory. It does not check what it gives: a hostile test puts anything under any ID.
type store struct {
	vault   *keys.Vault
	chunker *objects.Chunker

	mu   sync.Mutex
	held map[objects.ID][]byte
	// view is called before each chunk is given out.
	view func(id objects.ID) error
}

func newStore(t testing.TB) *store {
	t.Helper()
	v, err := keys.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	return &store{vault: v, chunker: objects.NewChunker(v.ChunkerKey()), held: make(map[objects.ID][]byte)}
}

func (s *store) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	id := objects.ID(s.vault.ObjectID(byte(kind), data))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[id] = bytes.Clone(data)
	return id, nil
}

func (s *store) Get(ctx context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.held[id]
	if !ok {
		return nil, fmt.Errorf("%s: %w", id.Short(), objects.ErrNotFound)
	}
	return data, nil
}

func (s *store) View(ctx context.Context, id objects.ID, kind objects.Kind, use func(data []byte) error) error {
	if s.view != nil {
		if err := s.view(id); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := s.Get(ctx, id, kind)
	if err != nil {
		return err
	}
	lent := bytes.Clone(data)
	defer clear(lent) // whoever keeps it reads zeros
	return use(lent)
}

// content stores bytes as a commit would.
func (s *store) content(t testing.TB, data []byte) objects.Content {
	t.Helper()
	r := NewFileReader(s.chunker, nil, s)
	if len(data) <= SmallFile {
		var c objects.Content
		if err := r.Bytes(data, &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	list := objects.NewFileListBuilder(s)
	for len(data) > 0 {
		n := s.chunker.Cut(data, true)
		var err error
		if objects.IsZero(data[:n]) {
			err = list.AddHole(uint64(n))
		} else {
			var id objects.ID
			id, err = s.Put(objects.KindChunk, data[:n])
			if err == nil {
				err = list.AddChunk(id, uint64(n))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	c, err := list.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var someTime = objects.Time{Sec: 1_600_000_000, Nsec: 123_456_789}

// file makes the entry of a file.
func (s *store) file(t testing.TB, name string, data string) objects.Entry {
	t.Helper()
	return objects.Entry{Name: name, Type: objects.TypeFile, Mode: 0o644, Mtime: someTime,
		Size: uint64(len(data)), Content: s.content(t, []byte(data))}
}

func link(name, target string) objects.Entry {
	return objects.Entry{Name: name, Type: objects.TypeSymlink, Mode: 0o777, Mtime: someTime, Target: target}
}

// dir makes the entry of a directory that holds entries.
func (s *store) dir(t testing.TB, name string, entries ...objects.Entry) objects.Entry {
	t.Helper()
	ref := s.tree(t, entries...)
	return objects.Entry{Name: name, Type: objects.TypeDirectory, Mode: 0o755, Mtime: someTime,
		Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes}
}

func (s *store) tree(t testing.TB, entries ...objects.Entry) objects.TreeRef {
	t.Helper()
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b objects.Entry) int { return strings.Compare(a.Name, b.Name) })
	b := objects.NewTreeBuilder(s)
	b.Reset()
	for i := range entries {
		if err := b.Add(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	ref, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// files makes a tree out of paths and contents; a path that ends in a slash is an empty directory, a content that
// begins with "->" a symlink.
func (s *store) files(t testing.TB, files map[string]string) objects.TreeRef {
	t.Helper()
	return s.tree(t, s.below(t, "", files)...)
}

func (s *store) below(t testing.TB, prefix string, files map[string]string) []objects.Entry {
	t.Helper()
	var entries []objects.Entry
	dirs := make(map[string]bool)
	for path, data := range files {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok || rest == "" {
			continue
		}
		name, _, inDir := strings.Cut(rest, "/")
		target, isLink := strings.CutPrefix(data, "->")
		switch {
		case inDir && !dirs[name]:
			dirs[name] = true
			entries = append(entries, s.dir(t, name, s.below(t, prefix+name+"/", files)...))
		case inDir:
		case isLink:
			entries = append(entries, link(name, target))
		default:
			entries = append(entries, s.file(t, name, data))
		}
	}
	return entries
}
