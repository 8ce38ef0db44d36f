package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"evault/keys"
)

// errEnough ends the reading of a source's records.
var errEnough = errors.New("enough records")

// taking is one log on its way from the source into the mirror.
type taking struct {
	m    *mirroring
	ctx  context.Context
	head Position // as the source announces it

	prev    Position // the newest record that is known to be right; a log of which none is known begins without
	started bool     // there is such a record
	overlap bool     // the next record that comes should be prev itself
	device  [32]byte // who writes the log; zero while no record with a body was seen
	clone   CloneID

	batch [][]byte // came in, not looked at
	size  int
	held  []*checked // right so far, but waiting for a record with a body: see write
	took  int64      // bytes of records that came in

	done bool  // the rest is of no interest
	bad  bool  // a problem ended it
	err  error // a failure: ours, or the source's

	written bool // names were added that are to be made durable
}

// checked is a record that is right by itself, with its bytes.
type checked struct {
	rec  *Record
	data []byte
}

// take reads what the source has of a log behind the known record, up to the announced head. The known one itself is read
// once more, so that a source which has another in its place shows it.
func (m *mirroring) take(ctx context.Context, head, tip Position, known bool) error {
	t := &taking{m: m, ctx: ctx, head: head, prev: tip, started: known, overlap: known}
	from := uint64(0)
	if known {
		from = tip.Seq
		if err := t.findWriter(); err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
	}
	err := m.src.Records(ctx, head.Tag, from, t.each)
	if t.err == nil && !t.bad {
		t.flush()
	}
	if t.err == nil && !t.done && err != nil {
		t.err = err // the source's own
	}
	if t.err == nil && !t.bad {
		t.end()
	}
	if t.device == ([32]byte{}) && t.bad {
		m.strangers++
		m.strangerBytes += t.took
	}
	if err := m.settleLog(t); t.err == nil && err != nil {
		t.err = fmt.Errorf("mirror: %w", err)
	}
	return t.err
}

