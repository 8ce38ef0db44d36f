package refs

import (
	"context"
	"errors"
	"fmt"

	"evault/internal/vfs"
)

// Records gives every accepted record of every log of the store, newest first, until fn returns false: the reflog. A record
// comes after all that have seen it; beyond that, times decide. Record.Tag says whose it is. Records whose bodies were
// dropped are left out. Each record's hash is checked against the one after it.
func (r *Refs) Records(ctx context.Context, fn func(*Record) bool) (err error) {
	walk, err := r.startWalk()
	defer func() { err = errors.Join(err, closeAll(walk)) }()
	if err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := latest(walk)
		if l == nil {
			return nil
		}
		rec := l.current
		if err := l.step(r.checker); err != nil {
			return err
		}
		if !fn(rec) {
			return nil
		}
	}
}

// backward walks one log from its newest accepted record to its first.
type backward struct {
	dir     logDir
	left    uint64   // records not read yet
	want    [32]byte // hash of the next one
	current *Record  // nil at the end
}

func (r *Refs) startWalk() (walk []*backward, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, l := range r.fold.logs {
		pos, ok := r.fold.position(l.tag)
		if !ok {
			continue
		}
		d, err := openLog(r.o.Store, l.tag)
		if err != nil {
			return walk, err
		}
		b := &backward{dir: d, left: pos.Seq + 1, want: pos.Hash}
		walk = append(walk, b)
		if err := b.step(r.checker); err != nil {
			return walk, err
		}
	}
	return walk, nil
}

func closeAll(walk []*backward) error {
	var errs []error
	for _, b := range walk {
		errs = append(errs, vfs.Dir(b.dir).Close())
	}
	return errors.Join(errs...)
}

// step reads the record before the current one, passing over those without a body.
func (b *backward) step(c *checker) error {
	for b.current = nil; b.left > 0; {
		b.left--
		data, err := b.dir.read(b.left)
		if err != nil {
			return &RecordError{b.dir.tag, b.left, err}
		}
		rec, err := c.record(b.dir.tag, b.left, data)
		if err == nil && rec.Hash != b.want {
			err = fmt.Errorf("%w: the record after it names another one", ErrChain)
		}
		if err != nil {
			return &RecordError{b.dir.tag, b.left, err}
		}
		b.want = rec.Previous
		if rec.Body != nil {
			b.current = rec
			return nil
		}
	}
	return nil
}

// latest picks the record to show next: the latest of those that no other current record has seen.
func latest(walk []*backward) *backward {
	var best *backward
	for _, b := range walk {
		if b.current == nil || seenByOther(walk, b.current) {
			continue
		}
		if best == nil || b.current.Body.Time.Compare(best.current.Body.Time) > 0 {
			best = b
		}
	}
	return best
}

func seenByOther(walk []*backward, rec *Record) bool {
	for _, b := range walk {
		if b.current == nil || b.current == rec {
			continue
		}
		for _, p := range b.current.Body.Seen {
			if p.Tag == rec.Tag && p.Seq >= rec.Seq {
				return true
			}
		}
	}
	return false
}
