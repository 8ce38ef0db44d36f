package keys

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// unlistedLimit is how many slots that no roster lists one Adopt tries to open: the rest are set aside unread.
const unlistedLimit = 256

// Adopt decides about rosters, keyrings and slots that come from elsewhere, whether they are new here or not. Nothing is
// believed but what leads back to roster 0, whose hash is the vault ID, through signatures of admins.
//
// Accepted is what is genuine, in the order in which to store it: slots and keyrings before the rosters that need them,
// rosters ascending. The Vault has already moved on to the new rosters: if storing fails, drop it and open the vault again.
// A keyring with new keys counts from the next opening on.
//
// Refused has an error for each file that no honest evault has written or put there; it names the file and wraps
// ErrTampered, ErrForeign or ErrSignature. One exception: an error that wraps ErrNewer is no accusation. A member sealed
// that roster with a newer evault, and to go on without it could mean to pass over a revocation.
//
// A roster that a removed device signed is refused, too (ErrRemovedSigner), if the removal was known before these files came,
// unless the files hold a roster by which an admin who is left has joined it to one that is trusted here.
//
// Later is what cannot be judged, and is neither stored nor held against anybody: a roster whose predecessor is not here, or
// was refused, whatever is sealed under a later generation of the secret or claims a later version in the clear, and slots
// that no head of the rosters lists: of a crash, of a change that is half way here, or removed since.
//
// The caller bounds number and size of the files. In a conflict (RosterHeads) the newest accepted roster stays on the side
// where it is.
func (v *Vault) Adopt(files []File) (accepted []File, refused []error, later []File) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := &adoption{v: v, sealers: newRosterSealers(v.id, v.ring, &v.secret)}
	// Which slots and keys are genuine is for the rosters to say.
	rosters := a.rosters(inFolder(files, rosterDir))
	v.follow(v.roster.Hash())
	a.listed = v.listedSlots()
	accepted = a.each(inFolder(files, slotDir), a.slot)
	accepted = append(accepted, a.each(inFolder(files, keyringDir), a.keyring)...)
	for _, f := range files {
		switch path.Dir(f.Name) {
		case rosterDir, slotDir, keyringDir:
		default:
			a.refuse(f, ErrTampered)
		}
	}
	return append(accepted, rosters...), a.refused, a.later
}

