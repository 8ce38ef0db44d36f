package repo

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

const (
	// aheadBytes bounds the contents that are held, read or waiting to be given out; one pair may be larger, and is then alone.
	aheadBytes = 96 << 20
	// aheadPairs and aheadPairBytes bound what one worker takes at a time: neighbours mostly lie in the same frames of a pack,
	// which each worker then opens for itself instead of waiting for another.
	aheadPairs     = 16
	aheadPairBytes = 1 << 20
)

// aheadBatch is some neighbouring pairs that one worker compares.
type aheadBatch struct {
	from, to int
	bytes    int64
	given    []bool
	err      error
	done     chan struct{}
}

// compareAhead compares contents side by side and gives them out in order.
func (c *comparison) compareAhead(ctx context.Context, diffs []FileDiff, each func(*FileDiff) error) error {
	batches := c.batches(diffs)
	if len(batches) <= 1 {
		for _, b := range batches {
			c.compareBatch(ctx, b, diffs)
			return giveOut(b, diffs, each)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	room := newRoom(aheadBytes)
	work := make(chan *aheadBatch)
	var wg sync.WaitGroup
	for range max(runtime.GOMAXPROCS(0), 2) {
		wg.Go(func() {
			for b := range work {
				c.compareBatch(ctx, b, diffs)
			}
		})
	}
	wg.Go(func() {
		defer close(work)
		for _, b := range batches {
			if room.take(ctx, b.bytes) != nil {
				return
			}
			select {
			case work <- b:
			case <-ctx.Done():
				return
			}
		}
	})
	defer wg.Wait()
	defer cancel()
	for _, b := range batches {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := giveOut(b, diffs, each); err != nil {
			return err
		}
		room.free(b.bytes)
	}
	return nil
}

// giveOut calls each for what a batch found, and lets go of it.
func giveOut(b *aheadBatch, diffs []FileDiff, each func(*FileDiff) error) error {
	for i := b.from; i < b.to; i++ {
		d := diffs[i]
		diffs[i] = FileDiff{}
		if b.given[i-b.from] {
			if err := each(&d); err != nil {
				return err
			}
		}
	}
	return b.err
}

func (c *comparison) batches(diffs []FileDiff) []*aheadBatch {
	var out []*aheadBatch
	var last *aheadBatch
	for i := range diffs {
		n := c.weight(&diffs[i])
		if last == nil || i-last.from >= aheadPairs || last.bytes+n > aheadPairBytes {
			last = &aheadBatch{from: i, done: make(chan struct{})}
			out = append(out, last)
		}
		last.to, last.bytes = i+1, last.bytes+n
	}
	for _, b := range out {
		b.given = make([]bool, b.to-b.from)
	}
	return out
}

// weight is about how many bytes of content comparing a pair holds.
func (c *comparison) weight(d *FileDiff) int64 {
	n := int64(0)
	if hasContent(d.Old) && d.Old.Size <= uint64(c.o.Limit) {
		n += int64(d.Old.Size)
	}
	if hasContent(d.New) && d.New.Size <= uint64(c.o.Limit) {
		n += int64(d.New.Size)
	}
	return n
}

// compareBatch compares the pairs of a batch. A file of the work tree that cannot be read is a problem and nothing else.
func (c *comparison) compareBatch(ctx context.Context, b *aheadBatch, diffs []FileDiff) {
	defer close(b.done)
	for i := b.from; i < b.to; i++ {
		given, err := c.content(ctx, &c.pairs[i], &diffs[i])
		var onDisk *diskError
		switch {
		case errors.As(err, &onDisk) && ctx.Err() == nil:
			c.problem(Problem{diffs[i].Path(), onDisk.err})
		case err != nil:
			b.err = err
			return
		default:
			b.given[i-b.from] = given
		}
	}
}

func (c *comparison) problem(p Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, p)
}

// room is a number of bytes that are taken and freed. What is larger than all of it waits until nothing else is taken.
type room struct {
	mu    sync.Mutex
	limit int64
	taken int64
	freed chan struct{}
}

func newRoom(limit int64) *room { return &room{limit: limit, freed: make(chan struct{}, 1)} }

// take waits for n bytes. Only one goroutine may take.
func (r *room) take(ctx context.Context, n int64) error {
	for {
		r.mu.Lock()
		if r.taken == 0 || r.taken+n <= r.limit {
			r.taken += n
			r.mu.Unlock()
			return nil
		}
		r.mu.Unlock()
		select {
		case <-r.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *room) free(n int64) {
	r.mu.Lock()
	r.taken -= n
	r.mu.Unlock()
	select {
	case r.freed <- struct{}{}:
	default:
	}
}
