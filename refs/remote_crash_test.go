package refs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
)

// on is the device over another disk, as another process.
func (d *device) on(disk *memfs.Memory) *device {
	c := *d
	c.disk, c.send, c.heads = disk, nil, make(map[StoreID][]Position)
	return &c
}

func crashOptions() memfs.CrashOptions {
	if os.Getenv("EVAULT_PROVE") == "1" {
		return memfs.CrashOptions{Subsets: 40}
	}
	return memfs.CrashOptions{Subsets: 2}
}

// usable wants a device to read its mirror without an alarm, whatever a crash has left in it.
func (d *device) usable(h *host, when string) {
	d.t.Helper()
	for _, readOnly := range []bool{true, false} {
		o := d.options(h)
		o.ReadOnly = readOnly
		r, err := Open(o)
		if errors.Is(err, ErrIncomplete) {
			continue
		}
		if err != nil {
			d.t.Fatalf("%s: read only %v: %v", when, readOnly, err)
		}
		if p := r.Problems(); len(p) > 0 {
			d.t.Fatalf("%s: read only %v: %v", when, readOnly, p)
		}
	}
}

// A crash at any operation of Mirror, of a first one and of a later one: what was mirrored when it returned is there, the
// mirror can be read without an alarm, and the next Mirror has it all.
func TestMirrorCrashes(t *testing.T) {
	t.Parallel()
	all, h := fleet(t, 3), newHost(t, 1)
	for n := range 5 {
		all[1+n%2].push(h, "main", n+1)
	}
	limits := defaultMirrorLimits()
	limits.batch = 2
	states := 0
	for _, first := range []bool{true, false} {
		d := newDevice(t, all[0].vault, 1)
		o := d.options(h)
		if !first {
			d.sync(h)
			for n := range 8 {
				all[1+n%2].push(h, "main", n+6)
			}
		}
		base := d.disk.Snapshot()
		d.disk.Record()
		m, err := mirrorWithin(context.Background(), o, h, limits)
		must(t, err)
		if len(m.Problems) > 0 {
			t.Fatal(m.Problems)
		}
		d.disk.Mark("mirrored")
		d.open(h)
		d.disk.Mark("opened")
		for c := range memfs.Crashes(d.disk.Ops(), base, crashOptions()) {
			states++
			left := d.on(c.Open())
			if slices.Contains(c.Marks(), "mirrored") {
				left.holds(h, c.String())
			}
			if states%2 == 0 { // by itself, and after others have read what the crash left
				left.usable(h, c.String())
			}
			wantRef(t, left.sync(h), "main", map[bool]int{true: 5, false: 13}[first])
			left.holds(h, c.String())
		}
	}
	t.Logf("proof row 1: %d crash states of mirroring, 0 lost", states)
}

// holds wants the mirror to be a copy of the host's logs.
func (d *device) holds(h *host, when string) {
	d.t.Helper()
	for tag, log := range h.logs {
		for seq, data := range log {
			got, err := readNamed(d.options(h).Store, recordPath(tag, uint64(seq)), MaxRecord)
			if err != nil || !bytes.Equal(got, data) {
				d.t.Fatalf("%s: %s is not in the mirror: %v", when, recordName(tag, uint64(seq)), err)
			}
		}
	}
}

// failFrom makes operation number at fail, or all from there on, and says whether there was one. Several may run at a time.
func (d *device) failFrom(at int, forGood bool, fault error) (hit *atomic.Bool) {
	hit = new(atomic.Bool)
	var n atomic.Int64
	d.disk.SetFault(func(memfs.Op) error {
		if i := int(n.Add(1)) - 1; i == at || forGood && i > at {
			hit.Store(true)
			return fault
		}
		return nil
	})
	return hit
}

// Any operation of the disk may fail while a mirror is brought up to date: then there is an error, and the next call has it
// all.
func TestMirrorFaults(t *testing.T) {
	t.Parallel()
	all, h := fleet(t, 3), newHost(t, 1)
	for n := range 5 {
		all[1+n%2].push(h, "main", n+1)
	}
	cases := 0
	for _, fault := range []error{syscall.EIO, memfs.ShortWrite{N: 3, Err: syscall.ENOSPC}, memfs.Late{Err: syscall.EIO}} {
		for _, forGood := range []bool{false, true} {
			for at, hit := 0, true; hit; at++ {
				d := newDevice(t, all[0].vault, 1)
				o := d.options(h)
				faulty := d.failFrom(at, forGood, fault)
				m, err := Mirror(context.Background(), o, h)
				d.disk.SetFault(nil)
				if hit = faulty.Load(); hit {
					cases++
				}
				if m != nil && len(m.Problems) > 0 {
					t.Fatalf("%v at %d: false alarm: %v", fault, at, m.Problems)
				}
				if err == nil {
					d.holds(h, "success was claimed")
				}
				d.usable(h, "after a fault")
				wantRef(t, d.sync(h), "main", 5)
				d.holds(h, "after a fault")
			}
		}
	}
	t.Logf("proof row 3: %d faults while mirroring, 0 silent successes", cases)
}

