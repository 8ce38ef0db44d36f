package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"evault/objects"
)

// totals are what a selection of a tree holds.
type totals struct{ entries, bytes uint64 }

// add counts one entry with what is below it. Overlapping selections may count twice; they stop at the greatest number.
func (t *totals) add(e *objects.Entry) {
	entries, size := e.Totals()
	t.entries = min(t.entries, math.MaxUint64-entries-1) + entries + 1
	t.bytes = min(t.bytes, math.MaxUint64-size) + size
}

func (b Budget) check(t totals) error {
	if b.Entries != 0 && t.entries > b.Entries {
		return fmt.Errorf("%d entries, %d allowed: %w", t.entries, b.Entries, ErrBudget)
	}
	if b.Bytes != 0 && t.bytes > b.Bytes {
		return fmt.Errorf("%d bytes, %d allowed: %w", t.bytes, b.Bytes, ErrBudget)
	}
	return nil
}

// readChecked reads a directory that holds exactly what claim says; it is found out before more is written. Names are
// checked here once more, beside the decoder's own check.
func readChecked(ctx context.Context, src objects.Source, ref objects.TreeRef, each func(e *objects.Entry, raw []byte) error) error {
	return objects.ReadDirExact(ctx, src, ref, func(e *objects.Entry, raw []byte) error {
		if err := checkName(e.Name); err != nil {
			return err
		}
		return each(e, raw)
	})
}

// below is the directory of an entry as a reference.
func below(e *objects.Entry) objects.TreeRef {
	return objects.TreeRef{ID: e.Tree, Entries: e.Entries, Bytes: e.Bytes}
}

// sizeUp gives the tree with what it says it holds, and how much of that a selection would write.
func (r *run) sizeUp(tree objects.ID, want *picked) (ref objects.TreeRef, selected totals, err error) {
	root, err := objects.Lookup(r.ctx, r.src, tree, "")
	ref = below(&root)
	if err != nil || want.all {
		return ref, totals{ref.Entries, ref.Bytes}, err
	}
	err = r.sizeBelow(tree, want, &selected)
	return ref, selected, err
}

func (r *run) sizeBelow(tree objects.ID, want *picked, sum *totals) error {
	for name, kid := range want.kids {
		e, err := objects.Lookup(r.ctx, r.src, tree, name)
		if errors.Is(err, objects.ErrNoPath) {
			continue // reported by the walk
		}
		if err == nil && kid.all {
			sum.add(&e)
		} else if err == nil && e.IsDir() {
			err = r.sizeBelow(e.Tree, kid, sum)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walkTree makes the directories of a tree and hands its files to the workers.
func (r *run) walkTree(dir *targetDir, tree objects.TreeRef, want *picked, depth int) error {
	if depth > objects.MaxDepth {
		return fmt.Errorf("directories nested deeper than %d: %w", objects.MaxDepth, objects.ErrLimit)
	}
	return readChecked(r.ctx, r.src, tree, func(e *objects.Entry, raw []byte) error {
		if err := context.Cause(r.ctx); err != nil {
			return err
		}
		kid := want.below(e.Name)
		if kid == nil {
			return nil
		}
		if e.IsDir() {
			return r.walkDir(dir, e, raw, kid, depth)
		}
		if kid.all {
			kid.met = true
			r.place(dir, e, raw, nil)
		}
		return nil
	})
}

// walkDir goes into one directory. What fails in it ends there, unless the whole run ends.
func (r *run) walkDir(parent *targetDir, e *objects.Entry, raw []byte, want *picked, depth int) error {
	path := entryPath(parent, e)
	if len(path) > objects.MaxPath {
		return fmt.Errorf("path of %d bytes: %w", len(path), objects.ErrLimit)
	}
	tree := below(e) // e is reused while the walk is below it
	want.met = true
	t, err := r.enter(parent, e, bytes.Clone(raw), !want.all)
	if err == nil {
		err = r.walkTree(t, tree, want, depth+1)
		r.leave(t)
	}
	if err != nil && context.Cause(r.ctx) == nil {
		r.problem(path, err)
		return nil
	}
	return err
}

// place puts one entry that is no directory on its way.
func (r *run) place(dir *targetDir, e *objects.Entry, raw []byte, seen *StatKey) {
	if e.Type != objects.TypeFile {
		r.postpone(dir, e, raw, seen)
		return
	}
	var group *linkGroup
	if e.LinkGroup != 0 {
		g, first := r.join(dir, e, raw)
		if !first {
			r.postpone(dir, e, raw, seen)
			return
		}
		group = g
	}
	if err := r.add(item{dir: dir, group: group, seen: seen}, raw, e.Size); err != nil {
		r.problem(entryPath(dir, e), err)
	}
}
