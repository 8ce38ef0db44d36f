package refs

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"evault/internal/wire"
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

// decoder reads fields and knows the lists of this package. Its errors wrap ErrDamaged, ErrName or ErrNewer; what is larger than the
// format allows is ErrLimit too, and damage: nobody who keeps to the format writes it.
type decoder struct{ wire.Decoder }

func newDecoder(data []byte) decoder { return decoder{wire.NewDecoder(data, refusal)} }

func refusal(f wire.Fault) error {
	if f.Kind == wire.TooGreat {
		return fmt.Errorf("%w: %w: %w", ErrDamaged, ErrLimit, f)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, f)
}

// fail refuses what breaks a rule of the format.
func (d *decoder) fail(kind error, format string, args ...any) {
	if d.Err() == nil {
		d.Fail(fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...)))
	}
}

// count reads the length of a list whose elements take at least size bytes each. What the input can hold is its limit.
func (d *decoder) count(size int, what string) int { return d.Count(1<<32, size, what) }

func (d *decoder) refName(what string) string { return d.nameUnder("", what) }

// nameUnder reads what makes a ref's name behind the prefix.
func (d *decoder) nameUnder(prefix, what string) string {
	s := string(d.Text(MaxRefName, what))
	if d.Err() == nil {
		if err := ValidateRefName(prefix + s); err != nil {
			d.Fail(err)
		}
	}
	return s
}

func (d *decoder) time(what string) (t objects.Time) {
	t.Sec, t.Nsec = d.Time(what)
	return t
}

func (d *decoder) zone(what string) int16 {
	z := int16(d.Uint16(what))
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
		d.Fill(p.Name[:], what)
		p.Size = d.Uvarint(MaxPackSize, what)
		if i > 0 && comparePacks(list[i-1], *p) >= 0 {
			d.fail(ErrDamaged, "%s are out of order", what)
		}
		if d.Err() != nil {
			return nil
		}
	}
	return list
}

func appendPacks(b []byte, list []Pack) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = append(b, list[i].Name[:]...)
		b = binary.AppendUvarint(b, list[i].Size)
	}
	return b
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
