package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/folder"
)

const (
	vaultsDir = "vaults"
	// maxVaults is how many vaults one host keeps.
	maxVaults = 1 << 16
	// maxIdle is how many stores stay open without anybody using them: an open one remembers the heads of its logs.
	maxIdle = 64
)

// shelf keeps the stores of all vaults, open as long as somebody uses them and a while longer. All requests for a vault
// share one store. It is safe for concurrent use.
type shelf struct {
	root vfs.FS

	mu   sync.Mutex
	open map[keys.VaultID]*shelved
	idle []*shelved // without users, the longest idle first
}

// shelved is the place of one vault's store, whether there is one yet or not.
type shelved struct {
	shelf *shelf
	vault keys.VaultID
	users int // under shelf.mu

	mu       sync.Mutex
	store    *folder.Store // nil until the folder is there and somebody asks
	dev, ino uint64        // of the folder when the store was opened
}

func newShelf(root vfs.FS) *shelf { return &shelf{root: root, open: map[keys.VaultID]*shelved{}} }

// vaultDir is the folder of a vault's store, from the root.
func vaultDir(v keys.VaultID) string { return path.Join(vaultsDir, v.String()) }

// take gives a vault's place. It must be given back.
func (s *shelf) take(v keys.VaultID) *shelved {
	s.mu.Lock()
	defer s.mu.Unlock()
	v1 := s.open[v]
	if v1 == nil {
		v1 = &shelved{shelf: s, vault: v}
		s.open[v] = v1
	}
	if v1.users++; v1.users == 1 {
		s.idle = slices.DeleteFunc(s.idle, func(other *shelved) bool { return other == v1 })
	}
	return v1
}

// giveBack ends the use of a place. When too many are idle, the longest idle is closed.
func (v *shelved) giveBack() error {
	s := v.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.users--; v.users > 0 {
		return nil
	}
	s.idle = append(s.idle, v)
	if len(s.idle) <= maxIdle {
		return nil
	}
	oldest := s.idle[0]
	s.idle = slices.Delete(s.idle, 0, 1)
	delete(s.open, oldest.vault)
	return oldest.close()
}

// close closes all stores.
func (s *shelf) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for v, shelved := range s.open {
		errs = append(errs, shelved.close())
		delete(s.open, v)
	}
	s.idle = nil
	return errors.Join(errs...)
}

func (v *shelved) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.store == nil {
		return nil
	}
	store := v.store
	v.store = nil
	return store.Close()
}

// get gives the store. remote.ErrNoStore: there is no folder for it yet.
func (v *shelved) get() (*folder.Store, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	st, err := v.shelf.root.LstatStat(vaultDir(v.vault))
	if v.store != nil && (err == nil && st.Dev == v.dev && st.Ino == v.ino || err != nil && !errors.Is(err, fs.ErrNotExist)) {
		return v.store, nil
	}
	if v.store != nil { // the owner of the host has removed the vault, or put another copy in its place
		gone := v.store
		v.store = nil
		if err := gone.Close(); err != nil {
			return nil, err
		}
	}
	if err == nil {
		v.dev, v.ino = st.Dev, st.Ino
	}
	fsys, err := v.shelf.root.Sub(vaultDir(v.vault))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, remote.ErrNoStore
	}
	if err != nil {
		return nil, err
	}
	store, err := folder.Open(fsys, folder.Options{Vault: v.vault, Name: v.vault.String()})
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	v.store = store
	return store, nil
}

// make makes the folder of the store, durably, if it is missing.
func (v *shelved) make() (*folder.Store, error) {
	if err := vfs.MkdirAllSync(v.shelf.root, vaultDir(v.vault), 0o700); err != nil {
		return nil, err
	}
	return v.get()
}

// vaults lists the vaults that have a store, ascending. Folders of other names are passed over.
func (s *shelf) vaults(ctx context.Context) ([]keys.VaultID, error) {
	names, err := namesIn(s.root, vaultsDir)
	if err != nil {
		return nil, err
	}
	var list []keys.VaultID
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := keys.ParseVaultID(n.Name)
		if err != nil || v.String() != n.Name {
			continue
		}
		switch _, err := s.root.LstatStat(path.Join(vaultsDir, n.Name, "id")); {
		case err == nil:
			list = append(list, v)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b keys.VaultID) int { return slices.Compare(a[:], b[:]) })
	return list, nil
}

// namesIn lists a folder; one that is not there is empty.
func namesIn(fsys vfs.FS, name string) (names []vfs.DirName, err error) {
	dir, err := fsys.OpenDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return dir.ReadNames(nil)
}
