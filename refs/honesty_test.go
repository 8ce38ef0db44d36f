package refs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"evault/internal/vfs/memfs"
)

// grownHost is a host at which three devices have written in turn, and what it looked like after each record.
func grownHost(t *testing.T, records int) (all []*device, h *host, states []*host) {
	t.Helper()
	all, h = fleet(t, 4), newHost(t, 1)
	for n := range records {
		states = append(states, h.copy())
		all[1+n%3].push(h, []string{"main", "dev"}[n%2], n+1)
	}
	return all, h, states
}

// mix is a host that shows so many records of each log, in the order of the tags.
func (h *host) mix(counts []int) *host {
	c := h.copy()
	for i, tag := range h.tags() {
		c.logs[tag] = c.logs[tag][:counts[i]]
	}
	return c
}

func (h *host) tags() (tags []Tag) {
	for tag := range h.logs {
		tags = append(tags, tag)
	}
	slices.SortFunc(tags, compareTags)
	return tags
}

// Proof row 8: every earlier state, and every mix of earlier states of the logs of three devices, is served to a client that
// knows a later one, with its mirror and without. It is never taken for the present.
func TestProofEarlierStates(t *testing.T) {
	t.Parallel()
	records, least := 16, 500
	if os.Getenv("EVAULT_PROVE") == "1" {
		records, least = 51, 10000
	}
	all, h, states := grownHost(t, records)
	client := all[0]
	client.sync(h)
	served := 0
	serve := func(src *host) {
		t.Helper()
		for _, mirror := range []bool{true, false} {
			client.refuses(h, src, mirror)
			served++
		}
	}
	for _, s := range states {
		serve(s)
	}
	full := make([]int, 3)
	for i, tag := range h.tags() {
		full[i] = len(h.logs[tag])
	}
	for a := range full[0] + 1 {
		for b := range full[1] + 1 {
			for c := range full[2] + 1 {
				if counts := []int{a, b, c}; !slices.Equal(counts, full) {
					serve(h.mix(counts))
				}
			}
		}
	}
	if served < least {
		t.Fatalf("only %d states, want %d", served, least)
	}
	t.Logf("proof row 8: %d earlier and mixed states of the logs of 3 devices, 0 accepted", served)
}

// refuses serves an older state to a copy of the client.
func (d *device) refuses(h, older *host, mirror bool) {
	d.t.Helper()
	c := *d
	c.heads = make(map[StoreID][]Position)
	c.disk = d.disk.Snapshot()
	if !mirror {
		must(d.t, c.disk.RemoveAll("remotes"))
	}
	m := c.tryMirror(h, older)
	behind := 0
	for tag, log := range h.logs {
		if len(older.logs[tag]) < len(log) {
			behind++
		}
	}
	named := 0
	for _, p := range m.Problems {
		var rb *RollbackError
		if errors.As(p, &rb) && rb.Found == uint64(len(older.logs[rb.Tag])) && rb.Pinned+1 == uint64(len(h.logs[rb.Tag])) {
			named++
		}
	}
	if named != behind || len(m.Problems) != behind {
		d.t.Fatalf("%d logs are behind, problems %v", behind, m.Problems)
	}
	r, err := Open(c.options(h))
	if !mirror {
		wantErr(d.t, err, ErrRollback)
		return
	}
	must(d.t, err) // the good state is untouched
	if !slices.Equal(r.fold.seenBy(Tag{}), d.heads[h.id]) {
		d.t.Fatal("the mirror was changed")
	}
}

// A state that a client knows cannot be replaced by one with other records, wherever the histories part.
func TestProofForkedStates(t *testing.T) {
	all, h, _ := grownHost(t, 15)
	client := all[0]
	client.sync(h)
	served := 0
	for i, tag := range h.tags() {
		writer := all[1+slices.IndexFunc(all[1:], func(d *device) bool { return d.tag(h) == tag })]
		for at := range h.logs[tag] {
			for more := range len(h.logs[tag]) - at + 2 {
				other := h.copy()
				log := slices.Clone(other.logs[tag][:at])
				for seq := at; seq <= at+more; seq++ {
					var prev [32]byte
					if seq > 0 {
						prev = headerHash(log[seq-1])
					}
					log = append(log, writer.forge(h, uint64(seq), prev, nil))
				}
				other.logs[tag] = log
				for _, mirror := range []bool{true, false} {
					c := *client
					c.heads = make(map[StoreID][]Position)
					c.disk = client.disk.Snapshot()
					if !mirror {
						must(t, c.disk.RemoveAll("remotes"))
					}
					if p := c.tryMirror(h, other).Problems; !errors.Is(errors.Join(p...), ErrFork) && !errors.Is(errors.Join(p...), ErrRollback) {
						t.Fatalf("log %d forked at %d with %d more: %v", i, at, more, p)
					}
					served++
				}
			}
		}
	}
	if served < 100 {
		t.Fatalf("only %d states", served)
	}
	t.Logf("proof row 8: %d forked states, 0 accepted", served)
}

// schedule is one random history of three devices and two hosts, beside an oracle.
type schedule struct {
	t       *testing.T
	rng     *rand.Rand
	devices []*device
	hosts   []*host
	oracle  []map[string]int // what each host's refs are: moved when records arrive there
	arrived map[string]bool  // every operation that ever got through
	acked   int
	faults  int
}

func newSchedule(t *testing.T, fleet []*device, seed uint64) *schedule {
	s := &schedule{t: t, rng: rand.New(rand.NewPCG(seed, 8)), arrived: make(map[string]bool)}
	for i, d := range fleet {
		s.devices = append(s.devices, newDevice(t, d.vault, byte(i+1)))
	}
	for i := range 2 {
		s.hosts = append(s.hosts, newHost(t, byte(i+1)))
		s.oracle = append(s.oracle, map[string]int{})
	}
	return s
}

