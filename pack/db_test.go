package pack

import (
	"context"
	"errors"
	"slices"
	"testing"

	"evault/objects"
)

func TestWhatIsPutComesBack(t *testing.T) {
	for name, p := range map[string]*place{"memory": memoryPlace(t), "disk": diskPlace(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			all := things(p.vault, 1, 400, 40000)
			db := p.open(t)
			infos := put(t, db, all)
			if len(infos) < 2 {
				t.Errorf("a session of 8 MB wrote %d packs, want data and metadata apart", len(infos))
			}
			mustHold(t, db, all)
			mustVerify(t, db)
			again := p.open(t)
			mustHold(t, again, all)
			if got := put(t, again, all); len(got) != 0 {
				t.Errorf("putting the same again wrote %d packs", len(got))
			}
			if problems := again.Problems(); len(problems) != 0 {
				t.Error(problems)
			}
		})
	}
}

func TestSmallSessionIsOnePack(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	all := things(p.vault, 2, 60, 30000)
	infos := put(t, db, all)
	if len(infos) != 1 {
		t.Fatalf("%d packs, want 1", len(infos))
	}
	r, err := openPackFile(p.store, infos[0].Name.Path(), p.vault)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	x, err := r.readIndex()
	if err != nil {
		t.Fatal(err)
	}
	if x.class() != ClassMixed {
		t.Errorf("class %v, want mixed", x.class())
	}
	if infos[0].Size != padme(infos[0].Size) || infos[0].Size < MinPack {
		t.Errorf("length %d is not padded", infos[0].Size)
	}
	mustHold(t, db, all)
}

func TestNothingIsVisibleBeforeCommit(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	o := things(p.vault, 3, 1, 1000)[0]
	s := db.NewSession(SessionOptions{})
	if _, err := s.NewFrames().Put(o.kind, o.data); err != nil {
		t.Fatal(err)
	}
	if db.Has(o.id) {
		t.Error("visible before commit")
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("commit after abort: %v", err)
	}
	if _, err := db.Get(context.Background(), o.id, o.kind); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if infos, err := db.Packs(); err != nil || len(infos) != 0 {
		t.Errorf("packs %v, %v", infos, err)
	}
}

func TestWrongKindIsNotFound(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	data := []byte("something")
	o := thing{objects.KindChunk, p.vault.ObjectID(byte(objects.KindChunk), data), data}
	put(t, db, []thing{o})
	_, err := db.Get(context.Background(), o.id, objects.KindTree)
	if !errors.Is(err, objects.ErrNotFound) || errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestRefusedObjects(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	for name, put := range map[string]func(f *Frames) error{
		"chunk too long": func(f *Frames) error {
			_, err := f.Put(objects.KindChunk, make([]byte, objects.MaxChunk+1))
			return err
		},
		"tree too long": func(f *Frames) error {
			_, err := f.Put(objects.KindTree, make([]byte, objects.MaxMetadata+1))
			return err
		},
		"kind 0": func(f *Frames) error { _, err := f.Put(0, nil); return err },
		"kind 9": func(f *Frames) error { _, err := f.Put(9, nil); return err },
	} {
		s := db.NewSession(SessionOptions{})
		if err := put(s.NewFrames()); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := s.Commit(context.Background()); err == nil {
			t.Errorf("%s: the session committed", name)
		}
	}
	if list, err := p.store.ReadDir(incomingDir); err == nil && len(list) != 0 {
		t.Errorf("%d files left behind", len(list))
	}
}

func TestLargestObjects(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	var all []thing
	for _, o := range []struct {
		kind objects.Kind
		size int
	}{{objects.KindTree, objects.MaxMetadata}, {objects.KindChunk, objects.MaxChunk}, {objects.KindChunk, 0}, {objects.KindFileList, 0}, {objects.KindTree, objects.MaxMetadata - 1}} {
		data := make([]byte, o.size)
		rnd := things(p.vault, uint64(o.size), 1, 1<<20)[0].data
		for i := 0; i < len(data) && len(rnd) > 0; i += len(rnd) {
			copy(data[i:], rnd)
		}
		all = append(all, thing{o.kind, p.vault.ObjectID(byte(o.kind), data), data})
	}
	put(t, db, all)
	mustHold(t, db, all)
	mustVerify(t, db)
}

func TestManySmallCommitsKeepFewRuns(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	var all []thing
	for i := range 60 {
		some := things(p.vault, uint64(100+i), 5, 300)
		put(t, db, some)
		all = append(all, some...)
	}
	if n := len(db.set.runs); n > 8 {
		t.Errorf("%d runs after 60 commits", n)
	}
	mustHold(t, db, all)
	again := p.open(t)
	mustHold(t, again, all)
	if list, err := p.local.ReadDir(runsDir); err != nil || len(list) != len(again.set.runs) {
		t.Errorf("%d files for %d runs, %v", len(list), len(again.set.runs), err)
	}
}

func TestIndexIsOnlyACache(t *testing.T) {
	p := memoryPlace(t)
	all := things(p.vault, 5, 500, 3000)
	put(t, p.open(t), all)
	more := things(p.vault, 6, 100, 3000)
	put(t, p.open(t), more)
	if err := p.local.RemoveAll(runsDir); err != nil {
		t.Fatal(err)
	}
	db := p.open(t)
	mustHold(t, db, slices.Concat(all, more))
	calls := 0
	if err := db.RebuildIndex(context.Background(), func(done, total int) { calls++ }); err != nil {
		t.Fatal(err)
	}
	if calls == 0 {
		t.Error("no progress")
	}
	mustHold(t, db, slices.Concat(all, more))
}

func TestPackThatIsGoneIsForgotten(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	first, second := things(p.vault, 7, 20, 500), things(p.vault, 8, 20, 500)
	infos := put(t, db, first)
	put(t, db, second)
	if err := p.store.Remove(infos[0].Name.Path()); err != nil {
		t.Fatal(err)
	}
	again := p.open(t)
	mustHold(t, again, second)
	for _, o := range first {
		if again.Has(o.id) {
			t.Fatal("an object of a pack that is gone is still known")
		}
	}
	put(t, again, first)
	mustHold(t, p.open(t), slices.Concat(first, second))
}

func TestLocateAndHasDoNotAllocate(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	all := things(p.vault, 9, 300, 200)
	put(t, db, all)
	i := 0
	n := testing.AllocsPerRun(1000, func() {
		id := all[i%len(all)].id
		i++
		db.Has(id)
		id[5] ^= 1
		db.Has(id)
		db.Locate(id)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
