package repo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"evault/internal/vfs"
	"evault/keys"
	"evault/refs"
)

// InitOptions say how a vault is made.
type InitOptions struct {
	Label         string // what to call this device in the roster; required
	Branch        string // the first branch; empty: main
	Passphrase    []byte // nil: no passphrase slot
	RecoveryWords bool   // generate a slot that nine words open
	Recipients    []string
	WorkFactor    int // log2 of scrypt's N; 0: the default
}

// InitResult is what a user should be told about a new vault.
type InitResult struct {
	Vault         keys.VaultID
	Device        keys.DeviceID
	NewIdentity   bool
	RecoveryWords string // shown once and kept nowhere
	Notes         []string
}

// buildingPrefix begins the name of a vault that is being made.
const buildingPrefix = ".evault-tmp-init-"

// Init makes a vault in the work tree. The folder .evault appears by one rename, complete and durable, or not at all; what
// a crash leaves is swept by the next Init.
func Init(ctx context.Context, p Places, s Settings, o InitOptions) (*InitResult, error) {
	if _, err := p.Work.LstatStat(VaultDir); err == nil {
		return nil, fmt.Errorf("%s: %w", path.Join(p.WorkPath, VaultDir), ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if o.Branch == "" {
		o.Branch = "main"
	}
	if err := refs.ValidateBranchName(o.Branch); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if err := errors.Join(sweepBuilding(p.Work), sweepPins(p.State, "", s.staleBefore())); err != nil {
		return nil, err
	}
	id, created, err := EnsureIdentity(p, s)
	if err != nil {
		return nil, err
	}
	made, err := keys.NewVault(keys.NewVaultOptions{
		Identity: id, Label: o.Label, Passphrase: o.Passphrase, RecoveryWords: o.RecoveryWords,
		Recipients: o.Recipients, WorkFactor: o.WorkFactor,
	})
	if err != nil {
		return nil, err
	}
	if err := build(ctx, p, s, made, o.Branch); err != nil {
		return nil, err
	}
	return &InitResult{Vault: made.Vault.ID(), Device: id.DeviceID(), NewIdentity: created,
		RecoveryWords: made.RecoveryWords, Notes: made.Notes}, nil
}

// build makes the folder of a new vault.
func build(ctx context.Context, p Places, s Settings, made *keys.Created, branch string) error {
	return buildVault(p, func(vault vfs.FS) error {
		config := Config{Format: FormatConfig{Version: configVersion}}
		if err := fillVault(vault, made.Vault.ID(), config, made.Files, made.LocalOnly); err != nil {
			return err
		}
		return firstRecord(ctx, vault, p, s, made.Vault, refs.Operation{Name: "init", Description: "new vault", HeadAfter: refs.Head{Branch: branch}})
	})
}

// buildVault has the folder of a vault filled under a temporary name, and renames it.
func buildVault(p Places, fill func(vault vfs.FS) error) (err error) {
	var random [8]byte
	rand.Read(random[:])
	temp := buildingPrefix + hex.EncodeToString(random[:])
	if err := p.Work.Mkdir(temp, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Work.RemoveAll(temp))
		}
	}()
	vault, err := p.Work.Sub(temp)
	if err != nil {
		return err
	}
	err = errors.Join(fill(vault), vault.Close())
	if err != nil {
		return err
	}
	if err := p.Work.RenameNoReplace(temp, VaultDir); err != nil {
		return err
	}
	return p.Work.SyncDir(".")
}

// fillVault writes everything of a new vault but its first record.
func fillVault(vault vfs.FS, id keys.VaultID, config Config, files, localOnly []keys.File) error {
	for _, dir := range []string{storeDir, localDir, "store/roster", "store/keyring", "store/slots", "store/packs",
		"store/logs", "store/incoming", "store/damaged", "local/slots", "local/outbox"} {
		if err := vault.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if err := writeConfig(vault, config); err != nil {
		return err
	}
	if err := vfs.PublishNew(vault, localDir+"/"+vaultIDName, []byte(id.String()+"\n"), 0o600); err != nil {
		return err
	}
	if err := writeKeyFiles(vault, files, localOnly); err != nil {
		return err
	}
	if err := vault.SyncDir("."); err != nil {
		return err
	}
	return vault.SyncDir(storeDir)
}

// writeKeyFiles publishes rosters, keyrings and slots, in their order. Their names are hashes: what is there is the same.
func writeKeyFiles(vault vfs.FS, lists ...[]keys.File) error {
	for _, files := range lists {
		for _, f := range files {
			name := f.Name
			if !strings.HasPrefix(name, localDir+"/") {
				name = storeDir + "/" + name
			}
			if err := vfs.PublishNew(vault, name, f.Data, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return nil
}

// firstRecord begins the log of the local store: from here on HEAD is on a branch that has no commit yet.
func firstRecord(ctx context.Context, vault vfs.FS, p Places, s Settings, v *keys.Vault, op refs.Operation) error {
	store, err := vault.Sub(storeDir)
	if err != nil {
		return err
	}
	defer store.Close()
	local, err := vault.Sub(localDir)
	if err != nil {
		return err
	}
	defer local.Close()
	storeID, err := refs.CreateStoreID(store)
	if err != nil {
		return err
	}
	clone, _, err := refs.EnsureClone(vault)
	if err != nil {
		return err
	}
	log, err := refs.Open(refs.Options{Store: store, Local: local, State: p.State, Vault: v, StoreID: storeID, CloneID: clone})
	if err != nil {
		return err
	}
	op.Time, op.Zone = stamp(s.now())
	if _, err = log.Append(ctx, op); err != nil {
		return err
	}
	return log.SyncHead(vault)
}

// sweepBuilding removes what an interrupted Init left.
func sweepBuilding(work vfs.FS) error {
	names, err := listNames(work, ".")
	if err != nil {
		return err
	}
	for _, name := range names {
		if len(name) > len(buildingPrefix) && name[:len(buildingPrefix)] == buildingPrefix {
			if err := work.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}
