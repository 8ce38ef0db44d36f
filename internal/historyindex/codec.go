package historyindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// How a block lies in its seal: codec u8 | raw length uvarint | body.
const (
	codecStored = 0 // the body is the raw bytes
	codecZstd   = 1 // the body is one zstd frame (RFC 8878) of them
)

// storeBelow is the length in bytes below which a block is not compressed: the segments of the latest commits cost no compressor.
const storeBelow = 16 << 10

// Codec compresses blocks. It makes its encoder and decoder when they are first needed, and is safe for concurrent use. The
// zero Codec is ready.
type Codec struct {
	encoder, decoder sync.Once
	enc              *zstd.Encoder
	dec              *zstd.Decoder
	encErr, decErr   error
}

// Close gives up what the codec holds.
func (c *Codec) Close() error {
	if c.dec != nil {
		c.dec.Close()
	}
	if c.enc != nil {
		return c.enc.Close()
	}
	return nil
}

func (c *Codec) pack(raw []byte) ([]byte, error) {
	head := func(codec byte) []byte {
		return binary.AppendUvarint(append(make([]byte, 0, len(raw)/2+64), codec), uint64(len(raw)))
	}
	if len(raw) >= storeBelow {
		c.encoder.Do(func() {
			c.enc, c.encErr = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
				zstd.WithEncoderCRC(false), zstd.WithWindowSize(256<<10))
		})
		if c.encErr != nil {
			return nil, fmt.Errorf("zstd encoder: %w", c.encErr)
		}
		if out := c.enc.EncodeAll(raw, head(codecZstd)); len(out) < len(raw) {
			return out, nil
		}
	}
	return append(head(codecStored), raw...), nil
}

func (c *Codec) unpack(packed []byte, limit int) ([]byte, error) {
	d := decoder{data: packed}
	codec := d.byte()
	length := d.uvarint(uint64(limit))
	body := d.data
	switch {
	case d.err != nil:
		return nil, d.err
	case codec == codecStored && uint64(len(body)) == length:
		return body, nil
	case codec != codecZstd:
		return nil, fmt.Errorf("%w: a block of codec %d", ErrDamaged, codec)
	}
	c.decoder.Do(func() {
		c.dec, c.decErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDirectory),
			zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecodeAllCapLimit(true))
	})
	if c.decErr != nil {
		return nil, fmt.Errorf("zstd decoder: %w", c.decErr)
	}
	raw, err := c.dec.DecodeAll(body, make([]byte, 0, length))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if uint64(len(raw)) != length {
		return nil, fmt.Errorf("%w: a block of %d bytes claims %d", ErrDamaged, len(raw), length)
	}
	return raw, nil
}

var errShort = errors.New("cut short")

// decoder takes fields off the front of bytes. The first error sticks, and from then on everything reads as zero.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err, d.data = fmt.Errorf("%w: %w", ErrDamaged, err), nil
	}
}

func (d *decoder) byte() byte {
	if len(d.data) == 0 {
		d.fail(errShort)
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

// uvarint takes a number of at most limit in its shortest form.
func (d *decoder) uvarint(limit uint64) uint64 {
	if len(d.data) > 0 && d.data[0] < 0x80 && uint64(d.data[0]) <= limit {
		v := uint64(d.data[0])
		d.data = d.data[1:]
		return v
	}
	v, n := binary.Uvarint(d.data)
	switch {
	case n <= 0:
		d.fail(errShort)
		return 0
	case v > limit || n > 1 && d.data[n-1] == 0:
		d.fail(fmt.Errorf("%d where at most %d may be", v, limit))
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) varint() int64 {
	v := d.uvarint(1<<64 - 1)
	return int64(v>>1) ^ -int64(v&1)
}

// bytes takes n bytes, which alias the input.
func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.fail(errShort)
		return nil
	}
	b := d.data[:n:n]
	d.data = d.data[n:]
	return b
}

// count takes the length of a list of elements of at least least bytes each: never more than there is room for.
func (d *decoder) count(least int) int {
	n := d.uvarint(1 << 32)
	if n > uint64(len(d.data)/least) {
		d.fail(errShort)
		return 0
	}
	return int(n)
}

func (d *decoder) end() error {
	if d.err == nil && len(d.data) > 0 {
		d.fail(fmt.Errorf("%d bytes left over", len(d.data)))
	}
	return d.err
}
