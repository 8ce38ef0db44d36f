package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
)

// Folders and files of .evault that this package knows; docs/format.md describes them all.
const (
	storeDir    = "store"
	localDir    = "local"
	vaultIDName = "vault" // in local/: the vault that this clone is of
	indexName   = "index" // in local/
)

// Repository is an open vault with its work tree. Its verbs may not run at the same time in one process; the lock keeps
// other processes out while one of them changes anything.
type Repository struct {
	places   Places
	settings Settings
	config   Config
	store    vfs.FS
	local    vfs.FS
	vault    *keys.Vault
	refs     *refs.Refs
	db       *pack.DB // opened when first needed
	hist     *history // opened when first needed
	lock     io.Closer
	notes    []string
	// suspicions are signs that history was changed, found while opening for Checking.
	suspicions []error
}

// Mode says what a verb is going to do.
type Mode uint8

const (
	// ReadOnly changes nothing and takes no lock.
	ReadOnly Mode = iota
	// Writing takes the vault's lock.
	Writing
	// Checking is ReadOnly for a verb that names damage: a log that cannot be trusted does not stop the opening, and
	// what still verifies of it counts.
	Checking
	// Accepting is Writing for a user who has put back an older copy of the vault on purpose: the older state is taken
	// for good, and this clone goes on in a new log, because the old one may have gone further elsewhere.
	Accepting
)

func (m Mode) writes() bool { return m == Writing || m == Accepting }

// Open opens the vault of a work tree and unlocks it: by this device's slot, in a few milliseconds, or else by the
// passphrase that Settings.Passphrase gives.
//
// Errors: ErrNoVault, ErrForeignOwner, ErrNewer, ErrLocked, ErrNotUnlocked, keys.ErrWrongPassphrase, ErrSecurity.
func Open(ctx context.Context, p Places, s Settings, mode Mode) (*Repository, error) {
	r := &Repository{places: p, settings: s}
	if err := r.open(ctx, mode); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Repository) open(ctx context.Context, mode Mode) (err error) {
	if r.places.Vault == nil {
		return ErrNoVault
	}
	if err := r.checkOwner(); err != nil {
		return err
	}
	if err := r.readConfig(); err != nil {
		return err
	}
	if mode.writes() {
		if r.lock, err = lock(ctx, r.places.Vault, r.settings.Wait); err != nil {
			return err
		}
	}
	if r.store, err = r.places.Vault.Sub(storeDir); err != nil {
		return fmt.Errorf("%s/%s: %w", VaultDir, storeDir, err)
	}
	if r.local, err = r.places.Vault.Sub(localDir); err != nil {
		return fmt.Errorf("%s/%s: %w", VaultDir, localDir, err)
	}
	if err := r.unlock(ctx); err != nil {
		return err
	}
	if err := r.checkRoster(mode); err != nil {
		return err
	}
	if mode.writes() {
		r.sweep()
		if err := errors.Join(r.admitThisDevice(), r.pinRoster()); err != nil {
			return err
		}
	}
	return r.openRefs(mode)
}

func (r *Repository) checkOwner() error {
	st, err := r.places.Vault.LstatStat(".")
	if err != nil {
		return fmt.Errorf("%s: %w", VaultDir, err)
	}
	if r.settings.UserID >= 0 && int(st.UID) != r.settings.UserID {
		return fmt.Errorf("%s: %w (user %d)", VaultDir, ErrForeignOwner, st.UID)
	}
	return nil
}

func (r *Repository) readConfig() error {
	own, err := ReadConfig(r.places.Vault)
	if err != nil {
		return fmt.Errorf("%s/%w", VaultDir, err)
	}
	switch {
	case own.Format.Version > configVersion:
		return fmt.Errorf("%w: the vault has format %d, this evault knows %d", ErrNewer, own.Format.Version, configVersion)
	case own.Format.Version < 1:
		return fmt.Errorf("%s/%s: it does not say format.version (is the file cut short? it must hold \"[format]\" and \"version = %d\")",
			VaultDir, configName, configVersion)
	}
	user, err := ReadConfig(r.places.Config)
	if err != nil {
		return fmt.Errorf("configuration of the user: %w", err)
	}
	r.config = MergeConfig(user, own)
	return nil
}

