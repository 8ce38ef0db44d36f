package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"evault/internal/vfs/memfs"
	"evault/objects"
)

// parcel is a pack on its way from elsewhere.
type parcel struct {
	info PackInfo
	data []byte
	all  []thing
}

// elsewhere makes packs of one vault in a store of their own.
func elsewhere(t testing.TB, p *place, seeds ...uint64) (out []parcel) {
	t.Helper()
	other := memoryPlace(t)
	other.vault = p.vault
	db := other.open(t)
	for _, seed := range seeds {
		all := things(p.vault, seed, 40, 900)
		for _, info := range put(t, db, all) {
			out = append(out, parcel{info, readFile(t, other.store, info.Name.Path()), all})
		}
	}
	return out
}

func namesOfParcels(all []parcel) (names []Name) {
	for _, x := range all {
		names = append(names, x.info.Name)
	}
	return names
}

// receive brings all packs and adopts them together.
func receive(db *DB, all []parcel) error {
	for _, x := range all {
		if err := db.Receive(context.Background(), x.info, bytes.NewReader(x.data)); err != nil {
			return err
		}
	}
	return db.Adopt(context.Background(), namesOfParcels(all))
}

// mustRead reads without asking Has.
func mustRead(t testing.TB, db *DB, all []thing) {
	t.Helper()
	for i, o := range all {
		if got, err := db.Get(context.Background(), o.id, o.kind); err != nil || !bytes.Equal(got, o.data) {
			t.Fatalf("object %d: %v", i, err)
		}
	}
}

