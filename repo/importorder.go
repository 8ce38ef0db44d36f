package repo

import (
	"bytes"
	"cmp"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"evault/keys"
	"evault/objects"
	"evault/pack"
)

// How much of a history waits to be put in order before it goes into frames, in bytes. More brings more versions of a file
// together. Both together are no more than what a database keeps of opened frames, so that who reads commit after commit
// opens each frame once although a commit's objects lie all over a batch.
const (
	contentsWaiting = 32 << 20
	treesWaiting    = 16 << 20
)

// orderPart is how much of a batch one goroutine puts into frames before it takes the next part.
const orderPart = 2 << 20

// waitingObject is an object whose ID is known and that is in no frame yet.
type waitingObject struct {
	id   objects.ID
	kind objects.Kind
	path string // as orderPath gives it
	data []byte
}

// pathOrder puts objects into frames in the order of their paths, a batch at a time, instead of the order in which history
// brings them. So the versions of a file or folder lie beside each other, where they take little room, and a checkout, which
// goes from path to path, opens each frame of a batch once. It belongs to one goroutine.
type pathOrder struct {
	frames  []*pack.Frames // one for each goroutine that compresses
	waiting []waitingObject
	bytes   int
	memory  arena
}

func newPathOrder(session *pack.Session, workers int) *pathOrder {
	o := &pathOrder{}
	for range workers {
		o.frames = append(o.frames, session.NewFrames())
	}
	return o
}

// add takes an object, whose data must stay as it is until write.
func (o *pathOrder) add(w waitingObject) {
	o.waiting = append(o.waiting, w)
	o.bytes += len(w.data)
}

// write puts all that waits into frames, and takes back the memory of it.
func (o *pathOrder) write() error {
	slices.SortStableFunc(o.waiting, compareWaiting)
	var next atomic.Int64
	parts := o.parts()
	var group errgroup.Group
	for i := range min(len(o.frames), len(parts)) {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(parts) {
					return nil
				}
				for k := range parts[n] {
					w := &parts[n][k]
					if _, err := o.frames[i].PutAs(w.kind, w.id, w.data); err != nil {
						return err
					}
				}
			}
		})
	}
	err := group.Wait()
	clear(o.waiting)
	o.waiting, o.bytes = o.waiting[:0], 0
	o.memory.reset()
	return err
}

// parts cuts what waits into runs of neighbours.
func (o *pathOrder) parts() (list [][]waitingObject) {
	from, size := 0, 0
	for i := range o.waiting {
		if size += len(o.waiting[i].data); size >= orderPart || i == len(o.waiting)-1 {
			list = append(list, o.waiting[from:i+1])
			from, size = i+1, 0
		}
	}
	return list
}

// compareWaiting puts commits and tags before all trees, since history is read without them, and the rest by path; what has the
// same path stays in the order of history.
func compareWaiting(a, b waitingObject) int {
	if c := cmp.Compare(rankInOrder(a.kind), rankInOrder(b.kind)); c != 0 {
		return c
	}
	return cmp.Compare(a.path, b.path)
}

func rankInOrder(k objects.Kind) int {
	if k == objects.KindCommit || k == objects.KindTag {
		return 0
	}
	return 1
}

// orderPath gives a path in the form in which comparing bytes gives the order of a walk: what is below a folder comes right
// after it.
func orderPath(path string) string {
	out := []byte(path)
	for i, c := range out {
		if c == '/' {
			out[i] = 0
		}
	}
	return string(out)
}

// placedSink is a sink that is told of which folder the next objects are.
type placedSink interface {
	objects.Sink
	place(folder string)
}

// orderedSink is the sink of trees, commits and tags: it puts them in order.
type orderedSink struct {
	order  *pathOrder
	hasher *keys.Hasher
	path   string
}

func (s *orderedSink) place(folder string) { s.path = orderPath(folder) }

// Put takes a copy of an object. An error may be that of objects put before.
func (s *orderedSink) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	w := waitingObject{id: s.hasher.ObjectID(byte(kind), data), kind: kind, path: s.path, data: s.order.memory.alloc(len(data))}
	copy(w.data, data)
	s.order.add(w)
	if s.order.bytes < treesWaiting {
		return w.id, nil
	}
	return w.id, s.order.write()
}

// foundSink only finds out what a content consists of.
type foundSink struct {
	hasher *keys.Hasher
	found  []waitingObject
}

// Put gives the ID of an object. Of chunks it keeps data itself, which is a part of the content.
func (s *foundSink) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	if kind != objects.KindChunk {
		data = bytes.Clone(data)
	}
	id := objects.ID(s.hasher.ObjectID(byte(kind), data))
	s.found = append(s.found, waitingObject{id: id, kind: kind, data: data})
	return id, nil
}

// arena gives out pieces of memory that all end together, and then uses it again.
type arena struct {
	slabs [][]byte // all of arenaSlab bytes
	used  int      // slabs that are full, or being filled
	rest  []byte   // of the slab that is being filled
}

const arenaSlab = 1 << 20

// alloc gives n bytes, with anything in them. What would waste much of a slab gets memory of its own.
func (a *arena) alloc(n int) []byte {
	if n > arenaSlab/4 {
		return make([]byte, n)
	}
	if n > len(a.rest) {
		if a.used == len(a.slabs) {
			a.slabs = append(a.slabs, make([]byte, arenaSlab))
		}
		a.rest = a.slabs[a.used]
		a.used++
	}
	out := a.rest[:n:n]
	a.rest = a.rest[n:]
	return out
}

func (a *arena) reset() { a.used, a.rest = 0, nil }
