package repo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/worktree"
)

// AddOptions say what to track. Paths are files or folders, relative to the root of the work tree.
type AddOptions struct {
	Paths  []string
	All    bool // everything that is not ignored; and what is missing is no longer tracked
	Force  bool // ignored names too
	DryRun bool
}

// AddResult says what became tracked.
type AddResult struct {
	Added   []string
	Removed []string // with All: tracked names that are gone from the disk
	Ignored []string // named, and ignored: they need Force
	// Problems are paths that could not be looked at.
	Problems []Problem
}

// Add makes paths tracked: the next commit takes them. It reads no file. Named paths that are ignored are left out and
// reported with ErrIncomplete.
func (r *Repository) Add(ctx context.Context, o AddOptions) (*AddResult, error) {
	m := r.settings.startMeter("scanning")
	defer m.close()
	index, err := r.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	asOf, err := worktree.Now(r.local)
	if err != nil {
		return nil, err
	}
	patterns, err := r.userIgnore()
	if err != nil {
		return nil, err
	}
	if err := r.checkOnDisk(index, o.Paths); err != nil {
		return nil, err
	}
	paths := o.Paths
	if o.All && len(paths) == 0 || slices.Contains(paths, "") {
		paths = nil
	}
	a := adding{o: o, result: &AddResult{}, meter: m}
	a.scanner = worktree.NewScanner(ctx, worktree.ScanOptions{
		Root: r.places.Work, Index: index, Ignore: patterns, Paths: paths, TrackNew: true, NoIgnore: o.Force,
	})
	err = a.folder("")
	a.scanner.Close()
	if err != nil {
		return nil, err
	}
	if !o.DryRun {
		if err := errors.Join(r.refreshIndex(index, a.edits, asOf), r.resolve(paths)); err != nil {
			return nil, err
		}
	}
	if len(a.result.Ignored) > 0 {
		return a.result, ErrIncomplete
	}
	return a.result, incomplete(a.result.Problems)
}

// checkOnDisk refuses named paths that are neither on disk nor tracked.
func (r *Repository) checkOnDisk(index *worktree.Index, paths []string) error {
	for _, p := range paths {
		if p == "" {
			continue
		}
		_, err := r.places.Work.LstatStat(p)
		_, isFile := index.Entry(p)
		_, isFolder := index.Dir(p)
		if err == nil || isFile || isFolder {
			continue
		} else if !isGone(err) && !errors.Is(err, vfs.ErrEscapes) {
			return fmt.Errorf("%s: %w", p, err)
		}
		return fmt.Errorf("%s: %w in the work tree%s", display(p), ErrPathNotFound, r.nearOnDisk(index, p))
	}
	return nil
}

// adding walks a scan for Add.
type adding struct {
	o       AddOptions
	scanner *worktree.Scanner
	edits   []worktree.IndexEdit
	result  *AddResult
	meter   *meter
}

func (a *adding) folder(full string) error {
	d, err := a.scanner.Dir(full)
	if err != nil {
		return err
	}
	defer d.Release()
	if d.Err != nil {
		a.result.Problems = append(a.result.Problems, Problem{display(full), d.Err})
		return nil
	}
	if d.LeftOut() {
		if slices.ContainsFunc(a.o.Paths, func(p string) bool { return isUnder(p, full) }) {
			a.result.Problems = append(a.result.Problems, Problem{full, worktree.ErrNestedVault})
		}
		return nil
	}
	if (d.Index == nil || d.Index.Removed) && full != "" {
		a.track(full, worktree.EditAddDir)
	}
	for {
		for i := range d.Items {
			if err := a.item(full, &d.Items[i]); err != nil {
				return err
			}
		}
		if d.Last {
			return nil
		}
		if err := a.scanner.More(d); err != nil {
			return err
		}
	}
}

func (a *adding) item(dir string, it *worktree.Item) error {
	full := path.Join(dir, it.Name)
	a.meter.items.Add(1)
	if it.Descend {
		return a.folder(full)
	}
	if it.State != worktree.Ignored && len(a.o.Paths) > 0 && !pathsCover(a.o.Paths, full) {
		return nil // a file, where the path that was named has a folder
	}
	switch it.State {
	case worktree.TypeChanged:
		if it.Sub != nil { // a file where a folder is tracked
			a.track(full, worktree.EditAdd)
		}
	case worktree.Added:
		if it.Entry == nil || !it.Entry.Added {
			a.track(full, worktree.EditAdd)
		}
	case worktree.Suspect:
		if it.Entry.Removed { // and on disk: track it again
			a.track(full, worktree.EditAdd)
		}
	case worktree.Missing:
		if a.o.All {
			a.edits = append(a.edits, worktree.IndexEdit{Path: full, Op: worktree.EditRemove})
			a.result.Removed = append(a.result.Removed, full)
		}
	case worktree.Ignored:
		for _, p := range a.o.Paths { // it, or what is in an ignored folder
			if isUnder(p, full) {
				a.result.Ignored = append(a.result.Ignored, p)
			}
		}
	case worktree.Unreadable:
		a.result.Problems = append(a.result.Problems, Problem{full, it.Err})
	}
	return nil
}

