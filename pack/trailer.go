package pack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"evault/keys"
)

const (
	trailerPlain = 8 + 4 + 4 + 1
	// trailerSize is what the trailer takes at the very end of a pack.
	trailerSize = saltSize + trailerPlain + keys.CommittedOverhead
)

// trailer says where the index is. In the file it is
//
//	salt (32), the same as in the header | the sealed rest
//
// The salt is there twice because without it nothing of a pack opens: the loss of the first sector must not be the loss
// of all. The plaintext of the rest is
//
//	index offset u64 | length of the sealed index u32 | frames u32 | class u8
//
// and its seal binds the length of the whole pack, so that a pack cut short or lengthened does not open.
type trailer struct {
	indexOff  int64
	indexSize uint32
	frames    uint32
	class     Class
}

func (t *trailer) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.indexOff))
	dst = binary.BigEndian.AppendUint32(dst, t.indexSize)
	dst = binary.BigEndian.AppendUint32(dst, t.frames)
	return append(dst, byte(t.class))
}

var errTrailer = errors.New("trailer does not fit the pack")

var errSalt = errors.New("the salts of header and trailer differ")

// openTrailer opens the trailer of a pack of the given size, whose header has that salt.
func openTrailer(s *keys.Sealer, raw []byte, salt *[saltSize]byte, size int64) (trailer, error) {
	plain, err := s.OpenCommitted(nil, raw[saltSize:], trailerAAD(size))
	if err != nil {
		return trailer{}, fmt.Errorf("trailer: %w", err)
	}
	if [saltSize]byte(raw) != *salt {
		return trailer{}, errSalt
	}
	return decodeTrailer(plain, size)
}

// decodeTrailer reads the trailer of a pack of the given size.
func decodeTrailer(data []byte, size int64) (trailer, error) {
	if len(data) != trailerPlain {
		return trailer{}, fmt.Errorf("trailer of %d bytes, want %d", len(data), trailerPlain)
	}
	t := trailer{
		indexSize: binary.BigEndian.Uint32(data[8:]),
		frames:    binary.BigEndian.Uint32(data[12:]),
		class:     Class(data[16]),
	}
	off := binary.BigEndian.Uint64(data)
	if off < headerSize || off > uint64(size) {
		return trailer{}, errTrailer
	}
	t.indexOff = int64(off)
	switch {
	case t.indexOff+int64(t.indexSize)+trailerSize != size,
		t.indexSize <= keys.CommittedOverhead,
		t.frames == 0 || t.frames > MaxFrames,
		t.class < ClassData || t.class > ClassMixed:
		return trailer{}, errTrailer
	}
	return t, nil
}

// trailerAAD gives "trailer" | length of the pack u64.
func trailerAAD(size int64) []byte {
	return binary.BigEndian.AppendUint64([]byte("trailer"), uint64(size))
}
