package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"evault/pack"
	"evault/refs"
)

// RepairOptions say how to repair.
type RepairOptions struct {
	DryRun bool // only say what would be done
}

// RepairResult says what was repaired and what is lost.
type RepairResult struct {
	Actions  []string // what was done, in words
	Salvaged []string // damaged packs whose sound objects were saved
	Rescued  int64    // objects saved from them
	Lost     []Damage // what no pack holds any more
	Notes    []string // of RepairFrom: what opening the vault has done beside
}

// Repair puts right what can be put right without another copy: it rebuilds the object index from the packs and the stat
// index from HEAD, saves every sound object from damaged packs into new ones, moves the damaged ones out of sight, and
// records that in the log. What is lost is named, as Verify names it; then the error is ErrDamaged.
func (r *Repository) Repair(ctx context.Context, o RepairOptions) (*RepairResult, error) {
	m := r.settings.startMeter("repairing")
	defer m.close()
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	p := &repairing{repo: r, db: db, result: &RepairResult{}, meter: m}
	if o.DryRun {
		return p.result, p.plan(ctx)
	}
	if err := p.run(ctx); err != nil {
		return p.result, err
	}
	// Afresh: what was wrong with packs and caches that are gone now is no damage any more.
	r.db = nil
	if err := db.Close(); err != nil {
		return p.result, err
	}
	found, err := r.Verify(ctx, VerifyOptions{})
	if found != nil {
		p.result.Lost = found.Damage
	}
	return p.result, err
}

type repairing struct {
	repo    *Repository
	db      *pack.DB
	result  *RepairResult
	meter   *meter
	added   []refs.Pack
	dropped []refs.Pack
}

func (p *repairing) did(format string, args ...any) {
	p.result.Actions = append(p.result.Actions, fmt.Sprintf(format, args...))
}

// plan says what run would do.
func (p *repairing) plan(ctx context.Context) error {
	p.did("would rebuild the object index")
	packs, err := p.db.Packs()
	if err != nil {
		return err
	}
	for _, info := range packs {
		if err := p.db.VerifyPack(ctx, info.Name, nil); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.did("would save what is sound in pack %s", info.Name)
		}
	}
	missing, err := p.missingPacks(ctx)
	for _, m := range missing {
		p.did("would note in the log that pack %s is gone", m)
	}
	return errors.Join(err, p.repo.mendMirrors(ctx, true, func(format string, args ...any) { p.did("would have "+format, args...) }))
}

func (p *repairing) run(ctx context.Context) error {
	if err := p.db.RebuildIndex(ctx, func(done, total int) {
		p.meter.items.Store(int64(done))
		p.meter.want.Store(int64(total))
	}); err != nil {
		return fmt.Errorf("rebuilding the object index: %w", err)
	}
	p.did("rebuilt the object index")
	if err := p.repo.mendMirrors(ctx, false, p.did); err != nil {
		return err
	}
	if err := p.packs(ctx); err != nil {
		return err
	}
	missing, err := p.missingPacks(ctx)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if !slices.Contains(p.dropped, m) {
			p.dropped = append(p.dropped, m)
			p.did("noted in the log that pack %s is gone", m)
		}
	}
	if len(p.added)+len(p.dropped) == 0 {
		return p.statIndex(ctx)
	}
	// New packs are durable and damaged ones out of sight: the record makes it so for everybody.
	err = p.repo.record(ctx, refs.Operation{Name: "repair", Description: fmt.Sprintf("%d packs given up, %d written", len(p.dropped), len(p.added)),
		PacksAdded: p.added, PacksCondemned: p.dropped})
	return errors.Join(err, p.statIndex(ctx))
}

// packs verifies every pack and saves what is sound in the damaged ones.
func (p *repairing) packs(ctx context.Context) error {
	infos, err := p.db.Packs()
	if err != nil {
		return err
	}
	p.meter.enter("verifying", 0, int64(len(infos)))
	for _, info := range infos {
		report, err := p.db.RepairPack(ctx, info.Name)
		if err != nil {
			return fmt.Errorf("pack %s: %w", info.Name, err)
		}
		p.meter.items.Add(1)
		if report.Damage == nil {
			continue
		}
		p.result.Salvaged = append(p.result.Salvaged, info.Name.String())
		p.result.Rescued += int64(report.Rescued)
		p.did("saved %d objects from damaged pack %s, which is in damaged/ now", report.Rescued, info.Name)
		for _, fresh := range report.Packs {
			p.added = append(p.added, refs.Pack{Name: fresh.Name, Size: uint64(fresh.Size)})
		}
	}
	return nil
}

// missingPacks lists the packs that the log speaks of and the store does not hold.
func (p *repairing) missingPacks(ctx context.Context) ([]refs.Pack, error) {
	named, err := p.repo.refs.Packs(ctx)
	if err != nil {
		return nil, err
	}
	infos, err := p.db.Packs()
	if err != nil {
		return nil, err
	}
	here := map[[32]byte]bool{}
	for _, i := range infos {
		here[i.Name] = true
	}
	return slices.DeleteFunc(named, func(q refs.Pack) bool { return here[q.Name] }), nil
}

// statIndex rebuilds the stat index if it cannot be read.
func (p *repairing) statIndex(ctx context.Context) error {
	before := len(p.repo.notes)
	if _, err := p.repo.loadIndex(ctx); err != nil {
		if isDamage(err) { // HEAD's own tree is damaged: Verify names it
			return nil
		}
		return err
	}
	if len(p.repo.notes) > before {
		p.did("rebuilt the stat index")
	}
	return nil
}
