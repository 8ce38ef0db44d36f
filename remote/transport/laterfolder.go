package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"evault/internal/vfs"
	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// laterSite is a folder that was not there when it was opened. Creating a store makes it. Somebody else may make it, too;
// from then on it is served as any other. It is safe for concurrent use.
type laterSite struct {
	parent string // without links
	base   string // its name in there
	name   string // for messages

	mu     sync.Mutex
	site   remote.Site // nil until it is there
	closed bool
}

// open gives the folder. The error is ErrNoStore while it is not there and is not to be made.
func (s *laterSite) open(ctx context.Context, create bool) (remote.Site, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("%s: %w", s.name, fs.ErrClosed)
	}
	if s.site != nil {
		return s.site, nil
	}
	if create {
		if err := s.make(); err != nil {
			return nil, folderError(s.name, err)
		}
	}
	site, err := openFolder(s.name)
	if err != nil {
		return nil, err
	}
	if _, missing := site.(*laterSite); missing {
		return nil, fmt.Errorf("%s: %w", s.name, remote.ErrNoStore)
	}
	s.site = site
	return site, nil
}

// make makes the folder, durably.
func (s *laterSite) make() error {
	above, err := vfs.Open(s.parent)
	if err != nil {
		return err
	}
	err = above.Mkdir(s.base, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err == nil {
		err = above.SyncDir(".")
	}
	return errors.Join(err, above.Close())
}

// Vaults gives none while the folder is not there. See remote.Site.
func (s *laterSite) Vaults(ctx context.Context) ([]keys.VaultID, error) {
	site, err := s.open(ctx, false)
	if errors.Is(err, remote.ErrNoStore) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return site.Vaults(ctx)
}

// Store gives the store of a vault. See remote.Site.
func (s *laterSite) Store(vault keys.VaultID) remote.Store { return &laterStore{site: s, vault: vault} }

// Close closes the folder if it was opened.
func (s *laterSite) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.site == nil {
		return nil
	}
	return s.site.Close()
}

// laterStore is a store in a folder that may not be there yet. All methods are those of the folder's store, see
// remote.Store, and give ErrNoStore as long as there is no folder.
type laterStore struct {
	site  *laterSite
	vault keys.VaultID

	mu     sync.Mutex
	store  remote.Store
	closed bool
}

func (l *laterStore) open(ctx context.Context, create bool) (remote.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("%s: %w", l.site.name, fs.ErrClosed)
	}
	site, err := l.site.open(ctx, create)
	if err != nil {
		return nil, err
	}
	if l.store == nil {
		l.store = site.Store(l.vault)
	}
	return l.store, nil
}

// Info says what is there, and that everything is allowed.
func (l *laterStore) Info(ctx context.Context) (remote.Info, error) {
	store, err := l.open(ctx, false)
	if err != nil {
		return remote.Info{Vault: l.vault, Permissions: remote.Read | remote.Append | remote.Delete, Software: "folder"}, err
	}
	return store.Info(ctx)
}

// Create makes the folder, and a store in it.
func (l *laterStore) Create(ctx context.Context) (remote.Info, error) {
	store, err := l.open(ctx, true)
	if err != nil {
		return remote.Info{}, err
	}
	return store.Create(ctx)
}

// Close closes the store, not the folder.
func (l *laterStore) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.store == nil {
		return nil
	}
	return l.store.Close()
}

func (l *laterStore) Files(ctx context.Context) ([]remote.FileInfo, error) {
	return ask(ctx, l, func(s remote.Store) ([]remote.FileInfo, error) { return s.Files(ctx) })
}

func (l *laterStore) File(ctx context.Context, name string) ([]byte, error) {
	return ask(ctx, l, func(s remote.Store) ([]byte, error) { return s.File(ctx, name) })
}

func (l *laterStore) PutFile(ctx context.Context, name string, data []byte) error {
	return tell(ctx, l, func(s remote.Store) error { return s.PutFile(ctx, name, data) })
}

func (l *laterStore) DeleteFile(ctx context.Context, name string) error {
	return tell(ctx, l, func(s remote.Store) error { return s.DeleteFile(ctx, name) })
}

func (l *laterStore) Packs(ctx context.Context) ([]refs.Pack, error) {
	return ask(ctx, l, func(s remote.Store) ([]refs.Pack, error) { return s.Packs(ctx) })
}

func (l *laterStore) Pack(ctx context.Context, name pack.Name, offset, length int64) (io.ReadCloser, error) {
	return ask(ctx, l, func(s remote.Store) (io.ReadCloser, error) { return s.Pack(ctx, name, offset, length) })
}

func (l *laterStore) PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	return tell(ctx, l, func(s remote.Store) error { return s.PutPack(ctx, p, open) })
}

func (l *laterStore) CheckPack(ctx context.Context, name pack.Name) error {
	return tell(ctx, l, func(s remote.Store) error { return s.CheckPack(ctx, name) })
}

func (l *laterStore) DeletePack(ctx context.Context, name pack.Name) error {
	return tell(ctx, l, func(s remote.Store) error { return s.DeletePack(ctx, name) })
}

func (l *laterStore) Heads(ctx context.Context) ([]refs.Position, error) {
	return ask(ctx, l, func(s remote.Store) ([]refs.Position, error) { return s.Heads(ctx) })
}

func (l *laterStore) Records(ctx context.Context, tag refs.Tag, from uint64, each func(data []byte) error) error {
	return tell(ctx, l, func(s remote.Store) error { return s.Records(ctx, tag, from, each) })
}

func (l *laterStore) Append(ctx context.Context, records [][]byte, heads []refs.Position) error {
	return tell(ctx, l, func(s remote.Store) error { return s.Append(ctx, records, heads) })
}

func ask[T any](ctx context.Context, l *laterStore, call func(remote.Store) (T, error)) (T, error) {
	store, err := l.open(ctx, false)
	if err != nil {
		var none T
		return none, err
	}
	return call(store)
}

func tell(ctx context.Context, l *laterStore, call func(remote.Store) error) error {
	store, err := l.open(ctx, false)
	if err != nil {
		return err
	}
	return call(store)
}
