package repo

import (
	"context"
	"errors"
	"fmt"

	"evault/refs"
	"evault/remote"
)

func (f *healing) mirrors(ctx context.Context) error {
	return f.repo.mendMirrors(ctx, f.o.DryRun, f.did)
}

// converse makes sure that the remote holds the store that was seen there, and opens the copy of its logs.
func (f *healing) converse(ctx context.Context) error {
	c, r := f.talk, f.repo
	if !f.url.Vault.IsZero() && f.url.Vault != r.vault.ID() && f.badConfig == nil {
		f.badConfig = fmt.Errorf("remote %s: its address names vault %s", f.name, f.url.Vault)
	}
	f.url.Vault = r.vault.ID()
	c.url, c.store = f.url, c.site.Store(r.vault.ID())
	err := f.identifyStore(ctx)
	if err == nil && !c.knownVault() {
		err = fmt.Errorf("%w: %s", remote.ErrOtherVault, c.info.Vault)
	}
	if err == nil {
		err = c.checkStore()
	}
	if err == nil {
		err = c.openMirror()
	}
	if err != nil {
		return fmt.Errorf("%s (%s): %w", f.name, f.url, err)
	}
	return nil
}

// identifyStore asks the remote whose store it holds. Where it has forgotten that, and its logs bear out what was seen there, it
// is told.
func (f *healing) identifyStore(ctx context.Context) (err error) {
	c := f.talk
	c.info, err = c.store.Info(ctx)
	pinned, pinErr := f.repo.pinnedStore(c.name, c.url)
	if pinErr != nil {
		return pinErr
	}
	lost := errors.Is(err, remote.ErrNoStore) || errors.Is(err, remote.ErrDamaged) || errors.Is(err, remote.ErrOtherVault)
	if pinned == (refs.StoreID{}) || err != nil && !lost || err == nil && c.info.Store == pinned && c.info.Vault == f.repo.vault.ID() {
		return err
	}
	mender, ok := c.store.(remote.Mender)
	if !ok || f.o.DryRun {
		return err
	}
	if mendErr := mender.Mend(ctx, f.repo.vault.ID(), pinned); mendErr != nil {
		if err == nil {
			return nil // checkStore says what this means
		}
		return errors.Join(err, mendErr)
	}
	f.did("written the ID of the store of %s anew", f.name)
	c.info, err = c.store.Info(ctx)
	return err
}

// lostThere notes what could not be mended on the remote.
func (f *healing) lostThere(format string, args ...any) {
	f.result.RemoteLost = append(f.result.RemoteLost, fmt.Sprintf(format, args...))
}

// mayMend says whether this device may write to the remote.
func (f *healing) mayMend() bool {
	return f.talk.info.Permissions.Has(remote.Append) && f.repo.vault.CanPublish() == nil
}

// learn mends the remote's files and logs, and reads what its logs amount to.
func (f *healing) learn(ctx context.Context) error {
	c := f.talk
	if f.mayMend() {
		if err := f.mendFiles(ctx); err != nil {
			return err
		}
		if err := f.mendLogs(ctx); err != nil {
			return err
		}
	}
	if err := f.listThere(ctx); err != nil {
		return err
	}
	err := c.takeRecords(ctx)
	if err == nil {
		err = c.open(nil)
	}
	if err == nil {
		f.view = c.refs.View()
		f.live, err = c.refs.Packs(ctx)
	}
	if err != nil && !isDamage(err) && !isSecurity(err) && !gone(err) && !errors.Is(err, refs.ErrIncomplete) {
		return err
	}
	if err != nil {
		f.lostThere("its logs say nothing: %v", err)
		f.accuse(err)
	}
	for _, p := range unique(c.problems) {
		f.lostThere("%v", p)
		f.accuse(p)
	}
	for _, p := range f.live {
		f.copies[p.Name] = p.Size
	}
	return nil
}

// accuse keeps the evidence where a problem, still there after the mending, means that somebody changed history.
func (f *healing) accuse(problem error) {
	if !isSecurity(problem) {
		return
	}
	f.caught = true
	if err := f.talk.keepEvidence(problem); err != nil {
		f.repo.notes = append(f.repo.notes, fmt.Sprintf("evidence could not be kept: %v", err))
	}
}

// mendFiles sends the rosters, keyrings and slots that are damaged or gone there.
func (f *healing) mendFiles(ctx context.Context) error {
	r := f.repo
	ours, err := r.vault.PublicFiles(keyStore{r.store, r.local})
	if err != nil {
		return err
	}
	for _, name := range ours {
		if _, ok := f.there[name]; ok {
			continue
		}
		data, err := readFile(r.store, name, remote.MaxFile)
		if err != nil {
			return err
		}
		if err := f.talk.store.PutFile(ctx, name, data); err != nil {
			return fmt.Errorf("%s: sending %s: %w", f.name, name, err)
		}
		f.did("sent %s to %s, where it was damaged or gone", name, f.name)
	}
	return nil
}

// mendLogs sends the records that were seen on the remote and that are damaged or gone there. What another record has taken the
// place of stays so: that is a fork, and to be seen.
func (f *healing) mendLogs(ctx context.Context) error {
	tags, err := refs.MirroredLogs(f.talk.mirror)
	if err != nil {
		return err
	}
	var failed []error
	for try := 0; try < 3; try++ { // the head of a log can only be compared with when no other is damaged
		failed = nil
		for _, tag := range tags {
			if err := f.mendLog(ctx, tag); err != nil {
				failed = append(failed, fmt.Errorf("log %s: %w", tag, err))
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if len(failed) == 0 {
			return nil
		}
	}
	for _, err := range failed {
		if errors.Is(err, remote.ErrUnreachable) {
			return err
		}
		f.lostThere("%v", err)
	}
	return nil
}

func (f *healing) mendLog(ctx context.Context, tag refs.Tag) error {
	ours, same, err := f.talk.compareLog(ctx, tag)
	if err != nil {
		return err
	}
	var run [][]byte
	size := 0
	for i, data := range ours {
		if !same[i] {
			run, size = append(run, data), size+len(data)
		}
		last := i+1 == len(ours) || same[i+1]
		if len(run) > 0 && (last || len(run) == remote.MaxAppend || size+len(ours[i+1]) > remote.MaxAppendBytes) {
			if err := f.sendRecords(ctx, run); err != nil {
				return err
			}
			f.result.Mended += len(run)
			f.did("sent %d records to %s, where they were damaged or gone", len(run), f.name)
			run, size = nil, 0
		}
	}
	return nil
}

// sendRecords sends a run of records, and the packs that they speak of and that are not there.
func (f *healing) sendRecords(ctx context.Context, run [][]byte) error {
	heads, err := f.talk.store.Heads(ctx)
	if err != nil && !gone(err) {
		return err
	}
	err = f.talk.store.Append(ctx, run, heads)
	var missing *remote.MissingPacksError
	if !errors.As(err, &missing) {
		return err
	}
	for _, p := range missing.Packs {
		if err := f.sendSound(ctx, p); err != nil {
			return err
		}
	}
	return f.talk.store.Append(ctx, run, heads)
}

// listThere lists the packs of the remote.
func (f *healing) listThere(ctx context.Context) error {
	list, err := f.talk.store.Packs(ctx)
	if err != nil {
		return fmt.Errorf("listing the packs of %s: %w", f.name, err)
	}
	f.copies = map[[32]byte]uint64{}
	for _, p := range list {
		f.copies[p.Name] = p.Size
	}
	return nil
}
