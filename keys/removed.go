package keys

import "slices"

// RemovedSlots gives the names of the slots that an accepted roster has listed and no head of the rosters lists any
// more, ascending: neither this store nor a remote should keep them. Slots that no roster ever listed are not among them: one may be on its way, ahead of its
// roster.
func (v *Vault) RemovedSlots() []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	listed := map[[32]byte]bool{}
	for _, head := range v.chain.heads() {
		for _, s := range head.Slots {
			listed[s.Hash] = true
		}
	}
	var names []string
	for _, r := range v.chain.byHash {
		for _, s := range r.Slots {
			if !listed[s.Hash] && !s.Local {
				listed[s.Hash] = true // once is enough
				names = append(names, slotName(slotDir, s.Hash))
			}
		}
	}
	slices.Sort(names)
	return names
}
