package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Difference visits what one directory needs and others, its bases, do not: the tree
// nodes, file lists and chunks below it that are not at the same place below one of
// the bases. What has equal IDs is not looked at, at the level of nodes and not only of
// directories, so the cost follows the difference.
//
// An object that a base holds somewhere else is visited: to know of that would take
// reading the whole base.
type Difference struct {
	Source Source
	// Visit is called for each edge before the object is read; if it returns false, the
	// object is not read and nothing below it visited. It is how the caller keeps an
	// object from being read twice. For a chunk the answer means nothing. An error ends
	// the walk and is returned as it is.
	Visit func(e *Edge) (descend bool, err error)
	// Damaged is called when an object that Visit was told of cannot be read or breaks
	// a rule of its encoding. If it returns nil, the walk goes on without what is below.
	// If Damaged is nil, the error ends the walk, with commit and path named. A node of a
	// base that cannot be read counts as not being there. That totals are those that the
	// node above claims is not checked here.
	Damaged func(e *Edge, err error) error
}

// Run compares the root directory of a commit, whose root node is tree, with the bases.
// Of an Edge, Length, Entries and Bytes are not set.
func (d *Difference) Run(ctx context.Context, commit, tree ID, bases []ID) error {
	w := differ{ctx: ctx, Difference: d}
	return w.dir(&Edge{ID: tree, Kind: KindTree, Commit: commit}, bases, 0)
}

type differ struct {
	ctx context.Context
	*Difference
}

// failed reports that the object of an edge cannot be used.
func (w *differ) failed(e *Edge, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if w.Damaged != nil {
		return w.Damaged(e, err)
	}
	return fmt.Errorf("commit %s, %.300q: %w", e.Commit.Short(), e.Path, err)
}

// nodeKind is what trees and file lists have in common: leaves below interior nodes.
type nodeKind[T any] struct {
	kind   Kind
	decode func(data []byte) (*T, error)
	level  func(n *T) int
	below  func(n *T) []ID
}

func treeKind() nodeKind[TreeNode] {
	return nodeKind[TreeNode]{KindTree, DecodeTree, func(n *TreeNode) int { return int(n.Level) }, func(n *TreeNode) []ID {
		ids := make([]ID, len(n.Children))
		for i := range n.Children {
			ids[i] = n.Children[i].ID
		}
		return ids
	}}
}

func listKind() nodeKind[ListNode] {
	return nodeKind[ListNode]{KindFileList, DecodeFileList, func(n *ListNode) int { return int(n.Level) }, func(n *ListNode) []ID {
		ids := make([]ID, len(n.Children))
		for i := range n.Children {
			ids[i] = n.Children[i].ID
		}
		return ids
	}}
}

// nodeRef is a node that is compared, read when that is needed.
type nodeRef[T any] struct {
	id   ID
	node *T
}

// layer is what is left of one directory or file at one level of nodes, in order.
type layer[T any] struct {
	refs  []nodeRef[T]
	level int
}