// A crash at any operation of a remote Append, with an earlier record pending or not, and whatever becomes of what was sent:
// the host never gets two records for one place, what was acknowledged is there, and pushing goes on.
func TestRemoteAppendCrashes(t *testing.T) {
	t.Parallel()
	all := fleet(t, 2)
	states, tried := 0, 0
	for _, c := range []struct{ pending, answered bool }{{false, true}, {true, true}, {false, false}, {true, false}} {
		h := newHost(t, 1)
		d, other := newDevice(t, all[0].vault, 1), newDevice(t, all[1].vault, 2)
		other.push(h, "main", 1)
		d.push(h, "dev", 2)
		r := d.sync(h)
		if c.pending {
			d.failing(h, r, notSent, move(r, "topic", 3))
			other.push(h, "main", 4)
			d.mirror(h)
		}
		before := h.copy()
		base := d.disk.Snapshot()
		d.disk.Record()
		d.send = func(h *host, records [][]byte, heads []Position) error {
			must(t, h.add(records, heads))
			d.disk.Mark("arrived")
			if !c.answered {
				return errAway
			}
			return nil
		}
		r = d.open(h)
		_, err := r.Append(context.Background(), move(r, "dev", 5))
		if (err == nil) != c.answered {
			t.Fatal(err)
		}
		for crash := range memfs.Crashes(d.disk.Ops(), base, crashOptions()) {
			arrived := slices.Contains(crash.Marks(), "arrived")
			states++
			for i, again := range branches {
				if i != states%len(branches) && os.Getenv("EVAULT_PROVE") != "1" {
					continue
				}
				tried++
				at := before.copy()
				if arrived {
					at = h.copy()
				}
				left := d.on(crash.Open())
				if tried%2 == 0 {
					left.usable(at, crash.String())
				}
				r := left.sync(at)
				wantRef(t, r, "dev", map[bool]int{true: 5, false: 2}[arrived])
				wantRef(t, r, "topic", 0)
				_, err := r.Append(context.Background(), move(r, again, 6))
				must(t, err)
				r = newDevice(t, other.vault, 9).sync(at)
				wantRef(t, r, again, 6)
				if again != "topic" {
					wantRef(t, r, "topic", 0)
				}
				if again == "main" && !arrived {
					wantRef(t, r, "dev", 2)
				}
			}
		}
	}
	if tried < states || states < 300 {
		t.Errorf("only %d crash states", states)
	}
	t.Logf("proof row 1: %d crash states of sending, 0 lost, 0 forks", tried)
}

// A remote Append whose disk fails at any operation: an error or success, and the host says which.
func TestRemoteAppendFaults(t *testing.T) {
	all := fleet(t, 2)
	cases := 0
	for _, fault := range []error{syscall.EIO, memfs.ShortWrite{N: 3, Err: syscall.ENOSPC}, memfs.Late{Err: syscall.EIO}} {
		for _, forGood := range []bool{false, true} {
			for at, hit := 0, true; hit; at++ {
				h, d := newHost(t, 1), newDevice(t, all[0].vault, 1)
				d.push(h, "main", 1)
				r := d.sync(h)
				d.failing(h, r, notSent, move(r, "dev", 2))
				faulty := d.failFrom(at, forGood, fault)
				rec, err := r.Append(context.Background(), move(r, "main", 3))
				d.disk.SetFault(nil)
				if hit = faulty.Load(); hit {
					cases++
				}
				got := newDevice(t, all[1].vault, 9).sync(h)
				if rec != nil || err == nil {
					wantRef(t, got, "main", 3)
				} else {
					wantRef(t, got, "main", 1)
				}
				delete(d.heads, h.id)
				r = d.sync(h)
				_, err = r.Append(context.Background(), move(r, "topic", 4))
				must(t, err)
				got = newDevice(t, all[1].vault, 9).sync(h)
				wantRef(t, got, "topic", 4)
				wantRef(t, got, "dev", 0)
			}
		}
	}
	t.Logf("proof row 3: %d faults while sending, 0 silent successes", cases)
}

// What was sent may arrive late, and a host may say for as long as it likes that it did not: so after a crash no other record
// may be signed for the place of one that has left the machine.
func TestCrashSignsNoPlaceTwice(t *testing.T) {
	t.Parallel()
	all, h := fleet(t, 2), newHost(t, 1)
	d := newDevice(t, all[0].vault, 1)
	d.push(h, "main", 1)
	d.sync(h)
	base, sent := d.disk.Snapshot(), map[place][]byte{}
	d.disk.Record()
	d.send = func(_ *host, records [][]byte, _ []Position) error {
		for _, data := range records {
			sent[placeOf(t, data)] = data
		}
		d.disk.Mark("sent")
		return errAway
	}
	r := d.open(h)
	if _, err := r.Append(context.Background(), move(r, "main", 2)); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	states := 0
	for crash := range memfs.Crashes(d.disk.Ops(), base, crashOptions()) {
		if !slices.Contains(crash.Marks(), "sent") {
			continue
		}
		states++
		left := d.on(crash.Open())
		left.send = func(h *host, records [][]byte, heads []Position) error {
			for _, data := range records {
				if first, twice := sent[placeOf(t, data)]; twice && !bytes.Equal(first, data) {
					t.Errorf("%s: another record is signed for a place of which one was sent", crash)
				}
			}
			return h.add(records, heads)
		}
		at := h.copy()
		r := left.sync(at)
		_, err := r.Append(context.Background(), move(r, "other", 3))
		must(t, err)
	}
	if states == 0 {
		t.Error("no crash after sending")
	}
}

func placeOf(t *testing.T, data []byte) place {
	t.Helper()
	h, _, err := DecodeHeader(data)
	must(t, err)
	return place{h.Tag, h.Seq}
}
