package keys

import (
	"cmp"
	"fmt"
	"slices"
)

// FormerDevice is a device that was a member and is none in the newest accepted roster.
type FormerDevice struct {
	DeviceEntry        // as the newest roster that lists it has it; only Key if none does
	Revoked     bool   // else its entry was left out when a conflict was reconciled, or is on the other side of one
	Removed     int64  // when it was revoked: seconds since 1970, by the clock of the admin who did
	By          string // label of the device that signed the revocation; empty if it was a recovery admin
}

// FormerDevices lists former members: those not revoked, then the revoked ones, the latest first.
func (v *Vault) FormerDevices() []FormerDevice {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var list []FormerDevice
	for key, r := range v.chain.revoked {
		d := FormerDevice{DeviceEntry: v.chain.devices[key], Revoked: true, Removed: r.Time, By: v.chain.devices[r.Signer].Label}
		d.Key = key
		list = append(list, d)
	}
	for key, e := range v.chain.devices {
		if _, member := v.roster.Device(key); !member && v.chain.revoked[key] == nil {
			list = append(list, FormerDevice{DeviceEntry: e})
		}
	}
	slices.SortFunc(list, func(a, b FormerDevice) int {
		if a.Revoked != b.Revoked {
			return map[bool]int{false: -1, true: 1}[a.Revoked]
		}
		return cmp.Or(cmp.Compare(b.Removed, a.Removed), compareKeys(a.Key, b.Key))
	})
	return list
}

// memberName is what to call a device in an error; v.mu is held.
func (v *Vault) memberName(key [32]byte) string {
	if e, ok := v.chain.devices[key]; ok && e.Label != "" {
		return fmt.Sprintf("device %q", e.Label)
	}
	return fmt.Sprintf("device %x", key[:8])
}
