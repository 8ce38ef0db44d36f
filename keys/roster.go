package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
)

// Role is what a device may do in a vault.
type Role uint8

// The roles, each with all rights of those before it.
const (
	RoleReader Role = 1 // reads
	RoleWriter Role = 2 // publishes commits, too
	RoleAdmin  Role = 3 // signs rosters, too
)

// String is the role's name.
func (r Role) String() string {
	switch r {
	case RoleReader:
		return "reader"
	case RoleWriter:
		return "writer"
	case RoleAdmin:
		return "admin"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// DeviceEntry is one member device in a roster.
type DeviceEntry struct {
	Key       [32]byte // the Ed25519 key it signs with in this vault
	Device    DeviceID
	Role      Role
	Label     string // up to 255 bytes of printable UTF-8
	Recipient string // the age recipient of its slots
	Added     int64  // seconds since 1970, by the clock of the admin who admitted it
}

// SlotKind is how a slot is opened.
type SlotKind uint8

// The kinds of slot.
const (
	SlotDevice     SlotKind = 1 // by a member device's identity
	SlotPassphrase SlotKind = 2
	SlotRecovery   SlotKind = 3 // by generated recovery words
	SlotRecipient  SlotKind = 4 // by the holder of an age recipient, or a plugin
	SlotSSH        SlotKind = 5 // by an SSH key
)

// String is the kind's name.
func (k SlotKind) String() string {
	names := [...]string{SlotDevice: "device", SlotPassphrase: "passphrase", SlotRecovery: "recovery", SlotRecipient: "recipient", SlotSSH: "ssh"}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// carriesAdmin says that slots of this kind hold the seed of a recovery admin.
func (k SlotKind) carriesAdmin() bool { return k == SlotPassphrase || k == SlotRecovery }

// SlotEntry is one slot that the vault's members know of.
type SlotEntry struct {
	Hash   [32]byte // SHA-256 of the slot's file, which is its name
	Kind   SlotKind
	Local  bool     // it stays on the machine that made it
	Label  string   // up to 255 bytes of printable UTF-8
	Device [32]byte // kind device: whose
	Admin  [32]byte // kinds passphrase and recovery: the public key of the recovery admin whose seed it holds
}

// CommitmentKind is the kind of a key that a roster commits to.
type CommitmentKind uint8

// The kinds of key.
const (
	CommitObjectIDKey CommitmentKind = 1 // number 0
	CommitChunkerKey  CommitmentKind = 2 // number 0
	CommitEpochKey    CommitmentKind = 3 // number: the epoch
	CommitSecret      CommitmentKind = 4 // number: the generation
)

// String is the kind's name.
func (k CommitmentKind) String() string {
	names := [...]string{CommitObjectIDKey: "object-ID key", CommitChunkerKey: "chunker key", CommitEpochKey: "key of epoch", CommitSecret: "secret of generation"}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("key of kind %d", uint8(k))
}

// Commitment binds the members to one key without showing it.
type Commitment struct {
	Kind   CommitmentKind
	Number uint32
	Sum    [32]byte
}

// Revocation takes a device's rights away from a point on. Once in a roster it is in every later one.
type Revocation struct {
	Device  [32]byte // its signing key
	Cutoffs []Cutoff // ascending by tag
}

// Cutoff is the last record of one log that still counts.
type Cutoff struct {
	Log      [32]byte // the log's tag
	Sequence uint64
	Header   [32]byte // hash of that record's header
}

// PolicyEntry is one setting that holds for the whole vault.
type PolicyEntry struct {
	Name, Value string // up to 64 and 1024 bytes of printable UTF-8
}

// ChunkerParams are the content-defined chunker's number and lengths in bytes.
type ChunkerParams struct {
	Number, Min, Average, Max uint32
}

// Genesis is what only roster 0 holds.
type Genesis struct {
	Nonce   [32]byte // random: it makes the vault ID unique and salts the founder's key
	Chunker ChunkerParams
	Admins  [][32]byte // ascending: the founder's key and the recovery admins'
}

// Roster is one state of a vault's membership, signed by an admin of its predecessor. It must not be changed.
type Roster struct {
	Number       uint32
	Genesis      *Genesis      // roster 0 only
	Vault        VaultID       // zero in roster 0, whose hash it is
	Time         int64         // seconds since 1970, by the signer's clock; not in roster 0
	Predecessors [][32]byte    // ascending hashes: one, or every sibling that this roster reconciles; none in roster 0
	Devices      []DeviceEntry // ascending by key
	Slots        []SlotEntry   // ascending by hash
	Commitments  []Commitment  // ascending by kind and number: of keys that no earlier roster commits to
	Revocations  []Revocation  // ascending by device
	Policy       []PolicyEntry // ascending by name
	Signer       [32]byte
	Signature    [64]byte

	hash [32]byte // of the encoding
}

// Hash is how records, keyrings and later rosters cite the roster: the SHA-256 of its plaintext. Of roster 0 it is the
// vault ID.
func (r *Roster) Hash() [32]byte { return r.hash }

// Device finds a member by its signing key.
func (r *Roster) Device(key [32]byte) (DeviceEntry, bool) {
	for i := range r.Devices {
		if r.Devices[i].Key == key {
			return r.Devices[i], true
		}
	}
	return DeviceEntry{}, false
}

// Revocation finds what the roster says about an expelled device.
func (r *Roster) Revocation(key [32]byte) (Revocation, bool) {
	for i := range r.Revocations {
		if r.Revocations[i].Device == key {
			return r.Revocations[i], true
		}
	}
	return Revocation{}, false
}

// IsAdmin says whether a key may sign the roster's successor: an admin device's or a recovery admin's.
func (r *Roster) IsAdmin(key [32]byte) bool {
	if key == ([32]byte{}) {
		return false
	}
	if r.Genesis != nil {
		for _, a := range r.Genesis.Admins {
			if a == key {
				return true
			}
		}
		return false
	}
	if d, ok := r.Device(key); ok {
		return d.Role == RoleAdmin
	}
	for i := range r.Slots {
		if r.Slots[i].Kind.carriesAdmin() && r.Slots[i].Admin == key {
			return true
		}
	}
	return false
}

// sign completes a roster: signer, signature, hash.
func (r *Roster) sign(key ed25519.PrivateKey) {
	r.Signer = publicKey(key)
	body := r.encodeUnsigned()
	r.Signature = sign(key, domainRoster, body)
	r.hash = sha256.Sum256(append(body, r.Signature[:]...))
}

// verifySignature checks the roster's own signature: whether its signer was allowed to is the chain's question.
func (r *Roster) verifySignature() error {
	return verify(r.Signer, domainRoster, r.encodeUnsigned(), r.Signature)
}

// compareKeys orders keys and hashes as bytes.
func compareKeys(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) }
