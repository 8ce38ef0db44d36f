package refs

import (
	"context"
	"errors"
	"fmt"
)

// LogSource is where the logs of a store that is elsewhere can be read; remote.Store is one. Nothing it says is trusted.
type LogSource interface {
	// Heads gives the newest position of every log, ascending by tag.
	Heads(ctx context.Context) ([]Position, error)
	// Records gives the bytes of a log's records from a sequence on, in order, until each returns an error. data is valid
	// during the call.
	Records(ctx context.Context, tag Tag, from uint64, each func(data []byte) error) error
}

// MirrorResult is what Mirror found.
type MirrorResult struct {
	// Heads are exactly what the source named, accepted or not: what a compare-and-swap there is compared with.
	Heads []Position
	// New is how many records were added to the mirror.
	New int
	// Problems are what the source hides, changed or made up: RollbackError, ForkError (with its Evidence, which is kept
	// besides) and RecordError. All are ErrSecurity or ErrDamaged, except that what a newer evault wrote is ErrNewer.
	Problems []error
}

// mirrorLimits bound what one call of Mirror takes from a source that may be hostile.
type mirrorLimits struct {
	// bytes is how many of records may be read, all logs together.
	bytes int64
	// strangers and strangerBytes bound how many logs that turn out not to be a member's are looked at.
	strangers     int
	strangerBytes int64
	// waiting bounds how many records without a body are held in memory.
	waiting int
	// batch and batchBytes bound what is held in memory, and checked and written together.
	batch, batchBytes int
}

func defaultMirrorLimits() mirrorLimits {
	return mirrorLimits{bytes: 1 << 30, strangers: 64, strangerBytes: 32 << 20, waiting: 1 << 16, batch: 1024, batchBytes: 16 << 20}
}

// Mirror brings the copy of a remote store's logs (Options.Store: a folder on this machine) up to date. It takes of each log
// what is right record by record: form, place, signatures, seal, a writer's authority, and that it continues the record
// before it; up to the head that the source announces, and no further than the first record with a fault, which is a
// problem. What is in the copy stays, whatever the source says: a source that is behind it, or behind a pin, was put back
// to an older state (RollbackError), and one that has another record in a place that is known has forked the log
// (ForkError). Of a new log nothing is taken unless a member wrote it, and no record without its body unless a checkpoint
// stands for it. What the records amount to all together, Open says.
//
// The records are durable when Mirror returns. The caller holds the lock of the mirror. Readers need none. If nothing is new
// it costs one request and a look at one file of each log.
//
// The error is one of reading or writing the disk, the source's own, the context's, or ErrLimit after 1 GiB: to be run
// again then, and it goes on from there. What was added before the error stays, and the result, if it is not nil, says so
// and what was found until then.
func Mirror(ctx context.Context, o Options, src LogSource) (*MirrorResult, error) {
	return mirrorWithin(ctx, o, src, defaultMirrorLimits())
}

// mirroring is one call of Mirror.
type mirroring struct {
	o      *Options
	c      *checker
	src    LogSource
	limits mirrorLimits
	pinned map[Tag]Position
	copies map[Tag]bool // logs that the mirror holds
	result *MirrorResult

	read          int64 // bytes of records
	strangers     int
	strangerBytes int64
	unread        int  // new logs that were left alone because of the strangers
	begun         bool // the mirror is marked as unfinished
	covered       coverage
	scanned       bool       // covered holds what the mirror's checkpoints cover
	later         []Position // logs that wait for what another may hold
	second        bool       // they are being read again
}

func mirrorWithin(ctx context.Context, o Options, src LogSource, limits mirrorLimits) (*MirrorResult, error) {
	if o.ReadOnly || o.Salvage {
		return nil, ErrReadOnly
	}
	o.Shared = true
	m := &mirroring{o: &o, c: newChecker(&o), src: src, limits: limits, copies: make(map[Tag]bool), covered: make(coverage), result: new(MirrorResult)}
	var err error
	if m.begun, err = recoverMirror(o.Store); err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	pins, err := readPins(o.State, o.Vault.ID().String(), o.StoreID)
	if err != nil {
		return nil, err
	}
	m.pinned = pins.known
	if m.result.Heads, err = src.Heads(ctx); err != nil {
		return nil, err
	}
	if err := checkHeads(m.result.Heads); err != nil {
		m.found(err)
		return m.result, nil
	}
	if err := m.run(ctx); err != nil {
		return m.result, err
	}
	return m.result, m.finish()
}

