package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

type commitment struct {
	kind   byte
	number uint64
	sum    [32]byte
}

type cutoff struct {
	sequence uint64
	hash     [32]byte
}

// roster is one state of the membership: section 6.
type roster struct {
	number       uint64
	vault        [32]byte
	predecessors [][32]byte
	roles        map[[32]byte]byte // of devices, by signing key
	admins       map[[32]byte]bool // founder and recovery admins
	commitments  []commitment
	revoked      map[[32]byte]map[[32]byte]cutoff // device, log
	signer       [32]byte
	hash         [32]byte
}

func (r *roster) isAdmin(key [32]byte) bool {
	if role, ok := r.roles[key]; ok {
		return role == 3
	}
	return r.admins[key]
}

// decodeRoster decodes a roster and checks its own signature.
func decodeRoster(plain []byte) (*roster, error) {
	d := decoder{rest: plain}
	r := &roster{hash: sha256.Sum256(plain), roles: map[[32]byte]byte{}, admins: map[[32]byte]bool{}, revoked: map[[32]byte]map[[32]byte]cutoff{}}
	if v := d.uvarint(1 << 62); v != 1 {
		d.fail("roster of version %d: %w", v, errNewer)
	}
	if r.number = d.uvarint(1<<32 - 1); r.number == 0 {
		d.hash()
		for _, want := range []uint64{1, 65536, 262144, 1048576} {
			if n := d.uvarint(1<<32 - 1); d.err == nil && n != want {
				d.fail("chunker parameter %d: %w", n, errNewer)
			}
		}
		for _, key := range d.hashes(16) {
			r.admins[key] = true
		}
		r.takeCommitments(&d)
	} else {
		r.successor(&d)
	}
	r.signer = d.hash()
	message := plain[:len(plain)-len(d.rest)]
	signature := d.take(64)
	if err := d.end(); err != nil {
		return nil, err
	}
	return r, signed(r.signer, "evault roster v1", message, signature)
}

func (d *decoder) hashes(limit uint64) (list [][32]byte) {
	before := ""
	for i := range d.count(limit, 32) {
		h := d.hash()
		d.ascending(i, &before, string(h[:]))
		list = append(list, h)
	}
	return list
}

func (r *roster) successor(d *decoder) {
	before := ""
	r.vault = d.hash()
	d.uvarint(1 << 40)
	if r.predecessors = d.hashes(16); len(r.predecessors) == 0 {
		d.fail("no predecessor")
	}
	for i := range d.count(256, 68) {
		key := d.hash()
		d.ascending(i, &before, string(key[:]))
		d.hash()
		role := d.u8()
		if d.err == nil && (role < 1 || role > 3) {
			d.fail("role %d: %w", role, errNewer)
		}
		r.roles[key] = role
		d.line(255)
		d.line(4096)
		d.uvarint(1 << 40)
	}
	for i := range d.count(64, 35) {
		hash := d.hash()
		d.ascending(i, &before, string(hash[:]))
		kind, local := d.u8(), d.u8()
		if d.err == nil && (kind < 1 || kind > 5) {
			d.fail("slot of kind %d: %w", kind, errNewer)
		}
		if local > 1 {
			d.fail("slot's flag is %d", local)
		}
		d.line(255)
		switch kind {
		case 1:
			d.hash()
		case 2, 3:
			r.admins[d.hash()] = true
		}
	}
	r.takeCommitments(d)
	r.takeRevocations(d)
	for i := range d.count(256, 2) {
		d.ascending(i, &before, d.line(64))
		d.line(1024)
	}
}

func (r *roster) takeCommitments(d *decoder) {
	before := ""
	for i := range d.count(8192, 34) {
		c := commitment{d.u8(), d.uvarint(1<<32 - 1), d.hash()}
		d.ascending(i, &before, fmt.Sprintf("%c%10d", c.kind, c.number))
		if d.err == nil && (c.kind < 1 || c.kind > 4) {
			d.fail("commitment of kind %d: %w", c.kind, errNewer)
		}
		r.commitments = append(r.commitments, c)
	}
}

