package keys

import (
	"fmt"
	"slices"
)

// Revocation is what all heads of the rosters together say about an expelled device: every log that any of them cuts off,
// and of two cut-offs for one log the earlier.
func (v *Vault) Revocation(key [32]byte) (Revocation, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.chain.revoked[key] == nil {
		return Revocation{}, false
	}
	all := Revocation{Device: key}
	for _, h := range v.chain.heads() {
		if r, ok := h.Revocation(key); ok {
			all.Cutoffs = mergeCutoffs(all.Cutoffs, r.Cutoffs)
		}
	}
	return all, true
}

// RevokeDevice expels a device: the entry and its slots go, and cutoffs say up to where each of its logs still counts; in a
// log that they do not name, only what another device has seen does. A device that is expelled already can be given
// cut-offs for more logs, and one that lost its entry when a conflict was reconciled can be expelled. The device keeps
// what it has read and the keys it knew: a note says so.
//
// The errors are ErrNotMember (also for a recovery admin, whose slot RemoveSlot removes), ErrLastAdmin, ErrLastSlot,
// ErrNotAdmin and ErrRosterConflict.
func (v *Vault) RevokeDevice(key [32]byte, cutoffs []Cutoff) (ChangeSet, error) {
	return v.change(func(next *Roster, c *ChangeSet) error {
		if _, known := v.chain.devices[key]; !known {
			return fmt.Errorf("key %x: %w", key[:8], ErrNotMember)
		}
		next.Devices = slices.DeleteFunc(next.Devices, func(d DeviceEntry) bool { return d.Key == key })
		next.dropSlots(c, func(s *SlotEntry) bool { return s.Kind == SlotDevice && s.Device == key })
		if len(next.Slots) == 0 {
			return ErrLastSlot
		}
		next.Revocations = mergeRevocations(next.Revocations, []Revocation{{Device: key, Cutoffs: mergeCutoffs(nil, cutoffs)}})
		if err := next.checkRevocations(); err != nil {
			return err
		}
		c.Notes = append(c.Notes, "the device keeps what it has read and the keys it knew, and hosts may let it in until its key is revoked there, too")
		return nil
	})
}

// checkRevocations says in words what a reader would refuse.
func (r *Roster) checkRevocations() error {
	if len(r.Revocations) > revocationLimit {
		return fmt.Errorf("the vault has %d removed devices already", revocationLimit)
	}
	for i := range r.Revocations {
		if n := len(r.Revocations[i].Cutoffs); n > cutoffLimit {
			return fmt.Errorf("the device has %d logs; at most %d can be cut off", n, cutoffLimit)
		}
	}
	return nil
}

// RenameDevice gives a member another label, up to 255 bytes of printable UTF-8. The errors are ErrNotMember, ErrNotAdmin and
// ErrRosterConflict.
func (v *Vault) RenameDevice(key [32]byte, label string) (ChangeSet, error) {
	if err := checkLabel(label); err != nil {
		return ChangeSet{}, err
	}
	return v.editDevice(key, func(next *Roster, e *DeviceEntry) {
		e.Label = label
		for i := range next.Slots {
			if next.Slots[i].Kind == SlotDevice && next.Slots[i].Device == key {
				next.Slots[i].Label = label
			}
		}
	})
}

// SetRole gives a member another role. What a device publishes is held against the roster that it cites: one that is made
// a reader, and whose program is dishonest, can go on citing an earlier roster, so a device in wrong hands is to be
// revoked. The errors are ErrNotMember, ErrLastAdmin, ErrNotAdmin and ErrRosterConflict.
func (v *Vault) SetRole(key [32]byte, role Role) (ChangeSet, error) {
	if role < RoleReader || role > RoleAdmin {
		return ChangeSet{}, fmt.Errorf("%s: there is no such role", role)
	}
	return v.editDevice(key, func(_ *Roster, e *DeviceEntry) { e.Role = role })
}

func (v *Vault) editDevice(key [32]byte, edit func(*Roster, *DeviceEntry)) (ChangeSet, error) {
	return v.change(func(next *Roster, _ *ChangeSet) error {
		i := slices.IndexFunc(next.Devices, func(d DeviceEntry) bool { return d.Key == key })
		if i < 0 {
			return fmt.Errorf("%s: %w", v.memberName(key), ErrNotMember)
		}
		edit(next, &next.Devices[i])
		return nil
	})
}
