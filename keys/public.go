package keys

import "slices"

// PublicFiles names the files of a store that a remote should hold: the genuine keyrings, the slots that a head of the
// rosters lists and that may leave this machine, and all accepted rosters. They are in the order in which to send them:
// rosters last and ascending, so that a remote never lists what it does not hold. What a roster lists and the store lacks
// is left out. The error is one of reading the store.
func (v *Vault) PublicFiles(s Store) ([]string, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	o := opener{store: s}
	names, err := v.publicKeyrings(&o)
	if err != nil {
		return nil, err
	}
	slots, err := o.list(slotDir)
	if err != nil {
		return nil, err
	}
	listed := v.listedSlots()
	for _, base := range slots {
		if hash, ok := parseSlotName(base); ok && listed[hash] {
			names = append(names, slotDir+"/"+base)
		}
	}
	rosters, err := o.list(rosterDir)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rosters, func(a, b string) int {
		n, _, _ := parseContentName(a)
		m, _, _ := parseContentName(b)
		return int(int64(n) - int64(m))
	})
	for _, base := range rosters {
		if v.rosterFiles[base] {
			names = append(names, rosterDir+"/"+base)
		}
	}
	return names, nil
}

// publicKeyrings names the keyrings that open with a secret of the vault and hold what the rosters commit to; v.mu is held.
func (v *Vault) publicKeyrings(o *opener) ([]string, error) {
	bases, err := o.list(keyringDir)
	if err != nil {
		return nil, err
	}
	secrets := newRosterSealers(v.id, v.ring, &v.secret).secrets
	var names []string
	for _, base := range bases[:min(len(bases), fileCountLimit)] {
		generation, hash, ok := parseContentName(base)
		if !ok {
			continue
		}
		name := keyringDir + "/" + base
		data, err := o.read(name, hash, keyringLimit)
		if err != nil {
			return nil, err
		}
		if data != nil && v.checkKeyring(data, generation, secrets[generation]) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}
