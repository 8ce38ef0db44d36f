package refs

import (
	"context"
	"errors"
	"fmt"
)

// readFold folds the logs, from the cache if it fits. changed says that the cache is not up to date.
func (r *Refs) readFold(ctx context.Context) (changed bool, err error) {
	l, err := listLogs(r.o.Store)
	if err != nil {
		return false, err
	}
	f, advanced, err := r.continueCache(ctx, l.tags)
	if err != nil {
		r.warn(err)
	}
	if f != nil {
		r.fold = f
		return advanced, nil
	}
	if err := r.foldFromStart(ctx); err != nil {
		return false, err
	}
	return true, r.keepEvidence()
}

// foldFromStart folds every record of every log.
func (r *Refs) foldFromStart(ctx context.Context) error {
	unfinished, err := isUnfinished(r.o.Store) // first: a Mirror beside may finish meanwhile
	if err != nil {
		return err
	}
	a, err := foldAll(ctx, &r.o, r.checker, r.pins.known)
	if err != nil {
		return err
	}
	r.fold, r.problems = a.fold, append(a.problems, r.rollbacks(a.fold, a.logs)...)
	if unfinished {
		r.problems = r.excuse(r.problems)
	}
	return nil
}

// excuse drops the problems that a mirror has because it does not hold all that there is: nobody hides it. What concerns this
// clone's own log, or a pin, cannot wait for the next Mirror.
func (r *Refs) excuse(problems []error) (out []error) {
	incomplete := false
	for _, p := range problems {
		switch missing := errors.Is(p, ErrHidden) || errors.Is(p, ErrHeldBack); {
		case errors.Is(p, ErrRollback), missing && problemTag(p) == r.own:
			incomplete = true
		case !missing:
			out = append(out, p)
		}
	}
	if incomplete {
		out = append(out, fmt.Errorf("store %s: %w", r.o.StoreID, ErrIncomplete))
	}
	return out
}

// foldAll reads and folds every record of every log. A writer beside a reader may publish between the reading of two logs,
// so what looks hidden is looked for once more.
func foldAll(ctx context.Context, o *Options, c *checker, pinned map[Tag]Position) (*acceptance, error) {
	for again := false; ; again = true {
		l, err := listLogs(o.Store)
		if err != nil {
			return nil, err
		}
		var logs []*loaded
		for _, tag := range l.tags {
			one, err := loadAll(ctx, o.Store, c, tag)
			if err != nil {
				return nil, err
			}
			logs = append(logs, one)
		}
		a, err := acceptWith(newFold, logs, revocationsFor(o), pinned, o.HasPack)
		if err != nil || again || !a.hidden() {
			return a, err
		}
	}
}

// hidden says that a record which was seen is not there.
func (a *acceptance) hidden() bool {
	for _, p := range a.problems {
		if errors.Is(p, ErrHidden) {
			return true
		}
	}
	return false
}

// continueCache gives the stored fold continued by what follows it; nil if there is none, or if anything at all is odd: then
// everything is read, and what is wrong gets its name. The error is for Warn.
func (r *Refs) continueCache(ctx context.Context, tags []Tag) (f *fold, advanced bool, err error) {
	f, err = r.storedFold()
	if f == nil || len(f.logs) > len(tags) {
		return nil, false, err
	}
	var logs []*loaded
	known := 0
	for _, tag := range tags {
		var l *loaded
		var err error
		if i, ok := f.byTag[tag]; ok && f.logs[i].count > 0 {
			known++
			l, err = loadNew(ctx, r.o.Store, r.checker, f.logs[i])
		} else {
			l, err = loadAll(ctx, r.o.Store, r.checker, tag)
		}
		if err != nil || l.problem != nil || needsFullFold(l, revocationsFor(&r.o)) {
			return nil, false, nil
		}
		advanced = advanced || len(l.records) > 0
		logs = append(logs, l)
	}
	if known < len(f.logs) {
		return nil, false, nil // a log is gone
	}
	if advanced {
		a, err := accept(func() *fold { return f }, logs, revocationsFor(&r.o), nil)
		if err != nil || len(a.problems) > 0 || r.o.HasPack != nil && a.lacks(r.o.HasPack) {
			return nil, false, nil
		}
	}
	ok, err := r.fitsPins(f)
	if err != nil || !ok {
		return nil, false, err
	}
	return f, advanced, nil
}

// storedFold reads the cache. One for which packs were asked serves those who do not ask, too.
func (r *Refs) storedFold() (*fold, error) {
	f, err := readCache(r.o.Local, r.sealer, r.cacheKey())
	if f != nil || err != nil || r.o.HasPack != nil {
		return f, err
	}
	return readCache(r.o.Local, r.sealer, newCacheKey(&r.o, true))
}

// storeFold replaces the cache, unless packs were missing: what is held back for that may be accepted any moment.
func (r *Refs) storeFold() {
	if !lackedPacks(r.problems) {
		r.warn(writeCache(r.o.Local, r.sealer, r.cacheKey(), r.fold))
	}
}

// needsFullFold says that records cannot simply be added to a stored fold.
func needsFullFold(l *loaded, roster revocations) bool {
	_, revoked := revocationOf(l, roster)
	for _, rec := range l.records {
		revoked = revoked || rec.Body == nil
	}
	return revoked
}
