package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"evault/internal/fastexport"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/worktree"
)

// ImportOptions say what to bring into the vault.
type ImportOptions struct {
	Git        GitRunner // runs git in the repository
	Name       string    // what the repository is called, for the log
	Branches   []string  // only these, and the tags in their history; none: all branches and tags
	Prefix     string    // in front of the names of branches and tags, such as "old/"
	NoCheckout bool      // write no files
	Force      bool      // overwrite what is in no commit, where files are in the way of the checkout
	DryRun     bool      // read and compare everything, and store nothing
}

// ImportResult says what an import did.
type ImportResult struct {
	Commits  int64 // of the repository
	Files    int64 // contents of it
	Refs     []ImportedRef
	Skipped  []SkippedPath
	SkippedN int64 // changes of paths that were left out
	SkipRefs []SkippedRef
	Changed  []ChangedCommit
	ChangedN int64
	New      int64 // bytes that the vault did not hold yet, before compression
	Stored   int64 // bytes of the packs written
	Packs    int
	Nothing  bool   // everything was here already
	Done     bool   // the branches and tags are there
	Branch   string // checked out; empty if nothing was
	Checkout *CheckoutResult
	Notes    []string
}

// Import brings the history of a git repository into the vault: its commits, signed by this device, with author, times,
// message and parents; its branches; its tags. docs/import.md says what becomes of what.
//
// The same repository gives the same IDs on the same device, so that importing again adds what is new. A branch that is here
// and from which git's does not descend is refused, and then nothing happens: the error is ErrConflict.
//
// The order of writes is that of a commit: the packs of the whole history, each synced, then named; then, in a vault that had
// no commit, the files; then one record that moves all branches and tags, and HEAD: the commit point. Killed before it,
// nothing is visible, and the same command begins again. undo takes all of it back.
func (r *Repository) Import(ctx context.Context, o ImportOptions) (*ImportResult, error) {
	if o.Prefix != "" {
		if !strings.HasSuffix(o.Prefix, "/") {
			o.Prefix += "/"
		}
		if err := refs.ValidateBranchName(o.Prefix + "x"); err != nil {
			return nil, fmt.Errorf("%w: --prefix: %w", ErrUsage, err)
		}
	}
	meter := r.settings.startMeter("looking at the repository")
	i, err := r.startImport(ctx, &o, meter)
	if err != nil {
		meter.close()
		return nil, err
	}
	err = i.run(ctx)
	meter.close()
	if err == nil && !o.DryRun {
		err = i.finish(ctx)
	}
	return i.result, errors.Join(err, i.session.Abort())
}

// importing is one import under way.
type importing struct {
	repo    *Repository
	o       *ImportOptions
	history *gitHistory
	session *pack.Session
	maker   *commitMaker
	meter   *meter
	result  *ImportResult
	op      refs.Operation
}

func (r *Repository) startImport(ctx context.Context, o *ImportOptions, meter *meter) (*importing, error) {
	history, err := o.lookAt(ctx)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	meta, err := r.importedMeta()
	if err != nil {
		return nil, err
	}
	i := &importing{repo: r, o: o, history: history, meter: meter, session: db.NewSession(pack.SessionOptions{}),
		result: &ImportResult{Notes: history.notes(o)}}
	sink := &orderedSink{order: newPathOrder(i.session, r.workers()), hasher: r.vault.NewHasher()}
	i.maker = &commitMaker{repo: r, o: o, history: history, sink: sink, report: newImportReport(),
		file: meta, trees: treeWriter{sink: sink, folder: meta},
		byMark: map[fastexport.Mark]*imported{}, byID: map[gitID]*imported{}, targets: map[*importBlob]string{}}
	i.maker.file.Type, i.maker.file.Mode = objects.TypeFile, 0o644
	i.maker.trees.folder.Type, i.maker.trees.folder.Mode = objects.TypeDirectory, 0o755
	return i, nil
}

// importedMeta is what git does not know of a file and a vault does: its owner is the owner of the vault, as if the files had
// been written here.
func (r *Repository) importedMeta() (e objects.Entry, err error) {
	st, err := r.places.Vault.LstatStat(".")
	if err != nil {
		return e, fmt.Errorf("%s: %w", VaultDir, err)
	}
	var owners worktree.Owners
	return objects.Entry{UID: st.UID, GID: st.GID, User: owners.User(st.UID), Group: owners.Group(st.GID)}, nil
}

// run reads the history and decides about refs. Nothing is visible afterwards.
func (i *importing) run(ctx context.Context) error {
	i.meter.enter("importing", 0, i.history.commits)
	tags, err := i.repo.readHistory(ctx, i.session, i.maker, i.meter)
	if err != nil {
		return err
	}
	i.maker.ctx = ctx
	i.result.Commits = i.maker.made
	if i.maker.made != i.history.commits {
		return fmt.Errorf("%w: git has counted %d commits and given %d; was it changed meanwhile?", ErrIncomplete, i.history.commits, i.maker.made)
	}
	m := newRefMaker(i.maker, tags)
	if err := errors.Join(m.run(), m.twice()); err != nil {
		return err
	}
	if err := i.maker.sink.order.write(); err != nil {
		return err
	}
	report := i.maker.report
	i.result.Refs, i.result.SkipRefs = m.refs, m.skipped
	i.result.Skipped, i.result.SkippedN = report.skipped, report.skippedCount
	i.result.Changed, i.result.ChangedN = report.changed, report.changedCount
	if report.signed > 0 {
		i.result.Notes = append(i.result.Notes, fmt.Sprintf("%d signatures of tags or commits were left out: they cover git's own bytes", report.signed))
	}
	i.result.New = int64(i.session.Stats().NewBytes)
	return i.decide()
}

