package repo

import (
	"context"
	"fmt"
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
	if a == b {
		return nil
	}
	if depth > objects.MaxDepth {
		return fmt.Errorf("%.300q: nested deeper than %d: %w", dir, objects.MaxDepth, objects.ErrLimit)
	}
	return abreast(c.ctx, c.src, dir, []objects.TreeRef{a, b}, func(name string, at []*line) error {
		if sameLine(at[0], at[1]) {
			return nil
		}
		full := path.Join(dir, name)
		if err := c.each(full, entryOf(at[0]), entryOf(at[1])); err != nil {
			return err
		}
		return c.run(full, below(at[0]), below(at[1]), depth+1)
	})
}

func entryOf(l *line) *objects.Entry {
	if l == nil {
		return nil
	}
	return &l.Entry
}

// checkLinks looks at the hard links of a merged tree. All names of one file must hold the same. That is so where one side
// alone changed names of a file; where both did, as when one side writes to the file and the other gives it one more name,
// the names may disagree, which is a conflict.
func (m *treeMerge) checkLinks(base, ours, theirs objects.TreeRef) error {
	mine, err := m.changedLinks(base, ours)
	if err != nil || len(mine) == 0 {
		return err
	}
	both, err := m.changedLinks(base, theirs)
	if err != nil {
		return err
	}
	for group := range both {
		if !mine[group] {
			delete(both, group)
		}
	}
	if len(both) == 0 {
		return nil
	}
	return m.compareLinks(both)
}

// changedLinks gives the files with several names of which one side changed a name.
func (m *treeMerge) changedLinks(base, side objects.TreeRef) (map[uint64]bool, error) {
	groups := map[uint64]bool{}
	c := treeChanges{m.ctx, m.src, func(_ string, was, is *objects.Entry) error {
		for _, e := range [...]*objects.Entry{was, is} {
			if e != nil && e.LinkGroup != 0 {
				groups[e.LinkGroup] = true
			}
		}
		return m.ctx.Err()
	}}
	return groups, c.run("", base, side, 0)
}

// compareLinks compares all names of some files in the merged tree, which it has to read for that.
func (m *treeMerge) compareLinks(groups map[uint64]bool) error {
	first := map[uint64]objects.Entry{}
	at := map[uint64]string{}
	return objects.WalkExact(m.ctx, m.src, m.root, func(full string, e *objects.Entry) error {
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
		m.conflicts = append(m.conflicts, at[e.LinkGroup])
		return m.conflict(full)
	})
}
