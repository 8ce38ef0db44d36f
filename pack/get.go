package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"evault/keys"
	"evault/objects"
)

// Get gives an object whose ID has just been recomputed. The slice is the caller's, who must not write to it. An
// object that is not in the store is objects.ErrNotFound; one that is but cannot be given is a [DamagedError].
func (db *DB) Get(ctx context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	var data []byte
	err := db.View(ctx, id, kind, func(lent []byte) error {
		data = bytes.Clone(lent)
		if data == nil {
			data = []byte{}
		}
		return nil
	})
	return data, err
}

// View lends an object whose ID has just been recomputed: data must be neither kept nor written to after use returns.
// An error of use is returned as it is. Other errors are those of [DB.Get].
func (db *DB) View(ctx context.Context, id objects.ID, kind objects.Kind, use func(data []byte) error) error {
	loc, ok := db.Locate(id)
	if !ok {
		return fmt.Errorf("%s %s: %w", kind, id, objects.ErrNotFound)
	}
	f, data, err := db.fetch(ctx, loc, id, kind)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, objects.ErrNotFound) {
			return err
		}
		return db.viewElsewhere(ctx, loc, err, id, kind, use)
	}
	defer db.cache.put(f)
	return use(data)
}

// viewElsewhere looks for another place of an object after one has failed: a second pack may hold it, or the index
// may be wrong, in which case it is built anew.
func (db *DB) viewElsewhere(ctx context.Context, failed Location, cause error, id objects.ID, kind objects.Kind, use func([]byte) error) error {
	if !db.indexSays(failed, id) {
		if err := db.RebuildIndex(ctx, nil); err != nil {
			return errors.Join(cause, err)
		}
	}
	locs := db.locateAll(id)
	for _, loc := range locs {
		if loc == failed {
			continue
		}
		f, data, err := db.fetch(ctx, loc, id, kind)
		if err == nil {
			defer db.cache.put(f)
			return use(data)
		}
	}
	if len(locs) == 0 {
		return fmt.Errorf("%s %s: %w", kind, id, objects.ErrNotFound)
	}
	return cause
}

// indexSays reports whether the pack's own sealed index puts the object where the local index says it is. It is true
// if that cannot be known, because then the local index is not at fault.
func (db *DB) indexSays(loc Location, id objects.ID) bool {
	var own packRecords
	if err := db.readRecords(knownPack{name: loc.Pack}, &own); err != nil {
		return !errors.Is(err, ErrNoPack)
	}
	for i := range own.records {
		r := &own.records[i]
		if r.frame == loc.Frame && r.place == loc.Place {
			return r.id == id
		}
	}
	return false
}

var errWrongID = errors.New("its bytes do not have the ID that they should have")

// fetch gives the object at a place if it is the one that is wanted, and the frame it lies in, which must be put back.
func (db *DB) fetch(ctx context.Context, loc Location, id objects.ID, kind objects.Kind) (*cachedFrame, []byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	f, err := db.cache.get(ctx, frameKey{loc.Pack, loc.Frame})
	if err != nil {
		return nil, nil, withObject(err, id)
	}
	data, stored, ok := f.object(loc.Place)
	right := ok && db.idOf(stored, data) == id
	if right && stored == kind {
		return f, data, nil
	}
	db.cache.put(f)
	if right { // nothing is damaged: whoever named the object named it wrongly
		return nil, nil, fmt.Errorf("%s %s is a %s: %w", kind, id, stored, objects.ErrNotFound)
	}
	return nil, nil, &DamagedError{Pack: loc.Pack, Frame: int(loc.Frame), Place: int(loc.Place), Object: id, Err: errWrongID}
}

// withObject adds to damage of a frame which object was wanted.
func withObject(err error, id objects.ID) error {
	var d *DamagedError
	if !errors.As(err, &d) {
		return fmt.Errorf("object %s: %w", id, err)
	}
	named := *d
	named.Object = id
	return &named
}

// idOf computes the ID that data has as an object of a kind.
func (db *DB) idOf(kind objects.Kind, data []byte) objects.ID {
	h := db.hashers.Get().(*keys.Hasher)
	defer db.hashers.Put(h)
	return h.ObjectID(byte(kind), data)
}

// loadFrame reads and opens a frame for the cache.
func (db *DB) loadFrame(f *cachedFrame) error {
	r, err := db.readers.get(f.key.pack)
	if err != nil {
		return err
	}
	defer db.readers.put(r)
	b := db.scratch.get()
	defer db.scratch.put(b)
	b.raw, b.table = f.raw, f.table
	f.body, err = r.readFrame(db.codec, b, int(f.key.frame))
	f.raw, f.table = b.raw, b.table
	b.raw, b.table = nil, table{}
	if err != nil {
		return frameError(r.name, int(f.key.frame), err)
	}
	return nil
}

// frameError names the frame in an error of reading it, as damage if it is that.
func frameError(name Name, frame int, err error) error {
	if isDamage(err) {
		return damagedFrame(name, frame, err)
	}
	return fmt.Errorf("pack %s frame %d: %w", name, frame, err)
}
