package pack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"evault/objects"
)

// TestManyWritersAndReaders puts overlapping objects from several goroutines while others read.
func TestManyWritersAndReaders(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	old := things(p.vault, 30, 150, 20000)
	put(t, db, old)
	all := things(p.vault, 31, 500, 40000)
	ctx := context.Background()
	s := db.NewSession(SessionOptions{Progress: func(Stats) {}})
	var writers, readers sync.WaitGroup
	var fresh atomic.Int64
	var stop atomic.Bool
	for w := range 4 {
		writers.Go(func() {
			f := s.NewFrames()
			for i := range all {
				o := all[(i*7+w*125)%len(all)]
				isNew, err := f.PutAs(o.kind, o.id, o.data)
				if err != nil {
					t.Error(err)
				}
				if isNew {
					fresh.Add(1)
				}
			}
		})
	}
	for r := range 3 {
		readers.Go(func() {
			for i := r; !stop.Load(); i++ {
				o := old[i%len(old)]
				err := db.View(ctx, o.id, o.kind, func(data []byte) error {
					if string(data) != string(o.data) {
						return errors.New("wrong bytes")
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	// Small commits beside it, which merge runs while readers use them.
	for i := range 10 {
		put(t, db, things(p.vault, uint64(200+i), 3, 100))
	}
	if _, err := s.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	stop.Store(true)
	readers.Wait()
	if fresh.Load() != int64(len(all)) {
		t.Errorf("%d objects counted as new, want %d: each exactly once", fresh.Load(), len(all))
	}
	if st := s.Stats(); st.New != uint64(len(all)) || st.Objects != uint64(4*len(all)) || st.PackedBytes == 0 {
		t.Errorf("stats %+v", st)
	}
	mustHold(t, db, all)
	mustVerify(t, db)
	for _, o := range all {
		if n := len(db.locateAll(o.id)); n != 1 {
			t.Fatalf("object stored %d times", n)
		}
	}
}

// TestTinyCache makes every read evict, beside each other.
func TestTinyCache(t *testing.T) {
	p := memoryPlace(t)
	all := things(p.vault, 32, 200, 60000)
	put(t, p.open(t), all)
	db, err := OpenDB(Options{Store: p.store, Local: p.local, Vault: p.vault, CacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range all {
				o := all[(i*(w+1))%len(all)]
				if err := db.View(context.Background(), o.id, o.kind, func(data []byte) error {
					if string(data) != string(o.data) {
						return fmt.Errorf("object %d: wrong bytes", i)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCompressorThatIsWrong(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	good := db.codec.encode
	db.codec.encode = func(src, dst []byte) []byte {
		wrong := append([]byte(nil), src...)
		wrong[len(wrong)/2] ^= 1
		return good(wrong, dst)
	}
	all := things(p.vault, 33, 40, 4000)
	put(t, db, all)
	mustHold(t, db, all)
	mustVerify(t, db)
}

func TestCancelledCommitLeavesNothing(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	all := things(p.vault, 34, 10, 1000)
	s := db.NewSession(SessionOptions{})
	f := s.NewFrames()
	for _, o := range all {
		if _, err := f.Put(o.kind, o.data); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if db.Has(all[0].id) {
		t.Error("visible")
	}
	if list, err := p.store.ReadDir(incomingDir); err == nil && len(list) > 0 {
		t.Errorf("%d files left", len(list))
	}
}

func TestLargeSessionsClosePacksAtTheTarget(t *testing.T) {
	p := diskPlace(t, t.TempDir())
	db := p.open(t)
	s := db.NewSession(SessionOptions{})
	var wg sync.WaitGroup
	var all []thing
	for i := range 2 {
		some := things(p.vault, uint64(40+i), 150, 500000)
		for j := range some {
			some[j].kind = objects.KindChunk
			some[j].id = p.vault.ObjectID(byte(objects.KindChunk), some[j].data)
		}
		all = append(all, some...)
		wg.Go(func() {
			f := s.NewFrames()
			for _, o := range some {
				if _, err := f.PutAs(o.kind, o.id, o.data); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	infos, err := s.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) < 3 {
		t.Errorf("%d packs for 37 MB of noise", len(infos))
	}
	for _, i := range infos {
		if i.Size > TargetPack || i.Size != padme(i.Size) {
			t.Errorf("a pack of %d bytes", i.Size)
		}
	}
	mustHold(t, db, all)
	mustVerify(t, db)
}
