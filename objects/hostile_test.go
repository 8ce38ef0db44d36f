package objects

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What a malicious member of a vault, whose objects are sealed and signed rightly, could
// put into a tree. Every reader must refuse it, in bounded memory.

// readers are the ways to read a tree; each must report what it refuses.
var readers = map[string]func(src Source, root TreeRef) error{
	"walk": func(src Source, root TreeRef) error {
		return WalkExact(context.Background(), src, root, func(string, *Entry) error { return nil })
	},
	"traversal": func(src Source, root TreeRef) error {
		tr := Traversal{Source: src, Visit: func(e *Edge) (bool, error) { return e.Kind == KindTree, nil }}
		e := Edge{ID: root.ID, Kind: KindTree, Entries: root.Entries, Bytes: root.Bytes}
		return tr.tree(context.Background(), &e, -1, nil, 0)
	},
}

func mustNode(t testing.TB, m *memory, n *TreeNode) ID {
	t.Helper()
	data, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return m.put(t, KindTree, data)
}

func TestTreesThatLie(t *testing.T) {
	m := newMemory()
	ab := build(t, m, file("a", 1), file("b", 1))
	cd := build(t, m, file("c", 1), file("d", 1))
	empty := build(t, m)
	interior := func(level uint8, children ...ChildRef) ID {
		return mustNode(t, m, &TreeNode{Level: level, Children: children})
	}
	child := func(first string, ref TreeRef) ChildRef {
		return ChildRef{First: first, ID: ref.ID, Count: ref.Entries, Entries: ref.Entries, Bytes: ref.Bytes}
	}
	good := interior(1, child("a", ab), child("c", cd))
	for name, read := range readers {
		if err := read(m, TreeRef{good, 4, 4}); err != nil {
			t.Fatalf("%s: the honest tree: %v", name, err)
		}
	}
	wrong := func(c ChildRef, change func(c *ChildRef)) ChildRef { change(&c); return c }
	under := func(e *Entry) TreeRef { return build(t, m, e) }
	cases := map[string]TreeRef{
		"root claims fewer entries": {good, 3, 4},
		"root claims more entries":  {good, 5, 4},
		"root claims fewer bytes":   {good, 4, 3},
		"root claims more bytes":    {good, 4, 5},
		"first name too low":        {interior(1, wrong(child("a", ab), func(c *ChildRef) { c.First = "A" }), child("c", cd)), 4, 4},
		"first name too high":       {interior(1, wrong(child("a", ab), func(c *ChildRef) { c.First = "aa" }), child("c", cd)), 4, 4},
		"children overlap":          {interior(1, child("a", ab), wrong(child("c", cd), func(c *ChildRef) { c.First, c.ID = "b", build(t, m, file("b", 1), file("d", 1)).ID })), 4, 4},
		"grandchildren overlap": {interior(2,
			ChildRef{"a", interior(1, child("a", ab), child("c", cd)), 4, 4, 4},
			ChildRef{"d", interior(1, child("d", build(t, m, file("d", 1), file("e", 1)))), 2, 2, 2}), 6, 6},
		"child's count too low":    {interior(1, wrong(child("a", ab), func(c *ChildRef) { c.Count = 1 }), child("c", cd)), 4, 4},
		"child's entries too high": {interior(1, wrong(child("a", ab), func(c *ChildRef) { c.Entries = 9 }), child("c", cd)), 11, 4},
		"child's bytes too low":    {interior(1, wrong(child("a", ab), func(c *ChildRef) { c.Bytes = 1 }), child("c", cd)), 4, 3},
		"empty child":              {interior(1, ChildRef{"a", empty.ID, 1, 1, 0}, child("c", cd)), 3, 2},
		"level skipped":            {interior(2, child("a", ab), child("c", cd)), 4, 4},
		"level repeated":           {interior(1, ChildRef{"a", good, 4, 4, 4}), 4, 4},
		"directory claims fewer":   under(directory("x", TreeRef{good, 3, 4})),
		"directory claims more":    under(directory("x", TreeRef{good, 4, 1 << 40})),
		"directory is a file list": under(directory("x", TreeRef{m.put(t, KindFileList, []byte("list")), 1, 1})),
		"directory is a commit":    under(directory("x", TreeRef{commitOf(t, m, ab, 1), 1, 1})),
		"directory is a chunk":     under(directory("x", TreeRef{m.put(t, KindChunk, []byte("\x01\x00\x00")), 0, 0})),
		"directory is nothing":     under(directory("x", TreeRef{ID{9}, 1, 1})),
	}
	for what, root := range cases {
		for name, read := range readers {
			if err := read(m, root); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %s: %v", what, name, err)
			}
		}
	}
	t.Logf("proof row 9: %d lying trees, each refused in %d ways of reading", len(cases), len(readers))
}

// More than was announced is never handed out.
func TestBudgetHolds(t *testing.T) {
	m := newMemory()
	root := buildNames(t, m, names(5000))
	seen := 0
	err := WalkExact(context.Background(), m, TreeRef{root.ID, 100, root.Bytes}, func(string, *Entry) error {
		seen++
		return nil
	})
	if !errors.Is(err, ErrMalformed) || seen > 100 {
		t.Errorf("%d entries of 100 announced: %v", seen, err)
	}
}

