package refs

import (
	"fmt"
	"sync"

	"evault/keys"
)

// checker decides whether one record by itself is what it claims to be. It is safe for concurrent use.
type checker struct {
	store   StoreID
	vault   *keys.Vault
	sealers *sealers
	shared  bool
	rosters sync.Map // [32]byte -> *keys.Roster
}

func newChecker(o *Options) *checker {
	return &checker{store: o.StoreID, vault: o.Vault, sealers: newSealers(o.Vault), shared: o.Shared}
}

// record decodes and checks the bytes found at a place: form, place, both signatures, seal, and that the roster which the
// body cites allows the device to write. Errors do not name the place: the caller does.
func (c *checker) record(tag Tag, seq uint64, data []byte) (*Record, error) {
	h, hash, sealed, err := CheckRecord(c.store, data)
	if err != nil {
		return nil, err
	}
	if h.Tag != tag || h.Seq != seq {
		return nil, fmt.Errorf("%w: it is %s", ErrMismatch, recordName(h.Tag, h.Seq))
	}
	rec := &Record{Header: h, Hash: hash}
	if sealed == nil {
		return rec, nil
	}
	plain, err := c.sealers.open(tag, seq, sealed)
	if err != nil {
		return nil, err
	}
	if rec.Body, err = DecodeBody(plain); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return rec, c.body(rec)
}

// body checks that the body belongs to its header, and its writer's right to it.
func (c *checker) body(rec *Record) error {
	b := rec.Body
	switch {
	case b.Vault != c.vault.ID():
		return fmt.Errorf("%w: the body is of another vault", ErrMismatch)
	case b.Store != c.store:
		return fmt.Errorf("%w: the body is of another store", ErrMismatch)
	case b.Seq != rec.Seq:
		return fmt.Errorf("%w: the body has number %d", ErrMismatch, b.Seq)
	}
	if err := keys.VerifyRecord(b.Device, deviceMessage(rec.Key, b), b.Signature); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return c.authority(b)
}

// deviceMessage is what the device signs: the log's key, and so its log, and all of the body.
func deviceMessage(key [32]byte, b *Body) []byte {
	return b.appendSigned(append(make([]byte, 0, 512), key[:]...))
}

// authority checks the device's role in the roster that the body cites. In a store that only this working copy writes,
// every member may record where it stands; to publish takes a writer.
func (c *checker) authority(b *Body) error {
	roster, err := c.roster(b.Roster)
	if err != nil {
		return err
	}
	entry, member := roster.Device(b.Device)
	switch {
	case !member:
		return fmt.Errorf("%w: key %x is not in the roster that it cites", ErrUnauthorised, b.Device[:8])
	case c.shared && entry.Role < keys.RoleWriter:
		return fmt.Errorf("%w: %s is a %s", ErrUnauthorised, entry.Label, entry.Role)
	}
	return nil
}

func (c *checker) roster(hash [32]byte) (*keys.Roster, error) {
	if r, ok := c.rosters.Load(hash); ok {
		return r.(*keys.Roster), nil
	}
	r, ok := c.vault.RosterByHash(hash)
	if !ok {
		return nil, fmt.Errorf("%w: it cites the unknown roster %x", ErrUnauthorised, hash[:8])
	}
	c.rosters.Store(hash, r)
	return r, nil
}

// continues checks that a record follows another of its log, by the same device and clone as before. device and clone are
// those of the newest record before it that has a body; zero if there is none.
func continues(rec *Record, prev Position, device [32]byte, clone CloneID) error {
	if err := rec.Follows(prev); err != nil {
		return err
	}
	if rec.Body == nil || device == ([32]byte{}) {
		return nil
	}
	if rec.Body.Device != device || rec.Body.Clone != clone {
		return fmt.Errorf("%w: another device or clone wrote the records before it", ErrMismatch)
	}
	return nil
}