func (a *adding) track(full string, op worktree.EditOp) {
	a.edits = append(a.edits, worktree.IndexEdit{Path: full, Op: op})
	if op == worktree.EditAddDir {
		full += "/"
	}
	a.result.Added = append(a.result.Added, full)
}

// RemoveOptions say what to track no longer.
type RemoveOptions struct {
	Paths     []string
	Cached    bool // leave the files on disk
	Recursive bool // allow folders
	Force     bool // delete files that differ from what HEAD holds
	DryRun    bool
}

// RemoveResult lists what is no longer tracked.
type RemoveResult struct {
	Removed []string
}

// Remove stops tracking files and, unless Cached, deletes them from the disk. A file with changes that are in no commit is
// refused unless Force or Cached, before anything is touched.
func (r *Repository) Remove(ctx context.Context, o RemoveOptions) (*RemoveResult, error) {
	index, err := r.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	files, folders, err := removalOf(index, o)
	if err != nil {
		return nil, err
	}
	if !o.Force && !o.Cached {
		if err := r.refuseChanged(ctx, index, o.Paths); err != nil {
			return nil, err
		}
	}
	result := &RemoveResult{Removed: files}
	if o.DryRun {
		return result, nil
	}
	var edits []worktree.IndexEdit
	for _, p := range o.Paths {
		edits = append(edits, worktree.IndexEdit{Path: p, Op: worktree.EditRemove})
	}
	asOf, err := worktree.Now(r.local)
	if err != nil {
		return nil, err
	}
	// The index first: a crash in between leaves files that are merely untracked.
	if err := errors.Join(r.refreshIndex(index, edits, asOf), r.resolve(o.Paths)); err != nil {
		return nil, err
	}
	if o.Cached {
		return result, nil
	}
	left, err := r.deleteFiles(files, folders)
	if len(left) > 0 {
		err = errors.Join(err, r.trackAgain(ctx, left, asOf))
	}
	return result, err
}

// trackAgain takes back what Remove has noted of files that could not be deleted.
func (r *Repository) trackAgain(ctx context.Context, files []string, asOf vfs.Time) error {
	index, err := r.loadIndex(ctx)
	if err != nil {
		return err
	}
	var edits []worktree.IndexEdit
	for _, f := range files {
		edits = append(edits, worktree.IndexEdit{Path: f, Op: worktree.EditAdd})
	}
	return r.refreshIndex(index, edits, asOf)
}

// removalOf lists the tracked files and folders that a Remove is about.
func removalOf(index *worktree.Index, o RemoveOptions) (files, folders []string, err error) {
	for _, p := range o.Paths {
		if e, ok := index.Entry(p); ok && e.Tracked() {
			files = append(files, p)
			continue
		}
		d, ok := index.Dir(p)
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("%s: %w: it is not tracked%s", display(p), ErrPathNotFound, nearTracked(index, p))
		case !o.Recursive:
			return nil, nil, usagef("%s is a folder: use -r to remove it with all that is in it", display(p))
		}
		collect(d, &files, &folders)
	}
	return files, folders, nil
}

func collect(d *worktree.IndexDir, files, folders *[]string) {
	if d.Path != "" {
		*folders = append(*folders, d.Path)
	}
	d.Each(func(e *worktree.IndexEntry) bool {
		if e.Tracked() {
			*files = append(*files, path.Join(d.Path, e.Name))
		}
		return true
	})
	d.Subdirs(func(sub *worktree.IndexDir) bool { collect(sub, files, folders); return true })
}

// refuseChanged fails with DirtyError if one of the paths holds work that is in no commit.
func (r *Repository) refuseChanged(ctx context.Context, index *worktree.Index, paths []string) error {
	status, err := r.status(ctx, index, worktree.ScanOptions{Paths: paths}, nil)
	if err != nil {
		return err
	}
	merging, err := r.conflicting()
	if err != nil {
		return err
	}
	var dirty []string
	for _, c := range status.Changes {
		if merging[c.Path] { // what a merge wrote is no work of the user's
			continue
		}
		switch c.Kind {
		case worktree.ChangeAdded, worktree.ChangeModified, worktree.ChangeType:
			if !c.Dir {
				dirty = append(dirty, c.Path)
			}
		}
	}
	if len(dirty) > 0 {
		return &DirtyError{Paths: dirty}
	}
	return nil
}

