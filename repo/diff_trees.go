package repo

import (
	"context"
	"slices"
	"strings"

	"evault/objects"
)

// maxDiffPaths bounds the paths of one comparison: several times the files of the largest work trees, and little enough
// that trees which a hostile member has folded many times into one another do not fill the memory.
const maxDiffPaths = 8 << 20

// trees notes what differs between two trees.
func (c *comparison) trees(ctx context.Context, from, to objects.TreeRef) error {
	d := treeDiff{src: c.src, paths: c.o.Paths}
	d.entries = func(full string, was, is *objects.Entry) error { return c.note(full, was, is) }
	return d.trees(ctx, "", from.ID, to.ID)
}

// note keeps a pair if it differs in something that counts. The entries are copied.
func (c *comparison) note(full string, was, is *objects.Entry) error {
	was, is = onlyEmptyDir(was, is), onlyEmptyDir(is, was)
	switch {
	case was == nil && is == nil:
		return nil
	case was != nil && is != nil && was.IsDir() != is.IsDir(): // nothing of a folder can be shown as the content of a file
		if err := c.note(full, was, nil); err != nil {
			return err
		}
		return c.note(full, nil, is)
	case was != nil && is != nil && was.Type == is.Type && len(c.details(was, is)) == 0:
		return nil
	}
	if len(c.pairs) >= maxDiffPaths {
		return errDiffTooLarge
	}
	c.pairs = append(c.pairs, diffPair{old: storedSide(full, was), new: storedSide(full, is)})
	return nil
}

// onlyEmptyDir drops a folder that is there on one side only and has something in it: that says enough.
func onlyEmptyDir(e, other *objects.Entry) *objects.Entry {
	if e != nil && e.IsDir() && e.Entries > 0 && (other == nil || !other.IsDir()) {
		return nil
	}
	return e
}

func storedSide(full string, e *objects.Entry) diffSide {
	if e == nil {
		return diffSide{path: full}
	}
	kept := e.Clone()
	return diffSide{path: full, entry: &kept}
}

// renames joins what is gone with what was added, where one became the other. Pairs are ascending by path afterwards.
func (c *comparison) renames(ctx context.Context) error {
	if !c.o.NoRenames {
		if err := c.matchRenames(ctx); err != nil {
			return err
		}
	}
	slices.SortStableFunc(c.pairs, func(a, b diffPair) int { return strings.Compare(a.new.path, b.new.path) })
	return nil
}

func (c *comparison) matchRenames(ctx context.Context) error {
	var gone, added, kept []renameFile
	at := map[string]int{} // of what is gone, or kept, by path
	news := map[string]int{}
	for i := range c.pairs {
		p := &c.pairs[i]
		switch {
		case p.new.entry == nil:
			gone = append(gone, c.renameFile(&p.old))
			at[p.old.path] = i
		case p.old.entry == nil:
			added = append(added, c.renameFile(&p.new))
			news[p.new.path] = i
		case c.o.Copies:
			kept = append(kept, c.renameFile(&p.old))
			at[p.old.path] = i
		}
	}
	found, err := c.repo.findRenames(ctx, c.src, gone, added, kept, renameOptions{threshold: c.o.Threshold, copies: c.o.Copies})
	if err != nil || len(found) == 0 {
		return err
	}
	moved := map[int]bool{}
	for _, f := range found {
		from, to := at[f.from], &c.pairs[news[f.to]]
		to.old, to.similarity, to.copied = c.pairs[from].old, f.similarity, f.copied
		if !f.copied {
			moved[from] = true
		}
	}
	kepts := c.pairs[:0]
	for i := range c.pairs {
		if !moved[i] {
			kepts = append(kepts, c.pairs[i])
		}
	}
	c.pairs = kepts
	return nil
}

func (c *comparison) renameFile(s *diffSide) renameFile {
	f := renameFile{path: s.path, entry: s.entry}
	if s.disk != nil {
		f.load = s.disk.load
	}
	return f
}
