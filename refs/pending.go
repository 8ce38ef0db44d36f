package refs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"evault/internal/vfs"
)

// A pending record was signed for a store that is elsewhere, and perhaps sent. Nobody here knows whether it arrived: it is in
// the outbox and not in the mirror.
type pending struct {
	rec  *Record
	data []byte
}

// Pending gives the records of this clone's log that were signed for a remote store and not acknowledged, in order. The
// next Append sends them again, whatever it is for, so the packs that they add have to be there.
func (r *Refs) Pending() []*Record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []*Record
	for _, p := range r.pending {
		out = append(out, p.rec)
	}
	return out
}

// readPending reads what the outbox of a mirror holds of the own log, and removes what the mirror has got meanwhile. Records
// of other logs, which earlier clones have given up, stay until they turn up.
func (r *Refs) readPending() error {
	names, err := readNames(r.o.Local, outboxDir)
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b vfs.DirName) int { return strings.Compare(a.Name, b.Name) })
	var forked []error
	for _, n := range names {
		if strings.HasPrefix(n.Name, vfs.TempPrefix) && !r.o.ReadOnly {
			// Begun and never named: nobody has seen it.
			if err := r.o.Local.Remove(outboxDir + "/" + n.Name); err != nil {
				return err
			}
		}
		tag, seq, ok := parseOutboxName(n.Name)
		if !ok {
			continue
		}
		err := r.readOnePending(tag, seq)
		if errors.Is(err, ErrFork) {
			forked = append(forked, err)
		} else if err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	if len(forked) > 0 {
		return fmt.Errorf("outbox: %w", errors.Join(forked...))
	}
	return nil
}

func (r *Refs) readOnePending(tag Tag, seq uint64) error {
	name := outboxDir + "/" + outboxName(tag, seq)
	data, err := readNamed(r.o.Local, name, MaxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a writer beside has published it, or it went with one that forked
	}
	if err != nil {
		return err
	}
	h, hash, ours, err := checkOutboxRecord(&r.o, tag, seq, data)
	if err != nil || !ours {
		return err
	}
	there, err := readNamed(r.o.Store, recordPath(tag, seq), MaxRecord)
	switch {
	case errors.Is(err, fs.ErrNotExist) && tag == r.own:
		return r.addPending(h, data)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case headerHash(there) == hash:
		r.finished = append(r.finished, place{tag, seq})
		if r.o.ReadOnly {
			return nil
		}
		return r.o.Local.Remove(name)
	}
	return r.dropForked(name, data, &ForkError{Tag: tag, Seq: seq, Known: hash, Found: headerHash(there), Evidence: there})
}

// addPending takes a record that continues the mirror's log, or the pending one before it.
func (r *Refs) addPending(h Header, data []byte) error {
	rec, err := r.checker.record(h.Tag, h.Seq, data)
	if err != nil {
		return &RecordError{h.Tag, h.Seq, err}
	}
	if n := len(r.pending); n > 0 {
		err = h.Follows(r.pending[n-1].rec.Position())
	} else {
		err = mustFollow(&r.o, h)
	}
	if err != nil {
		return &RecordError{h.Tag, h.Seq, err}
	}
	r.pending = append(r.pending, pending{rec, data})
	return nil
}

// dropForked makes a record evidence that never became part of the log, because the store has another in its place, and with
// it those that were to follow it and now never can.
func (r *Refs) dropForked(name string, data []byte, fork *ForkError) error {
	if r.o.ReadOnly {
		return fork
	}
	if err := keepRecord(&r.o, fork.Tag, fork.Seq, fork.Known, data); err != nil {
		return errors.Join(fork, err)
	}
	names, err := readNames(r.o.Local, outboxDir)
	if err != nil {
		return errors.Join(fork, err)
	}
	slices.SortFunc(names, func(a, b vfs.DirName) int { return strings.Compare(b.Name, a.Name) }) // a crash leaves no gap
	for _, n := range names {
		if tag, seq, ok := parseOutboxName(n.Name); ok && tag == fork.Tag && seq > fork.Seq {
			if err := r.o.Local.Remove(outboxDir + "/" + n.Name); err != nil {
				return errors.Join(fork, err)
			}
		}
	}
	return errors.Join(fork, r.o.Local.Remove(name))
}

// expected gives the records that an operation takes on top of pending ones, unsigned. The last takes back every ref that
// those before it have changed and it does not.
func (r *Refs) expected(op Operation, before []pending) ([]Operation, error) {
	ops := splitPacks(op, r.view.Head)
	last := &ops[len(ops)-1]
	back, err := r.takeBack(before, last.Changes)
	if err != nil {
		return nil, err
	}
	if len(back) == 0 {
		return ops, nil
	}
	if last.Checkpoint {
		return nil, fmt.Errorf("%w: a checkpoint on top of records that are pending", ErrInvalid)
	}
	last.Changes = append(slices.Clone(last.Changes), back...)
	slices.SortFunc(last.Changes, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	return ops, nil
}

// takeBack gives the changes that put every ref which pending records have moved to where the mirror says it is, except
// those in changes. It cannot be done for a ref that has diverged there: no one record can restore both sides.
func (r *Refs) takeBack(before []pending, changes []Change) ([]Change, error) {
	moved := make(map[string]Change)
	for _, p := range before {
		for _, c := range p.rec.Body.Changes {
			moved[c.Name] = c
		}
	}
	for _, c := range changes {
		delete(moved, c.Name)
	}
	var back []Change
	for name, c := range moved {
		if slices.ContainsFunc(r.view.Diverged, func(d Divergence) bool { return d.Name == name }) {
			return nil, &ConflictError{Name: name, Expected: "one commit, to undo what is pending", Have: "several (it has diverged)"}
		}
		if have, _ := r.view.Ref(name); have != c.New {
			back = append(back, Change{name, c.New, have})
		}
	}
	return back, nil
}

// resends says that the newest of the pending records are this very operation, and have seen all that is there now.
func (r *Refs) resends(op Operation) (bool, error) {
	n := len(splitPacks(op, r.view.Head))
	if len(r.pending) < n {
		return false, nil
	}
	before, same := r.pending[:len(r.pending)-n], r.pending[len(r.pending)-n:]
	ops, err := r.expected(op, before)
	if err != nil {
		return false, err
	}
	for i, p := range same {
		if !r.amountsTo(p.rec, ops[i]) {
			return false, nil
		}
	}
	return true, nil
}

// amountsTo says that a record does what the operation says, at whatever time.
func (r *Refs) amountsTo(rec *Record, op Operation) bool {
	h, b := r.draft(op, Position{}, false)
	b.Seq, b.Roster, b.Time, b.Zone = rec.Body.Seq, rec.Body.Roster, rec.Body.Time, rec.Body.Zone
	return bytes.Equal(b.appendSigned(nil), rec.Body.appendSigned(nil)) &&
		slices.Equal(h.Added, rec.Added) && slices.Equal(h.Condemned, rec.Condemned)
}