func (r *roster) takeRevocations(d *decoder) {
	before, beforeLog := "", ""
	for i := range d.count(1024, 33) {
		device := d.hash()
		d.ascending(i, &before, string(device[:]))
		if r.roles[device] != 0 {
			d.fail("a device is listed and revoked")
		}
		r.revoked[device] = map[[32]byte]cutoff{}
		for j := range d.count(1024, 65) {
			log := d.hash()
			d.ascending(j, &beforeLog, string(log[:]))
			r.revoked[device][log] = cutoff{d.uvarint(1<<64 - 1), d.hash()}
		}
	}
}

// openRosters opens all rosters and finds which are accepted, and the newest of them.
func (v *vault) openRosters(secrets map[uint64][32]byte) error {
	var all []*roster
	err := named(filepath.Join(v.dir, "store/roster"), `([0-9]+)-`+hash64, 2<<20+8<<10, func(m []string, data []byte) error {
		d := decoder{rest: data}
		d.take(uint64(len("evault roster\n") + 1))
		generation := d.number(4)
		n, err := strconv.ParseUint(m[1], 10, 32)
		if err != nil {
			return err
		}
		plain, err := control(data, "evault roster\n", []uint64{generation, n}, 4096, secrets[generation], v.id, "evault roster v1")
		if err != nil {
			return err
		}
		r, err := decodeRoster(plain)
		if err != nil {
			return err
		}
		if r.number != n {
			return errors.New("its number is not that of its name")
		}
		all = append(all, r)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *roster) int { return int(int64(a.number) - int64(b.number)) })
	v.rosters, v.known = map[[32]byte]*roster{}, map[[32]byte]bool{}
	followed := map[[32]byte]bool{}
	for _, r := range all { // predecessors have lower numbers
		if err := v.accepts(r); err != nil {
			return fmt.Errorf("roster %d: %w", r.number, err)
		}
		v.rosters[r.hash] = r
		for _, p := range r.predecessors {
			followed[p] = true
		}
		for key := range r.roles {
			v.known[key] = true
		}
	}
	for _, r := range v.rosters {
		if !followed[r.hash] && (v.newest == nil || r.number > v.newest.number ||
			r.number == v.newest.number && string(r.hash[:]) < string(v.newest.hash[:])) {
			v.newest = r
		}
	}
	if v.newest == nil || v.newest.number == 0 {
		return errors.New("roster 1 is missing")
	}
	return nil
}

// accepts applies the five rules of section 6.
func (v *vault) accepts(r *roster) error {
	if r.number == 0 {
		if r.hash != v.id || !r.admins[r.signer] {
			return errors.New("not this vault's")
		}
		return nil
	}
	if r.vault != v.id {
		return errors.New("of another vault")
	}
	var highest uint64
	for _, h := range r.predecessors {
		p := v.rosters[h]
		if p == nil {
			return errors.New("a predecessor is missing")
		}
		highest = max(highest, p.number)
		if !p.isAdmin(r.signer) {
			return errors.New("its signer is no admin of its predecessor")
		}
		for device := range p.revoked {
			if r.revoked[device] == nil {
				return errors.New("it drops a revocation")
			}
		}
		for _, other := range r.predecessors {
			if other != h && v.follows(other, h) {
				return errors.New("one of its predecessors comes after another")
			}
		}
	}
	if r.number != highest+1 {
		return errors.New("its number is not the next")
	}
	for _, c := range r.commitments {
		if c.kind < 3 {
			return errors.New("commits to another object-ID or chunker key")
		}
	}
	return nil
}

// follows says whether accepted roster a comes after b.
func (v *vault) follows(a, b [32]byte) bool {
	r := v.rosters[a]
	if r == nil {
		return false
	}
	for _, p := range r.predecessors {
		if p == b || v.follows(p, b) {
			return true
		}
	}
	return false
}
