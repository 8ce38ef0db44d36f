package keys

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"evault/internal/wire"
)

// Limits of a roster, checked before memory is taken.
const (
	rosterVersion     = 1
	deviceLimit       = 256
	slotLimit         = 64
	predecessorLimit  = 16
	revocationLimit   = 1024
	cutoffLimit       = 1024 // of one revocation
	policyLimit       = 256
	labelLimit        = 255
	recipientLimit    = 4096
	policyNameLimit   = 64
	policyValueLimit  = 1024
	rosterBodyLimit   = 2 << 20
	genesisAdminLimit = 16
	timeLimit         = 1 << 40
)

// Encode is the roster's plaintext, byte for byte what its hash and the vault ID are computed over.
func (r *Roster) Encode() []byte { return append(r.encodeUnsigned(), r.Signature[:]...) }

func (r *Roster) encodeUnsigned() []byte {
	b := make([]byte, 0, 4096)
	b = binary.AppendUvarint(b, rosterVersion)
	b = binary.AppendUvarint(b, uint64(r.Number))
	if r.Genesis != nil {
		b = appendGenesis(b, r.Genesis)
		b = appendCommitments(b, r.Commitments)
		return append(b, r.Signer[:]...)
	}
	b = append(b, r.Vault[:]...)
	b = binary.AppendUvarint(b, uint64(r.Time))
	b = appendHashes(b, r.Predecessors)
	b = appendDevices(b, r.Devices)
	b = appendSlots(b, r.Slots)
	b = appendCommitments(b, r.Commitments)
	b = appendRevocations(b, r.Revocations)
	b = binary.AppendUvarint(b, uint64(len(r.Policy)))
	for _, p := range r.Policy {
		b = wire.AppendText(wire.AppendText(b, p.Name), p.Value)
	}
	return append(b, r.Signer[:]...)
}

func appendGenesis(b []byte, g *Genesis) []byte {
	b = append(b, g.Nonce[:]...)
	for _, n := range []uint32{g.Chunker.Number, g.Chunker.Min, g.Chunker.Average, g.Chunker.Max} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return appendHashes(b, g.Admins)
}

func appendHashes(b []byte, list [][32]byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = append(b, list[i][:]...)
	}
	return b
}

func appendDevices(b []byte, list []DeviceEntry) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		e := &list[i]
		b = append(b, e.Key[:]...)
		b = append(b, e.Device[:]...)
		b = append(b, byte(e.Role))
		b = wire.AppendText(b, e.Label)
		b = wire.AppendText(b, e.Recipient)
		b = binary.AppendUvarint(b, uint64(e.Added))
	}
	return b
}

func appendSlots(b []byte, list []SlotEntry) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		e := &list[i]
		b = append(b, e.Hash[:]...)
		local := byte(0)
		if e.Local {
			local = 1
		}
		b = append(b, byte(e.Kind), local)
		b = wire.AppendText(b, e.Label)
		if e.Kind == SlotDevice {
			b = append(b, e.Device[:]...)
		}
		if e.Kind.carriesAdmin() {
			b = append(b, e.Admin[:]...)
		}
	}
	return b
}

func appendCommitments(b []byte, list []Commitment) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = append(b, byte(list[i].Kind))
		b = binary.AppendUvarint(b, uint64(list[i].Number))
		b = append(b, list[i].Sum[:]...)
	}
	return b
}

func appendRevocations(b []byte, list []Revocation) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = append(b, list[i].Device[:]...)
		b = binary.AppendUvarint(b, uint64(len(list[i].Cutoffs)))
		for _, c := range list[i].Cutoffs {
			b = append(b, c.Log[:]...)
			b = binary.AppendUvarint(b, c.Sequence)
			b = append(b, c.Header[:]...)
		}
	}
	return b
}

