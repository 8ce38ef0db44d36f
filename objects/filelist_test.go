package objects

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func chunkID(n int) ID {
	return testID(KindChunk, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func listOf(t testing.TB, sink Sink, extents []Extent) (Content, uint64) {
	t.Helper()
	b := NewFileListBuilder(sink)
	for _, x := range extents {
		var err error
		if x.Hole {
			err = b.AddHole(x.Length)
		} else {
			err = b.AddChunk(x.ID, x.Length)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return c, b.Size()
}

func extentsOf(src Source, c Content, size uint64) (got []Extent, err error) {
	err = Extents(context.Background(), src, c, size, func(x Extent) error {
		got = append(got, x)
		return nil
	})
	return got, err
}

func TestFileListRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMemory()
		parts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Extent {
			if rapid.IntRange(0, 2).Draw(t, "hole") == 0 {
				return Extent{Hole: true, Length: rapid.Uint64Range(0, 1<<40).Draw(t, "length")}
			}
			return Extent{ID: chunkID(rapid.IntRange(0, 9).Draw(t, "chunk")), Length: rapid.Uint64Range(1, MaxChunk).Draw(t, "length")}
		}), 0, 50).Draw(rt, "extents")
		var want []Extent // holes merged, empty ones gone
		for _, x := range parts {
			last := len(want) - 1
			switch {
			case x.Length == 0:
			case x.Hole && last >= 0 && want[last].Hole:
				want[last].Length += x.Length
			default:
				want = append(want, x)
			}
		}
		c, size := listOf(t, m, parts)
		kind := ContentFileList
		if len(want) == 0 {
			kind = ContentEmpty
		} else if len(want) == 1 && !want[0].Hole {
			kind = ContentChunk
		}
		if c.Kind != kind {
			rt.Fatalf("content %d, want %d", c.Kind, kind)
		}
		got, err := extentsOf(m, c, size)
		if err != nil || !slices.Equal(got, want) {
			rt.Fatalf("got %v\nwant %v (%v)", got, want, err)
		}
		if _, err := extentsOf(m, c, size+1); err == nil && c.Kind != ContentChunk {
			rt.Fatal("a greater size is accepted")
		}
	})
}

func TestHugeFileList(t *testing.T) {
	const n = 60_000
	m := newMemory()
	extents := make([]Extent, n)
	for i := range extents {
		extents[i] = Extent{ID: chunkID(i), Length: uint64(1 + i)}
		if i%1000 == 999 {
			extents[i] = Extent{Hole: true, Length: 1 << 30}
		}
	}
	c, size := listOf(t, m, extents)
	got, err := extentsOf(m, c, size)
	if err != nil || !slices.Equal(got, extents) {
		t.Fatalf("%d extents, %v", len(got), err)
	}
	nodes := len(m.held)
	if nodes < n/MaxListElements || nodes > n/listMin {
		t.Errorf("%d nodes", nodes)
	}
	worst := 0
	for i := range 6 {
		at := 2500 + i*9000
		before := len(m.held)
		listOf(t, m, slices.Insert(slices.Clone(extents), at, Extent{ID: chunkID(n + i), Length: 5}))
		worst = max(worst, len(m.held)-before)
	}
	if worst > 6 {
		t.Errorf("one new chunk writes %d nodes", worst)
	}
	t.Logf("%d extents in %d nodes, one more writes at most %d", n, nodes, worst)
	for id := range m.held {
		if id == c.ID {
			continue
		}
		data := m.held[id]
		delete(m.held, id)
		if _, err := extentsOf(m, c, size); err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("lost node: %v", err)
		}
		m.held[id] = data
	}
}

func TestExtentsOfOtherContents(t *testing.T) {
	id := chunkID(1)
	ok := []struct {
		c    Content
		size uint64
		n    int
	}{
		{Content{}, 0, 0}, {Content{Kind: ContentInline, Inline: []byte("abc")}, 3, 0}, {Content{Kind: ContentChunk, ID: id}, 5, 1},
	}
	for _, o := range ok {
		if got, err := extentsOf(newMemory(), o.c, o.size); err != nil || len(got) != o.n {
			t.Errorf("%+v: %v, %v", o.c, got, err)
		}
		if _, err := extentsOf(newMemory(), o.c, MaxChunk+1); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v with a wrong size: %v", o.c, err)
		}
	}
	if _, err := extentsOf(newMemory(), Content{Kind: 9}, 1); !errors.Is(err, ErrNewer) {
		t.Errorf("kind 9: %v", err)
	}
}

