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
