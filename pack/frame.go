package pack

import (
	"bytes"
	"encoding/binary"
	"errors"

	"evault/keys"
)

// A frame in the file is
//
//	nonce (24) | masked length u32 | ciphertext | tag (16)
//
// The length is that of ciphertext and tag, XORed with a mask that only the pack's key gives (keys.Sealer.Mask). The
// seal binds the frame's class and its offset in the file, so that frames cannot change places.

const frameAADSize = 5 + 1 + 8

// frameAAD gives "frame" | class u8 | offset u64.
func frameAAD(class Class, offset int64) [frameAADSize]byte {
	var a [frameAADSize]byte
	copy(a[:], "frame")
	a[5] = byte(class)
	binary.BigEndian.PutUint64(a[6:], uint64(offset))
	return a
}

// sealFrame gives the frame that holds packed, written over dst. dst must not overlap packed.
func sealFrame(s *keys.Sealer, dst, packed []byte, class Class, offset int64) []byte {
	aad := frameAAD(class, offset)
	// The seal puts its nonce right before the ciphertext. It is made four bytes further on, then the nonce is
	// moved to the front to make room for the length.
	var room [4]byte
	dst = s.Seal(append(resize(dst, frameHead+len(packed)+tagSize)[:0], room[:]...), packed, aad[:])
	copy(dst, dst[4:frameHead])
	length := uint32(len(dst) - frameHead)
	binary.BigEndian.PutUint32(dst[nonceSize:], length^s.Mask((*[nonceSize]byte)(dst)))
	return dst
}

var (
	errFrameSize = errors.New("frame's masked length does not fit")
	errSealCheck = errors.New("sealed frame does not open to what was sealed")
)

// openFrame opens a whole frame and writes the plaintext of its seal over dst. The first bytes of frame are
// overwritten; the rest stays.
func openFrame(s *keys.Sealer, dst, frame []byte, class Class, offset int64) ([]byte, error) {
	if len(frame) < minSealedFrame {
		return nil, errFrameSize
	}
	if frameLength(s, frame) != len(frame) {
		return nil, errFrameSize
	}
	copy(frame[4:], frame[:nonceSize])
	aad := frameAAD(class, offset)
	return s.Open(resize(dst, len(frame))[:0], frame[4:], aad[:])
}

// frameLength gives the whole length of the frame that begins with head, of which frameHead bytes are needed, as its
// masked length says. The answer means nothing until the frame has been opened, but is never negative.
func frameLength(s *keys.Sealer, head []byte) int {
	masked := binary.BigEndian.Uint32(head[nonceSize:])
	return frameHead + int(masked^s.Mask((*[nonceSize]byte)(head)))
}

// checkFrame makes sure, by opening, that frame holds packed. It leaves frame as it was. Scratch is for the output
// and is returned, perhaps grown.
func checkFrame(s *keys.Sealer, scratch, frame, packed []byte, class Class, offset int64) ([]byte, error) {
	var head [frameHead]byte
	copy(head[:], frame)
	got, err := openFrame(s, scratch, frame, class, offset)
	copy(frame, head[:])
	if err != nil {
		return scratch, errors.Join(errSealCheck, err)
	}
	if !bytes.Equal(got, packed) {
		return got, errSealCheck
	}
	return got, nil
}
