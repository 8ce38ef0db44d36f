package keys_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"evault/keys"
)

// replica is one device with its copy of the vault.
type replica struct {
	id    *keys.Identity
	store memStore
	vault *keys.Vault
}

func (r *replica) reopen(t testing.TB, vault keys.VaultID) {
	t.Helper()
	pinned := r.vault.RosterHash()
	v, err := keys.OpenWithIdentity(r.store, r.id, vault)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.PreferRoster(pinned); err != nil {
		t.Fatal(err)
	}
	r.vault = v
}

func TestConflictKeepsWhatAnySideTookAway(t *testing.T) {
	idA, idB := newIdentity(t), newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: idA, Label: "a", Passphrase: []byte(strongPass), RecoveryWords: true})
	vault := created.Vault.ID()
	lost, demoted := newIdentity(t), newIdentity(t)
	admit(t, created.Vault, store, idB, "b", keys.RoleAdmin)
	admit(t, created.Vault, store, lost, "lost", keys.RoleWriter)
	admit(t, created.Vault, store, demoted, "demoted", keys.RoleWriter)
	lostKey, _ := lost.SigningKey(vault)
	demotedKey, _ := demoted.SigningKey(vault)
	renewed := newIdentity(t)
	renewedKey, _ := renewed.SigningKey(vault)
	admit(t, created.Vault, store, renewed, "renewed", keys.RoleWriter)
	a := &replica{idA, store, open(t, store, idA, vault)}
	b := &replica{idB, maps.Clone(store), open(t, store, idB, vault)}

	added := newIdentity(t)
	admit(t, a.vault, a.store, added, "added by a", keys.RoleWriter)
	admit(t, a.vault, a.store, renewed, "renewed", keys.RoleWriter) // which gives it another slot
	a.store.apply(t, must(t, func() (keys.ChangeSet, error) {
		return a.vault.RevokeDevice(lostKey, []keys.Cutoff{cutoff(1, 5), cutoff(2, 9)})
	}))
	b.store.apply(t, must(t, func() (keys.ChangeSet, error) { return b.vault.RevokeDevice(renewedKey, nil) }))
	words := slotOf(b.vault, keys.SlotRecovery)
	b.store.apply(t, must(t, func() (keys.ChangeSet, error) { return b.vault.RemoveSlot(words) }))
	b.store.apply(t, must(t, func() (keys.ChangeSet, error) { return b.vault.SetRole(demotedKey, keys.RoleReader) }))
	b.store.apply(t, must(t, func() (keys.ChangeSet, error) {
		return b.vault.RevokeDevice(lostKey, []keys.Cutoff{cutoff(2, 3), cutoff(3, 8)})
	}))

	takeIn(t, a.vault, a.store, public(t, b.vault, b.store))
	if len(a.vault.RosterHeads()) != 2 {
		t.Fatal("no conflict")
	}
	want := []keys.Cutoff{cutoff(1, 5), cutoff(2, 3), cutoff(3, 8)}
	if rev, _ := a.vault.Revocation(lostKey); !slices.Equal(rev.Cutoffs, want) {
		t.Errorf("both sides cut off %+v", rev.Cutoffs)
	}
	a.store.apply(t, must(t, a.vault.ReconcileRosters))
	if rev, _ := a.vault.Revocation(lostKey); !slices.Equal(rev.Cutoffs, want) {
		t.Errorf("reconciled to %+v", rev.Cutoffs)
	}
	if slotOf(a.vault, keys.SlotRecovery) != ([32]byte{}) {
		t.Error("a slot that b removed is back")
	}
	if slices.ContainsFunc(a.vault.Roster().Slots, func(s keys.SlotEntry) bool { return s.Device == renewedKey }) {
		t.Error("a device that b removed has a slot")
	}
	if slotOf(a.vault, keys.SlotPassphrase) == ([32]byte{}) {
		t.Error("a slot that nobody removed is gone")
	}
	addedKey, _ := added.SigningKey(vault)
	if e, _ := a.vault.Roster().Device(addedKey); e.Label != "added by a" {
		t.Error("what the pinned side added is gone")
	}
	if e, _ := a.vault.Roster().Device(demotedKey); e.Role != keys.RoleReader {
		t.Errorf("demoted by one side, and now %s", e.Role)
	}
	if later := takeIn(t, b.vault, b.store, public(t, a.vault, a.store)); len(later) != 0 || b.vault.RosterHash() != a.vault.RosterHash() {
		t.Errorf("b does not follow: %v", names(later))
	}
}

