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
}

// Checkout moves HEAD, and the work tree with it. Files with changes that are in no commit, and untracked files in the
// way, are never overwritten without Force: the error is a DirtyError, and nothing was done.
//
// The files move first, then the log records it. A checkout that was interrupted in between is finished by running it
// again.
func (r *Repository) Checkout(ctx context.Context, o CheckoutOptions) (*CheckoutResult, error) {
	target, err := r.checkoutTarget(ctx, o)
	if err != nil {
		return nil, err
	}
	return r.moveTo(ctx, target, o.Force, o.DryRun)
}

// destination is where a checkout goes, and how the log is to call it.
type destination struct {
	op     refs.Operation // with HeadAfter and Changes
	id     objects.ID     // zero for a branch without a commit
	commit *objects.Commit
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
	if sameTree(from, d.commit) && !force {
		return result, r.recordMove(ctx, d, dryRun)
	}
	keys, err := r.applyTree(ctx, index, from, d.commit, force, dryRun, m, result)
	if force && from != nil && isUnreadable(err) {
		result.leave(err)
		index = worktree.EmptyIndex()
		keys, err = r.applyTree(ctx, index, nil, d.commit, force, dryRun, m, result)
	}
	if err != nil || dryRun {
		return result, err
	}
	if err := r.recordMove(ctx, d, false); err != nil {
		return nil, err
	}
	if err := r.writeIndexOf(ctx, index, d.commit, keys, force); err != nil {
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

func sameTree(a, b *objects.Commit) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Tree == b.Tree
}

func (r *Repository) recordMove(ctx context.Context, d *destination, dryRun bool) error {
	view := r.refs.View()
	if dryRun || d.op.HeadAfter == view.Head && len(d.op.Changes) == 0 {
		return nil
	}
	return r.record(ctx, d.op)
}

// applyTree makes the work tree hold another commit. It gives the keys of the files that it wrote.
func (r *Repository) applyTree(ctx context.Context, index *worktree.Index, from, to *objects.Commit, force, dryRun bool, m *meter,
	result *CheckoutResult) (map[string]worktree.StatKey, error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	written := map[string]worktree.StatKey{}
	options := worktree.CheckoutOptions{RestoreOptions: r.restoreOptions(r.places.Work, m), Force: force}
	options.DryRun = dryRun
	options.Written = func(dir string, e *objects.Entry, key worktree.StatKey) { written[path.Join(dir, e.Name)] = key }
	if force {
		if options.Reset, err = r.changedPaths(ctx, index); err != nil {
			return nil, err
		}
	}
	plan, err := worktree.PlanCheckout(ctx, db, treeRef(from), treeRef(to), index, options)
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
	if dryRun {
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

// writeIndexOf makes the index speak of a commit that was just checked out.
func (r *Repository) writeIndexOf(ctx context.Context, index *worktree.Index, c *objects.Commit, written map[string]worktree.StatKey, reset bool) error {
	_, err := r.rebase(ctx, index, treeRef(c), rebaseOptions{written: written, moved: true, reset: reset})
	return err
}
