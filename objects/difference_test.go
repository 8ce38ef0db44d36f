package objects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// placed is an object at a path.
type placed struct {
	path string
	id   ID
}

// placesOf lists every object below a tree with its path, by reading all of it.
func placesOf(t rapid.TB, m *memory, tree TreeRef) map[placed]Kind {
	t.Helper()
	data, err := (&Commit{Tree: tree.ID, Entries: tree.Entries, Bytes: tree.Bytes, Generation: 1}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := m.Put(KindCommit, data)
	out := map[placed]Kind{}
	all := Traversal{Source: m, Visit: func(e *Edge) (bool, error) {
		if e.Kind != KindCommit {
			out[placed{e.Path, e.ID}] = e.Kind
		}
		return true, nil
	}}
	if err := all.Run(context.Background(), []ID{id}); err != nil {
		t.Fatal(err)
	}
	return out
}

// wood draws trees over few names, so that they have much in common.
type wood struct {
	t *rapid.T
	m *memory
}

func (w *wood) tree(depth int) TreeRef {
	b := NewTreeBuilder(w.m)
	count := rapid.SampledFrom([]int{0, 1, 3, 8, 1500}).Draw(w.t, "names")
	if depth > 0 {
		count = min(count, 8)
	}
	kept := rapid.SliceOfN(rapid.IntRange(0, 9), 8, 8).Draw(w.t, "kept")
	for i := range count {
		name := fmt.Sprintf("n%05d", i)
		if kept[i%8] == 0 {
			continue
		}
		if err := b.Add(w.entry(name, i, depth)); err != nil {
			w.t.Fatal(err)
		}
	}
	ref, err := b.Finish()
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}

func (w *wood) entry(name string, i, depth int) *Entry {
	if i >= 8 {
		return file(name, uint64(i%3)*100)
	}
	switch kind := rapid.IntRange(0, 4).Draw(w.t, "what"); {
	case kind == 0 && depth < 3:
		return directory(name, w.tree(depth+1))
	case kind == 1:
		return &Entry{Name: name, Type: TypeSymlink, Target: "x"}
	case kind == 2:
		content, size := w.list()
		return &Entry{Name: name, Type: TypeFile, Size: size, Content: content}
	}
	n := rapid.IntRange(0, 2).Draw(w.t, "chunk")
	return &Entry{Name: name, Type: TypeFile, Size: 5, Content: Content{Kind: ContentChunk, ID: testID(KindChunk, []byte{byte(n)})}}
}

func (w *wood) list() (Content, uint64) {
	b := NewFileListBuilder(w.m)
	from, size := rapid.IntRange(0, 5).Draw(w.t, "from"), uint64(0)
	for i := range rapid.SampledFrom([]int{2, 5, 4000}).Draw(w.t, "chunks") {
		length := uint64(10 + i%7)
		if err := b.AddChunk(testID(KindChunk, fmt.Append(nil, from+i)), length); err != nil {
			w.t.Fatal(err)
		}
		size += length
	}
	c, err := b.Finish()
	if err != nil {
		w.t.Fatal(err)
	}
	return c, size
}

// Random trees against the definition: all that is at no such place in a base is visited, and nothing else.
func TestDifferenceByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := wood{t, newMemory()}
		tree := w.tree(0)
		want := placesOf(t, w.m, tree)
		var bases []ID
		for range rapid.IntRange(0, 3).Draw(t, "bases") {
			base := w.tree(0)
			bases = append(bases, base.ID)
			for p := range placesOf(t, w.m, base) {
				delete(want, p)
			}
		}
		got := map[placed]Kind{}
		d := Difference{Source: w.m, Visit: func(e *Edge) (bool, error) {
			got[placed{e.Path, e.ID}] = e.Kind
			return true, nil
		}}
		if err := d.Run(context.Background(), ID{}, tree.ID, bases); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, want) {
			t.Fatalf("visited %d places, want %d", len(got), len(want))
		}
	})
}

// One change in a tree of a hundred thousand names costs the nodes on the way to it.
func TestDifferenceReadsLittle(t *testing.T) {
	m := newMemory()
	list := names(100_000)
	before := buildNames(t, m, list)
	list[40_000] += "x"
	after := buildNames(t, m, list)
	m.gets = 0
	visits := 0
	d := Difference{Source: m, Visit: func(*Edge) (bool, error) { visits++; return true, nil }}
	if err := d.Run(t.Context(), ID{}, after.ID, []ID{before.ID}); err != nil {
		t.Fatal(err)
	}
	if m.gets > 12 || visits > 6 {
		t.Errorf("%d nodes read, %d visited", m.gets, visits)
	}
	m.gets = 0
	if err := d.Run(t.Context(), ID{}, after.ID, []ID{before.ID, after.ID}); err != nil || m.gets > 0 {
		t.Errorf("nothing new, and %d nodes read: %v", m.gets, err)
	}
}

func TestDifferenceNamesWhatIsMissing(t *testing.T) {
	m := newMemory()
	gone := build(t, m, file("a", 3))
	lost := &Entry{Name: "list", Type: TypeFile, Size: 1 << 30, Content: Content{Kind: ContentFileList, ID: ID{7}}}
	root := build(t, m, directory("dir", gone), lost, directory("other", build(t, m, file("b", 1))))
	delete(m.held, gone.ID)
	var found []string
	d := Difference{Source: m, Visit: func(*Edge) (bool, error) { return true, nil }, Damaged: func(e *Edge, err error) error {
		if !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		found = append(found, e.Path)
		return nil
	}}
	if err := d.Run(t.Context(), ID{}, root.ID, nil); err != nil || !slices.Equal(found, []string{"dir", "list"}) {
		t.Errorf("%v, %v", found, err)
	}
	d.Damaged = nil
	if err := d.Run(t.Context(), ID{}, root.ID, nil); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"dir"`) {
		t.Error(err)
	}
	// A base that is not there excuses nothing, and stops nothing.
	other := build(t, m, file("c", 1))
	if err := d.Run(t.Context(), ID{}, other.ID, []ID{{9}}); err != nil {
		t.Error(err)
	}
}

// A few objects of a hostile member claim a tree of astronomical size; what is read is bounded by the objects.
func TestDifferenceOfATreeThatNamesItselfOften(t *testing.T) {
	m := newMemory()
	leaf := build(t, m, file("x", 1))
	for range 40 {
		var twins []*Entry
		for i := range 50 {
			twins = append(twins, directory(fmt.Sprintf("d%02d", i), TreeRef{ID: leaf.ID, Entries: 1, Bytes: 1}))
		}
		leaf = build(t, m, twins...)
	}
	node := leaf.ID
	for level := range uint8(MaxTreeLevel) {
		n := &TreeNode{Level: level + 1}
		for i := range 200 {
			n.Children = append(n.Children, ChildRef{First: fmt.Sprintf("c%03d", i), ID: node, Count: 1, Entries: 1})
		}
		data, err := n.Encode()
		if err != nil {
			t.Fatal(err)
		}
		node = m.put(t, KindTree, data)
	}
	seen := map[ID]bool{}
	m.gets = 0
	d := Difference{Source: m, Visit: func(e *Edge) (bool, error) {
		again := seen[e.ID]
		seen[e.ID] = true
		return !again, nil
	}}
	if err := d.Run(t.Context(), ID{}, node, nil); err != nil {
		t.Fatal(err)
	}
	if m.gets > 100 {
		t.Errorf("%d nodes read", m.gets)
	}
}
