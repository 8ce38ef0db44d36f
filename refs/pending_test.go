package refs

import (
	"context"
	"errors"
	"testing"

	"evault/objects"
)

// The ways in which sending can go wrong.
var (
	notSent = func(*host, [][]byte, []Position) error { return errAway }
	// noAnswer is for records that arrive, with the answer lost.
	noAnswer = func(h *host, records [][]byte, heads []Position) error {
		if err := h.add(records, heads); err != nil {
			return err
		}
		return errAway
	}
)

// failing appends with a way of sending, and wants its error.
func (d *device) failing(h *host, r *Refs, send func(*host, [][]byte, []Position) error, op Operation) {
	d.t.Helper()
	d.send = send
	rec, err := r.Append(context.Background(), op)
	d.send = nil
	if rec != nil || !errors.Is(err, errAway) && !errors.Is(err, errRace) {
		d.t.Fatalf("record %v, error %v", rec, err)
	}
}

func recordsAt(h *host) (n int) {
	for _, log := range h.logs {
		n += len(log)
	}
	return n
}

// The same operation again sends the same bytes, whether the first came through or not, in the same process or another.
func TestRetrySendsTheSameBytes(t *testing.T) {
	for name, send := range map[string]func(*host, [][]byte, []Position) error{"lost before": notSent, "answer lost": noAnswer} {
		for _, reopened := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				all, h := fleet(t, 2), newHost(t, 1)
				d := all[0]
				d.push(h, "main", 1)
				r := d.sync(h)
				d.failing(h, r, send, move(r, "main", 2))
				if len(r.Pending()) != 1 {
					t.Fatalf("pending: %v", r.Pending())
				}
				wantRef(t, r, "main", 1)
				if reopened {
					r = d.open(h)
				}
				if len(r.Pending()) != 1 || r.Pending()[0].Body.Changes[0].New != commitID(2) {
					t.Fatalf("pending: %v", r.Pending())
				}
				op := move(r, "main", 2)
				op.Time.Sec += 100
				rec, err := r.Append(context.Background(), op)
				must(t, err)
				if rec.Seq != 1 || len(r.Pending()) != 0 || recordsAt(h) != 2 {
					t.Errorf("record %d, %d pending, %d at the host", rec.Seq, len(r.Pending()), recordsAt(h))
				}
				wantRef(t, r, "main", 2)
				wantRef(t, d.open(h), "main", 2)
				wantRef(t, all[1].sync(h), "main", 2)
			})
		}
	}
}

// What arrived with its answer lost is seen by the next Mirror, and is pending no more.
func TestArrivedRecordIsNotPending(t *testing.T) {
	all, h := fleet(t, 1), newHost(t, 1)
	d := all[0]
	r := d.sync(h)
	d.failing(h, r, noAnswer, move(r, "main", 1))
	r = d.sync(h)
	if len(r.Pending()) != 0 || !r.Finished(0) {
		t.Errorf("pending %v, finished %v", r.Pending(), r.Finished(0))
	}
	wantRef(t, r, "main", 1)
	names, err := readNames(d.options(h).Local, outboxDir)
	must(t, err)
	if len(names) != 0 {
		t.Errorf("outbox: %v", names)
	}
}

// Another operation goes on top, and what was pending is neither seen nor lost sight of.
func TestAnotherOperationTakesBackWhatIsPending(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	d, other := all[0], all[1]
	d.push(h, "main", 1)
	r := d.sync(h)
	op := move(r, "main", 2)
	op.Changes = append(op.Changes, Change{"heads/made", objects.ID{}, commitID(7)})
	d.failing(h, r, notSent, op)
	other.push(h, "main", 5) // the race is lost
	r = d.sync(h)
	wantRef(t, r, "main", 5)
	d.failing(h, r, notSent, move(r, "dev", 3))
	_, err := r.Append(context.Background(), move(r, "topic", 4))
	must(t, err)
	for _, r := range []*Refs{r, d.sync(h), other.sync(h), newDevice(t, other.vault, 9).sync(h)} {
		wantRef(t, r, "main", 5)
		wantRef(t, r, "made", 0)
		wantRef(t, r, "dev", 0)
		wantRef(t, r, "topic", 4)
		if len(r.View().Diverged) != 0 || len(r.Pending()) != 0 {
			t.Errorf("diverged %v, pending %v", r.View().Diverged, r.Pending())
		}
	}
	if n := len(h.logs[d.tag(h)]); n != 4 {
		t.Errorf("%d records, want 4", n)
	}
}

