package keys

import (
	"crypto/ed25519"
	"errors"
	"testing"
)

// forge signs a roster that joins others, and seals it as any member can.
func forge(t *testing.T, v *Vault, key ed25519.PrivateKey, joins []*Roster, edit func(*Roster)) (*Roster, File) {
	t.Helper()
	next := joins[0].successor()
	next.Predecessors = nil
	for _, p := range joins {
		next.Predecessors = append(next.Predecessors, p.Hash())
		next.Number = max(next.Number, p.Number+1)
		next.Revocations = mergeRevocations(next.Revocations, p.Revocations)
	}
	edit(next)
	next.sortLists()
	next.sign(key)
	f, err := sealRoster(next, v.id, v.ring.generation, &v.secret)
	if err != nil {
		t.Fatal(err)
	}
	return next, f
}

func newKey(t *testing.T) ([32]byte, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return publicKey(key), key
}

// The removed device cannot vouch for itself, with no key that it has, makes up, or lets in.
func TestOnlyAnAdminWhoIsLeftVouches(t *testing.T) {
	v, owner := chainOf(t)
	thiefKey, thief := newKey(t)
	adminKey, admin := newKey(t)
	readerKey, reader := newKey(t)
	friendKey, friend := newKey(t)
	recoveryKey, recovery := newKey(t)
	_, outsider := newKey(t)
	if _, err := v.adopt(draft(v.roster, func(r *Roster) {
		r.Devices = append(r.Devices, DeviceEntry{Key: thiefKey, Role: RoleAdmin}, DeviceEntry{Key: adminKey, Role: RoleAdmin},
			DeviceEntry{Key: readerKey, Role: RoleReader})
		r.Slots = append(r.Slots, SlotEntry{Hash: [32]byte{1}, Kind: SlotRecovery, Admin: recoveryKey})
	}), owner); err != nil {
		t.Fatal(err)
	}
	before := v.roster
	revoking := draft(before, func(r *Roster) {
		r.Devices = without(r.Devices, thiefKey)
		r.Revocations = []Revocation{{Device: thiefKey}, {Device: recoveryKey}} // the second is no device
	})
	if _, err := v.adopt(revoking, owner); err != nil {
		t.Fatal(err)
	}
	pinned := v.roster

	planted, plantedFile := forge(t, v, thief, []*Roster{before}, func(r *Roster) {
		r.Devices = append(r.Devices, DeviceEntry{Key: friendKey, Role: RoleAdmin})
		r.Revocations = append(r.Revocations, Revocation{Device: publicKey(owner)})
		r.Devices = without(r.Devices, publicKey(owner))
		r.Slots = append(r.Slots, SlotEntry{Hash: [32]byte{2}, Kind: SlotPassphrase, Admin: friendKey})
	})
	none := func(r *Roster) {
		for _, x := range r.Revocations {
			r.Devices = without(r.Devices, x.Device)
		}
	}
	both := []*Roster{pinned, planted}
	for name, c := range map[string]struct {
		key   ed25519.PrivateKey
		joins []*Roster
		edit  func(*Roster)
	}{
		"the removed device":                     {thief, both, none},
		"the removed device, on its own side":    {thief, both[1:], none},
		"an outsider":                            {outsider, both, none},
		"a reader":                               {reader, both, none},
		"an accomplice it let in":                {friend, both, none},
		"an accomplice it let in, on its side":   {friend, both[1:], none},
		"an admin, who drops a revocation":       {admin, both, func(r *Roster) { none(r); r.Revocations = r.Revocations[:1] }},
		"an admin, with a false number":          {admin, both, func(r *Roster) { none(r); r.Number++ }},
		"an admin, for another vault":            {admin, both, func(r *Roster) { none(r); r.Vault[0] ^= 1 }},
		"an admin who has only seen that side":   {admin, both[1:], none},
		"an admin, with the roster that was old": {admin, []*Roster{before, planted}, none},
	} {
		_, joined := forge(t, v, c.key, c.joins, c.edit)
		accepted, refused, later := v.Adopt([]File{joined, plantedFile})
		if len(accepted) != 0 || len(refused)+len(later) != 2 || v.roster != pinned || len(v.chain.tips) != 1 {
			t.Fatalf("%s: accepted %v, refused %v, later %v", name, accepted, refused, later)
		}
		found := false
		for _, err := range refused {
			found = found || errors.Is(err, ErrRemovedSigner) && errors.Is(err, ErrTampered)
		}
		if !found {
			t.Errorf("%s: refused %v", name, refused)
		}
	}
	// A recovery admin's signature counts, whatever anybody has written about its key.
	_, byRecovery := forge(t, v, recovery, []*Roster{pinned}, none)
	if accepted, refused, _ := v.Adopt([]File{byRecovery}); len(accepted) != 1 {
		t.Errorf("by the recovery admin: %v", refused)
	}
	_, joined := forge(t, v, admin, []*Roster{v.roster, planted}, none)
	if accepted, refused, later := v.Adopt([]File{joined, plantedFile}); len(accepted) != 2 || len(v.chain.tips) != 1 {
		t.Errorf("by an admin: refused %v, later %v", refused, later)
	}
}

// draft is the changed successor of a roster.
func draft(r *Roster, edit func(*Roster)) *Roster {
	next := r.successor()
	edit(next)
	return next
}

func without(list []DeviceEntry, key [32]byte) (out []DeviceEntry) {
	for _, d := range list {
		if d.Key != key {
			out = append(out, d)
		}
	}
	return out
}
