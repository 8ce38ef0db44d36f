package pack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// VerifyPack reads every byte of a pack once and checks all that can be checked: that the bytes have the pack's name as
// their hash, that every frame opens, and that it holds exactly the objects that the pack's index lists, each with its
// ID recomputed.
//
// Each, if not nil, is given every object that is good; data must be neither kept nor written to. An error of each stops
// the work and is returned as it is. Damage does not stop it: the error joins a [DamagedError] for all that was found. A
// pack that passes is no longer one of [DB.Unverified].
func (db *DB) VerifyPack(ctx context.Context, name Name, each func(id objects.ID, kind objects.Kind, data []byte) error) error {
	err := db.VerifyFile(ctx, name.Path(), name, each)
	if err == nil {
		db.addProblem(db.set.markVerified(name))
	}
	return err
}

// VerifyFile is [DB.VerifyPack] for a file of the store that is to become the pack of that name, as in quarantine.
func (db *DB) VerifyFile(ctx context.Context, file string, name Name, each func(id objects.ID, kind objects.Kind, data []byte) error) error {
	r, err := openPackFile(db.store, file, db.vault)
	if err != nil {
		// Only if the bytes are right is an unknown version or epoch what it seems to be.
		if wrong := db.hashFile(ctx, file, name); wrong != nil {
			return wrong
		}
		return openError(name, err)
	}
	r.name = name
	b := db.scratch.get()
	defer db.scratch.put(b)
	h := db.hashers.Get().(*keys.Hasher)
	defer db.hashers.Put(h)
	v := &verification{r: r, codec: db.codec, hasher: h, each: each, b: b, sum: sha256.New()}
	return closing(r, v.run(ctx))
}

// QuickVerify checks only that a pack's bytes have its name as their hash, which needs no key and proves as much, if
// the pack was good when it was written.
func (db *DB) QuickVerify(ctx context.Context, name Name) error {
	return db.hashFile(ctx, name.Path(), name)
}

// hashFile checks that a file's bytes have the hash that the name says.
func (db *DB) hashFile(ctx context.Context, file string, name Name) error {
	f, err := db.store.OpenHandle(file, os.O_RDONLY, 0)
	if err != nil {
		return openError(name, err)
	}
	r := &reader{name: name, file: f}
	st, err := f.StatStat()
	if err != nil {
		return closing(r, openError(name, err))
	}
	if st.Type != vfs.Regular || st.Size > MaxPack {
		return closing(r, damaged(name, fmt.Errorf("%w: %d bytes", errPackSize, st.Size)))
	}
	r.size = st.Size
	b := db.scratch.get()
	defer db.scratch.put(b)
	v := &verification{r: r, b: b, sum: sha256.New()}
	return closing(r, v.finish(ctx))
}

// closing closes a pack and keeps err as it is unless that fails too.
func closing(r *reader, err error) error {
	if failed := r.close(); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// verification is one pack being verified.
type verification struct {
	r      *reader
	codec  *codec
	hasher *keys.Hasher
	each   func(id objects.ID, kind objects.Kind, data []byte) error
	b      *buffers
	sum    hash.Hash
	off    int64 // bytes before it have been hashed
	found  []error
}

// callbackError is an error of the caller's own function, to be told from damage.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

func (v *verification) run(ctx context.Context) error {
	x, err := v.r.readIndex()
	if err != nil {
		v.found = append(v.found, openError(v.r.name, err))
		return v.finish(ctx)
	}
	if err := v.hashTo(ctx, headerSize); err != nil {
		return err
	}
	ids := x.ids
	for n := range x.frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		count := x.frames[n].count
		err := v.frame(n, ids[:count])
		var own *callbackError
		if errors.As(err, &own) {
			return own.err
		}
		if err != nil {
			v.found = append(v.found, err)
		}
		ids = ids[count:]
	}
	return v.finish(ctx)
}

// finish hashes the rest and compares with the name.
func (v *verification) finish(ctx context.Context) error {
	if err := v.hashTo(ctx, v.r.size); err != nil {
		return err
	}
	if got := Name(v.sum.Sum(nil)); got != v.r.name {
		v.found = append(v.found, damaged(v.r.name, fmt.Errorf("its bytes have the hash %s", got)))
	}
	return errors.Join(v.found...)
}

const hashBuffer = 256 << 10

// hashTo reads and hashes up to an offset.
func (v *verification) hashTo(ctx context.Context, end int64) error {
	for v.off < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.b.sealed = resize(v.b.sealed, int(min(end-v.off, hashBuffer)))
		if err := v.read(v.b.sealed); err != nil {
			return frameError(v.r.name, NoFrame, err)
		}
	}
	return nil
}

// read fills dst with what follows and hashes it.
func (v *verification) read(dst []byte) error {
	if err := readFull(v.r.file, dst, v.off); err != nil {
		return err
	}
	v.sum.Write(dst) // a hash.Hash never returns an error
	v.off += int64(len(dst))
	return nil
}

// frame checks one frame against the IDs that the index lists for it.
func (v *verification) frame(n int, ids []objects.ID) error {
	f := v.r.frames[n]
	v.b.sealed = resize(v.b.sealed, int(f.size))
	if err := v.read(v.b.sealed); err != nil {
		return frameError(v.r.name, n, err)
	}
	body, err := v.r.openInto(v.codec, v.b, f)
	if err != nil {
		return frameError(v.r.name, n, err)
	}
	var found []error
	for place := range ids {
		from, to := v.b.table.span(place)
		kind, data := v.b.table.kinds[place], body[from:to:to]
		if objects.ID(v.hasher.ObjectID(byte(kind), data)) != ids[place] {
			found = append(found, &DamagedError{v.r.name, n, place, ids[place], errWrongID})
			continue
		}
		if v.each == nil {
			continue
		}
		if err := v.each(ids[place], kind, data); err != nil {
			return &callbackError{err}
		}
	}
	return errors.Join(found...)
}
