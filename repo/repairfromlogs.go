package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
	"evault/refs"
)

// publishAside writes a file into store/damaged.
func publishAside(r *Repository, name string, data []byte) error {
	if err := vfs.MkdirAllSync(r.places.Vault, damagedDir, 0o700); err != nil {
		return err
	}
	return vfs.Publish(r.places.Vault, damagedDir+"/"+name, data, 0o600)
}

// logOptions is how the local logs are opened.
func (f *healing) logOptions() (refs.Options, error) {
	r := f.repo
	clone, _, err := refs.ReadClone(r.places.Vault)
	return refs.Options{Store: r.store, Local: r.local, State: r.places.State, Vault: r.vault, StoreID: f.storeID, CloneID: clone,
		Descends: r.descendsIfKnown}, err
}

// logs opens the local logs, mends them, and records what was repaired.
func (f *healing) logs(ctx context.Context) (err error) {
	o, err := f.logOptions()
	if err != nil {
		return err
	}
	if f.salvaged, err = refs.Salvage(ctx, o); err != nil {
		return err
	}
	s := f.salvaged
	problem := errors.Join(s.Problems...)
	switch {
	case problem == nil:
		if err := f.repo.openRefs(Writing); err != nil {
			return err
		}
		return f.record(ctx, nil)
	case errors.Is(problem, refs.ErrFork):
		return fmt.Errorf("%w: that is no damage, and is not repaired (\"evault repair --accept-older\" goes on in a new log): %w", ErrSecurity, problem)
	case s.Newer > 1:
		return fmt.Errorf("%w: %w", ErrNewer, problem)
	}
	// The cached fold may hold what cannot be read any more.
	if err := f.repo.local.Remove("fold"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.Own { // it says where everything stands; the rest is history
		if err := f.setAside(o); err != nil {
			return err
		}
		if err := f.repo.openRefs(Writing); err != nil {
			return err
		}
		return f.record(ctx, nil)
	}
	if err := f.newLog(ctx, o); err != nil {
		return err
	}
	return f.setAside(o)
}

func (f *healing) setAside(o refs.Options) error {
	moved, err := refs.SetAside(o, f.salvaged.Kept)
	if moved > 0 {
		f.did("moved %d files of damaged logs to damaged/logs", moved)
	}
	return err
}

// newLog goes on in a new log, whose first record says where the branches are.
func (f *healing) newLog(ctx context.Context, o refs.Options) error {
	r, s := f.repo, f.salvaged
	want, err := f.branches(ctx)
	if err != nil {
		return err
	}
	if _, err := refs.SetAsideOutbox(o); err != nil {
		return err
	}
	if o.CloneID, err = refs.RenewClone(r.places.Vault); err != nil {
		return err
	}
	o.AcceptOlder = true
	if r.refs, err = refs.Open(o); err != nil {
		return err
	}
	f.did("begun a new log: of the old one %d records are lost, with what \"evault reflog\" would say of them; %d could be read behind them",
		max(s.Lost, 0), s.Behind)
	if s.Lost > 0 {
		f.nameStray(want)
	}
	op := refs.Operation{HeadAfter: f.headOf(want)}
	view := r.refs.View()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		was, _ := view.Ref(name)
		if was != want[name] {
			op.Changes = append(op.Changes, refs.Change{Name: name, Old: was, New: want[name]})
		}
		if was == want[name] {
			continue
		}
		if branch, ok := strings.CutPrefix(name, branchPrefix); ok {
			f.did("set branch %s to %s", branch, want[name].Short())
		}
	}
	for name, was := range view.All() {
		if _, ok := want[name]; !ok {
			op.Changes = append(op.Changes, refs.Change{Name: name, Old: was})
		}
	}
	return f.record(ctx, &op)
}

// nameStray names the newest commits that no ref leads to: a lost record may be why. To move a branch there is for the user,
// since he may as well have amended or undone them.
func (f *healing) nameStray(want map[string]objects.ID) {
	reached, open := map[objects.ID]bool{}, slices.Collect(maps.Values(want))
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		if c := f.commits[id]; c != nil && !reached[id] {
			open = append(open, c.Parents...)
		}
		reached[id] = true
	}
	for _, c := range f.commits {
		for _, p := range c.Parents {
			reached[p] = true // not the newest
		}
	}
	var stray []string
	for id, c := range f.commits {
		if !reached[id] {
			subject, _, _ := strings.Cut(c.Message, "\n")
			stray = append(stray, fmt.Sprintf("kept commit %s, which is in no branch: \"%s\" (\"evault branch NAME %s\" brings it back)", id, subject, id.Short()))
		}
	}
	slices.Sort(stray)
	for _, text := range stray {
		f.did("%s", text)
	}
}

