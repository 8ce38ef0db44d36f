package repo

import (
	"context"
	"errors"
	"path"
	"slices"

	"evault/internal/textdiff"
	"evault/internal/vfs"
	"evault/objects"
	"evault/worktree"
)

// A conflict is resolved when the user has said so, with add or rm; or when the file is no longer as the operation wrote it
// and holds no conflict markers; or when either the file or the other version that was kept beside it is gone or different.
// A file that is missing from the disk alone is not: to commit then would keep what HEAD holds of it.

// concluding gives the operation that a commit will conclude, if there is one, and refuses where it cannot.
func (r *Repository) concluding(ctx context.Context, o CommitOptions) (*mergeState, error) {
	s, err := r.inProgress()
	if err != nil || s == nil {
		return nil, err
	}
	switch {
	case s.Writing, o.Amend:
		return nil, &InProgressError{Operation: s.Operation, What: s.What, Writing: s.Writing}
	case len(o.Paths) > 0:
		return nil, conflictf("a %s is in progress: it is committed as a whole, not some paths of it", s.Operation)
	}
	left, err := r.unresolved(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		return nil, &UnresolvedError{Operation: s.Operation, Conflicts: left}
	}
	if o.DryRun {
		return s, nil
	}
	return s, r.dropKept(ctx, s)
}

// dropKept stops tracking the other versions that the user has deleted: that they are gone is the decision.
func (r *Repository) dropKept(ctx context.Context, s *mergeState) error {
	var edits []worktree.IndexEdit
	for _, c := range s.Conflicts {
		if c.Kept == "" {
			continue
		}
		if _, err := r.places.Work.LstatStat(c.Kept); isGone(err) {
			edits = append(edits, worktree.IndexEdit{Path: c.Kept, Op: worktree.EditRemove})
		}
	}
	if len(edits) == 0 {
		return nil
	}
	index, err := r.loadIndex(ctx)
	if err != nil {
		return err
	}
	asOf, err := worktree.Now(r.local)
	if err != nil {
		return err
	}
	return r.refreshIndex(index, edits, asOf)
}

// unresolved gives the conflicts that nobody has decided about.
func (r *Repository) unresolved(ctx context.Context, s *mergeState) ([]Conflict, error) {
	look := resolution{repo: r, owners: &worktree.Owners{}}
	look.reader = worktree.NewFileReader(objects.NewChunker(r.vault.ChunkerKey()), look.owners, r.newHash())
	var left []Conflict
	for _, c := range s.Conflicts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		resolved, err := look.resolved(&c)
		if err != nil {
			return nil, err
		}
		if !resolved {
			left = append(left, c)
		}
	}
	return left, nil
}

// resolution looks at files that conflicted.
type resolution struct {
	repo   *Repository
	owners *worktree.Owners
	reader *worktree.FileReader
}

func (l *resolution) resolved(c *Conflict) (bool, error) {
	if c.Resolved {
		return true, nil
	}
	marked, err := l.marked(c.Path)
	if err != nil || marked {
		return false, err
	}
	if c.Kept != "" {
		there, same, err := l.compare(c.Kept, c.Theirs)
		if err != nil || !there || !same {
			return err == nil, err
		}
	}
	there, same, err := l.compare(c.Path, c.Written)
	if err != nil || !there || same {
		return false, err
	}
	// It may be that the merge could not write the file: then our side is still there, and nobody has chosen it.
	_, ours, err := l.compare(c.Path, c.Ours)
	return !ours, err
}

// marked reports whether a file holds conflict markers.
func (l *resolution) marked(full string) (bool, error) {
	st, err := l.repo.places.Work.LstatStat(full)
	if isGone(err) || errors.Is(err, vfs.ErrEscapes) {
		return false, nil
	}
	if err != nil || st.Type != vfs.Regular || st.Size > maxMergeText {
		return false, err
	}
	data, err := readFile(l.repo.places.Work, full, maxMergeText)
	return err == nil && textdiff.HasConflictMarkers(data), err
}

// compare says whether there is something under a path, and whether it is what an entry says, times and owner aside.
func (l *resolution) compare(full string, raw []byte) (there, same bool, err error) {
	st, err := l.repo.places.Work.LstatStat(full)
	if isGone(err) || errors.Is(err, vfs.ErrEscapes) {
		return false, false, nil
	}
	if err != nil || raw == nil {
		return err == nil, false, err
	}
	var want objects.Entry
	if _, err := objects.DecodeEntry(raw, &want); err != nil {
		return true, false, err
	}
	if st.Type == vfs.Directory {
		return true, want.IsDir() && st.Perm&0o7777 == want.Mode, nil
	}
	dir, err := l.repo.places.Work.OpenDir(path.Dir(full))
	if err != nil {
		return true, false, err
	}
	var is objects.Entry
	err = l.reader.Read(dir, path.Base(full), &st, &is)
	if err = errors.Join(err, dir.Close()); err != nil && !onlyXattrs(err) {
		return true, false, err
	}
	same = is.Type == want.Type && is.Mode == want.Mode && is.SameContent(&want)
	return true, same, nil
}

// resolve notes that the user has decided about paths. Of a folder, and with no paths of everything, files that still hold
// conflict markers are left out: to add a folder says nothing about them.
func (r *Repository) resolve(paths []string) error {
	s, err := r.inProgress()
	if err != nil || s == nil {
		return err
	}
	look := resolution{repo: r}
	changed := false
	for i := range s.Conflicts {
		c := &s.Conflicts[i]
		if c.Resolved || len(paths) > 0 && !pathsCover(paths, c.Path) {
			continue
		}
		if !slices.Contains(paths, c.Path) {
			marked, err := look.marked(c.Path)
			if err != nil {
				return err
			}
			if marked {
				continue
			}
		}
		c.Resolved, changed = true, true
	}
	if !changed {
		return nil
	}
	return r.keepMerge(s)
}

// Pending is the operation that waits to be continued.
type Pending struct {
	Operation string // "merge", "revert", "cherry-pick"
	What      string
	Writing   bool       // it was interrupted while it wrote
	Unmerged  []Conflict // not resolved, ascending by path
	Total     int        // of the conflicts there were
}

// pending looks at the operation in progress; nil: none.
func (r *Repository) pending(ctx context.Context) (*Pending, error) {
	s, err := r.inProgress()
	if err != nil || s == nil {
		return nil, err
	}
	p := &Pending{Operation: s.Operation, What: s.What, Writing: s.Writing, Total: len(s.Conflicts)}
	p.Unmerged, err = r.unresolved(ctx, s)
	return p, err
}

// only leaves out what is not below some paths; none means everything.
func (p *Pending) only(paths []string) {
	if len(paths) > 0 {
		p.Unmerged = slices.DeleteFunc(p.Unmerged, func(c Conflict) bool { return !pathsCover(paths, c.Path) })
	}
}

// conflicting gives the paths that an operation in progress wrote because of a conflict.
func (r *Repository) conflicting() (map[string]bool, error) {
	s, err := r.inProgress()
	if err != nil || s == nil {
		return nil, err
	}
	paths := map[string]bool{}
	for _, c := range s.Conflicts {
		paths[c.Path] = true
		if c.Kept != "" {
			paths[c.Kept] = true
		}
	}
	return paths, nil
}
