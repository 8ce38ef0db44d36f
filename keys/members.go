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
// the roster.
//
// The recovery admin also ends a conflict of the rosters on the way: its holder may have no other device left to do so. Which
// side is right it cannot know, so of devices and slots only what is on all sides stays. (If there are more sides than one
// roster can join, ReconcileRosters comes first.)
//
// The errors are ErrNoDevice (opened without an identity), ErrNotAdmin, ErrRevoked and ErrRosterConflict.
func (v *Vault) AdmitDevice(label string) (rosterFile, slotFile File, err error) {
	if v.identity == nil {
		return File{}, File{}, ErrNoDevice
	}
	e := DeviceEntry{
		Key: v.ownKeys.public, Device: v.identity.DeviceID(), Role: RoleAdmin,
		Label: label, Recipient: v.identity.Recipient(),
	}
	c, err := v.AdmitOther(e)
	if errors.Is(err, ErrRosterConflict) && v.adminSeed != nil && len(v.RosterHeads()) <= predecessorLimit {
		c, err = v.admitInConflict(e)
	}
	if err != nil {
		return File{}, File{}, err
	}
	return c.Add[1], c.Add[0], nil
}

// AdmitOther makes another device a member, or changes a member's role, label and recipient, and seals a slot for it. The
// entry's Added is set here. The errors are ErrNotAdmin, ErrRevoked, ErrLastAdmin and ErrRosterConflict.
func (v *Vault) AdmitOther(e DeviceEntry) (ChangeSet, error) {
	admit, err := v.admission(e)
	if err != nil {
		return ChangeSet{}, err
	}
	return v.change(admit)
}

// admission checks an entry and gives the edit that makes it a member.
func (v *Vault) admission(e DeviceEntry) (func(*Roster, *ChangeSet) error, error) {
	if err := checkLabel(e.Label); err != nil {
		return nil, err
	}
	if e.Key == ([32]byte{}) || e.Role < RoleReader || e.Role > RoleAdmin {
		return nil, fmt.Errorf("device %q: no signing key or no such role", e.Label)
	}
	to, err := age.ParseHybridRecipient(e.Recipient)
	if err != nil {
		return nil, fmt.Errorf("device %q: malformed recipient: %w", e.Label, err)
	}
	return func(next *Roster, c *ChangeSet) error {
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
		next.dropSlots(c, func(s *SlotEntry) bool { return s.Kind == SlotDevice && s.Device == e.Key })
		p := deviceSlot(to, e.Label)
		p.entry.Device = e.Key
		return v.addSlot(next, c, p)
	}, nil
}
