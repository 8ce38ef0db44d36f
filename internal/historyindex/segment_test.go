package historyindex

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// clear is a sealer that seals nothing, so that a fuzzer gets behind it.
type clearSealer struct{}

func (clearSealer) Seal(dst, plaintext, _ []byte) []byte { return append(dst, plaintext...) }

func (clearSealer) Open(dst, sealed, _ []byte) ([]byte, error) { return append(dst, sealed...), nil }

// boundSealer appends the additional data, so that a block in another place does not open.
type boundSealer struct{}

func (boundSealer) Seal(dst, plaintext, aad []byte) []byte {
	return append(append(append(dst, plaintext...), aad...), byte(len(aad)))
}

func (boundSealer) Open(dst, sealed, aad []byte) ([]byte, error) {
	n := len(sealed) - len(aad) - 1
	if n < 0 || !bytes.Equal(sealed[n:len(sealed)-1], aad) {
		return nil, errors.New("another place")
	}
	return append(dst, sealed[:n]...), nil
}

// generated is a history and what it did to paths.
type generated struct {
	commits []Commit
	touches map[string][]Touch // by number in the whole history
}

func generate(rng *rand.Rand, n int) *generated {
	g := &generated{touches: map[string][]Touch{}}
	for i := range n {
		c := Commit{Generation: uint64(i + 1), Sec: rng.Int64N(1<<40) - 1<<39, Nsec: rng.Uint32N(1_000_000_000), Data: fmt.Appendf(nil, "commit %d %s", i, strings.Repeat("x", rng.IntN(900)))}
		for j := range c.ID {
			c.ID[j] = byte(rng.Uint32())
		}
		for range min(i, rng.IntN(3)) {
			if p := g.commits[rng.IntN(i)].ID; !slices.Contains(c.Parents, p) {
				c.Parents = append(c.Parents, p)
			}
		}
		g.commits = append(g.commits, c)
		seen := map[string]bool{}
		for range rng.IntN(6) {
			p := fmt.Sprintf("d%d", rng.IntN(9))
			for range rng.IntN(3) {
				p += fmt.Sprintf("%c%d", "/-."[rng.IntN(3)], rng.IntN(40))
			}
			if !seen[p] {
				seen[p] = true
				g.touches[p] = append(g.touches[p], Touch{Commit: i, Kind: Kind(rng.IntN(4)), Type: uint8(rng.IntN(8)), Details: uint8(rng.IntN(128)),
					Size: rng.Uint64() >> rng.IntN(64), Delta: rng.Uint64() & DeltaMask})
			}
		}
	}
	return g
}

// write writes commits [from, to) as a segment and opens it.
func (g *generated) write(t testing.TB, from, to int, sealer Sealer) *Segment {
	t.Helper()
	var b Builder
	for _, c := range g.commits[from:to] {
		b.Commit(c)
	}
	for p, touches := range g.touches {
		for _, touch := range touches {
			if touch.Commit >= from && touch.Commit < to {
				touch.Commit -= from
				b.Touch(p, touch)
			}
		}
	}
	var data bytes.Buffer
	if err := b.Write(&data, sealer, &Codec{}); err != nil {
		t.Fatal(err)
	}
	return open(t, data.Bytes(), sealer)
}

