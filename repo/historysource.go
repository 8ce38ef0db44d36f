package repo

import (
	"context"

	"evault/objects"
)

// commitSource gives commits out of the history index, and whatever it does not have out of the vault: for walks over many
// commits. Only what the index has is verified.
func (r *Repository) commitSource(ctx context.Context) (objects.Source, error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	h, err := r.history(ctx)
	if err != nil {
		return nil, err
	}
	return historySource{h, db}, nil
}

type historySource struct {
	h    *history
	rest objects.Source
}

// Get gives an object.
func (s historySource) Get(ctx context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	if n, ok := s.h.number(id); ok && kind == objects.KindCommit {
		if data, err := s.h.encoded(n); err == nil {
			return data, nil
		}
	}
	return s.rest.Get(ctx, id, kind)
}