func TestReceivedPackIsReadAtOnceAndReliedOnLater(t *testing.T) {
	for name, p := range map[string]*place{"memory": memoryPlace(t), "disk": diskPlace(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			came := elsewhere(t, p, 700, 701)
			db := p.open(t)
			for _, x := range came {
				if err := db.Receive(t.Context(), x.info, bytes.NewReader(x.data)); err != nil {
					t.Fatal(err)
				}
				if _, err := db.Get(t.Context(), x.all[0].id, x.all[0].kind); !errors.Is(err, objects.ErrNotFound) {
					t.Errorf("before adoption: %v", err)
				}
			}
			if err := db.Adopt(t.Context(), namesOfParcels(came)); err != nil {
				t.Fatal(err)
			}
			if err := db.Adopt(t.Context(), namesOfParcels(came)); err != nil {
				t.Fatalf("again: %v", err)
			}
			for _, x := range came {
				mustRead(t, db, x.all)
			}
			if got := db.Unverified(); len(got) != len(came) {
				t.Fatalf("%d unverified packs, want %d", len(got), len(came))
			}
			if !db.Has(came[0].all[0].id) {
				t.Error("an object of a good pack does not count")
			}
			if got := db.Unverified(); len(got) != len(came)-1 || slices.Contains(got, came[0].info.Name) {
				t.Errorf("after one was relied on, %d are unverified", len(got))
			}
			if got := put(t, db, came[1].all); len(got) != 0 {
				t.Error("a commit wrote again what a good pack holds")
			}
			if got := db.Unverified(); len(got) != 0 {
				t.Errorf("%d are unverified still", len(got))
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			again := p.open(t)
			if got := again.Unverified(); len(got) != 0 {
				t.Errorf("%d are unverified after opening again", len(got))
			}
			if n := testing.AllocsPerRun(100, func() { again.Has(came[0].all[0].id) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestUnfitPacksLeaveNothing(t *testing.T) {
	p := memoryPlace(t)
	x := elsewhere(t, p, 710)[0]
	db := p.open(t)
	broken := errors.New("cable out")
	flipped := bytes.Clone(x.data)
	flipped[len(flipped)/2] ^= 1
	size := x.info.Size
	for name, c := range map[string]struct {
		size int64
		r    io.Reader
		want error
	}{
		"flipped":    {size, bytes.NewReader(flipped), ErrMismatch},
		"short":      {size, bytes.NewReader(x.data[:size-1]), ErrMismatch},
		"long":       {size, io.MultiReader(bytes.NewReader(x.data), bytes.NewReader([]byte{0})), ErrMismatch},
		"endless":    {size, io.MultiReader(bytes.NewReader(x.data), zeros{}), ErrMismatch},
		"empty":      {size, bytes.NewReader(nil), ErrMismatch},
		"size less":  {size - 1, bytes.NewReader(x.data), ErrMismatch},
		"size more":  {size + 1, bytes.NewReader(x.data), ErrMismatch},
		"tiny":       {MinPack - 1, bytes.NewReader(x.data), ErrMismatch},
		"huge":       {MaxPack + 1, zeros{}, ErrMismatch},
		"negative":   {-1, bytes.NewReader(x.data), ErrMismatch},
		"reader":     {size, io.MultiReader(bytes.NewReader(x.data[:size/2]), iotest.ErrReader(broken)), broken},
		"unexpected": {size, io.MultiReader(bytes.NewReader(x.data), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
	} {
		if err := db.Receive(t.Context(), PackInfo{x.info.Name, c.size}, c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Receive(cancelled, x.info, bytes.NewReader(x.data)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, err := p.store.ReadDir(incomingDir); err != nil || len(left) != 0 {
		t.Errorf("%d files left in incoming: %v", len(left), err)
	}
	if infos := mustPacks(t, p); len(infos) != 0 {
		t.Errorf("%d packs", len(infos))
	}
	for _, r := range []io.Reader{iotest.DataErrReader(bytes.NewReader(x.data)), iotest.OneByteReader(bytes.NewReader(x.data))} {
		if err := db.Receive(t.Context(), x.info, r); err != nil {
			t.Errorf("a good one: %v", err)
		}
	}
}

// zeros is a reader that does not end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// liar makes a pack whose index gives the IDs of others to what it holds.
func liar(t testing.TB, p *place, claimed []thing) parcel {
	t.Helper()
	other := memoryPlace(t)
	other.vault = p.vault
	db := other.open(t)
	g := gatherer{class: ClassData}
	for i := range claimed {
		id := claimed[i].id
		g.add(objects.KindChunk, &id, fmt.Appendf(nil, "nothing of the kind %d", i))
	}
	w, err := newPackWriter(other.store, other.vault, 0)
	if err != nil {
		t.Fatal(err)
	}
	packed, _ := db.codec.compressChecked(nil, nil, g.raw(nil))
	if err := errors.Join(w.append(ClassData, packed, g.ids), w.finish(), other.store.MkdirAll(w.name.dir(), 0o700), w.publish()); err != nil {
		t.Fatal(err)
	}
	return parcel{PackInfo{w.name, w.size}, readFile(t, other.store, w.name.Path()), nil}
}

func chunksOf(all []thing) (chunks []thing) {
	for _, o := range all {
		if o.kind == objects.KindChunk {
			chunks = append(chunks, o)
		}
	}
	return chunks
}

// TestLyingPackDoesNotPoisonCommits receives a pack that a malicious member sealed: its index claims objects that are about
// to be committed. They must be written all the same, and be readable, also after the index was lost.
func TestLyingPackDoesNotPoisonCommits(t *testing.T) {
	for name, bring := range map[string]func(t *testing.T, p *place, x parcel) *DB{
		"received": func(t *testing.T, p *place, x parcel) *DB {
			db := p.open(t)
			if err := receive(db, []parcel{x}); err != nil {
				t.Fatal(err)
			}
			return db
		},
		"received, opened again": func(t *testing.T, p *place, x parcel) *DB {
			db := p.open(t)
			if err := errors.Join(receive(db, []parcel{x}), db.Close()); err != nil {
				t.Fatal(err)
			}
			return p.open(t)
		},
		"received, index rebuilt": func(t *testing.T, p *place, x parcel) *DB {
			db := p.open(t)
			if err := errors.Join(receive(db, []parcel{x}), db.RebuildIndex(t.Context(), nil)); err != nil {
				t.Fatal(err)
			}
			return db
		},
		"stray": func(t *testing.T, p *place, x parcel) *DB { // copied by hand, or a crash before Adopt
			if err := p.open(t).Receive(t.Context(), x.info, bytes.NewReader(x.data)); err != nil {
				t.Fatal(err)
			}
			return p.open(t)
		},
		"index lost": func(t *testing.T, p *place, x parcel) *DB {
			db := p.open(t)
			if err := errors.Join(receive(db, []parcel{x}), db.Close(), p.local.RemoveAll(runsDir)); err != nil {
				t.Fatal(err)
			}
			return p.open(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := memoryPlace(t)
			all := chunksOf(things(p.vault, 720, 60, 900))
			own := things(p.vault, 721, 20, 900)
			put(t, p.open(t), own)
			x := liar(t, p, all)
			db := bring(t, p, x)
			if !slices.Contains(db.Unverified(), x.info.Name) {
				t.Fatal("the pack is not unverified")
			}
			put(t, db, all)
			mustHold(t, db, all)
			mustHold(t, db, own)
			if err := db.EnsureVerified(t.Context(), x.info.Name); !errors.Is(err, ErrDamaged) {
				t.Errorf("verdict: %v", err)
			}
			if found := db.Problems(); len(found) != 1 || !errors.Is(found[0], ErrDamaged) {
				t.Errorf("problems: %v", found)
			}
			if err := errors.Join(db.Close(), p.local.RemoveAll(runsDir)); err != nil {
				t.Fatal(err)
			}
			mustHold(t, p.open(t), all)
		})
	}
}

// TestWhatIsVerifiedMayOnlyBeForgotten damages and removes the files that say what is verified, in every way: packs may
// become unverified by that, but never the other way.
func TestWhatIsVerifiedMayOnlyBeForgotten(t *testing.T) {
	p := memoryPlace(t)
	came := elsewhere(t, p, 730, 731)
	bad := liar(t, p, chunksOf(things(p.vault, 732, 30, 300)))
	db := p.open(t)
	own := put(t, db, things(p.vault, 733, 10, 300))[0]
	if err := errors.Join(receive(db, append(came, bad)), db.VerifyPack(t.Context(), came[0].info.Name, nil), db.Close()); err != nil {
		t.Fatal(err)
	}
	unverified := func() map[Name]bool {
		db := p.open(t)
		defer db.Close()
		out := map[Name]bool{}
		for _, n := range db.Unverified() {
			out[n] = true
		}
		return out
	}
	if got := unverified(); got[came[0].info.Name] || !got[came[1].info.Name] || !got[bad.info.Name] || got[own.Name] {
		t.Fatalf("at first: %v", got)
	}
	good := readFile(t, p.local, marksName)
	for at := range good {
		for _, damage := range []func() []byte{
			func() []byte { b := bytes.Clone(good); b[at] ^= 1 << (at % 8); return b },
			func() []byte { return good[:at] },
			func() []byte { return append(bytes.Clone(good), good[:at+1]...) },
		} {
			overwrite(t, p.local, marksName, damage())
			if got := unverified(); !got[came[0].info.Name] || !got[came[1].info.Name] || !got[bad.info.Name] || got[own.Name] {
				t.Fatalf("damage at %d: %v", at, got)
			}
		}
	}
	if err := p.local.RemoveAll(runsDir); err != nil {
		t.Fatal(err)
	}
	if got := unverified(); len(got) != 4 {
		t.Fatalf("with nothing left: %v", got)
	}
	mustVerifyGood(t, p, bad.info.Name)
	if got := unverified(); len(got) != 1 || !got[bad.info.Name] {
		t.Fatalf("after verifying: %v", got)
	}
}

// mustVerifyGood verifies all packs but one that is bad, and closes.
func mustVerifyGood(t testing.TB, p *place, bad Name) {
	t.Helper()
	db := p.open(t)
	infos, err := db.Packs()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if err := db.VerifyPack(context.Background(), i.Name, nil); (err != nil) != (i.Name == bad) {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestVerdictsSurviveMerges makes many runs, so that they are merged, with packs of both kinds.
func TestVerdictsSurviveMerges(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	var came []parcel
	for seed := range uint64(12) {
		x := elsewhere(t, p, 740+seed)
		came = append(came, x...)
		if err := receive(db, x); err != nil {
			t.Fatal(err)
		}
		put(t, db, things(p.vault, 760+seed, 30, 300))
		if seed%3 == 0 {
			if err := db.VerifyPack(t.Context(), x[0].info.Name, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	var want []Name
	for i, x := range came {
		if i%3 != 0 {
			want = append(want, x.info.Name)
		}
	}
	slices.SortFunc(want, compareNames)
	if got := db.Unverified(); !slices.Equal(got, want) {
		t.Errorf("%d are unverified, want %d", len(got), len(want))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := p.open(t).Unverified(); !slices.Equal(got, want) {
		t.Errorf("after opening again %d are unverified, want %d", len(got), len(want))
	}
}

func TestReceiveHealsADamagedPack(t *testing.T) {
	p := memoryPlace(t)
	x := elsewhere(t, p, 780)[0]
	db := p.open(t)
	if err := receive(db, []parcel{x}); err != nil {
		t.Fatal(err)
	}
	for off := int64(headerSize); off < headerSize+400; off++ {
		poke(t, p.store, x.info.Name.Path(), off, 0)
	}
	if db.Has(x.all[0].id) {
		t.Fatal("a damaged pack is relied on")
	}
	if err := receive(db, []parcel{x}); err != nil {
		t.Fatal(err)
	}
	mustHold(t, db, x.all)
}

func TestUnreadableParcelDoesNotStopTheOthers(t *testing.T) {
	p := memoryPlace(t)
	came := elsewhere(t, p, 785, 786)
	junk := parcel{data: bytes.Repeat([]byte("junk"), MinPack/4)}
	junk.info = PackInfo{nameOf(junk.data), int64(len(junk.data))}
	db := p.open(t)
	var damage *DamagedError
	if err := receive(db, []parcel{came[0], junk, came[1]}); !errors.As(err, &damage) || damage.Pack != junk.info.Name {
		t.Errorf("adopting junk: %v", err)
	}
	for _, x := range came {
		mustHold(t, db, x.all)
	}
}

// TestManyReceiveAtOnce receives, adopts, reads and commits beside each other.
func TestManyReceiveAtOnce(t *testing.T) {
	p := memoryPlace(t)
	var seeds []uint64
	for i := range uint64(8) {
		seeds = append(seeds, 800+i)
	}
	came := elsewhere(t, p, seeds...)
	bad := liar(t, p, chunksOf(came[0].all))
	db := p.open(t)
	if err := receive(db, []parcel{bad}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range came {
				if err := receive(db, came[(i+w*3)%len(came):][:1]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			s := db.NewSession(SessionOptions{})
			f := s.NewFrames()
			for _, x := range came {
				for _, o := range x.all {
					if _, err := f.Put(o.kind, o.data); err != nil {
						t.Error(err)
					}
					db.Unverified()
				}
			}
			if _, err := s.Commit(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, x := range came {
		mustHold(t, db, x.all)
	}
	// Of the others, those stay that came after their objects had been written.
	for _, name := range db.Unverified() {
		if err := db.EnsureVerified(t.Context(), name); (err != nil) != (name == bad.info.Name) {
			t.Error(err)
		}
	}
	if got := db.Unverified(); !slices.Equal(got, []Name{bad.info.Name}) {
		t.Errorf("%d packs are unverified", len(got))
	}
}

// fetchAll is what a fetch does to a store, then a commit that relies on it.
func fetchAll(p *place, came []parcel) (err error) {
	db, err := OpenDB(Options{Store: p.store, Local: p.local, Vault: p.vault})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := SweepIncoming(p.store); err != nil {
		return err
	}
	return receive(db, came)
}

// TestCrashWhileReceiving stops at every instant of receiving, adopting, and of a commit that relies on one good pack and
// must not rely on a lying one.
func TestCrashWhileReceiving(t *testing.T) {
	m, p := onOneDisk(t)
	own := things(p.vault, 820, 20, 600)
	put(t, p.open(t), own)
	came := elsewhere(t, p, 821, 822)
	wanted := chunksOf(things(p.vault, 823, 30, 600))
	bad := liar(t, p, wanted)
	base := m.Snapshot()
	m.Record()
	if err := fetchAll(p, append(slices.Clone(came), bad)); err != nil {
		t.Fatal(err)
	}
	m.Mark("adopted")
	if err := tryCommit(p, slices.Concat(wanted, came[0].all)); err != nil {
		t.Fatal(err)
	}
	m.Mark("committed")
	opts := memfs.CrashOptions{Seed: 3, Subsets: 2}
	if prove() {
		opts.Subsets = 100
	}
	count, adopted, committed := 0, 0, 0
	for state := range memfs.Crashes(m.Ops(), base, opts) {
		count++
		q := on(t, state.Open(), p.vault)
		db, err := OpenDB(Options{Store: q.store, Local: q.local, Vault: q.vault})
		if err != nil {
			t.Fatalf("%v: %v", state, err)
		}
		mustHold(t, db, own)
		if len(state.Marks()) > 0 {
			adopted++
			for _, x := range came {
				mustRead(t, db, x.all)
			}
		}
		if len(state.Marks()) > 1 {
			committed++
		}
		if slices.Contains(namesOfInfos(mustPacks(t, q)), bad.info.Name) && !slices.Contains(db.Unverified(), bad.info.Name) {
			t.Fatalf("%v: the lying pack is taken for verified", state)
		}
		db.Close()
		if len(state.Marks()) < 2 {
			if err := errors.Join(fetchAll(q, append(slices.Clone(came), bad)), tryCommit(q, wanted)); err != nil {
				t.Fatalf("%v: again: %v", state, err)
			}
		}
		again := q.open(t)
		mustHold(t, again, slices.Concat(own, wanted))
		again.Close()
	}
	if count < 50 || adopted == 0 || committed == 0 {
		t.Errorf("only %d states, %d after the adoption, %d after the commit", count, adopted, committed)
	}
	t.Logf("%d crash states of receiving, 0 poisoned", count)
}

func namesOfInfos(infos []PackInfo) (names []Name) {
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

// TestFaultsWhileReceiving makes every operation of a fetch fail, once and for good.
func TestFaultsWhileReceiving(t *testing.T) {
	m, p := onOneDisk(t)
	own := things(p.vault, 830, 20, 600)
	put(t, p.open(t), own)
	came := elsewhere(t, p, 831)
	wanted := chunksOf(things(p.vault, 832, 30, 600))
	came = append(came, liar(t, p, wanted))
	base := m.Snapshot()
	count, failed := 0, 0
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, memfs.Late{Err: syscall.EIO}, memfs.ShortWrite{N: 3, Err: syscall.ENOSPC}} {
		for _, forGood := range []bool{false, true} {
			for at := 0; ; at++ {
				disk := base.Snapshot()
				q := on(t, disk, p.vault)
				first, hit := disk.OpCount()+at, false
				disk.SetFault(func(op memfs.Op) error {
					_, short := fault.(memfs.ShortWrite)
					if (op.Index == first || forGood && op.Index > first) && (!short || op.Kind == memfs.Write) {
						hit = true
						return fault
					}
					return nil
				})
				err := fetchAll(q, came)
				disk.SetFault(nil)
				if disk.OpCount() <= first {
					break
				}
				if !hit {
					continue
				}
				count++
				if err != nil {
					failed++
				}
				if err := errors.Join(tryCommit(q, wanted), fetchAll(q, came)); err != nil {
					t.Fatalf("%v at operation %d, for good %v: afterwards: %v", fault, at, forGood, err)
				}
				db := q.open(t)
				mustHold(t, db, slices.Concat(own, wanted, came[0].all))
				db.Close()
			}
		}
	}
	if count < 100 || failed < 50 {
		t.Errorf("only %d faults, %d of which were reported", count, failed)
	}
	t.Logf("%d faults while receiving, %d reported", count, failed)
}

// FuzzDecodeMarks: whatever the file holds, it is either what encodeMarks writes or says nothing.
func FuzzDecodeMarks(f *testing.F) {
	f.Add(encodeMarks(nil))
	f.Add(encodeMarks([]Name{{1}, {2}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if names := decodeMarks(data); names != nil && !bytes.Equal(encodeMarks(names), data) {
			t.Fatal("encodes differently")
		}
	})
}
