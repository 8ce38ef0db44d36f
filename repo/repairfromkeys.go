package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
)

// openKeys opens the vault with the rosters, keyrings and slots of both sides, and writes those that are damaged or gone here.
func (f *healing) openKeys(ctx context.Context) error {
	candidates, pinned := f.vaultIDs()
	both, bad, err := f.localFiles()
	if err != nil {
		return err
	}
	if err := f.readThere(ctx, pinned, candidates); err != nil {
		return err
	}
	for name, data := range f.there {
		if _, ok := both[name]; !ok {
			both[name] = data
		}
	}
	if err := f.unlock(ctx, both, candidates); err != nil {
		return err
	}
	if err := f.writeKeys(both, bad); err != nil {
		return err
	}
	if f.repo.vault.ID() != pinned {
		if err := f.writeVaultID(); err != nil {
			return err
		}
	}
	if err := f.repo.checkRoster(Writing); err != nil || f.o.DryRun {
		return err
	}
	f.repo.sweep()
	return errors.Join(f.repo.admitThisDevice(), f.repo.pinRoster())
}

// vaultIDs gives the vaults that this may be a clone of: the one that local/vault names, the one in the remote's address, and
// those that this user has seen before. Anybody can make a slot for this device, so no other will do.
func (f *healing) vaultIDs() (list []keys.VaultID, pinned keys.VaultID) {
	if id, err := f.repo.readVaultID(); err == nil {
		list, pinned = append(list, id), id
	}
	if !f.url.Vault.IsZero() {
		list = append(list, f.url.Vault)
	}
	if f.repo.places.State == nil {
		return list, pinned
	}
	seen, err := listNames(f.repo.places.State, "pins")
	if err != nil {
		f.repo.notes = append(f.repo.notes, fmt.Sprintf("the pins could not be listed: %v", err))
	}
	for _, name := range seen {
		if id, err := keys.ParseVaultID(name); err == nil && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list, pinned
}

// localFiles reads the rosters, keyrings and slots here. bad are those whose bytes are not what their names say.
func (f *healing) localFiles() (good cloneFiles, bad []string, err error) {
	good = cloneFiles{}
	files := keyStore{f.repo.store, f.repo.local}
	for _, dir := range []string{"roster", "keyring", "slots", "local/slots"} {
		names, err := files.List(dir)
		if err != nil {
			return nil, nil, err
		}
		for _, base := range names {
			name := dir + "/" + base
			data, err := files.Read(name, remote.MaxFile)
			if err != nil && !errors.Is(err, keys.ErrTooLong) {
				return nil, nil, fmt.Errorf("%s: %w", name, err)
			}
			if err != nil || remote.CheckFile(strings.TrimPrefix(name, localDir+"/"), data) != nil {
				bad = append(bad, name)
				continue
			}
			good[name] = data
		}
	}
	return good, bad, nil
}

// readThere reads those of the remote. It may be in a bad state itself: then there are fewer, or none.
func (f *healing) readThere(ctx context.Context, pinned keys.VaultID, candidates []keys.VaultID) error {
	f.there = cloneFiles{}
	vault := f.url.Vault
	if vault.IsZero() && !pinned.IsZero() {
		vault = pinned
	}
	for _, id := range append([]keys.VaultID{vault}, candidates...) {
		store := f.talk.site.Store(id)
		files, err := readKeyFiles(ctx, store)
		if closed := store.Close(); closed != nil {
			return closed
		}
		switch {
		case err == nil:
			f.there = files
			return nil
		case !gone(err) && !errors.Is(err, remote.ErrNoStore) && !errors.Is(err, remote.ErrOtherVault):
			return fmt.Errorf("%s (%s): %w", f.name, f.url, err)
		}
	}
	return nil
}

func (f *healing) unlock(ctx context.Context, files cloneFiles, candidates []keys.VaultID) error {
	r := f.repo
	var failed []error
	for _, id := range candidates {
		v, err := keys.OpenWithIdentity(files, f.talk.identity, id)
		if err == nil {
			r.vault = v
			return nil
		}
		failed = append(failed, err)
	}
	if r.settings.Passphrase == nil {
		return fmt.Errorf("%w: %w", ErrNotUnlocked, errors.Join(failed...))
	}
	pass, err := r.settings.Passphrase(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w: %w", ErrNotUnlocked, errors.Join(failed...), err)
	}
	v, err := keys.OpenWithPassphrase(files, pass, maxLocalWork, f.talk.identity)
	if err != nil {
		return err
	}
	if len(candidates) > 0 && !slices.Contains(candidates, v.ID()) {
		return fmt.Errorf("%w: the passphrase opens vault %s, which is none that was seen here", ErrSecurity, v.ID())
	}
	r.vault = v
	return nil
}

// writeKeys brings the genuine files into the local store and takes the damaged ones out of it.
func (f *healing) writeKeys(both cloneFiles, bad []string) error {
	r := f.repo
	genuine, err := both.genuine(r.vault)
	if err != nil {
		return err
	}
	for _, name := range bad {
		full := name
		if !strings.HasPrefix(name, localDir+"/") {
			full = storeDir + "/" + name
		}
		what := "is in damaged/ now"
		if _, ok := both[name]; !ok {
			what = "is in damaged/ now, and the remote has no copy"
		}
		f.did("taken %s, which was damaged, out of the store: it %s", name, what)
		if f.o.DryRun {
			continue
		}
		if err := moveAside(r, full); err != nil {
			return err
		}
	}
	for _, file := range genuine {
		here, err := r.hasKeyFile(file.Name)
		if err != nil {
			return err
		}
		if here && !(f.o.DryRun && slices.Contains(bad, file.Name)) {
			continue
		}
		f.did("brought back %s", file.Name)
		if f.o.DryRun {
			continue
		}
		if err := writeKeyFiles(r.places.Vault, []keys.File{file}); err != nil {
			return err
		}
	}
	return nil
}

func (f *healing) writeVaultID() error {
	r := f.repo
	f.did("written %s/%s anew: this is vault %s", localDir, vaultIDName, r.vault.ID())
	if f.o.DryRun {
		return nil
	}
	if _, err := r.local.LstatStat(vaultIDName); err == nil {
		if err := moveAside(r, localDir+"/"+vaultIDName); err != nil {
			return err
		}
	}
	return vfs.Publish(r.places.Vault, localDir+"/"+vaultIDName, []byte(r.vault.ID().String()+"\n"), 0o600)
}