// Hand-made leaves with names that would lead out of the root, or into .evault.
func TestHostileNamesInTrees(t *testing.T) {
	m := newMemory()
	raw, err := AppendEntry(nil, &Entry{Name: "N", Type: TypeSymlink, Target: "/etc"})
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, name := range badNames {
		if len(name) > 127 {
			continue // its length would take two bytes here
		}
		leaf := "\x01\x00\x01" + string(raw[:2]) + string(rune(len(name))) + name + string(raw[4:])
		id := m.put(t, KindTree, []byte(leaf))
		for how, read := range readers {
			if err := read(m, TreeRef{id, 1, 0}); !errors.Is(err, ErrMalformed) {
				t.Errorf("%q: %s: %v", name, how, err)
			}
		}
		cases++
	}
	t.Logf("proof row 9: %d hostile names in trees, all refused", cases)
}

// liar serves one tree for every ID: a cycle that a keyed hash rules out, but that a
// broken Source could present.
type liar struct{ data []byte }

func (l liar) Get(context.Context, ID, Kind) ([]byte, error) { return l.data, nil }

func TestCyclesEnd(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	loop := build(t, m, directory("loop", TreeRef{ID{1}, 1, 0}))
	err := Walk(ctx, liar{m.held[loop.ID]}, loop.ID, func(string, *Entry) error { return nil })
	if err == nil {
		t.Error("a directory in itself: walked to the end")
	}
	// Totals cannot fit a cycle, so only Reachable, told to descend, meets the depth limit.
	tree := newNode(t, &TreeNode{Level: 1, Children: []ChildRef{{"a", ID{1}, 1, 1, 0}}})
	if err := ReadDir(ctx, liar{tree}, ID{1}, func(*Entry, []byte) error { return nil }); !errors.Is(err, ErrMalformed) {
		t.Errorf("a node in itself: %v", err)
	}
	list := &ListNode{Level: 1, Children: []ListRef{{ID{1}, 5}, {ID{1}, 5}}}
	data, err := list.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := extentsOf(liar{data}, Content{Kind: ContentFileList, ID: ID{1}}, 10); !errors.Is(err, ErrMalformed) {
		t.Errorf("a list in itself: %v", err)
	}
	c := Commit{Parents: []ID{{1}}, Generation: 2}
	if data, err = c.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := IsAncestor(ctx, liar{data}, ID{2}, ID{1}); err != nil && !errors.Is(err, ErrMalformed) {
		t.Errorf("a commit that is its own parent: %v", err)
	}
	if _, err := MergeBases(ctx, liar{data}, ID{2}, ID{3}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a commit that is its own parent: %v", err)
	}
	err = Reachable(ctx, liar{data}, []ID{{5}}, func(_ ID, k Kind, _ string) (bool, error) { return k == KindCommit, nil })
	if !errors.Is(err, ErrMalformed) {
		t.Errorf("a commit that is its own parent: %v", err)
	}
}

func newNode(t testing.TB, n *TreeNode) []byte {
	t.Helper()
	data, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A few bytes that unfold to 2^60 files are announced as that many, or refused; a
// nesting deeper than the limit is refused; neither takes memory.
func TestBombs(t *testing.T) {
	m := newMemory()
	ref := build(t, m, file("f", 64))
	levels := 0
	for ; levels < 100; levels++ {
		b := NewTreeBuilder(m)
		err := errors.Join(b.Add(directory("x", ref)), b.Add(directory("y", ref)))
		if err != nil {
			if !errors.Is(err, ErrLimit) {
				t.Fatal(err)
			}
			break
		}
		if ref, err = b.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	if levels < 40 || levels > 50 || ref.Entries < 1<<levels {
		t.Errorf("%d levels, %+v", levels, ref)
	}
	const budget = 1000
	seen := 0
	stop := errors.New("over budget")
	err := WalkExact(context.Background(), m, ref, func(string, *Entry) error {
		if seen++; seen > budget {
			return stop
		}
		return nil
	})
	if err != stop {
		t.Errorf("bomb: %v", err)
	}

	deep := build(t, m)
	for range MaxDepth + 2 {
		deep = build(t, m, directory("d", deep))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, read := range readers {
		if err := read(m, deep); !errors.Is(err, ErrLimit) {
			t.Errorf("deep nesting: %s: %v", name, err)
		}
	}
	long := build(t, m)
	for range MaxPath/MaxName + 2 {
		long = build(t, m, directory(strings.Repeat("d", MaxName), long))
	}
	for name, read := range readers {
		if err := read(m, long); !errors.Is(err, ErrLimit) {
			t.Errorf("long path: %s: %v", name, err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}

// A node that claims the most items in the fewest bytes takes little memory before it
// is refused.
func TestClaimsTakeNoMemory(t *testing.T) {
	for name, decode := range map[string]func() error{
		"tree": func() error { _, err := DecodeTree([]byte("\x01\x00\x80\x80\x04")); return err },
		"list": func() error { _, err := DecodeFileList([]byte("\x01\x00\x80\x40")); return err },
		"commit": func() error {
			_, err := DecodeCommit([]byte("\x01\x10"))
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 {
			if decode() == nil {
				t.Fatalf("%s: decoded", name)
			}
		}
		runtime.ReadMemStats(&after)
		n := (after.TotalAlloc - before.TotalAlloc) / 100
		if n > 4096 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}

func TestParseID(t *testing.T) {
	id := testID(KindTag, nil)
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "ab", strings.ToUpper(id.String()), id.String() + "0", id.String()[:63] + "g", id.String()[:63] + " "} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("%q parsed", s)
		}
	}
	if (ID{}).Compare(id) >= 0 || id.Compare(id) != 0 || !(ID{}).IsZero() || id.IsZero() || !strings.HasPrefix(id.String(), id.Short()) {
		t.Error("Compare, IsZero or Short")
	}
	for k := Kind(0); k < 8; k++ {
		if k.Valid() != !strings.HasPrefix(fmt.Sprint(k), "kind ") {
			t.Errorf("%v", k)
		}
	}
}
