package pack

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"evault/keys"
	"evault/objects"
)

// salvageAll gives what a salvage of a pack yields.
func salvageAll(t testing.TB, p *place, name Name) (map[objects.ID][]byte, SalvageReport) {
	t.Helper()
	got := map[objects.ID][]byte{}
	rep, err := Salvage(context.Background(), p.store, name.Path(), p.vault, func(id objects.ID, _ objects.Kind, data []byte) error {
		got[id] = bytes.Clone(data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, rep
}

func TestSalvage(t *testing.T) {
	p := memoryPlace(t)
	all, info := equalFrames(t, p, 6)
	path := info.Name.Path()
	data := readFile(t, p.store, path)
	rd, err := openPackFile(p.store, path, p.vault)
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
	flip := func(offs ...int64) func() []byte {
		return func() []byte {
			d := bytes.Clone(data)
			for _, o := range offs {
				d[o] ^= 0x10
			}
			return d
		}
	}
	inFrame2, inIndex, inTrailer := x.frames[2].off+1000, tr.indexOff+80, int64(len(data)-3)
	length2 := x.frames[2].off + nonceSize
	for name, c := range map[string]struct {
		data func() []byte
		lost []int
	}{
		"nothing":                  {flip(), nil},
		"trailer":                  {flip(inTrailer), nil},
		"index":                    {flip(inIndex), nil},
		"frame":                    {flip(inFrame2), []int{2}},
		"frame and index":          {flip(inFrame2, inIndex), []int{2}},
		"length and trailer":       {flip(length2, inTrailer), []int{2}},
		"nonce and trailer":        {flip(x.frames[2].off, inTrailer), []int{2}},
		"two frames and index":     {flip(inFrame2, x.frames[3].off+10, inIndex), []int{2, 3}},
		"last frame and index":     {flip(x.frames[5].off+30, inIndex), []int{5}},
		"first frame and trailer":  {flip(headerSize, inTrailer), []int{0}},
		"magic, trailer":           {flip(0, inTrailer), nil},
		"version":                  {flip(11), nil},
		"epoch":                    {flip(12), nil},
		"cut off in frame 4":       {func() []byte { return data[:x.frames[4].off+100] }, []int{4, 5}},
		"zeros over frames 1 to 3": {func() []byte { d := bytes.Clone(data); clear(d[x.frames[1].off+50 : x.frames[3].off+50]); return d }, []int{1, 2, 3}},
		"salt":                     {flip(20), nil},
		"salt, index":              {flip(20, inIndex), nil},
		"second salt":              {flip(int64(len(data) - trailerSize)), nil},
		"first sector":             {func() []byte { d := bytes.Clone(data); clear(d[:512]); return d }, []int{0}},
		"header only":              {func() []byte { return data[:headerSize] }, []int{0, 1, 2, 3, 4, 5}},
		"nothing left":             {func() []byte { return nil }, []int{0, 1, 2, 3, 4, 5}},
	} {
		overwrite(t, p.store, path, c.data())
		got, rep := salvageAll(t, p, info.Name)
		if len(got) != len(all)-len(c.lost) {
			t.Errorf("%s: %d objects, want %d; %+v", name, len(got), len(all)-len(c.lost), rep)
		}
		for i, o := range all {
			if slices.Contains(c.lost, i) {
				continue
			}
			if !bytes.Equal(got[o.id], o.data) {
				t.Errorf("%s: object %d is missing or wrong", name, i)
			}
		}
		if name != "nothing" && name != "salt" && name != "second salt" && len(rep.Problems) == 0 {
			t.Errorf("%s: no damage reported", name)
		}
	}
}

func TestRepairPack(t *testing.T) {
	p := memoryPlace(t)
	ctx := context.Background()
	all, info := equalFrames(t, p, 6)
	data := readFile(t, p.store, info.Name.Path())
	poke(t, p.store, info.Name.Path(), int64(len(data)-1), data[len(data)-1]^1)
	db := p.open(t)
	rep, err := db.RepairPack(ctx, info.Name)
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(rep.Damage, ErrDamaged) || rep.Rescued != 6 || len(rep.Packs) != 1 || !rep.Blind {
		t.Errorf("report %+v", rep)
	}
	mustHold(t, db, all)
	if _, err := p.store.Lstat(info.Name.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the damaged pack is still in sight")
	}
	if !bytes.Equal(readFile(t, p.store, damagedDir+"/"+info.Name.String()+packSuffix)[:100], data[:100]) {
		t.Error("the damaged pack was not kept")
	}
	again := p.open(t)
	mustHold(t, again, all)
	mustVerify(t, again)
	if rep, err := again.RepairPack(ctx, again.mustOne(t)); err != nil || rep.Damage != nil || len(rep.Packs) != 0 {
		t.Errorf("repair of a good pack: %+v, %v", rep, err)
	}
}

func (db *DB) mustOne(t testing.TB) Name {
	t.Helper()
	infos, err := db.Packs()
	if err != nil || len(infos) != 1 {
		t.Fatal(infos, err)
	}
	return infos[0].Name
}

func TestRepairNamesWhatIsLost(t *testing.T) {
	p := memoryPlace(t)
	all, info := equalFrames(t, p, 6)
	rd, err := openPackFile(p.store, info.Name.Path(), p.vault)
	if err != nil {
		t.Fatal(err)
	}
	x, err := rd.readIndex()
	if err != nil {
		t.Fatal(err)
	}
	rd.close()
	for _, n := range []int{1, 4} {
		off := x.frames[n].off + 500
		data := readFile(t, p.store, info.Name.Path())
		poke(t, p.store, info.Name.Path(), off, data[off]^4)
	}
	db := p.open(t)
	rep, err := db.RepairPack(context.Background(), info.Name)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rep.Lost, []objects.ID{all[1].id, all[4].id}) || rep.Blind || rep.Rescued != 4 {
		t.Errorf("report %+v", rep)
	}
	for i, o := range all {
		if lost := i == 1 || i == 4; db.Has(o.id) == lost {
			t.Errorf("object %d: lost is %v", i, lost)
		}
	}
	// The same bytes are taken again: the damaged pack no longer counts.
	put(t, db, all)
	mustHold(t, p.open(t), all)
}

// TestSecondCopyIsUsed damages one of two packs that hold an object.
func TestSecondCopyIsUsed(t *testing.T) {
	p := memoryPlace(t)
	ctx := context.Background()
	all := things(p.vault, 70, 10, 2000)
	one, two := p.open(t), p.open(t)
	first := put(t, one, all)[0] // neither knows of the other's
	put(t, two, all)
	rd, err := openPackFile(p.store, first.Name.Path(), p.vault)
	if err != nil {
		t.Fatal(err)
	}
	x, err := rd.readIndex()
	if err != nil {
		t.Fatal(err)
	}
	rd.close()
	for _, f := range x.frames {
		data := readFile(t, p.store, first.Name.Path())
		poke(t, p.store, first.Name.Path(), f.off+40, data[f.off+40]^1)
	}
	db := p.open(t)
	mustHold(t, db, all)
	rep, err := db.RepairPack(ctx, first.Name)
	if err != nil || len(rep.Lost) != 0 || len(rep.Packs) != 0 {
		t.Errorf("report %+v, %v", rep, err)
	}
	mustHold(t, p.open(t), all)
}

func TestRepairLeavesAloneWhatIsNotDamaged(t *testing.T) {
	p := memoryPlace(t)
	_, info := equalFrames(t, p, 2)
	data := readFile(t, p.store, info.Name.Path())
	for off, want := range map[int]error{11: ErrNewer, 14: keys.ErrUnknownEpoch} {
		other := bytes.Clone(data)
		other[off] = 7
		name := nameOf(other) // so it is no damage, but was written like this
		if err := p.store.MkdirAll(name.dir(), 0o700); err != nil {
			t.Fatal(err)
		}
		overwrite(t, p.store, name.Path(), other)
		if rep, err := p.open(t).RepairPack(context.Background(), name); !errors.Is(err, want) || rep.Rescued != 0 {
			t.Errorf("byte %d: %+v, %v", off, rep, err)
		}
		if _, err := p.store.Lstat(name.Path()); err != nil {
			t.Errorf("byte %d: the pack was moved", off)
		}
		// The same byte changed later is damage, and is repaired.
		poke(t, p.store, info.Name.Path(), int64(off), 7)
		if err := p.open(t).VerifyPack(context.Background(), info.Name, nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d changed: %v", off, err)
		}
		poke(t, p.store, info.Name.Path(), int64(off), data[off])
	}
}
