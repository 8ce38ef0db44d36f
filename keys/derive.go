package keys

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// The labels of every derived key. A label ends where its context begins, with one NUL, so that no label with its context
// can spell another label. They are part of the format: none is ever reused for another purpose.
const (
	labelPack          = "evault pack v1"           // epoch key; context: the pack's salt
	labelLogBody       = "evault log body v1"       // epoch key
	labelLocal         = "evault local v1"          // object-ID key; context: the purpose
	labelKeyring       = "evault keyring v1"        // vault secret
	labelRoster        = "evault roster v1"         // vault secret
	labelSigning       = "evault device signing v1" // device seed
	labelLog           = "evault log signing v1"    // device seed; context: store ID, clone ID
	labelFounder       = "evault founder v1"        // device seed; salt: the nonce of roster 0
	labelRecoveryAdmin = "evault recovery admin v1" // recovery admin's seed; no salt
	labelDeviceSeed    = "evault device seed v1"    // the identity's age key; no salt
	labelTLS           = "evault device tls v1"     // device seed; no salt
	labelCommitment    = "evault key commitment v1" // any key of the keyring; no salt; context: kind, number
)

// derive fills out by HKDF-SHA-256 with info = label, NUL, context.
func derive(out, secret, salt []byte, label string, context ...[]byte) error {
	info := append(make([]byte, 0, 128), label...)
	info = append(info, 0)
	for _, c := range context {
		info = append(info, c...)
	}
	key, err := hkdf.Key(sha256.New, secret, salt, string(info), len(out))
	if err != nil {
		return fmt.Errorf("deriving a key: %w", err)
	}
	copy(out, key)
	clear(key)
	return nil
}

// deriveSigningKey makes an Ed25519 key from a seed.
func deriveSigningKey(seed *[32]byte, salt []byte, label string, context ...[]byte) (ed25519.PrivateKey, error) {
	var keySeed [ed25519.SeedSize]byte
	if err := derive(keySeed[:], seed[:], salt, label, context...); err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(keySeed[:]), nil
}

// publicKey is a signing key's public half as an array.
func publicKey(k ed25519.PrivateKey) (pub [32]byte) {
	copy(pub[:], k[ed25519.SeedSize:])
	return pub
}

// commitTo is what a roster publishes about a key to its members: it fits that key alone and says nothing about it.
func commitTo(kind CommitmentKind, number uint32, key *[32]byte) (c [32]byte, err error) {
	context := binary.BigEndian.AppendUint32([]byte{byte(kind)}, number)
	err = derive(c[:], key[:], nil, labelCommitment, context)
	return c, err
}

// random32 draws 32 bytes. crypto/rand ends the program rather than return bytes that are not random.
func random32() (b [32]byte) {
	_, _ = rand.Read(b[:])
	return b
}
