package keys_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"evault/keys"
)

// admins is a vault with several admins, each with a copy of its own, all at the same roster.
func admins(t *testing.T, labels ...string) []*replica {
	t.Helper()
	ids := []*keys.Identity{newIdentity(t)}
	created, store := newVault(t, keys.NewVaultOptions{Identity: ids[0], Label: labels[0], Passphrase: []byte(strongPass)})
	for _, label := range labels[1:] {
		id := newIdentity(t)
		admit(t, created.Vault, store, id, label, keys.RoleAdmin)
		ids = append(ids, id)
	}
	var list []*replica
	for _, id := range ids {
		s := maps.Clone(store)
		list = append(list, &replica{id, s, open(t, s, id, created.Vault.ID())})
	}
	return list
}

func (r *replica) do(t *testing.T, change func() (keys.ChangeSet, error)) {
	t.Helper()
	r.store.apply(t, must(t, change))
}

func (r *replica) key() [32]byte { return r.vault.DevicePublicKey() }

func (r *replica) rename(t *testing.T, label string) {
	t.Helper()
	r.do(t, func() (keys.ChangeSet, error) { return r.vault.RenameDevice(r.key(), label) })
}

func (r *replica) revoke(t *testing.T, other *replica) {
	t.Helper()
	r.do(t, func() (keys.ChangeSet, error) { return r.vault.RevokeDevice(other.key(), nil) })
}

func (r *replica) take(t *testing.T, from *replica) {
	t.Helper()
	takeIn(t, r.vault, r.store, public(t, from.vault, from.store))
}

// refuses has r meet files of which so many rosters are of removed devices, and everything else is good.
func (r *replica) refuses(t *testing.T, files []keys.File, rosters int) {
	t.Helper()
	before, known := r.vault.RosterHash(), maps.Clone(r.store)
	accepted, refused, _ := r.vault.Adopt(files)
	for _, err := range refused {
		if !errors.Is(err, keys.ErrRemovedSigner) || !errors.Is(err, keys.ErrTampered) || !strings.Contains(err.Error(), "\"roster/") {
			t.Errorf("refused: %v", err)
		}
	}
	if len(refused) != rosters {
		t.Errorf("refused %d rosters, want %d: %v", len(refused), rosters, refused)
	}
	for _, f := range accepted {
		if _, had := known[f.Name]; !had {
			t.Errorf("accepted %s", f.Name)
		}
	}
	if r.vault.RosterHash() != before || len(r.vault.RosterHeads()) != 1 {
		t.Errorf("the roster moved, or conflicts: %v", headsOf(r.vault))
	}
}

// works says that a device goes on as if nothing had been: it signs data and rosters, also when it is opened anew.
func (r *replica) works(t *testing.T) {
	t.Helper()
	for range 2 {
		if _, err := r.vault.SignCommit([32]byte{}); err != nil {
			t.Errorf("cannot sign a commit: %v", err)
		}
		r.rename(t, fmt.Sprintf("renamed in roster %d", r.vault.Roster().Number+1))
		r.reopen(t, r.vault.ID())
	}
	if _, err := keys.OpenWithPassphrase(r.store, []byte(strongPass), 0, nil); err != nil {
		t.Errorf("the passphrase: %v", err)
	}
}

