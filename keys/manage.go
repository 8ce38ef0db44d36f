package keys

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"filippo.io/age"

	"evault/internal/wire"
)

// Errors of changing who may open a vault.
var (
	// ErrNotAdmin: a roster must be signed by an admin, and this device is none.
	ErrNotAdmin = errors.New("only an admin device can change who opens the vault")
	// ErrLastSlot: without it nobody could open the vault any more.
	ErrLastSlot = errors.New("the last key slot cannot be removed")
	// ErrLastAdmin: without an admin device nobody could change the members any more without a passphrase or recovery words.
	ErrLastAdmin = errors.New("the last admin device cannot be removed, or made less than an admin")
	// ErrNotMember: no roster has ever listed the device.
	ErrNotMember = errors.New("no member of the vault")
	// ErrRevoked: an expelled device's keys stay expelled; it needs a new identity.
	ErrRevoked = errors.New("this device was expelled from the vault")
)

// ChangeSet is what a change of slots or members asks the caller to store. The Vault has already moved on to the new
// roster: if storing fails, drop it and open the vault again.
//
// Write Add and LocalOnly in order (the roster is the last), then remove. A crash in between leaves slots that no roster
// lists, which do no harm.
type ChangeSet struct {
	Add       []File
	Remove    []string // names of files; some may be gone already
	LocalOnly []File   // must not leave this machine (names begin with local/)
	Notes     []string // sentences to show
}

// slotPlan is a slot that is yet to be sealed.
type slotPlan struct {
	entry     SlotEntry
	to        age.Recipient
	adminSeed *[32]byte
	admin     [32]byte
	words     string
	notes     []string
}

func deviceSlot(to age.Recipient, label string) *slotPlan {
	return &slotPlan{to: to, entry: SlotEntry{Kind: SlotDevice, Label: label}}
}

func recipientSlot(recipient string) (*slotPlan, error) {
	to, kind, err := parseRecipient(recipient)
	if err != nil {
		return nil, err
	}
	return &slotPlan{to: to, entry: SlotEntry{Kind: kind, Label: slotLabel(recipient)}}, nil
}

// passphraseSlot keeps a weak passphrase's slot on this machine: hosts could guess at it for as long as they like.
func passphraseSlot(pass []byte, work int) (*slotPlan, error) {
	if _, _, err := NormalizeRecoveryWords(pass); err != nil {
		// It could not be told from a typing error when it is used.
		return nil, fmt.Errorf("choose another passphrase, this one looks like %w", err)
	}
	p, err := secretSlot(SlotPassphrase, pass, work)
	if err != nil {
		return nil, err
	}
	if bits := EstimateBits(pass); bits < MinPublishedBits {
		p.entry.Local = true
		p.notes = append(p.notes, fmt.Sprintf("the passphrase is worth about %.0f bits, fewer than %d, so its slot stays on this machine "+
			"and is never sent to a remote; a longer one, or recovery words, would let you clone from a remote", bits, MinPublishedBits))
	}
	return p, nil
}

func recoverySlot(work int) (*slotPlan, error) {
	words := NewRecoveryWords()
	p, err := secretSlot(SlotRecovery, []byte(words), work)
	if err != nil {
		return nil, err
	}
	p.words = words
	return p, nil
}

// secretSlot is a slot opened by something remembered: it carries a recovery admin of its own.
func secretSlot(kind SlotKind, pass []byte, work int) (*slotPlan, error) {
	to, err := passphraseRecipient(pass, work)
	if err != nil {
		return nil, err
	}
	seed := random32()
	key, err := recoveryAdminKey(&seed)
	if err != nil {
		return nil, err
	}
	p := &slotPlan{to: to, adminSeed: &seed, admin: publicKey(key)}
	p.entry = SlotEntry{Kind: kind, Admin: p.admin}
	return p, nil
}

func recoveryAdminKey(seed *[32]byte) (ed25519.PrivateKey, error) {
	return deriveSigningKey(seed, nil, labelRecoveryAdmin)
}

