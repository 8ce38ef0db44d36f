package refs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"evault/keys"
)

const (
	sealVersion = 1
	wrapEpoch   = 0 // the key comes from the epoch's, which members hold
	// sealPrefix is the length in bytes of version, way of wrapping and epoch, in clear in front of a sealed body.
	sealPrefix = 1 + 1 + 4
)

// sealers keeps the sealer of every epoch met. It is safe for concurrent use.
type sealers struct {
	vault *keys.Vault
	mu    sync.Mutex
	known map[uint32]*keys.Sealer
}

func newSealers(v *keys.Vault) *sealers {
	return &sealers{vault: v, known: make(map[uint32]*keys.Sealer)}
}

func (s *sealers) of(epoch uint32) (*keys.Sealer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.known[epoch]; ok {
		return k, nil
	}
	k, err := s.vault.LogSealer(epoch)
	if err != nil {
		return nil, fmt.Errorf("log body of epoch %d: %w", epoch, err)
	}
	s.known[epoch] = k
	return k, nil
}

// bodyAAD ties a sealed body to its place and to the bytes in clear in front of it.
func bodyAAD(tag Tag, seq uint64, prefix []byte) []byte {
	b := make([]byte, 0, 32+8+sealPrefix)
	b = append(b, tag[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	return append(b, prefix...)
}

// seal seals a body's plaintext under the vault's current epoch for its place.
func (s *sealers) seal(tag Tag, seq uint64, plain []byte) ([]byte, error) {
	epoch := s.vault.Epoch()
	k, err := s.of(epoch)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, sealPrefix+keys.CommittedOverhead+len(plain))
	out = append(out, sealVersion, wrapEpoch)
	out = binary.BigEndian.AppendUint32(out, epoch)
	return k.SealCommitted(out, plain, bodyAAD(tag, seq, out)), nil
}

// open gives the plaintext of a sealed body.
func (s *sealers) open(tag Tag, seq uint64, sealed []byte) ([]byte, error) {
	d := newDecoder(sealed)
	if v := d.Uint8("sealed body"); d.Err() == nil && v != sealVersion {
		d.fail(ErrNewer, "sealed body of version %d", v)
	}
	if w := d.Uint8("sealed body"); d.Err() == nil && w != wrapEpoch {
		d.fail(ErrNewer, "sealed body whose key is wrapped in way %d", w)
	}
	epoch := d.Uint32("sealed body")
	if d.Err() != nil {
		return nil, d.Err()
	}
	k, err := s.of(epoch)
	if err != nil {
		return nil, err
	}
	plain, err := k.OpenCommitted(make([]byte, 0, len(d.Rest())), d.Rest(), bodyAAD(tag, seq, sealed[:sealPrefix]))
	if errors.Is(err, keys.ErrSealed) {
		return nil, fmt.Errorf("%w: body: %w", ErrDamaged, err)
	}
	return plain, err
}
