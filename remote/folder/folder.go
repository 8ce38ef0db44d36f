package folder

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// Options says whose store a folder is to be.
type Options struct {
	// Vault is the vault that is expected; zero: whatever the file `vault` says.
	Vault keys.VaultID
	// Permissions are what Info reports; 0 means all. Nothing is refused because of them: whoever lets others in checks
	// them before each call.
	Permissions remote.Permissions
	// Name is how messages call the folder: its path.
	Name string
}

// Store is a vault's store in a folder. It is a remote.Store, and safe for concurrent use, Close included.
type Store struct {
	*place
	o      Options
	owned  bool // closing closes the place
	closed atomic.Bool

	mu    sync.Mutex // guards what follows
	known *identity  // nil until the folder was seen to hold the store
}

var (
	_ remote.Store  = (*Store)(nil)
	_ remote.Mender = (*Store)(nil)
)

// place is one folder, and what all its stores hold together.
type place struct {
	fs      vfs.FS
	now     func() time.Time
	writing sync.Mutex // held by whoever changes logs, or moves packs in or out
	heads   headCache
	durable durableDirs
	swept   atomic.Bool // incoming/ was looked at
	buffers sync.Pool   // *[copySize]byte
}

func newPlace(fsys vfs.FS) *place {
	p := &place{fs: fsys, now: time.Now}
	p.buffers.New = func() any { return new([copySize]byte) }
	return p
}

// Open gives the store in the folder at which fsys is rooted, whether there is one yet or not. It reads nothing. Closing
// the store closes fsys.
func Open(fsys vfs.FS, o Options) (*Store, error) {
	return newStore(newPlace(fsys), o, true), nil
}

func newStore(p *place, o Options, owned bool) *Store {
	if o.Permissions == 0 {
		o.Permissions = remote.Read | remote.Append | remote.Delete
	}
	return &Store{place: p, o: o, owned: owned}
}

// Info says whose store it is. See remote.Store.
func (s *Store) Info(ctx context.Context) (remote.Info, error) {
	info := remote.Info{Vault: s.o.Vault, Permissions: s.o.Permissions, Software: "folder"}
	found, err := s.enter(ctx)
	if found.said {
		info.Vault = found.vault
	} else if err == nil {
		info.Vault = keys.VaultID{}
	}
	info.Store = found.store
	return info, err
}

// Close ends the use of the store. Further calls fail.
func (s *Store) Close() error {
	if s.closed.Swap(true) || !s.owned {
		return nil
	}
	return s.named("", s.fs.Close())
}

// enter begins every call: it sees to it that the folder holds the store that is meant.
func (s *Store) enter(ctx context.Context) (identity, error) {
	if err := ctx.Err(); err != nil {
		return identity{}, err
	}
	if s.closed.Load() {
		return identity{}, fmt.Errorf("%s: %w", s.o.Name, fs.ErrClosed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != nil {
		return *s.known, nil
	}
	found, err := s.identify()
	if err == nil {
		s.known = &found
	}
	return found, err
}

// storeID is enter for those who need only that.
func (s *Store) storeID(ctx context.Context) (refs.StoreID, error) {
	found, err := s.enter(ctx)
	return found.store, err
}
