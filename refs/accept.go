package refs

import (
	"errors"
	"fmt"

	"evault/keys"
)

// acceptance folds loaded logs, each record after all that it has seen, and says what it had to hold back and why.
type acceptance struct {
	fold     *fold
	logs     []*acceptedLog
	problems []error
}

// acceptedLog is a log on its way into the fold.
type acceptedLog struct {
	*loaded
	next  int    // records folded so far
	limit uint64 // records from this sequence on are not accepted
	why   error  // why there is a limit; nil if it goes without saying
}

// revocations says what is known of an expelled device: a roster, or a vault, which speaks for all heads of its rosters.
type revocations interface {
	Revocation(key [32]byte) (keys.Revocation, bool)
}

// accept folds what it can of the loaded logs. The error is errRefold or nil; what is wrong with the logs is in problems.
func accept(base func() *fold, logs []*loaded, roster revocations, pinned map[Tag]Position) (*acceptance, error) {
	vouched := vouchedBy(logs, roster, nil)
	for {
		a := &acceptance{fold: base()}
		unlisted := a.limit(logs, roster, vouched, pinned)
		a.recall()
		if err := a.run(); err != nil {
			return nil, err
		}
		if !unlisted {
			return a, nil
		}
		// A record that was held back vouches for nothing. Limits only sink, so this ends.
		again := vouchedBy(logs, roster, a.fold)
		if sameCounts(again, vouched) {
			return a, nil
		}
		vouched = again
	}
}

// limit decides how far each log may be accepted. A log of a revoked device ends at its cut-off; one that the revocation
// does not list ends after what a device that still has its rights has seen. unlisted says that there are such.
func (a *acceptance) limit(logs []*loaded, roster revocations, vouched map[Tag]uint64, pinned map[Tag]Position) (unlisted bool) {
	for _, l := range logs {
		al := &acceptedLog{loaded: l, limit: l.present}
		if l.lacking != nil && l.lacksAt < al.limit {
			al.limit, al.why = l.lacksAt, l.lacking
		}
		a.logs = append(a.logs, al)
		if pin, ok := pinned[l.tag]; ok {
			al.freezeAt(pin)
		}
		rev, revoked := revocationOf(l, roster)
		if !revoked {
			continue
		}
		if cut, listed := cutoffOf(rev, l.tag); listed {
			al.cutAt(cut)
			continue
		}
		unlisted = true
		if n := vouched[l.tag]; n < al.limit {
			al.limit = n
			al.why = fmt.Errorf("%w: its device was revoked, and no other has seen it", ErrUnauthorised)
		}
	}
	return unlisted
}

// cutAt ends a log after the cut-off of a revocation, or before it if another record stands there.
func (l *acceptedLog) cutAt(cut keys.Cutoff) {
	if cut.Sequence+1 < l.limit {
		l.limit = cut.Sequence + 1
		l.why = fmt.Errorf("%w: its device was revoked before it", ErrUnauthorised)
	}
	l.freezeAt(Position{l.tag, cut.Sequence, cut.Header})
}

// freezeAt ends a log before a known position if another record stands there.
func (l *acceptedLog) freezeAt(p Position) {
	if rec := l.at(p.Seq); rec != nil && rec.Hash != p.Hash && p.Seq < l.limit {
		l.limit = p.Seq
		l.why = &ForkError{Tag: l.tag, Seq: p.Seq, Known: p.Hash, Found: rec.Hash}
	}
}

// at is the record with a sequence, nil if it was not loaded.
func (l *loaded) at(seq uint64) *Record {
	if len(l.records) == 0 || seq < l.records[0].Seq || seq-l.records[0].Seq >= uint64(len(l.records)) {
		return nil
	}
	return l.records[seq-l.records[0].Seq]
}

// revocationOf finds the revocation of the device that wrote a log.
func revocationOf(l *loaded, roster revocations) (keys.Revocation, bool) {
	for _, rec := range l.records {
		if rec.Body != nil {
			return roster.Revocation(rec.Body.Device)
		}
	}
	return keys.Revocation{}, false
}

func cutoffOf(rev keys.Revocation, tag Tag) (keys.Cutoff, bool) {
	for _, c := range rev.Cutoffs {
		if c.Log == tag {
			return c, true
		}
	}
	return keys.Cutoff{}, false
}

