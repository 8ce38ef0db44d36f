package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"evault/internal/vfs"
	"evault/refs"
)

// eachMirrorDamage checks the copy of every remote store's logs, and hands what is wrong with one to use, with the folder.
func (r *Repository) eachMirrorDamage(ctx context.Context, use func(name string, o refs.Options, found *refs.MirrorDamage) error) error {
	names, err := listNames(r.local, mirrorsDir)
	if err != nil {
		return err
	}
	clone, _, err := refs.ReadClone(r.places.Vault)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, err := hex.DecodeString(name)
		if err != nil || len(id) != len(refs.StoreID{}) || hex.EncodeToString(id) != name {
			continue // not one of ours
		}
		if err := r.checkMirror(ctx, refs.StoreID(id), name, clone, use); err != nil {
			return fmt.Errorf("what was seen of remote store %s: %w", name, err)
		}
	}
	return nil
}

func (r *Repository) checkMirror(ctx context.Context, id refs.StoreID, name string, clone refs.CloneID,
	use func(string, refs.Options, *refs.MirrorDamage) error) (err error) {
	mirror, err := r.local.Sub(mirrorsDir + "/" + name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mirror.Close()) }()
	o := refs.Options{Store: mirror, Local: mirror, State: r.places.State, Vault: r.vault, StoreID: id, CloneID: clone, Shared: true}
	found, err := refs.CheckMirror(ctx, o)
	if err != nil || len(found.Problems) == 0 {
		return err
	}
	return use(name, o, found)
}

// mendMirrors cuts off what is damaged in the copies of remote stores' logs: it is fetched again. The vault's lock is held.
func (r *Repository) mendMirrors(ctx context.Context, dryRun bool, did func(format string, args ...any)) error {
	return r.eachMirrorDamage(ctx, func(name string, o refs.Options, found *refs.MirrorDamage) (err error) {
		for _, p := range found.Problems {
			did("dropped what was seen of remote store %s from a damaged record on; it is fetched again: %v", name[:8], p)
		}
		if dryRun {
			return nil
		}
		lock, err := o.Store.Lock("lock")
		if errors.Is(err, vfs.ErrLocked) {
			return &kindError{ErrLocked, "another evault is talking to a remote", nil}
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.Close()) }()
		if len(found.Outbox) > 0 {
			// First: with the old log nothing may be signed again for the places of those that are lost.
			if _, err := refs.RenewClone(r.places.Vault); err != nil {
				return err
			}
			did("begun a new log, because a record on its way to remote store %s was damaged", name[:8])
		}
		return refs.MendMirror(o, found)
	})
}
