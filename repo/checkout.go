package repo

import (
	"context"
	"errors"
	"fmt"
	"path"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
	"evault/refs"
	"evault/worktree"
)

// CheckoutOptions say where to move the work tree.
type CheckoutOptions struct {
	Revision    string // a branch: HEAD follows it; anything else: HEAD is detached there. Empty with Create: HEAD
	Create      string // make this branch at Revision and move to it
	ForceCreate bool   // with Create: move the branch if there is one of that name
	Branch      bool   // Revision must be a branch
	Detach      bool   // detach HEAD even if Revision is a branch
	Keep        bool   // put what is in no commit aside first; Revision may be empty: stay
	BringBack   bool   // bring back the work that was put aside on the branch, if nothing is in its way
	Force       bool   // overwrite what is in no commit
	DryRun      bool
}

// CheckoutResult says what a checkout did.
type CheckoutResult struct {
	Head     refs.Head
	Commit   objects.ID // zero on a branch without a commit
	Subject  string     // of the commit's message
	Written  int64
	Deleted  int64
	Lost     []string // what Force overwrote
	Problems []Problem
	Notes    []string
	// PutAside and BroughtBack are the commits of work that was put aside on the branch that HEAD left, and brought back on
	// the one that it came to; zero for none.
	PutAside    objects.ID
	BroughtBack objects.ID
}

