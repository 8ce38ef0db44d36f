package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"evault/internal/wire"
)

// How the plaintext of a frame's seal holds the frame: codec u8 | raw length uvarint | body.
const (
	codecStored = 0 // the body is the raw bytes
	codecZstd   = 1 // the body is one zstd frame (RFC 8878) of them
)

// encodeWindow covers all of nearly every frame. Each encoder keeps memory of twice as much: with 1 MiB it stays in the
// processor's cache, and a kernel tree is packed to the same size in 0.9 of the time that 4 MiB take.
const encodeWindow = 1 << 20

// codec compresses and decompresses frames. It is safe for concurrent use; as many goroutines as there are processors
// work at once. The output of compression may change with the library's version and identifies nothing.
type codec struct {
	enc    *zstd.Encoder
	dec    *zstd.Decoder
	encode func(src, dst []byte) []byte // enc.EncodeAll, but for tests of what happens when that is wrong
}

func newCodec() (*codec, error) {
	n := runtime.GOMAXPROCS(0)
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(n),
		zstd.WithEncoderCRC(false), // the seal and every object's ID check more than a CRC would
		// Text and numbers without repetitions are worth the entropy coder too: without it such a file of 512 MiB
		// took 542 MB instead of 405. A kernel tree stays as large and takes as long.
		zstd.WithAllLitEntropyCompression(true),
		zstd.WithWindowSize(encodeWindow))
	if err != nil {
		return nil, fmt.Errorf("zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(n),
		zstd.WithDecoderMaxMemory(maxRaw),
		zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecodeAllCapLimit(true)) // writes into the room it is given, never more
	if err != nil {
		return nil, errors.Join(fmt.Errorf("zstd decoder: %w", err), enc.Close())
	}
	return &codec{enc, dec, enc.EncodeAll}, nil
}

func (c *codec) close() error {
	c.dec.Close()
	return c.enc.Close()
}

// compress appends the plaintext of a frame's seal to dst, which must not overlap raw.
func (c *codec) compress(dst, raw []byte) []byte {
	start := len(dst)
	dst = append(dst, codecZstd)
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	head := len(dst)
	dst = c.encode(raw, dst)
	if len(dst)-head < len(raw) {
		return dst
	}
	return store(dst[:start], raw)
}

// store is compress without compressing.
func store(dst, raw []byte) []byte {
	dst = append(dst, codecStored)
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	return append(dst, raw...)
}

var (
	errCodec   = errors.New("compressed bytes are not one plain zstd frame of the recorded length")
	errRawSize = errors.New("raw length of a frame does not fit")
)

// decompress undoes compress. Body aliases packed if it was stored, else it is dst with the raw bytes in it, grown if
// need be; what dst held is lost.
func (c *codec) decompress(dst, packed []byte) (raw []byte, err error) {
	d := wire.NewDecoder(packed, nil)
	method, size := d.Uint8("compression of a frame"), d.Uvarint(maxRaw, "raw length of a frame")
	if d.Err() != nil {
		return nil, d.Err()
	}
	body := d.Rest()
	switch method {
	case codecStored:
		if uint64(len(body)) != size {
			return nil, errRawSize
		}
		return body, nil
	case codecZstd:
		return c.unzstd(dst, body, int(size))
	}
	return nil, fmt.Errorf("compression %d: %w", method, ErrNewer)
}

func (c *codec) unzstd(dst, body []byte, size int) ([]byte, error) {
	if err := checkZstd(body, size); err != nil {
		return nil, err
	}
	dst = resize(dst, size)
	raw, err := c.dec.DecodeAll(body, dst[:0:size])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCodec, err)
	}
	if len(raw) != size {
		return nil, errRawSize
	}
	if size > 0 && &raw[0] != &dst[0] {
		return raw, nil
	}
	return dst, nil // raw, but with the room that dst has beyond it
}

// checkZstd makes sure before decoding that body is exactly one zstd frame, not a skippable one, without dictionary or
// checksum, with a bounded window, and says itself that it holds size bytes.
func checkZstd(body []byte, size int) error {
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		return fmt.Errorf("%w: %w", errCodec, err)
	}
	if h.Skippable || h.DictionaryID != 0 || h.HasCheckSum || !h.HasFCS || h.FrameContentSize != uint64(size) {
		return errCodec
	}
	if !h.SingleSegment && h.WindowSize > maxWindow {
		return errCodec
	}
	return checkZstdBlocks(body[h.HeaderSize:])
}

// checkZstdBlocks walks the block headers (RFC 8878, 3.1.1.2) and wants the last block to end the body.
func checkZstdBlocks(body []byte) error {
	for {
		if len(body) < 3 {
			return errCodec
		}
		head := uint32(body[0]) | uint32(body[1])<<8 | uint32(body[2])<<16
		last, kind, size := head&1 == 1, head>>1&3, int(head>>3)
		switch kind {
		case 1: // one byte, repeated
			size = 1
		case 3: // reserved
			return errCodec
		}
		if len(body)-3 < size {
			return errCodec
		}
		body = body[3+size:]
		if last {
			break
		}
	}
	if len(body) != 0 {
		return errCodec
	}
	return nil
}

// compressChecked is compress, but stores what the decompressor does not give back: a compressor's fault found here
// costs some bytes, found later it would cost the data. Scratch is memory to check in and is returned, perhaps grown.
func (c *codec) compressChecked(dst, scratch, raw []byte) (packed, grown []byte) {
	packed = c.compress(dst, raw)
	if packed[len(dst)] == codecStored {
		return packed, scratch
	}
	got, err := c.decompress(scratch, packed[len(dst):])
	if err != nil || !bytes.Equal(got, raw) {
		return store(packed[:len(dst)], raw), scratch
	}
	return packed, got
}
