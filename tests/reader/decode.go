package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

var errNewer = errors.New("a newer evault is needed")

// decoder takes fields off the front of bytes, as section 2 of docs/format.md spells them. The first error stays, and from
// then on all that is read is zero and every list is empty.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) take(n uint64) []byte {
	if d.err == nil && n > uint64(len(d.rest)) {
		d.fail("cut short")
	}
	if d.err != nil {
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// number reads n bytes, big-endian.
func (d *decoder) number(n uint64) (v uint64) {
	for _, b := range d.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (d *decoder) u8() byte           { return byte(d.number(1)) }
func (d *decoder) hash() (h [32]byte) { copy(h[:], d.take(32)); return h }

func (d *decoder) uvarint(limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || n > 1 && d.rest[n-1] == 0 || v > limit {
		d.fail("number cut short, over %d or not in its shortest form", limit)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) text(limit uint64) string { return string(d.take(d.uvarint(limit))) }

func (d *decoder) line(limit uint64) string {
	s := d.text(limit)
	for _, r := range s {
		if unicode.IsControl(r) || !utf8.ValidString(s) {
			d.fail("text that is not to be shown")
		}
	}
	return s
}

// count reads the length of a list of at most limit elements of at least least bytes.
func (d *decoder) count(limit, least uint64) int {
	n := d.uvarint(limit)
	if n*least > uint64(len(d.rest)) {
		d.fail("list cut short")
		return 0
	}
	return int(n)
}

// version reads a byte that must be 1.
func (d *decoder) version(what string) {
	if v := d.u8(); d.err == nil && v != 1 {
		d.fail("%s of version %d: %w", what, v, errNewer)
	}
}

// ascending checks the order of a keyed list, of which key i is given.
func (d *decoder) ascending(i int, before *string, key string) {
	if i > 0 && *before >= key {
		d.fail("list out of order")
	}
	*before = key
}

func (d *decoder) end() error {
	if len(d.rest) > 0 {
		d.fail("%d bytes left over", len(d.rest))
	}
	return d.err
}
