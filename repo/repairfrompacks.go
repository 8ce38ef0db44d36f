package repo

import (
	"bytes"
	"context"
	"fmt"

	"evault/objects"
	"evault/pack"
	"evault/refs"
)

// takePacks receives the packs that are damaged here, and those that the remote's records name and that are not here; then
// it saves what is sound in those that the remote could not help with.
func (f *healing) takePacks(ctx context.Context) error {
	r := f.repo
	db, err := r.database()
	if err != nil {
		return err
	}
	f.commits = map[objects.ID]*objects.Commit{}
	f.packs = &repairing{repo: r, db: db, result: &f.result.RepairResult, meter: f.meter}
	if err := db.RebuildIndex(ctx, nil); err != nil {
		return fmt.Errorf("rebuilding the object index: %w", err)
	}
	infos, err := db.Packs()
	if err != nil {
		return err
	}
	here, wanted := map[[32]byte]bool{}, []refs.Pack(nil)
	f.meter.enter("verifying", 0, int64(len(infos)))
	for _, p := range infos {
		here[p.Name] = true
		err := db.VerifyPack(ctx, p.Name, f.noteCommits)
		f.meter.add(1, 0)
		size, there := f.copies[p.Name]
		if err == nil || !there {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.keepDamaged(p.Name); err != nil {
			return err
		}
		wanted = append(wanted, refs.Pack{Name: p.Name, Size: size})
	}
	for _, p := range f.live {
		if !here[p.Name] {
			wanted = append(wanted, p)
		}
	}
	if err := f.receive(ctx, wanted); err != nil {
		return err
	}
	return f.packs.packs(ctx)
}

// noteCommits remembers which commits there are: where records were lost, one of them may be in no branch any more.
func (f *healing) noteCommits(id objects.ID, kind objects.Kind, data []byte) error {
	if kind != objects.KindCommit {
		return nil
	}
	if c, err := objects.DecodeCommit(bytes.Clone(data)); err == nil {
		f.commits[id] = c
	}
	return nil
}

// keepDamaged puts a copy of a pack that is about to be replaced into damaged/.
func (f *healing) keepDamaged(name pack.Name) error {
	data, err := readFile(f.repo.store, name.Path(), pack.MaxPack)
	if err != nil {
		return moveAside(f.repo, storeDir+"/"+name.Path()) // too long, or nothing that can be read
	}
	return publishAside(f.repo, name.String()+".pack", data)
}

// receive takes packs from the remote and proves them in full.
func (f *healing) receive(ctx context.Context, wanted []refs.Pack) error {
	if len(wanted) == 0 {
		return nil
	}
	fetched := &FetchResult{}
	lost, err := f.talk.receive(ctx, wanted, f.meter, fetched)
	if err != nil && !isDamage(err) {
		return err
	}
	missing := map[[32]byte]bool{}
	for _, p := range lost {
		missing[p.Name] = true
	}
	for _, p := range wanted {
		if missing[p.Name] {
			continue
		}
		if err := f.packs.db.VerifyPack(ctx, p.Name, nil); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f.did("received pack %s, which is as %s has it and not sound all the same: %v", p, f.name, err)
			continue
		}
		f.result.Received++
		f.did("received pack %s", p)
	}
	return nil
}

// healPacksThere has the remote check every pack that its records name, and sends those again that it has not, or has damaged.
func (f *healing) healPacksThere(ctx context.Context) error {
	f.meter.enter("having packs checked", 0, int64(len(f.live)))
	for _, p := range f.live {
		err := f.talk.store.CheckPack(ctx, p.Name)
		f.meter.add(1, 0)
		if err == nil {
			continue
		}
		if !gone(err) {
			return fmt.Errorf("pack %s: %w", p, err)
		}
		if !f.mayMend() {
			f.lostThere("pack %s: %v (this device may not write there)", p, err)
			continue
		}
		if sendErr := f.sendSound(ctx, p); sendErr != nil {
			if !isDamage(sendErr) {
				return fmt.Errorf("sending pack %s to %s: %w", p, f.name, sendErr)
			}
			f.lostThere("pack %s: %v, and here: %v", p, err, sendErr)
		}
	}
	return nil
}

// sendSound sends a pack if the copy here is good.
func (f *healing) sendSound(ctx context.Context, p refs.Pack) error {
	db, err := f.repo.database()
	if err != nil {
		return err
	}
	if err := db.VerifyPack(ctx, p.Name, nil); err != nil {
		return err
	}
	if err := f.talk.sendPack(ctx, p, f.meter); err != nil {
		return err
	}
	f.result.Sent++
	f.did("sent pack %s to %s, where it was damaged or gone", p, f.name)
	return nil
}
