package keys_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"evault/keys"
)

func entryOf(t *testing.T, id *keys.Identity, vault keys.VaultID, label string, role keys.Role) keys.DeviceEntry {
	t.Helper()
	key, err := id.SigningKey(vault)
	if err != nil {
		t.Fatal(err)
	}
	return keys.DeviceEntry{Key: key, Device: id.DeviceID(), Role: role, Label: label, Recipient: id.Recipient()}
}

func admit(t *testing.T, v *keys.Vault, s memStore, id *keys.Identity, label string, role keys.Role) {
	t.Helper()
	c, err := v.AdmitOther(entryOf(t, id, v.ID(), label, role))
	if err != nil {
		t.Fatal(err)
	}
	s.apply(t, c)
}

func open(t *testing.T, s memStore, id *keys.Identity, vault keys.VaultID) *keys.Vault {
	t.Helper()
	v, err := keys.OpenWithIdentity(s, id, vault)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMembersAndRoles(t *testing.T) {
	created, store := newVault(t, keys.NewVaultOptions{Label: "first"})
	v := created.Vault
	for _, role := range []keys.Role{keys.RoleReader, keys.RoleWriter, keys.RoleAdmin} {
		id := newIdentity(t)
		admit(t, v, store, id, role.String(), role)
		member := open(t, store, id, v.ID())
		sameSecrets(t, v, member)
		if d := member.Device(); d.Role != role || d.Label != role.String() || d.Added == 0 {
			t.Errorf("device %+v", d)
		}
		want := keys.ErrNotAdmin
		if role == keys.RoleAdmin {
			want = nil
		}
		if err := member.CanAdmin(); !errors.Is(err, want) {
			t.Errorf("%s: %v", role, err)
		}
		if e, ok := v.KnowsDevice(member.DevicePublicKey()); !ok || e.Label != role.String() {
			t.Errorf("%s is not known", role)
		}
	}
	if n := v.Roster().Number; n != 4 {
		t.Errorf("roster %d", n)
	}
	for _, bad := range []keys.DeviceEntry{
		{}, {Key: [32]byte{1}, Role: 4}, {Key: [32]byte{1}, Role: 1, Recipient: "x"},
		{Key: [32]byte{1}, Role: 1, Label: "a\nb"}, {Key: [32]byte{1}, Role: 1, Label: strings.Repeat("a", 256)},
	} {
		if _, err := v.AdmitOther(bad); err == nil {
			t.Errorf("admitted %+v", bad)
		}
	}
	again := open(t, store, newAdmitted(t, v, store), v.ID())
	if again.RosterHash() != v.RosterHash() || !again.RosterDescends(v.RosterHash(), [32]byte(v.ID())) || again.RosterDescends([32]byte(v.ID()), v.RosterHash()) {
		t.Error("the chain does not lead from roster 0 to the newest")
	}
}

func newAdmitted(t *testing.T, v *keys.Vault, s memStore) *keys.Identity {
	id := newIdentity(t)
	admit(t, v, s, id, "more", keys.RoleWriter)
	return id
}

func TestSlotsComeAndGo(t *testing.T) {
	friend, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Label: "laptop"})
	v := created.Vault
	slot := func(kind keys.SlotKind) keys.SlotInfo {
		t.Helper()
		list, err := v.Slots(store)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(s keys.SlotInfo) bool { return s.Kind == kind })
		if i < 0 {
			t.Fatalf("no %s slot in %+v", kind, list)
		}
		return list[i]
	}
	device := slot(keys.SlotDevice)
	if !device.Present || !device.Listed || device.Label != "laptop" || device.Stanza != "mlkem768x25519" || device.Device != v.DevicePublicKey() {
		t.Errorf("device slot %+v", device)
	}
	if _, err := v.RemoveSlot(device.Hash); !errors.Is(err, keys.ErrLastSlot) {
		t.Errorf("removing the last slot: %v", err)
	}
	if _, err := v.RemoveSlot([32]byte{}); !errors.Is(err, keys.ErrNoSlot) {
		t.Errorf("removing no slot: %v", err)
	}

	c, err := v.AddPassphraseSlot([]byte(strongPass), testWork)
	if err != nil {
		t.Fatal(err)
	}
	store.apply(t, c)
	words, c, err := keys.AddCheapRecoveryWords(v, testWork)
	if err != nil {
		t.Fatal(err)
	}
	store.apply(t, c)
	if c, err = v.AddRecipientSlot(friend.Recipient().String()); err != nil {
		t.Fatal(err)
	}
	store.apply(t, c)
	for _, pass := range []string{strongPass, words} {
		opened, err := keys.OpenWithPassphrase(store, []byte(pass), 0, newIdentity(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := opened.CanAdmin(); err != nil {
			t.Errorf("the recovery admin cannot sign: %v", err)
		}
	}
	if s := slot(keys.SlotRecipient); s.Label != friend.Recipient().String() || s.Stanza != "X25519" {
		t.Errorf("recipient slot %+v", s)
	}
	opened, err := keys.OpenWithPassphrase(store, []byte(words), 0, newIdentity(t))
	if err != nil {
		t.Fatal(err)
	}

	for _, kind := range []keys.SlotKind{keys.SlotRecovery, keys.SlotRecipient} {
		if c, err = v.RemoveSlot(slot(kind).Hash); err != nil {
			t.Fatal(err)
		}
		if len(c.Remove) != 1 || len(c.Notes) != 1 {
			t.Errorf("removal of %s: %+v", kind, c)
		}
		store.apply(t, c)
	}
	if _, err := keys.OpenWithPassphrase(store, []byte(words), 0, nil); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("removed words: %v", err)
	}
	if _, err := keys.OpenWithAge(store, []age.Identity{friend}, nil, v.ID()); !errors.Is(err, keys.ErrNoSlot) {
		t.Errorf("removed recipient: %v", err)
	}
	// Who had the words before can still sign a sibling of what he knew, and no successor of the newest roster.
	rosterFile, _, err := opened.AdmitDevice("thief")
	if err != nil {
		t.Fatal(err)
	}
	store[rosterFile.Name] = rosterFile.Data
	if after := open(t, store, id, v.ID()); after.RosterHash() != v.RosterHash() {
		t.Error("the removed recovery admin's roster is the newest")
	}
}