// A laptop is stolen and removed. The thief signs, from the state before, that all others are removed and the passphrase is
// gone, and plants it wherever the owner's devices look.
func TestRemovedAdminCannotBlockTheVault(t *testing.T) {
	for name, c := range map[string]struct {
		labels  []string
		prepare func(t *testing.T, all []*replica) // the thief is the last of all
		planted int
	}{
		"two devices": {[]string{"owner", "thief"}, func(t *testing.T, all []*replica) {
			all[1].revoke(t, all[0])
		}, 2},
		"three devices": {[]string{"owner", "desk", "thief"}, func(t *testing.T, all []*replica) {
			all[2].revoke(t, all[0])
			all[2].revoke(t, all[1])
		}, 3},
		"nobody removed, and all made readers": {[]string{"owner", "desk", "thief"}, func(t *testing.T, all []*replica) {
			for _, r := range all[:2] {
				all[2].do(t, func() (keys.ChangeSet, error) { return all[2].vault.SetRole(r.key(), keys.RoleReader) })
			}
		}, 3},
		"a longer chain than the owner's": {[]string{"owner", "thief"}, func(t *testing.T, all []*replica) {
			for i := range 9 {
				all[1].rename(t, fmt.Sprint(i))
			}
		}, 10},
		"from far back": {[]string{"owner", "thief"}, func(t *testing.T, all []*replica) {
			for i := range 9 {
				all[0].rename(t, fmt.Sprint(i))
			}
			all[1].revoke(t, all[0])
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			all := admins(t, c.labels...)
			owner, others, thief := all[0], all[1:len(all)-1], all[len(all)-1]
			owner.revoke(t, thief)
			for _, r := range others {
				r.take(t, owner)
			}
			c.prepare(t, all)
			words := slotOf(thief.vault, keys.SlotPassphrase)
			thief.do(t, func() (keys.ChangeSet, error) { return thief.vault.RemoveSlot(words) })
			planted := public(t, thief.vault, thief.store)
			reversed := slices.Clone(planted)
			slices.Reverse(reversed)
			for _, r := range all[:len(all)-1] {
				r.refuses(t, planted, c.planted)
				r.refuses(t, reversed, c.planted)
				for _, f := range planted { // one by one
					if _, known := r.store[f.Name]; !known && strings.HasPrefix(f.Name, "roster/") {
						r.refuses(t, []keys.File{f}, 1)
					}
				}
				r.works(t)
				r.refuses(t, append(public(t, r.vault, r.store), planted...), c.planted)
			}
			for _, r := range others { // they changed members apart from each other just now; one after the other settles that
				r.take(t, owner)
				r.do(t, r.vault.ReconcileRosters)
				owner.take(t, r)
				owner.works(t)
			}
		})
	}
}

