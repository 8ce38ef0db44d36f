package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"

	"evault/internal/xaes"
)

// ErrSealed says that sealed bytes do not open: another key, other additional data, or changed since.
var ErrSealed = errors.New("authentication failed")

const (
	// NonceSize is the length in bytes of the random nonce in front of every sealed text.
	NonceSize = xaes.NonceSize
	// Overhead is how many bytes Seal adds: nonce and tag.
	Overhead = NonceSize + xaes.Overhead
	// CommitmentSize is the length in bytes of a key commitment.
	CommitmentSize = sha256.Size
	// CommittedOverhead is how many bytes SealCommitted adds: commitment, nonce and tag.
	CommittedOverhead = CommitmentSize + Overhead
)

// Sealer seals under one derived key: XAES-256-GCM (C2SP XAES-256-GCM v1.0.1) with random 24-byte nonces. It is safe for
// concurrent use, and worth keeping for as long as there is more to seal or open under its key.
//
// Two texts that seal to the same bytes under two keys can be made for AES-GCM. SealCommitted closes that for records whose
// meaning must not depend on who reads them; frames need it not, because every object's keyed ID is recomputed.
type Sealer struct {
	aead    *xaes.AEAD
	mask    cipher.Block // AES-256 under a key of its own
	macs    sync.Pool    // *commitMAC
	scratch sync.Pool    // *[NonceSize + 8]byte
}

// commitMAC is HMAC-SHA-256 under the commitment key with the memory it computes into.
type commitMAC struct {
	mac hash.Hash
	sum [CommitmentSize]byte
}

// newSealer derives the three keys (sealing, masking, committing) that one purpose needs from one HKDF output.
func newSealer(secret *[32]byte, id VaultID, label string, context ...[]byte) (*Sealer, error) {
	var okm [96]byte
	if err := derive(okm[:], secret[:], id[:], label, context...); err != nil {
		return nil, err
	}
	aead, err := xaes.New((*[32]byte)(okm[:32]))
	if err != nil {
		return nil, err
	}
	mask, err := aes.NewCipher(okm[32:64])
	if err != nil {
		return nil, fmt.Errorf("aes key: %w", err)
	}
	s := &Sealer{aead: aead, mask: mask}
	commitKey := append([]byte(nil), okm[64:]...)
	s.macs.New = func() any { return &commitMAC{mac: hmac.New(sha256.New, commitKey)} }
	s.scratch.New = func() any { return new([NonceSize + 8]byte) }
	return s, nil
}

// Seal appends nonce (24 bytes), ciphertext and tag (16) to dst. Nothing proportional to the text is allocated when dst
// has room for len(plaintext)+Overhead more. Plaintext must not overlap that room.
func (s *Sealer) Seal(dst, plaintext, aad []byte) []byte {
	dst, nonce := appendNonce(dst)
	return s.aead.Seal(dst, nonce, plaintext, aad)
}

// appendNonce draws a nonce straight into dst.
func appendNonce(dst []byte) (out, nonce []byte) {
	n := len(dst)
	var zero [NonceSize]byte
	dst = append(dst, zero[:]...)
	nonce = dst[n : n+NonceSize : n+NonceSize]
	_, _ = rand.Read(nonce) // never fails: see crypto/rand
	return dst, nonce
}

// Open checks what Seal made and appends the plaintext to dst. The error is ErrSealed when it does not fit.
func (s *Sealer) Open(dst, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrSealed
	}
	out, err := s.aead.Open(dst, sealed[:NonceSize], sealed[NonceSize:], aad)
	if err != nil {
		return nil, ErrSealed
	}
	return out, nil
}

// SealCommitted is Seal behind a commitment (32 bytes) to the key: commitment, nonce, ciphertext, tag. The commitment is
// HMAC-SHA-256 of the nonce under a key derived beside the sealing key, so it tells an outsider nothing, not even that two
// records share a key.
func (s *Sealer) SealCommitted(dst, plaintext, aad []byte) []byte {
	n := len(dst)
	var zero [CommitmentSize]byte
	dst, nonce := appendNonce(append(dst, zero[:]...))
	s.commitment(dst[n:n+CommitmentSize:n+CommitmentSize], nonce)
	return s.aead.Seal(dst, nonce, plaintext, aad)
}

// OpenCommitted checks the commitment in constant time, then opens like Open.
func (s *Sealer) OpenCommitted(dst, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < CommittedOverhead {
		return nil, ErrSealed
	}
	var want [CommitmentSize]byte
	s.commitment(want[:], sealed[CommitmentSize:CommitmentSize+NonceSize])
	if subtle.ConstantTimeCompare(want[:], sealed[:CommitmentSize]) != 1 {
		return nil, ErrSealed
	}
	return s.Open(dst, sealed[CommitmentSize:], aad)
}

// commitment writes the commitment that goes with a nonce into dst.
func (s *Sealer) commitment(dst, nonce []byte) {
	m := s.macs.Get().(*commitMAC)
	defer s.macs.Put(m)
	m.mac.Reset()
	m.mac.Write(nonce) // a hash.Hash never returns an error
	copy(dst, m.mac.Sum(m.sum[:0]))
}

// Mask is four bytes of keystream for the nonce of a sealed frame, to be XORed with the frame's length so that a pack
// shows no boundaries: the first four bytes, big-endian, of the CBC-MAC with AES-256 of the nonce padded with zeros to two
// blocks (a secure pseudorandom function, since every input has the same length). It does not allocate.
func (s *Sealer) Mask(nonce *[NonceSize]byte) uint32 {
	b := s.scratch.Get().(*[NonceSize + 8]byte)
	defer s.scratch.Put(b)
	copy(b[:], nonce[:])
	clear(b[NonceSize:])
	first, second := b[:aes.BlockSize], b[aes.BlockSize:]
	s.mask.Encrypt(first, first)
	subtle.XORBytes(second, second, first)
	s.mask.Encrypt(second, second)
	return binary.BigEndian.Uint32(second)
}

// PackSealer gives the sealer of the pack with this salt, written in this epoch, or ErrUnknownEpoch.
func (v *Vault) PackSealer(epoch uint32, salt [32]byte) (*Sealer, error) {
	key, err := v.ring.epoch(epoch)
	if err != nil {
		return nil, err
	}
	return newSealer(key, v.id, labelPack, salt[:])
}

// LogSealer gives the sealer of log bodies written in an epoch, or ErrUnknownEpoch.
func (v *Vault) LogSealer(epoch uint32) (*Sealer, error) {
	key, err := v.ring.epoch(epoch)
	if err != nil {
		return nil, err
	}
	return newSealer(key, v.id, labelLogBody)
}

// LocalSealer gives the sealer of one kind of file that never leaves this machine, such as the stat index. Its key does
// not change with the epoch.
func (v *Vault) LocalSealer(purpose string) (*Sealer, error) {
	return newSealer(&v.ring.objectIDKey, v.id, labelLocal, []byte(purpose))
}
