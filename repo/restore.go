package repo

import (
	"context"
	"errors"
	"fmt"
	"path"

	"evault/internal/vfs"
	"evault/objects"
	"evault/worktree"
)

// RestoreOptions say what to bring back, and where to.
type RestoreOptions struct {
	Source  string   // a revision; empty: HEAD
	To      vfs.FS   // write below this folder; nil: in place
	Paths   []string // files and folders; one that is empty means everything
	DryRun  bool
	NoOwner bool // leave owners as they are for whoever restores
}

// RestoreResult says what was brought back.
type RestoreResult struct {
	Written  int64 // files, links and devices
	Same     int64 // files that were there already, byte for byte
	Folders  int64
	Bytes    int64 // of the files in place
	Paths    []string
	Problems []Problem
	Notes    []string
}

// Restore brings files back from a commit, in place (overwriting the named paths as they are) or below another folder.
// What is there and not in the commit stays. Files that are equal already are not rewritten, so that a restore that was
// interrupted is finished by running it again. What fails is reported and the rest goes on: then the error is
// ErrIncomplete, or ErrDamaged if stored bytes were the reason.
func (r *Repository) Restore(ctx context.Context, o RestoreOptions) (*RestoreResult, error) {
	m := r.settings.startMeter("writing")
	defer m.close()
	id, c, err := r.ResolveCommit(ctx, o.Source)
	if err != nil {
		return nil, err
	}
	selection, err := r.selection(ctx, id, c, o.Paths)
	if err != nil {
		return nil, err
	}
	result := &RestoreResult{}
	root, inPlace := o.To, o.To == nil
	if inPlace {
		root = r.places.Work
	}
	options := r.restoreOptions(root, m)
	options.Owners = options.Owners && !o.NoOwner
	options.DryRun = o.DryRun
	options.Planned = func(full string, e *objects.Entry) { result.Paths = append(result.Paths, full) }
	var index *worktree.Index
	var edits []worktree.IndexEdit
	if inPlace && !o.DryRun {
		if index, err = r.loadIndex(ctx); err != nil {
			return nil, err
		}
		isHead := id == r.head()
		options.Written = func(dir string, e *objects.Entry, key worktree.StatKey) {
			edits = append(edits, restoredEdits(index, path.Join(dir, e.Name), e, key, isHead)...)
		}
	}
	done, err := worktree.Restore(ctx, r.db, c.Tree, selection, options)
	result.fill(&done)
	if index != nil {
		if asOf, nowErr := worktree.Now(r.local); nowErr == nil {
			if editErr := r.refreshIndex(index, edits, asOf); editErr != nil {
				result.Notes = append(result.Notes, "the files are there, but the stat index could not be written: "+editErr.Error())
			}
		}
	}
	return result, restoreError(err, done.Problems)
}

// selection checks that the commit holds every path that was asked for.
func (r *Repository) selection(ctx context.Context, id objects.ID, c *objects.Commit, paths []string) (worktree.Selection, error) {
	var selection worktree.Selection
	for _, p := range paths {
		if p == "" {
			return nil, nil
		}
		if _, err := r.lookup(ctx, id, c, p); err != nil {
			return nil, err
		}
		selection = append(selection, p)
	}
	return selection, nil
}

// restoredEdits notes in the index that a path is as HEAD holds it; one that rm had dropped is tracked again.
func restoredEdits(index *worktree.Index, full string, e *objects.Entry, key worktree.StatKey, isHead bool) []worktree.IndexEdit {
	was, ok := index.Entry(full)
	var edits []worktree.IndexEdit
	if ok && was.Removed {
		edits = append(edits, worktree.IndexEdit{Path: full, Op: worktree.EditAdd})
	}
	if ok && isHead && !e.IsDir() && was.Raw != nil && !was.Removed {
		edits = append(edits, worktree.IndexEdit{Path: full, Op: worktree.EditKey, Key: key})
	}
	return edits
}

func (r *RestoreResult) fill(done *worktree.RestoreResult) {
	r.Same = int64(done.Same)
	r.Written = int64(done.Files+done.Symlinks+done.Hardlinks+done.Specials) - r.Same
	r.Folders, r.Bytes = int64(done.Directories), int64(done.Bytes)
	r.Problems = restoreProblems(done.Problems)
	for _, n := range done.Notes {
		r.Notes = append(r.Notes, Problem{n.Path, n.Err}.String())
	}
}

// restoreError tells damage in the store from what the target's disk would not take.
func restoreError(err error, problems []worktree.Problem) error {
	if !errors.Is(err, worktree.ErrIncomplete) {
		return err
	}
	for _, p := range problems {
		if isDamage(p.Err) {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, p.Path, p.Err)
		}
	}
	return ErrIncomplete
}
