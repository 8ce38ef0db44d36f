package objects

import (
	"context"
	"fmt"
)

// ReadDir calls each for every entry of the directory whose root node is id, in
// ascending order of names, whatever nodes it is split into. raw is the entry's
// encoding. e and raw are good until each returns: keep e.Clone(). An error of each
// ends the reading and is returned as it is.
//
// Order, first names and totals are checked across nodes. One node of each level is
// held at a time.
func ReadDir(ctx context.Context, src Source, id ID, each func(e *Entry, raw []byte) error) error {
	d := dirReader{ctx: ctx, src: src, each: each}
	_, err := d.node(id, nil, -1)
	return err
}

// ReadDirExact is ReadDir for a directory of known totals, as its entry or commit
// has them. Totals that are not exactly these are ErrMalformed, found before more
// entries than claimed have been given to each.
func ReadDirExact(ctx context.Context, src Source, ref TreeRef, each func(e *Entry, raw []byte) error) error {
	d := dirReader{ctx: ctx, src: src, each: each, want: &ref}
	sum, err := d.node(ref.ID, nil, -1)
	if err == nil && (sum.Entries != ref.Entries || sum.Bytes != ref.Bytes) {
		return treeError(ref.ID, malformed("%d entries and %d bytes where %d and %d were claimed",
			sum.Entries, sum.Bytes, ref.Entries, ref.Bytes))
	}
	return err
}

// dirReader is the state of reading one directory.
type dirReader struct {
	ctx   context.Context
	src   Source
	each  func(e *Entry, raw []byte) error
	want  *TreeRef // what the whole directory may add up to, nil if it is not known
	entry Entry    // the one that each sees

	entries, bytes uint64 // totals given to each so far
}

// treeError names the node that err is about.
func treeError(id ID, err error) error { return fmt.Errorf("tree %s: %w", id.Short(), err) }

// openNode gets a node and reads its header. level is what its parent says, or -1.
func openNode(ctx context.Context, src Source, r *nodeReader, id ID, level int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := src.Get(ctx, id, KindTree)
	if err != nil {
		return err
	}
	if err := r.open(data); err != nil {
		return treeError(id, err)
	}
	if level >= 0 && int(r.level) != level {
		return treeError(id, malformed("level %d under a node of level %d", r.level, level+1))
	}
	return nil
}

// node reads the node id and all below it. want is what its parent claims of it,
// nil for the root.
func (d *dirReader) node(id ID, want *claim, level int) (sum ChildRef, err error) {
	var r nodeReader
	if err := openNode(d.ctx, d.src, &r, id, level); err != nil {
		return sum, err
	}
	first := true
	for r.left > 0 {
		if r.level == 0 {
			err = d.leafEntry(&r, id, want, first)
		} else {
			err = d.child(&r, id, want, first)
		}
		if err != nil {
			return sum, err
		}
		first = false
	}
	if err := r.finish(want); err != nil {
		return sum, treeError(id, err)
	}
	return ChildRef{Count: r.count, Entries: r.entries, Bytes: r.bytes}, nil
}

func (d *dirReader) leafEntry(r *nodeReader, id ID, want *claim, first bool) error {
	raw, err := r.nextEntry(&d.entry)
	if err == nil {
		err = r.within(want, first)
	}
	if err == nil {
		err = d.account()
	}
	if err != nil {
		return treeError(id, err)
	}
	return d.each(&d.entry, raw)
}

// account adds the entry to the totals, and finds a directory that is larger than
// claimed before the entry is handed out.
func (d *dirReader) account() error {
	entries, bytes := d.entry.Totals()
	d.entries += entries + 1
	d.bytes += bytes
	if d.want != nil && (d.entries > d.want.Entries || d.bytes > d.want.Bytes) {
		return malformed("more than the %d entries and %d bytes claimed", d.want.Entries, d.want.Bytes)
	}
	return nil
}

func (d *dirReader) child(r *nodeReader, id ID, want *claim, first bool) error {
	c, err := r.nextChild()
	if err == nil {
		err = r.within(want, first)
	}
	if err != nil {
		return treeError(id, err)
	}
	_, err = d.node(c.ID, r.claim(c, want), int(r.level)-1)
	return err
}

// claim is what the node above says of a node.
type claim struct {
	ChildRef
	before string // all names are less than this, if it is not empty
}

// claim returns what this node, of which want is claimed, says of the child taken
// last.
func (r *nodeReader) claim(c ChildRef, want *claim) *claim {
	below := &claim{ChildRef: c}
	if want != nil {
		below.before = want.before
	}
	if r.left > 0 { // look ahead at the next child's first name
		next := r.d
		below.before = next.text("", MaxName, "first name")
	}
	return below
}

// within checks, after each item, that the node is not more than its parent
// claims, and begins with the name that its parent says.
func (r *nodeReader) within(want *claim, first bool) error {
	switch {
	case want == nil:
		return nil
	case first && r.last != want.First:
		return malformed("begins with %q where %q was claimed", r.last, want.First)
	case want.before != "" && r.last >= want.before:
		return malformed("name %q is out of order", r.last)
	case r.count > want.Count || r.entries > want.Entries || r.bytes > want.Bytes:
		return malformed("more than the %d entries and %d bytes claimed", want.Entries, want.Bytes)
	}
	return nil
}

// finish checks the end of a node, and that it is no less than its parent claims.
func (r *nodeReader) finish(want *claim) error {
	if err := r.d.End("tree"); err != nil {
		return err
	}
	if want != nil && (r.count != want.Count || r.entries != want.Entries || r.bytes != want.Bytes) {
		return malformed("%d entries and %d bytes where %d and %d were claimed",
			r.entries, r.bytes, want.Entries, want.Bytes)
	}
	return nil
}
