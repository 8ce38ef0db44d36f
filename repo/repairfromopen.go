package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"evault/internal/vfs"
	"evault/refs"
	"evault/remote"
)

// damagedDir, in store/, keeps what a repair took out of the way.
const damagedDir = storeDir + "/damaged"

// moveAside moves a file of .evault to store/damaged, under its own path with ~ for each slash. What an earlier repair has put
// there under the same name stays.
func moveAside(r *Repository, name string) error {
	vault := r.places.Vault
	if err := vfs.MkdirAllSync(vault, damagedDir, 0o700); err != nil {
		return err
	}
	to := damagedDir + "/" + strings.ReplaceAll(strings.TrimPrefix(name, storeDir+"/"), "/", "~")
	for n, free := 1, to; ; n++ {
		if _, err := vault.LstatStat(free); errors.Is(err, fs.ErrNotExist) {
			to = free
			break
		} else if err != nil {
			return err
		}
		free = fmt.Sprintf("%s~%d", to, n)
	}
	if err := vault.Rename(name, to); err != nil {
		return err
	}
	return errors.Join(vault.SyncDir(damagedDir), vault.SyncDir(path.Dir(name)))
}

// begin reads the configuration as far as it can be read, takes the lock and dials.
func (f *healing) begin(ctx context.Context) (err error) {
	r := f.repo
	if r.places.Vault == nil {
		return ErrNoVault
	}
	if err := r.checkOwner(); err != nil {
		return err
	}
	if err := f.config(); err != nil {
		return err
	}
	if err := f.folders(); err != nil {
		return err
	}
	if r.lock, err = lock(ctx, r.places.Vault, r.settings.Wait); err != nil {
		return err
	}
	if r.store, err = r.places.Vault.Sub(storeDir); err != nil {
		return err
	}
	if r.local, err = r.places.Vault.Sub(localDir); err != nil {
		return err
	}
	if err := f.clone(); err != nil {
		return err
	}
	id, err := LoadIdentity(r.places, r.settings)
	if errors.Is(err, fs.ErrNotExist) {
		id, _, err = EnsureIdentity(r.places, r.settings)
	}
	if err != nil {
		return err
	}
	site, err := r.dial(ctx, f.url, f.o.UploadLimit)
	if err != nil {
		return fmt.Errorf("%s (%s): %w", f.name, f.url, err)
	}
	f.talk = &conversation{repo: r, name: f.name, url: f.url, site: site, identity: id, healing: true}
	return nil
}

// clone sees to it that this working copy has an ID: with a new one it goes on in a new log.
func (f *healing) clone() error {
	r := f.repo
	_, _, err := refs.ReadClone(r.places.Vault)
	gone, damaged := errors.Is(err, fs.ErrNotExist), errors.Is(err, refs.ErrDamaged) || errors.Is(err, refs.ErrLimit) || errors.Is(err, refs.ErrNewer)
	if !gone && !damaged {
		return err
	}
	f.did("written local/clone anew: this working copy goes on in a new log")
	if f.o.DryRun {
		return nil
	}
	if damaged {
		if err := moveAside(r, localDir+"/clone"); err != nil {
			return err
		}
	}
	_, err = refs.RenewClone(r.places.Vault)
	return err
}

