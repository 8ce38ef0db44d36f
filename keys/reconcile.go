package keys

import (
	"errors"
	"fmt"
	"slices"
)

// ReconcileRosters ends a conflict: it signs the common successor of all heads. Devices, slots and policy are the newest
// accepted roster's (see PreferRoster), less every device that any side revokes, every slot that any side has removed, and
// with the least role that any side gives; what only another side added has to be added again. The errors are ErrNotAdmin
// (this device must be an admin on every side), and one for no conflict.
func (v *Vault) ReconcileRosters() (ChangeSet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reconcile(func(*Roster, *ChangeSet) {}, func(*Roster, *ChangeSet) error { return nil })
}

// admitInConflict reconciles and makes a device a member by one roster. Of devices and slots only those stay that are on all
// sides.
func (v *Vault) admitInConflict(e DeviceEntry) (ChangeSet, error) {
	admit, err := v.admission(e)
	if err != nil {
		return ChangeSet{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reconcile(v.keepCommon, admit)
}

// keepCommon leaves in a draft what all its predecessors list.
func (v *Vault) keepCommon(next *Roster, c *ChangeSet) {
	for _, hash := range next.Predecessors {
		h := v.chain.byHash[hash]
		next.Devices = slices.DeleteFunc(next.Devices, func(d DeviceEntry) bool { _, ok := h.Device(d.Key); return !ok })
		next.dropSlots(c, func(s *SlotEntry) bool { return !h.lists(s.Hash) })
	}
	next.dropSlots(c, func(s *SlotEntry) bool {
		_, member := next.Device(s.Device)
		return s.Kind == SlotDevice && !member
	})
}

// reconcile signs the common successor of all heads. A roster joins as many as its format allows, so it may take several;
// each draft is cut by reduce, the last one also changed by finish. v.mu is held.
func (v *Vault) reconcile(reduce func(*Roster, *ChangeSet), finish func(*Roster, *ChangeSet) error) (ChangeSet, error) {
	key, err := v.adminKey()
	if err != nil {
		return ChangeSet{}, err
	}
	heads := v.headsFromHere()
	if len(heads) < 2 {
		return ChangeSet{}, errors.New("the rosters do not conflict")
	}
	// Asked of all before anything is signed: half a reconciliation helps nobody.
	for _, h := range heads {
		if !h.IsAdmin(publicKey(key)) {
			return ChangeSet{}, fmt.Errorf("roster %d: %w", h.Number, ErrNotAdmin)
		}
	}
	c := ChangeSet{}
	for len(heads) > 1 {
		next := v.commonSuccessor(heads[:min(len(heads), predecessorLimit)], &c)
		reduce(next, &c)
		if len(heads) <= predecessorLimit {
			if err := finish(next, &c); err != nil {
				return ChangeSet{}, err
			}
		}
		if err := next.checkRevocations(); err != nil {
			return ChangeSet{}, err
		}
		f, err := v.adoptLocked(next, key)
		if err != nil {
			return ChangeSet{}, err
		}
		c.Add = append(c.Add, f)
		heads = v.headsFromHere()
	}
	return c, nil
}

// headsFromHere gives the heads, the newest accepted roster first.
func (v *Vault) headsFromHere() []*Roster {
	heads := v.chain.heads()
	i := slices.Index(heads, v.roster)
	return append([]*Roster{v.roster}, slices.Delete(heads, i, i+1)...)
}

// commonSuccessor drafts what follows some heads, the newest accepted roster among them. What any side took away stays away.
func (v *Vault) commonSuccessor(heads []*Roster, c *ChangeSet) *Roster {
	next := v.roster.successor()
	next.Predecessors = nil
	for _, h := range heads {
		next.Predecessors = append(next.Predecessors, h.Hash())
		next.Number = max(next.Number, h.Number+1)
		next.Revocations = mergeRevocations(next.Revocations, h.Revocations)
		for i := range next.Devices {
			if other, ok := h.Device(next.Devices[i].Key); ok {
				next.Devices[i].Role = min(next.Devices[i].Role, other.Role)
			}
		}
		once := v.chain.slotsBefore(h)
		next.dropSlots(c, func(s *SlotEntry) bool { return once[s.Hash] && !h.lists(s.Hash) })
	}
	revoked := func(device [32]byte) bool { _, ok := next.Revocation(device); return ok }
	next.Devices = slices.DeleteFunc(next.Devices, func(d DeviceEntry) bool { return revoked(d.Key) })
	next.dropSlots(c, func(s *SlotEntry) bool { return s.Kind == SlotDevice && revoked(s.Device) })
	return next
}

// dropSlots takes slots off a draft.
func (r *Roster) dropSlots(c *ChangeSet, drop func(*SlotEntry) bool) {
	r.Slots = slices.DeleteFunc(r.Slots, func(s SlotEntry) bool {
		if !drop(&s) {
			return false
		}
		c.Remove = append(c.Remove, s.fileName())
		return true
	})
}

// lists says whether a roster lists a slot.
func (r *Roster) lists(slot [32]byte) bool {
	return slices.ContainsFunc(r.Slots, func(s SlotEntry) bool { return s.Hash == slot })
}

// slotsBefore gives every slot that a roster or one before it lists.
func (c *rosterChain) slotsBefore(r *Roster) map[[32]byte]bool {
	slots, seen := map[[32]byte]bool{}, map[[32]byte]bool{}
	for queue := []*Roster{r}; len(queue) > 0; queue = queue[1:] {
		for i := range queue[0].Slots {
			slots[queue[0].Slots[i].Hash] = true
		}
		for _, p := range queue[0].Predecessors {
			if !seen[p] {
				seen[p] = true
				queue = append(queue, c.byHash[p])
			}
		}
	}
	return slots
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
