package objects

import (
	"encoding/binary"
	"fmt"
)

// malformed returns an error that wraps ErrMalformed.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// newer returns an error that wraps ErrNewer.
func newer(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrNewer)
}

// tooLarge returns an error that wraps ErrLimit.
func tooLarge(what string, n, limit uint64) error {
	return fmt.Errorf("%s of %d: %w: at most %d", what, n, ErrLimit, limit)
}

// decoder takes fields off the front of data. After the first error every method
// returns zero values, so that a caller checks err once, where it matters.
type decoder struct {
	data []byte
	err  error
}

// fail keeps the first error and stops all further reading.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.data = nil
}

// short notes that the data ends within what, unless it ended before.
func (d *decoder) short(what string) {
	if d.err == nil {
		d.fail(malformed("%s ends early", what))
	}
}

// bytes takes n bytes, which alias the input. n has been checked against a limit.
func (d *decoder) bytes(n uint64, what string) []byte {
	if n > uint64(len(d.data)) {
		d.short(what)
		return nil
	}
	b := d.data[:n:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) u8(what string) uint8 {
	if len(d.data) == 0 {
		d.short(what)
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

// u16 takes two bytes, big-endian.
func (d *decoder) u16(what string) uint16 {
	b := d.bytes(2, what)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

// u64 takes eight bytes, big-endian.
func (d *decoder) u64(what string) uint64 {
	b := d.bytes(8, what)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// uvarint takes an unsigned LEB128 number (as encoding/binary has it) in its
// shortest form and at most limit.
func (d *decoder) uvarint(limit uint64, what string) uint64 {
	if len(d.data) > 0 && d.data[0] < 0x80 { // most numbers are small
		v := uint64(d.data[0])
		d.data = d.data[1:]
		if v > limit {
			d.fail(fmt.Errorf("%w: %w", ErrMalformed, tooLarge(what, v, limit)))
			return 0
		}
		return v
	}
	v, n := binary.Uvarint(d.data)
	switch {
	case n == 0:
		d.short(what)
		return 0
	case n < 0:
		d.fail(malformed("%s does not fit 64 bits", what))
		return 0
	case d.data[n-1] == 0:
		d.fail(malformed("%s is not in its shortest form", what))
		return 0
	case v > limit:
		d.fail(fmt.Errorf("%w: %w", ErrMalformed, tooLarge(what, v, limit)))
		return 0
	}
	d.data = d.data[n:]
	return v
}

// text takes a length of at most limit and that many bytes. It returns old when
// that is equal, to spare an allocation: neighbours often have the same owner.
func (d *decoder) text(old string, limit uint64, what string) string {
	b := d.bytes(d.uvarint(limit, what), what)
	if string(b) == old {
		return old
	}
	return string(b)
}

func (d *decoder) id(what string) (id ID) {
	copy(id[:], d.bytes(uint64(len(id)), what))
	return id
}

// time takes seconds as eight bytes (two's complement) and nanoseconds as four.
func (d *decoder) time(what string) Time {
	b := d.bytes(12, what)
	if b == nil {
		return Time{}
	}
	t := Time{Sec: int64(binary.BigEndian.Uint64(b)), Nsec: binary.BigEndian.Uint32(b[8:])}
	if t.Nsec >= 1e9 {
		d.fail(malformed("%s has %d nanoseconds", what, t.Nsec))
	}
	return t
}

// end reports the first error, or that bytes are left over.
func (d *decoder) end(what string) error {
	if d.err == nil && len(d.data) > 0 {
		d.fail(malformed("%d bytes after the end of the %s", len(d.data), what))
	}
	return d.err
}

func appendTime(dst []byte, t Time) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Sec))
	return binary.BigEndian.AppendUint32(dst, t.Nsec)
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