// folders makes those of .evault that are gone.
func (f *healing) folders() error {
	if f.o.DryRun {
		return nil
	}
	for _, dir := range []string{localDir, "store/roster", "store/keyring", "store/slots", "store/packs", "store/logs",
		"store/incoming", damagedDir, "local/slots", "local/outbox"} {
		if err := vfs.MkdirAll(f.repo.places.Vault, dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// config reads config.toml and finds the remote. A file that cannot be read is written anew when all else is done: its
// address then comes from the command.
func (f *healing) config() error {
	r := f.repo
	user, err := ReadConfig(r.places.Config)
	if err != nil {
		return fmt.Errorf("configuration of the user: %w", err)
	}
	own, err := ReadConfig(r.places.Vault)
	switch {
	case err != nil:
		f.badConfig, own = fmt.Errorf("%s/%w", VaultDir, err), Config{}
	case own.Format.Version != configVersion:
		f.badConfig = fmt.Errorf("%s/%s says format %d, and not %d", VaultDir, configName, own.Format.Version, configVersion)
	}
	own.Format.Version = configVersion
	f.own = own
	r.config = MergeConfig(user, own)
	if r.config.Remotes == nil {
		r.config.Remotes = map[string]RemoteConfig{}
	}
	if known, ok := own.Remotes[f.o.From]; ok {
		f.name = f.o.From
		f.url, err = remote.ParseURL(known.URL, r.settings.Dir)
		if err != nil {
			return fmt.Errorf("remote %s: %w (give its address instead of its name)", f.name, err)
		}
	} else if err := f.address(own); err != nil {
		return err
	}
	f.result.Remote, f.result.URL = f.name, f.url.String()
	return nil
}

// address is for a remote that is given by its address.
func (f *healing) address(own Config) (err error) {
	f.url, err = remote.ParseURL(f.o.From, f.repo.settings.Dir)
	if err != nil || !strings.Contains(f.o.From, "/") {
		if f.badConfig != nil {
			return &kindError{ErrUsage, fmt.Sprintf("%v: give the remote's address instead of its name", f.badConfig), err}
		}
		_, err := f.repo.findRemote(f.o.From)
		return err
	}
	f.name = "origin"
	var unreadable string
	for name, known := range own.Remotes {
		u, err := remote.ParseURL(known.URL, f.repo.settings.Dir)
		switch {
		case err != nil:
			unreadable, f.badConfig = name, fmt.Errorf("remote %s: %w", name, err)
		case samePlace(u, f.url):
			f.name, f.url = name, u
			return nil
		}
	}
	if unreadable != "" {
		f.name = unreadable
	}
	if known, ok := own.Remotes[f.name]; ok && f.badConfig == nil && known.URL != f.url.String() {
		f.repo.notes = append(f.repo.notes, fmt.Sprintf("remote %s is configured with another address: %s", f.name, known.URL))
	}
	return nil
}

// writeConfig makes config.toml anew, with the remote in it.
func (f *healing) writeConfig() error {
	r := f.repo
	if _, err := r.places.Vault.LstatStat(configName); err == nil {
		if err := moveAside(r, configName); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c := f.own
	c.Remotes = map[string]RemoteConfig{}
	maps.Copy(c.Remotes, f.own.Remotes)
	f.url.Vault = r.vault.ID()
	c.Remotes[f.name] = RemoteConfig{f.url.String()}
	f.did("written %s anew, with remote %s; what could not be read of it is lost: %v", configName, f.name, f.badConfig)
	return writeConfig(r.places.Vault, c)
}

// openStore sees to the ID of the local store: the file, unless its logs say otherwise.
func (f *healing) openStore(ctx context.Context) error {
	r := f.repo
	have, readErr := refs.ReadStoreID(r.store)
	if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) && !errors.Is(readErr, refs.ErrDamaged) && !errors.Is(readErr, refs.ErrLimit) {
		return readErr
	}
	found, ok, err := refs.FindStoreID(ctx, r.store, r.vault)
	switch {
	case err != nil:
		return err
	case ok && readErr == nil && found == have, !ok && readErr == nil:
		f.storeID = have
		return nil
	}
	f.storeID = found
	f.did("written store/id anew")
	if f.o.DryRun {
		return nil
	}
	if _, err := r.store.LstatStat("id"); err == nil {
		if err := moveAside(r, storeDir+"/id"); err != nil {
			return err
		}
	}
	if ok {
		return vfs.Publish(r.store, "id", []byte(found.String()+"\n"), 0o600)
	}
	f.storeID, err = refs.CreateStoreID(r.store)
	return err
}
