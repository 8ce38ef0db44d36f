package refs

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/keys"
)

// filled is a host with one log of n records, each of which adds a pack.
func filled(t testing.TB, v *keys.Vault, n int) *host {
	t.Helper()
	h, d := newHost(t, 1), newDevice(t, v, 7)
	key, err := v.LogKey(h.id, d.clone)
	must(t, err)
	hd := Header{Tag: TagOf(h.id, key.Public()), Key: key.Public()}
	s, packs := newSealers(v), manyPacks(n)
	for i := range n {
		hd.Seq, hd.Added = uint64(i), packs[i:i+1]
		b := &Body{Vault: v.ID(), Store: h.id, Device: v.DevicePublicKey(), Clone: d.clone, Seq: hd.Seq, Roster: v.RosterHash(),
			Operation: "push", HeadAfter: Head{Branch: "main"}, Changes: []Change{{fmt.Sprintf("heads/b%02d", i%50), commitID(i), commitID(i + 1)}}}
		rec, data, err := signRecord(v, key, s, hd, b)
		must(t, err)
		h.logs[hd.Tag] = append(h.logs[hd.Tag], data)
		hd.Previous = rec.Hash
	}
	return h
}

// onDisk makes the options of a device refer to a real folder.
func onDisk(t testing.TB, o Options) Options {
	t.Helper()
	for name, to := range map[string]*vfs.FS{"mirror": &o.Store, "state": &o.State} {
		f, err := vfs.OpenOrCreate(t.TempDir() + "/" + name)
		must(t, err)
		t.Cleanup(func() { must(t, f.Close()) })
		*to = f
	}
	o.Local = o.Store
	return o
}

// A mirror with nothing new costs as much with a long log as with a short one.
func TestNothingNewDoesNotDependOnTheLength(t *testing.T) {
	all := fleet(t, 1)
	for _, n := range []int{3, 300} {
		h := filled(t, all[0].vault, n)
		d := newDevice(t, all[0].vault, 1)
		d.sync(h)
		before := d.disk.OpCount()
		h.requests = 0
		d.mirror(h)
		if ops := d.disk.OpCount() - before; h.requests != 1 || ops > 20 {
			t.Errorf("%d records: %d requests, %d operations", n, h.requests, ops)
		}
	}
}

func TestProveMirrorTenThousandRecords(t *testing.T) {
	if os.Getenv("EVAULT_PROVE") != "1" {
		t.Skip("takes several seconds: set EVAULT_PROVE=1")
	}
	all := fleet(t, 1)
	h := filled(t, all[0].vault, 10000)
	o := onDisk(t, all[0].options(h))
	step := func(what string, limit time.Duration, do func()) {
		t.Helper()
		start := time.Now()
		do()
		took := time.Since(start)
		t.Logf("10,000 records on a real disk: %s %v", what, took)
		if took > limit { // generous: the cores may be shared
			t.Errorf("%s took %v", what, took)
		}
	}
	mirror := func() {
		m, err := Mirror(context.Background(), o, h)
		must(t, err)
		if len(m.Problems) > 0 {
			t.Fatal(m.Problems)
		}
	}
	var r *Refs
	step("mirror", 60*time.Second, mirror)
	step("nothing new", 50*time.Millisecond, mirror)
	step("full fold", 20*time.Second, func() {
		var err error
		r, err = Open(o)
		must(t, err)
	})
	step("packs", 5*time.Second, func() {
		packs, err := r.Packs(context.Background())
		must(t, err)
		if len(packs) != 10000 {
			t.Errorf("%d packs", len(packs))
		}
	})
}

func BenchmarkMirrorNothingNew(b *testing.B) {
	all := fleet(b, 1)
	h := filled(b, all[0].vault, 1000)
	o := onDisk(b, all[0].options(h))
	for b.Loop() {
		_, err := Mirror(context.Background(), o, h)
		must(b, err)
	}
}
