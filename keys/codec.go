package keys

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// errCodec is wrapped by what a decoder refuses; the decoders of files add ErrTampered.
var errCodec = errors.New("malformed")

// decoder reads fixed-order fields. The first error sticks, and from then on every field reads as zero, so that callers
// check once; list lengths read as zero too, so that no loop runs on.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errCodec, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) take(n int, what string) []byte {
	if d.err == nil && n > len(d.rest) {
		d.fail("%s is cut short", what)
	}
	if d.err != nil {
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) octet(what string) byte {
	if b := d.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) array32(what string) (a [32]byte) {
	copy(a[:], d.take(32, what))
	return a
}

// uvarint reads a number in its shortest form, at most limit.
func (d *decoder) uvarint(limit uint64, what string) uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.rest)
	switch {
	case n <= 0:
		d.fail("%s is no number", what)
	case n > 1 && d.rest[n-1] == 0:
		d.fail("%s is not in its shortest form", what)
	case v > limit:
		d.fail("%s is over its limit of %d", what, limit)
	default:
		d.rest = d.rest[n:]
		return v
	}
	return 0
}

// text reads a length and as many bytes that are safe to show: UTF-8 without control characters.
func (d *decoder) text(limit uint64, what string) string {
	b := d.take(int(d.uvarint(limit, what)), what)
	s := string(b)
	if !printable(s) {
		d.fail("%s holds control characters or is not UTF-8", what)
	}
	return s
}

// end checks that nothing follows.
func (d *decoder) end(what string) error {
	if len(d.rest) > 0 {
		d.fail("%d bytes follow the %s", len(d.rest), what)
	}
	return d.err
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeHex32 reads exactly 64 lower-case hexadecimal digits.
func decodeHex32(s string, out *[32]byte) error {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != 32 || hex.EncodeToString(raw) != s {
		return fmt.Errorf("%w: not 64 lower-case hexadecimal digits", errCodec)
	}
	copy(out[:], raw)
	return nil
}
