// Package wire reads and writes the fields that evault's formats are made of: integers in big-endian order, numbers as
// unsigned LEB128 in their shortest form (as [binary.Uvarint] has it, with `80 00` refused), texts and lists with their
// length before them, times.
//
// A [Decoder] takes one field after the other off the front of some bytes:
//
//	d := wire.NewDecoder(data, fault)
//	name := d.Printable(255, "name")
//	for range d.Count(1024, 33, "packs") { ... }
//	if err := d.End("record"); err != nil { ... }
//
// The first error sticks, and from then on every field, length and count reads as zero, so that a caller checks once,
// where it matters, and no loop runs on. Every number is held to a limit and every length to the bytes there are before
// anything is made of it. What is wrong is a [Fault] that names the field; the package whose format it is says, in one
// place, which error of its own that is. Nothing here allocates but for strings that are asked for and for errors.
//
// What the fields mean, in which order they come and whether lists ascend is the business of the package whose format
// it is.
package wire

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// Decoder takes fields off the front of bytes, which it neither changes nor copies. It is for one goroutine. A copy of
// it is a look ahead.
type Decoder struct {
	data  []byte
	at    uint // how much of data has been read: cheaper to move than a slice
	err   error
	fault func(Fault) error
}

// NewDecoder reads data. Fault, if it is not nil, makes the caller's own error of what is found wrong; it is called at
// most once.
func NewDecoder(data []byte, fault func(Fault) error) Decoder {
	return Decoder{data: data, fault: fault}
}

// Err gives the first error, which is what the function given to NewDecoder made, or what Fail was told.
func (d *Decoder) Err() error { return d.err }

// Rest gives what has not been read, and nothing after an error. It aliases the input.
func (d *Decoder) Rest() []byte { return d.data[d.at:] }

// SetRest goes on with rest: what another decoder left of Rest.
func (d *Decoder) SetRest(rest []byte) { d.data, d.at = rest, 0 }

// Fail keeps err, unless there was an error before, and stops all further reading.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.data, d.at = nil, 0
}

// refuse is Fail with what the caller makes of a fault. It stands apart so that what goes well stays short.
//
//go:noinline
func (d *Decoder) refuse(kind Kind, field string, value, limit uint64) {
	f := Fault{kind, field, value, limit}
	switch {
	case d.err != nil:
	case d.fault == nil:
		d.err = f
	default:
		d.err = d.fault(f)
	}
	d.data, d.at = nil, 0
}

// left gives how many bytes have not been read.
func (d *Decoder) left() uint { return uint(len(d.data)) - d.at }

// Bytes takes n bytes, which alias the input; after an error it gives nil.
func (d *Decoder) Bytes(n uint64, field string) []byte {
	if n > uint64(d.left()) {
		d.refuse(Short, field, 0, 0)
		return nil
	}
	from := d.at
	d.at += uint(n)
	return d.data[from:d.at:d.at]
}

// Text takes a length of at most limit and that many bytes, which alias the input.
func (d *Decoder) Text(limit uint64, field string) []byte {
	n := d.Uvarint(limit, field)
	return d.Bytes(n, field)
}

// Fill takes as many bytes as dst has. After an error dst is as it was.
func (d *Decoder) Fill(dst []byte, field string) { copy(dst, d.Bytes(uint64(len(dst)), field)) }

// Array32 takes 32 bytes: a hash, a key, an ID.
func (d *Decoder) Array32(field string) (a [32]byte) {
	copy(a[:], d.Bytes(32, field))
	return a
}

// Uint8 takes one byte.
func (d *Decoder) Uint8(field string) uint8 {
	if d.at >= uint(len(d.data)) {
		d.refuse(Short, field, 0, 0)
		return 0
	}
	b := d.data[d.at]
	d.at++
	return b
}

// Uint16 takes two bytes.
func (d *Decoder) Uint16(field string) uint16 {
	b := d.Bytes(2, field)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

// Uint32 takes four bytes.
func (d *Decoder) Uint32(field string) uint32 {
	b := d.Bytes(4, field)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// Uint64 takes eight bytes.
func (d *Decoder) Uint64(field string) uint64 {
	b := d.Bytes(8, field)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// Uvarint takes a number of at most limit in its shortest form.
func (d *Decoder) Uvarint(limit uint64, field string) uint64 {
	at, size := d.at, uint(len(d.data))
	if at < size && d.data[at] < 0x80 { // most numbers are small
		if v := uint64(d.data[at]); v <= limit {
			d.at = at + 1
			return v
		}
	} else if at+1 < size && d.data[at+1]-1 < 0x7f { // or of two bytes, of which the second is neither 0 nor goes on
		if v := uint64(d.data[at]&0x7f) | uint64(d.data[at+1])<<7; v <= limit {
			d.at = at + 2
			return v
		}
	}
	return d.uvarint(limit, field)
}

func (d *Decoder) uvarint(limit uint64, field string) uint64 {
	rest := d.Rest()
	v, n := binary.Uvarint(rest)
	switch {
	case n == 0:
		d.refuse(Short, field, 0, 0)
		return 0
	case n < 0:
		d.refuse(NoNumber, field, 0, 0)
		return 0
	case n > 1 && rest[n-1] == 0:
		d.refuse(LongForm, field, 0, 0)
		return 0
	case v > limit:
		d.refuse(TooGreat, field, v, limit)
		return 0
	}
	d.at += uint(n)
	return v
}

// Count takes the length of a list of at most limit elements (below 2^48) that take least bytes (1 or more) each: never
// more than what follows can hold, so that memory taken for the list is bounded by the input.
func (d *Decoder) Count(limit uint64, least int, field string) int {
	n := d.Uvarint(limit, field)
	if room := uint64(d.left()) / uint64(least); n > room {
		d.refuse(Crowded, field, n, room)
		return 0
	}
	return int(n)
}

// Printable takes a length of at most limit and that many bytes of text that is safe to show.
func (d *Decoder) Printable(limit uint64, field string) string {
	s := string(d.Text(limit, field))
	if !Printable(s) {
		d.refuse(Unprintable, field, 0, 0)
		return ""
	}
	return s
}

// Time takes an instant: seconds since 1970-01-01 UTC in eight bytes, two's complement, and in four bytes nanoseconds,
// less than a second, that are added to them.
func (d *Decoder) Time(field string) (sec int64, nsec uint32) {
	b := d.Bytes(12, field)
	if b == nil {
		return 0, 0
	}
	sec, nsec = int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])
	if nsec > maxNsec {
		d.refuse(Nanoseconds, field, uint64(nsec), maxNsec)
		return 0, 0
	}
	return sec, nsec
}

const maxNsec = 1e9 - 1

// End reports the first error, or that bytes are left over of what: "tree", "roster".
func (d *Decoder) End(what string) error {
	if d.left() > 0 {
		d.refuse(Left, what, uint64(d.left()), 0)
	}
	return d.err
}

// AppendText appends the length of s in bytes, and s.
func AppendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// AppendTime appends what Decoder.Time takes. Nsec is less than 1e9.
func AppendTime(dst []byte, sec int64, nsec uint32) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(sec))
	return binary.BigEndian.AppendUint32(dst, nsec)
}

// Printable says that s is UTF-8 without control characters, so that it cannot steer a terminal.
func Printable(s string) bool {
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
