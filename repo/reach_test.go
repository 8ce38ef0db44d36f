package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/objects"
	"evault/pack"
)

func none(pack.Name) bool { return false }

// grow makes a history with branches and a merge, and gives its commits in the order in which they were made.
func (g *rig) grow() (ids []objects.ID) {
	g.t.Helper()
	big := make([]byte, 5<<20) // too much for one pack with all the rest
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range big {
		big[i] = byte(rnd.Uint32())
	}
	commit := func(message string) { ids = append(ids, g.commit(message).ID) }
	for i := range 40 {
		g.write(fmt.Sprintf("d%d/f%d", i%5, i), lines(i, fmt.Sprint("line of ", i)))
	}
	g.write("big", string(big))
	commit("one")
	big[2<<20] ^= 1
	g.write("big", string(big))
	g.write("d1/f1", "changed")
	commit("two")
	g.remove("d2")
	g.write("new/deep/file", lines(3000, "another"))
	commit("three")
	return ids
}

func infoNames(infos []pack.PackInfo) (names []pack.Name) {
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

// TestPacksForAreExactlyEnough gives the packs that packsFor names to a store that has none: nothing may be missing there,
// and without any one of them something must be.
func TestPacksForAreExactlyEnough(t *testing.T) {
	g := newRig(t)
	ids := g.grow()
	g.with(Writing, func(ctx context.Context, r *Repository) {
		need := func(tips, known []objects.ID, there func(pack.Name) bool) []pack.PackInfo {
			t.Helper()
			infos, err := r.packsFor(ctx, tips, known, there)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range infos {
				st, err := r.store.LstatStat(i.Name.Path())
				if err != nil || st.Size != i.Size {
					t.Errorf("%s: %d bytes, and the file has %d (%v)", i.Name, i.Size, st.Size, err)
				}
			}
			return infos
		}
		all := need(ids[2:], nil, none)
		first, second := need(ids[:1], nil, none), need(ids[1:2], ids[:1], none)
		if len(need(ids[2:], ids[2:], none)) != 0 || len(need(ids[:1], ids[2:], none)) != 0 {
			t.Error("packs are needed for what is known")
		}
		if rest := need(ids[2:], ids[:1], none); len(rest)+len(first) != len(all) || len(second) == 0 || len(rest) <= len(second) {
			t.Errorf("%d packs in all, %d of the first commit, %d of the second, %d of the rest", len(all), len(first), len(second), len(rest))
		}
		if got := need(ids[2:], nil, func(n pack.Name) bool { return slices.Contains(infoNames(first), n) }); len(got) != len(all)-len(first) {
			t.Errorf("%d packs beside those that are there", len(got))
		}
		if got := need(ids[2:], []objects.ID{{7}}, none); len(got) != len(all) {
			t.Errorf("with an unknown commit %d packs", len(got))
		}
		if got := need(nil, nil, none); len(got) != 0 {
			t.Errorf("for nothing %d packs", len(got))
		}
		if err := r.connected(ctx, ids, nil); err != nil {
			t.Error(err)
		}
		for leftOut := -1; leftOut < len(all); leftOut++ {
			moved := map[string]bool{}
			for i, info := range all {
				moved[info.Name.Path()] = i != leftOut
			}
			g.withPacks(moved, func(ctx context.Context, r *Repository) {
				if err := r.connected(ctx, ids[2:], nil); (err == nil) != (leftOut < 0) || err != nil && !errors.Is(err, ErrDamaged) {
					t.Errorf("without pack %d: %v", leftOut, err)
				}
				if _, err := r.packsFor(ctx, ids[2:], nil, none); (err == nil) != (leftOut < 0) || err != nil && !errors.Is(err, ErrDamaged) {
					t.Errorf("packs without pack %d: %v", leftOut, err)
				}
			})
		}
	})
}

// withPacks opens a copy of the vault that holds these packs only.
func (g *rig) withPacks(keep map[string]bool, do func(ctx context.Context, r *Repository)) {
	g.t.Helper()
	other := *g
	other.dir = g.t.TempDir()
	copyVault(g.t, g.path(VaultDir), filepath.Join(other.dir, "work", VaultDir))
	store := filepath.Join(other.dir, "work", VaultDir, storeDir)
	err := filepath.WalkDir(filepath.Join(store, "packs"), func(p string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(store, p)
		if err == nil && !d.IsDir() && !keep[filepath.ToSlash(rel)] {
			err = os.Remove(p)
		}
		return err
	})
	if err := errors.Join(err, os.RemoveAll(filepath.Join(other.dir, "work", VaultDir, localDir, "objects"))); err != nil {
		g.t.Fatal(err)
	}
	other.places.Work = other.open("work")
	other.places.Vault = other.sub(other.places.Work, VaultDir)
	other.with(ReadOnly, do)
}

func TestConnectedNamesWhatIsMissing(t *testing.T) {
	g := newRig(t)
	ids := g.grow()
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		second, err := r.packsFor(ctx, ids[1:2], ids[:1], none)
		if err != nil {
			t.Fatal(err)
		}
		keep := map[string]bool{}
		infos, err := r.db.Packs()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			keep[i.Name.Path()] = !slices.Contains(infoNames(second), i.Name)
		}
		g.withPacks(keep, func(ctx context.Context, r *Repository) {
			err := r.connected(ctx, ids[:1], nil)
			if err != nil {
				t.Errorf("the first commit needs nothing of the second: %v", err)
			}
			if err := r.connected(ctx, ids[1:2], ids[:1]); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), ids[1].Short()) {
				t.Errorf("the second commit: %v", err)
			}
			err = r.connected(ctx, []objects.ID{{3}}, nil)
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("no such commit: %v", err)
			}
		})
		// Only the chunks of one file.
		chunk := map[string]bool{}
		e, err := objects.Lookup(ctx, r.db, mustTree(t, r, ids[2]), "big")
		if err != nil {
			t.Fatal(err)
		}
		err = objects.Extents(ctx, r.db, e.Content, e.Size, func(x objects.Extent) error {
			loc, _ := r.db.Locate(x.ID)
			chunk[loc.Pack.Path()] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			keep[i.Name.Path()] = !chunk[i.Name.Path()] || slices.Contains(metaPacks(r, ids), i.Name)
		}
		g.withPacks(keep, func(ctx context.Context, r *Repository) {
			err := r.connected(ctx, ids[2:], nil)
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), `"big", chunk`) {
				t.Errorf("without the chunks of big: %v", err)
			}
			if n := strings.Count(err.Error(), "\n"); n > maxMissing {
				t.Errorf("%d lines", n)
			}
		})
	})
}