// addSlot seals a plan's slot into a change and lists it in the roster that will be signed.
func (v *Vault) addSlot(r *Roster, c *ChangeSet, p *slotPlan) error {
	if len(r.Slots) >= slotLimit {
		return fmt.Errorf("the vault has %d slots already", slotLimit)
	}
	line := &slotLine{vault: v.id, generation: v.ring.generation, secret: v.secret, adminSeed: p.adminSeed}
	hash, data, err := sealSlot(line, p.to)
	if err != nil {
		return err
	}
	entry := p.entry
	entry.Hash = hash
	if entry.Kind == SlotDevice && entry.Device == ([32]byte{}) {
		entry.Device = v.ownKeys.public
	}
	r.Slots = append(r.Slots, entry)
	if entry.Local {
		c.LocalOnly = append(c.LocalOnly, File{slotName(localSlotDir, hash), data})
	} else {
		c.Add = append(c.Add, File{slotName(slotDir, hash), data})
	}
	c.Notes = append(c.Notes, p.notes...)
	return nil
}

// adopt signs a roster, accepts it as the newest and makes its file.
func (v *Vault) adopt(r *Roster, key ed25519.PrivateKey) (File, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.adoptLocked(r, key)
}

func (v *Vault) adoptLocked(r *Roster, key ed25519.PrivateKey) (File, error) {
	r.sortLists()
	r.sign(key)
	// Decoding checks every limit and order that a reader will insist on.
	checked, err := DecodeRoster(r.Encode())
	if err != nil {
		return File{}, err
	}
	f, err := sealRoster(checked, v.id, v.ring.generation, &v.secret)
	if err != nil {
		return File{}, err
	}
	if err := v.chain.accept(checked); err != nil {
		return File{}, err
	}
	v.rosterFiles[path.Base(f.Name)] = true
	v.setRoster(checked)
	return f, nil
}

// change signs the newest roster's successor after edit has made it different, and returns all there is to store.
func (v *Vault) change(edit func(*Roster, *ChangeSet) error) (ChangeSet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.chain.heads()) > 1 {
		return ChangeSet{}, ErrRosterConflict
	}
	key, err := v.adminKey()
	if err != nil {
		return ChangeSet{}, err
	}
	next, c := v.roster.successor(), ChangeSet{}
	if err := edit(next, &c); err != nil {
		return ChangeSet{}, err
	}
	if v.roster.hasAdminDevice() && !next.hasAdminDevice() {
		return ChangeSet{}, ErrLastAdmin
	}
	f, err := v.adoptLocked(next, key)
	if err != nil {
		return ChangeSet{}, err
	}
	c.Add = append(c.Add, f)
	return c, nil
}

// hasAdminDevice says whether a device, and not only somebody who knows a passphrase, may sign the successor.
func (r *Roster) hasAdminDevice() bool {
	return slices.ContainsFunc(r.Devices, func(d DeviceEntry) bool { return d.Role == RoleAdmin })
}

// adminKey is the key that may sign the next roster: this device's, or that of the recovery admin whose slot opened the
// vault.
func (v *Vault) adminKey() (ed25519.PrivateKey, error) {
	if v.device != nil && v.roster.IsAdmin(v.device.public) {
		return v.device.signing, nil
	}
	if v.adminSeed != nil {
		key, err := recoveryAdminKey(v.adminSeed)
		if err != nil {
			return nil, err
		}
		if v.roster.IsAdmin(publicKey(key)) {
			return key, nil
		}
	}
	return nil, ErrNotAdmin
}

// successor copies a roster into the draft of the one after it.
func (r *Roster) successor() *Roster {
	vault := r.Vault
	if r.Genesis != nil {
		vault = VaultID(r.hash)
	}
	return &Roster{
		Number: r.Number + 1, Vault: vault, Time: time.Now().Unix(), Predecessors: [][32]byte{r.hash},
		Devices: slices.Clone(r.Devices), Slots: slices.Clone(r.Slots),
		Revocations: slices.Clone(r.Revocations), Policy: slices.Clone(r.Policy),
	}
}

func checkLabel(label string) error {
	if len(label) > labelLimit || !wire.Printable(label) {
		return fmt.Errorf("label %.40q: not up to %d bytes of printable UTF-8", label, labelLimit)
	}
	return nil
}

func sortKeys(list [][32]byte) { slices.SortFunc(list, compareKeys) }