// What a device changed before it heard of its removal is not lost, if an admin who is left has seen both and says so.
func TestAnAdminVouchesForWhatARemovedDeviceChanged(t *testing.T) {
	all := admins(t, "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	a.revoke(t, b)
	d := &replica{id: newIdentity(t)}
	b.rename(t, "b, renamed")
	admit(t, b.vault, b.store, d.id, "d", keys.RoleAdmin)
	d.store = maps.Clone(b.store)
	d.vault = open(t, d.store, d.id, b.vault.ID())
	d.rename(t, "d, renamed") // by a device that a removed one let in
	byB := public(t, d.vault, d.store)
	a.refuses(t, byB, 2)

	// c hears of both, b's first.
	c.take(t, d)
	c.take(t, a)
	if len(c.vault.RosterHeads()) != 2 {
		t.Fatalf("heads %v", headsOf(c.vault))
	}
	c.do(t, c.vault.ReconcileRosters)
	c.rename(t, "c, renamed")
	files := public(t, c.vault, c.store)
	for _, order := range []func([]keys.File){func([]keys.File) {}, slices.Reverse[[]keys.File]} {
		order(files)
		s := maps.Clone(a.store)
		again := &replica{a.id, s, open(t, s, a.id, a.vault.ID())}
		if later := takeIn(t, again.vault, again.store, files); len(later) != 0 || again.vault.RosterHash() != c.vault.RosterHash() {
			t.Errorf("heads %v, want %v; later %v", headsOf(again.vault), headsOf(c.vault), names(later))
		}
		again.works(t)
		if again.vault.Device().Role != keys.RoleAdmin || !again.vault.Revoked(b.key()) {
			t.Error("a is out, or b is not")
		}
	}
	// What b signs now nobody has vouched for.
	evil := &replica{b.id, b.store, open(t, b.store, b.id, b.vault.ID())}
	evil.revoke(t, a)
	a.take(t, c)
	a.refuses(t, public(t, evil.vault, evil.store), 1)
	a.refuses(t, append(public(t, evil.vault, evil.store), files...), 1)
}

// An honest roster on top of a refused one cannot be judged; it is nobody's fault.
func TestWhatFollowsARefusedRosterIsSetAside(t *testing.T) {
	all := admins(t, "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	a.revoke(t, b)
	b.rename(t, "b, renamed")
	c.take(t, b)
	c.rename(t, "c, renamed") // c is no removed device, and has not heard of the removal: this is no judgement of it
	accepted, refused, later := a.vault.Adopt(public(t, c.vault, c.store))
	if len(refused) != 1 || !strings.HasPrefix(later[0].Name, "roster/5-") || !errors.Is(refused[0], keys.ErrRemovedSigner) || len(a.vault.RosterHeads()) != 1 {
		t.Errorf("accepted %v, refused %v, later %v", names(accepted), refused, names(later))
	}
	a.works(t)
}

// Rosters that a device signed before it was removed lead to the one that removes it.
func TestOlderRostersOfARemovedDeviceAreTakenIn(t *testing.T) {
	all := admins(t, "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	b.rename(t, "b, renamed")
	a.take(t, b)
	a.revoke(t, b)
	files := public(t, a.vault, a.store)
	slices.Reverse(files)
	if later := takeIn(t, c.vault, c.store, files); len(later) != 0 || c.vault.RosterHash() != a.vault.RosterHash() {
		t.Errorf("heads %v; later %v", headsOf(c.vault), names(later))
	}
	c.take(t, b)
	c.works(t)
}

// Two admins remove each other. Each stays on its side, as does who has heard of one of them; who hears of both at once sees
// a conflict. One who knows the passphrase settles it for all.
func TestAdminsWhoRemoveEachOther(t *testing.T) {
	all := admins(t, "a", "b", "c", "d")
	a, b, c, d := all[0], all[1], all[2], all[3]
	keyA, keyB := a.key(), b.key()
	a.revoke(t, b)
	b.revoke(t, a)
	byA, byB := public(t, a.vault, a.store), public(t, b.vault, b.store)
	a.refuses(t, byB, 1)
	b.refuses(t, byA, 1)
	c.take(t, b)
	c.refuses(t, byA, 1)
	takeIn(t, d.vault, d.store, append(byA, byB...))
	if len(d.vault.RosterHeads()) != 2 {
		t.Errorf("heads %v", headsOf(d.vault))
	}
	// d is on one side now, and of that side only is more taken in.
	side, other := a, b
	if _, removed := d.vault.Roster().Revocation(keyA); removed {
		side, other = b, a
	}
	other.rename(t, "on")
	if _, refused, _ := d.vault.Adopt(public(t, other.vault, other.store)); len(refused) != 1 || !errors.Is(refused[0], keys.ErrRemovedSigner) {
		t.Errorf("refused %v", refused)
	}
	side.rename(t, "on")
	d.take(t, side)
	if d.vault.RosterHash() != side.vault.RosterHash() {
		t.Error("d does not follow its side")
	}

	fresh := newIdentity(t)
	s := maps.Clone(d.store)
	v, err := keys.OpenWithPassphrase(s, []byte(strongPass), 0, fresh)
	if err != nil {
		t.Fatal(err)
	}
	roster, slot, err := v.AdmitDevice("fresh")
	if err != nil {
		t.Fatal(err)
	}
	s.put([]keys.File{slot, roster})
	for _, r := range []*replica{a, b, c, d} {
		takeIn(t, r.vault, r.store, public(t, v, s))
		if !r.vault.Revoked(keyA) || !r.vault.Revoked(keyB) {
			t.Errorf("heads %v", headsOf(r.vault))
		}
	}
	if c.vault.RosterHash() != v.RosterHash() || d.vault.RosterHash() != v.RosterHash() {
		t.Error("the members who are left do not follow")
	}
}

// In a conflict a removal holds on whichever side it stands.
func TestARemovalOnTheOtherSideOfAConflictHolds(t *testing.T) {
	all := admins(t, "a", "b", "c", "thief")
	a, b, c, thief := all[0], all[1], all[2], all[3]
	a.revoke(t, thief)
	b.rename(t, "b, renamed")
	c.take(t, b)
	pinned := c.vault.RosterHash()
	c.take(t, a)
	if len(c.vault.RosterHeads()) != 2 || c.vault.RosterHash() != pinned {
		t.Fatalf("heads %v", headsOf(c.vault))
	}
	thief.revoke(t, c)
	if accepted, refused, _ := c.vault.Adopt(public(t, thief.vault, thief.store)); len(refused) != 1 || !errors.Is(refused[0], keys.ErrRemovedSigner) {
		t.Errorf("accepted %v, refused %v", names(accepted), refused)
	}
	c.do(t, c.vault.ReconcileRosters)
	c.works(t)
}
