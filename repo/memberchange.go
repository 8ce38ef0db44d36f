package repo

import (
	"context"
	"errors"
	"slices"

	"evault/keys"
)

// AddDevice makes a device a member: roster and slot are written to the local store, and the next push carries them. Role 0
// means writer; of a device that is a member already, the role it has: its slot is made anew, under the label it now gives
// itself. A request from ParseDeviceRequest is checked; one that came in another way is as good as that way.
//
// The errors are those of keys.Vault.AdmitOther, and ErrUsage for another vault's request.
func (r *Repository) AddDevice(_ context.Context, q DeviceRequest, role keys.Role) (*DeviceInfo, error) {
	if q.Vault != r.vault.ID() {
		return nil, usagef("the request is for vault %s, and this is %s", q.Vault, r.vault.ID())
	}
	if role == 0 {
		role = keys.RoleWriter
		if e, member := r.vault.Roster().Device(q.Key); member {
			role = e.Role
		}
	}
	change, err := r.vault.AdmitOther(keys.DeviceEntry{Key: q.Key, Device: q.Device, Role: role, Label: q.Label, Recipient: q.Recipient})
	if err != nil {
		return nil, err
	}
	if err := r.applyKeys(change); err != nil {
		return nil, err
	}
	return r.deviceOf(q.Key), nil
}

// deviceOf describes the device with a signing key.
func (r *Repository) deviceOf(key [32]byte) *DeviceInfo {
	all := r.Devices()
	i := slices.IndexFunc(all, func(d DeviceInfo) bool { return d.Key == key })
	return &all[i]
}

// RemoveDeviceResult says what was done to remove a device.
type RemoveDeviceResult struct {
	Device DeviceInfo
	// Cutoffs is how many logs of the device were found here: what stands in them stays valid.
	Cutoffs int
	Notes   []string
}

// RemoveDevice expels the device with this label, ID or beginning of an ID. What it has published and this working copy has
// seen stays valid; what it publishes from now on is refused by every member who has heard of the removal. Run again for a
// device that is removed, it adds the logs that have become known since.
//
// It removes the device's slot here, and the next push does so on remotes. It does not take back what the device has read,
// nor the keys that it knew, and it does not close a host's door: a host's owner does (peer revoke).
//
// The errors are those of keys.Vault.RevokeDevice, ErrNoSuchDevice, and ErrUsage for this very device, which could not
// publish its own removal.
func (r *Repository) RemoveDevice(_ context.Context, which string) (*RemoveDeviceResult, error) {
	d, err := r.FindDevice(which)
	if err != nil {
		return nil, err
	}
	if d.This {
		return nil, usagef("%q is this device: it cannot remove itself, because it could not publish that any more. Use another admin device", d.Label)
	}
	cutoffs, notes := r.cutoffsOf(d.Key)
	change, err := r.vault.RevokeDevice(d.Key, cutoffs)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.applyKeys(change), r.dropRemovedSlots()); err != nil {
		return nil, err
	}
	return &RemoveDeviceResult{Device: *r.deviceOf(d.Key), Cutoffs: len(cutoffs), Notes: append(notes, change.Notes...)}, nil
}

// RenameDevice gives the device with this label, ID or beginning of an ID another label.
func (r *Repository) RenameDevice(_ context.Context, which, label string) (*DeviceInfo, error) {
	if label == "" {
		return nil, usagef("a device needs a name")
	}
	d, err := r.FindDevice(which)
	if err != nil {
		return nil, err
	}
	if d.State == DeviceMember && d.Label == label {
		return &d, nil
	}
	return r.changeDevice(d.Key, func() (keys.ChangeSet, error) { return r.vault.RenameDevice(d.Key, label) })
}

// SetDeviceRole gives the device with this label, ID or beginning of an ID another role.
func (r *Repository) SetDeviceRole(_ context.Context, which string, role keys.Role) (*DeviceInfo, error) {
	d, err := r.FindDevice(which)
	if err != nil {
		return nil, err
	}
	if d.State == DeviceMember && d.Role == role {
		return &d, nil
	}
	return r.changeDevice(d.Key, func() (keys.ChangeSet, error) { return r.vault.SetRole(d.Key, role) })
}

func (r *Repository) changeDevice(key [32]byte, change func() (keys.ChangeSet, error)) (*DeviceInfo, error) {
	c, err := change()
	if err != nil {
		return nil, err
	}
	if err := r.applyKeys(c); err != nil {
		return nil, err
	}
	return r.deviceOf(key), nil
}

// ReconcileMembers ends a conflict of admins who changed the members apart from each other: this side's members stay, less
// whom and what any side removed. It gives the devices that only another side had added, which have to be added again.
// The errors are those of keys.Vault.ReconcileRosters, and ErrUsage if there is no conflict.
func (r *Repository) ReconcileMembers(context.Context) (leftOut []DeviceInfo, err error) {
	if !r.MembersConflict() {
		return nil, usagef("no two admins have changed the members apart from each other: there is nothing to reconcile")
	}
	heads := r.vault.RosterHeads()
	change, err := r.vault.ReconcileRosters()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.applyKeys(change), r.dropRemovedSlots()); err != nil {
		return nil, err
	}
	for _, d := range r.Devices() {
		added := slices.ContainsFunc(heads, func(h *keys.Roster) bool { _, ok := h.Device(d.Key); return ok })
		if d.State == DeviceLeftOut && added {
			leftOut = append(leftOut, d)
		}
	}
	return leftOut, nil
}