// deleteFiles removes files, and then folders that are left empty, deepest first. left are the files that could not be.
func (r *Repository) deleteFiles(files, folders []string) (left []string, err error) {
	var errs []error
	for _, f := range files {
		if err := r.places.Work.Remove(f); err != nil && !isGone(err) {
			left = append(left, f)
			errs = append(errs, fmt.Errorf("%s: %w", f, err))
		}
	}
	slices.SortFunc(folders, func(a, b string) int { return strings.Compare(b, a) })
	for _, d := range folders {
		names, err := listAll(r.places.Work, d)
		if err == nil && len(names) == 0 {
			err = r.places.Work.Remove(d)
		}
		if err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("%s: %w", d, err))
		}
	}
	return left, errors.Join(errs...)
}

func listAll(fsys vfs.FS, dir string) ([]vfs.DirName, error) {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	names, err := d.ReadNames(nil)
	return names, errors.Join(err, d.Close())
}

// MoveOptions say what to rename.
type MoveOptions struct {
	Sources []string
	Target  string // the new name, or a folder that exists
	Force   bool   // replace a file at the new name
	DryRun  bool
}

// MoveResult lists what was renamed: old and new name.
type MoveResult struct {
	Moved [][2]string
}

// Move renames tracked files or folders, on disk and in the index.
func (r *Repository) Move(ctx context.Context, o MoveOptions) (*MoveResult, error) {
	index, err := r.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	result := &MoveResult{}
	intoFolder := false
	if st, err := r.places.Work.LstatStat(o.Target); err == nil && st.Type == vfs.Directory {
		intoFolder = true
	}
	if len(o.Sources) > 1 && !intoFolder {
		return nil, usagef("%s: to move several things it must be a folder that exists", o.Target)
	}
	targets := map[string]bool{}
	for _, source := range o.Sources {
		target := o.Target
		if intoFolder {
			target = path.Join(o.Target, path.Base(source))
		}
		if err := r.checkMove(index, source, target, o.Force); err != nil {
			return nil, err
		}
		if targets[target] {
			return nil, conflictf("two things cannot both become %s", target)
		}
		targets[target] = true
		result.Moved = append(result.Moved, [2]string{source, target})
	}
	if o.DryRun {
		return result, nil
	}
	return result, r.move(index, result.Moved)
}

func (r *Repository) checkMove(index *worktree.Index, source, target string, force bool) error {
	switch {
	case source == "":
		return usagef("the root of the work tree cannot be moved")
	case !index.Tracked(source):
		return fmt.Errorf("%s: %w: it is not tracked%s", display(source), ErrPathNotFound, nearTracked(index, source))
	case isUnder(target, VaultDir):
		return usagef("%s belongs to the vault", target)
	case isUnder(target, source):
		return usagef("%s cannot be moved into itself", source)
	}
	if _, err := r.places.Work.LstatStat(source); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	st, err := r.places.Work.LstatStat(target)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if !force || st.Type == vfs.Directory {
		return conflictf("%s exists already", target)
	}
	return nil
}

// move renames on disk, and notes it in the index. If that fails everything has its old name again.
func (r *Repository) move(index *worktree.Index, moves [][2]string) error {
	var edits []worktree.IndexEdit
	for i, m := range moves {
		files, folders := []string{}, []string{}
		if d, ok := index.Dir(m[0]); ok {
			collect(d, &files, &folders)
		} else {
			files = append(files, m[0])
		}
		edits = append(edits, worktree.IndexEdit{Path: m[0], Op: worktree.EditRemove})
		for _, d := range folders {
			edits = append(edits, worktree.IndexEdit{Path: m[1] + strings.TrimPrefix(d, m[0]), Op: worktree.EditAddDir})
		}
		for _, f := range files {
			edits = append(edits, worktree.IndexEdit{Path: m[1] + strings.TrimPrefix(f, m[0]), Op: worktree.EditAdd})
		}
		if err := r.places.Work.Rename(m[0], m[1]); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", m[0], err), r.moveBack(moves[:i]))
		}
	}
	asOf, err := worktree.Now(r.local)
	if err == nil {
		err = r.refreshIndex(index, edits, asOf)
	}
	if err != nil {
		return errors.Join(err, r.moveBack(moves))
	}
	return nil
}

func (r *Repository) moveBack(moves [][2]string) error {
	var errs []error
	for _, m := range slices.Backward(moves) {
		if err := r.places.Work.Rename(m[1], m[0]); err != nil {
			errs = append(errs, fmt.Errorf("%s has the name %s now: %w", m[0], m[1], err))
		}
	}
	return errors.Join(errs...)
}
