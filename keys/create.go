package keys

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path"
	"time"
)

// NewVaultOptions say how a vault is to be opened from its first day on.
type NewVaultOptions struct {
	Identity      *Identity // the device that makes it, which becomes an admin
	Label         string    // that device's name, up to 255 bytes of printable UTF-8
	Passphrase    []byte    // nil: no passphrase slot
	RecoveryWords bool      // generate recovery words and a slot for them
	Recipients    []string  // slots for these: age1pq1..., age1..., a plugin's, or an SSH public key
	WorkFactor    int       // base-2 logarithm of scrypt's N for both passphrase kinds, 1 to 20; 0 means 18
}

// Created is a new vault and what has to be stored of it.
type Created struct {
	Vault         *Vault
	Files         []File   // for the store: write every slot and the keyring before the last roster
	LocalOnly     []File   // slots that must not leave this machine (names begin with local/)
	RecoveryWords string   // show once; empty when none were asked for
	Notes         []string // sentences to show, such as why a slot stays here
}

// The chunker that new vaults record: content-defined with normalised masks, lengths in bytes.
func defaultChunker() ChunkerParams {
	return ChunkerParams{Number: 1, Min: 64 << 10, Average: 256 << 10, Max: 1 << 20}
}

// NewVault makes a vault with one admin device and the slots asked for.
func NewVault(o NewVaultOptions) (*Created, error) {
	if o.Identity == nil {
		return nil, errors.New("a vault needs the identity of its first device")
	}
	if err := checkLabel(o.Label); err != nil {
		return nil, err
	}
	plans, err := planSlots(&o)
	if err != nil {
		return nil, err
	}
	v, files, err := newVaultKeys(o.Identity, plans)
	if err != nil {
		return nil, err
	}
	created := &Created{Vault: v, Files: files}
	first := &Roster{Number: 1, Vault: v.id, Time: time.Now().Unix(), Predecessors: [][32]byte{v.id}}
	first.Devices = []DeviceEntry{{
		Key: v.ownKeys.public, Device: o.Identity.DeviceID(), Role: RoleAdmin,
		Label: o.Label, Recipient: o.Identity.Recipient(), Added: first.Time,
	}}
	changes := ChangeSet{}
	for _, p := range plans {
		if err := v.addSlot(first, &changes, p); err != nil {
			return nil, err
		}
		if p.words != "" {
			created.RecoveryWords = p.words
		}
	}
	founder, err := founderKey(o.Identity, v.chain.genesis.Genesis.Nonce)
	if err != nil {
		return nil, err
	}
	rosterFile, err := v.adopt(first, founder)
	if err != nil {
		return nil, err
	}
	created.Files = append(append(created.Files, changes.Add...), rosterFile)
	created.LocalOnly, created.Notes = changes.LocalOnly, changes.Notes
	return created, nil
}

// planSlots prepares every slot of a new vault, the device's first.
func planSlots(o *NewVaultOptions) ([]*slotPlan, error) {
	plans := []*slotPlan{deviceSlot(o.Identity.age.Recipient(), o.Label)}
	if o.Passphrase != nil {
		p, err := passphraseSlot(o.Passphrase, o.WorkFactor)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if o.RecoveryWords {
		p, err := recoverySlot(o.WorkFactor)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	for _, s := range o.Recipients {
		p, err := recipientSlot(s)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if len(plans) > slotLimit {
		return nil, fmt.Errorf("more than %d slots", slotLimit)
	}
	return plans, nil
}

// newVaultKeys draws the keys, and makes roster 0 and the keyring.
func newVaultKeys(id *Identity, plans []*slotPlan) (*Vault, []File, error) {
	ring := &keyring{generation: 1, objectIDKey: random32(), chunkerKey: random32(), epochs: []numberedKey{{1, random32()}}}
	secret := random32()
	zero := &Roster{Genesis: &Genesis{Nonce: random32(), Chunker: defaultChunker()}}
	var err error
	if zero.Commitments, err = commitments(ring, &secret); err != nil {
		return nil, nil, err
	}
	founder, err := founderKey(id, zero.Genesis.Nonce)
	if err != nil {
		return nil, nil, err
	}
	zero.Genesis.Admins = append(zero.Genesis.Admins, publicKey(founder))
	for _, p := range plans {
		if p.adminSeed != nil {
			zero.Genesis.Admins = append(zero.Genesis.Admins, p.admin)
		}
	}
	sortKeys(zero.Genesis.Admins)
	zero.sign(founder)
	ring.vault, ring.roster = zero.Hash(), zero.Hash()

	v, err := newOpened(ring, secret, id, zero)
	if err != nil {
		return nil, nil, err
	}
	rosterFile, err := sealRoster(zero, v.id, ring.generation, &secret)
	if err != nil {
		return nil, nil, err
	}
	v.rosterFiles[path.Base(rosterFile.Name)] = true
	ringFile, err := sealKeyring(ring, &secret)
	if err != nil {
		return nil, nil, err
	}
	return v, []File{rosterFile, ringFile}, nil
}

// newOpened puts an opened vault together; its chain holds roster 0 only.
func newOpened(ring *keyring, secret [32]byte, id *Identity, zero *Roster) (*Vault, error) {
	chain, err := newChain(ring.vault, zero)
	if err != nil {
		return nil, err
	}
	v := &Vault{id: ring.vault, ring: ring, secret: secret, identity: id, chain: chain, rosterFiles: map[string]bool{}}
	if id != nil {
		if v.ownKeys, err = id.deviceKeys(v.id); err != nil {
			return nil, err
		}
	}
	v.setRoster(zero)
	return v, nil
}

func commitments(ring *keyring, secret *[32]byte) ([]Commitment, error) {
	list := []Commitment{
		{Kind: CommitObjectIDKey}, {Kind: CommitChunkerKey},
		{Kind: CommitEpochKey, Number: ring.epochs[0].number}, {Kind: CommitSecret, Number: ring.generation},
	}
	for i, key := range []*[32]byte{&ring.objectIDKey, &ring.chunkerKey, &ring.epochs[0].key, secret} {
		var err error
		if list[i].Sum, err = commitTo(list[i].Kind, list[i].Number, key); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// founderKey signs rosters 0 and 1. It cannot be derived with the vault ID, which depends on it.
func founderKey(id *Identity, nonce [32]byte) (ed25519.PrivateKey, error) {
	return deriveSigningKey(&id.seed, nonce[:], labelFounder)
}

// NewEphemeral makes a vault with one admin device that exists in memory only.
func NewEphemeral() (*Vault, error) {
	id, err := NewIdentity()
	if err != nil {
		return nil, err
	}
	created, err := NewVault(NewVaultOptions{Identity: id, Label: "ephemeral"})
	if err != nil {
		return nil, err
	}
	return created.Vault, nil
}
