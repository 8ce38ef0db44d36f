package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"

	"evault/objects"
)

// treeChanges calls each for every entry that differs between two trees, with nil for what one of them lacks; of folders
// also if only what is in them differs. Equal folders are not looked at.
type treeChanges struct {
	ctx  context.Context
	src  objects.Source
	each func(full string, was, is *objects.Entry) error
}

func (c treeChanges) run(dir string, a, b objects.TreeRef, depth int) error {
	return lineChanges{ctx: c.ctx, src: c.src, each: func(full string, was, is *line) error {
		return c.each(full, entryOf(was), entryOf(is))
	}}.run(dir, a, b, depth)
}

func entryOf(l *line) *objects.Entry {
	if l == nil {
		return nil
	}
	return &l.Entry
}

// lineChanges is treeChanges with the encodings.
type lineChanges struct {
	ctx   context.Context
	src   objects.Source
	known bool // leave out what is only in the second
	each  func(full string, was, is *line) error
}

func (c lineChanges) run(dir string, a, b objects.TreeRef, depth int) error {
	if a == b {
		return nil
	}
	if depth > objects.MaxDepth {
		return fmt.Errorf("%.300q: nested deeper than %d: %w", dir, objects.MaxDepth, objects.ErrLimit)
	}
	return abreast(c.ctx, c.src, dir, []objects.TreeRef{a, b}, func(name string, at []*line) error {
		if sameLine(at[0], at[1]) || c.known && at[0] == nil {
			return nil
		}
		full := path.Join(dir, name)
		if err := c.each(full, at[0], at[1]); err != nil {
			return err
		}
		return c.run(full, below(at[0]), below(at[1]), depth+1)
	})
}

// lookLine finds an entry that is no folder; nil if there is none.
func lookLine(ctx context.Context, src objects.Source, root objects.ID, full string) (*line, error) {
	e, err := objects.Lookup(ctx, src, root, full)
	if errors.Is(err, objects.ErrNoPath) || err == nil && e.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", display(full), err)
	}
	return encodeLine(&e)
}

// links looks at the hard links of the merged tree. All names of one file must hold the same. That is so where one side
// alone changed names of a file; where both did, as when one side writes to the file and the other gives it one more name,
// the names may disagree. They are then separate files, and a conflict.
func (m *treeMerge) links(base, ours, theirs objects.TreeRef) error {
	mine, err := m.changedLinks(base, ours)
	if err != nil || len(mine) == 0 {
		return err
	}
	both, err := m.changedLinks(base, theirs)
	if err != nil {
		return err
	}
	maps.DeleteFunc(both, func(group uint64, _ bool) bool { return !mine[group] })
	if len(both) == 0 {
		return nil
	}
	apart, err := m.compareLinks(both)
	if err != nil || len(apart) == 0 {
		return err
	}
	m.root, err = editTree(m.ctx, m.src, m.sink, m.root, apart)
	return err
}

// changedLinks gives the files with several names of which one side changed a name.
func (m *treeMerge) changedLinks(base, side objects.TreeRef) (map[uint64]bool, error) {
	groups := map[uint64]bool{}
	c := lineChanges{ctx: m.ctx, src: m.src, each: func(_ string, was, is *line) error {
		for _, e := range [...]*line{was, is} {
			if e != nil && e.LinkGroup != 0 {
				groups[e.LinkGroup] = true
			}
		}
		return m.ctx.Err()
	}}
	return groups, c.run("", base, side, 0)
}

// compareLinks compares all names of some files in the merged tree, which it has to read for that. It gives the entries of
// those that differ from the first name, without their link.
func (m *treeMerge) compareLinks(groups map[uint64]bool) (map[string]*line, error) {
	first := map[uint64]objects.Entry{}
	at := map[uint64]string{}
	told := map[uint64]bool{}
	apart := map[string]*line{}
	err := objects.WalkExact(m.ctx, m.src, m.root, func(full string, e *objects.Entry) error {
		if !groups[e.LinkGroup] {
			return nil
		}
		x, again := first[e.LinkGroup]
		if !again {
			first[e.LinkGroup], at[e.LinkGroup] = e.Clone(), full
			return nil
		}
		x.Name = e.Name
		if x.Equal(e) {
			return nil
		}
		group := e.LinkGroup
		single := e.Clone()
		single.LinkGroup = 0
		l, err := encodeLine(&single)
		if err != nil {
			return err
		}
		apart[full] = l
		if m.favour != FavourNone || m.depth > 0 {
			return nil
		}
		if !told[group] {
			told[group] = true
			x.Name = path.Base(at[group])
			one, err := encodeLine(&x)
			if err == nil {
				err = m.clash(at[group], one)
			}
			if err != nil {
				return err
			}
		}
		return m.clash(full, l)
	})
	return apart, err
}

// clash notes that a name is no longer linked, unless the path conflicts already.
func (m *treeMerge) clash(full string, l *line) error {
	for i := range m.conflicts {
		if m.conflicts[i].Path == full {
			m.conflicts[i].Written = l.raw
			return nil
		}
	}
	return m.conflict(Conflict{Path: full, Kind: ConflictLinks, Ours: l.raw, Theirs: l.raw, Written: l.raw})
}