func open(t testing.TB, data []byte, sealer Sealer) *Segment {
	t.Helper()
	s, err := Open(bytes.NewReader(data), int64(len(data)), sealer, &Codec{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check compares a segment that holds everything with the model.
func (g *generated) check(t testing.TB, s *Segment) {
	t.Helper()
	n := 0
	err := s.Graph(func(node *Node) error {
		c := &g.commits[n]
		if node.ID != c.ID || node.Generation != c.Generation || node.Sec != c.Sec || node.Nsec != c.Nsec || len(node.Parents) != len(c.Parents) {
			t.Fatalf("commit %d is %+v, want %+v", n, node, c)
		}
		for i, p := range node.Parents {
			if p.Back == 0 && p.ID != c.Parents[i] || p.Back > 0 && g.commits[n-p.Back].ID != c.Parents[i] {
				t.Fatalf("parent %d of commit %d is %+v", i, n, p)
			}
		}
		n++
		return nil
	})
	if err != nil || n != len(g.commits) || s.Len() != n {
		t.Fatalf("%d of %d commits, %v", n, len(g.commits), err)
	}
	for i := range g.commits {
		found := false
		err := s.Texts(i, func(at int, data []byte) {
			found = found || at == i
			if !bytes.Equal(data, g.commits[at].Data) {
				t.Fatalf("text %d is %q", at, data)
			}
		})
		if err != nil || !found {
			t.Fatalf("text %d: %v", i, err)
		}
	}
	for _, dir := range []string{"", "d1", "d1/3", "d2-1", "d3.7", "d8/39", "none", "d", "e"} {
		g.checkUnder(t, s, dir)
	}
	names := map[string]int{}
	err = s.Names(func(p []byte, touches func() ([]Touch, error)) error {
		all, err := touches()
		names[string(p)] += len(all)
		return err
	})
	if err != nil || len(names) != len(g.touches) {
		t.Fatalf("%d names of %d, %v", len(names), len(g.touches), err)
	}
}

func (g *generated) checkUnder(t testing.TB, s *Segment, dir string) {
	t.Helper()
	got, last := map[string][]Touch{}, ""
	err := s.Under(dir, func(p []byte, touches []Touch) error {
		if ComparePaths(last, string(p)) > 0 {
			t.Fatalf("%q after %q", p, last)
		}
		last = string(p)
		got[last] = append(got[last], touches...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := maps.Collect(maps.All(g.touches))
	maps.DeleteFunc(want, func(p string, _ []Touch) bool { return !(dir == "" || p == dir || strings.HasPrefix(p, dir+"/")) })
	if !maps.EqualFunc(got, want, slices.Equal[[]Touch]) {
		t.Fatalf("under %q: %d paths, want %d", dir, len(got), len(want))
	}
}

func TestSegmentHoldsWhatWasWritten(t *testing.T) {
	for seed, n := range []int{0, 1, 2, 300, 5000} {
		g := generate(rand.New(rand.NewPCG(uint64(seed), 1)), n)
		g.check(t, g.write(t, 0, n, boundSealer{}))
	}
}

// TestManyTouchesOfOnePath has more than fit into one entry, and a block.
func TestManyTouchesOfOnePath(t *testing.T) {
	g := generate(rand.New(rand.NewPCG(9, 9)), 3*entryTouches+7)
	for i := range g.commits {
		g.touches["often"] = append(g.touches["often"], Touch{Commit: i, Kind: Modified, Type: 1, Size: uint64(i), Delta: uint64(i)})
	}
	g.check(t, g.write(t, 0, len(g.commits), boundSealer{}))
}

// TestMergeIsAsWrittenAtOnce splits a history anywhere and merges the parts in any grouping of neighbours.
func TestMergeIsAsWrittenAtOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(rt, "commits")
		g := generate(rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)), n)
		var parts []*Segment
		for from := 0; from < n; {
			to := min(n, from+rapid.IntRange(1, 120).Draw(rt, "length"))
			parts = append(parts, g.write(t, from, to, boundSealer{}))
			from = to
		}
		for len(parts) > 1 {
			i := rapid.IntRange(0, len(parts)-2).Draw(rt, "first")
			j := rapid.IntRange(i+2, len(parts)).Draw(rt, "end")
			var data bytes.Buffer
			w := NewWriter(&data, boundSealer{}, &Codec{})
			if err := errors.Join(Merge(w, parts[i:j]), w.Close()); err != nil {
				rt.Fatal(err)
			}
			parts = slices.Replace(parts, i, j, open(t, data.Bytes(), boundSealer{}))
		}
		g.check(t, parts[0])
	})
}

// TestBlocksAreBoundToTheirPlace exchanges two blocks of the dictionary.
func TestBlocksAreBoundToTheirPlace(t *testing.T) {
	g := generate(rand.New(rand.NewPCG(4, 4)), 20_000)
	s := g.write(t, 0, len(g.commits), boundSealer{})
	if len(s.dict) < 2 || len(s.graph) < 2 {
		t.Fatalf("%d and %d blocks", len(s.dict), len(s.graph))
	}
	s.dict[0].place, s.dict[1].place = s.dict[1].place, s.dict[0].place
	if err := s.Under("", func([]byte, []Touch) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("exchanged paths: %v", err)
	}
	s.graph[0], s.graph[1] = s.graph[1], s.graph[0]
	if err := s.Graph(func(*Node) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("exchanged commits: %v", err)
	}
}

func TestWriterRefusesWhatDoesNotFit(t *testing.T) {
	for name, write := range map[string]func(w *Writer){
		"paths out of order": func(w *Writer) {
			w.Commit(&Commit{})
			w.Path("b", []Touch{{}})
			w.Path("a", []Touch{{}})
		},
		"a commit twice":     func(w *Writer) { w.Commit(&Commit{}); w.Commit(&Commit{}) },
		"an unknown commit":  func(w *Writer) { w.Commit(&Commit{}); w.Path("a", []Touch{{Commit: 1}}) },
		"too many parents":   func(w *Writer) { w.Commit(&Commit{Parents: make([]ID, MaxParents+1)}) },
		"a path beyond size": func(w *Writer) { w.Commit(&Commit{}); w.Path(strings.Repeat("a", MaxPath+1), []Touch{{}}) },
	} {
		w := NewWriter(&bytes.Buffer{}, clearSealer{}, &Codec{})
		write(w)
		if w.Close() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestComparePathsIsTheOrderOfAWalk(t *testing.T) {
	want := []string{"", "a", "a/b", "a/b/c", "a/b-", "a/c", "a ", "a-", "a-/x", "a.", "ab", "b"}
	got := slices.Clone(want)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, ComparePaths)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// FuzzSegment reads bytes that nobody sealed: nothing but errors may come of them.
func FuzzSegment(f *testing.F) {
	for seed, n := range []int{0, 1, 40} {
		g := generate(rand.New(rand.NewPCG(uint64(seed), 1)), n)
		var b Builder
		for _, c := range g.commits {
			b.Commit(c)
		}
		for p, touches := range g.touches {
			for _, touch := range touches {
				b.Touch(p, touch)
			}
		}
		var data bytes.Buffer
		if err := b.Write(&data, clearSealer{}, &Codec{}); err != nil {
			f.Fatal(err)
		}
		f.Add(data.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Open(bytes.NewReader(data), int64(len(data)), clearSealer{}, &Codec{})
		if err != nil {
			return
		}
		nodes := 0
		graph := s.Graph(func(n *Node) error {
			for _, p := range n.Parents {
				if p.Back < 0 || p.Back > nodes {
					t.Fatalf("commit %d has a parent %d before it", nodes, p.Back)
				}
			}
			nodes++
			return nil
		})
		for i := range min(s.Len(), 100) {
			if err := s.Texts(i, func(at int, _ []byte) {
				if at < 0 || at >= s.Len() {
					t.Fatalf("text %d of %d", at, s.Len())
				}
			}); err != nil {
				break
			}
		}
		paths := s.Under("", func(p []byte, touches []Touch) error {
			for _, touch := range touches {
				if touch.Commit >= s.Len() || len(p) > MaxPath {
					t.Fatalf("%+v of %d commits, a path of %d", touch, s.Len(), len(p))
				}
			}
			return nil
		})
		w := NewWriter(&bytes.Buffer{}, clearSealer{}, &Codec{})
		_ = Merge(w, []*Segment{s}) // whatever it says, it ends
		if graph != nil && nodes > s.Len() || paths != nil && !errors.Is(paths, ErrDamaged) {
			t.Fatalf("%v, %v", graph, paths)
		}
	})
}
