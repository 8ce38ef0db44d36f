package repo

import (
	"encoding/hex"
	"errors"
	"fmt"

	"evault/refs"
)

// eachMirror opens what was last seen of every remote store, for reading, and hands it to use. A mirror that cannot be opened
// is an error, because what it holds may be what use looks for; the others have their turn all the same.
func (r *Repository) eachMirror(use func(*refs.Refs) error) error {
	names, err := listNames(r.local, mirrorsDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		id, err := hex.DecodeString(name)
		if err != nil || len(id) != len(refs.StoreID{}) || hex.EncodeToString(id) != name {
			continue // not one of ours
		}
		if err := r.openMirrorOf(refs.StoreID(id), name, use); err != nil {
			errs = append(errs, fmt.Errorf("what was seen of remote store %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Repository) openMirrorOf(id refs.StoreID, name string, use func(*refs.Refs) error) (err error) {
	mirror, err := r.local.Sub(mirrorsDir + "/" + name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mirror.Close()) }()
	clone, _, err := refs.ReadClone(r.places.Vault)
	if err != nil {
		return err
	}
	logs, err := refs.Open(refs.Options{Store: mirror, Local: mirror, State: r.places.State, Vault: r.vault, StoreID: id, CloneID: clone,
		Shared: true, ReadOnly: true, Descends: r.descendsIfKnown})
	if err != nil {
		return err
	}
	return use(logs)
}
