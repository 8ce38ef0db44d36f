package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/internal/vfs"
	"evault/refs"
	"evault/remote"
)

// Create makes an empty store. See remote.Store. A folder with other files in it is refused: ErrWorkingCopy, ErrForeign.
//
// The file `id` is made last and makes the store: whatever a crash leaves before, the next Create completes. Two at once
// get the same ID, that of the faster one.
func (s *Store) Create(ctx context.Context) (remote.Info, error) {
	_, err := s.enter(ctx)
	switch {
	case errors.Is(err, remote.ErrNoStore):
		err = s.create()
	case err == nil:
		// Whoever made it may have died before its name was durable.
		err = s.fs.SyncDir(".")
	}
	if err != nil {
		return remote.Info{}, s.named("", err)
	}
	s.sweep()
	return s.Info(ctx)
}

func (s *Store) create() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.mustBeOurs(); err != nil {
		return err
	}
	for _, dir := range storeDirs() {
		if err := s.fs.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := s.fs.SyncDir("."); err != nil {
		return err
	}
	if err := s.sayVault(); err != nil {
		return err
	}
	_, err := refs.CreateStoreID(s.fs)
	if errors.Is(err, fs.ErrExist) {
		err = s.fs.SyncDir(".")
	}
	return err
}

// mustBeOurs refuses a folder that holds anything which is none of a store's, as long as there is no store.
func (s *Store) mustBeOurs() error {
	names, err := s.readNames(".")
	if err != nil {
		return err
	}
	ours := map[string]bool{vaultName: true, idName: true, damagedDir: true}
	for _, dir := range storeDirs() {
		ours[dir] = true
	}
	for _, name := range systemNames() {
		ours[name] = true
	}
	for _, n := range names {
		if !ours[n.Name] && !strings.HasPrefix(n.Name, vfs.TempPrefix) {
			return fmt.Errorf("%w (there is %.100q)", ErrForeign, n.Name)
		}
	}
	return nil
}

// systemNames are what systems put at the root of every disk by themselves.
func systemNames() []string {
	return []string{"lost+found", ".DS_Store", ".Spotlight-V100", ".Trashes", ".fseventsd", ".TemporaryItems",
		"System Volume Information", "$RECYCLE.BIN", ".Trash-1000"}
}

// sayVault makes the file `vault`, unless it is there and says the same.
func (s *Store) sayVault() error {
	said, ok, err := s.readVault()
	switch {
	case err != nil:
		return err
	case ok && !s.o.Vault.IsZero() && said != s.o.Vault:
		return fmt.Errorf("%w: %s", remote.ErrOtherVault, said)
	case ok:
		return nil
	case s.o.Vault.IsZero():
		return ErrWhose
	}
	err = vfs.PublishNew(s.fs, vaultName, []byte(s.o.Vault.String()+"\n"), filePerm)
	if errors.Is(err, fs.ErrExist) {
		return s.sayVault() // somebody else was faster; what he wrote counts
	}
	return err
}
