package repo

import (
	"bytes"
	"context"
	"sync"

	"evault/keys"
	"evault/objects"
	"evault/pack"
)

// treeStore keeps what a merge makes, trees and contents of files, in memory until it is certain that the merge goes through, and gives them and
// all that is in the database. It satisfies objects.Sink and worktree.Source. Get and View may run beside everything, Put not beside itself.
type treeStore struct {
	db     *pack.DB
	hasher *keys.Hasher // of Put, which one goroutine at a time calls
	mu     sync.RWMutex // of made, which that goroutine alone changes
	made   map[objects.ID]madeObject
	order  []objects.ID
}

type madeObject struct {
	kind objects.Kind
	data []byte
}

func newTrees(db *pack.DB, hasher *keys.Hasher) *treeStore {
	return &treeStore{db: db, hasher: hasher, made: map[objects.ID]madeObject{}}
}

// Put keeps an object.
func (s *treeStore) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	id := objects.ID(s.hasher.ObjectID(byte(kind), data))
	if _, known := s.made[id]; !known {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.made[id] = madeObject{kind, bytes.Clone(data)}
		s.order = append(s.order, id)
	}
	return id, nil
}

func (s *treeStore) madeHere(id objects.ID) (madeObject, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.made[id]
	return o, ok
}

// Get gives an object.
func (s *treeStore) Get(ctx context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	if o, ok := s.madeHere(id); ok && kind == o.kind {
		return o.data, nil
	}
	return s.db.Get(ctx, id, kind)
}

// View lends an object.
func (s *treeStore) View(ctx context.Context, id objects.ID, kind objects.Kind, use func(data []byte) error) error {
	if o, ok := s.madeHere(id); ok && kind == o.kind {
		return use(o.data)
	}
	return s.db.View(ctx, id, kind, use)
}

// store puts what root needs of what was made into a session, and a commit if there is one, whose ID it gives. What was made
// on the way, such as the trees of virtual merge bases, is left out.
func (s *treeStore) store(to *pack.Session, root objects.ID, commit []byte) (objects.ID, error) {
	wanted, err := s.wanted(root)
	if err != nil {
		return objects.ID{}, err
	}
	contents, meta := to.NewFrames(), to.NewFrames()
	for _, id := range s.order {
		o := s.made[id]
		if !wanted[id] {
			continue
		}
		f := meta
		if o.kind == objects.KindChunk {
			f = contents
		}
		if _, err := f.PutAs(o.kind, id, o.data); err != nil {
			return objects.ID{}, err
		}
	}
	if err := contents.Flush(); err != nil {
		return objects.ID{}, err
	}
	if commit == nil {
		return objects.ID{}, meta.Flush()
	}
	return meta.Put(objects.KindCommit, commit)
}

// wanted finds what can be reached from a root without leaving what was made.
func (s *treeStore) wanted(root objects.ID) (map[objects.ID]bool, error) {
	found := map[objects.ID]bool{}
	walk := objects.Difference{Source: s, Visit: func(e *objects.Edge) (bool, error) {
		_, made := s.made[e.ID]
		if !made || found[e.ID] {
			return false, nil
		}
		found[e.ID] = true
		return true, nil
	}}
	return found, walk.Run(context.Background(), objects.ID{}, root, nil)
}
