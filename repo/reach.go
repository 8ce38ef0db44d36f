package repo

import (
	"context"
	"errors"

	"evault/objects"
	"evault/pack"
)

var errNotYet = errors.New("not built yet")

func (r *Repository) packsFor(ctx context.Context, tips, known []objects.ID, there func(pack.Name) bool) ([]pack.PackInfo, error) {
	return nil, errNotYet
}

func (r *Repository) connected(ctx context.Context, tips, known []objects.ID) error {
	return errNotYet
}

func (r *Repository) aheadBehind(ctx context.Context, ours, theirs objects.ID) (ahead, behind int, err error) {
	return 0, 0, errNotYet
}