func slotOf(v *keys.Vault, kind keys.SlotKind) [32]byte {
	for _, s := range v.Roster().Slots {
		if s.Kind == kind {
			return s.Hash
		}
	}
	return [32]byte{}
}

// Two admins expel each other, and nobody is left who may reconcile, but who knows the passphrase.
func TestRecoveryAdminEndsAConflict(t *testing.T) {
	idA, idB := newIdentity(t), newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: idA, Label: "a", Passphrase: []byte(strongPass)})
	vault := created.Vault.ID()
	admit(t, created.Vault, store, idB, "b", keys.RoleAdmin)
	writer := newIdentity(t)
	admit(t, created.Vault, store, writer, "writer", keys.RoleWriter)
	a, b := open(t, store, idA, vault), open(t, store, idB, vault)
	aKey, bKey := a.DevicePublicKey(), b.DevicePublicKey()
	other := maps.Clone(store)
	admit(t, b, other, newIdentity(t), "friend of b", keys.RoleAdmin)
	other.apply(t, must(t, func() (keys.ChangeSet, error) { return b.RevokeDevice(aKey, nil) }))
	store.apply(t, must(t, func() (keys.ChangeSet, error) { return a.RevokeDevice(bKey, nil) }))
	// Neither takes in the other's; who knew neither side before, sees both.
	store.put(public(t, b, other))
	a = open(t, store, idA, vault)
	if _, err := a.ReconcileRosters(); !errors.Is(err, keys.ErrNotAdmin) {
		t.Errorf("an expelled admin reconciles: %v", err)
	}
	// Without an identity, or with an expelled one, nothing is signed.
	nobody, err := keys.OpenWithPassphrase(store, []byte(strongPass), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := nobody.AdmitDevice("x"); !errors.Is(err, keys.ErrNoDevice) {
		t.Errorf("without an identity: %v", err)
	}
	expelled, err := keys.OpenWithPassphrase(store, []byte(strongPass), 0, idA)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := expelled.AdmitDevice("x"); !errors.Is(err, keys.ErrRevoked) {
		t.Errorf("an expelled device: %v", err)
	}

	fresh := newIdentity(t)
	v, err := keys.OpenWithPassphrase(store, []byte(strongPass), 0, fresh)
	if err != nil {
		t.Fatal(err)
	}
	roster, slot, err := v.AdmitDevice("fresh")
	if err != nil {
		t.Fatal(err)
	}
	store.put([]keys.File{slot, roster})
	again := open(t, store, fresh, vault)
	if len(again.RosterHeads()) != 1 || len(again.Problems()) != 0 {
		t.Fatalf("%d heads, %v", len(again.RosterHeads()), again.Problems())
	}
	var labels []string
	for _, d := range again.Roster().Devices {
		labels = append(labels, d.Label+" "+d.Role.String())
	}
	slices.Sort(labels)
	if want := []string{"fresh admin", "writer writer"}; !slices.Equal(labels, want) {
		t.Errorf("members %v, want %v", labels, want)
	}
	if !again.Revoked(aKey) || !again.Revoked(bKey) {
		t.Error("a revocation is dropped")
	}
}

// More heads than one roster can name are joined in several.
func TestManyHeads(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Label: "a", Passphrase: []byte(strongPass)})
	vault := created.Vault.ID()
	start := maps.Clone(store)
	var revoked [][32]byte
	for i := range 40 {
		v := open(t, start, id, vault)
		side := maps.Clone(start)
		other := newIdentity(t)
		admit(t, v, side, other, fmt.Sprint(i), keys.RoleWriter)
		key, _ := other.SigningKey(vault)
		side.apply(t, must(t, func() (keys.ChangeSet, error) { return v.RevokeDevice(key, nil) }))
		revoked = append(revoked, key)
		maps.Copy(store, side)
	}
	fresh, err := keys.OpenWithPassphrase(store, []byte(strongPass), 0, newIdentity(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fresh.AdmitDevice("fresh"); !errors.Is(err, keys.ErrRosterConflict) {
		t.Errorf("a device that joins: %v", err)
	}
	v := open(t, store, id, vault)
	if n := len(v.RosterHeads()); n != 40 {
		t.Errorf("%d heads", n)
	}
	store.apply(t, must(t, v.ReconcileRosters))
	v = open(t, store, id, vault)
	if len(v.RosterHeads()) != 1 || len(v.Problems()) != 0 {
		t.Errorf("%d heads, %v", len(v.RosterHeads()), v.Problems())
	}
	for _, key := range revoked {
		if !v.Revoked(key) {
			t.Error("a revocation is dropped")
		}
	}
}

// Several admins change members apart from each other, exchange what they have, and reconcile, in any order.
func TestMembershipProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { membershipWalk(t, rt) })
}

