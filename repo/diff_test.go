package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"evault/objects"
)

// comparisonOf prepares pairs of texts, as if two trees had been walked.
func comparisonOf(src objects.Source, pairs ...[2]renameFile) *comparison {
	c := &comparison{repo: &Repository{}, src: src, o: DiffOptions{Content: true, Context: 3, Limit: MaxTextDiff}}
	for _, p := range pairs {
		c.pairs = append(c.pairs, diffPair{old: diffSide{path: p[0].path, entry: p[0].entry}, new: diffSide{path: p[1].path, entry: p[1].entry}})
	}
	return c
}

// TestDiffKeepsOrder compares many files side by side; they come in order, each whole.
func TestDiffKeepsOrder(t *testing.T) {
	src := chunkMap{}
	var pairs [][2]renameFile
	for i := range 500 {
		name := fmt.Sprintf("f%03d", i)
		text := numbered(name, 1+i%90)
		pairs = append(pairs, [2]renameFile{src.file(name, text), src.file(name, text+"new\n")})
	}
	var got []string
	err := comparisonOf(src, pairs...).run(t.Context(), func(d *FileDiff) error {
		if d.Content.Added != 1 || d.Content.Deleted != 0 {
			t.Errorf("%s: +%d -%d", d.Path(), d.Content.Added, d.Content.Deleted)
		}
		got = append(got, d.Path())
		return nil
	})
	if err != nil || len(got) != 500 || !slices.IsSorted(got) {
		t.Errorf("%d files, %v", len(got), err)
	}
}

// countingSource counts what is read and not given out yet.
type countingSource struct {
	chunkMap
	held, most atomic.Int64
}

func (s *countingSource) Get(ctx context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	data, err := s.chunkMap.Get(ctx, id, kind)
	n := s.held.Add(int64(len(data)))
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	return data, err
}

// TestDiffHoldsLittle lets the reader of a long comparison be slow: what is compared ahead stays bounded.
func TestDiffHoldsLittle(t *testing.T) {
	src := &countingSource{chunkMap: chunkMap{}}
	text := numbered("a line that is long enough to count for something", 18000)
	if len(text) > objects.MaxChunk {
		text = text[:objects.MaxChunk]
	}
	was, is := src.file("f", text), src.file("f", text[:len(text)-100])
	pairs := slices.Repeat([][2]renameFile{{was, is}}, 150)
	each := int64(was.entry.Size + is.entry.Size)
	first := true
	err := comparisonOf(src, pairs...).run(t.Context(), func(*FileDiff) error {
		for last := int64(-1); first && last != src.held.Load(); { // until nothing more is read
			last = src.held.Load()
			time.Sleep(200 * time.Millisecond)
		}
		first = false
		src.held.Add(-each)
		return nil
	})
	if most := src.most.Load(); err != nil || most > aheadBytes+8*each {
		t.Errorf("%d bytes were held, %v", most, err)
	}
}

// TestDiffEnds ends early: by the caller, by a store that does not give an object, by the context.
func TestDiffEnds(t *testing.T) {
	src := chunkMap{}
	var pairs [][2]renameFile
	for i := range 200 {
		name := fmt.Sprintf("f%03d", i)
		pairs = append(pairs, [2]renameFile{src.file(name, numbered(name, 40)), src.file(name, numbered(name, 50))})
	}
	enough := errors.New("enough")
	n := 0
	if err := comparisonOf(src, pairs...).run(t.Context(), func(*FileDiff) error { n++; return enough }); err != enough || n != 1 {
		t.Errorf("%d files, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := comparisonOf(src, pairs...).run(ctx, func(*FileDiff) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context has ended: %v", err)
	}
	delete(src, pairs[150][1].entry.Content.ID)
	n = 0
	err := comparisonOf(src, pairs...).run(t.Context(), func(*FileDiff) error { n++; return nil })
	if !errors.Is(err, objects.ErrNotFound) || n < 1 || n > 150 {
		t.Errorf("%d files, %v", n, err)
	}
}

// TestRoom shows that what is larger than all the room is alone in it, and that nobody waits for ever.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10)
		var taken atomic.Int64
		go func() {
			for _, n := range []int64{4, 6, 100, 1} {
				if r.take(t.Context(), n) != nil {
					return
				}
				taken.Add(1)
			}
		}()
		for i, want := range []int64{2, 2, 3, 4} {
			synctest.Wait()
			if got := taken.Load(); got != want {
				t.Errorf("step %d: %d taken, want %d", i, got, want)
			}
			r.free([]int64{4, 6, 100, 1}[i])
		}
	})
}

// TestDiffDetails tells differences that count from those that do not.
func TestDiffDetails(t *testing.T) {
	was := objects.Entry{Name: "f", Type: objects.TypeFile, Mode: 0o644}
	later := was
	later.Mtime.Sec = 5
	link := objects.Entry{Name: "f", Type: objects.TypeSymlink, Target: "a", Mode: 0o777}
	otherMode := link
	otherMode.Mode = 0o755
	for _, c := range []struct {
		name     string
		was, is  objects.Entry
		metadata bool
		want     []string
	}{
		{"times", was, later, false, nil},
		{"times, asked for", was, later, true, []string{DetailTimes}},
		{"mode of a link", link, otherMode, true, nil},
	} {
		d := comparison{o: DiffOptions{Metadata: c.metadata}}
		if got := d.details(&c.was, &c.is); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
