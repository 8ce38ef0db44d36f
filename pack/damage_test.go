package pack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"evault/internal/vfs"
	"evault/objects"
)

// poke changes one byte of a file.
func poke(t testing.TB, fsys vfs.FS, name string, off int64, b byte) {
	t.Helper()
	f, err := fsys.OpenHandle(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b}, off); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// step is how far apart the bytes are that a test changes: every one in the long variant.
func step() int {
	if prove() {
		return 1
	}
	return 5
}

// onePack makes a store with one small pack of both classes.
func onePack(t testing.TB) (*place, []thing, PackInfo, []byte) {
	t.Helper()
	p := memoryPlace(t)
	all := things(p.vault, 11, 40, 1500)
	infos := put(t, p.open(t), all)
	if len(infos) != 1 {
		t.Fatalf("%d packs", len(infos))
	}
	return p, all, infos[0], readFile(t, p.store, infos[0].Name.Path())
}

// neverWrong reads all objects and fails if one comes back with other bytes. It gives how many came back.
func neverWrong(t testing.TB, db *DB, all []thing) (good int) {
	t.Helper()
	for _, o := range all {
		got, err := db.Get(context.Background(), o.id, o.kind)
		switch {
		case err == nil && !bytes.Equal(got, o.data):
			t.Fatal("wrong bytes")
		case err == nil:
			good++
		case !errors.Is(err, ErrDamaged) && !errors.Is(err, objects.ErrNotFound) && !errors.Is(err, ErrNewer):
			var unknown error = err
			if !bytes.Contains([]byte(err.Error()), []byte("epoch")) {
				t.Fatalf("neither damage nor missing: %v", unknown)
			}
		}
	}
	return good
}

