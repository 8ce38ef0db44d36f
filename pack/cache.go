package pack

import (
	"context"
	"sync"

	"evault/objects"
)

// frameKey names a frame of a store.
type frameKey struct {
	pack  Name
	frame uint32
}

// cachedFrame is an opened frame. While users is above zero its memory is not reused.
type cachedFrame struct {
	key   frameKey
	raw   []byte // the frame's table and objects
	table table
	body  []byte // the objects' bytes, in raw
	err   error
	ready chan struct{} // closed when body or err is set
	users int
	older *cachedFrame
	newer *cachedFrame
}

func (f *cachedFrame) bytes() int64 { return int64(cap(f.raw)) }

// object gives the bytes of the object at a place.
func (f *cachedFrame) object(place uint32) (data []byte, kind objects.Kind, ok bool) {
	t := &f.table
	if int64(place) >= int64(t.len()) {
		return nil, 0, false
	}
	from, to := t.span(int(place))
	return f.body[from:to], t.kinds[place], true
}

// frameCache keeps opened frames, the most recently used, up to a number of bytes. A frame that several ask for at
// once is opened once. Memory of frames that fall out is used for the next.
type frameCache struct {
	limit int64
	load  func(f *cachedFrame) error // fills raw, table and body

	mu     sync.Mutex
	frames map[frameKey]*cachedFrame
	list   cachedFrame // ring: list.newer is the oldest, list.older the newest
	bytes  int64
	free   []*cachedFrame
}

// maxFree is how many frames' memory waits for reuse.
const maxFree = 4

func newFrameCache(limit int64, load func(f *cachedFrame) error) *frameCache {
	c := &frameCache{limit: limit, load: load, frames: make(map[frameKey]*cachedFrame)}
	c.list.older, c.list.newer = &c.list, &c.list
	return c
}

// get gives an opened frame, which must be given back to put.
func (c *frameCache) get(ctx context.Context, key frameKey) (*cachedFrame, error) {
	c.mu.Lock()
	f := c.frames[key]
	if f != nil {
		f.users++
		c.touch(f)
		c.mu.Unlock()
		return c.wait(ctx, f)
	}
	f = c.begin(key)
	c.mu.Unlock()
	f.err = c.load(f)
	close(f.ready)
	c.loaded(f)
	if f.err != nil {
		err := f.err
		c.put(f)
		return nil, err
	}
	return f, nil
}

// wait waits until whoever opens the frame is done.
func (c *frameCache) wait(ctx context.Context, f *cachedFrame) (*cachedFrame, error) {
	select {
	case <-f.ready:
	case <-ctx.Done():
		c.put(f)
		return nil, ctx.Err()
	}
	if err := f.err; err != nil {
		c.put(f)
		return nil, err
	}
	return f, nil
}

// begin makes an entry that the caller fills.
func (c *frameCache) begin(key frameKey) *cachedFrame {
	var f *cachedFrame
	if n := len(c.free); n > 0 {
		f, c.free = c.free[n-1], c.free[:n-1]
	} else {
		f = &cachedFrame{}
	}
	f.key, f.err, f.body, f.users = key, nil, nil, 1
	f.ready = make(chan struct{})
	c.frames[key] = f
	c.link(f)
	return f
}

// loaded counts a frame's bytes and makes room for them; a frame that failed is forgotten, so that it is tried again.
func (c *frameCache) loaded(f *cachedFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.err != nil {
		c.forget(f)
		return
	}
	c.bytes += f.bytes()
	for old := c.list.newer; old != &c.list && c.bytes > c.limit; {
		next := old.newer
		if old.users == 0 {
			c.bytes -= old.bytes()
			c.forget(old)
			c.reuse(old)
		}
		old = next
	}
}

// put gives a frame back.
func (c *frameCache) put(f *cachedFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.users--
	if f.users == 0 && c.frames[f.key] != f {
		c.reuse(f) // it fell out while it was used
	}
}

func (c *frameCache) reuse(f *cachedFrame) {
	if len(c.free) < maxFree {
		c.free = append(c.free, f)
	}
}

func (c *frameCache) forget(f *cachedFrame) {
	delete(c.frames, f.key)
	c.unlink(f)
}

func (c *frameCache) touch(f *cachedFrame) {
	c.unlink(f)
	c.link(f)
}

func (c *frameCache) link(f *cachedFrame) {
	f.older, f.newer = c.list.older, &c.list
	f.older.newer, f.newer.older = f, f
}

func (c *frameCache) unlink(f *cachedFrame) {
	f.older.newer, f.newer.older = f.newer, f.older
	f.older, f.newer = nil, nil
}

// dropPack forgets the frames of a pack that nobody is using.
func (c *frameCache) dropPack(name Name) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, f := range c.frames {
		if key.pack == name && f.users == 0 {
			c.bytes -= f.bytes()
			c.forget(f)
			c.reuse(f)
		}
	}
}
