package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/worktree"
)

// Work that is in no commit can be put aside when a branch is left, and comes back with it (switch --keep). It becomes a
// commit like any other, on a ref of its own:
//
//	kept/main -> K    the work tree as it was, all that is not ignored; first parent: where main was
//	             T    K's second parent, if it differs: what a plain commit would have held. What K has beyond it was not
//	                  tracked, what it has beyond K was gone from the disk
//
// The order of writes: K and T durable, the record of kept/main, and only then the files move away, by the rules of a
// checkout from K: a file that is not as K holds it is left alone. Killed before the record nothing has happened, killed
// after it the same command goes on. Kept refs are of this working copy; push sends branches only.
const (
	keptPrefix   = "kept/"
	opKeep       = "keep"
	opSwitchKeep = "switch --keep"
)

// cutKept gives the branch that a kept ref belongs to.
func cutKept(ref string) (branch string, ok bool) { return strings.CutPrefix(ref, keptPrefix) }

// kept gives the work that was put aside on a branch.
func (r *Repository) kept(branch string) (objects.ID, bool) {
	return r.refs.View().Ref(keptPrefix + branch)
}

// Kept lists the branches on which work was put aside, by name, with the commit that holds it.
func (r *Repository) Kept() []refs.Ref {
	var out []refs.Ref
	for name, id := range r.refs.View().All() {
		if branch, ok := cutKept(name); ok {
			out = append(out, refs.Ref{Name: branch, ID: id})
		}
	}
	return out
}

// DropKept forgets the work that was put aside on a branch. Undo brings it back.
func (r *Repository) DropKept(ctx context.Context, branch string) (objects.ID, error) {
	id, ok := r.kept(branch)
	if !ok {
		return id, fmt.Errorf("%w: no work is put aside on branch %q", ErrUnknownRevision, branch)
	}
	return id, r.record(ctx, refs.Operation{Name: "branch", Description: "drop the work kept on " + branch,
		Changes: []refs.Change{{Name: keptPrefix + branch, Old: id}}})
}

// switchKeeping is Checkout with Keep.
func (r *Repository) switchKeeping(ctx context.Context, o CheckoutOptions) (*CheckoutResult, error) {
	head := r.refs.View().Head
	switch {
	case o.Create != "":
		return nil, usagef("a new branch takes what is in no commit along: there is nothing to keep")
	case head.Detached():
		return nil, conflictf("HEAD is detached: work is put aside on a branch (\"evault switch -c NAME\" makes one here)")
	case r.head().IsZero():
		return nil, conflictf("branch %q has no commit yet: there is nothing to go back to", head.Branch)
	}
	stay := o.Revision == "" || o.Revision == head.Branch
	if o.Revision == "" {
		o.Revision, o.Branch = head.Branch, true
	}
	d, err := r.checkoutTarget(ctx, o)
	if err != nil {
		return nil, err
	}
	clean, err := r.isClean(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case clean && stay:
		return r.moveTo(ctx, d, false, o.DryRun)
	case clean:
		return r.moveBringingBack(ctx, d, o.DryRun)
	}
	return r.putAside(ctx, head.Branch, d, stay, o.DryRun)
}

// isClean reports whether the work tree is as HEAD has it, and holds nothing else but what is ignored.
func (r *Repository) isClean(ctx context.Context) (bool, error) {
	index, err := r.loadIndex(ctx)
	if err != nil {
		return false, err
	}
	found, err := r.status(ctx, index, worktree.ScanOptions{Untracked: worktree.UntrackedNormal}, nil)
	if err != nil {
		return false, err
	}
	if len(found.Problems) > 0 {
		return false, fmt.Errorf("%s: %w", found.Problems[0].Path, found.Problems[0].Err)
	}
	for _, c := range found.Changes {
		if c.Kind != worktree.ChangeIgnored {
			return false, nil
		}
	}
	return true, nil
}

// putAside keeps the work of a branch and moves on. If the newest operation put this very work aside and was interrupted
// before it moved the files, it goes on from there.
func (r *Repository) putAside(ctx context.Context, branch string, d *destination, stay, dryRun bool) (*CheckoutResult, error) {
	id, known := r.kept(branch)
	if known {
		line, err := r.timeline(ctx, 1)
		if err != nil {
			return nil, err
		}
		if len(line.standing) == 0 || line.standing[0].rec.Body.Operation != opKeep || line.standing[0].kept != nil {
			return nil, keptAlready(branch)
		}
	} else if dryRun {
		return &CheckoutResult{Head: d.op.HeadAfter, Commit: d.id}, nil
	} else {
		var err error
		if id, err = r.keepWork(ctx, branch); err != nil {
			return nil, err
		}
	}
	var err error
	if d.from, err = r.loadCommit(ctx, id); err != nil {
		return nil, err
	}
	if !stay {
		d.op.Name, d.op.Description = opSwitchKeep, d.op.Description+", work kept"
	}
	result, err := r.moveBringingBack(ctx, d, dryRun)
	var dirty *DirtyError
	if known && errors.As(err, &dirty) {
		return nil, keptAlready(branch)
	}
	if result != nil {
		result.PutAside = id
	}
	return result, err
}