// inFolder picks the files of one folder, by number, then by name.
func inFolder(files []File, dir string) []File {
	var list []File
	for _, f := range files {
		if path.Dir(f.Name) == dir {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b File) int {
		n, _, _ := parseContentName(path.Base(a.Name))
		m, _, _ := parseContentName(path.Base(b.Name))
		if n != m {
			return int(int64(n) - int64(m))
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// adoption is one run of Adopt; v.mu is held.
type adoption struct {
	v       *Vault
	sealers *rosterSealers
	read    map[string]*Roster // by name of the file: rosters that are not known yet
	vouched *vouching
	listed  map[[32]byte]bool
	opened  int // slots that no roster lists
	refused []error
	later   []File
}

// errLater is what a judge returns of a file that cannot be judged now.
var errLater = errors.New("cannot be judged yet")

func (a *adoption) refuse(f File, err error) {
	a.refused = append(a.refused, fmt.Errorf("%.120q: %w", f.Name, err))
}

// each has files judged one by one, and gives those that pass.
func (a *adoption) each(files []File, judge func(File) error) (good []File) {
	for _, f := range files {
		err := judge(f)
		switch {
		case err == nil:
			good = append(good, f)
		case errors.Is(err, errLater):
			a.later = append(a.later, f)
		default:
			a.refuse(f, err)
		}
	}
	return good
}

// content checks a file against its name and the limit of its kind.
func content(f File, hash [32]byte, named bool, limit int) error {
	switch {
	case !named:
		return fmt.Errorf("no such file belongs into a vault: %w", ErrTampered)
	case len(f.Data) > limit:
		return fmt.Errorf("longer than %d bytes: %w", limit, ErrTampered)
	case sha256.Sum256(f.Data) != hash:
		return fmt.Errorf("its hash is not its name: %w", ErrTampered)
	}
	return nil
}

// rosters reads all rosters, then judges them: one may be good for the sake of another that comes later.
func (a *adoption) rosters(files []File) []File {
	a.read = map[string]*Roster{}
	files = a.each(files, a.readRoster)
	var candidates []*Roster
	for _, f := range files {
		if r := a.read[f.Name]; r != nil {
			candidates = append(candidates, r)
		}
	}
	a.vouched = a.v.vouch(candidates)
	return a.each(files, a.roster)
}

func (a *adoption) readRoster(f File) error {
	number, hash, named := parseContentName(path.Base(f.Name))
	if err := content(f, hash, named, rosterFileLimit); err != nil {
		return err
	}
	if a.v.rosterFiles[path.Base(f.Name)] { // the name holds the hash: these very bytes have been accepted
		return nil
	}
	if err := a.readable(f.Data, rosterMagic, rosterFileVersion, 2); err != nil {
		return err
	}
	r, err := openRoster(f.Data, number, a.sealers)
	if err != nil {
		return err
	}
	a.read[f.Name] = r
	return nil
}

func (a *adoption) roster(f File) error {
	r := a.read[f.Name]
	if r == nil {
		return nil
	}
	if r.Genesis == nil && r.Vault == a.v.id {
		if err := a.vouched.refuse(r); err != nil {
			return err
		}
		for _, h := range r.Predecessors {
			if a.v.chain.byHash[h] == nil {
				return errLater
			}
		}
	}
	if err := a.v.chain.accept(r); err != nil {
		return err
	}
	a.v.rosterFiles[path.Base(f.Name)] = true
	return nil
}

// readable looks at what a control file says in the clear: a version or generation that is not known here is no proof of
// anything, since anybody could have written it.
func (a *adoption) readable(data []byte, magic string, version byte, numbers int) error {
	header, _, err := splitControl(data, magic, version, numbers)
	if errors.Is(err, ErrNewer) {
		return errLater
	}
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(header[len(magic)+1:]) > a.v.ring.generation {
		return errLater
	}
	return nil
}

func (a *adoption) keyring(f File) error {
	generation, hash, named := parseContentName(path.Base(f.Name))
	if err := content(f, hash, named, keyringLimit); err != nil {
		return err
	}
	if err := a.readable(f.Data, keyringMagic, keyringVersion, 1); err != nil {
		return err
	}
	return a.v.checkKeyring(f.Data, generation, a.sealers.secrets[generation])
}

// checkKeyring opens a keyring with the secret of its generation, and holds it against the rosters; v.mu is held.
func (v *Vault) checkKeyring(data []byte, generation uint32, secret *[32]byte) error {
	if secret == nil {
		return fmt.Errorf("of generation %d, which never was: %w", generation, ErrTampered)
	}
	ring, err := openKeyring(data, generation, secret, v.id)
	if err != nil {
		return err
	}
	return ring.checkCommitments(v.chain.committed, secret)
}

// slot takes the slots that a roster lists. One that none lists may be a leftover; but a slot that opens for this very
// device, and leads to another vault or to a secret that is not this vault's, was made to deceive: whoever knows a device's
// recipient can wrap what he likes to it.
func (a *adoption) slot(f File) error {
	hash, named := parseSlotName(path.Base(f.Name))
	if err := content(f, hash, named, SlotLimit); err != nil {
		return err
	}
	if a.listed[hash] {
		return nil
	}
	if _, err := inspectSlot(f.Data); err != nil {
		return err
	}
	if a.v.identity == nil || a.opened == unlistedLimit {
		return errLater
	}
	a.opened++
	line, err := openSlot(f.Data, a.v.identity.age)
	switch {
	case errors.Is(err, errNotMine) || errors.Is(err, ErrNewer):
		return errLater
	case err != nil:
		return err
	case line.vault != a.v.id:
		return fmt.Errorf("key slot %w", ErrForeign)
	}
	if secret := a.sealers.secrets[line.generation]; secret != nil && *secret != line.secret {
		return fmt.Errorf("key slot with a secret that is not the vault's: %w", ErrTampered)
	}
	return errLater
}

// listedSlots are the slots that may leave this machine and that a head of the rosters lists; v.mu is held.
func (v *Vault) listedSlots() map[[32]byte]bool {
	listed := map[[32]byte]bool{}
	for _, head := range v.chain.heads() {
		for i := range head.Slots {
			if !head.Slots[i].Local {
				listed[head.Slots[i].Hash] = true
			}
		}
	}
	return listed
}
