package repo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"evault/internal/historyindex"
	"evault/objects"
)

// historyBatch is about how many bytes of commits and changes are gathered for one segment.
const historyBatch = 48 << 20

// newCommit is a commit on its way into the index.
type newCommit struct {
	id     objects.ID
	commit *objects.Commit
	data   []byte
}

// need makes sure that the index holds a commit and all before it. After an error it holds what could be read and verified of
// them.
func (h *history) need(ctx context.Context, tip objects.ID) error {
	if _, ok := h.number(tip); ok {
		return nil
	}
	fresh, err := h.missing(ctx, tip, 0)
	if err != nil {
		return err
	}
	return h.take(ctx, fresh)
}

// missing reads the commits that lead to a tip and are not in the index, parents before children; more than limit (0: none)
// are errStop.
func (h *history) missing(ctx context.Context, tip objects.ID, limit int) ([]newCommit, error) {
	var found []newCommit
	generation := map[objects.ID]uint64{}
	for stack := []objects.ID{tip}; len(stack) > 0; {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if _, ok := generation[id]; ok {
			continue
		}
		if _, ok := h.number(id); ok {
			continue
		}
		if limit > 0 && len(found) == limit {
			return nil, errStop
		}
		data, c, err := h.repo.readCommit(ctx, id)
		if err != nil {
			return nil, err
		}
		generation[id] = c.Generation
		found = append(found, newCommit{id, c, data})
		stack = append(stack, c.Parents...)
	}
	for _, f := range found {
		for _, p := range f.commit.Parents {
			g, ok := generation[p]
			if !ok {
				n, _ := h.number(p)
				g = h.nodes[n].generation
			}
			if g >= f.commit.Generation {
				return nil, fmt.Errorf("commit %s: %w: generation %d of a parent of one of generation %d", f.id.Short(), ErrDamaged, g, f.commit.Generation)
			}
		}
	}
	slices.SortFunc(found, func(a, b newCommit) int {
		return cmp.Or(cmp.Compare(a.commit.Generation, b.commit.Generation), a.commit.Time.Compare(b.commit.Time), a.id.Compare(b.id))
	})
	return found, nil
}

// take compares commits with their first parents and adds them to the index.
func (h *history) take(ctx context.Context, fresh []newCommit) error {
	if len(fresh) == 0 {
		return nil
	}
	db, err := h.repo.database()
	if err != nil {
		return err
	}
	trees := make(map[objects.ID]objects.TreeRef, len(fresh))
	var b historyindex.Builder
	d := historyDiff{ctx: ctx, src: db}
	for _, f := range fresh {
		parent, err := h.firstTree(f.commit, trees)
		if err != nil {
			return err
		}
		if err := d.add(&b, f, parent); err != nil {
			return cmp.Or(h.flush(ctx, &b), err) // what came before it is complete, and is kept
		}
		trees[f.id] = f.commit.Root()
		if b.Bytes() > historyBatch {
			if err := h.flush(ctx, &b); err != nil {
				return err
			}
		}
	}
	return h.flush(ctx, &b)
}

func (h *history) flush(ctx context.Context, b *historyindex.Builder) error {
	if b.Len() == 0 {
		return nil
	}
	return h.append(ctx, b)
}

// add compares a commit's tree with that of its first parent and adds both to a segment.
func (d *historyDiff) add(b *historyindex.Builder, f newCommit, parent objects.TreeRef) error {
	if err := d.compare(parent, f.commit.Root()); err != nil {
		return fmt.Errorf("commit %s: %w", f.id.Short(), err)
	}
	c := historyindex.Commit{ID: f.id, Generation: f.commit.Generation, Sec: f.commit.Time.Sec, Nsec: f.commit.Time.Nsec, Data: f.data}
	for _, p := range f.commit.Parents {
		c.Parents = append(c.Parents, p)
	}
	n := b.Commit(c)
	for i := range d.found {
		d.found[i].touch.Commit = n
		b.Touch(d.found[i].path, d.found[i].touch)
	}
	return nil
}

// maxHistoryTouches is how many changed paths of one commit the index takes, at about 150 bytes of memory each. A commit with
// more is not in the index, and history is read without it.
const maxHistoryTouches = 8 << 20

// compare finds what differs between two trees. A tree of few nodes can spell out more paths than any machine can list, so
// that no more are taken than the trees say they have, and none are looked for where that is too many.
func (d *historyDiff) compare(was, is objects.TreeRef) error {
	d.found = d.found[:0]
	d.room = int(min(was.Entries+is.Entries, maxHistoryTouches))
	more, fewer := max(was.Entries, is.Entries), min(was.Entries, is.Entries)
	if more-fewer > maxHistoryTouches {
		return fmt.Errorf("%w: %d entries more or less than before", objects.ErrLimit, more-fewer)
	}
	walk := treeDiff{src: d.src, entries: d.note}
	return walk.trees(d.ctx, "", was.ID, is.ID)
}

