package worktree

import (
	"maps"
	"slices"
	"strings"

	"evault/objects"
)

// EditOp is what an [IndexEdit] does.
type EditOp uint8

// The edits.
const (
	// EditAdd makes a file tracked, and the directories above it. One that HEAD's tree holds (it was Removed) is
	// tracked again, with a zero key; a new one is Added. Nothing happens to what is tracked already. What is tracked as
	// the other kind, a directory where a file is added or a file where a directory is, is dropped as by EditRemove.
	EditAdd EditOp = iota
	// EditAddDir makes a directory tracked, and those above it, but not what is in it.
	EditAddDir
	// EditRemove stops tracking a file, or a directory and everything below it. What HEAD's tree holds stays in the
	// index as Removed until the next commit.
	EditRemove
	// EditKey gives a file a new key.
	EditKey
	// EditDirKey gives a directory a new key, and Complete.
	EditDirKey
)

// IndexEdit is one change to the tracked set, or to a key.
type IndexEdit struct {
	Path     string
	Op       EditOp
	Key      StatKey // EditKey, EditDirKey
	Complete bool    // EditDirKey
}

// RewriteIndex writes ix with the edits to w, which the caller then commits. The edits may come in any order; of several
// for one path the last one counts. Paths must be clean and relative to the root ("" is the root). A directory in or
// below which the tracked set changes loses its Tree and its Complete; where nothing changes blocks are copied. The base
// is that of ix, unless another was set.
func RewriteIndex(ix *Index, w *IndexWriter, edits []IndexEdit) error {
	w.inherit(ix.Base())
	root := new(editNode)
	for i := range edits {
		root.at(edits[i].Path).edit = &edits[i]
	}
	old, ok := ix.Dir("")
	if !ok && len(edits) == 0 {
		return nil
	}
	r := rewriter{ix: ix, w: w}
	_, err := r.dir("", old, root, false)
	return err
}

// editNode is the edits as a tree of paths.
type editNode struct {
	edit  *IndexEdit
	below map[string]*editNode
}

func (n *editNode) at(path string) *editNode {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		next := n.below[name]
		if next == nil {
			next = new(editNode)
			if n.below == nil {
				n.below = make(map[string]*editNode)
			}
			n.below[name] = next
		}
		n = next
	}
	return n
}

func (n *editNode) op(op EditOp) bool { return n != nil && n.edit != nil && n.edit.Op == op }

// adds reports whether anything at or below n becomes tracked, so that a directory must be there.
func (n *editNode) adds(files bool) bool {
	if n.op(EditAddDir) || files && n.op(EditAdd) {
		return true
	}
	for _, c := range n.below {
		if c.adds(true) {
			return true
		}
	}
	return false
}

type rewriter struct {
	ix *Index
	w  *IndexWriter
}

// dir writes one directory; old is nil if it is new, n is nil if nothing in it is edited. gone: a directory above was
// removed. It reports whether the tracked set changed.
func (r *rewriter) dir(path string, old *IndexDir, n *editNode, gone bool) (changed bool, err error) {
	if n == nil && !gone {
		return false, r.w.CopyDirs(r.ix, path)
	}
	if n == nil {
		n = new(editNode)
	}
	gone = gone || n.op(EditRemove) || n.op(EditAdd) && path != ""
	dirGone := gone && path != "" && !n.adds(false)
	if dirGone && (old == nil || old.Added) {
		return old != nil, nil
	}
	b := r.begin(path, old, n, dirGone)
	changed = old == nil || old.Removed != b.Removed
	filesChanged, err := r.files(b, old, n, gone)
	if err != nil {
		return false, err
	}
	dirsChanged, err := r.subdirs(path, old, n, gone)
	if err != nil {
		return false, err
	}
	if changed = changed || filesChanged || dirsChanged; changed {
		b.Tree, b.Complete = objects.TreeRef{}, false
	}
	return changed, r.w.WriteDir(b)
}

func (r *rewriter) begin(path string, old *IndexDir, n *editNode, gone bool) *DirBlock {
	var key StatKey
	if old != nil {
		key = old.Key
	}
	if n.op(EditDirKey) {
		key = n.edit.Key
	}
	b := r.w.Block(path, key)
	if old == nil {
		b.Added = path != ""
		return b
	}
	b.Raw, b.Tree, b.Complete, b.Added = old.Raw, old.Tree, old.Complete, old.Added
	b.Removed = gone || old.Removed && !n.adds(false)
	if n.op(EditDirKey) {
		b.Complete = n.edit.Complete
	} else {
		b.Racy = old.Racy
	}
	return b
}

// files writes the entries of a directory, old and new in order of names.
func (r *rewriter) files(b *DirBlock, old *IndexDir, n *editNode, gone bool) (changed bool, err error) {
	added := slices.Sorted(maps.Keys(n.below))
	addUntil := func(limit string, all bool) {
		for len(added) > 0 && (all || added[0] < limit) && err == nil {
			name := added[0]
			added = added[1:]
			if n.below[name].op(EditAdd) {
				changed = true
				err = b.Add(&IndexEntry{Name: name, Added: true})
			}
		}
	}
	if old != nil {
		old.Each(func(e *IndexEntry) bool {
			addUntil(e.Name, false)
			if len(added) > 0 && added[0] == e.Name {
				added = added[1:]
			}
			keep, differs := editEntry(e, n.below[e.Name], gone)
			changed = changed || differs
			if keep && err == nil {
				err = b.Add(e)
			}
			return err == nil
		})
	}
	addUntil("", true)
	return changed, err
}

// editEntry changes one entry, and says whether to keep it and whether the tracked set differs.
func editEntry(e *IndexEntry, n *editNode, gone bool) (keep, differs bool) {
	switch {
	case n.op(EditAdd):
		if e.Removed {
			e.Removed, e.Racy, e.Key = false, false, StatKey{}
			return true, true
		}
	case n.op(EditRemove) || gone || n != nil && n.adds(false):
		if e.Added {
			return false, true
		}
		differs = !e.Removed
		e.Removed = true
		return true, differs
	case n.op(EditKey):
		e.Key, e.Racy = n.edit.Key, false
	}
	return true, false
}

// subdirs writes what is below a directory.
func (r *rewriter) subdirs(path string, old *IndexDir, n *editNode, gone bool) (changed bool, err error) {
	known := make(map[string]bool)
	visit := func(sub string, d *IndexDir, c *editNode) {
		differs, e := r.dir(sub, d, c, gone)
		changed = changed || differs
		err = e
	}
	if old != nil {
		old.Subdirs(func(d *IndexDir) bool {
			_, name := splitPath(d.Path)
			if n.below[name] != nil {
				known[name] = true
			}
			visit(d.Path, d, n.below[name])
			return err == nil
		})
	}
	for _, name := range slices.Sorted(maps.Keys(n.below)) {
		c := n.below[name]
		if err == nil && !known[name] && c.adds(false) {
			visit(joinPath(path, name), nil, c)
		}
	}
	return changed, err
}
