package keys

import (
	"fmt"
	"slices"
)

// SlotInfo describes one slot to people.
type SlotInfo struct {
	SlotEntry
	Name    string // of its file
	Present bool   // the file is there, whole
	Listed  bool   // the roster lists it; one that no roster lists was left by a crash, or put there by somebody else
	Stanza  string // how age says it opens: scrypt, mlkem768x25519, X25519, ssh-ed25519, a plugin's
}

// Slots lists the slots of the newest roster, and files that it does not list, by hash.
func (v *Vault) Slots(s Store) ([]SlotInfo, error) {
	o := opener{store: s}
	found, err := o.slots()
	if err != nil {
		return nil, err
	}
	files := map[string]foundSlot{}
	for _, f := range found {
		files[f.name] = f
	}
	var list []SlotInfo
	for _, e := range v.Roster().Slots {
		info := SlotInfo{SlotEntry: e, Name: e.fileName(), Listed: true}
		f, present := files[info.Name]
		info.Present, info.Stanza = present, f.stanza.kind
		delete(files, info.Name)
		list = append(list, info)
	}
	for _, f := range found {
		if _, left := files[f.name]; left {
			info := SlotInfo{Name: f.name, Present: true, Stanza: f.stanza.kind}
			info.Hash, _ = parseSlotName(f.name[len(f.name)-len(slotExtension)-64:])
			list = append(list, info)
		}
	}
	slices.SortStableFunc(list, func(a, b SlotInfo) int { return compareKeys(a.Hash, b.Hash) })
	return list, nil
}

func (e *SlotEntry) fileName() string {
	if e.Local {
		return slotName(localSlotDir, e.Hash)
	}
	return slotName(slotDir, e.Hash)
}

// AddPassphraseSlot adds a slot for a passphrase; work is the base-2 logarithm of scrypt's N, 0 for 18. One under 64 bits
// (EstimateBits) stays on this machine, and a note says so. The errors are ErrNotAdmin and ErrRosterConflict.
func (v *Vault) AddPassphraseSlot(pass []byte, work int) (ChangeSet, error) {
	p, err := passphraseSlot(pass, work)
	return v.addPlanned(p, err)
}

// AddRecoveryWordsSlot draws recovery words, to be shown once, and adds their slot. The errors are ErrNotAdmin and
// ErrRosterConflict.
func (v *Vault) AddRecoveryWordsSlot() (words string, c ChangeSet, err error) {
	return v.addRecoveryWords(DefaultWorkFactor)
}

func (v *Vault) addRecoveryWords(work int) (words string, c ChangeSet, err error) {
	p, err := recoverySlot(work)
	if c, err = v.addPlanned(p, err); err != nil {
		return "", c, err
	}
	return p.words, c, nil
}

// AddRecipientSlot adds a slot for an age recipient (age1pq1..., age1..., a plugin's) or an SSH public key. Who holds its
// key can read everything, and becomes no member by it. The errors are ErrNotAdmin and ErrRosterConflict.
func (v *Vault) AddRecipientSlot(recipient string) (ChangeSet, error) {
	p, err := recipientSlot(recipient)
	return v.addPlanned(p, err)
}

func (v *Vault) addPlanned(p *slotPlan, err error) (ChangeSet, error) {
	if err != nil {
		return ChangeSet{}, err
	}
	return v.change(func(next *Roster, c *ChangeSet) error { return v.addSlot(next, c, p) })
}

// RemoveSlot takes a slot off the roster, and with a passphrase or recovery-words slot its recovery admin's power. Whoever
// has opened the slot before may have kept the secret: a note says so. The errors are ErrNoSlot, ErrLastSlot, ErrNotAdmin
// and ErrRosterConflict.
func (v *Vault) RemoveSlot(hash [32]byte) (ChangeSet, error) {
	return v.change(func(next *Roster, c *ChangeSet) error {
		i := slices.IndexFunc(next.Slots, func(e SlotEntry) bool { return e.Hash == hash })
		if i < 0 {
			return fmt.Errorf("slot %x: %w", hash[:8], ErrNoSlot)
		}
		if len(next.Slots) == 1 {
			return ErrLastSlot
		}
		c.Remove = []string{next.Slots[i].fileName()}
		c.Notes = []string{"whoever has opened this slot before may have kept the vault's secret, and hosts may have kept the slot"}
		next.Slots = slices.Delete(next.Slots, i, i+1)
		return nil
	})
}
