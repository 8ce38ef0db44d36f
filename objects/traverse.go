package objects

import (
	"context"
	"errors"
	"fmt"
)

// Edge is one step of a traversal: an object, and what the one that names it
// claims about it.
type Edge struct {
	ID     ID
	Kind   Kind
	Path   string // of the file or directory within its commit's tree; "" for commits and the root
	Commit ID     // the commit on the way to it

	Length uint64 // chunks and file lists: bytes of the file that it holds
	// Entries and Bytes are the claimed recursive totals of a tree node. They are
	// known for all trees but nothing else.
	Entries uint64
	Bytes   uint64
}

// Traversal visits everything reachable from commits, each edge from the naming
// object to the named one. It has no memory of what it has seen: Visit keeps that if it
// wants to, and says for each edge whether to go below it (again).
//
// Order: a commit, its whole tree in path order, then its parents. Tree nodes and
// file lists come before what is in them. What is held at a time is the commits still
// to come and one node for each level of nesting.
type Traversal struct {
	Source Source
	// Visit is called for each edge before the object is read. If it returns false, the
	// object is not read and nothing below it visited; for a chunk it means nothing. An
	// error ends the traversal and is returned as it is.
	Visit func(e *Edge) (descend bool, err error)
	// Damaged is called when an object cannot be read or breaks a rule. If it returns
	// nil, the traversal goes on without what is below. If Damaged is nil, the error
	// ends the traversal, with the object and its path named.
	Damaged func(e *Edge, err error) error
}

// Reachable visits all that is reachable from the commits in roots; see Traversal
// for what visit is told and may say. path is that of the first way that led to the
// object. The first object that cannot be read ends it.
func Reachable(ctx context.Context, src Source, roots []ID, visit func(id ID, kind Kind, path string) (descend bool, err error)) error {
	t := Traversal{Source: src, Visit: func(e *Edge) (bool, error) { return visit(e.ID, e.Kind, e.Path) }}
	return t.Run(ctx, roots)
}

// Run traverses from the commits in roots, in that order.
func (t *Traversal) Run(ctx context.Context, roots []ID) error {
	type pending struct {
		id    ID
		child uint64 // generation of the commit that names it as a parent, 0 for a root
	}
	var stack []pending
	push := func(ids []ID, child uint64) {
		for i := len(ids) - 1; i >= 0; i-- {
			stack = append(stack, pending{ids[i], child})
		}
	}
	push(roots, 0)
	for len(stack) > 0 {
		next := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		e := Edge{ID: next.id, Kind: KindCommit, Commit: next.id}
		descend, err := t.enter(ctx, &e)
		if err != nil {
			return err
		}
		if !descend {
			continue
		}
		c, err := readCommit(ctx, t.Source, next.id, next.child)
		if err != nil {
			if err := t.damaged(&e, err); err != nil {
				return err
			}
			continue
		}
		if err := t.root(ctx, next.id, c); err != nil {
			return err
		}
		push(c.Parents, c.Generation)
	}
	return nil
}

// enter asks Visit about an edge.
func (t *Traversal) enter(ctx context.Context, e *Edge) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return t.Visit(e)
}

// damaged reports err about the object of an edge.
func (t *Traversal) damaged(e *Edge, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if t.Damaged != nil {
		return t.Damaged(e, err)
	}
	if e.Kind == KindCommit {
		return fmt.Errorf("commit %s: %w", e.ID.Short(), err)
	}
	return fmt.Errorf("commit %s, %.300q: %w", e.Commit.Short(), e.Path, err)
}

func (t *Traversal) root(ctx context.Context, id ID, c *Commit) error {
	e := Edge{ID: c.Tree, Kind: KindTree, Commit: id, Entries: c.Entries, Bytes: c.Bytes}
	return t.tree(ctx, &e, -1, nil, 0)
}