// note takes one path that may have changed.
func (d *historyDiff) note(full string, was, is *objects.Entry) error {
	c, changed := compareEntries(full, was, is)
	if !changed {
		return nil
	}
	if len(d.found) >= d.room {
		if d.room < maxHistoryTouches {
			return fmt.Errorf("%w: the trees hold more than the %d entries that they say", ErrDamaged, d.room)
		}
		return fmt.Errorf("%w: more than %d changed paths", objects.ErrLimit, maxHistoryTouches)
	}
	d.found = append(d.found, foundTouch{full, d.touch(full, &c, was, is)})
	return nil
}

// firstParentTree gives the root tree of a commit's first parent, as the vault has it; zero if it has none.
func (r *Repository) firstParentTree(ctx context.Context, c *objects.Commit) (objects.TreeRef, error) {
	if len(c.Parents) == 0 {
		return objects.TreeRef{}, nil
	}
	_, parent, err := r.readCommit(ctx, c.Parents[0])
	if err != nil {
		return objects.TreeRef{}, err
	}
	return parent.Root(), nil
}

// firstTree gives the root tree of a commit's first parent; zero if it has none.
func (h *history) firstTree(c *objects.Commit, fresh map[objects.ID]objects.TreeRef) (objects.TreeRef, error) {
	if len(c.Parents) == 0 {
		return objects.TreeRef{}, nil
	}
	if tree, ok := fresh[c.Parents[0]]; ok {
		return tree, nil
	}
	n, _ := h.number(c.Parents[0])
	parent, err := h.at(n)
	if err != nil {
		return objects.TreeRef{}, err
	}
	return parent.Root(), nil
}

// foundTouch is a change of a path.
type foundTouch struct {
	path  string
	touch historyTouch
}

// historyDiff finds what differs between two trees, in the order of a walk, by the rules of Changes.
type historyDiff struct {
	ctx   context.Context
	src   objects.Source
	found []foundTouch
	room  int // for so many
	buf   []byte
}

// touch describes a change for the index.
func (d *historyDiff) touch(full string, c *Change, was, is *objects.Entry) historyTouch {
	t := historyTouch{Delta: (d.state(full, is) - d.state(full, was)) & historyindex.DeltaMask}
	now := is
	switch c.Kind {
	case Added:
		t.Kind = historyindex.Added
	case Deleted:
		t.Kind, now = historyindex.Deleted, was
	case TypeChanged:
		t.Kind = historyindex.TypeChanged
	default:
		t.Kind = historyindex.Modified
	}
	t.Type, t.Size = uint8(now.Type)&7, now.Size
	for i, word := range historyDetails() {
		if slices.Contains(c.Details, word) {
			t.Details |= 1 << i
		}
	}
	return t
}

// historyDetails are the details of a change in the order of their bits in the index.
func historyDetails() []string {
	return []string{DetailContent, DetailMode, DetailOwner, DetailTimes, DetailXattrs, DetailTarget, DetailLinks}
}

// state is a number for what a path holds, in all that makes a change of it; 0 for nothing. The numbers of several paths are
// added up.
func (d *historyDiff) state(full string, e *objects.Entry) uint64 {
	if e == nil {
		return 0
	}
	b := append(d.buf[:0], byte(e.Type))
	b = append(append(b, full...), 0)
	for _, v := range []uint64{uint64(e.Mode), uint64(e.UID), uint64(e.GID), e.Size, uint64(e.Content.Kind), uint64(e.Major), uint64(e.Minor),
		uint64(len(e.Target)), uint64(len(e.Xattrs))} {
		b = binary.AppendUvarint(b, v)
	}
	if !e.IsDir() {
		b = binary.BigEndian.AppendUint64(b, uint64(e.Mtime.Sec))
		b = binary.BigEndian.AppendUint32(b, e.Mtime.Nsec)
	}
	if e.LinkGroup != 0 {
		b = append(b, 'l')
	}
	b = append(append(append(b, e.Target...), e.Content.ID[:]...), e.Content.Inline...)
	for _, x := range e.Xattrs {
		b = append(append(b, 0), x.Name...)
		b = append(append(b, 0), x.Value...)
	}
	d.buf = b
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:]) & historyindex.DeltaMask
}
