package keys

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	keyringMagic   = "evault keyring\n"
	keyringVersion = 1
	keyringStep    = 512     // the plaintext is padded to a multiple, so that its length does not count epochs exactly
	keyringLimit   = 1 << 20 // bytes of a keyring file
	keyLimit       = 4096    // epochs, and past secrets
)

// keyring is what the vault secret of its generation opens. Every key in it is committed to by a roster.
type keyring struct {
	generation  uint32
	vault       VaultID
	roster      [32]byte // the roster that was the newest when it was written
	objectIDKey [32]byte
	chunkerKey  [32]byte
	epochs      []numberedKey // ascending, at least one
	past        []numberedKey // secrets of earlier generations, ascending: they open earlier rosters
}

type numberedKey struct {
	number uint32
	key    [32]byte
}

func (k *keyring) epoch(number uint32) (*[32]byte, error) {
	for i := range k.epochs {
		if k.epochs[i].number == number {
			return &k.epochs[i].key, nil
		}
	}
	return nil, fmt.Errorf("epoch %d: %w", number, ErrUnknownEpoch)
}

func (k *keyring) encode() []byte {
	b := make([]byte, 0, 512)
	b = append(b, k.vault[:]...)
	b = append(b, k.roster[:]...)
	b = append(b, k.objectIDKey[:]...)
	b = append(b, k.chunkerKey[:]...)
	b = appendKeys(b, k.epochs)
	return appendKeys(b, k.past)
}

func appendKeys(b []byte, list []numberedKey) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = binary.AppendUvarint(b, uint64(list[i].number))
		b = append(b, list[i].key[:]...)
	}
	return b
}

func decodeKeyring(generation uint32, body []byte) (*keyring, error) {
	d := newDecoder(body)
	k := &keyring{generation: generation}
	k.vault = d.Array32("vault ID")
	k.roster = d.Array32("roster hash")
	k.objectIDKey = d.Array32("object-ID key")
	k.chunkerKey = d.Array32("chunker key")
	k.epochs = d.keys("epochs")
	k.past = d.keys("past secrets")
	if d.Err() == nil && len(k.epochs) == 0 {
		d.fail("no epoch")
	}
	if n := len(k.past); n > 0 && k.past[n-1].number >= generation {
		d.fail("a past secret of this or a later generation")
	}
	if err := d.End("keyring"); err != nil {
		return nil, err
	}
	return k, nil
}

func (d *decoder) keys(what string) []numberedKey {
	n := d.Count(keyLimit, 33, what)
	list := make([]numberedKey, 0, n)
	for range n {
		k := numberedKey{number: uint32(d.Uvarint(math.MaxUint32, what)), key: d.Array32(what)}
		if m := len(list); m > 0 && list[m-1].number >= k.number {
			d.fail("%s are not ascending", what)
		}
		list = append(list, k)
	}
	return list
}

// checkCommitments says whether every key of the keyring is one that the rosters commit to.
func (k *keyring) checkCommitments(known func(CommitmentKind, uint32, [32]byte) bool, secret *[32]byte) error {
	check := func(kind CommitmentKind, number uint32, key *[32]byte) error {
		c, err := commitTo(kind, number, key)
		if err != nil {
			return err
		}
		if !known(kind, number, c) {
			return fmt.Errorf("%s %d is not the one that the rosters commit to: %w", kind, number, ErrTampered)
		}
		return nil
	}
	if err := check(CommitObjectIDKey, 0, &k.objectIDKey); err != nil {
		return err
	}
	if err := check(CommitChunkerKey, 0, &k.chunkerKey); err != nil {
		return err
	}
	if err := check(CommitSecret, k.generation, secret); err != nil {
		return err
	}
	for i := range k.epochs {
		if err := check(CommitEpochKey, k.epochs[i].number, &k.epochs[i].key); err != nil {
			return err
		}
	}
	for i := range k.past {
		if err := check(CommitSecret, k.past[i].number, &k.past[i].key); err != nil {
			return err
		}
	}
	return nil
}

// sealKeyring makes the keyring's file.
func sealKeyring(k *keyring, secret *[32]byte) (File, error) {
	s, err := newSealer(secret, k.vault, labelKeyring)
	if err != nil {
		return File{}, err
	}
	header := controlHeader(keyringMagic, keyringVersion, k.generation)
	sealed := s.SealCommitted(append([]byte(nil), header...), pad(k.encode(), keyringStep), header)
	return contentFile(keyringDir, k.generation, sealed), nil
}

// openKeyring reads a keyring's file with the secret of its generation.
func openKeyring(data []byte, generation uint32, secret *[32]byte, vault VaultID) (*keyring, error) {
	header, sealed, err := splitControl(data, keyringMagic, keyringVersion, 1)
	if err != nil {
		return nil, err
	}
	if got := binary.BigEndian.Uint32(header[len(header)-4:]); got != generation {
		return nil, fmt.Errorf("%w: generation %d inside", ErrTampered, got)
	}
	s, err := newSealer(secret, vault, labelKeyring)
	if err != nil {
		return nil, err
	}
	body, err := openPadded(s, sealed, header, keyringStep)
	if err != nil {
		return nil, err
	}
	k, err := decodeKeyring(generation, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if k.vault != vault {
		return nil, fmt.Errorf("keyring %w", ErrForeign)
	}
	return k, nil
}