// checkHeads checks the form of a source's heads.
func checkHeads(heads []Position) error {
	if len(heads) > MaxLogs {
		return fmt.Errorf("%w: %w: the store names %d logs", ErrDamaged, ErrLimit, len(heads))
	}
	for i := 1; i < len(heads); i++ {
		if compareTags(heads[i-1].Tag, heads[i].Tag) >= 0 {
			return fmt.Errorf("%w: the store names its logs out of order", ErrMismatch)
		}
	}
	return nil
}

func (m *mirroring) run(ctx context.Context) error {
	l, err := listLogs(m.o.Store)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	for _, tag := range l.tags {
		m.copies[tag] = true
	}
	if err := m.logs(ctx, m.result.Heads); err != nil {
		return err
	}
	m.second = true
	if err := m.logs(ctx, m.later); err != nil {
		return err
	}
	if m.unread > 0 {
		m.found(fmt.Errorf("%w: %d new logs were not looked at, because %d before them are of no member",
			ErrUnauthorised, m.unread, m.strangers))
	}
	return m.vanished(l.tags)
}

func (m *mirroring) logs(ctx context.Context, heads []Position) error {
	for _, head := range heads {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.log(ctx, head); err != nil {
			return err
		}
	}
	return nil
}

// log brings one log up to date.
func (m *mirroring) log(ctx context.Context, head Position) error {
	tip, known, err := m.tip(head)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	pin, pinned := m.pinned[head.Tag]
	switch {
	case known && tip == head:
	case known && head.Seq <= tip.Seq:
		err = m.behind(ctx, head, tip)
	case !known && !pinned && !m.mayRead():
		m.unread++
	default:
		err = m.take(ctx, head, tip, known)
	}
	if pinned && !m.second && pin.Seq > head.Seq && !(known && head.Seq < tip.Seq) {
		m.found(m.rollback(head.Tag, pin.Seq, head.Seq+1))
	}
	return err
}

// mayRead says that another log of which nothing is known may be looked at.
func (m *mirroring) mayRead() bool {
	return m.strangers < m.limits.strangers && m.strangerBytes < m.limits.strangerBytes
}

// tip is the newest record of a log in the mirror. head is where it probably is.
func (m *mirroring) tip(head Position) (tip Position, known bool, err error) {
	if !m.copies[head.Tag] {
		return Position{}, false, nil
	}
	d, err := openLog(m.o.Store, head.Tag)
	if err != nil {
		return Position{}, false, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if there, err := d.isTip(head); err != nil || there {
		return head, there, err
	}
	seqs, _, err := d.sequences()
	if err != nil {
		return Position{}, false, err
	}
	// A record that has rotted since is taken anew, if the source still has it: the pins guard what is behind it.
	for n := contiguous(seqs); n > 0; n-- {
		data, err := d.read(n - 1)
		if err == nil {
			if rec, err := m.c.record(head.Tag, n-1, data); err == nil {
				return rec.Position(), true, nil
			}
		} else if !isContent(err) {
			return Position{}, false, err
		}
	}
	return Position{}, false, nil
}

// isTip says that a log ends with exactly this record.
func (d logDir) isTip(p Position) (bool, error) {
	data, err := d.read(p.Seq)
	if isAbsent(err) || isContent(err) {
		return false, nil
	}
	if err != nil || p.Hash == ([32]byte{}) || headerHash(data) != p.Hash {
		return false, err
	}
	_, err = d.read(p.Seq + 1)
	if isAbsent(err) {
		return true, nil
	}
	if isContent(err) {
		err = nil
	}
	return false, err
}

// contiguous counts the sequences that run from 0 without a gap.
func contiguous(seqs []uint64) (n uint64) {
	for n < uint64(len(seqs)) && seqs[n] == n {
		n++
	}
	return n
}

func (m *mirroring) found(problem error) { m.result.Problems = append(m.result.Problems, problem) }

func (m *mirroring) rollback(tag Tag, pinned, found uint64) error {
	return &RollbackError{Store: m.o.StoreID, Tag: tag, Pinned: pinned, Found: found}
}
