package refs

import (
	"context"
	"fmt"
	"slices"
)

// Verify reads every record of every log, whatever the cache says, and calls problem for everything that is wrong: signature,
// chain, gap, record in the wrong place, body, authority, hidden and forked records, rollback behind a pin, files that do
// not belong, packs that were added and are not there, and a view that is not what the logs amount to. has says whether the
// store has a pack; nil leaves the packs out. The error is one of reading the disk, or the context's.
func (r *Refs) Verify(ctx context.Context, has func(Pack) bool, problem func(error)) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c := newChecker(&r.o)
	l, err := listLogs(r.o.Store)
	if err != nil {
		return err
	}
	a, err := foldAll(ctx, &r.o, c, r.pins.known)
	if err != nil {
		return err
	}
	for _, p := range slices.Concat(a.problems, r.rollbacks(a.fold, a.logs), strangers(l, a.logs)) {
		problem(p)
	}
	if len(a.problems) == 0 && !a.fold.same(r.fold) {
		problem(fmt.Errorf("%w: the view is not what the logs amount to", ErrDamaged))
	}
	if has == nil {
		return nil
	}
	if p := a.missingPacks(has); p != nil {
		problem(p)
	}
	return nil
}

// strangers names the files among the logs that are no records.
func strangers(l listing, logs []*acceptedLog) []error {
	var out []error
	for _, n := range l.strange {
		out = append(out, fmt.Errorf("%w: %s/%s does not belong there", ErrDamaged, logsDir, n))
	}
	for _, log := range logs {
		for _, n := range log.strange {
			out = append(out, fmt.Errorf("%w: %s/%s/%s does not belong there", ErrDamaged, logsDir, log.tag, n))
		}
	}
	return out
}

// same says that two folds amount to the same.
func (f *fold) same(o *fold) bool {
	if !slices.Equal(f.table(), o.table()) {
		return false
	}
	heads := func(f *fold) []Position { return f.seenBy(Tag{}) }
	return slices.Equal(heads(f), heads(o))
}