func membershipWalk(t *testing.T, rt *rapid.T) {
	ids := []*keys.Identity{newIdentity(t), newIdentity(t), newIdentity(t)}
	created, store := newVault(t, keys.NewVaultOptions{Identity: ids[0], Label: "0"})
	vault := created.Vault.ID()
	for i, id := range ids[1:] {
		admit(t, created.Vault, store, id, fmt.Sprint(i+1), keys.RoleAdmin)
	}
	w := &members{t: t, rt: rt, vault: vault, cut: map[[32]byte]map[[32]byte]uint64{}}
	start := maps.Clone(store)
	for _, id := range ids {
		s := maps.Clone(store)
		w.replicas = append(w.replicas, &replica{id, s, open(t, s, id, vault)})
	}
	for range rapid.IntRange(5, 25).Draw(rt, "steps") {
		r := w.replicas[rapid.IntRange(0, len(w.replicas)-1).Draw(rt, "replica")]
		w.step(r)
		w.check(r)
	}
	// All exchange everything: all see the same, unless one removed another who changed the members meanwhile.
	for range 2 {
		w.refused = 0
		for _, r := range w.replicas {
			for _, from := range w.replicas {
				w.exchange(r, from)
			}
			w.check(r)
		}
	}
	for _, r := range w.replicas[1:] {
		if w.refused == 0 && !slices.Equal(headsOf(w.replicas[0].vault), headsOf(r.vault)) {
			t.Fatalf("heads %v and %v", headsOf(w.replicas[0].vault), headsOf(r.vault))
		}
	}
	// Who knows nothing yet sees all of it, and that every removal holds.
	for _, r := range w.replicas {
		maps.Copy(start, r.store)
	}
	first := open(t, start, ids[0], vault)
	for key, logs := range w.cut {
		rev, ok := first.Revocation(key)
		if !ok || len(rev.Cutoffs) != len(logs) {
			t.Fatalf("revocation of %x: %+v, want %v", key[:4], rev, logs)
		}
		for _, c := range rev.Cutoffs {
			if logs[c.Log] != c.Sequence {
				t.Fatalf("log %x is cut off at %d, want %d", c.Log[:1], c.Sequence, logs[c.Log])
			}
		}
	}
}

// members is the walk's memory: what was ever acknowledged about whom.
type members struct {
	t        *testing.T
	rt       *rapid.T
	vault    keys.VaultID
	replicas []*replica
	cut      map[[32]byte]map[[32]byte]uint64 // earliest cut-off by device and log
	refused  int                              // rosters of removed devices
}

// exchange has r take in what another replica has. What it refuses, a device signed that it knows to be removed; and what
// it refuses changes nothing.
func (w *members) exchange(r, from *replica) {
	w.t.Helper()
	before := r.vault.RosterHash()
	accepted, refused, _ := r.vault.Adopt(public(w.t, from.vault, from.store))
	for _, err := range refused {
		if !errors.Is(err, keys.ErrRemovedSigner) || len(r.vault.FormerDevices()) == 0 {
			w.t.Fatalf("refused: %v", err)
		}
	}
	w.refused += len(refused)
	r.store.put(accepted)
	if !r.vault.RosterDescends(r.vault.RosterHash(), before) {
		w.t.Fatal("changed sides")
	}
}