func mustTree(t *testing.T, r *Repository, id objects.ID) objects.ID {
	t.Helper()
	tree, err := r.treeOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// metaPacks lists the packs in which commits lie.
func metaPacks(r *Repository, ids []objects.ID) (names []pack.Name) {
	for _, id := range ids {
		loc, _ := r.db.Locate(id)
		names = append(names, loc.Pack)
	}
	return names
}

// TestPacksForALargeTree has as many names as the Linux kernel's tree.
func TestPacksForALargeTree(t *testing.T) {
	g := newRig(t)
	g.with(Writing, func(ctx context.Context, r *Repository) {
		db, err := r.database()
		if err != nil {
			t.Fatal(err)
		}
		s := db.NewSession(pack.SessionOptions{})
		f := s.NewFrames()
		first := kernelCommit(t, r, f, "first", 0, nil)
		second := kernelCommit(t, r, f, "second", 1, &first)
		if _, err := s.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name        string
			tips, known []objects.ID
			limit       time.Duration
		}{
			{"all of it", []objects.ID{first}, nil, 5 * time.Second},
			{"one change", []objects.ID{second}, []objects.ID{first}, 500 * time.Millisecond},
			{"nothing new", []objects.ID{second}, []objects.ID{second}, 100 * time.Millisecond},
		} {
			start := time.Now()
			infos, err := r.packsFor(ctx, c.tips, c.known, none)
			took := time.Since(start)
			if err != nil {
				t.Fatal(err)
			}
			start = time.Now()
			if err := r.connected(ctx, c.tips, c.known); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d packs, %v; connected %v", c.name, len(infos), took, time.Since(start))
			if took > c.limit {
				t.Errorf("%s took %v", c.name, took)
			}
		}
	})
}

