package keys

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

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
		mark := len(o.problems)
		v, err := o.openRing(line, ring)
		if err == nil {
			return v, nil
		}
		o.problems = append(o.problems[:mark], err)
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
			continue
		}
		v.rosterFiles[path.Base(r.name)] = true
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