// decide makes the operation, or says why there can be none.
func (i *importing) decide() error {
	i.op = refs.Operation{Name: "import", Description: "git repository " + i.o.Name}
	var refused []string
	for _, ref := range i.result.Refs {
		switch ref.Kind {
		case UpdateRefused:
			refused = append(refused, ref.Ref)
		case UpdateNew, UpdateForward:
			i.op.Changes = append(i.op.Changes, refs.Change{Name: ref.Ref, Old: ref.Old, New: ref.New})
		}
	}
	if len(refused) > 0 {
		more := ""
		if n := len(refused) - 10; n > 0 {
			refused, more = refused[:10], fmt.Sprintf(" and %d more", n)
		}
		return conflictf("the vault has refs of the same names that are not a part of this history: %s%s (--prefix NAME/ puts the imported ones beside them)",
			strings.Join(refused, ", "), more)
	}
	i.result.Nothing = len(i.op.Changes) == 0
	return nil
}

// finish stores what was made, writes files where that is due, and records.
func (i *importing) finish(ctx context.Context) error {
	d, err := i.destination(ctx)
	if err != nil || i.result.Nothing && d == nil {
		i.result.Done = err == nil
		return err
	}
	if err := i.store(ctx); err != nil {
		return fmt.Errorf("storing the history: %w", err)
	}
	if d == nil {
		err := i.repo.record(ctx, i.op)
		i.result.Done = err == nil
		return err
	}
	if d.commit, err = i.repo.loadCommit(ctx, d.id); err != nil {
		return err
	}
	d.op = i.op
	i.result.Branch = d.op.HeadAfter.Branch
	if i.o.NoCheckout {
		err := i.repo.recordMove(ctx, d, false)
		i.result.Done = err == nil
		return err
	}
	i.result.Checkout, err = i.repo.moveTo(ctx, d, i.o.Force, false)
	i.result.Done = err == nil || errors.Is(err, ErrIncomplete) // which a checkout is also when HEAD has moved
	return err
}

// destination says where HEAD goes: in a vault without commits to the repository's current branch; else it stays on its branch,
// and moves if that does. Nil: HEAD does not move.
func (i *importing) destination(ctx context.Context) (*destination, error) {
	view := i.repo.refs.View()
	if at := i.repo.head(); !at.IsZero() {
		for _, c := range i.op.Changes {
			if view.Head.Branch != "" && c.Name == branchPrefix+view.Head.Branch {
				if i.o.NoCheckout {
					return nil, conflictf("the current branch %s would move: leave out --no-checkout, or switch to another first", view.Head.Branch)
				}
				i.op.HeadAfter = view.Head
				return &destination{id: c.New}, nil
			}
		}
		return nil, nil
	}
	ref := i.firstBranch()
	if ref == nil || len(i.o.Prefix) > 0 {
		return nil, ctx.Err()
	}
	i.op.HeadAfter = refs.Head{Branch: strings.TrimPrefix(ref.Ref, branchPrefix)}
	return &destination{id: ref.New}, nil
}

// firstBranch is the branch to begin on: the repository's current one, or else the first.
func (i *importing) firstBranch() (found *ImportedRef) {
	for k := range i.result.Refs {
		ref := &i.result.Refs[k]
		if isTag(ref.Ref) {
			continue
		}
		if ref.Git == gitHeads+i.history.head {
			return ref
		}
		if found == nil {
			found = ref
		}
	}
	return found
}

// store makes the packs durable and names them in the operation, and with them those that an import which was killed has left:
// no record names them yet, and what is in them was not stored again.
func (i *importing) store(ctx context.Context) error {
	meter := i.repo.settings.startMeter("storing")
	defer meter.close()
	stats := i.session.Stats()
	packs, err := i.session.Commit(ctx)
	if err != nil {
		return err
	}
	for _, p := range packs {
		i.op.PacksAdded = append(i.op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
		i.result.Stored += p.Size
	}
	i.result.Packs = len(packs)
	if stats.New < stats.Objects {
		left, err := i.repo.unnamedPacks(ctx, i.op.PacksAdded)
		if err != nil {
			return err
		}
		i.op.PacksAdded = append(i.op.PacksAdded, left...)
	}
	i.op.PacksNeeded = i.op.PacksAdded
	return nil
}

// unnamedPacks gives the packs in the store that neither a record nor the list names.
func (r *Repository) unnamedPacks(ctx context.Context, but []refs.Pack) (list []refs.Pack, err error) {
	live, err := r.refs.Packs(ctx)
	if err != nil {
		return nil, err
	}
	named := map[[32]byte]bool{}
	for _, p := range append(live, but...) {
		named[p.Name] = true
	}
	condemned, err := r.condemned(ctx)
	if err != nil {
		return nil, err
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	here, err := db.Packs()
	if err != nil {
		return nil, err
	}
	for _, p := range here {
		if !named[p.Name] && !condemned[p.Name] {
			list = append(list, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
		}
	}
	return list, nil
}