// kernelCommit stores a commit of 78,600 names, 20 in a folder, with a chunk for every file. One file depends on variant.
func kernelCommit(t *testing.T, r *Repository, f *pack.Frames, message string, variant int, parent *objects.ID) objects.ID {
	t.Helper()
	folder := func(each func(b *objects.TreeBuilder)) objects.TreeRef {
		b := objects.NewTreeBuilder(f)
		each(b)
		ref, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	add := func(b *objects.TreeBuilder, e *objects.Entry) {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	files := func(i int) objects.TreeRef {
		return folder(func(b *objects.TreeBuilder) {
			for j := range 20 {
				text := fmt.Appendf(nil, "file %d of folder %d", j, i)
				if i == 1234 && j == 5 {
					text = fmt.Append(text, variant)
				}
				id, err := f.Put(objects.KindChunk, text)
				if err != nil {
					t.Fatal(err)
				}
				add(b, &objects.Entry{Name: fmt.Sprintf("some_source_file_%02d.c", j), Type: objects.TypeFile, Mode: 0o644, User: "user", Group: "user",
					Mtime: objects.Time{Sec: 1_700_000_000 + int64(i)}, Size: uint64(len(text)), Content: objects.Content{Kind: objects.ContentChunk, ID: id}})
			}
		})
	}
	root := folder(func(b *objects.TreeBuilder) {
		for i := range 75 {
			sub := folder(func(b *objects.TreeBuilder) {
				for j := range 50 {
					ref := files(i*50 + j)
					add(b, &objects.Entry{Name: fmt.Sprintf("folder%02d", j), Type: objects.TypeDirectory, Mode: 0o755, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes})
				}
			})
			add(b, &objects.Entry{Name: fmt.Sprintf("part%02d", i), Type: objects.TypeDirectory, Mode: 0o755, Tree: sub.ID, Entries: sub.Entries, Bytes: sub.Bytes})
		}
	})
	c := &objects.Commit{Tree: root.ID, Entries: root.Entries, Bytes: root.Bytes, Generation: 1, Device: r.vault.DevicePublicKey(), Message: message}
	if parent != nil {
		c.Parents, c.Generation = []objects.ID{*parent}, 2
	}
	var err error
	if c.Signature, err = r.vault.SignCommit(c.SigningHash()); err != nil {
		t.Fatal(err)
	}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	id, err := f.Put(objects.KindCommit, data)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestConnectedChecksSignatures(t *testing.T) {
	g := newRig(t)
	ids := g.grow()
	g.with(Writing, func(ctx context.Context, r *Repository) {
		c, err := r.loadCommit(ctx, ids[2])
		if err != nil {
			t.Fatal(err)
		}
		forged := *c
		forged.Message, forged.Parents, forged.Generation = "forged", ids[2:], c.Generation+1
		data, err := forged.Encode()
		if err != nil {
			t.Fatal(err)
		}
		s := r.db.NewSession(pack.SessionOptions{})
		id, err := s.NewFrames().Put(objects.KindCommit, data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if err := r.connected(ctx, []objects.ID{id}, ids); !errors.Is(err, ErrSecurity) {
			t.Errorf("a forged commit: %v", err)
		}
		ahead, behind, err := r.aheadBehind(ctx, id, ids[0])
		if err != nil || ahead != 3 || behind != 0 {
			t.Errorf("%d ahead, %d behind: %v", ahead, behind, err)
		}
		if ahead, behind, err := r.aheadBehind(ctx, ids[1], ids[1]); err != nil || ahead != 0 || behind != 0 {
			t.Errorf("%d ahead, %d behind: %v", ahead, behind, err)
		}
		if ahead, behind, err := r.aheadBehind(ctx, objects.ID{}, ids[1]); err != nil || ahead != 0 || behind != 2 {
			t.Errorf("of nothing %d ahead, %d behind: %v", ahead, behind, err)
		}
	})
}
