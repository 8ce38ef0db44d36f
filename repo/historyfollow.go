package repo

import (
	"slices"

	"evault/internal/historyindex"
	"evault/objects"
)

// followed is one file on its way back through its names.
type followed struct {
	l       *logWalk
	path    string
	touches map[int]historyindex.Kind // commits that change it under this name
}

// become goes on with a name.
func (f *followed) become(path string) error {
	f.path = path
	begin := func() { f.touches = map[int]historyindex.Kind{} }
	return f.l.h.under(path, begin, func(p []byte, touches []historyTouch) error {
		if string(p) == path {
			for _, t := range touches {
				f.touches[t.Commit] = t.Kind
			}
		}
		return nil
	})
}

// has reports whether a commit changes the file under its present name. What a merge brings is shown where it was made.
func (f *followed) has(n int) bool {
	_, ok := f.touches[n]
	return ok && len(f.l.h.parentsOf(n)) < 2
}

// pass goes on to the name that the file had before a commit in which it appears. Where it was not renamed, or what it was
// renamed from cannot be read, it began there.
func (f *followed) pass(n int) error {
	kind := f.touches[n]
	parents := f.l.h.parentsOf(n)
	if kind != historyindex.Added || len(parents) == 0 {
		return nil
	}
	from, ok, err := f.l.renamedFrom(n, int(parents[0]), f.path)
	if err != nil {
		return f.l.ctx.Err()
	}
	if ok {
		return f.become(from)
	}
	return nil
}

// renamedFrom finds what a file that appears in a commit was called in the parent.
func (l *logWalk) renamedFrom(n, parent int, path string) (string, bool, error) {
	r := l.h.repo
	db, err := r.database()
	if err != nil {
		return "", false, err
	}
	changes, err := r.Changes(l.ctx, l.h.ids[parent], l.h.ids[n], nil)
	if err != nil {
		return "", false, err
	}
	entries := func(n int, kind ChangeKind) (found []renameFile, err error) {
		c, err := l.h.at(n)
		if err != nil {
			return nil, err
		}
		for _, change := range changes {
			if change.Kind != kind || change.IsDir || kind == Added && change.Path != path {
				continue
			}
			e, err := objects.Lookup(l.ctx, db, c.Tree, change.Path)
			if err != nil {
				return nil, err
			}
			found = append(found, renameFile{path: change.Path, entry: &e})
		}
		return found, nil
	}
	gone, err := entries(parent, Deleted)
	if err != nil || len(gone) == 0 {
		return "", false, err
	}
	added, err := entries(n, Added)
	if err != nil {
		return "", false, err
	}
	renames, err := r.findRenames(l.ctx, db, gone, added, nil, renameOptions{})
	if i := slices.IndexFunc(renames, func(m rename) bool { return m.to == path }); i >= 0 && err == nil {
		return renames[i].from, true, nil
	}
	return "", false, err
}
