package pack

import (
	"bytes"
	"context"
	"errors"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/objects"
)

func TestFrameIsBoundToItsPlace(t *testing.T) {
	v := newVault(t)
	s, err := v.PackSealer(v.Epoch(), [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := v.PackSealer(v.Epoch(), [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	frame := sealFrame(s, nil, []byte("some plaintext"), ClassData, 1000)
	if got, err := openFrame(s, nil, bytes.Clone(frame), ClassData, 1000); err != nil || string(got) != "some plaintext" {
		t.Fatal(got, err)
	}
	if _, err := openFrame(s, nil, bytes.Clone(frame), ClassData, 1001); err == nil {
		t.Error("opens at another offset")
	}
	if _, err := openFrame(s, nil, bytes.Clone(frame), ClassMeta, 1000); err == nil {
		t.Error("opens as another class")
	}
	if _, err := openFrame(other, nil, bytes.Clone(frame), ClassData, 1000); err == nil {
		t.Error("opens in another pack")
	}
	if bytes.Equal(frame[:nonceSize], sealFrame(s, nil, []byte("some plaintext"), ClassData, 1000)[:nonceSize]) {
		t.Error("a nonce is used twice")
	}
}

// A sealed frame is read back before it is written, and must be what was to be sealed.
func TestSealedFrameIsReadBack(t *testing.T) {
	v := newVault(t)
	s, err := v.PackSealer(v.Epoch(), [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	frame := sealFrame(s, nil, []byte("some plaintext"), ClassData, 1000)
	was := bytes.Clone(frame)
	if _, err := checkFrame(s, nil, frame, []byte("some plaintext"), ClassData, 1000); err != nil || !bytes.Equal(frame, was) {
		t.Errorf("%v, changed %v", err, !bytes.Equal(frame, was))
	}
	if _, err := checkFrame(s, nil, frame, []byte("some plaintexu"), ClassData, 1000); !errors.Is(err, errSealCheck) {
		t.Errorf("another plaintext: %v", err)
	}
	frame[len(frame)-1] ^= 1
	if _, err := checkFrame(s, nil, frame, []byte("some plaintext"), ClassData, 1000); !errors.Is(err, errSealCheck) {
		t.Errorf("a changed frame: %v", err)
	}
}

// Trailer and index are sealed apart: a member's may say different things.
func TestTrailerThatLies(t *testing.T) {
	p := memoryPlace(t)
	info := put(t, p.open(t), things(p.vault, 67, 5, 600))[0]
	for name, lie := range map[string]func(*trailer){
		"honest": func(*trailer) {}, "frames": func(t *trailer) { t.frames++ }, "class": func(t *trailer) { t.class = ClassData + ClassMeta - t.class },
	} {
		r, err := openPackFile(p.store, info.Name.Path(), p.vault)
		if err != nil {
			t.Fatal(err)
		}
		told, err := r.readTrailer()
		if err != nil {
			t.Fatal(err)
		}
		lie(&told)
		data := make([]byte, r.size)
		if err := readFull(r.file, data, 0); err != nil {
			t.Fatal(err)
		}
		end := append(data[:r.size-trailerSize], r.salt[:]...)
		data = r.sealer.SealCommitted(end, told.append(nil), trailerAAD(r.size))
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
		overwrite(t, p.store, "incoming/forged", data)
		forged, err := openPackFile(p.store, "incoming/forged", p.vault)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := forged.readIndex(); (err == nil) != (name == "honest") || err != nil && !errors.Is(err, errTrailer) {
			t.Errorf("%s: %v", name, err)
		}
		if err := forged.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIndexWithWrongIDs is a pack that a malicious member sealed: all opens, but an ID is not that of its object.
func TestIndexWithWrongIDs(t *testing.T) {
	p := memoryPlace(t)
	db := p.open(t)
	var g gatherer
	for i, o := range things(p.vault, 90, 5, 300) {
		o.id[0] ^= byte(i / 4)
		g.add(objects.KindTree, &o.id, o.data)
		g.ids[i] = p.vault.ObjectID(byte(objects.KindTree), o.data)
	}
	g.ids[4][3] ^= 1
	w, err := newPackWriter(p.store, p.vault, 0)
	if err != nil {
		t.Fatal(err)
	}
	packed, _ := db.codec.compressChecked(nil, nil, g.raw(nil))
	if err := errors.Join(w.append(ClassMeta, packed, g.ids), w.finish(), p.store.MkdirAll(w.name.dir(), 0o700), w.publish()); err != nil {
		t.Fatal(err)
	}
	var damage *DamagedError
	if err := db.VerifyPack(context.Background(), w.name, nil); !errors.As(err, &damage) || damage.Place != 4 || damage.Object != g.ids[4] {
		t.Errorf("verify: %v", err)
	}
	if err := db.AddPacks(context.Background(), []Name{w.name}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Get(context.Background(), g.ids[4], objects.KindTree); !errors.Is(err, ErrDamaged) {
		t.Errorf("get: %v", err)
	}
	if _, err := db.Get(context.Background(), g.ids[3], objects.KindTree); err != nil {
		t.Errorf("get of a good one: %v", err)
	}
}

// TestPackOfADeadProcessIsMadeDurable kills a process between renaming a pack and syncing its directory. The next one
// finds the pack and relies on it; then the power fails.
func TestPackOfADeadProcessIsMadeDurable(t *testing.T) {
	m, p := onOneDisk(t)
	all := things(p.vault, 91, 10, 500)
	base := m.Snapshot()
	m.Record()
	renamed := false
	m.SetFault(func(op memfs.Op) error {
		if renamed {
			return syscall.EIO
		}
		renamed = op.Kind == memfs.Rename
		return nil
	})
	if err := tryCommit(p, all); err == nil || !renamed {
		t.Fatalf("renamed %v, %v", renamed, err)
	}
	m.SetFault(nil)
	if err := tryCommit(p, all); err != nil {
		t.Fatal(err)
	}
	m.Mark("committed")
	checked := 0
	for state := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{Seed: 2}) {
		if len(state.Marks()) == 0 {
			continue
		}
		q := on(t, state.Open(), p.vault)
		mustHold(t, q.open(t), all)
		checked++
	}
	if checked == 0 {
		t.Error("no state after the commit")
	}
}