// A retry of an operation that lost the race is another operation, because it has seen more; and it keeps its change.
func TestRetryAfterALostRace(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	d, other := all[0], all[1]
	d.push(h, "main", 1)
	r := d.sync(h)
	d.send = func(h *host, records [][]byte, heads []Position) error {
		other.push(h, "dev", 5)
		return h.add(records, heads)
	}
	_, err := r.Append(context.Background(), move(r, "main", 2))
	wantErr(t, err, errRace)
	d.send = nil
	r = d.sync(h)
	_, err = r.Append(context.Background(), move(r, "main", 2))
	must(t, err)
	for _, r := range []*Refs{r, other.sync(h)} {
		wantRef(t, r, "main", 2)
		wantRef(t, r, "dev", 5)
	}
	if n := len(h.logs[d.tag(h)]); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

// What was pending arrives after all, and others have built on it: the next operation leaves that as it is.
func TestPendingThatArrivedAndWasBuiltOn(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	d, other := all[0], all[1]
	r := d.sync(h)
	d.failing(h, r, noAnswer, move(r, "main", 1))
	d.failing(h, r, notSent, move(r, "dev", 2)) // on top of it, with main taken back
	other.push(h, "main", 3)
	r = d.sync(h)
	if len(r.Pending()) != 1 {
		t.Fatalf("pending: %v", r.Pending())
	}
	_, err := r.Append(context.Background(), move(r, "topic", 4))
	must(t, err)
	for _, r := range []*Refs{d.sync(h), other.sync(h)} {
		wantRef(t, r, "main", 3)
		wantRef(t, r, "dev", 0)
		wantRef(t, r, "topic", 4)
	}
}

// A ref that has diverged cannot be put back by one record: the user has to resolve it first, and can.
func TestPendingChangeOfADivergedRef(t *testing.T) {
	all, h := fleet(t, 3), newHost(t, 1)
	d := all[0]
	all[1].push(h, "main", 1)
	// Two devices beside each other, as a folder on a disk allows.
	r2, r1 := all[2].sync(h), all[1].sync(h)
	_, err := r1.Append(context.Background(), move(r1, "main", 2))
	must(t, err)
	all[2].send = func(h *host, records [][]byte, _ []Position) error {
		now, _ := h.Heads(context.Background())
		return h.add(records, now)
	}
	_, err = r2.Append(context.Background(), move(r2, "main", 3))
	must(t, err)
	r := d.sync(h)
	if len(r.View().Diverged) != 1 {
		t.Fatal("main has not diverged")
	}
	d.failing(h, r, notSent, move(r, "main", 4))
	_, err = r.Append(context.Background(), move(r, "dev", 5))
	wantNamed(t, err, ErrConflict, "heads/main")
	_, err = r.Append(context.Background(), move(r, "main", 6))
	must(t, err)
	_, err = r.Append(context.Background(), move(r, "dev", 5))
	must(t, err)
	r = all[1].sync(h)
	wantRef(t, r, "main", 6)
	wantRef(t, r, "dev", 5)
}

// An operation of several records is sent in one piece, and again in one piece.
func TestManyPacksAreSentTogether(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	d := all[0]
	r := d.sync(h)
	op := move(r, "main", 1)
	op.PacksAdded = manyPacks(packsPerRecord*2 + 1)
	d.failing(h, r, notSent, op)
	if len(r.Pending()) != 3 {
		t.Fatalf("%d pending", len(r.Pending()))
	}
	r = d.open(h)
	_, err := r.Append(context.Background(), op)
	must(t, err)
	packs, err := all[1].sync(h).Packs(context.Background())
	must(t, err)
	if recordsAt(h) != 3 || len(packs) != len(op.PacksAdded) {
		t.Errorf("%d records with %d packs", recordsAt(h), len(packs))
	}
	op = move(r, "main", 2)
	op.PacksAdded = manyPacks(packsPerRecord * MaxSend)
	_, err = r.Append(context.Background(), op)
	wantErr(t, err, ErrLimit)
	if len(r.Pending()) != 0 {
		t.Error("what is too much was signed")
	}
}

// A log with too much on its way is given up; the clone goes on in a new one.
func TestLogIsGivenUp(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	d := all[0]
	d.push(h, "main", 1)
	r := d.sync(h)
	for n := range MaxPending + 1 {
		d.failing(h, r, notSent, move(r, "dev", n+2))
	}
	_, err := r.Append(context.Background(), move(r, "dev", 100))
	wantNamed(t, err, ErrGivenUp, "49")
	if recordsAt(h) != 1 {
		t.Error("something was sent")
	}
	again := *d
	again.clone = CloneID{200}
	wantRef(t, again.push(h, "dev", 100), "dev", 100)
	wantRef(t, all[1].sync(h), "dev", 100)

	// What condemns packs cannot be taken back.
	r = all[1].sync(h)
	op := move(r, "dev", 101)
	op.PacksCondemned = manyPacks(1)
	all[1].failing(h, r, notSent, op)
	_, err = r.Append(context.Background(), move(r, "main", 102))
	wantErr(t, err, ErrGivenUp)
	_, err = r.Append(context.Background(), op)
	must(t, err)
}

// The store has another record in the place of a pending one: a fork, which is reported once; what was to follow is dropped
// with it.
func TestPendingRecordForks(t *testing.T) {
	all, h := fleet(t, 1), newHost(t, 1)
	d := all[0]
	d.push(h, "main", 1)
	r := d.sync(h)
	d.failing(h, r, notSent, move(r, "main", 2))
	d.failing(h, r, notSent, move(r, "main", 3))
	tag := d.tag(h)
	h.logs[tag] = append(h.logs[tag], d.forge(h, 1, headerHash(h.logs[tag][0]), nil))
	d.mirror(h)
	_, err := Open(d.options(h))
	wantErr(t, err, ErrFork)
	names, err := readNames(d.options(h).Local, evidenceDir)
	must(t, err)
	if len(names) != 1 {
		t.Errorf("evidence: %v", names)
	}
	if r := d.sync(h); len(r.Pending()) != 0 || r.View().Tip.Seq != 1 {
		t.Errorf("pending %v, tip %v", r.Pending(), r.View().Tip)
	}
}

// Readers see what is pending and change nothing; and whoever cannot send does not write.
func TestPendingIsLeftAlone(t *testing.T) {
	all, h := fleet(t, 1), newHost(t, 1)
	d := all[0]
	r := d.sync(h)
	d.failing(h, r, notSent, move(r, "main", 1))
	o := d.options(h)
	o.ReadOnly, o.Send = true, nil
	r, err := Open(o)
	must(t, err)
	if len(r.Pending()) != 1 || r.View().Len() != 0 {
		t.Errorf("pending %v", r.Pending())
	}
	o.ReadOnly = false
	r, err = Open(o)
	must(t, err)
	_, err = r.Append(context.Background(), move(r, "main", 1))
	wantErr(t, err, ErrReadOnly)
	if len(d.open(h).Pending()) != 1 {
		t.Error("it is pending no more")
	}
}
