package repo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"evault/keys"
)

// DeviceState says what a device is to the vault.
type DeviceState string

// The states of a device.
const (
	DeviceMember  DeviceState = "member"
	DeviceRemoved DeviceState = "removed"  // an admin removed it
	DeviceLeftOut DeviceState = "left-out" // only the other side of a conflict of admins lists it, or did before it was settled
)

// DeviceInfo describes a member of the vault, or a former one, to people.
type DeviceInfo struct {
	Label     string
	Role      keys.Role // of a former member, the last it had
	Device    keys.DeviceID
	Key       [32]byte // what it signs with
	State     DeviceState
	This      bool      // it is the device that evault runs on
	Added     time.Time // by the clock of the admin who admitted it
	Removed   time.Time // zero for a member
	RemovedBy string    // label of the admin device; empty if it was done with the passphrase or the recovery words
}

// Devices lists the members by label, then the former ones, the latest removed first.
func (r *Repository) Devices() []DeviceInfo {
	own := r.vault.DevicePublicKey()
	var list []DeviceInfo
	for _, e := range r.vault.Roster().Devices {
		if r.vault.Revoked(e.Key) { // by the other side of a conflict: it comes with the former ones
			continue
		}
		d := deviceInfo(e, DeviceMember)
		d.This = e.Key == own
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b DeviceInfo) int {
		return cmp.Or(strings.Compare(a.Label, b.Label), a.Added.Compare(b.Added))
	})
	for _, f := range r.vault.FormerDevices() {
		d := deviceInfo(f.DeviceEntry, DeviceLeftOut)
		if f.Revoked {
			d.State, d.Removed, d.RemovedBy = DeviceRemoved, time.Unix(f.Removed, 0), f.By
		}
		list = append(list, d)
	}
	return list
}

func deviceInfo(e keys.DeviceEntry, state DeviceState) DeviceInfo {
	return DeviceInfo{Label: e.Label, Role: e.Role, Device: e.Device, Key: e.Key, State: state, Added: time.Unix(e.Added, 0)}
}

// MembersConflict says whether two admins have changed the members apart from each other: then nothing more can be changed
// until ReconcileMembers.
func (r *Repository) MembersConflict() bool { return len(r.vault.RosterHeads()) > 1 }

// minDevicePrefix is how many characters of a device ID name a device: one group of it as it is written.
const minDevicePrefix = 7

// FindDevice finds a device by its label, its ID, or how its ID begins. A label is what a device may call itself, so one that
// reads like another device's ID must not stand for it: whatever fits counts. The errors are ErrNoSuchDevice and ErrUsage.
func (r *Repository) FindDevice(which string) (DeviceInfo, error) {
	prefix := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(which))
	var found []DeviceInfo
	for _, d := range r.Devices() {
		id := strings.ReplaceAll(d.Device.String(), "-", "")
		if d.Label == which || (len(prefix) >= minDevicePrefix && strings.HasPrefix(id, prefix)) {
			found = append(found, d)
		}
	}
	// A name that was given again after its first bearer was removed means the member.
	if members := slices.DeleteFunc(slices.Clone(found), func(d DeviceInfo) bool { return d.State != DeviceMember }); len(members) > 0 {
		found = members
	}
	switch len(found) {
	case 0:
		near := nearName(which, func(yield func(string) bool) {
			for _, d := range r.Devices() {
				if d.State == DeviceMember && !yield(d.Label) {
					return
				}
			}
		})
		return DeviceInfo{}, fmt.Errorf("%q: %w%s (evault device list shows them)", which, ErrNoSuchDevice, near)
	case 1:
		return found[0], nil
	}
	return DeviceInfo{}, usagef("%q means %d devices: give more of the device's ID (evault device list shows them)", which, len(found))
}

// ErrNoSuchDevice says that no device of the vault goes by that name or ID.
var ErrNoSuchDevice = fmt.Errorf("no device of this vault: %w", keys.ErrNotMember)
