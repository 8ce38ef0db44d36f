package pack

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"

	"evault/objects"
)

// SessionOptions are the choices of a session.
type SessionOptions struct {
	// Progress, if not nil, is told how far the session is, after every frame, from any of its goroutines.
	Progress func(Stats)
}

// Stats counts what went through a session.
type Stats struct {
	Objects     uint64 // put, known ones included
	New         uint64 // of them, those that the store did not hold
	RawBytes    uint64 // lengths of all objects put
	NewBytes    uint64 // lengths of the new ones
	PackedBytes uint64 // frames written, compressed and sealed; padding and indexes not counted
	Packs       int    // packs begun
}

// maxOpenPacks is how many packs of a class are filled at once, so that writers seldom wait for each other.
const maxOpenPacks = 2

// Session is one transaction of writing. Nothing of it is visible, to this process or another, until Commit has
// returned. The calling sequence is
//
//	s := db.NewSession(...)
//	f := s.NewFrames()       in each goroutine that writes
//	f.Put ...
//	s.Commit(ctx)            when all of them have stopped; or s.Abort()
//
// An error of any Put spoils the session: Commit then fails with it. Abort after Commit does nothing, so it can be
// deferred. A crash leaves temporary files in incoming/, which [SweepIncoming] removes.
type Session struct {
	db       *DB
	progress func(Stats)
	claims   claims

	objects, newObjects, rawBytes, newBytes, packedBytes atomic.Uint64
	broken                                               atomic.Pointer[sessionError]

	mu       sync.Mutex
	returned sync.Cond // a pack has become idle, or the session is broken
	idle     [ClassMixed][]*packWriter
	open     [ClassMixed]int // idle or in use
	all      []*packWriter   // by number
	pending  []pendingFrame  // metadata of a session that is still small
	frames   []*Frames
	ended    bool

	finishing sync.WaitGroup
	slots     chan struct{} // bounds how many packs are finished at once
}

type sessionError struct{ err error }

// pendingFrame is a compressed frame that waits for it to be known into which pack it goes.
type pendingFrame struct {
	packed []byte
	ids    []objects.ID
}

// NewSession begins a transaction. Several may run at once, and do not know of each other's objects.
func (db *DB) NewSession(o SessionOptions) *Session {
	s := &Session{db: db, progress: o.Progress, slots: make(chan struct{}, maxOpenPacks)}
	s.returned.L = &s.mu
	return s
}

// NewFrames gives one goroutine what it needs to put objects into the session. It may be called at any time before
// Commit.
func (s *Session) NewFrames() *Frames {
	f := &Frames{
		s:      s,
		hasher: s.db.vault.NewHasher(),
		data:   gatherer{class: ClassData},
		meta:   gatherer{class: ClassMeta},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, f)
	return f
}

// Stats gives the counts so far.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	packs := len(s.all)
	s.mu.Unlock()
	return Stats{
		Objects:     s.objects.Load(),
		New:         s.newObjects.Load(),
		RawBytes:    s.rawBytes.Load(),
		NewBytes:    s.newBytes.Load(),
		PackedBytes: s.packedBytes.Load(),
		Packs:       packs,
	}
}

// failed gives the error that spoilt the session.
func (s *Session) failed() error {
	if b := s.broken.Load(); b != nil {
		return b.err
	}
	return nil
}

// fail spoils the session, if it is not yet, and gives the first error that did.
func (s *Session) fail(err error) error {
	if err == nil {
		return s.failed()
	}
	if s.broken.CompareAndSwap(nil, &sessionError{err}) {
		s.mu.Lock()
		s.returned.Broadcast()
		s.mu.Unlock()
	}
	return s.failed()
}

// small reports whether all that is new may still go into one pack.
func (s *Session) small() bool { return s.newBytes.Load() < smallSession }

// take writes a compressed frame into a pack of its class, or keeps metadata back while the session is small.
func (s *Session) take(class Class, packed []byte, ids []objects.ID) error {
	if class == ClassMeta {
		if s.small() {
			s.keepBack(packed, ids)
			return nil
		}
		if err := s.writePending(); err != nil {
			return err
		}
	}
	return s.writeFrame(class, class, packed, ids)
}

func (s *Session) keepBack(packed []byte, ids []objects.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, pendingFrame{bytes.Clone(packed), append([]objects.ID(nil), ids...)})
}

// writePending writes the metadata that was kept back into packs of its own.
func (s *Session) writePending() error {
	s.mu.Lock()
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, p := range pending {
		if err := s.writeFrame(ClassMeta, ClassMeta, p.packed, p.ids); err != nil {
			return err
		}
	}
	return nil
}

// writeFrame writes a frame of a class into a pack meant for class into.
func (s *Session) writeFrame(into, class Class, packed []byte, ids []objects.ID) error {
	p, err := s.acquire(into, len(packed), len(ids))
	if err != nil {
		return err
	}
	before := p.off
	frame := uint32(len(p.idx.frames))
	err = p.append(class, packed, ids)
	if err != nil {
		err = s.fail(err)
	}
	s.packedBytes.Add(uint64(p.off - before))
	s.release(into, p)
	if err != nil {
		return err
	}
	for i := range ids {
		s.claims.place(&ids[i], p.number, frame, uint32(i))
	}
	if s.progress != nil {
		s.progress(s.Stats())
	}
	return nil
}

// acquire gives an open pack that has room, for the caller's use alone.
func (s *Session) acquire(class Class, packed, objects int) (*packWriter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.failed(); err != nil {
			return nil, err
		}
		if s.ended {
			return nil, ErrClosed
		}
		if n := len(s.idle[class]); n > 0 {
			p := s.idle[class][n-1]
			s.idle[class] = s.idle[class][:n-1]
			if p.fits(packed, objects) {
				return p, nil
			}
			s.open[class]--
			s.mu.Unlock()
			s.finishSoon(p)
			s.mu.Lock()
			continue
		}
		if s.open[class] < s.maxOpen() {
			return s.begin(class)
		}
		s.returned.Wait()
	}
}

func (s *Session) maxOpen() int {
	if s.small() {
		return 1
	}
	return maxOpenPacks
}

// begin opens one more pack. s.mu is held.
func (s *Session) begin(class Class) (*packWriter, error) {
	p, err := newPackWriter(s.db.store, s.db.vault, uint32(len(s.all)))
	if err != nil {
		return nil, err
	}
	s.open[class]++
	s.all = append(s.all, p)
	return p, nil
}

// release gives an acquired pack back.
func (s *Session) release(class Class, p *packWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle[class] = append(s.idle[class], p)
	s.returned.Signal()
}

// finishSoon finishes a full pack beside what else goes on: the wait for the disk is then nobody's. If too many are
// being finished already, it waits.
func (s *Session) finishSoon(p *packWriter) {
	s.slots <- struct{}{}
	s.finishing.Go(func() {
		defer func() { <-s.slots }()
		if err := p.finish(); err != nil {
			_ = s.fail(err) // kept there; Commit gives it
		}
	})
}

// Abort ends the session and removes its temporary files. After Commit it does nothing.
func (s *Session) Abort() error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil
	}
	s.ended = true
	s.mu.Unlock()
	s.finishing.Wait()
	return s.discard()
}

func (s *Session) discard() error {
	var errs []error
	for _, p := range s.all {
		errs = append(errs, p.discard())
	}
	for _, f := range s.frames {
		f.release()
	}
	return errors.Join(errs...)
}