func keptAlready(branch string) error {
	return conflictf("branch %q has work put aside already: commit or restore what is here, then \"evault switch %s\" brings that back "+
		"(\"evault branch --drop-kept %s\" drops it)", branch, branch, branch)
}

// keepWork commits the work tree as it is to the branch's kept ref. Nothing on disk changes.
func (r *Repository) keepWork(ctx context.Context, branch string) (objects.ID, error) {
	var packs []pack.PackInfo
	parents := []objects.ID{r.head()}
	whole, err := r.snapshotAside(ctx, snapshotOptions{trackNew: true}, branch, parents, nil, &packs)
	if err != nil {
		return whole.id, err
	}
	// What a plain commit would take is noted beside it, where that is something else.
	tracked, err := r.snapshotAside(ctx, snapshotOptions{}, branch, parents, &whole, &packs)
	if err != nil {
		return whole.id, err
	}
	if tracked.tree != whole.tree {
		whole, err = r.commitAside(ctx, whole.tree, branch, append(parents, tracked.id), &packs)
		if err != nil {
			return whole.id, err
		}
	}
	op := refs.Operation{Name: opKeep, Description: "work on " + branch,
		Changes: []refs.Change{{Name: keptPrefix + branch, New: whole.id}}}
	for _, p := range packs {
		op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
	}
	op.PacksNeeded = op.PacksAdded
	return whole.id, r.record(ctx, op)
}

// aside is a commit of a work tree that no branch has.
type aside struct {
	id   objects.ID
	tree objects.TreeRef
}

// snapshotAside commits what the disk holds, without touching the stat index. If it is what same holds no commit is made.
func (r *Repository) snapshotAside(ctx context.Context, o snapshotOptions, branch string, parents []objects.ID, same *aside,
	packs *[]pack.PackInfo) (made aside, err error) {
	m := r.settings.startMeter("reading")
	defer m.close()
	index, err := r.loadIndex(ctx)
	if err != nil {
		return made, err
	}
	if o.ignore, err = r.userIgnore(); err != nil {
		return made, err
	}
	s, err := r.newSnapshot(ctx, index, o, m)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	found, err := s.run()
	if err != nil {
		return made, err
	}
	if len(found.problems) > 0 {
		return made, fmt.Errorf("%s, so the work cannot be put aside", found.problems[0])
	}
	if err := s.begin(); err != nil {
		return made, err
	}
	made.tree = found.tree
	if same != nil && made.tree == same.tree {
		return made, nil
	}
	if made.tree.ID.IsZero() {
		if made.tree, err = objects.NewTreeBuilder(s.meta).Finish(); err != nil {
			return made, err
		}
	}
	made.id, err = r.storeAside(ctx, s.session, s.meta, made.tree, branch, parents, packs)
	return made, err
}

// commitAside commits a tree that is stored already.
func (r *Repository) commitAside(ctx context.Context, tree objects.TreeRef, branch string, parents []objects.ID, packs *[]pack.PackInfo) (made aside, err error) {
	db, err := r.database()
	if err != nil {
		return made, err
	}
	s := db.NewSession(pack.SessionOptions{})
	made.tree = tree
	made.id, err = r.storeAside(ctx, s, s.NewFrames(), tree, branch, parents, packs)
	return made, errors.Join(err, s.Abort())
}

func (r *Repository) storeAside(ctx context.Context, s *pack.Session, f *pack.Frames, tree objects.TreeRef, branch string, parents []objects.ID,
	packs *[]pack.PackInfo) (objects.ID, error) {
	c := &objects.Commit{Tree: tree.ID, Entries: tree.Entries, Bytes: tree.Bytes, Parents: parents,
		Device: r.vault.DevicePublicKey(), Author: r.settings.Author, Message: "Work on " + branch + ", put aside"}
	if r.config.User.Name != "" {
		c.Author = r.config.User.Name
	}
	c.Time, c.ZoneMinutes = stamp(r.settings.now())
	for _, id := range parents {
		p, err := r.loadCommit(ctx, id)
		if err != nil {
			return objects.ID{}, err
		}
		c.Generation = max(c.Generation, p.Generation+1)
	}
	var err error
	if c.Signature, err = r.vault.SignCommit(c.SigningHash()); err != nil {
		return objects.ID{}, err
	}
	data, err := c.Encode()
	if err != nil {
		return objects.ID{}, err
	}
	id, err := f.Put(objects.KindCommit, data)
	if err == nil {
		err = f.Flush()
	}
	if err != nil {
		return id, err
	}
	made, err := s.Commit(ctx)
	if err != nil {
		return id, fmt.Errorf("storing the work: %w", err)
	}
	*packs = append(*packs, made...)
	return id, nil
}
