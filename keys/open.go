package keys

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"
)

const (
	fileCountLimit = 4096 // slots or keyrings looked at in one folder
	// scryptLimit is how many passphrase slots are tried: each costs a second and a quarter of a gigabyte.
	scryptLimit = 8
)

var (
	// ErrNotPinned: only a passphrase or recovery words may supply the vault ID. A slot for a device or a recipient
	// proves nothing, because anybody who knows a recipient can wrap a vault of his own to it.
	ErrNotPinned = errors.New("the vault ID must be known from elsewhere")
	// ErrTooLong is what a Store's Read wraps for a file longer than the limit: such a file is garbage and blocks nobody,
	// while any other error of Read ends the opening.
	ErrTooLong = errors.New("file is too long")
	// ErrWorkFactor: a passphrase slot asks for more work than allowed, which a hostile host could use to stall a client.
	ErrWorkFactor = errors.New("passphrase slot asks for too much work")
	// errSealedNewer marks an ErrNewer that a member wrote, not just anybody.
	errSealedNewer = errors.New("sealed by a member")
)

// OpenWithIdentity opens the vault with this ID by the slot of a device. It takes a few milliseconds. The errors are
// ErrNotPinned, ErrNoSlot, ErrTampered (naming the file), ErrNewer and ErrForeign.
func OpenWithIdentity(s Store, id *Identity, pinned VaultID) (*Vault, error) {
	return OpenWithAge(s, []age.Identity{id.age}, id, pinned)
}

// OpenWithAge opens the vault with this ID by somebody's own age identities, such as an X25519 key, an SSH key or a
// plugin's. The identity, which may be nil, is what this machine signs with if it is a member. Errors as of
// OpenWithIdentity.
func OpenWithAge(s Store, keys []age.Identity, id *Identity, pinned VaultID) (*Vault, error) {
	if pinned.IsZero() {
		return nil, ErrNotPinned
	}
	o := opener{store: s, id: id}
	slots, err := o.slots()
	if err != nil {
		return nil, err
	}
	newest, err := o.newestGeneration()
	if err != nil {
		return nil, err
	}
	var older []*slotLine
	var failed error
	for _, slot := range slots {
		if slot.stanza.kind == "scrypt" {
			continue
		}
		line, err := openSlot(slot.data, keys...)
		switch {
		case errors.Is(err, errNotMine):
		case err != nil:
			o.problem(slot.name, err)
		case line.vault != pinned:
			o.problem(slot.name, ErrForeign)
		case line.generation < newest:
			older = append(older, line)
		default:
			// Whoever knows our recipient can wrap lines of his own; only the right secret opens a keyring.
			v, err := o.open(line)
			if err == nil {
				return v, nil
			}
			failed = cmp.Or(failed, err)
		}
	}
	slices.SortStableFunc(older, func(a, b *slotLine) int { return cmp.Compare(b.generation, a.generation) })
	for _, line := range older {
		v, err := o.open(line)
		if err == nil {
			return v, nil
		}
		failed = cmp.Or(failed, err)
	}
	return nil, cmp.Or(failed, o.failure(ErrNoSlot))
}

// newestGeneration is the greatest that a keyring's name claims. A false claim costs time and nothing else.
func (o *opener) newestGeneration() (newest uint32, err error) {
	names, err := o.list(keyringDir)
	for _, name := range names {
		if n, _, ok := parseContentName(name); ok {
			newest = max(newest, n)
		}
	}
	return newest, err
}

// OpenWithPassphrase opens a vault by a passphrase or by recovery words, which may be typed with capitals and extra spaces.
// No slot that asks for a scrypt work factor over maxWork is tried (RemoteWorkLimit for slots from a remote); 0 means that
// limit. The identity may be nil. The vault ID is whatever the slot says: a caller who knows it compares. The errors are
// ErrNoSlot, ErrWrongPassphrase, ErrRecoveryWords, ErrWorkFactor, ErrTampered and ErrNewer.
func OpenWithPassphrase(s Store, pass []byte, maxWork int, id *Identity) (*Vault, error) {
	if maxWork <= 0 {
		maxWork = RemoteWorkLimit
	}
	words, isWords, err := NormalizeRecoveryWords(pass)
	if err != nil {
		return nil, err
	}
	if len(pass) == 0 {
		return nil, ErrWrongPassphrase
	}
	tries := []string{string(pass)}
	if isWords && words != string(pass) {
		tries = []string{words, string(pass)}
	}
	o := opener{store: s, id: id}
	slots, err := o.slots()
	if err != nil {
		return nil, err
	}
	slots, overworked := passphraseSlots(slots, maxWork)
	if len(slots) == 0 {
		return nil, cmp.Or(overworked, o.failure(ErrNoSlot))
	}
	for _, try := range tries {
		for _, slot := range slots {
			line, err := o.tryPassphrase(slot, try, maxWork)
			if err != nil {
				return nil, err
			}
			if line != nil {
				return o.open(line)
			}
		}
	}
	return nil, cmp.Or(overworked, o.failure(ErrWrongPassphrase))
}

// passphraseSlots picks the slots worth trying, and says whether one was left out for its work factor.
func passphraseSlots(slots []foundSlot, maxWork int) (list []foundSlot, overworked error) {
	for _, slot := range slots {
		if slot.stanza.kind != "scrypt" {
			continue
		}
		work, err := slot.stanza.work()
		switch {
		case err != nil:
		case work > maxWork:
			overworked = fmt.Errorf("%s: %w (2^%d, the limit is 2^%d)", slot.name, ErrWorkFactor, work, maxWork)
		case len(list) < scryptLimit:
			list = append(list, slot)
		}
	}
	return list, overworked
}

// tryPassphrase gives the slot's line, or nil when the passphrase is not its.
func (o *opener) tryPassphrase(slot foundSlot, pass string, maxWork int) (*slotLine, error) {
	key, err := age.NewScryptIdentity(pass)
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	key.SetMaxWorkFactor(maxWork)
	line, err := openSlot(slot.data, key)
	if errors.Is(err, errNotMine) {
		return nil, nil
	}
	if err != nil {
		o.problem(slot.name, err)
		return nil, nil
	}
	return line, nil
}

// Problems lists the files that were passed over when the vault was opened, each as an error that names the file: damaged,
// tampered with, of another vault or written by a newer evault. They did not keep it from opening, but a check of the whole
// vault reports them.
func (v *Vault) Problems() []error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.problems)
}
