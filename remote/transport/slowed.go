package transport

import (
	"context"
	"io"

	"evault/keys"
	"evault/refs"
	"evault/remote"
	"evault/remote/api"
)

// slowedSite holds what is sent into a folder to a number of bytes per second: the disk may be at the other end of a line.
// Hosts have a limit of their own, in package api.
type slowedSite struct {
	remote.Site
	limit *api.Limiter
}

// slowed gives the site itself if there is no limit.
func slowed(site remote.Site, bytesPerSecond int64) remote.Site {
	if limit := api.NewLimiter(bytesPerSecond); limit != nil {
		return slowedSite{site, limit}
	}
	return site
}

// Store gives a store of which packs are written slowly. The rest is small.
func (s slowedSite) Store(vault keys.VaultID) remote.Store {
	return slowedStore{s.Site.Store(vault), s.limit}
}

type slowedStore struct {
	remote.Store
	limit *api.Limiter
}

// PutPack stores a pack.
func (s slowedStore) PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	return s.Store.PutPack(ctx, p, func() (io.ReadCloser, error) {
		body, err := open()
		if err != nil {
			return nil, err
		}
		return &slowedBody{body, ctx, s.limit}, nil
	})
}

// slowedBody is a pack on its way into a folder.
type slowedBody struct {
	io.ReadCloser
	ctx   context.Context
	limit *api.Limiter
}

// slowPiece is the greatest number of bytes that are let through at once.
const slowPiece = 64 << 10

// Read waits until its bytes may go.
func (b *slowedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), slowPiece)])
	if waitErr := b.limit.Wait(b.ctx, n); waitErr != nil {
		return 0, waitErr
	}
	return n, err
}
