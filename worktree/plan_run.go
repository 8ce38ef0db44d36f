package worktree

import (
	"context"
	"errors"

	"evault/objects"
)

type planRun struct{}

func planCheckout(ctx context.Context, src Source, from, to objects.TreeRef, ix *Index, o CheckoutOptions) (*Plan, error) {
	return nil, errors.ErrUnsupported
}

func (r *planRun) apply(ctx context.Context) (RestoreResult, error) {
	return RestoreResult{}, errors.ErrUnsupported
}