// unlock opens the vault's secrets, by the device's slot if it can.
func (r *Repository) unlock(ctx context.Context) error {
	pinned, err := r.readVaultID()
	if err != nil {
		return err
	}
	files := keyStore{r.store, r.local}
	id, err := LoadIdentity(r.places, r.settings)
	if errors.Is(err, fs.ErrNotExist) {
		if r.settings.Passphrase == nil {
			return ErrNotUnlocked
		}
		// A device that is to become a member needs an identity; making one changes nothing in the vault.
		id, _, err = EnsureIdentity(r.places, r.settings)
	}
	if err != nil {
		return err
	}
	r.vault, err = keys.OpenWithIdentity(files, id, pinned)
	if !errors.Is(err, keys.ErrNoSlot) {
		return err
	}
	return r.unlockWithPassphrase(ctx, files, id, pinned, err)
}

// readVaultID gives the vault that this is a clone of. A slot must not supply it: anybody who knows a recipient can wrap a
// vault of his own to it.
func (r *Repository) readVaultID() (keys.VaultID, error) {
	text, err := readFile(r.local, vaultIDName, 100)
	if err != nil && !isGone(err) && !errors.Is(err, errTooLong) {
		return keys.VaultID{}, fmt.Errorf("%s/%s/%s: %w", VaultDir, localDir, vaultIDName, err)
	}
	id, err := keys.ParseVaultID(strings.TrimSpace(string(text)))
	if err != nil {
		err = &kindError{ErrDamaged, fmt.Sprintf("%s/%s/%s must hold the vault's ID, 64 hexadecimal digits, and does not. "+
			"The folders in pins/ of the user's state folder are named by the IDs of the vaults seen; so is the first word "+
			"that \"age -d -i identity\" shows of a slot in %s/%s/slots", VaultDir, localDir, vaultIDName, VaultDir, storeDir), err}
	}
	return id, err
}

// maxLocalWork bounds the scrypt work of slots found on this machine: log2 of N. 22 takes about 16 seconds.
const maxLocalWork = 22

// unlockWithPassphrase is tried when no slot of this device opens the vault; noSlot says why.
func (r *Repository) unlockWithPassphrase(ctx context.Context, files keyStore, id *keys.Identity, pinned keys.VaultID, noSlot error) error {
	if r.settings.Passphrase == nil {
		return fmt.Errorf("%w: %w", ErrNotUnlocked, noSlot)
	}
	pass, err := r.settings.Passphrase(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w: %w", ErrNotUnlocked, noSlot, err)
	}
	vault, err := keys.OpenWithPassphrase(files, pass, maxLocalWork, id)
	if err != nil {
		return err
	}
	if vault.ID() != pinned {
		return fmt.Errorf("%w: the passphrase opens vault %s, and this is a clone of %s", ErrSecurity, vault.ID(), pinned)
	}
	r.vault = vault
	return nil
}

// admitThisDevice makes this device a member when it is none and somebody came with the passphrase or the recovery words:
// those carry the recovery admin's seed for this very case.
func (r *Repository) admitThisDevice() error {
	if r.vault.Device() != (keys.DeviceEntry{}) {
		return nil
	}
	if r.vault.Revoked(r.vault.OwnPublicKey()) {
		return keys.ErrRevoked // whatever else is the matter with the rosters
	}
	roster, slot, err := r.vault.AdmitDevice(r.settings.deviceLabel())
	if err != nil {
		return fmt.Errorf("making this device a member of the vault: %w", err)
	}
	if err := writeKeyFiles(r.places.Vault, []keys.File{slot, roster}); err != nil {
		return fmt.Errorf("making this device a member of the vault: %w", err)
	}
	r.notes = append(r.notes, "this device is now a member of the vault and opens it without the passphrase")
	return nil
}

func (r *Repository) openRefs(mode Mode) error {
	storeID, err := refs.ReadStoreID(r.store)
	if err != nil {
		return err
	}
	clone, err := r.cloneID(mode)
	if err != nil {
		return err
	}
	r.refs, err = refs.Open(refs.Options{
		Store: r.store, Local: r.local, State: r.places.State, Vault: r.vault,
		StoreID: storeID, CloneID: clone, ReadOnly: !mode.writes(),
		Salvage: mode == Checking, AcceptOlder: mode == Accepting,
		Descends: r.descends,
	})
	if err != nil {
		return err
	}
	switch mode {
	case Writing:
		return r.refs.SyncHead(r.places.Vault)
	case Accepting: // the record is what pins the older state
		return r.record(context.Background(), refs.Operation{Name: "accept", Description: "an older copy of the vault"})
	}
	return nil
}

