package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// packedAs wraps a zstd body as the plaintext of a frame's seal.
func packedAs(size uint64, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{codecZstd}, size), body...)
}

// TestHostileZstd gives the decompressor what a malicious member could have sealed.
func TestHostileZstd(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	encode := func(raw []byte, o ...zstd.EOption) []byte {
		e, err := zstd.NewWriter(nil, append([]zstd.EOption{zstd.WithEncoderCRC(false)}, o...)...)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		return e.EncodeAll(raw, nil)
	}
	raw := bytes.Repeat([]byte("all work and no play "), 1000)
	good := encode(raw)
	if _, err := c.decompress(nil, packedAs(uint64(len(raw)), good)); err != nil {
		t.Fatalf("the honest one: %v", err)
	}
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}
	bomb := encode(make([]byte, 64<<20), zstd.WithSingleSegment(false), zstd.WithWindowSize(8<<20))
	for name, packed := range map[string][]byte{
		"empty":                 {},
		"no length":             {codecZstd},
		"length not minimal":    append([]byte{codecZstd, 0x80, 0x00}, good...),
		"no body":               packedAs(100, nil),
		"length too small":      packedAs(uint64(len(raw))-1, good),
		"length too great":      packedAs(uint64(len(raw))+1, good),
		"length beyond limit":   packedAs(maxRaw+1, good),
		"trailing byte":         packedAs(uint64(len(raw)), append(bytes.Clone(good), 0)),
		"second frame":          packedAs(uint64(len(raw)), append(bytes.Clone(good), encode([]byte("x"))...)),
		"second, empty frame":   packedAs(uint64(len(raw)), append(bytes.Clone(good), encode(nil, zstd.WithZeroFrames(true))...)),
		"skippable first":       packedAs(uint64(len(raw)), append(bytes.Clone(skippable), good...)),
		"skippable last":        packedAs(uint64(len(raw)), append(bytes.Clone(good), skippable...)),
		"only skippable":        packedAs(0, skippable),
		"checksum":              packedAs(uint64(len(raw)), encode(raw, zstd.WithEncoderCRC(true))),
		"bomb":                  packedAs(1000, bomb),
		"bomb with its length":  packedAs(64<<20, bomb),
		"cut off":               packedAs(uint64(len(raw)), good[:len(good)-1]),
		"stored, length wrong":  {codecStored, 3, 1, 2},
		"stored, too many":      {codecStored, 1, 1, 2},
		"window beyond limit":   packedAs(uint64(len(raw)), wideWindow(good, len(raw))),
		"dictionary":            packedAs(uint64(len(raw)), slices.Insert(setDescriptor(good, 1), 5, 7)),
		"no length in the zstd": packedAs(uint64(len(raw)), noContentSize(good)),
	} {
		if _, err := c.decompress(nil, packed); err == nil {
			t.Errorf("%s: accepted", name)
		} else if errors.Is(err, ErrNewer) {
			t.Errorf("%s: taken for newer", name)
		}
	}
	if _, err := c.decompress(nil, []byte{7, 1, 0}); !errors.Is(err, ErrNewer) {
		t.Errorf("unknown compression: %v", err)
	}
}

// setDescriptor sets bits of the frame header descriptor.
func setDescriptor(frame []byte, bits byte) []byte {
	f := bytes.Clone(frame)
	f[4] |= bits
	return f
}

// blocksOf gives what follows the header of a zstd frame.
func blocksOf(frame []byte) []byte {
	var h zstd.Header
	if err := h.Decode(frame); err != nil {
		panic(err)
	}
	return frame[h.HeaderSize:]
}

// wideWindow makes a frame header with a window of 16 MiB around the blocks of frame.
func wideWindow(frame []byte, size int) []byte {
	head := append([]byte{}, frame[:4]...)
	head = append(head, 2<<6, 14<<3) // length in 4 bytes, window 2^(10+14)
	head = binary.LittleEndian.AppendUint32(head, uint32(size))
	return append(head, blocksOf(frame)...)
}

// noContentSize makes a frame header that does not say how long the content is.
func noContentSize(frame []byte) []byte {
	head := append([]byte{}, frame[:4]...)
	head = append(head, 0, 10<<3) // window 2^20
	return append(head, blocksOf(frame)...)
}