// step has a replica do one thing, as far as it may.
func (w *members) step(r *replica) {
	t, rt := w.t, w.rt
	devices := r.vault.Roster().Devices
	key := devices[rapid.IntRange(0, len(devices)-1).Draw(rt, "device")].Key
	var c keys.ChangeSet
	var err error
	switch what := rapid.SampledFrom([]string{"admit", "revoke", "rename", "role", "slot", "exchange", "exchange", "reconcile", "reopen"}).Draw(rt, "what"); what {
	case "admit":
		c, err = r.vault.AdmitOther(entryOf(t, newIdentity(t), w.vault, "new", rapid.SampledFrom([]keys.Role{1, 2, 3}).Draw(rt, "role")))
	case "revoke":
		var cutoffs []keys.Cutoff
		for range rapid.IntRange(0, 3).Draw(rt, "logs") {
			cutoffs = append(cutoffs, cutoff(rapid.ByteRange(1, 4).Draw(rt, "log"), rapid.Uint64Range(1, 9).Draw(rt, "sequence")))
		}
		c, err = r.vault.RevokeDevice(key, cutoffs)
		if err == nil {
			w.expelled(key, cutoffs)
		}
	case "rename":
		c, err = r.vault.RenameDevice(key, "renamed")
	case "role":
		c, err = r.vault.SetRole(key, rapid.SampledFrom([]keys.Role{1, 2, 3}).Draw(rt, "role"))
	case "slot":
		c, err = r.vault.AddRecipientSlot(newIdentity(t).Recipient())
	case "exchange":
		from := w.replicas[rapid.IntRange(0, len(w.replicas)-1).Draw(rt, "from")]
		w.exchange(r, from)
	case "reconcile":
		if c, err = r.vault.ReconcileRosters(); err == nil && len(r.vault.RosterHeads()) != 1 {
			t.Fatal("reconciled, and still a conflict")
		}
	case "reopen":
		heads := headsOf(r.vault)
		if _, slot := w.slotOf(r); slot {
			r.reopen(t, w.vault)
		}
		if !slices.Equal(heads, headsOf(r.vault)) || len(r.vault.Problems()) != 0 {
			t.Fatalf("opened again: heads %v, want %v; %v", headsOf(r.vault), heads, r.vault.Problems())
		}
	}
	if err == nil {
		r.store.apply(t, c)
	}
}

// slotOf says whether a replica still has a slot of its own.
func (w *members) slotOf(r *replica) (key [32]byte, ok bool) {
	key, err := r.id.SigningKey(w.vault)
	if err != nil {
		w.t.Fatal(err)
	}
	slots, err := r.vault.Slots(r.store)
	if err != nil {
		w.t.Fatal(err)
	}
	return key, slices.ContainsFunc(slots, func(s keys.SlotInfo) bool { return s.Listed && s.Present && s.Device == key })
}

func (w *members) expelled(key [32]byte, cutoffs []keys.Cutoff) {
	if w.cut[key] == nil {
		w.cut[key] = map[[32]byte]uint64{}
	}
	for _, c := range cutoffs {
		if was, ok := w.cut[key][c.Log]; !ok || c.Sequence < was {
			w.cut[key][c.Log] = c.Sequence
		}
	}
}

// check holds what is true of every replica at any time.
func (w *members) check(r *replica) {
	w.t.Helper()
	for _, h := range r.vault.RosterHeads() {
		if !slices.ContainsFunc(h.Devices, func(d keys.DeviceEntry) bool { return d.Role == keys.RoleAdmin }) {
			w.t.Fatal("a roster without an admin device")
		}
		for _, slot := range h.Slots {
			if _, revoked := h.Revocation(slot.Device); revoked && slot.Kind == keys.SlotDevice {
				w.t.Fatal("a slot of a device that is revoked")
			}
		}
		for _, d := range h.Devices {
			if _, revoked := h.Revocation(d.Key); revoked {
				w.t.Fatal("a member that is revoked")
			}
		}
	}
	if r.vault.Device() != (keys.DeviceEntry{}) && r.vault.Revoked(r.vault.DevicePublicKey()) {
		w.t.Fatal("a revoked device acts as a member")
	}
	for _, d := range r.vault.FormerDevices() {
		if d.Revoked && w.cut[d.Key] == nil {
			w.t.Fatalf("%x was never revoked", d.Key[:4])
		}
	}
}

func headsOf(v *keys.Vault) []string {
	var list []string
	for _, h := range v.RosterHeads() {
		hash := h.Hash()
		list = append(list, fmt.Sprintf("%d-%x", h.Number, hash[:6]))
	}
	return list
}
