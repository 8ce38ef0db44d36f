package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"filippo.io/age"
)

// CanAdmin says whether this vault, as it was opened, can sign rosters: nil, ErrNotAdmin or ErrRosterConflict.
func (v *Vault) CanAdmin() error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if len(v.chain.heads()) > 1 {
		return ErrRosterConflict
	}
	_, err := v.adminKey()
	return err
}

// AdmitDevice makes the identity that the vault was opened with an admin device, signed by the recovery admin whose seed
// the passphrase or recovery-words slot held (or by the device itself, when it has lost its slot). Store the slot before
// the roster. The errors are ErrNoDevice (opened without an identity), ErrNotAdmin, ErrRevoked and ErrRosterConflict.
func (v *Vault) AdmitDevice(label string) (rosterFile, slotFile File, err error) {
	if v.identity == nil {
		return File{}, File{}, ErrNoDevice
	}
	c, err := v.AdmitOther(DeviceEntry{
		Key: v.ownKeys.public, Device: v.identity.DeviceID(), Role: RoleAdmin,
		Label: label, Recipient: v.identity.Recipient(),
	})
	if err != nil {
		return File{}, File{}, err
	}
	return c.Add[1], c.Add[0], nil
}

// AdmitOther makes another device a member, or changes a member's role, label and recipient, and seals a slot for it. The
// entry's Added is set here. The errors are ErrNotAdmin, ErrRevoked and ErrRosterConflict.
func (v *Vault) AdmitOther(e DeviceEntry) (ChangeSet, error) {
	if err := checkLabel(e.Label); err != nil {
		return ChangeSet{}, err
	}
	if e.Key == ([32]byte{}) || e.Role < RoleReader || e.Role > RoleAdmin {
		return ChangeSet{}, fmt.Errorf("device %q: no signing key or no such role", e.Label)
	}
	to, err := age.ParseHybridRecipient(e.Recipient)
	if err != nil {
		return ChangeSet{}, fmt.Errorf("device %q: malformed recipient: %w", e.Label, err)
	}
	return v.change(func(next *Roster, c *ChangeSet) error {
		if v.chain.revoked[e.Key] != nil {
			return ErrRevoked
		}
		e.Added = time.Now().Unix()
		next.Devices = slices.DeleteFunc(next.Devices, func(d DeviceEntry) bool { return d.Key == e.Key })
		if len(next.Devices) >= deviceLimit {
			return fmt.Errorf("the vault has %d devices already", deviceLimit)
		}
		next.Devices = append(next.Devices, e)
		// An earlier slot of the device that got lost is replaced.
		next.Slots = slices.DeleteFunc(next.Slots, func(s SlotEntry) bool { return s.Kind == SlotDevice && s.Device == e.Key })
		p := deviceSlot(to, e.Label)
		p.entry.Device = e.Key
		return v.addSlot(next, c, p)
	})
}

// ReconcileRosters ends a conflict: it signs the common successor of all heads. Devices, slots and policy are the newest
// accepted roster's (see PreferRoster), less every device that any side revokes; what only another side added has to be
// added again. The errors are ErrNotAdmin (this device must be an admin on every side), and one for no conflict.
func (v *Vault) ReconcileRosters() (ChangeSet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	heads := v.chain.heads()
	if len(heads) < 2 {
		return ChangeSet{}, errors.New("the rosters do not conflict")
	}
	key, err := v.adminKey()
	if err != nil {
		return ChangeSet{}, err
	}
	next := v.roster.successor()
	next.Predecessors = nil
	for _, h := range heads {
		if !h.IsAdmin(publicKey(key)) {
			return ChangeSet{}, fmt.Errorf("roster %d: %w", h.Number, ErrNotAdmin)
		}
		next.Predecessors = append(next.Predecessors, h.Hash())
		next.Number = max(next.Number, h.Number+1)
		next.Revocations = mergeRevocations(next.Revocations, h.Revocations)
	}
	next.Devices = slices.DeleteFunc(next.Devices, func(d DeviceEntry) bool {
		_, revoked := next.Revocation(d.Key)
		return revoked
	})
	f, err := v.adoptLocked(next, key)
	if err != nil {
		return ChangeSet{}, err
	}
	return ChangeSet{Add: []File{f}}, nil
}

// mergeRevocations joins two lists; for a log that both cut off, the earlier position holds.
func mergeRevocations(a, b []Revocation) []Revocation {
	out := slices.Clone(a)
	for _, r := range b {
		i := slices.IndexFunc(out, func(o Revocation) bool { return o.Device == r.Device })
		if i < 0 {
			out = append(out, r)
			continue
		}
		out[i] = Revocation{Device: r.Device, Cutoffs: mergeCutoffs(out[i].Cutoffs, r.Cutoffs)}
	}
	return out
}

func mergeCutoffs(a, b []Cutoff) []Cutoff {
	out := slices.Clone(a)
	for _, c := range b {
		i := slices.IndexFunc(out, func(o Cutoff) bool { return o.Log == c.Log })
		switch {
		case i < 0:
			out = append(out, c)
		case c.Sequence < out[i].Sequence:
			out[i] = c
		}
	}
	slices.SortFunc(out, func(x, y Cutoff) int { return compareKeys(x.Log, y.Log) })
	return out
}
