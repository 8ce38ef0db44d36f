// Package xaes is the XAES-256-GCM authenticated cipher: AES-256-GCM with a nonce long enough (192 bits) to be drawn at
// random for as many messages as anybody will ever seal.
//
// It follows C2SP XAES-256-GCM version 1.0.1 (https://c2sp.org/XAES-256-GCM): half of the nonce and the key give, through
// a one-block CMAC (NIST SP 800-108r1, SP 800-38B), a key of AES-256-GCM; the other half is the nonce under that key. Two
// extra AES blocks a message is all that the longer nonce costs. As with AES-GCM itself, a nonce must never be used twice
// under one key, and the ciphertext does not commit to the key: package keys adds a commitment where that matters.
package xaes

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
)

const (
	// KeySize is the length of a key in bytes.
	KeySize = 32
	// NonceSize is the length of a nonce in bytes: half chooses the derived key, half is the nonce of AES-GCM under it.
	NonceSize = 24
	// Overhead is how many bytes a ciphertext is longer than its plaintext.
	Overhead = 16
)

// ErrOpen says that a ciphertext, its additional data, its nonce or the key is not the one that was sealed.
var ErrOpen = errors.New("message authentication failed")

// AEAD is XAES-256-GCM under one key. It implements cipher.AEAD and is safe for concurrent use.
//
// Each Seal and Open makes one AES-GCM instance for its derived key (about 1 KiB of memory, whatever the message's length);
// nothing else is allocated when the destination has room.
type AEAD struct {
	block  cipher.Block
	subkey [aes.BlockSize]byte // K1 of CMAC
	// scratch holds *[2 * aes.BlockSize]byte. Bytes that pass through an interface's method must live on the heap; borrowed
	// ones do not have to be allocated anew.
	scratch sync.Pool
}

var _ cipher.AEAD = (*AEAD)(nil)

// New prepares the cipher for a key, whose bytes it copies.
func New(key *[KeySize]byte) (*AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("aes key: %w", err)
	}
	a := &AEAD{block: block}
	a.scratch.New = func() any { return new([2 * aes.BlockSize]byte) }
	// K1 of CMAC: the encrypted zero block doubled in GF(2^128). The reduction must not depend on the secret bit by a branch.
	block.Encrypt(a.subkey[:], a.subkey[:])
	msb := byte(0)
	for i := len(a.subkey) - 1; i >= 0; i-- {
		msb, a.subkey[i] = a.subkey[i]>>7, a.subkey[i]<<1|msb
	}
	a.subkey[aes.BlockSize-1] ^= byte(subtle.ConstantTimeSelect(int(msb), 0b10000111, 0))
	return a, nil
}

// NonceSize returns 24.
func (*AEAD) NonceSize() int { return NonceSize }

// Overhead returns 16.
func (*AEAD) Overhead() int { return Overhead }

// derive makes the AES-256-GCM instance that the first half of a nonce chooses.
func (a *AEAD) derive(nonce []byte) (cipher.AEAD, error) {
	key := a.scratch.Get().(*[2 * aes.BlockSize]byte)
	defer a.scratch.Put(key)
	clear(key[:])
	for i := range 2 {
		m := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		m[1], m[2] = byte(i+1), 'X' // counter of 16 bits, label, separator
		copy(m[4:], nonce[:12])
		subtle.XORBytes(m, m, a.subkey[:])
		a.block.Encrypt(m, m)
	}
	block, err := aes.NewCipher(key[:])
	clear(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal encrypts and authenticates plaintext, authenticates aad, and appends the ciphertext to dst. As with every
// cipher.AEAD, plaintext and the room behind dst may be the same memory or must not overlap. It panics when the nonce is
// not 24 bytes long.
func (a *AEAD) Seal(dst, nonce, plaintext, aad []byte) []byte {
	if len(nonce) != NonceSize {
		panic("xaes: nonce is not 24 bytes long")
	}
	gcm, err := a.derive(nonce)
	if err != nil {
		// A 32-byte key and AES blocks are all that the standard library asks for.
		panic("xaes: deriving a key: " + err.Error())
	}
	return gcm.Seal(dst, nonce[12:], plaintext, aad)
}

// Open authenticates ciphertext and aad and appends the plaintext to dst. Any mismatch is ErrOpen, and then nothing of
// the plaintext is returned. It panics when the nonce is not 24 bytes long.
func (a *AEAD) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	if len(nonce) != NonceSize {
		panic("xaes: nonce is not 24 bytes long")
	}
	gcm, err := a.derive(nonce)
	if err != nil {
		return nil, err
	}
	out, err := gcm.Open(dst, nonce[12:], ciphertext, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return out, nil
}
