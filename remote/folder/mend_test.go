package folder

import (
	"testing"

	"evault/internal/vfs"
	"evault/refs"
	"evault/remote"
)

// What the files id and vault said is written again for a store without them, and only if its logs bear it out.
func TestMendNeedsLogsThatBearItOut(t *testing.T) {
	disk, s, id := made(t)
	if err := s.Mend(t.Context(), s.o.Vault, id); err == nil {
		t.Error("a store without records bears nothing out")
	}
	rig := storeOn(t, disk)
	wantErr(t, rig.Mend(t.Context(), s.o.Vault, refs.StoreID{1, 2, 3}), remote.ErrMismatch)
	got, err := refs.ReadStoreID(disk)
	if err != nil || got != id {
		t.Errorf("the ID is %s now: %v", got, err)
	}
	must(t, vfs.Publish(disk, idName, []byte("rot"), 0o600))
	_, err = storeOn(t, disk).Info(t.Context())
	wantErr(t, err, remote.ErrDamaged)
}