// Two admins change the roster apart: both sides' revocations hold, and nothing moves until one of them reconciles.
func TestRosterConflict(t *testing.T) {
	idA, idB := newIdentity(t), newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: idA, Label: "a"})
	vault := created.Vault.ID()
	admit(t, created.Vault, store, idB, "b", keys.RoleAdmin)
	lost := newAdmitted(t, created.Vault, store)
	lostKey, err := lost.SigningKey(vault)
	if err != nil {
		t.Fatal(err)
	}
	a, b := open(t, store, idA, vault), open(t, store, idB, vault)
	fork := a.RosterHash()
	admit(t, a, store, newIdentity(t), "by a", keys.RoleWriter)
	rosterA := a.RosterHash()
	kept := maps.Clone(store)
	store.apply(t, must(t, func() (keys.ChangeSet, error) {
		return b.RevokeDevice(lostKey, []keys.Cutoff{{Log: [32]byte{1}, Sequence: 5}})
	}))
	rosterB := b.RosterHash()

	v := open(t, store, idA, vault)
	if heads := v.RosterHeads(); len(heads) != 2 {
		t.Fatalf("%d heads", len(heads))
	}
	if !v.Revoked(lostKey) {
		t.Error("the other side's revocation is not obeyed")
	}
	if _, err := v.AddPassphraseSlot([]byte(strongPass), testWork); !errors.Is(err, keys.ErrRosterConflict) {
		t.Errorf("change during a conflict: %v", err)
	}
	if err := v.CanAdmin(); !errors.Is(err, keys.ErrRosterConflict) {
		t.Errorf("can admin: %v", err)
	}
	for _, pin := range [][32]byte{rosterB, rosterA} {
		if err := v.PreferRoster(pin); err != nil || v.RosterHash() != pin {
			t.Errorf("pinned %x: %v", pin[:4], err)
		}
	}
	if err := v.PreferRoster(fork); err != nil {
		t.Errorf("a pin before the fork: %v", err)
	}
	if err := v.PreferRoster([32]byte{1}); !errors.Is(err, keys.ErrTampered) {
		t.Errorf("a pin that is not there: %v", err)
	}
	// The roster of a's side still lists the lost device; the other side's revocation holds all the same.
	maps.Copy(kept, store) // its slot is gone from the store, and the device has a copy
	expelled := open(t, kept, lost, vault)
	if err := expelled.PreferRoster(rosterA); err != nil {
		t.Fatal(err)
	}
	if _, err := expelled.SignCommit([32]byte{}); !errors.Is(err, keys.ErrNoDevice) {
		t.Errorf("a device that one side revoked signs: %v", err)
	}
	if err := v.PreferRoster(rosterA); err != nil {
		t.Fatal(err)
	}
	store.apply(t, must(t, v.ReconcileRosters))
	if _, err := v.ReconcileRosters(); err == nil {
		t.Error("reconciled twice")
	}

	after := open(t, store, idB, vault)
	if len(after.RosterHeads()) != 1 || after.RosterHash() != v.RosterHash() || len(after.Problems()) != 0 {
		t.Errorf("after reconciling: %d heads, %v", len(after.RosterHeads()), after.Problems())
	}
	if _, listed := after.Roster().Device(lostKey); listed || !after.Revoked(lostKey) {
		t.Error("the lost device is a member again")
	}
	if _, known := after.KnowsDevice(lostKey); !known {
		t.Error("a former member's old commits would not verify")
	}
	if _, err := after.AdmitOther(entryOf(t, lost, vault, "back", keys.RoleAdmin)); !errors.Is(err, keys.ErrRevoked) {
		t.Errorf("admitting an expelled device: %v", err)
	}
	// The lost device still opens what it always could, and signs nothing.
	maps.Copy(kept, store)
	if l := open(t, kept, lost, vault); l.Device().Label != "" {
		t.Error("an expelled device acts as a member")
	}
}

func must(t *testing.T, f func() (keys.ChangeSet, error)) keys.ChangeSet {
	t.Helper()
	c, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