// cloneID names this working copy. A reader of a vault that was copied takes the ID as it is; the next writer mints a new one.
func (r *Repository) cloneID(mode Mode) (refs.CloneID, error) {
	switch mode {
	case ReadOnly, Checking:
		id, _, err := refs.ReadClone(r.places.Vault)
		return id, err
	case Accepting:
		return refs.RenewClone(r.places.Vault)
	}
	id, _, err := refs.EnsureClone(r.places.Vault)
	return id, err
}

// descends tells refs whether one commit comes after another; it is asked only where two logs disagree.
func (r *Repository) descends(newer, older objects.ID) (bool, error) {
	db, err := r.database()
	if err != nil {
		return false, err
	}
	return objects.IsAncestor(context.Background(), db, older, newer)
}

// Close gives back the lock and all that is open. It may be called on a Repository that failed to open.
func (r *Repository) Close() error {
	var errs []error
	if r.hist != nil {
		errs = append(errs, r.hist.close())
	}
	if r.db != nil {
		errs = append(errs, r.db.Close())
	}
	for _, sub := range []vfs.FS{r.store, r.local} {
		if sub != nil {
			errs = append(errs, sub.Close())
		}
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Close())
	}
	return errors.Join(errs...)
}

// VaultID names the vault for good.
func (r *Repository) VaultID() keys.VaultID { return r.vault.ID() }

// RosterHash names the newest roster: what a new device can hold what a host shows it against.
func (r *Repository) RosterHash() [32]byte { return r.vault.RosterHash() }

// Notes are sentences for the user about what opening the vault has done beside the request.
func (r *Repository) Notes() []string { return r.notes }

// database opens the object database when it is first needed: status and a commit without changes never do.
func (r *Repository) database() (*pack.DB, error) {
	if r.db != nil {
		return r.db, nil
	}
	db, err := pack.OpenDB(pack.Options{Store: r.store, Local: r.local, Vault: r.vault})
	if err != nil {
		return nil, err
	}
	r.db = db
	return db, nil
}

// head gives the commit that HEAD is at, zero before the first.
func (r *Repository) head() objects.ID {
	id, _ := r.refs.View().HeadCommit()
	return id
}

// loadCommit gives one commit whose signature was checked: when it entered the history index, if that is open and has it, or
// now.
func (r *Repository) loadCommit(ctx context.Context, id objects.ID) (*objects.Commit, error) {
	if r.hist != nil {
		if c, ok := r.hist.commit(id); ok {
			db, err := r.database() // who has a commit goes on to its tree
			if err != nil {
				return nil, err
			}
			// The index remembers commits that the vault has lost: history may show them, and nothing may build on them.
			if _, here := db.Locate(id); here {
				return c, nil
			}
		}
	}
	_, c, err := r.readCommit(ctx, id)
	return c, err
}

// readCommit reads one commit from the vault and checks its signature. It gives the encoding, too.
func (r *Repository) readCommit(ctx context.Context, id objects.ID) ([]byte, *objects.Commit, error) {
	db, err := r.database()
	if err != nil {
		return nil, nil, err
	}
	data, err := db.Get(ctx, id, objects.KindCommit)
	if err != nil {
		return nil, nil, fmt.Errorf("commit %s: %w", id.Short(), err)
	}
	c, err := objects.DecodeCommit(data)
	if err != nil {
		return nil, nil, fmt.Errorf("commit %s: %w", id.Short(), err)
	}
	if err := r.vault.VerifyCommit(c.Device, c.SigningHash(), c.Signature); err != nil {
		return nil, nil, fmt.Errorf("%w: commit %s: %w", ErrSecurity, id.Short(), err)
	}
	return data, c, nil
}

// headTree gives the commit at HEAD; nil before the first.
func (r *Repository) headCommit(ctx context.Context) (objects.ID, *objects.Commit, error) {
	id := r.head()
	if id.IsZero() {
		return id, nil, nil
	}
	c, err := r.loadCommit(ctx, id)
	return id, c, err
}