// tree visits a tree node and what is below it. level and want are what the node
// above it claims: -1 and nil for a directory's root.
func (t *Traversal) tree(ctx context.Context, e *Edge, level int, want *claim, depth int) error {
	if descend, err := t.enter(ctx, e); err != nil || !descend {
		return err
	}
	if depth > MaxDepth {
		return t.damaged(e, tooLarge("directory depth", uint64(depth), MaxDepth))
	}
	var r nodeReader
	if err := openNode(ctx, t.Source, &r, e.ID, level); err != nil {
		return t.damaged(e, err)
	}
	if want == nil { // the root of a directory: nothing claims a first name or a count
		want = &claim{ChildRef: ChildRef{Count: e.Entries, Entries: e.Entries, Bytes: e.Bytes}}
	}
	return t.items(ctx, e, &r, want, level, depth)
}

// items goes through the entries or children of an opened node.
func (t *Traversal) items(ctx context.Context, e *Edge, r *nodeReader, want *claim, level, depth int) error {
	var entry Entry
	for first := level >= 0; r.left > 0; first = false {
		var c ChildRef
		var err error
		if r.level == 0 {
			_, err = r.nextEntry(&entry)
		} else {
			c, err = r.nextChild()
		}
		if err == nil {
			err = r.within(want, first)
		}
		if err != nil {
			return t.damaged(e, treeError(e.ID, err))
		}
		if r.level == 0 {
			err = t.entry(ctx, e, &entry, depth)
		} else {
			below := Edge{ID: c.ID, Kind: KindTree, Path: e.Path, Commit: e.Commit, Entries: c.Entries, Bytes: c.Bytes}
			err = t.tree(ctx, &below, int(r.level)-1, r.claim(c, want), depth)
		}
		if err != nil {
			return err
		}
	}
	if level < 0 {
		want.Count = r.count
	}
	if err := r.finish(want); err != nil {
		return t.damaged(e, treeError(e.ID, err))
	}
	return nil
}

// entry visits what one entry names.
func (t *Traversal) entry(ctx context.Context, dir *Edge, entry *Entry, depth int) error {
	below := Edge{Commit: dir.Commit}
	switch {
	case entry.IsDir():
		below.ID, below.Kind = entry.Tree, KindTree
		below.Entries, below.Bytes = entry.Entries, entry.Bytes
	case entry.Type == TypeFile && entry.Content.Kind == ContentChunk:
		below.ID, below.Kind, below.Length = entry.Content.ID, KindChunk, entry.Size
	case entry.Type == TypeFile && entry.Content.Kind == ContentFileList:
		below.ID, below.Kind, below.Length = entry.Content.ID, KindFileList, entry.Size
	default:
		return nil
	}
	path, err := joinPath(dir.Path, entry.Name)
	if err != nil {
		return t.damaged(dir, err)
	}
	below.Path = path
	switch below.Kind {
	case KindTree:
		return t.tree(ctx, &below, -1, nil, depth+1)
	case KindFileList:
		return t.list(ctx, &below, -1)
	}
	_, err = t.enter(ctx, &below)
	return err
}

// list visits a file list node and what is below it.
func (t *Traversal) list(ctx context.Context, e *Edge, level int) error {
	if descend, err := t.enter(ctx, e); err != nil || !descend {
		return err
	}
	var r listReader
	if err := openList(ctx, t.Source, &r, e.ID, level); err != nil {
		return t.damaged(e, err)
	}
	for r.left > 0 {
		below := Edge{Kind: KindChunk, Path: e.Path, Commit: e.Commit}
		var err error
		var x Extent
		if r.level == 0 {
			x, err = r.nextExtent()
			below.ID, below.Length = x.ID, x.Length
		} else {
			var c ListRef
			c, err = r.nextChild()
			below.Kind, below.ID, below.Length = KindFileList, c.ID, c.Length
		}
		switch {
		case err != nil:
			return t.damaged(e, listError(e.ID, err))
		case below.Kind == KindFileList:
			err = t.list(ctx, &below, int(r.level)-1)
		case !x.Hole:
			_, err = t.enter(ctx, &below)
		}
		if err != nil {
			return err
		}
	}
	if err := r.finish(e.Length); err != nil {
		return t.damaged(e, listError(e.ID, err))
	}
	return nil
}
