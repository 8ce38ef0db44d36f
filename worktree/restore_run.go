package worktree

import (
	"context"
	"fmt"
	"runtime"

	"evault/objects"
)

func restore(ctx context.Context, src Source, tree objects.ID, sel Selection, o RestoreOptions) (RestoreResult, error) {
	want, err := pick(sel)
	if err != nil {
		return RestoreResult{}, err
	}
	r := newRun(ctx, src, &o)
	ref, selected, err := r.sizeUp(tree, want)
	if err == nil {
		err = o.Budget.check(selected)
	}
	if err == nil {
		err = r.foldedNames(ref, want)
	}
	if err != nil {
		r.stop(nil)
		return RestoreResult{}, err
	}
	r.done.TotalEntries, r.done.TotalBytes = selected.entries, selected.bytes
	if o.DryRun {
		return r.rehearse(ref, want)
	}
	res, err := r.do(func(root *targetDir) error {
		err := r.walkTree(root, ref, want, 0)
		if err == nil {
			want.missed(func(path string) { r.problem(path, objects.ErrNoPath) })
		}
		return err
	})
	return res, err
}

// look visits what a restore would write, and touches nothing.
func (r *run) look(dir string, tree objects.TreeRef, want *picked, depth int, visit func(path string, e *objects.Entry) error) error {
	if depth > objects.MaxDepth {
		return fmt.Errorf("%q: nested deeper than %d: %w", dir, objects.MaxDepth, objects.ErrLimit)
	}
	return readChecked(r.ctx, r.src, tree, func(e *objects.Entry, _ []byte) error {
		kid := want.below(e.Name)
		if kid == nil {
			return nil
		}
		path := joinPath(dir, e.Name)
		ref, isDir := below(e), e.IsDir()
		if kid.all {
			kid.met = true
			if err := visit(path, e); err != nil {
				return err
			}
		}
		if !isDir {
			return nil
		}
		return r.look(path, ref, kid, depth+1, visit)
	})
}

// folds reports whether the target takes names that differ only in case or Unicode form for the same.
func (r *run) folds() bool {
	return r.o.FoldNames || runtime.GOOS == "windows" || runtime.GOOS == "darwin"
}

// foldedNames looks for names of one directory that this system takes for the same, before anything is written: one
// would silently replace the other.
func (r *run) foldedNames(tree objects.TreeRef, want *picked) error {
	if !r.folds() || tree.ID.IsZero() {
		return nil
	}
	found := new(CollisionError)
	if err := r.folded("", tree, want, 0, found); err != nil {
		return err
	}
	if len(found.Paths) > 0 {
		return found
	}
	return nil
}

func (r *run) folded(dir string, tree objects.TreeRef, want *picked, depth int, found *CollisionError) error {
	if depth > objects.MaxDepth {
		return fmt.Errorf("%q: nested deeper than %d: %w", dir, objects.MaxDepth, objects.ErrLimit)
	}
	met := make(map[string]bool)
	return readChecked(r.ctx, r.src, tree, func(e *objects.Entry, _ []byte) error {
		kid := want.below(e.Name)
		if kid == nil {
			return nil
		}
		path, name := joinPath(dir, e.Name), objects.FoldName(e.Name)
		if met[name] && len(found.Paths) < MaxProblems {
			found.Paths = append(found.Paths, path)
		}
		met[name] = true
		if !e.IsDir() {
			return nil
		}
		return r.folded(path, below(e), kid, depth+1, found)
	})
}
