package repo

import (
	"context"
	"errors"

	"evault/objects"
	"evault/refs"
	"evault/worktree"
)

// keptWork is work that was put aside, on its way back over a commit.
type keptWork struct {
	id      objects.ID
	root    objects.TreeRef      // the commit's tree with the work in it
	src     worktree.Source      // of that tree
	differs []string             // paths of it that are not as the commit has them
	edits   []worktree.IndexEdit // what was tracked, and what no longer
}

// errKeptConflict says that the branch has changed what the work changes.
var errKeptConflict = errors.New("the branch has moved on in the same files")

// keptWork prepares bringing work back. Where the branch has moved on meanwhile, its changes and those of the work are
// merged; a conflict is errKeptConflict.
func (r *Repository) keptWork(ctx context.Context, id objects.ID, d *destination) (*keptWork, error) {
	whole, err := r.loadCommit(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(whole.Parents) == 0 || d.commit == nil {
		return nil, errKeptConflict
	}
	base, err := r.loadCommit(ctx, whole.Parents[0])
	if err != nil {
		return nil, err
	}
	tracked := whole
	if len(whole.Parents) > 1 {
		if tracked, err = r.loadCommit(ctx, whole.Parents[1]); err != nil {
			return nil, err
		}
	}
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	made := newTrees(db, r.vault.NewHasher())
	w := &keptWork{id: id, root: whole.Root(), src: made}
	if base.Tree != d.commit.Tree {
		m := r.newTreeMerge(ctx, made)
		if err := m.run(base.Root(), d.commit.Root(), whole.Root()); err != nil {
			return nil, err
		}
		if len(m.conflicts) > 0 {
			return nil, errKeptConflict
		}
		w.root = m.root
	}
	err = treeChanges{ctx, made, func(p string, _, _ *objects.Entry) error {
		w.differs = append(w.differs, p)
		return nil
	}}.run("", d.commit.Root(), w.root, 0)
	if err != nil {
		return nil, err
	}
	return w, w.noteTracked(ctx, made, base, tracked)
}

// noteTracked says of each path whether it was tracked.
func (w *keptWork) noteTracked(ctx context.Context, src objects.Source, base, tracked *objects.Commit) error {
	return treeChanges{ctx, src, func(p string, was, is *objects.Entry) error {
		if was != nil && (is == nil || is.Type != was.Type) {
			w.edits = append(w.edits, worktree.IndexEdit{Path: p, Op: worktree.EditRemove})
		}
		if is != nil && (was == nil || is.Type != was.Type) {
			op := worktree.EditAdd
			if is.IsDir() {
				op = worktree.EditAddDir
			}
			w.edits = append(w.edits, worktree.IndexEdit{Path: p, Op: op})
		}
		return nil
	}}.run("", base.Root(), tracked.Root(), 0)
}

// moveBringingBack is moveTo that brings back the work which was put aside on the branch, if the work tree is clean (or its
// work is being put aside itself) and nothing is in the way. If it cannot, the branch is gone to all the same, and a note
// says why.
func (r *Repository) moveBringingBack(ctx context.Context, d *destination, dryRun bool) (*CheckoutResult, error) {
	branch := d.op.HeadAfter.Branch
	id, ok := r.kept(branch)
	if branch == "" || !ok || d.from != nil && branch == r.refs.View().Head.Branch {
		return r.moveTo(ctx, d, false, dryRun)
	}
	why, err := r.layOver(ctx, d, id)
	if err != nil {
		return nil, err
	}
	var result *CheckoutResult
	if d.work != nil {
		with := *d
		with.op.Changes = append(with.op.Changes[:len(with.op.Changes):len(with.op.Changes)], refs.Change{Name: keptPrefix + branch, Old: id})
		result, err = r.moveTo(ctx, &with, false, dryRun)
		var dirty *DirtyError
		if !errors.As(err, &dirty) {
			if result != nil {
				result.BroughtBack = id
			}
			return result, err
		}
		why = "files are in its way, " + dirty.Paths[0] + " for one"
		d.work = nil
	}
	result, err = r.moveTo(ctx, d, false, dryRun)
	if result != nil {
		result.Notes = append(result.Notes, "work is put aside on "+branch+" and stays so: "+why+
			" (\"evault restore --source kept/"+branch+" PATH\" takes files from it)")
	}
	return result, err
}

// layOver decides whether work can come back, or why it cannot.
func (r *Repository) layOver(ctx context.Context, d *destination, id objects.ID) (why string, err error) {
	if d.from == nil {
		clean, err := r.nothingChanged(ctx)
		if err != nil {
			return "", err
		}
		if !clean {
			return "there are changes here that are in no commit", nil
		}
	}
	d.work, err = r.keptWork(ctx, id, d)
	if errors.Is(err, errKeptConflict) {
		return err.Error(), nil
	}
	return "", err
}

// nothingChanged reports whether everything that is tracked is as HEAD has it.
func (r *Repository) nothingChanged(ctx context.Context) (bool, error) {
	index, err := r.loadIndex(ctx)
	if err != nil {
		return false, err
	}
	found, err := r.status(ctx, index, worktree.ScanOptions{}, nil)
	return err == nil && len(found.Changes) == 0, err
}