// DecodeRoster reads a roster's plaintext and checks its form and its own signature, not who was allowed to sign it. What
// it accepts encodes to the same bytes. The error wraps ErrNewer for a version, role or kind of a later evault, ErrSignature
// for a signature that does not fit, and ErrTampered for everything else.
func DecodeRoster(body []byte) (*Roster, error) {
	if len(body) > rosterBodyLimit {
		return nil, fmt.Errorf("roster of %d bytes: %w", len(body), ErrTampered)
	}
	r, err := decodeRoster(body)
	if errors.Is(err, ErrNewer) {
		return nil, fmt.Errorf("roster: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: roster: %w", ErrTampered, err)
	}
	if err := r.checkKnown(); err != nil {
		return nil, err
	}
	if err := r.verifySignature(); err != nil {
		return nil, fmt.Errorf("roster %d: %w", r.Number, err)
	}
	r.hash = sha256.Sum256(body)
	return r, nil
}

func decodeRoster(body []byte) (*Roster, error) {
	d := newDecoder(body)
	r := &Roster{}
	if v := d.Uvarint(math.MaxUint64, "version"); d.Err() == nil && v != rosterVersion {
		return nil, fmt.Errorf("version %d: %w", v, ErrNewer)
	}
	r.Number = uint32(d.Uvarint(math.MaxUint32, "number"))
	if d.Err() == nil && r.Number == 0 {
		r.Genesis = d.genesis()
		r.Commitments = d.commitments()
	} else {
		d.successor(r)
	}
	r.Signer = d.Array32("signer")
	d.Fill(r.Signature[:], "signature")
	return r, d.End("roster")
}

func (d *decoder) genesis() *Genesis {
	g := &Genesis{Nonce: d.Array32("nonce")}
	for _, n := range []*uint32{&g.Chunker.Number, &g.Chunker.Min, &g.Chunker.Average, &g.Chunker.Max} {
		*n = uint32(d.Uvarint(math.MaxUint32, "chunker parameter"))
	}
	g.Admins = d.hashes(genesisAdminLimit, "admins")
	return g
}

func (d *decoder) successor(r *Roster) {
	r.Vault = d.Array32("vault ID")
	r.Time = int64(d.Uvarint(timeLimit, "time"))
	r.Predecessors = d.hashes(predecessorLimit, "predecessors")
	if d.Err() == nil && len(r.Predecessors) == 0 {
		d.fail("no predecessor")
	}
	r.Devices = d.devices()
	r.Slots = d.slots()
	r.Commitments = d.commitments()
	r.Revocations = d.revocations()
	for range d.Count(policyLimit, 2, "policy") {
		p := PolicyEntry{Name: d.Printable(policyNameLimit, "policy name"), Value: d.Printable(policyValueLimit, "policy value")}
		if n := len(r.Policy); n > 0 && r.Policy[n-1].Name >= p.Name {
			d.fail("policy is not ascending")
		}
		r.Policy = append(r.Policy, p)
	}
}

func (d *decoder) hashes(limit uint64, what string) [][32]byte {
	var list [][32]byte
	for range d.Count(limit, 32, what) {
		h := d.Array32(what)
		if n := len(list); n > 0 && compareKeys(list[n-1], h) >= 0 {
			d.fail("%s are not ascending", what)
		}
		list = append(list, h)
	}
	return list
}

func (d *decoder) devices() []DeviceEntry {
	var list []DeviceEntry
	for range d.Count(deviceLimit, 68, "devices") {
		e := DeviceEntry{
			Key:       d.Array32("device key"),
			Device:    d.Array32("device ID"),
			Role:      Role(d.Uint8("role")),
			Label:     d.Printable(labelLimit, "device label"),
			Recipient: d.Printable(recipientLimit, "device recipient"),
			Added:     int64(d.Uvarint(timeLimit, "device time")),
		}
		if n := len(list); n > 0 && compareKeys(list[n-1].Key, e.Key) >= 0 {
			d.fail("devices are not ascending")
		}
		list = append(list, e)
	}
	return list
}

