package pack

import (
	"fmt"

	"evault/keys"
	"evault/objects"
)

// Frames gathers the objects of one goroutine into frames. It satisfies [objects.Sink]. Compressing, sealing and
// checking happen in the goroutine that calls Put; only one may use it at a time.
type Frames struct {
	s       *Session
	hasher  *keys.Hasher
	data    gatherer
	meta    gatherer
	packed  []byte
	scratch []byte
}

// gatherer is a frame in the making. The objects lie behind a gap that is as long as a table can be, so that the
// table can be put right before them when it is known.
type gatherer struct {
	class Class
	table table
	ids   []objects.ID
	buf   []byte
}

const gatherSize = maxTable + TargetFrame + TargetFrame/2

func (g *gatherer) size() int { return g.table.size() }

func (g *gatherer) add(kind objects.Kind, id *objects.ID, data []byte) {
	if g.buf == nil {
		g.buf = make([]byte, maxTable, gatherSize)
	}
	g.table.add(kind, len(data))
	g.ids = append(g.ids, *id)
	g.buf = append(g.buf, data...)
}

// raw gives the frame's table and objects.
func (g *gatherer) raw(scratch []byte) []byte {
	encoded := g.table.append(scratch[:0])
	from := maxTable - len(encoded)
	copy(g.buf[from:], encoded)
	return g.buf[from:]
}

func (g *gatherer) reset() {
	g.table.reset()
	g.ids = g.ids[:0]
	g.buf = g.buf[:maxTable]
	if cap(g.buf) > 2*gatherSize { // a metadata object of 4 MiB is no reason to keep the room for the next
		g.buf = nil
	}
}

// full reports whether the frame should be sealed before n more bytes are added.
func (g *gatherer) full(n int) bool {
	after := g.size() + n
	switch {
	case len(g.ids) == 0:
		return false
	case len(g.ids) == MaxFrameObjects, after > MaxFrameData:
		return true
	}
	return after > TargetFrame*5/4 && g.size() >= TargetFrame/2
}

// Put stores an object, unless the store or this session holds it already, and returns its ID. Data is copied if it
// has to be kept. An error spoils the whole session.
func (f *Frames) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	id := objects.ID(f.hasher.ObjectID(byte(kind), data))
	_, err := f.PutAs(kind, id, data)
	return id, err
}

// PutAs is [Frames.Put] for a caller who has computed the ID: it is believed. New says whether the object was not yet
// known.
func (f *Frames) PutAs(kind objects.Kind, id objects.ID, data []byte) (isNew bool, err error) {
	if err := f.s.failed(); err != nil {
		return false, err
	}
	if err := checkObject(kind, id, data); err != nil {
		return false, f.s.fail(err)
	}
	f.s.objects.Add(1)
	f.s.rawBytes.Add(uint64(len(data)))
	if f.s.db.Has(id) || !f.s.claims.claim(&id) {
		return false, nil
	}
	f.s.newObjects.Add(1)
	f.s.newBytes.Add(uint64(len(data)))
	g := f.gatherer(kind)
	if g.full(len(data)) {
		if err := f.seal(g); err != nil {
			return true, err
		}
	}
	g.add(kind, &id, data)
	if g.size() < TargetFrame {
		return true, nil
	}
	return true, f.seal(g)
}

func checkObject(kind objects.Kind, id objects.ID, data []byte) error {
	if !kind.Valid() {
		return fmt.Errorf("object %s: %w", id, checkKind(kind))
	}
	if len(data) > maxObject(kind) {
		return fmt.Errorf("%s %s of %d bytes: %w", kind, id, len(data), objects.ErrLimit)
	}
	return nil
}

func (f *Frames) gatherer(kind objects.Kind) *gatherer {
	if ClassOf(kind) == ClassData {
		return &f.data
	}
	return &f.meta
}

// seal compresses what has been gathered, checks by decompressing it, and hands it to the session.
func (f *Frames) seal(g *gatherer) error {
	if len(g.ids) == 0 {
		return nil
	}
	raw := g.raw(f.scratch)
	f.packed, f.scratch = f.s.db.codec.compressChecked(f.packed[:0], f.scratch, raw)
	if err := f.s.take(g.class, f.packed, g.ids); err != nil {
		return f.s.fail(err)
	}
	g.reset()
	return nil
}

// Flush seals what has been gathered. [Session.Commit] does it too.
func (f *Frames) Flush() error {
	if err := f.s.failed(); err != nil {
		return err
	}
	if err := f.seal(&f.data); err != nil {
		return err
	}
	return f.seal(&f.meta)
}

// release lets go of the memory.
func (f *Frames) release() { f.data, f.meta, f.packed, f.scratch = gatherer{}, gatherer{}, nil, nil }
