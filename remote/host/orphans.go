package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/folder"
)

// SweepOrphans removes packs that no record names and that came longer ago than minAge: what is left of pushes that were
// never finished. It says how many. Each vault is done under its lock, so that no record that names such a pack comes
// in between; a client that finds one gone when it pushes sends it again.
func (h *Host) SweepOrphans(ctx context.Context, minAge time.Duration) (removed int, err error) {
	vaults, err := h.shelf.vaults(ctx)
	if err != nil {
		return 0, err
	}
	for _, v := range vaults {
		n, err := h.sweepVault(ctx, v, h.o.Now().Add(-minAge))
		removed += n
		if err != nil {
			return removed, fmt.Errorf("vault %s: %w", v, err)
		}
	}
	return removed, nil
}

func (h *Host) sweepVault(ctx context.Context, v keys.VaultID, before time.Time) (removed int, err error) {
	shelved := h.shelf.take(v)
	defer func() { err = errors.Join(err, shelved.giveBack()) }()
	store, err := shelved.get()
	if err != nil {
		return 0, err
	}
	heads, orphans, err := h.orphans(ctx, store, v, before) // without the lock: all records are read
	if err != nil || len(orphans) == 0 {
		return 0, err
	}
	err = h.locks.hold(ctx, v, func() error {
		now, err := store.Heads(ctx)
		if err != nil {
			return err
		}
		if !slices.Equal(now, heads) { // what was found out holds no longer
			if _, orphans, err = h.orphans(ctx, store, v, before); err != nil {
				return err
			}
		}
		for _, name := range orphans {
			if err := store.DeletePack(ctx, name); err != nil {
				return err
			}
			removed++
			h.o.Log.Info("removed a pack that no record names", "vault", v.String(), "pack", name.String())
		}
		return nil
	})
	return removed, err
}

// orphans finds the packs that came before a time and that no record names, and the heads as they were before it looked.
func (h *Host) orphans(ctx context.Context, store *folder.Store, v keys.VaultID, before time.Time) ([]refs.Position, []pack.Name, error) {
	heads, err := store.Heads(ctx)
	if err != nil {
		return nil, nil, err
	}
	named, err := referenced(ctx, store, heads)
	if err != nil {
		return nil, nil, err
	}
	packs, err := store.Packs(ctx)
	if err != nil {
		return nil, nil, err
	}
	var list []pack.Name
	for _, p := range packs {
		if _, ok := slices.BinarySearchFunc(named, p.Name, func(a, b [32]byte) int { return slices.Compare(a[:], b[:]) }); ok {
			continue
		}
		old, err := h.olderThan(path.Join(vaultDir(v), pack.Name(p.Name).Path()), before)
		if err != nil {
			return nil, nil, err
		}
		if old {
			list = append(list, pack.Name(p.Name))
		}
	}
	return heads, list, nil
}

func (h *Host) olderThan(name string, before time.Time) (bool, error) {
	st, err := h.o.Root.LstatStat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, remote.ErrNotFound) {
		return false, nil
	}
	return err == nil && st.Mtime.Time().Before(before), err
}