func (d *decoder) slots() []SlotEntry {
	var list []SlotEntry
	for range d.Count(slotLimit, 35, "slots") {
		e := SlotEntry{Hash: d.Array32("slot hash"), Kind: SlotKind(d.Uint8("slot kind"))}
		local := d.Uint8("slot flag")
		e.Local = local == 1
		if local > 1 {
			d.fail("unknown slot flag %d", local)
		}
		e.Label = d.Printable(labelLimit, "slot label")
		if e.Kind == SlotDevice {
			e.Device = d.Array32("slot device")
		}
		if e.Kind.carriesAdmin() {
			e.Admin = d.Array32("slot admin")
		}
		if n := len(list); n > 0 && compareKeys(list[n-1].Hash, e.Hash) >= 0 {
			d.fail("slots are not ascending")
		}
		// An entry of an unknown kind may have fields that are unknown, too: nothing after it can be read.
		if d.Err() == nil && (e.Kind == 0 || e.Kind > SlotSSH) {
			d.Fail(fmt.Errorf("slot of kind %d: %w", e.Kind, ErrNewer))
		}
		list = append(list, e)
	}
	return list
}

func (d *decoder) commitments() []Commitment {
	var list []Commitment
	for range d.Count(2*keyLimit, 34, "commitments") {
		c := Commitment{Kind: CommitmentKind(d.Uint8("commitment kind")), Number: uint32(d.Uvarint(math.MaxUint32, "commitment number"))}
		c.Sum = d.Array32("commitment")
		if n := len(list); n > 0 && compareCommitments(list[n-1], c) >= 0 {
			d.fail("commitments are not ascending")
		}
		list = append(list, c)
	}
	return list
}

func compareCommitments(a, b Commitment) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	return int(int64(a.Number) - int64(b.Number))
}

func (d *decoder) revocations() []Revocation {
	var list []Revocation
	for range d.Count(revocationLimit, 33, "revocations") {
		r := Revocation{Device: d.Array32("revoked device")}
		for range d.Count(cutoffLimit, 65, "cut-offs") {
			c := Cutoff{Log: d.Array32("cut-off log"), Sequence: d.Uvarint(math.MaxUint64, "cut-off sequence"), Header: d.Array32("cut-off header")}
			if n := len(r.Cutoffs); n > 0 && compareKeys(r.Cutoffs[n-1].Log, c.Log) >= 0 {
				d.fail("cut-offs are not ascending")
			}
			r.Cutoffs = append(r.Cutoffs, c)
		}
		if n := len(list); n > 0 && compareKeys(list[n-1].Device, r.Device) >= 0 {
			d.fail("revocations are not ascending")
		}
		list = append(list, r)
	}
	return list
}

// checkKnown refuses what a later evault wrote, and members that are revoked.
func (r *Roster) checkKnown() error {
	for i := range r.Devices {
		e := &r.Devices[i]
		if e.Role < RoleReader || e.Role > RoleAdmin {
			return fmt.Errorf("roster %d: device of role %d: %w", r.Number, e.Role, ErrNewer)
		}
		if _, revoked := r.Revocation(e.Key); revoked {
			return fmt.Errorf("roster %d: lists a device that it revokes: %w", r.Number, ErrTampered)
		}
	}
	for _, c := range r.Commitments {
		if c.Kind == 0 || c.Kind > CommitSecret {
			return fmt.Errorf("roster %d: key of kind %d: %w", r.Number, c.Kind, ErrNewer)
		}
	}
	return nil
}

// sortLists brings the lists into their canonical order.
func (r *Roster) sortLists() {
	slices.SortFunc(r.Predecessors, compareKeys)
	slices.SortFunc(r.Devices, func(a, b DeviceEntry) int { return compareKeys(a.Key, b.Key) })
	slices.SortFunc(r.Slots, func(a, b SlotEntry) int { return compareKeys(a.Hash, b.Hash) })
	slices.SortFunc(r.Commitments, compareCommitments)
	slices.SortFunc(r.Revocations, func(a, b Revocation) int { return compareKeys(a.Device, b.Device) })
}
