package objects

import (
	"context"
	"fmt"
)

// Extents calls each for the chunks and holes of a file in order. The lengths add
// up to size, or the error wraps ErrMalformed; what goes beyond size is never given to
// each. An empty content has no extents, nor has an inline one: its bytes are in
// c.Inline. An error of each ends the reading and is returned as it is.
//
// An extent's length is what the list claims: who reads the chunk compares it with
// the chunk's own length. One node of each level is held at a time.
func Extents(ctx context.Context, src Source, c Content, size uint64, each func(Extent) error) error {
	if size > MaxFileSize || c.Kind <= ContentFileList && !c.fits(size) {
		return malformed("size %d does not fit the content", size)
	}
	switch c.Kind {
	case ContentEmpty, ContentInline:
		return nil
	case ContentChunk:
		return each(Extent{ID: c.ID, Length: size})
	case ContentFileList:
		r := extentReader{ctx: ctx, src: src, each: each}
		return r.node(ListRef{c.ID, size}, -1)
	}
	return newer("content kind %d", c.Kind)
}

type extentReader struct {
	ctx  context.Context
	src  Source
	each func(Extent) error
	hole bool // the last extent given out was a hole
}

// listError names the node that err is about.
func listError(id ID, err error) error { return fmt.Errorf("file list %s: %w", id.Short(), err) }

// openList gets a node and reads its header. level is what its parent says, or -1
// for the root, which must have a reason to be a list.
func openList(ctx context.Context, src Source, r *listReader, id ID, level int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := src.Get(ctx, id, KindFileList)
	if err != nil {
		return err
	}
	if err := r.open(data); err != nil {
		return listError(id, err)
	}
	if level >= 0 && int(r.level) != level {
		return listError(id, malformed("level %d under a node of level %d", r.level, level+1))
	}
	if level < 0 && r.level > 0 && r.left == 1 {
		return listError(id, malformed("root with one child"))
	}
	return nil
}

// node gives out all extents below one node, which claims ref.Length bytes.
func (x *extentReader) node(ref ListRef, level int) error {
	var r listReader
	if err := openList(x.ctx, x.src, &r, ref.ID, level); err != nil {
		return err
	}
	single := level < 0 && r.level == 0 && r.left == 1
	for r.left > 0 {
		var err error
		if r.level == 0 {
			err = x.extent(&r, ref, single)
		} else {
			err = x.child(&r, ref)
		}
		if err != nil {
			return err
		}
	}
	if err := r.finish(ref.Length); err != nil {
		return listError(ref.ID, err)
	}
	return nil
}

func (x *extentReader) extent(r *listReader, ref ListRef, single bool) error {
	e, err := r.nextExtent()
	switch {
	case err != nil:
	case r.length > ref.Length:
		err = malformed("more than the %d bytes claimed", ref.Length)
	case e.Hole && x.hole:
		err = malformed("two holes in a row")
	case single && !e.Hole:
		err = malformed("list of one chunk")
	}
	if err != nil {
		return listError(ref.ID, err)
	}
	x.hole = e.Hole
	return x.each(e)
}

func (x *extentReader) child(r *listReader, ref ListRef) error {
	c, err := r.nextChild()
	if err == nil && r.length > ref.Length {
		err = malformed("more than the %d bytes claimed", ref.Length)
	}
	if err != nil {
		return listError(ref.ID, err)
	}
	return x.node(c, int(r.level)-1)
}

// finish checks the end of a node, and that it has as many bytes as claimed.
func (r *listReader) finish(length uint64) error {
	if err := r.d.End("file list"); err != nil {
		return err
	}
	if r.length != length {
		return malformed("%d bytes where %d were claimed", r.length, length)
	}
	return nil
}