// Checkout moves HEAD, and the work tree with it. Files with changes that are in no commit, and untracked files in the
// way, are never overwritten without Force: the error is a DirtyError, and nothing was done.
//
// The files move first, then the log records it. A checkout that was interrupted in between is finished by running it
// again.
func (r *Repository) Checkout(ctx context.Context, o CheckoutOptions) (*CheckoutResult, error) {
	if err := r.refuseInProgress(); err != nil {
		return nil, err
	}
	if o.Keep {
		return r.switchKeeping(ctx, o)
	}
	target, err := r.checkoutTarget(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.BringBack && !o.Force {
		return r.moveBringingBack(ctx, target, o.DryRun)
	}
	return r.moveTo(ctx, target, o.Force, o.DryRun)
}

// destination is where a checkout goes, and how the log is to call it.
type destination struct {
	op     refs.Operation // with HeadAfter and Changes
	id     objects.ID     // zero for a branch without a commit
	commit *objects.Commit
	from   *objects.Commit // what the work tree holds, if that is not what HEAD holds: work that is put aside
	work   *keptWork       // to lay over the commit
	reset  bool            // changes that are in no commit go back as well, and what add and rm noted is forgotten
}

// target is the tree that the files come to.
func (d *destination) target() objects.TreeRef {
	if d.work != nil {
		return d.work.root
	}
	return treeRef(d.commit)
}

func (r *Repository) checkoutTarget(ctx context.Context, o CheckoutOptions) (*destination, error) {
	if o.Create != "" {
		return r.createTarget(ctx, o)
	}
	view := r.refs.View()
	_, isBranch := view.Ref(branchPrefix + o.Revision)
	unborn := view.Head.Branch == o.Revision && !isBranch && o.Revision != ""
	if o.Branch && !isBranch && !unborn {
		if from, ok := r.onlyTracking(o.Revision); ok { // as git does: the branch is made where the remote has it
			return r.createTarget(ctx, CheckoutOptions{Create: o.Revision, Revision: from})
		}
		if _, _, err := r.ResolveCommit(ctx, o.Revision); err == nil {
			return nil, fmt.Errorf("%w: %q is a commit and no branch: \"evault switch --detach\" goes there", ErrUnknownRevision, o.Revision)
		}
		return nil, fmt.Errorf("%w: no branch %q%s", ErrUnknownRevision, o.Revision, r.suggest(o.Revision))
	}
	d := &destination{op: refs.Operation{Name: "checkout", Description: "to " + o.Revision}}
	if o.Branch {
		d.op.Name = "switch"
	}
	if unborn {
		d.op.HeadAfter = refs.Head{Branch: o.Revision}
		return d, nil
	}
	var err error
	if d.id, d.commit, err = r.ResolveCommit(ctx, o.Revision); err != nil {
		return nil, err
	}
	if isBranch && !o.Detach {
		d.op.HeadAfter = refs.Head{Branch: o.Revision}
	} else {
		d.op.HeadAfter = refs.Head{Commit: d.id}
	}
	return d, nil
}

// onlyTracking finds the one remote that has a branch of a name.
func (r *Repository) onlyTracking(branch string) (revision string, ok bool) {
	var found []string
	for _, one := range r.Remotes() {
		if _, has := r.refs.View().Ref(trackingPrefix + one.Name + "/" + branch); has {
			found = append(found, one.Name+"/"+branch)
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

func (r *Repository) createTarget(ctx context.Context, o CheckoutOptions) (*destination, error) {
	if err := refs.ValidateBranchName(o.Create); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	old, exists := r.refs.View().Ref(branchPrefix + o.Create)
	if exists && !o.ForceCreate {
		return nil, conflictf("branch %q exists already", o.Create)
	}
	d := &destination{op: refs.Operation{Name: "switch", Description: "to new branch " + o.Create, HeadAfter: refs.Head{Branch: o.Create}}}
	if o.Revision == "" && r.head().IsZero() {
		return d, nil
	}
	var err error
	if d.id, d.commit, err = r.ResolveCommit(ctx, o.Revision); err != nil {
		return nil, err
	}
	d.op.Changes = []refs.Change{{Name: branchPrefix + o.Create, Old: old, New: d.id}}
	if old == d.id {
		d.op.Changes = nil
	}
	return d, nil
}

// moveTo moves the work tree and records the operation.
func (r *Repository) moveTo(ctx context.Context, d *destination, force, dryRun bool) (*CheckoutResult, error) {
	m := r.settings.startMeter("writing")
	defer m.close()
	result := &CheckoutResult{Head: d.op.HeadAfter, Commit: d.id}
	if d.commit != nil {
		result.Subject = firstLine(d.commit.Message)
	}
	index, from, err := r.standing(ctx)
	if force && isUnreadable(err) {
		result.leave(err)
		index, from, err = worktree.EmptyIndex(), nil, nil
	}
	if err != nil {
		return nil, err
	}
	if d.from != nil {
		from = d.from
	}
	if d.from == nil && d.work == nil && treeRef(from) == treeRef(d.commit) && !force && !d.reset {
		return result, r.recordMove(ctx, d, dryRun)
	}
	mode := applyMode{force: force, reset: force || d.reset, dryRun: dryRun}
	keys, err := r.applyTree(ctx, index, from, d, mode, m, result)
	if force && from != nil && isUnreadable(err) {
		result.leave(err)
		index = worktree.EmptyIndex()
		keys, err = r.applyTree(ctx, index, nil, d, mode, m, result)
	}
	if err != nil || dryRun {
		return result, err
	}
	if err := r.recordMove(ctx, d, false); err != nil {
		return nil, err
	}
	if err := r.indexMoved(ctx, index, d, keys, force); err != nil {
		result.Notes = append(result.Notes, fmt.Sprintf("HEAD has moved, but the stat index could not be written: %v", err))
	}
	return result, incomplete(result.Problems)
}

// leave notes that the commit at HEAD cannot be read. There must be a way out of one that is damaged, or that a hostile
// member made: a forced checkout goes on as if nothing were tracked.
func (c *CheckoutResult) leave(err error) {
	c.Notes = append(c.Notes, fmt.Sprintf("where HEAD was cannot be read, so files that only it had stay, untracked: %v", err))
}

// isUnreadable reports whether an error says that objects cannot be read, now or ever, by this program.
func isUnreadable(err error) bool {
	return isDamage(err) || errors.Is(err, objects.ErrNewer) || errors.Is(err, objects.ErrLimit)
}

// standing gives the index and the commit that a checkout starts from.
func (r *Repository) standing(ctx context.Context) (*worktree.Index, *objects.Commit, error) {
	index, err := r.loadIndex(ctx)
	if err != nil {
		return nil, nil, err
	}
	_, from, err := r.headCommit(ctx)
	return index, from, err
}

func (r *Repository) recordMove(ctx context.Context, d *destination, dryRun bool) error {
	view := r.refs.View()
	if dryRun || d.op.HeadAfter == view.Head && len(d.op.Changes) == 0 {
		return nil
	}
	return r.record(ctx, d.op)
}

// applyMode says what applyTree may do.
type applyMode struct {
	force  bool // overwrite what is in no commit
	reset  bool // restore tracked files that differ although both trees agree on them
	dryRun bool
}

// applyTree makes the work tree hold another commit. It gives the keys of the files that it wrote.
func (r *Repository) applyTree(ctx context.Context, index *worktree.Index, from *objects.Commit, d *destination, mode applyMode, m *meter,
	result *CheckoutResult) (map[string]worktree.StatKey, error) {
	src, err := r.sourceOf(d)
	if err != nil {
		return nil, err
	}
	written := map[string]worktree.StatKey{}
	options := worktree.CheckoutOptions{RestoreOptions: r.restoreOptions(r.places.Work, m), Force: mode.force}
	options.DryRun = mode.dryRun
	options.Written = func(dir string, e *objects.Entry, key worktree.StatKey) { written[path.Join(dir, e.Name)] = key }
	if mode.reset {
		if options.Reset, err = r.changedPaths(ctx, index); err != nil {
			return nil, err
		}
	}
	plan, err := worktree.PlanCheckout(ctx, src, treeRef(from), d.target(), index, options)
	if err != nil {
		return nil, dirtyError(err)
	}
	for _, lost := range plan.Lost {
		result.Lost = append(result.Lost, lost.Path)
	}
	for _, op := range plan.Ops {
		switch op.Kind {
		case worktree.OpWrite:
			result.Written++
		case worktree.OpDelete:
			result.Deleted++
		}
	}
	if mode.dryRun {
		return nil, nil
	}
	done, err := plan.Apply(ctx)
	// A folder that is new as a whole is one step of the plan.
	result.Written = int64(done.Files - done.Same + done.Symlinks + done.Hardlinks + done.Specials)
	result.Problems = restoreProblems(done.Problems)
	if errors.Is(err, worktree.ErrIncomplete) {
		err = nil // HEAD moves all the same; status shows what is missing
	}
	return written, err
}

// changedPaths lists the tracked paths that differ from HEAD on disk.
func (r *Repository) changedPaths(ctx context.Context, index *worktree.Index) ([]string, error) {
	status, err := r.status(ctx, index, worktree.ScanOptions{}, nil)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, c := range status.Changes {
		if c.Kind != worktree.ChangeAdded && c.Kind != worktree.ChangeUntracked {
			paths = append(paths, c.Path)
		}
	}
	return paths, nil
}

func dirtyError(err error) error {
	var dirty *worktree.DirtyError
	if !errors.As(err, &dirty) {
		return err
	}
	out := &DirtyError{}
	for _, p := range dirty.Paths {
		out.Paths = append(out.Paths, p.Path)
	}
	return out
}

func treeRef(c *objects.Commit) objects.TreeRef {
	if c == nil {
		return objects.TreeRef{}
	}
	return objects.TreeRef{ID: c.Tree, Entries: c.Entries, Bytes: c.Bytes}
}

func restoreProblems(found []worktree.Problem) []Problem {
	var out []Problem
	for _, p := range found {
		out = append(out, Problem{p.Path, p.Err})
	}
	return out
}

// restoreOptions are what every writing of files has in common.
func (r *Repository) restoreOptions(root vfs.FS, m *meter) worktree.RestoreOptions {
	return worktree.RestoreOptions{
		Root: root, Workers: r.workers(), Owners: r.settings.Superuser, Devices: r.settings.Superuser, SkipSame: true,
		NewHasher: func() *keys.Hasher { return r.vault.NewHasher() },
		Progress: func(p worktree.RestoreProgress) {
			m.done.Store(int64(p.Bytes))
			m.total.Store(int64(p.TotalBytes))
			m.items.Store(int64(p.Entries))
			m.want.Store(int64(p.TotalEntries))
		},
	}
}

// sourceOf gives the objects of what a checkout writes.
func (r *Repository) sourceOf(d *destination) (worktree.Source, error) {
	if d.work != nil {
		return d.work.src, nil
	}
	return r.database()
}

// indexMoved makes the index speak of a commit that was just checked out, and of the work that was laid over it.
func (r *Repository) indexMoved(ctx context.Context, index *worktree.Index, d *destination, written map[string]worktree.StatKey, force bool) error {
	if d.work != nil {
		for _, p := range d.work.differs { // not as the commit has it: to be read by the next scan
			delete(written, p)
		}
	}
	o := rebaseOptions{written: written, moved: true, reset: force || d.reset || d.from != nil, forget: d.reset || d.from != nil}
	fresh, err := r.rebase(ctx, index, treeRef(d.commit), o)
	if err != nil || d.work == nil {
		return err
	}
	asOf, err := worktree.Now(r.local)
	if err != nil {
		return err
	}
	return r.refreshIndex(fresh, d.work.edits, asOf)
}
