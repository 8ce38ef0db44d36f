// Package keys holds everything secret about a vault: who may open it, the keys that seal and name its data, and the keys
// its devices sign with. It takes bytes and returns bytes; other packages put them on disk or send them.
//
// The hierarchy, from the outside in:
//
//	slot (an age file)  --opens-->  vault secret  --opens-->  keyring  -->  object-ID key, chunker key, epoch keys
//	                                              --opens-->  rosters  -->  devices, roles, slots, commitments to the keys
//	identity (one file per user and machine)      --opens-->  the device's slot, and derives the device's signing keys
//
// A Vault is made by NewVault, or opened by OpenWithIdentity (daily, in milliseconds), OpenWithPassphrase (also recovery
// words) or OpenWithAge (somebody's own age key). From then on:
//
//   - Vault.ObjectID and Hasher name plaintext with a keyed hash;
//   - Sealer (PackSealer, LogSealer, LocalSealer) encrypts with XAES-256-GCM, with or without key commitment;
//   - SignCommit, SignTag, SignRecord and LogKey sign as this device; VerifyCommit, VerifyTag, VerifyRecord and
//     VerifyLogSignature check;
//   - Roster, KnowsDevice and RosterByHash say who is and was a member;
//   - Slots, AddPassphraseSlot, AddRecoveryWordsSlot, AddRecipientSlot, RemoveSlot, AdmitDevice, AdmitOther, RevokeDevice,
//     RenameDevice and SetRole change who may open it. They return files for the caller to store;
//   - Adopt takes in what other devices changed, and PublicFiles says what they should get to see.
//
// Every other key comes from these by HKDF-SHA-256 (RFC 5869) with the vault ID as salt and one label per purpose: see
// derive.go.
package keys

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
)

// Errors that callers tell apart. What wraps them names the file or the key concerned, never a secret.
var (
	// ErrUnknownEpoch: data is sealed under an epoch that this keyring does not hold.
	ErrUnknownEpoch = errors.New("the keyring holds no key for this epoch")
	// ErrNoDevice: the vault is open, but not by a device that is a member, so nothing can be signed.
	ErrNoDevice = errors.New("this device is not a member of the vault")
	// ErrReader: this device is a member and may only read.
	ErrReader = errors.New("this device is a reader of the vault, and publishes nothing (an admin can make it a writer)")
	// ErrNoSlot: no slot of the vault is meant for the key at hand.
	ErrNoSlot = errors.New("no key slot for this device")
	// ErrWrongPassphrase: there are passphrase slots and none of them opens.
	ErrWrongPassphrase = errors.New("wrong passphrase")
	// ErrNewer: written by a newer evault in a version that this one does not know. It never means damage.
	ErrNewer = errors.New("a newer evault is needed")
	// ErrTampered: bytes that no honest evault wrote, or that were damaged since.
	ErrTampered = errors.New("damaged or tampered with")
	// ErrForeign: a valid file of another vault.
	ErrForeign = errors.New("belongs to another vault")
	// ErrSignature: a signature does not fit its key and message.
	ErrSignature = errors.New("bad signature")
	// ErrUnknownDevice: a signing key that no accepted roster has listed.
	ErrUnknownDevice = errors.New("signed by a device that was never a member of the vault")
)

// VaultID names a vault for good: the SHA-256 of the plaintext of its roster 0, and through that of the first admin keys
// and of commitments to the keys.
type VaultID [32]byte

// String is the ID in lower-case hexadecimal, 64 characters.
func (id VaultID) String() string { return hex.EncodeToString(id[:]) }

// IsZero says that no vault is meant.
func (id VaultID) IsZero() bool { return id == VaultID{} }

// ParseVaultID reads what String writes, and nothing else.
func ParseVaultID(s string) (VaultID, error) {
	var id VaultID
	if err := decodeHex32(s, (*[32]byte)(&id)); err != nil {
		return VaultID{}, fmt.Errorf("vault ID: %w", err)
	}
	return id, nil
}

// Vault holds the opened secrets of one vault. It is safe for concurrent use.
type Vault struct {
	id     VaultID
	ring   *keyring
	secret [32]byte // of the keyring's generation: what slots wrap
	// identity and the keys it would sign with are nil when the vault was opened without one.
	identity *Identity
	ownKeys  *deviceKeys
	// adminSeed is the recovery admin's, when a passphrase or recovery-words slot was what opened the vault.
	adminSeed *[32]byte
	hashers   sync.Pool // *Hasher

	mu       sync.RWMutex
	chain    *rosterChain
	roster   *Roster     // the newest accepted
	device   *deviceKeys // ownKeys when the roster lists them, else nil
	problems []error
	// rosterFiles are the names, without folder, of files known to hold accepted rosters.
	rosterFiles map[string]bool
}

// ID names the vault.
func (v *Vault) ID() VaultID { return v.id }

// Epoch is the number of the current epoch, under which new packs and log bodies are sealed.
func (v *Vault) Epoch() uint32 { return v.ring.epochs[len(v.ring.epochs)-1].number }

// Epochs lists every epoch whose key is held, ascending.
func (v *Vault) Epochs() []uint32 {
	out := make([]uint32, len(v.ring.epochs))
	for i, e := range v.ring.epochs {
		out[i] = e.number
	}
	return out
}

// ChunkerKey is the key of the content-defined chunker. It lasts for the vault's life: another key means other chunks.
func (v *Vault) ChunkerKey() [32]byte { return v.ring.chunkerKey }

// ChunkerParams are the chunker's number (1: normalised gear) and its least, average and greatest length of a chunk in
// bytes, as roster 0 records them for the vault's life.
func (v *Vault) ChunkerParams() (number, least, average, greatest uint32) {
	g := v.chain.genesis.Genesis.Chunker
	return g.Number, g.Min, g.Average, g.Max
}

// Roster is the newest accepted roster. It must not be changed.
func (v *Vault) Roster() *Roster {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.roster
}

// RosterHash is the hash by which records and keyrings cite the newest accepted roster.
func (v *Vault) RosterHash() [32]byte { return v.Roster().Hash() }
