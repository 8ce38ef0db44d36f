package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// dropRemovedSlots removes from the local store the slots that another device has taken off the rosters, or whose removal
// here a crash interrupted after its roster was written.
func (r *Repository) dropRemovedSlots() error {
	const dir = "slots"
	there, err := listNames(r.store, dir)
	if err != nil {
		return fmt.Errorf("key slots: %w", err)
	}
	dropped := false
	for _, name := range r.vault.RemovedSlots() {
		if !slices.Contains(there, name[len(dir)+1:]) {
			continue
		}
		if err := r.store.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a key slot: %w", err)
		}
		dropped = true
	}
	if !dropped {
		return nil
	}
	return r.store.SyncDir(dir)
}
