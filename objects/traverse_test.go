package objects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// history is a small vault: two commits whose trees share a directory, a file of one
// chunk, one of a list, and a huge directory.
type history struct {
	*memory
	first, second ID
	chunk, list   ID
	shared, huge  TreeRef
}

func commitOf(t testing.TB, m *memory, tree TreeRef, generation uint64, parents ...ID) ID {
	t.Helper()
	c := Commit{Parents: parents, Tree: tree.ID, Entries: tree.Entries, Bytes: tree.Bytes, Generation: generation, Author: "ann"}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return m.put(t, KindCommit, data)
}

func newHistory(t testing.TB) *history {
	m := newMemory()
	h := &history{memory: m, chunk: m.put(t, KindChunk, []byte("one chunk"))}
	list, size := listOf(t, m, []Extent{{ID: h.chunk, Length: 9}, {Hole: true, Length: 5}, {ID: m.put(t, KindChunk, []byte("another")), Length: 7}})
	h.list = list.ID
	small := &Entry{Name: "small", Type: TypeFile, Size: 9, Content: Content{Kind: ContentChunk, ID: h.chunk}}
	large := &Entry{Name: "large", Type: TypeFile, Size: size, Content: list}
	h.shared = build(t, m, large, small)
	h.huge = buildNames(t, m, names(6000))
	h.first = commitOf(t, m, build(t, m, directory("shared", h.shared)), 1)
	root := build(t, m, directory("huge", h.huge), file("inline", 3), directory("shared", h.shared))
	h.second = commitOf(t, m, root, 2, h.first)
	return h
}

func TestReachable(t *testing.T) {
	h := newHistory(t)
	seen := map[ID]bool{}
	var got []string
	err := Reachable(context.Background(), h, []ID{h.second}, func(id ID, kind Kind, path string) (bool, error) {
		if h.kind[id] != kind {
			t.Errorf("%s is a %v, visited as %v", id.Short(), h.kind[id], kind)
		}
		if seen[id] {
			return false, nil
		}
		seen[id] = true
		if !strings.HasPrefix(path, "huge") {
			got = append(got, fmt.Sprintf("%v %s", kind, path))
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "commit |tree |tree shared|file list shared/large|chunk shared/large|chunk shared/large|commit |tree "
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("visited %s\nwant    %s", s, want)
	}
	for id := range h.held {
		if !seen[id] {
			t.Errorf("%v %s not visited", h.kind[id], id.Short())
		}
	}
}

// Each object in turn is lost, then replaced by bytes that mean something else: it is
// named, with the path, and all that does not depend on it is still visited.
func TestTraversalNamesDamage(t *testing.T) {
	h := newHistory(t)
	cases := 0
	for id, data := range h.held {
		if h.kind[id] == KindChunk {
			continue // reading chunks is for the visitor
		}
		for _, bad := range [][]byte{nil, {1}, data[:len(data)-1], append(append([]byte(nil), data...), 0)} {
			h.held[id] = bad
			if bad == nil {
				delete(h.held, id)
			}
			cases++
			var damaged []Edge
			seen := map[ID]bool{}
			tr := Traversal{
				Source: h,
				Visit: func(e *Edge) (bool, error) {
					again := seen[e.ID]
					seen[e.ID] = true
					return !again, nil
				},
				Damaged: func(e *Edge, err error) error {
					if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrMalformed) {
						t.Errorf("%v", err)
					}
					damaged = append(damaged, *e)
					return nil
				},
			}
			if err := tr.Run(context.Background(), []ID{h.second, h.first}); err != nil {
				t.Fatal(err)
			}
			if len(damaged) != 1 || damaged[0].ID != id {
				t.Errorf("%v %s: reported %+v", h.kind[id], id.Short(), damaged)
			}
			if !seen[h.first] {
				t.Errorf("%v %s: the other root was not visited", h.kind[id], id.Short())
			}
			tr.Damaged = nil
			clear(seen)
			if err := tr.Run(context.Background(), []ID{h.second}); err == nil {
				t.Errorf("%v %s: no error", h.kind[id], id.Short())
			}
		}
		h.held[id] = data
	}
	t.Logf("%d damaged metadata objects, all named", cases)
}

func TestTraversalTellsClaims(t *testing.T) {
	h := newHistory(t)
	lengths := map[ID]uint64{}
	tr := Traversal{Source: h, Visit: func(e *Edge) (bool, error) {
		switch e.Kind {
		case KindChunk, KindFileList:
			lengths[e.ID] = e.Length
		case KindTree:
			if e.ID == h.huge.ID && (e.Entries != 6000 || e.Bytes != 60000 || e.Commit != h.second) {
				t.Errorf("%+v", e)
			}
		}
		return true, nil
	}}
	if err := tr.Run(context.Background(), []ID{h.second}); err != nil {
		t.Fatal(err)
	}
	if lengths[h.chunk] != 9 || lengths[h.list] != 21 {
		t.Errorf("%v", lengths)
	}
	stop := errors.New("stop")
	for _, kind := range []Kind{KindCommit, KindTree, KindFileList, KindChunk} {
		tr.Visit = func(e *Edge) (bool, error) {
			if e.Kind == kind {
				return false, stop
			}
			return true, nil
		}
		if err := tr.Run(context.Background(), []ID{h.second}); err != stop {
			t.Errorf("error of Visit at a %v: %v", kind, err)
		}
	}
}

// Generations that do not fall towards the parents would mislead every walk that
// trusts them.
func TestGenerationLies(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	tree := build(t, m)
	base := commitOf(t, m, tree, 1)
	middle := commitOf(t, m, tree, 7, base)
	liar := commitOf(t, m, tree, 7, middle)
	visitAll := func(ID, Kind, string) (bool, error) { return true, nil }
	if err := Reachable(ctx, m, []ID{liar}, visitAll); !errors.Is(err, ErrMalformed) {
		t.Errorf("Reachable: %v", err)
	}
	if _, err := MergeBases(ctx, m, liar, base); !errors.Is(err, ErrMalformed) {
		t.Errorf("MergeBases: %v", err)
	}
	if _, err := IsAncestor(ctx, m, base, liar); !errors.Is(err, ErrMalformed) {
		t.Errorf("IsAncestor: %v", err)
	}
	if err := Reachable(ctx, m, []ID{middle}, visitAll); err != nil {
		t.Errorf("a gap in generations: %v", err)
	}
}
