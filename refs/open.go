package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"evault/keys"
)

// Refs are the opened logs of one store. It is safe for concurrent use; one Append runs at a time.
type Refs struct {
	o       Options
	key     *keys.LogKey // nil when this device is no member
	own     Tag
	checker *checker
	sealer  *keys.Sealer // of the fold cache
	pins    *pins

	finished []place // what Open took from the outbox, or found there and in the log

	mu       sync.RWMutex
	fold     *fold
	view     *View
	pending  []pending // of the own log in a store that is elsewhere
	problems []error
	broken   error // why nothing can be appended any more
}

// Open reads the logs of a store. Unless it is for reading only, it first publishes what a crash has left in the outbox.
//
// It fails if the logs cannot be trusted: if the store is behind a pin (RollbackError), and for whatever is wrong with this
// clone's own log, or with any log of a local store that this clone has not written to yet. Problems of other logs hold
// back what depends on them, and no more: see Problems. With Options.Salvage it fails for none of these.
func Open(o Options) (*Refs, error) {
	o.ReadOnly = o.ReadOnly || o.Salvage
	r := &Refs{o: o, checker: newChecker(&o)}
	if err := r.identify(); err != nil {
		return nil, err
	}
	var err error
	if r.sealer, err = o.Vault.LocalSealer("fold cache"); err != nil {
		return nil, err
	}
	// Pins first: one that a writer publishes meanwhile may be ahead of what is read here.
	if r.pins, err = readPins(o.State, o.Vault.ID().String(), o.StoreID); err != nil {
		return nil, err
	}
	if err := r.readOutbox(); err != nil {
		return nil, err
	}
	changed, err := r.readFold(context.Background())
	if err != nil {
		return nil, err
	}
	if err := r.fatal(); err != nil && !o.Salvage {
		return nil, err
	}
	if r.view, err = r.fold.view(r.own, o.CloneID, o.Descends); err != nil {
		return nil, err
	}
	return r, r.settle(changed)
}

// readOutbox completes what a crash has interrupted.
func (r *Refs) readOutbox() (err error) {
	switch {
	case r.o.Shared || r.o.Send != nil:
		if !r.o.ReadOnly {
			if _, err := recoverMirror(r.o.Store); err != nil {
				return fmt.Errorf("mirror: %w", err)
			}
		}
		return r.readPending()
	case !r.o.ReadOnly:
		r.finished, err = finishOutbox(&r.o)
	}
	return err
}

// identify derives the key of this clone's own log. A vault opened by a device that is no member can only be read.
func (r *Refs) identify() error {
	key, err := r.o.Vault.LogKey(r.o.StoreID, r.o.CloneID)
	if errors.Is(err, keys.ErrNoDevice) {
		return nil
	}
	if err != nil {
		return err
	}
	r.key, r.own = key, TagOf(r.o.StoreID, key.Public())
	return nil
}

// View is what the logs amount to. It never changes: after an Append there is a new one.
func (r *Refs) View() *View {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.view
}

// Tag names this clone's own log; zero when this device is no member of the vault.
func (r *Refs) Tag() Tag { return r.own }

// Problems says what was held back, and why: RecordError, RollbackError, HiddenError.
func (r *Refs) Problems() []error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return append([]error(nil), r.problems...)
}

// Finished reports whether a record of this clone's log was interrupted on its way, and is published because Open found it in
// the outbox. Whoever was told that the operation failed may be about to repeat it.
func (r *Refs) Finished(seq uint64) bool { return slices.Contains(r.finished, place{r.own, seq}) }

// cacheKey is what a fold is stored under: one made by asking for packs is not one made without.
func (r *Refs) cacheKey() cacheKey { return newCacheKey(&r.o, r.o.HasPack != nil) }

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
		a, err := acceptWith(newFold, logs, o.Vault, pinned, o.HasPack)
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
		if err != nil || l.problem != nil || needsFullFold(l, r.o.Vault) {
			return nil, false, nil
		}
		advanced = advanced || len(l.records) > 0
		logs = append(logs, l)
	}
	if known < len(f.logs) {
		return nil, false, nil // a log is gone
	}
	if advanced {
		a, err := accept(func() *fold { return f }, logs, r.o.Vault, nil)
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

// fitsPins says that no pin contradicts the fold.
func (r *Refs) fitsPins(f *fold) (bool, error) {
	for tag, pin := range r.pins.known {
		hash, there, err := f.hashAt(tag, pin.Seq)
		if errors.Is(err, errRefold) {
			data, err := readNamed(r.o.Store, recordPath(tag, pin.Seq), MaxRecord)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
			hash, there = headerHash(data), err == nil
		}
		if there && hash != pin.Hash || !there && r.pinCounts(f, tag) {
			return false, nil
		}
	}
	return true, nil
}

// pinCounts says whether a log that ends before its pin is a rollback: see Options.Shared and Options.AcceptOlder.
func (r *Refs) pinCounts(f *fold, tag Tag) bool {
	if tag == r.own {
		return true
	}
	_, written := f.position(r.own)
	_, pinnedOwn := r.pins.known[r.own]
	return !r.o.AcceptOlder && (r.o.Shared || !written && !pinnedOwn)
}

// rollbacks names the logs that end before their pins.
func (r *Refs) rollbacks(f *fold, logs []*acceptedLog) []error {
	present := make(map[Tag]uint64)
	for _, l := range logs {
		present[l.tag] = l.present
	}
	var out []error
	for tag, pin := range r.pins.known {
		if present[tag] <= pin.Seq && r.pinCounts(f, tag) {
			out = append(out, &RollbackError{Store: r.o.StoreID, Tag: tag, Pinned: pin.Seq, Found: present[tag]})
		}
	}
	return out
}

// fatal joins the problems that forbid to go on.
func (r *Refs) fatal() error {
	_, written := r.fold.position(r.own)
	var out []error
	for _, p := range r.problems {
		theirs := !r.o.Shared && !written && !r.o.AcceptOlder
		if errors.Is(p, ErrRollback) || errors.Is(p, ErrIncomplete) || problemTag(p) == r.own || theirs {
			out = append(out, p)
		}
	}
	return errors.Join(out...)
}

// problemTag gives the log that a problem is about.
func problemTag(err error) Tag {
	var rec *RecordError
	var hid *HiddenError
	switch {
	case errors.As(err, &rec):
		return rec.Tag
	case errors.As(err, &hid):
		return hid.By.Tag
	}
	return Tag{}
}

// settle pins and caches what was read.
func (r *Refs) settle(changed bool) error {
	if r.o.ReadOnly {
		return nil
	}
	for _, l := range r.fold.logs {
		pos, ok := r.fold.position(l.tag)
		if pin, pinned := r.pins.known[l.tag]; !ok || pinned && pin.Seq >= pos.Seq {
			continue
		}
		if err := r.pins.publish(pos); err != nil {
			return fmt.Errorf("pin of log %s: %w", l.tag, err)
		}
	}
	if changed {
		r.storeFold()
	}
	return nil
}

func (r *Refs) warn(err error) {
	if err != nil && r.o.Warn != nil {
		r.o.Warn(fmt.Errorf("fold cache: %w", err))
	}
}
