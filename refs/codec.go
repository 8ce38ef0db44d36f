package refs

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"evault/objects"
)

var errNotHex = errors.New("not lower-case hexadecimal of the right length")

// parseHex fills dst from exactly its length in lower-case hexadecimal.
func parseHex(dst []byte, s string) error {
	if len(s) != hex.EncodedLen(len(dst)) {
		return errNotHex
	}
	if _, err := hex.Decode(dst, []byte(s)); err != nil || hex.EncodeToString(dst) != s {
		return errNotHex
	}
	return nil
}

// decoder reads fixed-order fields. The first error sticks; from then on every field and every count reads as zero, so
// that callers check once and no loop runs on.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(kind error, format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) take(n int, what string) []byte {
	if d.err == nil && n > len(d.rest) {
		d.fail(ErrDamaged, "%s is cut short", what)
	}
	if d.err != nil {
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) fill(dst []byte, what string) { copy(dst, d.take(len(dst), what)) }

func (d *decoder) octet(what string) byte {
	if b := d.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u16(what string) uint16 {
	if b := d.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) u32(what string) uint32 {
	if b := d.take(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64(what string) uint64 {
	if b := d.take(8, what); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) array32(what string) (a [32]byte) {
	d.fill(a[:], what)
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
		d.fail(ErrDamaged, "%s is no number", what)
	case n > 1 && d.rest[n-1] == 0:
		d.fail(ErrDamaged, "%s is not in its shortest form", what)
	case v > limit:
		d.fail(ErrLimit, "%s is over %d", what, limit)
	default:
		d.rest = d.rest[n:]
		return v
	}
	return 0
}

// count reads the length of a list whose elements take at least size bytes each: never more than the rest can hold, so
// that memory for the list is bounded by the input.
func (d *decoder) count(size int, what string) int {
	n := d.uvarint(1<<32, what)
	if d.err == nil && n > uint64(len(d.rest)/size) {
		d.fail(ErrDamaged, "%s does not fit into what follows", what)
		return 0
	}
	return int(n)
}

// text reads a length and as many bytes that are safe to show.
func (d *decoder) text(limit uint64, what string) string {
	s := string(d.take(int(d.uvarint(limit, what)), what))
	if !printable(s) {
		d.fail(ErrDamaged, "%s holds control characters or is not UTF-8", what)
	}
	return s
}

func (d *decoder) refName(what string) string {
	s := string(d.take(int(d.uvarint(MaxRefName, what)), what))
	if d.err == nil {
		d.err = ValidateRefName(s)
	}
	return s
}

func (d *decoder) time(what string) objects.Time {
	t := objects.Time{Sec: int64(d.u64(what)), Nsec: d.u32(what)}
	if t.Nsec >= 1e9 {
		d.fail(ErrDamaged, "%s has %d nanoseconds", what, t.Nsec)
	}
	return t
}

func (d *decoder) zone(what string) int16 {
	z := int16(d.u16(what))
	if z > MaxZone || z < -MaxZone {
		d.fail(ErrDamaged, "%s is %d minutes from UTC", what, z)
	}
	return z
}

func (d *decoder) packs(what string) []Pack {
	n := d.count(33, what)
	if n == 0 {
		return nil
	}
	list := make([]Pack, n)
	for i := range list {
		p := &list[i]
		d.fill(p.Name[:], what)
		p.Size = d.uvarint(MaxPackSize, what)
		if i > 0 && comparePacks(list[i-1], *p) >= 0 {
			d.fail(ErrDamaged, "%s are out of order", what)
		}
		if d.err != nil {
			return nil
		}
	}
	return list
}

func (d *decoder) end(what string) error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail(ErrDamaged, "%d bytes follow %s", len(d.rest), what)
	}
	return d.err
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendTime(b []byte, t objects.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Sec))
	return binary.BigEndian.AppendUint32(b, t.Nsec)
}

func appendPacks(b []byte, list []Pack) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = append(b, list[i].Name[:]...)
		b = binary.AppendUvarint(b, list[i].Size)
	}
	return b
}

// printable says that s is UTF-8 without control characters, so that it cannot steer a terminal.
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

// OneLine makes a description of any text: its first line without control characters, cut to MaxDescription bytes at a
// character's border.
func OneLine(text string) string {
	b := make([]byte, 0, min(len(text), MaxDescription))
	for _, r := range text {
		if r == '\n' && len(b) > 0 {
			break
		}
		if unicode.IsControl(r) {
			continue
		}
		if len(b)+utf8.RuneLen(r) > MaxDescription {
			break
		}
		b = utf8.AppendRune(b, r) // an invalid byte was read as, and becomes, U+FFFD
	}
	return string(b)
}
