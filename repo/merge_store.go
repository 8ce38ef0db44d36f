package repo

import (
	"bytes"
	"context"
	"fmt"

	"evault/keys"
	"evault/objects"
	"evault/pack"
)

// treeStore keeps the trees that a merge makes in memory until it is certain that the merge goes through, and gives them and
// all that is in the database. It satisfies objects.Sink and worktree.Source. Put may not run beside another method.
type treeStore struct {
	db     *pack.DB
	hasher *keys.Hasher
	made   map[objects.ID][]byte
	order  []objects.ID
}

func newTrees(db *pack.DB, hasher *keys.Hasher) *treeStore {
	return &treeStore{db: db, hasher: hasher, made: map[objects.ID][]byte{}}
}

// Put keeps a tree.
func (s *treeStore) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	if kind != objects.KindTree {
		return objects.ID{}, fmt.Errorf("a merge makes no %s", kind)
	}
	id := objects.ID(s.hasher.ObjectID(byte(kind), data))
	if _, known := s.made[id]; !known {
		s.made[id] = bytes.Clone(data)
		s.order = append(s.order, id)
	}
	return id, nil
}

// Get gives an object.
func (s *treeStore) Get(ctx context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	if data, ok := s.made[id]; ok && kind == objects.KindTree {
		return data, nil
	}
	return s.db.Get(ctx, id, kind)
}

// View lends an object.
func (s *treeStore) View(ctx context.Context, id objects.ID, kind objects.Kind, use func(data []byte) error) error {
	if data, ok := s.made[id]; ok && kind == objects.KindTree {
		return use(data)
	}
	return s.db.View(ctx, id, kind, use)
}

// store puts the trees and a commit into a session, and gives the commit's ID.
func (s *treeStore) store(to *pack.Session, commit []byte) (objects.ID, error) {
	f := to.NewFrames()
	for _, id := range s.order {
		if _, err := f.PutAs(objects.KindTree, id, s.made[id]); err != nil {
			return objects.ID{}, err
		}
	}
	return f.Put(objects.KindCommit, commit)
}
