package host

import (
	"testing"

	"evault/remote"
)

// TestVaultRemovedUnderTheHost: who takes a vault's folder away to make room, or puts back another copy of it, need not
// start the host anew.
func TestVaultRemovedUnderTheHost(t *testing.T) {
	for name, rig := range map[string]*rig{"memory": newRig(t, allowing("ada", remote.Read|remote.Append)), "disk": diskRig(t, allowing("ada", remote.Read|remote.Append))} {
		t.Run(name, func(t *testing.T) {
			v := vaultNumber(1)
			store, _ := rig.made("ada", v)
			mustPut(t, store, 1, 1000)
			before, err := store.Info(t.Context())
			wantError(t, err, nil)
			wantError(t, rig.root.RemoveAll(vaultDir(v)), nil)
			_, err = store.Info(t.Context())
			wantError(t, err, remote.ErrNoStore)
			again := rig.open("ada", v)
			after, err := again.Create(t.Context())
			wantError(t, err, nil)
			if after.Store == before.Store {
				t.Error("the new store has the ID of the one that was removed")
			}
			mustPut(t, again, 2, 1000)
			if packs, err := again.Packs(t.Context()); err != nil || len(packs) != 1 {
				t.Errorf("%d packs, %v", len(packs), err)
			}
		})
	}
}