var branches = []string{"main", "dev", "topic"}

// step is one command of one device: bring the mirror up to date, perhaps, and push, perhaps; and something goes wrong,
// perhaps.
func (s *schedule) step(n int) {
	s.t.Helper()
	i := s.rng.IntN(len(s.hosts))
	d, h, oracle := s.devices[s.rng.IntN(len(s.devices))], s.hosts[i], s.oracle[i]
	if d.heads[h.id] == nil || s.rng.IntN(4) > 0 {
		d.mirror(h)
	}
	r := d.open(h)
	for range 1 + s.rng.IntN(3) {
		s.push(d, h, r, oracle, n*10+1)
		if s.rng.IntN(2) == 0 {
			return
		}
	}
}

// push appends an operation and does to the sending what a network does.
func (s *schedule) push(d *device, h *host, r *Refs, oracle map[string]int, n int) {
	s.t.Helper()
	branch := branches[s.rng.IntN(len(branches))]
	op := move(r, branch, n+s.rng.IntN(3))
	if op.Changes[0].Old == op.Changes[0].New || s.rng.IntN(6) == 0 && !op.Changes[0].Old.IsZero() {
		op.Changes[0].New = commitID(0)
		clear(op.Changes[0].New[:])
	}
	if op.Changes[0].Old == op.Changes[0].New {
		return
	}
	key := fmt.Sprint(h.id, d.clone, op.Changes)
	fault := s.rng.IntN(6)
	arrive := func(h *host, records [][]byte, heads []Position) error {
		before := recordsAt(h)
		if err := h.add(records, heads); err != nil {
			return err
		}
		if recordsAt(h) > before {
			oracle[branch] = numberOf(op)
			s.arrived[key] = true
		}
		return nil
	}
	d.send = func(h *host, records [][]byte, heads []Position) error {
		switch fault {
		case 0:
			s.faults++
			return errAway
		case 1:
			s.faults++
			if err := arrive(h, records, heads); err != nil {
				return err
			}
			return errAway
		case 2:
			s.race(d, h, oracle)
		}
		return arrive(h, records, heads)
	}
	crash := s.rng.IntN(8) == 0
	if crash {
		s.faults++
		left := s.rng.IntN(25)
		d.disk.SetFault(func(op memfs.Op) error {
			if left--; left < 0 {
				return errAway
			}
			return nil
		})
	}
	rec, err := r.Append(context.Background(), op)
	d.disk.SetFault(nil)
	d.send = nil
	if crash {
		delete(d.heads, h.id) // another process begins anew
	}
	switch {
	case rec != nil:
		s.acked++
		if !s.arrived[key] {
			s.t.Fatal("acknowledged what did not arrive")
		}
	case err == nil:
		s.t.Fatal("neither record nor error")
	case !crash && !errors.Is(err, errAway) && !errors.Is(err, errRace) && !errors.Is(err, ErrBroken):
		s.t.Fatalf("false alarm: %v", err)
	}
}

// race lets another device write between the reading of the heads and the sending.
func (s *schedule) race(d *device, h *host, oracle map[string]int) {
	for _, o := range s.devices {
		if o == d {
			continue
		}
		r := o.sync(h)
		branch := branches[s.rng.IntN(len(branches))]
		op := move(r, branch, 900000+recordsAt(h))
		_, err := r.Append(context.Background(), op)
		must(s.t, err)
		oracle[branch] = numberOf(op)
		s.faults++
		return
	}
}

// numbers are kept in the oracle by the commit's own bytes, zero for a ref that is gone.
func numberOf(op Operation) int {
	n := 0
	for _, b := range op.Changes[0].New[7:16] {
		if b < '0' || b > '9' {
			break
		}
		n = n*10 + int(b-'0')
	}
	return n
}

// judge opens every host's logs as every device, and, if it is thorough, as one that comes anew: all see what the oracle says,
// and nobody is alarmed.
func (s *schedule) judge(thorough bool) {
	s.t.Helper()
	for i, h := range s.hosts {
		devices := slices.Clone(s.devices)
		if thorough {
			devices = append(devices, newDevice(s.t, s.devices[0].vault, 99))
		}
		for _, d := range devices {
			r := d.sync(h)
			for _, b := range branches {
				wantRef(s.t, r, b, s.oracle[i][b])
			}
			if len(r.View().Diverged) > 0 {
				s.t.Fatalf("diverged: %v", r.View().Diverged)
			}
			if !thorough {
				continue
			}
			var problems []error
			must(s.t, r.Verify(context.Background(), nil, func(err error) { problems = append(problems, err) }))
			if len(problems) > 0 {
				s.t.Fatalf("false alarm: %v", problems)
			}
		}
	}
}

// Proof row 10, as far as logs go: whatever is lost, late or interrupted, no acknowledged operation is lost, no alarm is false,
// and no place of a log is ever signed twice.
func TestProofSchedules(t *testing.T) {
	t.Parallel()
	runs := 500
	if os.Getenv("EVAULT_PROVE") == "1" {
		runs = 20000
	}
	all := fleet(t, 3)
	acked, faults := 0, 0
	for seed := range runs {
		s := newSchedule(t, all, uint64(seed))
		for n := range 8 {
			s.step(n + 1)
		}
		s.judge(seed%5 == 0)
		acked, faults = acked+s.acked, faults+s.faults
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if acked < runs*3 || faults < runs*5 {
		t.Fatalf("only %d operations and %d faults", acked, faults)
	}
	t.Logf("proof row 10: %d schedules of 3 devices and 2 stores, %d operations acknowledged, %d faults, 0 lost, 0 false alarms, 0 forks", runs, acked, faults)
}