// vouchedBy counts how much of every log devices with rights have seen, in all loaded records or in those that are folded.
func vouchedBy(logs []*loaded, roster revocations, folded *fold) map[Tag]uint64 {
	counts := make(map[Tag]uint64)
	for _, l := range logs {
		if _, revoked := revocationOf(l, roster); revoked {
			continue
		}
		for _, rec := range l.records {
			if folded != nil && !folded.has(rec) {
				break
			}
			if rec.Body == nil {
				continue
			}
			for _, p := range rec.Body.Seen {
				counts[p.Tag] = max(counts[p.Tag], p.Seq+1)
			}
		}
	}
	return counts
}

func (f *fold) has(rec *Record) bool {
	i, ok := f.byTag[rec.Tag]
	return ok && rec.Seq < f.logs[i].count
}

func sameCounts(a, b map[Tag]uint64) bool {
	if len(a) != len(b) {
		return false
	}
	for t, n := range a {
		if b[t] != n {
			return false
		}
	}
	return true
}

// recall fills an empty fold with the dots of records whose bodies were dropped.
func (a *acceptance) recall() {
	dropped := make(map[Position]bool)
	for _, l := range a.logs {
		for _, rec := range l.records {
			if rec.Body == nil {
				dropped[Position{Tag: rec.Tag, Seq: rec.Seq}] = true
			}
		}
	}
	if len(dropped) == 0 {
		return
	}
	for _, l := range a.logs {
		for _, rec := range l.records {
			if rec.Seq < l.limit && rec.Body != nil && rec.Body.Checkpoint != nil {
				a.fold.recall(rec.Body.Checkpoint, func(t Tag, s uint64) bool { return dropped[Position{Tag: t, Seq: s}] })
			}
		}
	}
}

// run folds records as long as any is ready, then names what is left.
func (a *acceptance) run() error {
	for progress := true; progress; {
		progress = false
		for _, l := range a.logs {
			for {
				ok, err := a.step(l)
				if err != nil {
					return err
				}
				if !ok {
					break
				}
				progress = true
			}
		}
	}
	for _, l := range a.logs {
		a.holdBack(l)
	}
	a.bodiesDropped()
	return nil
}

// step folds the next record of a log if it is ready.
func (a *acceptance) step(l *acceptedLog) (bool, error) {
	if l.next == len(l.records) || l.records[l.next].Seq >= l.limit {
		return false, nil
	}
	rec := l.records[l.next]
	_, ready, err := a.fold.ready(rec)
	if errors.Is(err, errRefold) {
		return false, err
	}
	if err != nil || !ready {
		return false, nil // holdBack asks again, and names it
	}
	a.fold.apply(rec)
	l.next++
	return true, nil
}

// holdBack says why a log was not folded to its end.
func (a *acceptance) holdBack(l *acceptedLog) {
	switch {
	case l.next == len(l.records):
		if l.problem != nil {
			a.problems = append(a.problems, l.problem)
		}
	case l.records[l.next].Seq >= l.limit:
		a.problems = append(a.problems, &RecordError{l.tag, l.limit, l.why})
	default:
		a.problems = append(a.problems, a.notReady(l))
	}
}

// notReady says what a record waits for: one that is hidden, or one that was itself held back.
func (a *acceptance) notReady(l *acceptedLog) error {
	rec := l.records[l.next]
	missing, _, err := a.fold.ready(rec)
	if err != nil {
		return &RecordError{rec.Tag, rec.Seq, err}
	}
	for _, other := range a.logs {
		if other.tag == missing.Tag && missing.Seq < other.present {
			return &RecordError{rec.Tag, rec.Seq, fmt.Errorf("%w: it depends on %s", ErrHeldBack, missing)}
		}
	}
	return &HiddenError{By: rec.Position(), Missing: missing}
}

// bodiesDropped names the logs of which a body was dropped that no checkpoint covers: what it changed is not known.
func (a *acceptance) bodiesDropped() {
	var covered vector
	for _, l := range a.logs {
		for _, rec := range l.records[:l.next] {
			if rec.Body != nil && rec.Body.Checkpoint != nil {
				covered = covered.join(a.fold.pastOf(rec.Position()))
			}
		}
	}
	for _, l := range a.logs {
		for _, rec := range l.records[:l.next] {
			if rec.Body == nil && rec.Seq >= covered.at(a.fold.byTag[l.tag]) {
				a.problems = append(a.problems, &RecordError{l.tag, rec.Seq,
					fmt.Errorf("%w: its body is missing, and no checkpoint stands for it", ErrDamaged)})
				break
			}
		}
	}
}
