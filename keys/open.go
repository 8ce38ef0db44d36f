package keys

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
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

// opener gathers what goes wrong on the way to an open vault: a bad file is no reason to stop while good ones are left.
type opener struct {
	store    Store
	id       *Identity
	problems []error
}

func (o *opener) problem(name string, err error) {
	o.problems = append(o.problems, fmt.Errorf("%s: %w", name, err))
}

// failure is the error of an opening that found no way in: the first thing that went wrong, else the plain reason.
func (o *opener) failure(plain error) error {
	if len(o.problems) > 0 {
		return fmt.Errorf("%w (%w)", plain, o.problems[0])
	}
	return plain
}

// list names a folder's files in a fixed order; a folder that is not there is empty.
func (o *opener) list(dir string) ([]string, error) {
	names, err := o.store.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return names, nil
}

// read gives a file whose hash is the one in its name, or nil and a problem.
func (o *opener) read(name string, hash [32]byte, limit int64) ([]byte, error) {
	data, err := o.store.Read(name, limit)
	switch {
	case errors.Is(err, ErrTooLong) || (err == nil && int64(len(data)) > limit):
		o.problem(name, fmt.Errorf("longer than %d bytes: %w", limit, ErrTampered))
	case errors.Is(err, fs.ErrNotExist):
		o.problem(name, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case sha256.Sum256(data) != hash:
		o.problem(name, fmt.Errorf("its hash is not its name: %w", ErrTampered))
	default:
		return data, nil
	}
	return nil, nil
}

type foundSlot struct {
	name   string
	data   []byte
	stanza slotStanza
}

// slots reads every slot, those of the store before those of this machine.
func (o *opener) slots() ([]foundSlot, error) {
	var list []foundSlot
	for _, dir := range []string{slotDir, localSlotDir} {
		names, err := o.list(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range names[:min(len(names), fileCountLimit)] {
			hash, ok := parseSlotName(name)
			if !ok {
				continue
			}
			name = dir + "/" + name
			data, err := o.read(name, hash, SlotLimit)
			if err != nil {
				return nil, err
			}
			if data == nil {
				continue
			}
			stanza, err := inspectSlot(data)
			if err != nil {
				o.problem(name, err)
				continue
			}
			list = append(list, foundSlot{name, data, stanza})
		}
	}
	return list, nil
}

// open opens the vault by a line, if its secret fits.
func (o *opener) open(line *slotLine) (*Vault, error) {
	rings, err := o.keyrings(line)
	if err != nil {
		return nil, err
	}
	var first error
	for _, ring := range rings {
		v, err := o.openRing(line, ring)
		if err == nil {
			return v, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// keyrings opens every keyring of the line's generation; without an error there is at least one.
func (o *opener) keyrings(line *slotLine) ([]*keyring, error) {
	names, err := o.list(keyringDir)
	if err != nil {
		return nil, err
	}
	var list []*keyring
	mark := len(o.problems)
	for _, base := range names[:min(len(names), fileCountLimit)] {
		n, hash, ok := parseContentName(base)
		if !ok || n != line.generation {
			continue
		}
		name := keyringDir + "/" + base
		data, err := o.read(name, hash, keyringLimit)
		if err != nil {
			return nil, err
		}
		if data == nil {
			continue
		}
		ring, err := openKeyring(data, n, &line.secret, line.vault)
		if err != nil {
			o.problem(name, err)
			continue
		}
		list = append(list, ring)
	}
	if len(list) == 0 {
		if len(o.problems) > mark {
			return nil, o.problems[mark]
		}
		return nil, fmt.Errorf("keyring of generation %d is missing: %w", line.generation, ErrTampered)
	}
	return list, nil
}

// openRing builds the chain of rosters and holds the keyring against it.
func (o *opener) openRing(line *slotLine, ring *keyring) (*Vault, error) {
	mark := len(o.problems)
	rosters, err := o.rosters(ring, &line.secret)
	if err != nil {
		return nil, err
	}
	zero := slices.IndexFunc(rosters, func(r foundRoster) bool { return r.roster.Hash() == ring.vault })
	if zero < 0 {
		return nil, o.rosterFailure(mark, "roster 0 is missing")
	}
	v, err := newOpened(ring, line.secret, o.id, rosters[zero].roster)
	if err != nil {
		return nil, err
	}
	for _, r := range rosters {
		if err := v.chain.accept(r.roster); err != nil {
			o.problem(r.name, err)
		}
	}
	v.setRoster(v.chain.heads()[0])
	if v.roster.Number == 0 {
		return nil, o.rosterFailure(mark, "roster 1 is missing")
	}
	if err := ring.checkCommitments(v.chain.committed, &line.secret); err != nil {
		return nil, fmt.Errorf("keyring %d: %w", ring.generation, err)
	}
	v.adminSeed = line.adminSeed
	v.problems = slices.Clone(o.problems)
	return v, nil
}

// rosterFailure names the file that kept the chain from being built, if one did.
func (o *opener) rosterFailure(mark int, plain string) error {
	if len(o.problems) > mark {
		return fmt.Errorf("%s: %w", plain, errors.Join(o.problems[mark:]...))
	}
	return fmt.Errorf("%s: %w", plain, ErrTampered)
}

type foundRoster struct {
	name   string
	number uint32
	roster *Roster
}

// rosters opens every roster that opens, by number.
func (o *opener) rosters(ring *keyring, secret *[32]byte) ([]foundRoster, error) {
	names, err := o.list(rosterDir)
	if err != nil {
		return nil, err
	}
	sealers := newRosterSealers(ring.vault, ring, secret)
	var list []foundRoster
	for _, base := range names[:min(len(names), rosterCountLimit)] {
		n, hash, ok := parseContentName(base)
		if !ok {
			continue
		}
		name := rosterDir + "/" + base
		data, err := o.read(name, hash, rosterFileLimit)
		if err != nil {
			return nil, err
		}
		if data == nil {
			continue
		}
		r, err := openRoster(data, n, sealers)
		switch {
		case errors.Is(err, errSealedNewer):
			// Passing over it could mean passing over a revocation.
			return nil, fmt.Errorf("%s: %w", name, err)
		case err != nil:
			o.problem(name, err)
		default:
			list = append(list, foundRoster{name, n, r})
		}
	}
	slices.SortStableFunc(list, func(a, b foundRoster) int {
		if a.number != b.number {
			return cmp.Compare(a.number, b.number)
		}
		ha, hb := a.roster.Hash(), b.roster.Hash()
		return bytes.Compare(ha[:], hb[:])
	})
	return list, nil
}

// Problems lists the files that were passed over when the vault was opened, each as an error that names the file: damaged,
// tampered with, of another vault or written by a newer evault. They did not keep it from opening, but a check of the whole
// vault reports them.
func (v *Vault) Problems() []error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.problems)
}