func TestEveryByteOfAPackIsChecked(t *testing.T) {
	p, all, info, data := onePack(t)
	ctx := context.Background()
	db := p.open(t)
	r := rand.New(rand.NewPCG(1, 2))
	count, reads := 0, 0
	for off := 0; off < len(data); off += step() {
		bits := []byte{1 << r.IntN(8)}
		if prove() {
			bits = []byte{1, 2, 4, 8, 16, 32, 64, 128}
		}
		for _, bit := range bits {
			poke(t, p.store, info.Name.Path(), int64(off), data[off]^bit)
			count++
			if err := db.VerifyPack(ctx, info.Name, nil); err == nil {
				t.Fatalf("bit %#x of byte %d changed, and verify found nothing", bit, off)
			}
			if count%40 == 0 {
				fresh := p.open(t)
				neverWrong(t, fresh, all)
				fresh.Close()
				reads++
			}
		}
		poke(t, p.store, info.Name.Path(), int64(off), data[off])
	}
	if err := db.VerifyPack(ctx, info.Name, nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("proof row 4: %d changed bits of a pack, %d times read through; 0 undetected, 0 wrong", count, reads)
}

// renamed writes bytes under the name that their hash gives, so that only the seals can tell that they were changed.
func renamed(t testing.TB, p *place, old Name, data []byte) Name {
	t.Helper()
	if err := p.store.Remove(old.Path()); err != nil {
		t.Fatal(err)
	}
	name := nameOf(data)
	if err := p.store.MkdirAll(name.dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	overwrite(t, p.store, name.Path(), data)
	return name
}

func TestEveryByteIsSealed(t *testing.T) {
	p, all, info, data := onePack(t)
	db := p.open(t)
	rd, err := openPackFile(p.store, info.Name.Path(), p.vault)
	if err != nil {
		t.Fatal(err)
	}
	x, err := rd.readIndex()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := rd.readTrailer()
	if err != nil {
		t.Fatal(err)
	}
	rd.close()
	name, count := info.Name, 0
	for off := 0; off < len(data); off += step() {
		padding := int64(off) >= x.end() && int64(off) < tr.indexOff
		changed := bytes.Clone(data)
		changed[off] ^= 1 << (off % 8)
		name = renamed(t, p, name, changed)
		err := db.VerifyPack(context.Background(), name, nil)
		if padding != (err == nil) {
			t.Fatalf("byte %d, padding %v: %v", off, padding, err)
		}
		count++
	}
	renamed(t, p, name, data)
	mustHold(t, p.open(t), all)
	t.Logf("proof row 4: %d changed bytes under a name made to fit", count)
}

func TestTruncationAtEveryLength(t *testing.T) {
	p, all, info, data := onePack(t)
	db := p.open(t)
	for n := range data {
		overwrite(t, p.store, info.Name.Path(), data[:n])
		if err := db.VerifyPack(context.Background(), info.Name, nil); err == nil {
			t.Fatalf("cut to %d of %d bytes, and verify found nothing", n, len(data))
		}
		if n%500 == 0 {
			neverWrong(t, p.open(t), all)
		}
	}
	overwrite(t, p.store, info.Name.Path(), append(bytes.Clone(data), 0))
	if err := db.VerifyPack(context.Background(), info.Name, nil); err == nil {
		t.Fatal("a byte appended, and verify found nothing")
	}
	t.Logf("proof row 6: %d lengths", len(data))
}

func TestInsertedRemovedZeroed(t *testing.T) {
	p, all, info, data := onePack(t)
	db := p.open(t)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		at := r.IntN(len(data) - 64)
		var changed []byte
		switch i % 3 {
		case 0:
			changed = slices.Insert(bytes.Clone(data), at, byte(r.Uint32()))
		case 1:
			changed = slices.Delete(bytes.Clone(data), at, at+1)
		case 2:
			changed = bytes.Clone(data)
			clear(changed[at : at+64])
		}
		overwrite(t, p.store, info.Name.Path(), changed)
		if err := db.VerifyPack(context.Background(), info.Name, nil); err == nil {
			t.Fatalf("case %d at %d: verify found nothing", i%3, at)
		}
		if i%10 == 0 {
			neverWrong(t, p.open(t), all)
		}
	}
}

// equalFrames makes a pack whose frames are all of one size.
func equalFrames(t testing.TB, p *place, n int) ([]thing, PackInfo) {
	t.Helper()
	r := rand.NewChaCha8([32]byte{7})
	s := p.open(t).NewSession(SessionOptions{})
	f := s.NewFrames()
	var all []thing
	for range n {
		data := make([]byte, 5000)
		r.Read(data)
		id, err := f.Put(objects.KindChunk, data)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
		all = append(all, thing{objects.KindChunk, id, data})
	}
	infos, err := s.Commit(context.Background())
	if err != nil || len(infos) != 1 {
		t.Fatal(infos, err)
	}
	return all, infos[0]
}

func TestSwappedFrames(t *testing.T) {
	p := memoryPlace(t)
	all, info := equalFrames(t, p, 4)
	rd, err := openPackFile(p.store, info.Name.Path(), p.vault)
	if err != nil {
		t.Fatal(err)
	}
	x, err := rd.readIndex()
	if err != nil {
		t.Fatal(err)
	}
	rd.close()
	if len(x.frames) != 4 || x.frames[1].size != x.frames[2].size {
		t.Fatalf("frames %+v", x.frames)
	}
	data := readFile(t, p.store, info.Name.Path())
	a, b := x.frames[1], x.frames[2]
	first := bytes.Clone(data[a.off : a.off+int64(a.size)])
	copy(data[a.off:], data[b.off:b.off+int64(b.size)])
	copy(data[b.off:], first)
	name := renamed(t, p, info.Name, data)
	db := p.open(t)
	if err := db.VerifyPack(context.Background(), name, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("verify: %v", err)
	}
	if good := neverWrong(t, db, all); good != 2 {
		t.Errorf("%d objects come back, want the 2 that were not swapped", good)
	}
}

func TestSwappedPacks(t *testing.T) {
	p := memoryPlace(t)
	allA, a := equalFrames(t, p, 3)
	all := things(p.vault, 12, 30, 800)
	b := put(t, p.open(t), all)[0]
	dataA, dataB := readFile(t, p.store, a.Name.Path()), readFile(t, p.store, b.Name.Path())
	overwrite(t, p.store, a.Name.Path(), dataB)
	overwrite(t, p.store, b.Name.Path(), dataA)
	db := p.open(t)
	for _, n := range []Name{a.Name, b.Name} {
		if err := db.VerifyPack(context.Background(), n, nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("verify: %v", err)
		}
		if err := db.QuickVerify(context.Background(), n); !errors.Is(err, ErrDamaged) {
			t.Errorf("quick verify: %v", err)
		}
	}
	// The objects are there, only not where they were: the index is built anew and finds them.
	mustHold(t, db, slices.Concat(allA, all))
}

func TestDamageNamesPackFrameAndObject(t *testing.T) {
	p := memoryPlace(t)
	all, info := equalFrames(t, p, 3)
	rd, err := openPackFile(p.store, info.Name.Path(), p.vault)
	if err != nil {
		t.Fatal(err)
	}
	x, err := rd.readIndex()
	if err != nil {
		t.Fatal(err)
	}
	rd.close()
	poke(t, p.store, info.Name.Path(), x.frames[1].off+100, 1)
	poke(t, p.store, info.Name.Path(), x.frames[1].off+101, 1)
	_, err = p.open(t).Get(context.Background(), all[1].id, objects.KindChunk)
	var d *DamagedError
	if !errors.As(err, &d) || d.Pack != info.Name || d.Frame != 1 || d.Object != all[1].id {
		t.Errorf("got %v", err)
	}
}

func TestNewerIsNotDamage(t *testing.T) {
	for off, what := range map[int64]string{11: "version", 48: "key wrapping"} {
		p, all, info, _ := onePack(t)
		poke(t, p.store, info.Name.Path(), off, 9)
		if err := p.local.RemoveAll(runsDir); err != nil {
			t.Fatal(err)
		}
		db := p.open(t)
		problems := errors.Join(db.Problems()...)
		if !errors.Is(problems, ErrNewer) || errors.Is(problems, ErrDamaged) {
			t.Errorf("%s: %v", what, problems)
		}
		if db.Has(all[0].id) {
			t.Errorf("%s: object known", what)
		}
	}
}

func TestDamagedIndexDoesNotStopTheOpening(t *testing.T) {
	p, _, info, data := onePack(t)
	more := things(p.vault, 13, 20, 900)
	put(t, p.open(t), more)
	poke(t, p.store, info.Name.Path(), int64(len(data)-1), data[len(data)-1]^1)
	if err := p.local.RemoveAll(runsDir); err != nil {
		t.Fatal(err)
	}
	db := p.open(t)
	if len(db.Problems()) == 0 || !errors.Is(db.Problems()[0], ErrDamaged) {
		t.Errorf("problems %v", db.Problems())
	}
	mustHold(t, db, more)
}

func TestVerifyGivesEveryObject(t *testing.T) {
	p, all, info, _ := onePack(t)
	db := p.open(t)
	seen := map[objects.ID]bool{}
	if err := db.VerifyPack(context.Background(), info.Name, func(id objects.ID, kind objects.Kind, data []byte) error {
		seen[id] = p.vault.ObjectID(byte(kind), data) == id
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if !seen[o.id] {
			t.Error("an object was not given")
		}
	}
	if err := db.VerifyPack(context.Background(), info.Name, func(objects.ID, objects.Kind, []byte) error { return io.EOF }); err != io.EOF {
		t.Errorf("own error came back as %v", err)
	}
	if err := db.VerifyPack(context.Background(), Name{1}, nil); !errors.Is(err, ErrNoPack) {
		t.Errorf("no such pack: %v", err)
	}
}