// findWriter reads in the mirror who writes the log: a record's body says, and the newest may have been dropped.
func (t *taking) findWriter() (err error) {
	d, err := openLog(t.m.o.Store, t.head.Tag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for seq := t.prev.Seq + 1; seq > 0 && t.device == ([32]byte{}); seq-- {
		data, err := d.read(seq - 1)
		if err != nil {
			return err
		}
		rec, err := t.m.c.record(t.head.Tag, seq-1, data)
		if err != nil {
			return &RecordError{t.head.Tag, seq - 1, err}
		}
		if rec.Body != nil {
			t.device, t.clone = rec.Body.Device, rec.Body.Clone
		}
	}
	return nil
}

// next is the sequence of the record that comes in next.
func (t *taking) next() uint64 {
	n := uint64(len(t.batch) + len(t.held))
	if t.started {
		n += t.prev.Seq + 1
	}
	return n
}

// each takes in one record.
func (t *taking) each(data []byte) error {
	if t.done || t.next() > t.head.Seq && !t.overlap {
		t.done = true
		return errEnough
	}
	t.took += int64(len(data))
	t.m.read += int64(len(data))
	switch {
	case t.m.read > t.m.limits.bytes:
		t.fail(fmt.Errorf("%w: the store has more than %d bytes of new records; run it again to take the rest", ErrLimit, t.m.limits.bytes))
	case len(data) > MaxRecord:
		t.flush()
		t.problem(t.next(), fmt.Errorf("%w: %w: a record of %d bytes", ErrDamaged, ErrLimit, len(data)))
	case t.overlap:
		t.overlap = false
		if _, hash, _, err := CheckRecord(t.m.o.StoreID, data); err != nil || hash != t.prev.Hash {
			t.stop()
			t.bad = true
			t.err = t.m.compare(t.head.Tag, t.prev.Seq, slices.Clone(data), t.prev.Hash)
		}
	default:
		t.batch = append(t.batch, slices.Clone(data))
		t.size += len(data)
		full := len(t.batch) >= t.m.limits.batch || t.size >= t.m.limits.batchBytes
		// Of an unknown log every record is looked at when it comes, so that a stranger's is not read on and on.
		if full || t.device == ([32]byte{}) || t.next() > t.head.Seq {
			t.flush()
		}
	}
	if t.done {
		return errEnough
	}
	return nil
}

func (t *taking) stop() { t.done, t.batch, t.size = true, nil, 0 }

func (t *taking) fail(err error) {
	t.flush()
	if t.err == nil {
		t.err = err
	}
	t.stop()
}

// problem ends the log before a record with a fault.
func (t *taking) problem(seq uint64, err error) {
	if t.bad || t.err != nil {
		return
	}
	t.m.found(t.m.c.problem(t.head.Tag, seq, err))
	t.bad = true
	t.stop()
}

// problem names the record that a fault is about, and says of every fault that it is damage or worse.
func (c *checker) problem(tag Tag, seq uint64, err error) error {
	if fork, ok := err.(*ForkError); ok {
		return fork
	}
	known := errors.Is(err, ErrSecurity) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer) || errors.Is(err, keys.ErrNewer)
	if !known {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &RecordError{tag, seq, err}
}

// flush checks what came in, and writes what is right of it.
func (t *taking) flush() {
	if len(t.batch) == 0 || t.bad || t.err != nil {
		return
	}
	first, batch := t.next()-uint64(len(t.batch)), t.batch
	t.batch, t.size = nil, 0
	records, faults, err := t.m.c.checkAll(t.ctx, t.head.Tag, first, batch)
	if err != nil {
		t.err = err
		t.stop()
		return
	}
	for i, rec := range records {
		fork, err := faults[i], error(nil)
		if fork == nil {
			fork, err = t.admit(&checked{rec, batch[i]})
		}
		if err != nil {
			t.err = err
			t.stop()
			return
		}
		if fork != nil {
			t.problem(first+uint64(i), fork)
			break
		}
	}
	if err := t.write(); err != nil && t.err == nil {
		t.err = fmt.Errorf("mirror: %w", err)
		t.stop()
	}
}

// admit puts a record behind those before it. fault says why it does not belong there.
func (t *taking) admit(c *checked) (fault, err error) {
	rec, prev, started := c.rec, t.prev, t.started
	if n := len(t.held); n > 0 {
		prev, started = t.held[n-1].rec.Position(), true
	}
	if started {
		if err := continues(rec, prev, t.device, t.clone); err != nil {
			return err, nil
		}
	}
	if pin, ok := t.m.pinned[rec.Tag]; ok && pin.Seq == rec.Seq && pin.Hash != rec.Hash {
		fork := &ForkError{Tag: rec.Tag, Seq: rec.Seq, Known: pin.Hash, Found: rec.Hash, Evidence: c.data}
		return fork, keepRecord(t.m.o, rec.Tag, rec.Seq, rec.Hash, c.data)
	}
	if rec.Body != nil && t.device == ([32]byte{}) {
		t.device, t.clone = rec.Body.Device, rec.Body.Clone
	}
	t.held = append(t.held, c)
	t.m.covered.note(rec)
	return nil, nil
}

// write writes what is held, once it is known who writes the log. A record without a body waits for a checkpoint that stands
// for it: else a host could hide what a record says by sending its header alone, and others would build on it unseen.
func (t *taking) write() error {
	if t.device == ([32]byte{}) {
		if t.took > t.m.limits.strangerBytes {
			t.problem(0, errNoWriter)
		}
		return nil
	}
	ready := 0
	for ready < len(t.held) {
		if covered, err := t.m.covers(t.ctx, t.held[ready].rec); err != nil {
			return err
		} else if !covered {
			break
		}
		ready++
	}
	if ready > 0 {
		t.written = true
		if err := t.m.writeRecords(t.head.Tag, t.held[:ready], !t.started); err != nil {
			return err
		}
		t.prev, t.started = t.held[ready-1].rec.Position(), true
		t.held = slices.Clone(t.held[ready:])
	}
	if len(t.held) > t.m.limits.waiting {
		t.problem(t.held[0].rec.Seq, errNoBody)
	}
	return nil
}

var (
	errNoWriter = fmt.Errorf("%w: no record shows who writes this log", ErrUnauthorised)
	errNoBody   = fmt.Errorf("%w: its body is missing, and no checkpoint stands for it", ErrDamaged)
)

// end is for a source that has given all it wanted to.
func (t *taking) end() {
	switch {
	case t.overlap:
		t.problem(t.prev.Seq, fmt.Errorf("%w: the store does not give it any more", ErrHidden))
	case t.next() <= t.head.Seq:
		t.problem(t.next(), fmt.Errorf("%w: the store announces it and does not give it", ErrHidden))
	case t.device == ([32]byte{}):
		t.problem(0, errNoWriter)
	case len(t.held) > 0 && !t.m.second:
		t.m.later = append(t.m.later, t.head) // a log that comes after may hold the checkpoint
	case len(t.held) > 0:
		t.problem(t.held[0].rec.Seq, errNoBody)
	case t.prev.Hash != t.head.Hash:
		t.problem(t.head.Seq, fmt.Errorf("%w: the store announces another one than it gives", ErrMismatch))
	}
}

// checkAll checks records by themselves on all cores: two signatures each make this the slow part.
func (c *checker) checkAll(ctx context.Context, tag Tag, first uint64, batch [][]byte) ([]*Record, []error, error) {
	records, faults := make([]*Record, len(batch)), make([]error, len(batch))
	g, ctx := errgroup.WithContext(ctx)
	workers := max(1, min(runtime.GOMAXPROCS(0), len(batch)/16))
	for w := range workers {
		g.Go(func() error {
			for i := w; i < len(batch); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				records[i], faults[i] = c.record(tag, first+uint64(i), batch[i])
			}
			return nil
		})
	}
	return records, faults, g.Wait()
}

func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func sortedTags(m map[Tag]Position) []Tag { return slices.SortedFunc(maps.Keys(m), compareTags) }
