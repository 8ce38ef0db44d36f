package pack

import (
	"context"
	"errors"
	"io/fs"

	"evault/keys"
	"evault/objects"
)

// RepairReport says what a repair did.
type RepairReport struct {
	Damage  error        // what was wrong with the pack; nil if nothing was, and nothing was done
	Rescued int          // objects read from the pack
	Lost    []objects.ID // objects that the pack's index names, that could not be read and that no other pack holds
	Blind   bool         // the pack's index was damaged too, so that Lost may not be all
	Packs   []PackInfo   // new packs, with what was rescued and is in no other pack
}

// RepairPack verifies a pack and, if it is damaged, writes what can be salvaged from it into a new pack and moves it to
// damaged/, out of sight. A pack that cannot be read for another reason than damage is left alone, and that reason is the
// error. It needs the repository's lock. Stopped at any point, it can be run again:
//
//	the new packs, as by Session.Commit
//	renameat(packs/ab/x.pack, damaged/x.pack)  fsync(damaged)  fsync(packs/ab)
func (db *DB) RepairPack(ctx context.Context, name Name) (RepairReport, error) {
	var rep RepairReport
	rep.Damage = db.VerifyPack(ctx, name, nil)
	if rep.Damage == nil {
		return rep, nil
	}
	if err := ctx.Err(); err != nil {
		return rep, err
	}
	for _, other := range [...]error{ErrNewer, ErrNoPack, keys.ErrUnknownEpoch} {
		if errors.Is(rep.Damage, other) {
			return rep, rep.Damage
		}
	}
	// From here on the pack's objects count as missing, so that the session takes them.
	db.set.markLive(name, false)
	if err := db.rescue(ctx, name, &rep); err != nil {
		db.set.markLive(name, true)
		return rep, err
	}
	return rep, nil
}

func (db *DB) rescue(ctx context.Context, name Name, rep *RepairReport) error {
	s := db.NewSession(SessionOptions{})
	f := s.NewFrames()
	found, err := Salvage(ctx, db.store, name.Path(), db.vault, func(id objects.ID, kind objects.Kind, data []byte) error {
		_, err := f.PutAs(kind, id, data)
		return err
	})
	if err == nil && found.Frames == 0 && !errors.Is(rep.Damage, ErrDamaged) {
		err = rep.Damage // the disk does not answer: to hide the pack would save nothing
	}
	if err != nil {
		return errors.Join(err, s.Abort())
	}
	if rep.Packs, err = s.Commit(ctx); err != nil {
		return err
	}
	rep.Rescued = found.Objects
	rep.Blind = !found.Indexed
	for _, id := range found.Lost {
		if !db.Has(id) {
			rep.Lost = append(rep.Lost, id)
		}
	}
	return db.condemn(name)
}

// condemn moves a pack to damaged/.
func (db *DB) condemn(name Name) error {
	if err := db.store.Mkdir(damagedDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := db.readers.drop(name); err != nil {
		db.addProblem(err)
	}
	db.cache.dropPack(name)
	if err := db.store.Rename(name.Path(), damagedDir+"/"+name.String()+packSuffix); err != nil {
		return err
	}
	if err := db.store.SyncDir(damagedDir); err != nil {
		return err
	}
	return db.store.SyncDir(name.dir())
}