func TestFileListBuilderRefuses(t *testing.T) {
	for name, add := range map[string]func(b *FileListBuilder) error{
		"empty chunk": func(b *FileListBuilder) error { return b.AddChunk(ID{1}, 0) },
		"large chunk": func(b *FileListBuilder) error { return b.AddChunk(ID{1}, MaxChunk+1) },
		"large hole":  func(b *FileListBuilder) error { return b.AddHole(MaxFileSize + 1) },
		"large file": func(b *FileListBuilder) error {
			return errors.Join(b.AddHole(MaxFileSize), b.AddChunk(ID{1}, 1))
		},
		"wrapping hole": func(b *FileListBuilder) error { return errors.Join(b.AddHole(1), b.AddHole(1<<64-1)) },
	} {
		b := NewFileListBuilder(newMemory())
		if err := add(b); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.Finish(); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: Finish: %v", name, err)
		}
	}
	m := newMemory()
	m.fail = errors.New("disk full")
	b := NewFileListBuilder(m)
	if err := errors.Join(b.AddChunk(ID{1}, 1), b.AddChunk(ID{2}, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Finish(); !errors.Is(err, m.fail) {
		t.Errorf("error of the sink: %v", err)
	}
}

func TestFileListLies(t *testing.T) {
	m := newMemory()
	put := func(n *ListNode) ID {
		data, err := n.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return m.put(t, KindFileList, data)
	}
	chunk := Extent{ID: chunkID(1), Length: 10}
	hole := Extent{Hole: true, Length: 10}
	leaf := put(&ListNode{Extents: []Extent{chunk, chunk}})
	holeFirst := put(&ListNode{Extents: []Extent{hole, chunk}})
	holeLast := put(&ListNode{Extents: []Extent{chunk, hole}})
	single := put(&ListNode{Extents: []Extent{chunk}})
	cases := map[string]struct {
		root ID
		size uint64
	}{
		"size too small":       {leaf, 19},
		"size too large":       {leaf, 21},
		"list of one chunk":    {single, 10},
		"one child":            {put(&ListNode{Level: 1, Children: []ListRef{{leaf, 20}}}), 20},
		"child's length small": {put(&ListNode{Level: 1, Children: []ListRef{{leaf, 10}, {leaf, 20}}}), 30},
		"child's length large": {put(&ListNode{Level: 1, Children: []ListRef{{leaf, 30}, {leaf, 20}}}), 50},
		"level skipped":        {put(&ListNode{Level: 2, Children: []ListRef{{leaf, 20}, {leaf, 20}}}), 40},
		"holes adjoin":         {put(&ListNode{Level: 1, Children: []ListRef{{holeLast, 20}, {holeFirst, 20}}}), 40},
		"sum beyond size":      {put(&ListNode{Level: 1, Children: []ListRef{{leaf, 20}, {leaf, 20}}}), 39},
	}
	for name, c := range cases {
		var sum uint64
		err := Extents(context.Background(), m, Content{Kind: ContentFileList, ID: c.root}, c.size, func(x Extent) error {
			sum += x.Length
			return nil
		})
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if sum > c.size {
			t.Errorf("%s: %d bytes given out of %d", name, sum, c.size)
		}
	}
	t.Logf("proof row 9: %d lying file lists, all refused", len(cases))
	stop := errors.New("stop")
	if err := Extents(context.Background(), m, Content{Kind: ContentFileList, ID: leaf}, 20, func(Extent) error { return stop }); err != stop {
		t.Errorf("error of each: %v", err)
	}
}

func TestDecodeFileListRefused(t *testing.T) {
	chunk := string(appendExtent(nil, Extent{ID: ID{1}, Length: 5}))
	for name, data := range map[string]string{
		"nothing": "", "no elements": "\x01\x00\x00", "level 4": "\x01\x04\x01" + chunk,
		"too many": "\x01\x00\x81\x40" + chunk, "trailing": "\x01\x00\x01" + chunk + "x", "cut": "\x01\x00\x01" + chunk[:20],
		"empty extent": "\x01\x00\x01\x00" + chunk[1:], "empty hole": "\x01\x00\x01\x01", "two holes": "\x01\x00\x02\x03\x03",
		"long chunk":  "\x01\x00\x01" + string(appendExtent(nil, Extent{Length: MaxChunk + 1})),
		"long hole":   "\x01\x00\x01" + string(appendExtent(nil, Extent{Hole: true, Length: MaxFileSize + 1})),
		"long file":   "\x01\x00\x02" + string(appendExtent(nil, Extent{Hole: true, Length: MaxFileSize})) + chunk,
		"empty child": "\x01\x01\x01" + string(appendListRef(nil, ListRef{})),
	} {
		if _, err := DecodeFileList([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeFileList([]byte("\x02")); !errors.Is(err, ErrMalformed) {
		t.Errorf("one byte: %v", err)
	}
	if _, err := DecodeFileList([]byte("\x02\x00\x00")); !errors.Is(err, ErrNewer) {
		t.Errorf("version 2: %v", err)
	}
}

func FuzzDecodeFileList(f *testing.F) {
	for _, n := range []ListNode{
		{Extents: []Extent{{ID: ID{1}, Length: 5}, {Hole: true, Length: 1 << 40}, {ID: ID{2}, Length: MaxChunk}}},
		{Level: 1, Children: []ListRef{{ID{3}, 10}, {ID{4}, 1 << 45}}},
	} {
		data, err := n.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := DecodeFileList(data)
		if err != nil {
			return
		}
		again, err := n.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q encodes to %q (%v)", data, again, err)
		}
	})
}
