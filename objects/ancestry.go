package objects

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
)

// ReadCommit gets and decodes a commit. Its signature is not checked.
func ReadCommit(ctx context.Context, src Source, id ID) (*Commit, error) {
	c, err := readCommit(ctx, src, id, 0)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id.Short(), err)
	}
	return c, nil
}

// readCommit gets a commit that one of generation child names as its parent, 0 if
// none does. That generations fall on the way to the parents is what makes walks by
// generation right, so a lie about it is an error.
func readCommit(ctx context.Context, src Source, id ID, child uint64) (*Commit, error) {
	data, err := src.Get(ctx, id, KindCommit)
	if err != nil {
		return nil, err
	}
	c, err := DecodeCommit(data)
	if err != nil {
		return nil, err
	}
	if child != 0 && c.Generation >= child {
		return nil, malformed("generation %d of a parent of one of generation %d", c.Generation, child)
	}
	return c, nil
}

// Colours of a commit in a walk from both sides.
const (
	fromA = 1 << iota
	fromB
	stale // an ancestor of a merge base already found
)

// painted is a commit on its way through the walk.
type painted struct {
	id      ID
	commit  *Commit
	colours uint8
}

// painting walks commits from the greatest generation down, and passes their
// colours on to their parents. When a commit is taken all its descendants have been,
// so its colours are final.
type painting struct {
	src    Source
	queue  []*painted // heap
	byID   map[ID]*painted
	unripe int // commits in the queue that are not stale
}

func (p *painting) Len() int { return len(p.queue) }
func (p *painting) Less(i, j int) bool {
	a, b := p.queue[i], p.queue[j]
	if a.commit.Generation != b.commit.Generation {
		return a.commit.Generation > b.commit.Generation
	}
	return a.id.Compare(b.id) < 0
}
func (p *painting) Swap(i, j int) { p.queue[i], p.queue[j] = p.queue[j], p.queue[i] }

// Push is for container/heap.
func (p *painting) Push(x any) { p.queue = append(p.queue, x.(*painted)) }

// Pop is for container/heap.
func (p *painting) Pop() any {
	last := p.queue[len(p.queue)-1]
	p.queue = p.queue[:len(p.queue)-1]
	return last
}

// add paints a commit, and puts it into the queue when it is new.
func (p *painting) add(ctx context.Context, id ID, child uint64, colours uint8) error {
	c, known := p.byID[id]
	if !known {
		commit, err := readCommit(ctx, p.src, id, child)
		if err != nil {
			return fmt.Errorf("commit %s: %w", id.Short(), err)
		}
		c = &painted{id: id, commit: commit, colours: colours}
		p.byID[id] = c
		heap.Push(p, c)
		if colours&stale == 0 {
			p.unripe++
		}
		return nil
	}
	if child != 0 && c.commit.Generation >= child {
		return fmt.Errorf("commit %s: %w", id.Short(), malformed("generation %d of a parent of one of generation %d", c.commit.Generation, child))
	}
	if c.colours&stale == 0 && colours&stale != 0 {
		p.unripe--
	}
	c.colours |= colours
	return nil
}

// take removes the commit of the greatest generation.
func (p *painting) take() *painted {
	c := heap.Pop(p).(*painted)
	if c.colours&stale == 0 {
		p.unripe--
	}
	return c
}

func (p *painting) parents(ctx context.Context, c *painted, colours uint8) error {
	for _, parent := range c.commit.Parents {
		if err := p.add(ctx, parent, c.commit.Generation, colours); err != nil {
			return err
		}
	}
	return nil
}

// IsAncestor reports whether ancestor is descendant, or a parent of it, or a parent
// of a parent, and so on. It reads only commits whose generation is greater than
// ancestor's.
func IsAncestor(ctx context.Context, src Source, ancestor, descendant ID) (bool, error) {
	if ancestor == descendant {
		return true, nil
	}
	goal, err := ReadCommit(ctx, src, ancestor)
	if err != nil {
		return false, err
	}
	p := painting{src: src, byID: map[ID]*painted{}}
	if err := p.add(ctx, descendant, 0, fromB); err != nil {
		return false, err
	}
	for p.Len() > 0 {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		c := p.take()
		if c.commit.Generation <= goal.Generation {
			return false, nil // all that is left is as old, and none of it is the goal
		}
		if slices.Contains(c.commit.Parents, ancestor) {
			return true, nil
		}
		if err := p.parents(ctx, c, fromB); err != nil {
			return false, err
		}
	}
	return false, nil
}

// MergeBases returns the best common ancestors of a and b: those that are no
// ancestors of another common ancestor. There is more than one after a criss-cross of
// merges, and none if the two share no history. They are in descending order of
// generation, then ascending by ID.
func MergeBases(ctx context.Context, src Source, a, b ID) ([]ID, error) {
	p := painting{src: src, byID: map[ID]*painted{}}
	if err := p.add(ctx, a, 0, fromA); err != nil {
		return nil, err
	}
	if err := p.add(ctx, b, 0, fromB); err != nil {
		return nil, err
	}
	var bases []ID
	for p.unripe > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c := p.take()
		colours := c.colours
		if colours == fromA|fromB {
			bases = append(bases, c.id) // in the queue's order
			colours |= stale
		}
		if err := p.parents(ctx, c, colours); err != nil {
			return nil, err
		}
	}
	return bases, nil
}

// MergeBase returns the first of MergeBases, and whether there is one.
func MergeBase(ctx context.Context, src Source, a, b ID) (ID, bool, error) {
	bases, err := MergeBases(ctx, src, a, b)
	if err != nil || len(bases) == 0 {
		return ID{}, false, err
	}
	return bases[0], true, nil
}
