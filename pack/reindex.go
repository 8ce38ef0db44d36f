package pack

import (
	"context"
	"errors"
	"slices"
)

// reindexBatch is how many records are gathered before they are written as a run: 11 MiB.
const reindexBatch = 1 << 18

// indexPacks reads the packs' own indexes and makes them known, verified or not as it is told. set.writing is held. Packs
// that cannot be read become problems.
//
// The directories are synced first. A pack can be here and not be durable: the process that renamed it into place may
// have died before it synced the directory. To count its objects as known would let a commit rely on them.
func (db *DB) indexPacks(ctx context.Context, packs []knownPack, progress func(done, total int)) error {
	if err := db.syncPackDirs(namesOf(packs)); err != nil {
		return err
	}
	var batch packRecords
	for i, p := range packs {
		if err := ctx.Err(); err != nil {
			return err
		}
		db.addProblem(db.readRecords(p, &batch))
		if len(batch.records) >= reindexBatch || i == len(packs)-1 {
			if err := db.insertRecords(&batch); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(i+1, len(packs))
		}
	}
	return nil
}

// syncPackDirs syncs the directory of every pack, each once.
func (db *DB) syncPackDirs(names []Name) error {
	if len(names) == 0 {
		return nil
	}
	if err := db.store.SyncDir(packsDir); err != nil {
		return err
	}
	done := make(map[string]bool)
	for _, n := range names {
		if dir := n.dir(); !done[dir] {
			done[dir] = true
			if err := db.store.SyncDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// packRecords are records with the table of packs that they count in.
type packRecords struct {
	packs   []knownPack
	records []record
}

// readRecords appends what a pack's own index says.
func (db *DB) readRecords(p knownPack, to *packRecords) error {
	r, err := openPackFile(db.store, p.name.Path(), db.vault)
	if err != nil {
		return openError(p.name, err)
	}
	x, err := r.readIndex()
	if err = errors.Join(err, r.close()); err != nil {
		return openError(p.name, err)
	}
	number := uint32(len(to.packs))
	to.packs = append(to.packs, p)
	ids := x.ids
	for f := range x.frames {
		for place := range x.frames[f].count {
			to.records = append(to.records, record{id: ids[place], pack: number, frame: uint32(f), place: place})
		}
		ids = ids[x.frames[f].count:]
	}
	return nil
}

// insertRecords makes a run of the records and empties them. set.writing is held.
func (db *DB) insertRecords(batch *packRecords) error {
	if len(batch.packs) == 0 {
		return nil
	}
	err := db.insertRun(batch.packs, func(w *runWriter) error { return addSorted(w, batch.records) })
	batch.packs, batch.records = batch.packs[:0], batch.records[:0]
	return err
}

// insertRun adds a run to the index. What goes wrong with runs that are already there is healed or becomes a problem,
// because they are only a cache. set.writing is held.
func (db *DB) insertRun(packs []knownPack, fill func(w *runWriter) error) error {
	r, err := db.set.create(packs, fill)
	if err != nil {
		return err
	}
	bad, err := db.set.insert(r)
	if bad != nil {
		return db.replaceRun(bad)
	}
	db.addProblem(err)
	return nil
}

// heal replaces a damaged run by what the packs say. It is false if that did not work.
func (db *DB) heal(bad *run) bool {
	db.set.writing.Lock()
	defer db.set.writing.Unlock()
	if !slices.Contains(db.set.runs, bad) { // done by somebody else; runs changes only under writing
		return true
	}
	if err := db.replaceRun(bad); err != nil {
		db.addProblem(err)
		return false
	}
	return true
}

// replaceRun takes a damaged run out and indexes its packs again. set.writing is held.
func (db *DB) replaceRun(bad *run) error {
	var packs []knownPack
	for i, live := range bad.live {
		if live {
			packs = append(packs, knownPack{bad.packName(uint32(i)), bad.verified[i]})
		}
	}
	db.addProblem(db.set.replace([]*run{bad}))
	return db.indexPacks(context.Background(), packs, nil)
}

// RebuildIndex throws the index away and builds it from the packs' own indexes. Progress, if not nil, is told how many
// packs of how many are done. What was verified stays so: a pack never changes.
func (db *DB) RebuildIndex(ctx context.Context, progress func(done, total int)) error {
	db.set.writing.Lock()
	defer db.set.writing.Unlock()
	present, err := listPacks(db.store)
	if err != nil {
		return err
	}
	before := db.set.statuses()
	if err := db.set.replace(slices.Clone(db.set.runs)); err != nil {
		return err
	}
	packs := packsOf(db.set.setLive(present), false)
	for i := range packs {
		packs[i].verified = before[packs[i].name]
	}
	return db.indexPacks(ctx, packs, progress)
}

// AddPacks makes packs known that the caller has put into packs/ after checking all of them with [DB.VerifyPack] or
// as strictly. From then on a commit does not write their objects again. For packs of which only the hash was checked there
// is [DB.Adopt].
func (db *DB) AddPacks(ctx context.Context, names []Name) error {
	db.set.writing.Lock()
	defer db.set.writing.Unlock()
	if err := db.syncPackDirs(names); err != nil {
		return err
	}
	var batch packRecords
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := db.readRecords(knownPack{name, true}, &batch); err != nil {
			return err
		}
	}
	return db.insertRecords(&batch)
}

// packsOf makes a table of packs that are all verified, or all not.
func packsOf(names []Name, verified bool) []knownPack {
	packs := make([]knownPack, len(names))
	for i, name := range names {
		packs[i] = knownPack{name, verified}
	}
	return packs
}

func namesOf(packs []knownPack) []Name {
	names := make([]Name, len(packs))
	for i := range packs {
		names[i] = packs[i].name
	}
	return names
}
