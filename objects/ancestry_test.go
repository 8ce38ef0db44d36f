package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Random histories against the definition by brute force.
func TestAncestryByDefinition(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		n := rapid.IntRange(1, 14).Draw(t, "commits")
		ids := make([]ID, n)
		commits := make([]*Commit, n)
		above := make([]map[int]bool, n) // commit and all its ancestors
		for i := range n {
			parents := rapid.SliceOfNDistinct(rapid.IntRange(0, max(i-1, 0)), 0, min(i, 3), rapid.ID).Draw(t, "parents")
			c := &Commit{Message: fmt.Sprint(i)}
			var ps []*Commit
			above[i] = map[int]bool{i: true}
			for _, p := range parents {
				c.Parents = append(c.Parents, ids[p])
				ps = append(ps, commits[p])
				for a := range above[p] {
					above[i][a] = true
				}
			}
			c.Generation = NextGeneration(ps...)
			data, err := c.Encode()
			if err != nil {
				t.Fatal(err)
			}
			ids[i], _ = m.Put(KindCommit, data)
			commits[i] = c
		}
		a, b := rapid.IntRange(0, n-1).Draw(t, "a"), rapid.IntRange(0, n-1).Draw(t, "b")
		if got, err := IsAncestor(ctx, m, ids[a], ids[b]); err != nil || got != above[b][a] {
			t.Fatalf("IsAncestor(%d, %d) is %v (%v)", a, b, got, err)
		}
		var want []ID
		for x := range above[a] {
			best := above[b][x]
			for y := range above[a] {
				if y != x && above[b][y] && above[y][x] {
					best = false
				}
			}
			if best {
				want = append(want, ids[x])
			}
		}
		got, err := MergeBases(ctx, m, ids[a], ids[b])
		first, ok, err2 := MergeBase(ctx, m, ids[a], ids[b])
		if err != nil || err2 != nil || ok != (len(want) > 0) || ok && first != got[0] {
			t.Fatalf("%v %v, %v %v", err, err2, first, ok)
		}
		slices.SortFunc(want, ID.Compare)
		sorted := slices.SortedFunc(slices.Values(got), ID.Compare)
		if !slices.Equal(sorted, want) {
			t.Fatalf("MergeBases(%d, %d): %v, want %v", a, b, sorted, want)
		}
		ahead, behind, err := AheadBehind(ctx, m, ids[a], ids[b])
		if onlyA, onlyB := lacking(above[a], above[b]), lacking(above[b], above[a]); err != nil || ahead != len(onlyA) || behind != len(onlyB) {
			t.Fatalf("AheadBehind(%d, %d): %d, %d (%v), want %d, %d", a, b, ahead, behind, err, len(onlyA), len(onlyB))
		}
		if ahead, behind, err := AheadBehind(ctx, m, ids[a], ID{}); err != nil || ahead != len(above[a]) || behind != 0 {
			t.Fatalf("AheadBehind(%d, nothing): %d, %d (%v)", a, ahead, behind, err)
		}
		c := rapid.IntRange(0, n-1).Draw(t, "c")
		fresh := lacking(above[a], above[b])
		for x := range lacking(above[c], above[b]) {
			fresh[x] = true
		}
		var before uint64
		err = Between(ctx, m, []ID{ids[a], ids[c]}, []ID{ids[b]}, func(id ID, commit *Commit) error {
			x := slices.Index(ids, id)
			if !fresh[x] || before != 0 && commit.Generation > before {
				t.Fatalf("Between(%d %d, %d) gives %d", a, c, b, x)
			}
			before = commit.Generation
			delete(fresh, x)
			return nil
		})
		if err != nil || len(fresh) > 0 {
			t.Fatalf("Between(%d %d, %d): %v, and %v is left out", a, c, b, err, fresh)
		}
	})
}

// lacking gives what a has and b has not.
func lacking(a, b map[int]bool) map[int]bool {
	out := map[int]bool{}
	for x := range a {
		if !b[x] {
			out[x] = true
		}
	}
	return out
}

// A question about the tip of a long history reads the tip of it.
func TestAncestryReadsLittle(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	tree := build(t, m)
	ids := []ID{commitOf(t, m, tree, 1)}
	for g := uint64(2); g <= 2000; g++ {
		ids = append(ids, commitOf(t, m, tree, g, ids[len(ids)-1]))
	}
	m.gets = 0
	if ok, err := IsAncestor(ctx, m, ids[1990], ids[1999]); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if ok, err := IsAncestor(ctx, m, ids[1999], ids[1990]); err != nil || ok {
		t.Fatal(ok, err)
	}
	side := commitOf(t, m, tree, 1993, ids[1990])
	if base, ok, err := MergeBase(ctx, m, side, ids[1999]); err != nil || !ok || base != ids[1990] {
		t.Fatal(base, ok, err)
	}
	count := 0
	if err := Between(ctx, m, []ID{ids[1999]}, []ID{ids[1990]}, func(ID, *Commit) error { count++; return nil }); err != nil || count != 9 {
		t.Fatal(count, err)
	}
	if ahead, behind, err := AheadBehind(ctx, m, side, ids[1999]); err != nil || ahead != 1 || behind != 9 {
		t.Fatal(ahead, behind, err)
	}
	if m.gets > 90 {
		t.Errorf("%d commits read", m.gets)
	}
	if _, err := IsAncestor(ctx, m, ID{1}, ids[0]); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown commit: %v", err)
	}
	if ok, err := IsAncestor(ctx, m, ids[5], ids[5]); err != nil || !ok {
		t.Errorf("a commit is its own ancestor: %v, %v", ok, err)
	}
}
