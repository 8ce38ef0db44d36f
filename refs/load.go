package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"

	"golang.org/x/sync/errgroup"

	"evault/internal/vfs"
)

// loaded is the part of one log that was read: records that are valid by themselves and continue each other.
type loaded struct {
	tag     Tag
	records []*Record
	present uint64 // how many records the log has on disk, valid or not, contiguous from the first
	problem error  // why it ends before all that is present; nil if it does not
	strange []string

	lacking error  // why a record is held back that adds packs which are not at hand; nil if there is none
	lacksAt uint64 // its sequence
}

// loadAll reads a whole log. The error is one of reading the disk; what is wrong with the log is in loaded.problem.
func loadAll(ctx context.Context, store vfs.FS, c *checker, tag Tag) (l *loaded, err error) {
	d, err := openLog(store, tag)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	seqs, strange, err := d.sequences()
	if err != nil {
		return nil, err
	}
	unfinished := false
	if contiguous(seqs) < uint64(len(seqs)) {
		// A writer beside may have added records while the folder was being listed, or a Mirror may be at work.
		if unfinished, err = isUnfinished(store); err != nil {
			return nil, err
		}
		if seqs, strange, err = d.sequences(); err != nil {
			return nil, err
		}
	}
	l = &loaded{tag: tag, strange: strange, present: contiguous(seqs)}
	records, problems, err := readRecords(ctx, d, c, int(l.present))
	if err != nil {
		return nil, err
	}
	l.chain(records, problems)
	if l.problem == nil && l.present < uint64(len(seqs)) && !unfinished {
		l.problem = &RecordError{tag, l.present, fmt.Errorf("%w: it is missing, although there are later ones", ErrDamaged)}
	}
	return l, nil
}

// readRecords reads and checks the first n records on all cores: two signatures each make this the slow part of a fold.
func readRecords(ctx context.Context, d logDir, c *checker, n int) ([]*Record, []error, error) {
	records, problems := make([]*Record, n), make([]error, n)
	g, ctx := errgroup.WithContext(ctx)
	workers := max(1, min(runtime.GOMAXPROCS(0), n/16))
	for w := range workers {
		g.Go(func() error {
			for i := w; i < n; i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				data, err := d.read(uint64(i))
				if err != nil && !isContent(err) {
					return err
				}
				if err == nil {
					records[i], err = c.record(d.tag, uint64(i), data)
				}
				problems[i] = err
			}
			return nil
		})
	}
	return records, problems, g.Wait()
}

// isContent says that an error is about what a file holds, not about reading it.
func isContent(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, ErrLimit) }

// chain takes records up to the first that is invalid or does not continue the one before it.
func (l *loaded) chain(records []*Record, problems []error) {
	var prev Position
	var device [32]byte
	var clone CloneID
	for i, rec := range records {
		err := problems[i]
		if err == nil && i > 0 {
			err = continues(rec, prev, device, clone)
		}
		if err != nil {
			l.problem = &RecordError{l.tag, uint64(i), err}
			return
		}
		if rec.Body != nil {
			device, clone = rec.Body.Device, rec.Body.Clone
		}
		prev = rec.Position()
		l.records = append(l.records, rec)
	}
	if device == ([32]byte{}) && len(l.records) > 0 && l.problem == nil {
		l.records, l.problem = nil, &RecordError{l.tag, 0, fmt.Errorf("%w: no record shows who writes this log", ErrUnauthorised)}
	}
}

// loadNew reads what follows the part of a log that is folded already. The newest folded record must still be there.
func loadNew(ctx context.Context, store vfs.FS, c *checker, s *logState) (l *loaded, err error) {
	l = &loaded{tag: s.tag, present: s.count}
	d, err := openLog(store, s.tag)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	// The stored fold is sealed and names this header, so its signatures need no second look.
	data, err := d.read(s.count - 1)
	if err != nil {
		return nil, err
	}
	if headerHash(data) != s.tip {
		return nil, errRefold
	}
	prev, device, clone := Position{s.tag, s.count - 1, s.tip}, s.device, s.clone
	for {
		data, err := d.read(l.present)
		if errors.Is(err, fs.ErrNotExist) {
			return l, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		rec, err := c.record(s.tag, l.present, data)
		if err == nil {
			err = continues(rec, prev, device, clone)
		}
		if err != nil {
			return nil, err
		}
		prev = rec.Position()
		l.records = append(l.records, rec)
		l.present++
	}
}
