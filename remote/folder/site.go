package folder

import (
	"context"
	"errors"
	"sync"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
)

// Site is a folder as a place that holds the store of at most one vault. It is a remote.Site, safe for concurrent use.
type Site struct {
	place *place
	name  string

	mu     sync.Mutex
	closed bool
	stores []*Store
}

var _ remote.Site = (*Site)(nil)

// OpenSite gives the folder at which fsys is rooted as a site; name is how messages call it. It reads nothing. Closing the
// site closes fsys.
func OpenSite(fsys vfs.FS, name string) (*Site, error) {
	return &Site{place: newPlace(fsys), name: name}, nil
}

// Vaults gives the vault whose store this is, or none. The zero ID stands for a store that does not say whose it is.
func (s *Site) Vaults(ctx context.Context) ([]keys.VaultID, error) {
	store := newStore(s.place, Options{Name: s.name}, false)
	store.closed.Store(s.isClosed())
	info, err := store.Info(ctx)
	if errors.Is(err, remote.ErrNoStore) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []keys.VaultID{info.Vault}, nil
}

// Store gives the store of a vault; zero means whatever vault's store is there. All stores of one site exclude each other
// where they write.
func (s *Site) Store(vault keys.VaultID) remote.Store {
	store := newStore(s.place, Options{Vault: vault, Name: s.name}, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	store.closed.Store(s.closed)
	s.stores = append(s.stores, store)
	return store
}

func (s *Site) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close closes the stores and the folder.
func (s *Site) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for _, store := range s.stores {
		store.closed.Store(true)
	}
	return describe(s.name, s.place.fs.Close())
}
