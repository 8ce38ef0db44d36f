package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"

	"evault/objects"
)

// treeMerge merges two trees that come from one, the base. What has equal IDs on two of the three sides is taken over whole
// and not looked at, so that the cost follows what both sides changed. For each name:
//
//   - changed on one side only: that side;
//   - changed on both sides to the same: that;
//   - a folder on both sides: its names are merged, and its metadata attribute by attribute. A folder's time never
//     conflicts: the newer one counts. If it is new on both sides, ours says its mode, owner and attributes;
//   - a folder that one side removed: what the other side did not change in it goes, what it changed conflicts, what it
//     added stays, and the folder with it;
//   - a new time alone is no change beside another one; with nothing but times changed on both sides the newer counts;
//   - everything else is a conflict: other contents, a mode against contents, a removal against a change, a file against a
//     folder.
//
// What git merges without looking into files, or for renames, comes out the same, less modes.
type treeMerge struct {
	ctx  context.Context
	src  objects.Source
	sink objects.Sink

	root      objects.TreeRef
	conflicts []string // ascending, at most maxConflicts
}

// maxConflicts is where the search for more ends.
const maxConflicts = 10000

// run merges. The root is right if there are no conflicts.
func (m *treeMerge) run(base, ours, theirs objects.TreeRef) (err error) {
	m.root, err = m.folder("", base, ours, theirs, 0)
	if err == nil && len(m.conflicts) == 0 {
		err = m.checkLinks(base, ours, theirs)
	}
	m.conflicts = sortedPaths(m.conflicts)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

func sortedPaths(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}

func (m *treeMerge) conflict(full string) error {
	m.conflicts = append(m.conflicts, full)
	if len(m.conflicts) >= maxConflicts {
		return errStop
	}
	return nil
}

// line is one entry of a folder with its encoding.
type line struct {
	objects.Entry
	raw []byte
}

// sameLine reports whether two sides hold the same; nil is nothing.
func sameLine(a, b *line) bool {
	if a == nil || b == nil {
		return a == b
	}
	return bytes.Equal(a.raw, b.raw)
}

// folderLines gives the entries of a folder, those of a zero reference being none.
func folderLines(ctx context.Context, src objects.Source, ref objects.TreeRef) iter.Seq2[*line, error] {
	return func(yield func(*line, error) bool) {
		if ref.ID.IsZero() {
			return
		}
		err := objects.ReadDirExact(ctx, src, ref, func(e *objects.Entry, raw []byte) error {
			if !yield(&line{e.Clone(), bytes.Clone(raw)}, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

// abreast goes through folders side by side: each is called for every name that one of them holds, in order, with nil for
// those that lack it.
func abreast(ctx context.Context, src objects.Source, dir string, refs []objects.TreeRef, each func(name string, at []*line) error) error {
	next := make([]func() (*line, error, bool), len(refs))
	at := make([]*line, len(refs))
	for i, ref := range refs {
		var stop func()
		next[i], stop = iter.Pull2(folderLines(ctx, src, ref))
		defer stop()
		var err error
		if at[i], err, _ = next[i](); err != nil {
			return fmt.Errorf("%s: %w", display(dir), err)
		}
	}
	row := make([]*line, len(refs))
	for {
		var name string
		found := false
		for _, l := range at {
			if l != nil && (!found || l.Name < name) {
				name, found = l.Name, true
			}
		}
		if !found {
			return nil
		}
		for i, l := range at {
			row[i] = nil
			if l == nil || l.Name != name {
				continue
			}
			row[i] = l
			var err error
			if at[i], err, _ = next[i](); err != nil {
				return fmt.Errorf("%s: %w", display(dir), err)
			}
		}
		if err := each(name, row); err != nil {
			return err
		}
	}
}

// folder merges one folder; a zero reference is a folder that a side does not have.
func (m *treeMerge) folder(full string, base, ours, theirs objects.TreeRef, depth int) (objects.TreeRef, error) {
	switch {
	case ours == theirs || base == theirs:
		return ours, nil
	case base == ours:
		return theirs, nil
	case depth > objects.MaxDepth:
		return objects.TreeRef{}, fmt.Errorf("%.300q: nested deeper than %d: %w", full, objects.MaxDepth, objects.ErrLimit)
	}
	b := objects.NewTreeBuilder(m.sink)
	err := abreast(m.ctx, m.src, full, []objects.TreeRef{base, ours, theirs}, func(name string, at []*line) error {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		l, err := m.name(path.Join(full, name), at[0], at[1], at[2], depth)
		if err != nil || l == nil {
			return err
		}
		entries, size := l.Totals()
		return b.AddEncoded(l.raw, name, entries, size)
	})
	if err != nil {
		return objects.TreeRef{}, err
	}
	return b.Finish()
}

// name merges what three sides hold under one name; nil is nothing. A conflict is noted and gives nothing.
func (m *treeMerge) name(full string, base, ours, theirs *line, depth int) (*line, error) {
	switch {
	case sameLine(ours, theirs) || sameLine(base, theirs):
		return ours, nil
	case sameLine(base, ours):
		return theirs, nil
	case isFolder(ours) && isFolder(theirs):
		return m.bothFolders(full, base, ours, theirs, depth)
	case sameButTime(ours, theirs):
		return newer(ours, theirs), nil
	case sameButTime(base, ours):
		return theirs, nil
	case sameButTime(base, theirs):
		return ours, nil
	case base == nil && sameButOwner(ours, theirs):
		return withTime(ours, theirs.Mtime)
	case isFolder(base) && isFolder(ours):
		return m.folderLeft(full, base, ours, theirs, depth)
	case isFolder(base) && isFolder(theirs):
		return m.folderLeft(full, base, theirs, ours, depth)
	case isFolder(base): // gone on both sides; what took its place is new
		return m.name(full, nil, ours, theirs, depth)
	case theirs == nil && isFolder(ours): // the same of a file
		return ours, nil
	case ours == nil && isFolder(theirs):
		return theirs, nil
	}
	return nil, m.conflict(full)
}

func isFolder(l *line) bool { return l != nil && l.IsDir() }

func below(l *line) objects.TreeRef {
	if !isFolder(l) {
		return objects.TreeRef{}
	}
	return objects.TreeRef{ID: l.Tree, Entries: l.Entries, Bytes: l.Bytes}
}

// bothFolders merges a folder that both sides have.
func (m *treeMerge) bothFolders(full string, base, ours, theirs *line, depth int) (*line, error) {
	ref, err := m.folder(full, below(base), below(ours), below(theirs), depth+1)
	if err != nil {
		return nil, err
	}
	if !isFolder(base) {
		base = nil
	}
	e, ok := mergeFolderMeta(base, ours, theirs)
	if !ok {
		return nil, m.conflict(full)
	}
	e.Tree, e.Entries, e.Bytes = ref.ID, ref.Entries, ref.Bytes
	return encodeLine(&e)
}

// folderLeft merges a folder that one side kept and the other removed, or replaced by something else.
func (m *treeMerge) folderLeft(full string, base, kept, other *line, depth int) (*line, error) {
	before := len(m.conflicts)
	ref, err := m.folder(full, below(base), below(kept), objects.TreeRef{}, depth+1)
	if err != nil {
		return nil, err
	}
	bare := len(m.conflicts) == before && ref.Entries == 0
	x := *kept
	x.Tree, x.Entries, x.Bytes = base.Tree, base.Entries, base.Bytes
	switch {
	case bare && sameButTime(base, &x): // nothing in it was changed, nor it itself
		return other, nil
	case bare || other != nil:
		m.conflicts = m.conflicts[:before]
		return nil, m.conflict(full)
	}
	e := kept.Clone()
	e.Tree, e.Entries, e.Bytes = ref.ID, ref.Entries, ref.Bytes
	return encodeLine(&e)
}

func encodeLine(e *objects.Entry) (*line, error) {
	raw, err := objects.AppendEntry(nil, e)
	if err != nil {
		return nil, err
	}
	return &line{*e, raw}, nil
}
