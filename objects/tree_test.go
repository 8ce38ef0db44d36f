package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("file-%07d.txt", i*3)
	}
	return out
}

func buildNames(t testing.TB, sink Sink, names []string) TreeRef {
	t.Helper()
	entries := make([]*Entry, len(names))
	for i, n := range names {
		entries[i] = file(n, 10)
	}
	return build(t, sink, entries...)
}

func readNames(t testing.TB, src Source, id ID) []string {
	t.Helper()
	var got []string
	if err := ReadDir(context.Background(), src, id, func(e *Entry, _ []byte) error {
		got = append(got, e.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTreeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		entries := genEntries(30).Draw(t, "entries")
		b, encoded := NewTreeBuilder(m), NewTreeBuilder(m)
		want := TreeRef{Entries: uint64(len(entries))}
		for i := range entries {
			e := &entries[i]
			raw, err := AppendEntry(nil, e)
			if err != nil {
				t.Fatal(err)
			}
			n, bytes := e.Totals()
			want.Entries, want.Bytes = want.Entries+n, want.Bytes+bytes
			if err := b.Add(e); err != nil {
				t.Fatal(err)
			}
			if err := encoded.AddEncoded(raw, e.Name, n, bytes); err != nil {
				t.Fatal(err)
			}
		}
		ref, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if same, err := encoded.Finish(); err != nil || same != ref {
			t.Fatalf("AddEncoded makes %v, Add %v (%v)", same, ref, err)
		}
		if want.ID = ref.ID; ref != want {
			t.Fatalf("totals %+v, want %+v", ref, want)
		}
		i := 0
		err = ReadDirExact(context.Background(), m, ref, func(e *Entry, raw []byte) error {
			again, err := AppendEntry(nil, e)
			if !e.Equal(&entries[i]) || err != nil || !bytes.Equal(again, raw) {
				t.Fatalf("entry %d: %+v, want %+v (%v)", i, e, entries[i], err)
			}
			i++
			return nil
		})
		if err != nil || i != len(entries) {
			t.Fatalf("%d of %d entries, %v", i, len(entries), err)
		}
	})
}

func TestHugeDirectory(t *testing.T) {
	const n = 40_000
	m := newMemory()
	all := names(n)
	ref := buildNames(t, m, all)
	if ref.Entries != n || ref.Bytes != 10*n {
		t.Fatalf("totals %+v", ref)
	}
	if got := readNames(t, m, ref.ID); !slices.Equal(got, all) {
		t.Fatalf("%d names read, %d written", len(got), n)
	}
	leaves, largest := 0, 0
	for id, data := range m.held {
		node, err := DecodeTree(data)
		if err != nil {
			t.Fatalf("%s: %v", id.Short(), err)
		}
		if node.Level == 0 {
			leaves++
			largest = max(largest, len(node.Entries))
		}
	}
	if leaves < n/2500 || leaves > n/500 || largest > nodeMax {
		t.Errorf("%d leaves, the largest of %d entries", leaves, largest)
	}
	t.Logf("%d entries in %d leaves, the largest has %d", n, leaves, largest)

	// One file more or less rewrites one leaf (two if it makes or breaks a boundary)
	// and the nodes above it.
	worst := 0
	for i := range 12 {
		changed := slices.Clone(all)
		at := i * n / 12
		if i%2 == 0 {
			changed = slices.Insert(changed, at, all[at][:12]+"!")
			slices.Sort(changed)
		} else {
			changed = slices.Delete(changed, at, at+1)
		}
		before := len(m.held)
		buildNames(t, m, changed)
		worst = max(worst, len(m.held)-before)
	}
	if worst > 8 {
		t.Errorf("one changed name writes %d new nodes", worst)
	}
	t.Logf("one changed name writes at most %d new nodes", worst)
}

// A name found or not found in a huge directory costs one node of each level.
func TestLookup(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	all := names(20_000)
	big := buildNames(t, m, all)
	root := build(t, m, directory("big", big), file("x", 5))
	for i := 0; i < len(all); i += 97 {
		before := m.gets
		e, err := Lookup(ctx, m, root.ID, "big/"+all[i])
		if err != nil || e.Name != all[i] || e.Size != 10 {
			t.Fatalf("%s: %+v, %v", all[i], e, err)
		}
		if m.gets-before > 3 {
			t.Fatalf("%d nodes read for one name", m.gets-before)
		}
		if _, err := Lookup(ctx, m, root.ID, "big/"+all[i]+"x"); !errors.Is(err, ErrNoPath) {
			t.Fatalf("absent name: %v", err)
		}
	}
	for _, path := range []string{"nothing", "big/0", "big/zzz", "x/y", "a", "z"} {
		if _, err := Lookup(ctx, m, root.ID, path); !errors.Is(err, ErrNoPath) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"/", "/x", "big/", "big//x", "../x", "big/../x", "big/.evault", "a\x00"} {
		if _, err := Lookup(ctx, m, root.ID, path); err == nil || errors.Is(err, ErrNoPath) {
			t.Errorf("%q: %v", path, err)
		} else if _, ok := errors.AsType[*NameError](err); !ok {
			t.Errorf("%q: %v", path, err)
		}
	}
	for id, want := range map[ID]TreeRef{root.ID: root, big.ID: big} {
		e, err := Lookup(ctx, m, id, "")
		if err != nil || e.Type != TypeDirectory || e.Name != "" || (TreeRef{e.Tree, e.Entries, e.Bytes}) != want {
			t.Errorf("root: %+v, want %+v (%v)", e, want, err)
		}
	}
	delete(m.held, big.ID)
	if _, err := Lookup(ctx, m, root.ID, "big/x"); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoPath) {
		t.Errorf("lost node: %v", err)
	}
}

