package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

func derive(key, salt []byte, label string, context []byte, n int) ([]byte, error) {
	return hkdf.Key(sha256.New, key, salt, label+"\x00"+string(context), n)
}

func mac(key []byte, parts ...[]byte) (sum [32]byte) {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

func signed(key [32]byte, domain string, message, signature []byte) error {
	if !ed25519.Verify(key[:], []byte(domain+"\x00"+string(message)), signature) {
		return fmt.Errorf("%s: wrong signature of key %x", domain, key[:8])
	}
	return nil
}

// sealer opens what is sealed under one derived key: section 4.
type sealer struct {
	seal, mask cipher.Block
	k1         [16]byte
	commit     []byte
}

func newSealer(key, vault [32]byte, label string, context []byte) (*sealer, error) {
	k, err := derive(key[:], vault[:], label, context, 96)
	if err != nil {
		return nil, err
	}
	seal, err1 := aes.NewCipher(k[:32])
	mask, err2 := aes.NewCipher(k[32:64])
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	s := &sealer{seal: seal, mask: mask, commit: k[64:]}
	var l [16]byte
	seal.Encrypt(l[:], l[:])
	for i := range l {
		s.k1[i] = l[i] << 1
		if i < 15 {
			s.k1[i] |= l[i+1] >> 7
		}
	}
	s.k1[15] ^= (l[0] >> 7) * 0x87
	return s, nil
}

var errSealed = errors.New("does not open")

// open opens XAES-256-GCM.
func (s *sealer) open(nonce, ciphertext, additional []byte) ([]byte, error) {
	var key [32]byte
	for i := range 2 {
		block := key[16*i : 16*i+16]
		copy(block, []byte{0, byte(i + 1), 'X', 0})
		copy(block[4:], nonce[:12])
		for j := range block {
			block[j] ^= s.k1[j]
		}
		s.seal.Encrypt(block, block)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce[12:24], ciphertext, additional)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// openCommitted checks the commitment first.
func (s *sealer) openCommitted(sealed, additional []byte) ([]byte, error) {
	if len(sealed) < 72 {
		return nil, errSealed
	}
	if want := mac(s.commit, sealed[32:56]); !hmac.Equal(want[:], sealed[:32]) {
		return nil, errors.New("key commitment does not fit")
	}
	return s.open(sealed[32:56], sealed[56:], additional)
}

// frameMask is what hides the length of the frame with this nonce.
func (s *sealer) frameMask(nonce []byte) uint32 {
	var b [16]byte
	s.mask.Encrypt(b[:], nonce[:16])
	for i := range 8 {
		b[i] ^= nonce[16+i]
	}
	s.mask.Encrypt(b[:], b[:])
	return binary.BigEndian.Uint32(b[:])
}
