package refs

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
)

// grow writes n records straight into the log.
func (g *rig) grow(n int) Tag {
	g.t.Helper()
	key, err := g.vault.LogKey(g.store, g.clone)
	must(g.t, err)
	h := Header{Tag: TagOf(g.store, key.Public()), Key: key.Public()}
	s := newSealers(g.vault)
	dir := "evault/store/logs/" + h.Tag.String()
	must(g.t, vfs.MkdirAllSync(g.disk, dir, 0o700))
	for i := range n {
		h.Seq = uint64(i)
		b := &Body{Vault: g.vault.ID(), Store: g.store, Device: g.vault.DevicePublicKey(), Clone: g.clone, Seq: h.Seq,
			Roster: g.vault.RosterHash(), Operation: "commit", HeadAfter: Head{Branch: "main"}}
		b.Changes = []Change{{fmt.Sprintf("heads/b%02d", i%50), commitID(i), commitID(i + 1)}}
		rec, data, err := signRecord(g.vault, key, s, h, b)
		must(g.t, err)
		f, err := g.disk.OpenFile(dir+"/"+seqName(h.Seq), os.O_WRONLY|os.O_CREATE, 0o600)
		must(g.t, err)
		_, err = f.Write(data)
		must(g.t, err)
		must(g.t, f.Close())
		h.Previous = rec.Hash
	}
	return h.Tag
}

// Opening at the tip takes as many operations for a long log as for a short one.
func TestOpeningDoesNotDependOnTheLength(t *testing.T) {
	count := func(n int) (ops int) {
		g := newRig(t)
		g.grow(n)
		g.open()
		g.disk.SetFault(func(memfs.Op) error { ops++; return nil })
		g.open()
		return ops
	}
	short, long := count(3), count(200)
	if short != long {
		t.Errorf("%d operations for 3 records, %d for 200", short, long)
	}
	t.Logf("%d operations to open", long)
}

func TestTenThousandRecords(t *testing.T) {
	if os.Getenv("EVAULT_PROVE") != "1" {
		t.Skip("takes several seconds: set EVAULT_PROVE=1")
	}
	g := newRig(t)
	g.grow(10000)
	start := time.Now()
	r := g.open()
	full := time.Since(start)
	start = time.Now()
	g.open()
	tip := time.Since(start)
	start = time.Now()
	_, err := r.Append(context.Background(), Operation{Name: "x", Changes: []Change{{"heads/new", objects.ID{}, commitID(1)}}})
	must(t, err)
	t.Logf("10,000 records: full fold %v, open at the tip %v, append %v", full, tip, time.Since(start))
	if full > 10*time.Second { // generous: the cores may be shared
		t.Errorf("full fold took %v", full)
	}
}

func BenchmarkOpenAtTip(b *testing.B) {
	g := newRig(b)
	g.grow(100)
	g.open()
	for b.Loop() {
		g.open()
	}
}

func BenchmarkAppend(b *testing.B) {
	g := newRig(b)
	r := g.start()
	for i := 0; b.Loop(); i++ {
		g.append(r, Operation{Name: "x", HeadAfter: Head{Branch: fmt.Sprint("b", i)}})
	}
}