func TestTreeBuilderMisuse(t *testing.T) {
	m := newMemory()
	b := NewTreeBuilder(m)
	if err := b.Add(file("b", 0)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b", "a", "", "..", "x/y"} {
		if err := b.Add(file(name, 0)); err == nil {
			t.Errorf("%q accepted after b", name)
		}
	}
	ref, err := b.Finish()
	if err != nil || ref != build(t, m, file("b", 0)) {
		t.Errorf("refused entries left a trace: %v, %v", ref, err)
	}
	m.fail = errors.New("disk full")
	b.Reset()
	for _, n := range names(5000) {
		if err = b.Add(file(n, 0)); err != nil {
			break
		}
	}
	if !errors.Is(err, m.fail) {
		t.Fatalf("error of the sink: %v", err)
	}
	if _, err := b.Finish(); !errors.Is(err, m.fail) {
		t.Errorf("Finish after an error: %v", err)
	}
	m.fail = nil
	b.Reset()
	if err := b.Add(file("b", 0)); err != nil {
		t.Fatal(err)
	}
	if again, err := b.Finish(); err != nil || again != ref {
		t.Errorf("after Reset: %v, %v", again, err)
	}
}

// Entries with large attributes end leaves by length, the same by either way in.
func TestTreeOfLargeEntries(t *testing.T) {
	m := newMemory()
	add, encoded := NewTreeBuilder(m), NewTreeBuilder(m)
	for i := range 40 {
		e := file(fmt.Sprintf("f%03d", i), 1)
		e.Xattrs = []Xattr{{"user.large", make([]byte, 200<<10)}}
		raw, err := AppendEntry(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(add.Add(e), encoded.AddEncoded(raw, e.Name, 0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	a, err := add.Finish()
	b, err2 := encoded.Finish()
	if err != nil || err2 != nil || a != b {
		t.Fatalf("%v %v, %v %v", a, err, b, err2)
	}
	if got := readNames(t, m, a.ID); len(got) != 40 {
		t.Errorf("%d entries", len(got))
	}
	for _, data := range m.held {
		if len(data) > nodeBytes {
			t.Errorf("node of %d bytes", len(data))
		}
	}
}

// Directories that are exactly at a boundary collapse to their shortest form.
func TestTreeHasNoNeedlessLevels(t *testing.T) {
	all := names(9000)
	for n := 0; n < len(all); n += 211 {
		m := newMemory()
		ref := buildNames(t, m, all[:n])
		root, err := DecodeTree(m.held[ref.ID])
		if err != nil {
			t.Fatal(err)
		}
		if root.Level > 0 && len(root.Children) == 1 {
			t.Errorf("%d entries: root with one child", n)
		}
		if len(readNames(t, m, ref.ID)) != n {
			t.Errorf("%d entries: not all read", n)
		}
	}
}

func TestDecodeTreeRefused(t *testing.T) {
	entry := func(e *Entry) string {
		raw, err := AppendEntry(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	a, b := entry(file("a", 1)), entry(file("b", 1))
	child := func(first string, count, entries, bytes uint64) string {
		return string(appendChild(nil, &ChildRef{First: first, ID: ID{1}, Count: count, Entries: entries, Bytes: bytes}))
	}
	huge := entry(directory("c", TreeRef{Entries: MaxTotalEntries, Bytes: MaxTotalBytes}))
	huge2 := entry(directory("d", TreeRef{Entries: MaxTotalEntries, Bytes: MaxTotalBytes}))
	cases := map[string]string{
		"nothing": "", "only version": "\x01", "no count": "\x01\x00",
		"level 6":               "\x01\x06\x01" + child("a", 1, 1, 0),
		"too many":              "\x01\x00\x81\x80\x04" + a,
		"count long form":       "\x01\x00\x81\x00" + a,
		"count too small":       "\x01\x00\x01" + a + b,
		"count too large":       "\x01\x00\x03" + a + b,
		"out of order":          "\x01\x00\x02" + b + a,
		"twice":                 "\x01\x00\x02" + a + a,
		"trailing":              "\x01\x00\x02" + a + b + "\x00",
		"totals wrap":           "\x01\x00\x02" + huge + huge2,
		"no children":           "\x01\x01\x00",
		"child out of order":    "\x01\x01\x02" + child("b", 1, 1, 1) + child("a", 1, 1, 1),
		"child named badly":     "\x01\x01\x01" + child("..", 1, 1, 1),
		"child without name":    "\x01\x01\x01" + child("", 1, 1, 1),
		"child of none":         "\x01\x01\x01" + child("a", 0, 0, 0),
		"child with few":        "\x01\x01\x01" + child("a", 5, 4, 0),
		"children's totals":     "\x01\x01\x02" + child("a", 1, MaxTotalEntries, 0) + child("b", 1, 1, 0),
		"child's total entries": "\x01\x01\x01" + child("a", 1, MaxTotalEntries+1, 0),
		"child's total bytes":   "\x01\x01\x01" + child("a", 1, 1, MaxTotalBytes+1),
	}
	for name, data := range cases {
		if _, err := DecodeTree([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeTree(make([]byte, MaxMetadata+1)); !errors.Is(err, ErrMalformed) || !errors.Is(err, ErrLimit) {
		t.Errorf("too long: %v", err)
	}
	if _, err := DecodeTree([]byte("\x02\x00\x00")); !errors.Is(err, ErrNewer) || errors.Is(err, ErrMalformed) {
		t.Errorf("version 2: %v", err)
	}
	t.Logf("proof row 9: %d hand-made tree nodes, all refused", len(cases)+1)
}

func FuzzDecodeTree(f *testing.F) {
	m := newMemory()
	build(f, m)
	build(f, m, file("a", 0), file("b", 64), directory("c", TreeRef{Entries: 1, Bytes: 1}))
	for _, data := range m.held {
		f.Add(data)
	}
	interior, err := (&TreeNode{Level: 1, Children: []ChildRef{{First: "a", Count: 3, Entries: 4}, {First: "c", Count: 1, Entries: 1, Bytes: 5}}}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(interior)
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := DecodeTree(data)
		if err != nil {
			return
		}
		again, err := n.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q encodes to %q (%v)", data, again, err)
		}
		if n.Level > 0 {
			return
		}
		m := newMemory()
		i := 0
		if err := ReadDir(context.Background(), m, m.put(t, KindTree, data), func(e *Entry, _ []byte) error {
			if !e.Equal(&n.Entries[i]) {
				t.Fatalf("entry %d differs", i)
			}
			i++
			return nil
		}); err != nil || i != len(n.Entries) {
			t.Fatalf("ReadDir: %v after %d of %d", err, i, len(n.Entries))
		}
	})
}

func TestWalk(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	inner := build(t, m, file("1", 7), file("2", 8))
	middle := build(t, m, file("a", 1), directory("b", inner), file("c", 2))
	root := build(t, m, directory("d", middle), file("d.txt", 3), directory("e", inner))
	walk := func(skip string) string {
		var got []string
		if err := WalkExact(ctx, m, root, func(path string, e *Entry) error {
			got = append(got, path)
			if path == skip {
				return SkipDir
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return strings.Join(got, " ")
	}
	for skip, want := range map[string]string{
		"":      "d d/a d/b d/b/1 d/b/2 d/c d.txt e e/1 e/2",
		"d":     "d d.txt e e/1 e/2",
		"d/b":   "d d/a d/b d/c d.txt e e/1 e/2",
		"d/a":   "d d/a d.txt e e/1 e/2",
		"d/b/1": "d d/a d/b d/b/1 d/c d.txt e e/1 e/2",
		"d.txt": "d d/a d/b d/b/1 d/b/2 d/c d.txt",
	} {
		if got := walk(skip); got != want {
			t.Errorf("skipping at %q: %s\nwant %s", skip, got, want)
		}
	}
	stop := errors.New("stop")
	if err := Walk(ctx, m, root.ID, func(path string, _ *Entry) error {
		if path == "d/b/2" {
			return stop
		}
		return nil
	}); err != stop {
		t.Errorf("error of fn: %v", err)
	}
	delete(m.held, inner.ID)
	err := Walk(ctx, m, root.ID, func(string, *Entry) error { return nil })
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"d/b"`) {
		t.Errorf("lost directory: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := Walk(canceled, m, root.ID, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
