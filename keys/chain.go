package keys

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const (
	rosterMagic       = "evault roster\n"
	rosterFileVersion = 1
	rosterStep        = 4096 // plaintexts are padded to a multiple, so that a length does not count devices
	rosterFileLimit   = rosterBodyLimit + 2*rosterStep
	rosterCountLimit  = 65536 // roster files looked at
)

// ErrRosterConflict says that two valid rosters follow the same one. Both are obeyed in what they revoke; nothing else
// changes until an admin signs their common successor (ReconcileRosters).
var ErrRosterConflict = errors.New("two admins changed the roster apart from each other")

// sealRoster makes a roster's file.
func sealRoster(r *Roster, vault VaultID, generation uint32, secret *[32]byte) (File, error) {
	s, err := newSealer(secret, vault, labelRoster)
	if err != nil {
		return File{}, err
	}
	body := r.Encode()
	if len(body) > rosterBodyLimit {
		return File{}, fmt.Errorf("roster %d would be longer than %d bytes", r.Number, rosterBodyLimit)
	}
	header := controlHeader(rosterMagic, rosterFileVersion, generation, r.Number)
	sealed := s.SealCommitted(append([]byte(nil), header...), pad(body, rosterStep), header)
	return contentFile(rosterDir, r.Number, sealed), nil
}

// rosterSealers opens rosters of every generation whose secret is at hand. One goroutine at a time may use it.
type rosterSealers struct {
	vault   VaultID
	secrets map[uint32]*[32]byte
	made    map[uint32]*Sealer
}

func newRosterSealers(vault VaultID, ring *keyring, secret *[32]byte) *rosterSealers {
	s := &rosterSealers{vault: vault, secrets: map[uint32]*[32]byte{ring.generation: secret}, made: map[uint32]*Sealer{}}
	for i := range ring.past {
		s.secrets[ring.past[i].number] = &ring.past[i].key
	}
	return s
}

func (r *rosterSealers) of(generation uint32) (*Sealer, error) {
	if s := r.made[generation]; s != nil {
		return s, nil
	}
	secret := r.secrets[generation]
	if secret == nil {
		return nil, fmt.Errorf("sealed under generation %d, which the keyring does not hold: %w", generation, ErrTampered)
	}
	s, err := newSealer(secret, r.vault, labelRoster)
	if err != nil {
		return nil, err
	}
	r.made[generation] = s
	return s, nil
}

// openRoster reads a roster's file.
func openRoster(data []byte, number uint32, sealers *rosterSealers) (*Roster, error) {
	header, sealed, err := splitControl(data, rosterMagic, rosterFileVersion, 2)
	if err != nil {
		return nil, err
	}
	s, err := sealers.of(binary.BigEndian.Uint32(header[len(header)-8:]))
	if err != nil {
		return nil, err
	}
	body, err := openPadded(s, sealed, header, rosterStep)
	if err != nil {
		return nil, err
	}
	r, err := DecodeRoster(body)
	if errors.Is(err, ErrNewer) {
		return nil, fmt.Errorf("%w: %w", errSealedNewer, err)
	}
	if err != nil {
		return nil, err
	}
	if r.Number != number || binary.BigEndian.Uint32(header[len(header)-4:]) != number {
		return nil, fmt.Errorf("number %d inside: %w", r.Number, ErrTampered)
	}
	return r, nil
}

// rosterChain is every accepted roster. It grows and never shrinks.
type rosterChain struct {
	vault       VaultID
	genesis     *Roster
	byHash      map[[32]byte]*Roster
	devices     map[[32]byte]DeviceEntry // as the newest roster that lists it says
	listedIn    map[[32]byte]uint32      // number of that roster
	commitments map[Commitment]bool
	revoked     map[[32]byte]*Roster // by any accepted roster; the lowest number, among equals the lowest hash
	tips        map[[32]byte]*Roster // rosters without an accepted successor
}

// newChain starts a chain at roster 0, whose hash must be the vault ID.
func newChain(vault VaultID, genesis *Roster) (*rosterChain, error) {
	if genesis.Genesis == nil || genesis.Hash() != vault {
		return nil, fmt.Errorf("roster 0 %w", ErrForeign)
	}
	if !genesis.IsAdmin(genesis.Signer) {
		return nil, fmt.Errorf("roster 0: signer is no admin: %w", ErrTampered)
	}
	c := &rosterChain{
		vault: vault, genesis: genesis,
		byHash: map[[32]byte]*Roster{}, devices: map[[32]byte]DeviceEntry{}, listedIn: map[[32]byte]uint32{},
		commitments: map[Commitment]bool{}, revoked: map[[32]byte]*Roster{},
		tips: map[[32]byte]*Roster{},
	}
	c.record(genesis)
	return c, nil
}

