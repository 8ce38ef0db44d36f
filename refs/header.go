package refs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"evault/keys"
)

const (
	headerMagic   = "evaultlg"
	headerVersion = 1

	domainTag    = "evault log tag v1"
	domainHeader = "evault log header v1"
)

// TagOf gives the tag of the log with this public key in a store. Anybody can compute it, so a host can check that a
// record belongs to the store that it is sent to.
func TagOf(store StoreID, key [32]byte) Tag {
	b := make([]byte, 0, len(domainTag)+1+16+32)
	b = append(b, domainTag...)
	b = append(b, 0)
	b = append(b, store[:]...)
	return sha256.Sum256(append(b, key[:]...))
}

// appendSigned appends all of the header that its signature covers.
func (h *Header) appendSigned(b []byte) []byte {
	b = append(b, headerMagic...)
	b = append(b, headerVersion)
	b = append(b, h.Tag[:]...)
	b = append(b, h.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Seq)
	b = append(b, h.Previous[:]...)
	b = appendPacks(b, h.Added)
	b = appendPacks(b, h.Condemned)
	b = binary.AppendUvarint(b, h.BodySize)
	return append(b, h.BodyHash[:]...)
}

// Append appends the encoded header to dst.
func (h *Header) Append(dst []byte) []byte {
	return append(h.appendSigned(dst), h.Signature[:]...)
}

// DecodeHeader reads the header in front of a record and returns the rest, which is the body or empty. It checks form, not
// signature. The errors are ErrDamaged, ErrLimit and ErrNewer.
func DecodeHeader(data []byte) (h Header, body []byte, err error) {
	if len(data) > MaxRecord {
		return Header{}, nil, fmt.Errorf("%w: %w: record of %d bytes", ErrDamaged, ErrLimit, len(data))
	}
	d := newDecoder(data)
	if magic := d.Bytes(uint64(len(headerMagic)), "header"); d.Err() == nil && string(magic) != headerMagic {
		d.fail(ErrDamaged, "not a log record")
	}
	if v := d.Uint8("header version"); d.Err() == nil && v != headerVersion {
		d.fail(ErrNewer, "log record of version %d", v)
	}
	h.Tag = d.Array32("tag")
	h.Key = d.Array32("log key")
	h.Seq = d.Uint64("sequence")
	h.Previous = d.Array32("previous hash")
	h.Added = d.packs("added packs")
	h.Condemned = d.packs("condemned packs")
	h.BodySize = d.Uvarint(MaxRecord, "body size")
	h.BodyHash = d.Array32("body hash")
	d.Fill(h.Signature[:], "signature")
	if d.Err() == nil && h.BodySize == 0 {
		d.fail(ErrDamaged, "a record without a body")
	}
	if h.Seq == 0 && h.Previous != ([32]byte{}) {
		d.fail(ErrDamaged, "the first record names one before it")
	}
	if d.Err() != nil {
		return Header{}, nil, d.Err()
	}
	return h, d.Rest(), nil
}

// sign completes the header.
func (h *Header) sign(key *keys.LogKey) {
	h.Signature = key.Sign(domainHeader, h.appendSigned(nil))
}

// Check checks that the header belongs to the store and is signed by its log's key: ErrMismatch, ErrSignature. It needs no
// key of the vault.
func (h *Header) Check(store StoreID) error {
	if h.Tag != TagOf(store, h.Key) {
		return fmt.Errorf("%w: the tag is not that of this key in this store", ErrMismatch)
	}
	if err := keys.VerifyLogSignature(h.Key, domainHeader, h.appendSigned(nil), h.Signature); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// Follows checks that the header continues prev in the same log: ErrChain.
func (h *Header) Follows(prev Position) error {
	switch {
	case h.Tag != prev.Tag:
		return fmt.Errorf("%w: another log", ErrChain)
	case h.Seq != prev.Seq+1:
		return fmt.Errorf("%w: number %d after %d", ErrChain, h.Seq, prev.Seq)
	case h.Previous != prev.Hash:
		return fmt.Errorf("%w: it names another one before it", ErrChain)
	}
	return nil
}

// CheckRecord checks all that can be checked of a record's bytes without a key: form, store, signature, and that the body, if
// there is one, is the signed one. It is what a host does. Hash is the SHA-256 of the header.
func CheckRecord(store StoreID, data []byte) (h Header, hash [32]byte, body []byte, err error) {
	h, body, err = DecodeHeader(data)
	if err != nil {
		return Header{}, hash, nil, err
	}
	if err := h.Check(store); err != nil {
		return Header{}, hash, nil, err
	}
	hash = sha256.Sum256(data[:len(data)-len(body)])
	if len(body) == 0 {
		return h, hash, nil, nil
	}
	if sum := sha256.Sum256(body); uint64(len(body)) != h.BodySize || sum != h.BodyHash {
		return Header{}, hash, nil, fmt.Errorf("%w: the body is not the signed one", ErrDamaged)
	}
	return h, hash, body, nil
}

// comparePacks orders packs by name.
func comparePacks(a, b Pack) int { return bytes.Compare(a.Name[:], b.Name[:]) }
