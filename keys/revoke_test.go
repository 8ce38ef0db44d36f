package keys_test

import (
	"errors"
	"slices"
	"testing"

	"evault/keys"
)

func cutoff(log byte, sequence uint64) keys.Cutoff {
	return keys.Cutoff{Log: [32]byte{log}, Sequence: sequence, Header: [32]byte{log, byte(sequence)}}
}

func TestRevokeDevice(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Label: "a", Passphrase: []byte(strongPass)})
	v := created.Vault
	own := v.DevicePublicKey()
	lost, other := newIdentity(t), newIdentity(t)
	admit(t, v, store, lost, "lost", keys.RoleWriter)
	admit(t, v, store, other, "other", keys.RoleAdmin)
	lostKey, err := lost.SigningKey(v.ID())
	if err != nil {
		t.Fatal(err)
	}
	if _, revoked := v.Revocation(lostKey); revoked || len(v.FormerDevices()) != 0 {
		t.Error("revoked before it is")
	}
	files := len(store)
	c := must(t, func() (keys.ChangeSet, error) {
		return v.RevokeDevice(lostKey, []keys.Cutoff{cutoff(3, 7), cutoff(1, 9), cutoff(3, 5)})
	})
	store.apply(t, c)
	if len(c.Add) != 1 || len(c.Remove) != 1 || len(c.Notes) != 1 || len(store) != files {
		t.Errorf("change %v %v %v", names(c.Add), c.Remove, c.Notes)
	}
	rev, ok := v.Revocation(lostKey)
	if want := []keys.Cutoff{cutoff(1, 9), cutoff(3, 5)}; !ok || rev.Device != lostKey || !slices.Equal(rev.Cutoffs, want) {
		t.Errorf("revocation %+v", rev)
	}
	if _, listed := v.Roster().Device(lostKey); listed || !v.Revoked(lostKey) {
		t.Error("still a member")
	}
	if r := v.FormerDevices(); len(r) != 1 || r[0].Label != "lost" || r[0].Key != lostKey || r[0].By != "a" || r[0].Removed == 0 {
		t.Errorf("removed %+v", r)
	}
	if _, err := keys.OpenWithIdentity(store, lost, v.ID()); !errors.Is(err, keys.ErrNoSlot) {
		t.Errorf("the removed device opens the store: %v", err)
	}
	// With the passphrase it reads, and stays expelled: it needs a new identity.
	back, err := keys.OpenWithPassphrase(store, []byte(strongPass), 0, lost)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := back.AdmitDevice("back"); !errors.Is(err, keys.ErrRevoked) {
		t.Errorf("a removed device admits itself: %v", err)
	}
	anew, err := keys.OpenWithPassphrase(store, []byte(strongPass), 0, newIdentity(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := anew.AdmitDevice("anew"); err != nil {
		t.Errorf("a new identity: %v", err)
	}
	// A log that shows up later is cut off later; the earlier of two cut-offs stays.
	store.apply(t, must(t, func() (keys.ChangeSet, error) {
		return v.RevokeDevice(lostKey, []keys.Cutoff{cutoff(1, 10), cutoff(2, 4)})
	}))
	rev, _ = v.Revocation(lostKey)
	if want := []keys.Cutoff{cutoff(1, 9), cutoff(2, 4), cutoff(3, 5)}; !slices.Equal(rev.Cutoffs, want) {
		t.Errorf("revocation %+v", rev)
	}
	if r := v.FormerDevices(); len(r) != 1 {
		t.Errorf("removed %+v", r)
	}

	for name, c := range map[string]struct {
		key  [32]byte
		want error
	}{"nobody": {[32]byte{1}, keys.ErrNotMember}, "a recovery admin": {slotAdmin(v), keys.ErrNotMember}} {
		if _, err := v.RevokeDevice(c.key, nil); !errors.Is(err, c.want) {
			t.Errorf("removing %s: %v", name, err)
		}
	}
	if _, err := v.RevokeDevice(own, make([]keys.Cutoff, 0)); err != nil {
		t.Errorf("one of two admins: %v", err)
	}
	if _, err := v.RenameDevice(lostKey, "x"); !errors.Is(err, keys.ErrNotAdmin) {
		t.Errorf("a removed admin goes on: %v", err)
	}
	if err := v.CanPublish(); !errors.Is(err, keys.ErrNoDevice) {
		t.Errorf("can publish: %v", err)
	}
}

func slotAdmin(v *keys.Vault) [32]byte {
	for _, s := range v.Roster().Slots {
		if s.Kind == keys.SlotPassphrase {
			return s.Admin
		}
	}
	return [32]byte{}
}

func TestLastAdminStays(t *testing.T) {
	created, store := newVault(t, keys.NewVaultOptions{Identity: newIdentity(t), Label: "a", Passphrase: []byte(strongPass)})
	v := created.Vault
	own := v.DevicePublicKey()
	writer := newIdentity(t)
	admit(t, v, store, writer, "writer", keys.RoleWriter)
	before := v.RosterHash()
	if _, err := v.RevokeDevice(own, nil); !errors.Is(err, keys.ErrLastAdmin) {
		t.Errorf("removing: %v", err)
	}
	if _, err := v.SetRole(own, keys.RoleWriter); !errors.Is(err, keys.ErrLastAdmin) {
		t.Errorf("demoting: %v", err)
	}
	demoted := v.Device()
	demoted.Role = keys.RoleReader
	if _, err := v.AdmitOther(demoted); !errors.Is(err, keys.ErrLastAdmin) {
		t.Errorf("admitting anew as a reader: %v", err)
	}
	if v.RosterHash() != before {
		t.Error("the roster moved")
	}
	key, err := writer.SigningKey(v.ID())
	if err != nil {
		t.Fatal(err)
	}
	store.apply(t, must(t, func() (keys.ChangeSet, error) { return v.SetRole(key, keys.RoleAdmin) }))
	store.apply(t, must(t, func() (keys.ChangeSet, error) { return v.SetRole(own, keys.RoleReader) }))
	if err := open(t, store, writer, v.ID()).CanAdmin(); err != nil {
		t.Errorf("the new admin: %v", err)
	}
	if err := v.CanPublish(); !errors.Is(err, keys.ErrReader) {
		t.Errorf("a reader publishes: %v", err)
	}
	if _, err := v.SetRole(key, keys.RoleWriter); !errors.Is(err, keys.ErrNotAdmin) {
		t.Errorf("a reader demotes: %v", err)
	}
}

func TestRenameAndRole(t *testing.T) {
	created, store := newVault(t, keys.NewVaultOptions{Label: "a"})
	v := created.Vault
	own := v.DevicePublicKey()
	store.apply(t, must(t, func() (keys.ChangeSet, error) { return v.RenameDevice(own, "desk") }))
	if v.Device().Label != "desk" || v.Roster().Slots[0].Label != "desk" {
		t.Errorf("device %q, slot %q", v.Device().Label, v.Roster().Slots[0].Label)
	}
	for _, label := range []string{"a\nb", string(make([]byte, 256)), "\xff"} {
		if _, err := v.RenameDevice(own, label); err == nil {
			t.Errorf("renamed to %q", label)
		}
	}
	if _, err := v.RenameDevice([32]byte{1}, "x"); !errors.Is(err, keys.ErrNotMember) {
		t.Errorf("renaming nobody: %v", err)
	}
	for _, role := range []keys.Role{0, 4} {
		if _, err := v.SetRole(own, role); err == nil {
			t.Errorf("role %d", role)
		}
	}
}

// A tag's signature is good for a tag and nothing else.
func TestSignTag(t *testing.T) {
	created, _ := newVault(t, keys.NewVaultOptions{Label: "a"})
	v, hash := created.Vault, [32]byte{1}
	tag, err := v.SignTag(hash)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.VerifyTag(v.DevicePublicKey(), hash, tag); err != nil {
		t.Error(err)
	}
	commit, err := v.SignCommit(hash)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a commit's as a tag's": v.VerifyTag(v.DevicePublicKey(), hash, commit),
		"a tag's as a commit's": v.VerifyCommit(v.DevicePublicKey(), hash, tag),
		"another hash's":        v.VerifyTag(v.DevicePublicKey(), [32]byte{2}, tag),
	} {
		if !errors.Is(err, keys.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := v.VerifyTag([32]byte{9}, hash, tag); !errors.Is(err, keys.ErrUnknownDevice) {
		t.Errorf("a stranger's: %v", err)
	}
}
