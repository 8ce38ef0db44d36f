package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	headerSize  = 64
	magic       = "evltpack"
	version     = 1
	wrapByEpoch = 0 // the pack's key is derived from the key of its epoch and its salt
	saltSize    = 32
)

// header is what opens a pack, in the clear:
//
//	magic "evltpack" (8) | version u32 | epoch u32 | salt (32) | wrap u8 | zeros (15)
//
// Integers are big-endian. Nothing in it needs a seal: epoch and salt select the key under which everything else
// must open, and the rest has one allowed value.
type header struct {
	epoch uint32
	salt  [saltSize]byte
}

func (h *header) append(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = binary.BigEndian.AppendUint32(dst, version)
	dst = binary.BigEndian.AppendUint32(dst, h.epoch)
	dst = append(dst, h.salt[:]...)
	var rest [16]byte // wrapByEpoch and the zeros
	return append(dst, rest[:]...)
}

var errNotPack = errors.New("not a pack: wrong first bytes")

// decodeHeader reads exactly headerSize bytes.
func decodeHeader(data []byte) (header, error) {
	var h header
	if len(data) != headerSize {
		return h, fmt.Errorf("header of %d bytes, want %d", len(data), headerSize)
	}
	if string(data[:8]) != magic {
		return h, errNotPack
	}
	if v := binary.BigEndian.Uint32(data[8:]); v != version {
		return h, fmt.Errorf("pack version %d: %w", v, ErrNewer)
	}
	h.epoch = binary.BigEndian.Uint32(data[12:])
	copy(h.salt[:], data[16:])
	if w := data[48]; w != wrapByEpoch {
		return h, fmt.Errorf("key wrapping %d: %w", w, ErrNewer)
	}
	if !bytes.Equal(data[49:], make([]byte, headerSize-49)) {
		return h, errors.New("reserved bytes of the header are not zero")
	}
	return h, nil
}