func (k *nodeKind[T]) load(w *differ, r *nodeRef[T], level int) error {
	if r.node != nil {
		return nil
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	data, err := w.Source.Get(w.ctx, r.id, k.kind)
	if err != nil {
		return err
	}
	if r.node, err = k.decode(data); err != nil {
		return err
	}
	if at := k.level(r.node); level >= 0 && at != level {
		return malformed("%s %s of level %d under a node of level %d", k.kind, r.id.Short(), at, level+1)
	}
	return nil
}

// root begins the comparison at a root node.
func (k *nodeKind[T]) root(w *differ, id ID) (layer[T], error) {
	l := layer[T]{refs: []nodeRef[T]{{id: id}}}
	err := k.load(w, &l.refs[0], -1)
	if err == nil {
		l.level = k.level(l.refs[0].node)
	}
	return l, err
}

// baseRoots begins it at the roots of the bases, those that can be read.
func (k *nodeKind[T]) baseRoots(w *differ, ids []ID) ([]layer[T], error) {
	var out []layer[T]
	for _, id := range ids {
		l, err := k.root(w, id)
		if w.ctx.Err() != nil {
			return nil, w.ctx.Err()
		}
		if err == nil {
			out = append(out, l)
		}
	}
	return out, nil
}

// leaves goes down to the leaves that only the new one has and those that only the bases have. Visit is asked about each
// node that only the new one has.
func (k *nodeKind[T]) leaves(w *differ, e *Edge, fresh layer[T], bases []layer[T]) (layer[T], []layer[T], error) {
	for {
		if err := k.dropShared(w, e, &fresh, bases); err != nil {
			return fresh, nil, err
		}
		top := fresh.level
		for i := range bases {
			top = max(top, bases[i].level)
		}
		if top == 0 || len(fresh.refs) == 0 {
			return fresh, bases, nil
		}
		for i := range bases {
			if bases[i].level == top {
				// What cannot be read is not there.
				if err := k.descend(w, &bases[i], func(*nodeRef[T], error) error { return w.ctx.Err() }); err != nil {
					return fresh, nil, err
				}
			}
		}
		if fresh.level == top {
			err := k.descend(w, &fresh, func(r *nodeRef[T], err error) error {
				at := *e
				at.ID, at.Kind = r.id, k.kind
				return w.failed(&at, err)
			})
			if err != nil {
				return fresh, nil, err
			}
		}
	}
}

// dropShared removes the nodes that a base of the same level has, too, on both sides, and then those that Visit does not
// want. The root of the new one was asked about before.
func (k *nodeKind[T]) dropShared(w *differ, e *Edge, fresh *layer[T], bases []layer[T]) error {
	mine := make(map[ID]struct{}, len(fresh.refs))
	for i := range fresh.refs {
		mine[fresh.refs[i].id] = struct{}{}
	}
	shared := map[ID]struct{}{}
	for i := range bases {
		if bases[i].level != fresh.level {
			continue
		}
		bases[i].refs = slices.DeleteFunc(bases[i].refs, func(r nodeRef[T]) bool {
			_, both := mine[r.id]
			if both {
				shared[r.id] = struct{}{}
			}
			return both
		})
	}
	var failed error
	at := *e
	fresh.refs = slices.DeleteFunc(fresh.refs, func(r nodeRef[T]) bool {
		if _, both := shared[r.id]; both || failed != nil {
			return true
		}
		if r.id == e.ID {
			return false
		}
		at.ID, at.Kind = r.id, k.kind
		var wanted bool
		wanted, failed = w.Visit(&at)
		return !wanted
	})
	return failed
}

// descend replaces the nodes of a layer by their children, each once however often a hostile node names it.
func (k *nodeKind[T]) descend(w *differ, l *layer[T], failed func(r *nodeRef[T], err error) error) error {
	var below []nodeRef[T]
	seen := map[ID]struct{}{}
	for i := range l.refs {
		r := &l.refs[i]
		if err := k.load(w, r, l.level); err != nil {
			if err := failed(r, err); err != nil {
				return err
			}
			continue
		}
		for _, id := range k.below(r.node) {
			if _, again := seen[id]; !again {
				seen[id] = struct{}{}
				below = append(below, nodeRef[T]{id: id})
			}
		}
	}
	l.refs, l.level = below, l.level-1
	return nil
}

// dir compares a directory.
func (w *differ) dir(e *Edge, bases []ID, depth int) error {
	if slices.Contains(bases, e.ID) {
		return nil
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if descend, err := w.Visit(e); err != nil || !descend {
		return err
	}
	if depth > MaxDepth {
		return w.failed(e, tooLarge("directory depth", uint64(depth), MaxDepth))
	}
	k := treeKind()
	fresh, err := k.root(w, e.ID)
	if err != nil {
		return w.failed(e, err)
	}
	olds, err := k.baseRoots(w, bases)
	if err != nil {
		return err
	}
	fresh, olds, err = k.leaves(w, e, fresh, olds)
	if err != nil {
		return err
	}
	cursors := make([]dirCursor, len(olds))
	for i := range olds {
		cursors[i] = dirCursor{w: w, refs: olds[i].refs}
	}
	for i := range fresh.refs {
		r := fresh.refs[i] // a copy, so that no more than one leaf is held
		at := *e
		at.ID = r.id
		if err := k.load(w, &r, 0); err != nil {
			if err := w.failed(&at, err); err != nil {
				return err
			}
			continue
		}
		for j := range r.node.Entries {
			if err := w.entry(&at, &r.node.Entries[j], cursors, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// dirCursor finds names, asked for in ascending order, in the leaves that only a base has.
type dirCursor struct {
	w    *differ
	refs []nodeRef[TreeNode]
	at   []Entry
}

func (c *dirCursor) find(name string) *Entry {
	k := treeKind()
	for {
		for len(c.at) > 0 && c.at[0].Name < name {
			c.at = c.at[1:]
		}
		if len(c.at) > 0 {
			if c.at[0].Name == name {
				return &c.at[0]
			}
			return nil
		}
		if len(c.refs) == 0 {
			return nil
		}
		r := c.refs[0]
		c.refs = c.refs[1:]
		if k.load(c.w, &r, 0) == nil {
			c.at = r.node.Entries
		}
	}
}

// entry compares what one entry names with what the bases have under that name.
func (w *differ) entry(dir *Edge, entry *Entry, cursors []dirCursor, depth int) error {
	if !entry.IsDir() && (entry.Type != TypeFile || entry.Content.Kind < ContentChunk) {
		return nil
	}
	below := Edge{Commit: dir.Commit}
	var trees, lists []ID
	var chunks map[ID]struct{}
	for i := range cursors {
		old := cursors[i].find(entry.Name)
		switch {
		case old == nil:
		case old.IsDir():
			trees = append(trees, old.Tree)
		case old.Type == TypeFile && old.Content.Kind == ContentFileList:
			lists = append(lists, old.Content.ID)
		case old.Type == TypeFile && old.Content.Kind == ContentChunk:
			if chunks == nil {
				chunks = map[ID]struct{}{}
			}
			chunks[old.Content.ID] = struct{}{}
		}
	}
	path, err := joinPath(dir.Path, entry.Name)
	if err != nil {
		return w.failed(dir, err)
	}
	below.Path = path
	switch {
	case entry.IsDir():
		below.ID, below.Kind = entry.Tree, KindTree
		return w.dir(&below, trees, depth+1)
	case entry.Content.Kind == ContentFileList:
		below.ID, below.Kind = entry.Content.ID, KindFileList
		return w.list(&below, lists, chunks)
	}
	below.ID, below.Kind = entry.Content.ID, KindChunk
	return w.chunk(&below, chunks)
}

func (w *differ) chunk(e *Edge, known map[ID]struct{}) error {
	if _, ok := known[e.ID]; ok {
		return nil
	}
	_, err := w.Visit(e)
	return err
}

// maxKnownChunks bounds how many chunks of the bases' file are remembered. Of a file that was rewritten from end to end,
// and is longer than about 60 GB, chunks may be visited that a base has.
const maxKnownChunks = 1 << 18

// list compares the file list of a file.
func (w *differ) list(e *Edge, bases []ID, known map[ID]struct{}) error {
	if slices.Contains(bases, e.ID) {
		return nil
	}
	if descend, err := w.Visit(e); err != nil || !descend {
		return err
	}
	k := listKind()
	fresh, err := k.root(w, e.ID)
	if err != nil {
		return w.failed(e, err)
	}
	olds, err := k.baseRoots(w, bases)
	if err != nil {
		return err
	}
	fresh, olds, err = k.leaves(w, e, fresh, olds)
	if err != nil {
		return err
	}
	if known, err = w.knownChunks(olds, known); err != nil {
		return err
	}
	for i := range fresh.refs {
		r := fresh.refs[i]
		at := *e
		at.ID = r.id
		if err := k.load(w, &r, 0); err != nil {
			if err := w.failed(&at, err); err != nil {
				return err
			}
			continue
		}
		for j := range r.node.Extents {
			x := &r.node.Extents[j]
			if x.Hole {
				continue
			}
			if err := w.chunk(&Edge{ID: x.ID, Kind: KindChunk, Path: e.Path, Commit: e.Commit}, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// knownChunks adds the chunks of the leaves that only the bases have.
func (w *differ) knownChunks(olds []layer[ListNode], known map[ID]struct{}) (map[ID]struct{}, error) {
	k := listKind()
	for i := range olds {
		for _, r := range olds[i].refs {
			if len(known) >= maxKnownChunks {
				return known, nil
			}
			if err := k.load(w, &r, 0); err != nil {
				if w.ctx.Err() != nil {
					return nil, w.ctx.Err()
				}
				continue
			}
			if known == nil {
				known = map[ID]struct{}{}
			}
			for j := range r.node.Extents {
				known[r.node.Extents[j].ID] = struct{}{}
			}
		}
	}
	return known, nil
}