// branches says where the refs are to be: where the readable records leave them, and where the remote has something that comes
// after, or that is all there is, there.
func (f *healing) branches(ctx context.Context) (map[string]objects.ID, error) {
	want := map[string]objects.ID{}
	for _, ref := range f.salvaged.Refs {
		want[ref.Name] = ref.ID
	}
	if f.view == nil {
		return want, nil
	}
	for name, there := range f.view.All() {
		if _, here := want[name]; isTag(name) && !here && f.hasTag(ctx, name, there) {
			want[name] = there
		}
		if !strings.HasPrefix(name, branchPrefix) {
			continue
		}
		if ok, err := f.repo.hasCommit(ctx, there); err != nil && !isDamage(err) {
			return nil, err
		} else if err != nil || !ok {
			continue
		}
		here := want[name]
		if ok, err := f.repo.hasCommit(ctx, here); !here.IsZero() && !ok && (err == nil || isDamage(err)) {
			f.did("given up commit %s of branch %s, which is nowhere any more", here.Short(), name)
			here = objects.ID{}
		}
		id, err := f.better(here, there)
		if err != nil {
			return nil, err
		}
		want[name] = id
	}
	return want, nil
}

// hasTag says whether what a tag of the remote leads to is here, and in order.
func (f *healing) hasTag(ctx context.Context, full string, id objects.ID) bool {
	commit, err := f.repo.peelRef(ctx, full, id)
	if err != nil {
		return false
	}
	_, err = f.repo.loadCommit(ctx, commit)
	return err == nil
}

// headOf says which branch this working copy is on: as the last readable record has it, or the file HEAD, or the remote.
func (f *healing) headOf(want map[string]objects.ID) refs.Head {
	head := f.salvaged.Head
	if head.IsZero() {
		if said, err := refs.ReadHeadFile(f.repo.places.Vault); err == nil {
			if _, ok := want[branchPrefix+said.Branch]; ok || said.Branch == "" {
				head = said
			}
		}
	}
	if head.IsZero() && f.view != nil {
		head.Branch = f.talk.newestBranch(context.Background())
	}
	if head.IsZero() {
		head.Branch = "main"
	}
	return head
}

// record makes the one record of the repair; of a new log also where there is nothing else to say.
func (f *healing) record(ctx context.Context, op *refs.Operation) error {
	r := f.repo
	fresh := op != nil
	if op == nil {
		op = &refs.Operation{}
	}
	missing, err := f.packs.missingPacks(ctx)
	if err != nil {
		return err
	}
	wanted := slices.DeleteFunc(slices.Clone(missing), func(p refs.Pack) bool { _, there := f.copies[p.Name]; return !there })
	if err := f.receive(ctx, wanted); err != nil {
		return err
	}
	if op.PacksCondemned, err = f.packs.missingPacks(ctx); err != nil {
		return err
	}
	for _, p := range op.PacksCondemned {
		f.did("noted in the log that pack %s is gone", p)
	}
	if op.PacksAdded, err = f.unnamed(ctx, fresh); err != nil {
		return err
	}
	if !fresh && len(op.PacksAdded)+len(op.PacksCondemned) == 0 {
		return nil
	}
	op.Name = "repair"
	op.Description = fmt.Sprintf("from %s: %d packs given up, %d added", f.name, len(op.PacksCondemned), len(op.PacksAdded))
	return r.record(ctx, *op)
}

// unnamed lists packs that are here and that the local logs do not name: those that were just salvaged, those of the remote,
// and, where records were lost, all.
func (f *healing) unnamed(ctx context.Context, all bool) ([]refs.Pack, error) {
	r := f.repo
	named, err := r.refs.Packs(ctx)
	if err != nil {
		return nil, err
	}
	condemned, err := r.condemned(ctx)
	if err != nil {
		return nil, err
	}
	infos, err := f.packs.db.Packs()
	if err != nil {
		return nil, err
	}
	ours := map[[32]byte]bool{}
	for _, p := range slices.Concat(f.packs.added, f.live) {
		ours[p.Name] = true
	}
	var list []refs.Pack
	for _, p := range infos {
		one := refs.Pack{Name: p.Name, Size: uint64(p.Size)}
		_, known := slices.BinarySearchFunc(named, one, comparePackNames)
		if !known && !condemned[p.Name] && (all || ours[p.Name]) {
			list = append(list, one)
		}
	}
	return list, nil
}

// condemned gives the packs that the local logs have condemned. One that comes back is not named again: a record cannot take
// back what another has condemned.
func (r *Repository) condemned(ctx context.Context) (map[[32]byte]bool, error) {
	all := map[[32]byte]bool{}
	err := r.refs.Records(ctx, func(rec *refs.Record) bool {
		for _, p := range rec.Condemned {
			all[p.Name] = true
		}
		return true
	})
	return all, err
}
