package repo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"evault/internal/nearest"
	"evault/objects"
	"evault/worktree"
)

// What somebody may have meant who named something that does not exist.

// maxMeant is how many names are suggested.
const maxMeant = 3

// nearName gives the end of a sentence that names the nearest of some names: ` (did you mean "main"?)`, or nothing.
func nearName(name string, all iter.Seq[string]) string {
	var shown []string
	for _, n := range nearest.Matches(name, all, maxMeant) {
		shown = append(shown, fmt.Sprintf("%q", n))
	}
	if len(shown) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(shown, " or ") + "?)"
}

// nearTracked is nearName for the path of a tracked file or folder.
func nearTracked(index *worktree.Index, name string) string {
	return nearName(name, trackedPaths(index))
}

// trackedPaths yields every tracked file and folder.
func trackedPaths(index *worktree.Index) iter.Seq[string] {
	return func(yield func(string) bool) {
		if root, ok := index.Dir(""); ok {
			yieldTracked(root, yield)
		}
	}
}

func yieldTracked(d *worktree.IndexDir, yield func(string) bool) bool {
	if d.Path != "" && !d.Removed && !yield(d.Path) {
		return false
	}
	more := true
	d.Each(func(e *worktree.IndexEntry) bool {
		if e.Tracked() {
			more = yield(path.Join(d.Path, e.Name))
		}
		return more
	})
	if more {
		d.Subdirs(func(sub *worktree.IndexDir) bool {
			more = yieldTracked(sub, yield)
			return more
		})
	}
	return more
}

// nearOnDisk is nearName for a path of the work tree: what is tracked, and what lies in the same folder.
func (r *Repository) nearOnDisk(index *worktree.Index, name string) string {
	return nearName(name, func(yield func(string) bool) {
		for _, p := range r.namesBeside(name) {
			if !yield(p) {
				return
			}
		}
		for p := range trackedPaths(index) {
			if !yield(p) {
				return
			}
		}
	})
}

// namesBeside lists the folder that a path is in, nothing where it cannot be read.
func (r *Repository) namesBeside(name string) []string {
	dir := path.Dir(name)
	d, err := r.places.Work.OpenDir(dir)
	if err != nil {
		return nil
	}
	names, err := d.ReadNames(nil)
	if errors.Join(err, d.Close()) != nil {
		return nil
	}
	var paths []string
	for _, n := range names {
		if n.Name != VaultDir {
			paths = append(paths, path.Join(dir, n.Name))
		}
	}
	return paths
}

// maxNearEntries is how many entries of a commit are looked at for names to suggest.
const maxNearEntries = 50_000

// nearInCommit is nearName for a path of a commit.
func (r *Repository) nearInCommit(ctx context.Context, c *objects.Commit, name string) string {
	var all []string
	enough := errors.New("enough")
	root := objects.TreeRef{ID: c.Tree, Entries: c.Entries, Bytes: c.Bytes}
	err := objects.WalkExact(ctx, r.db, root, func(p string, _ *objects.Entry) error {
		if all = append(all, p); len(all) >= maxNearEntries {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return "" // the fault that is reported is the one that was asked about
	}
	return nearName(name, slices.Values(all))
}
