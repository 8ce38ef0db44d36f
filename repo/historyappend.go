package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"evault/internal/historyindex"
	"evault/objects"
)

// catchUpAtCommit takes a new commit into the index, so that nobody who looks at the history later has to wait. Mostly its
// parents are in one of the newest segments, and no others need be opened. A history that is far behind, as after a clone, is
// left to who asks for it.
func (r *Repository) catchUpAtCommit(ctx context.Context, id objects.ID) {
	err := errStop
	if r.hist == nil {
		err = r.appendToHistory(ctx, id)
	}
	if err == errStop {
		err = r.catchUpFew(ctx, id)
	}
	if err != nil && err != errStop && ctx.Err() == nil {
		r.notes = append(r.notes, fmt.Sprintf("the commit is made, but the history index does not have it: %v", err))
	}
}

// catchUpFew opens the whole index and takes in a few commits; errStop: there are more.
func (r *Repository) catchUpFew(ctx context.Context, id objects.ID) error {
	const few = 64
	if r.hist == nil {
		h, err := r.openHistory()
		if err != nil {
			return err
		}
		r.hist = h
	}
	r.hist.ctx = ctx
	fresh, err := r.hist.missing(ctx, id, few)
	if err != nil {
		return err
	}
	return r.hist.take(ctx, fresh)
}

// appendToHistory adds a segment with one commit to an index that is not open; errStop: that cannot be done without opening
// all of it.
func (r *Repository) appendToHistory(ctx context.Context, id objects.ID) error {
	names, err := listAll(r.local, historyDir)
	if err != nil {
		return errStop
	}
	data, c, err := r.readCommit(ctx, id)
	if err != nil {
		return err
	}
	h := &history{repo: r, ctx: ctx, segments: historyRow(names)}
	if err := h.rowIsWhole(); err != nil || len(c.Parents) == 0 {
		return errStop
	}
	if err := h.holdsLately(c.Parents); err != nil {
		return errStop // a damaged one is found and dropped where all is opened
	}
	parent, err := r.firstParentTree(ctx, c)
	if err != nil {
		return err
	}
	var b historyindex.Builder
	d := historyDiff{ctx: ctx, src: r.db}
	if err := d.add(&b, newCommit{id: id, commit: c, data: data}, parent); err != nil {
		return err
	}
	return errors.Join(h.appendFile(&b), h.codec.Close())
}

// rowIsWhole looks at the sizes of all segments and refuses a row with gaps, or with files that a crash has left.
func (h *history) rowIsWhole() error {
	next := uint64(0)
	for _, s := range h.segments {
		if next > 0 && s.from != next {
			return errStop
		}
		next = s.to + 1
		st, err := h.repo.local.LstatStat(path.Join(historyDir, historyName(s.from, s.to)))
		if err != nil {
			return err
		}
		s.size = st.Size
	}
	if next == 0 {
		return errStop
	}
	return nil
}

// lateBytes is how large the segments may be, together, in which the parents of a new commit are looked for.
const lateBytes = 1 << 20

// holdsLately reports, by nil, that all of some commits are in the newest segments.
func (h *history) holdsLately(wanted []objects.ID) error {
	left := map[objects.ID]bool{}
	for _, id := range wanted {
		left[id] = true
	}
	size := int64(0)
	for i := len(h.segments) - 1; i >= 0; i-- {
		s := h.segments[i]
		if size += s.size; size > lateBytes && i < len(h.segments)-1 {
			break
		}
		err := h.withFile(s, func(index *historyindex.Segment) error {
			return index.Graph(func(n *historyindex.Node) error {
				delete(left, n.ID)
				return nil
			})
		})
		if err != nil || len(left) == 0 {
			return err
		}
	}
	return errStop
}

// withFile opens the file of a segment for a while.
func (h *history) withFile(s *historySegment, do func(*historyindex.Segment) error) error {
	file, err := h.repo.local.OpenHandle(path.Join(historyDir, historyName(s.from, s.to)), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	index, err := h.readSegment(file, s.size)
	if err == nil {
		err = do(index)
	}
	return errors.Join(err, file.Close())
}

// appendFile writes a segment behind the others, none of which is open. The lock is held.
func (h *history) appendFile(b *historyindex.Builder) error {
	data, err := h.encodeSegment(b)
	if err != nil {
		return err
	}
	next := h.segments[len(h.segments)-1].to + 1
	s := &historySegment{from: next, to: next, size: int64(len(data))}
	return h.publish(h.ctx, s, data)
}