// accept adds a roster whose predecessors are all accepted, if an admin of each of them signed it and it takes nothing
// back that they settled.
func (c *rosterChain) accept(r *Roster) error {
	if c.byHash[r.Hash()] != nil {
		return nil
	}
	if r.Genesis != nil || r.Vault != c.vault {
		return fmt.Errorf("roster %d %w", r.Number, ErrForeign)
	}
	highest := uint32(0)
	for _, h := range r.Predecessors {
		p := c.byHash[h]
		if p == nil {
			return fmt.Errorf("roster %d: its predecessor %x is missing: %w", r.Number, h[:8], ErrTampered)
		}
		highest = max(highest, p.Number)
		if !p.IsAdmin(r.Signer) {
			return fmt.Errorf("roster %d: signed by %x, no admin of roster %d: %w", r.Number, r.Signer[:8], p.Number, ErrTampered)
		}
		for i := range p.Revocations {
			if _, ok := r.Revocation(p.Revocations[i].Device); !ok {
				return fmt.Errorf("roster %d: drops a revocation: %w", r.Number, ErrTampered)
			}
		}
	}
	if r.Number != highest+1 {
		return fmt.Errorf("roster %d follows roster %d: %w", r.Number, highest, ErrTampered)
	}
	for _, h := range r.Predecessors {
		for _, other := range r.Predecessors {
			if other != h && c.descends(other, h) {
				return fmt.Errorf("roster %d reconciles a roster with its own successor: %w", r.Number, ErrTampered)
			}
		}
	}
	for _, k := range r.Commitments {
		if k.Kind == CommitObjectIDKey || k.Kind == CommitChunkerKey {
			return fmt.Errorf("roster %d: commits to another %s: %w", r.Number, k.Kind, ErrTampered)
		}
	}
	c.record(r)
	return nil
}

// descends says whether roster a comes after roster b.
func (c *rosterChain) descends(a, b [32]byte) bool {
	floor := c.byHash[b].Number
	seen := map[[32]byte]bool{}
	queue := [][32]byte{a}
	for len(queue) > 0 {
		r := c.byHash[queue[0]]
		queue = queue[1:]
		for _, p := range r.Predecessors {
			if p == b {
				return true
			}
			if !seen[p] && c.byHash[p].Number > floor {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return false
}

func (c *rosterChain) record(r *Roster) {
	c.byHash[r.Hash()] = r
	c.tips[r.Hash()] = r
	for _, h := range r.Predecessors {
		delete(c.tips, h)
	}
	for i := range r.Devices {
		key := r.Devices[i].Key
		if c.listedIn[key] <= r.Number {
			c.devices[key], c.listedIn[key] = r.Devices[i], r.Number
		}
	}
	for _, commitment := range r.Commitments {
		c.commitments[commitment] = true
	}
	for i := range r.Revocations {
		key := r.Revocations[i].Device
		if was := c.revoked[key]; was == nil || compareRosters(r, was) < 0 {
			c.revoked[key] = r
		}
	}
}

// compareRosters orders rosters by number, then by hash.
func compareRosters(a, b *Roster) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), compareKeys(a.Hash(), b.Hash()))
}

// heads are the rosters that nothing follows, the newest first; among equals the lowest hash first.
func (c *rosterChain) heads() []*Roster {
	list := slices.Collect(maps.Values(c.tips))
	slices.SortFunc(list, func(a, b *Roster) int {
		if a.Number != b.Number {
			return cmp.Compare(b.Number, a.Number)
		}
		return compareKeys(a.Hash(), b.Hash())
	})
	return list
}

func (c *rosterChain) committed(kind CommitmentKind, number uint32, sum [32]byte) bool {
	return c.commitments[Commitment{kind, number, sum}]
}

// KnowsDevice finds the device that signs with a key, if any accepted roster has ever listed it; it may have been revoked
// since.
func (v *Vault) KnowsDevice(pub [32]byte) (DeviceEntry, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	e, ok := v.chain.devices[pub]
	return e, ok
}

// RosterByHash finds an accepted roster by the hash that a record or keyring cites.
func (v *Vault) RosterByHash(hash [32]byte) (*Roster, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	r := v.chain.byHash[hash]
	return r, r != nil
}

// RosterDescends says whether roster a is b or comes after it: a roster may only move forward from a pinned one.
func (v *Vault) RosterDescends(a, b [32]byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.chain.byHash[a] == nil || v.chain.byHash[b] == nil {
		return false
	}
	return a == b || v.chain.descends(a, b)
}

// RosterHeads are the accepted rosters that no other follows, the newest first. More than one is a conflict.
func (v *Vault) RosterHeads() []*Roster {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.chain.heads()
}

// Revoked says whether any accepted roster, on whichever side of a conflict, revokes the device with this key.
func (v *Vault) Revoked(pub [32]byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.chain.revoked[pub] != nil
}

// PreferRoster makes one of several heads the newest accepted roster: with a conflict, the one that a pin names or leads to.
func (v *Vault) PreferRoster(pinned [32]byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.chain.byHash[pinned] == nil {
		return fmt.Errorf("pinned roster %x is not in the vault: %w", pinned[:8], ErrTampered)
	}
	v.follow(pinned)
	return nil
}

// follow makes the head that an accepted roster is, or leads to, the newest accepted; v.mu is held.
func (v *Vault) follow(hash [32]byte) {
	for _, h := range v.chain.heads() {
		if h.Hash() == hash || v.chain.descends(h.Hash(), hash) {
			v.setRoster(h)
			return
		}
	}
}

// setRoster makes r the newest accepted; v.mu is held or v is not shared yet.
func (v *Vault) setRoster(r *Roster) {
	v.roster = r
	v.device = nil
	if v.ownKeys == nil {
		return
	}
	if _, member := r.Device(v.ownKeys.public); member && v.chain.revoked[v.ownKeys.public] == nil {
		v.device = v.ownKeys
	}
}
