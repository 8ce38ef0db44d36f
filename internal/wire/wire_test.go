package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// errOurs is what the package that uses a decoder would make of a fault.
var errOurs = errors.New("ours")

type ours struct{ Fault }

func (ours) Is(target error) bool { return target == errOurs }

func wrap(f Fault) error { return ours{f} }

func TestFieldsComeBack(t *testing.T) {
	b := []byte{7}
	b = binary.BigEndian.AppendUint16(b, 0x0102)
	b = binary.BigEndian.AppendUint32(b, 0x01020304)
	b = binary.BigEndian.AppendUint64(b, 0x0102030405060708)
	b = binary.AppendUvarint(b, math.MaxUint64)
	b = AppendText(b, "häuser")
	b = AppendTime(b, -1, 999_999_999)
	b = append(b, bytes.Repeat([]byte{9}, 32)...)
	b = append(b, 2, 'x', 'y', 'z', 'r')

	d := NewDecoder(b, nil)
	if v := d.Uint8("a"); v != 7 {
		t.Errorf("u8 %d", v)
	}
	if v := d.Uint16("a"); v != 0x0102 {
		t.Errorf("u16 %#x", v)
	}
	if v := d.Uint32("a"); v != 0x01020304 {
		t.Errorf("u32 %#x", v)
	}
	if v := d.Uint64("a"); v != 0x0102030405060708 {
		t.Errorf("u64 %#x", v)
	}
	if v := d.Uvarint(math.MaxUint64, "a"); v != math.MaxUint64 {
		t.Errorf("uvarint %d", v)
	}
	if v := d.Printable(7, "a"); v != "häuser" {
		t.Errorf("text %q", v)
	}
	if sec, nsec := d.Time("a"); sec != -1 || nsec != 999_999_999 {
		t.Errorf("time %d %d", sec, nsec)
	}
	if v := d.Array32("a"); v[0] != 9 || v[31] != 9 {
		t.Errorf("array %x", v)
	}
	if n := d.Count(2, 1, "a"); n != 2 {
		t.Errorf("count %d", n)
	}
	if v := d.Bytes(1, "a"); string(v) != "x" || cap(v) != 1 {
		t.Errorf("bytes %q with room for %d", v, cap(v))
	}
	two := []byte("..")
	if d.Fill(two, "a"); string(two) != "yz" {
		t.Errorf("filled %q", two)
	}
	ahead := d
	ahead.Uint8("a")
	if string(d.Rest()) != "r" || len(ahead.Rest()) != 0 {
		t.Errorf("rest %q, ahead %q", d.Rest(), ahead.Rest())
	}
	if d.SetRest(ahead.Rest()); d.End("all") != nil {
		t.Errorf("end: %v", d.Err())
	}
}

func TestRefused(t *testing.T) {
	cases := []struct {
		name string
		data string
		read func(*Decoder)
		want Fault
		text string
	}{
		{"no byte", "", func(d *Decoder) { d.Uint8("f") }, Fault{Short, "f", 0, 0}, "f is cut short"},
		{"half a u16", "1", func(d *Decoder) { d.Uint16("f") }, Fault{Short, "f", 0, 0}, ""},
		{"most of a u32", "123", func(d *Decoder) { d.Uint32("f") }, Fault{Short, "f", 0, 0}, ""},
		{"most of a u64", "1234567", func(d *Decoder) { d.Uint64("f") }, Fault{Short, "f", 0, 0}, ""},
		{"31 of 32", strings.Repeat("x", 31), func(d *Decoder) { d.Array32("f") }, Fault{Short, "f", 0, 0}, ""},
		{"greatest length", "x", func(d *Decoder) { d.Bytes(math.MaxUint64, "f") }, Fault{Short, "f", 0, 0}, ""},
		{"no number", "", func(d *Decoder) { d.Uvarint(1, "f") }, Fault{Short, "f", 0, 0}, ""},
		{"number cut", "\x80", func(d *Decoder) { d.Uvarint(1, "f") }, Fault{Short, "f", 0, 0}, ""},
		{"65 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", func(d *Decoder) { d.Uvarint(math.MaxUint64, "f") }, Fault{NoNumber, "f", 0, 0}, "f does not fit 64 bits"},
		{"eleven bytes", strings.Repeat("\x80", 10) + "\x01", func(d *Decoder) { d.Uvarint(math.MaxUint64, "f") }, Fault{NoNumber, "f", 0, 0}, ""},
		{"zero in two bytes", "\x80\x00", func(d *Decoder) { d.Uvarint(9, "f") }, Fault{LongForm, "f", 0, 0}, "f is not in its shortest form"},
		{"over, in one byte", "\x05", func(d *Decoder) { d.Uvarint(4, "f") }, Fault{TooGreat, "f", 5, 4}, "f is over its limit of 4"},
		{"over, in two bytes", "\x80\x01", func(d *Decoder) { d.Uvarint(127, "f") }, Fault{TooGreat, "f", 128, 127}, ""},
		{"list over its limit", "\x03abc", func(d *Decoder) { d.Count(2, 1, "f") }, Fault{TooGreat, "f", 3, 2}, ""},
		{"list too long", "\x02abc", func(d *Decoder) { d.Count(9, 2, "f") }, Fault{Crowded, "f", 2, 1}, "f: 2 of them do not fit into what follows"},
		{"text cut", "\x02a", func(d *Decoder) { d.Printable(9, "f") }, Fault{Short, "f", 0, 0}, ""},
		{"text over its limit", "\x02ab", func(d *Decoder) { d.Printable(1, "f") }, Fault{TooGreat, "f", 2, 1}, ""},
		{"escape", "\x01\x1b", func(d *Decoder) { d.Printable(9, "f") }, Fault{Unprintable, "f", 0, 0}, "f holds control characters or is not UTF-8"},
		{"C1 control", "\x02\u009b", func(d *Decoder) { d.Printable(9, "f") }, Fault{Unprintable, "f", 0, 0}, ""},
		{"not UTF-8", "\x01\xff", func(d *Decoder) { d.Printable(9, "f") }, Fault{Unprintable, "f", 0, 0}, ""},
		{"time cut", strings.Repeat("\x00", 11), func(d *Decoder) { d.Time("f") }, Fault{Short, "f", 0, 0}, ""},
		{"a second too many", string(AppendTime(nil, 0, 1e9)), func(d *Decoder) { d.Time("f") }, Fault{Nanoseconds, "f", 1e9, 1e9 - 1}, "f has 1000000000 nanoseconds"},
		{"left over", "ab", func(d *Decoder) { _ = d.End("f") }, Fault{Left, "f", 2, 0}, "2 bytes follow the f"},
	}
	for _, c := range cases {
		d := NewDecoder([]byte(c.data), nil)
		c.read(&d)
		if got, ok := d.Err().(Fault); !ok || got != c.want {
			t.Errorf("%s: %v, not %v", c.name, d.Err(), c.want)
		}
		if c.text != "" && d.Err().Error() != c.text {
			t.Errorf("%s: says %q", c.name, d.Err())
		}
		d = NewDecoder([]byte(c.data), wrap)
		c.read(&d)
		if !errors.Is(d.Err(), errOurs) || d.Err().(ours).Fault != c.want {
			t.Errorf("%s: not made our own: %v", c.name, d.Err())
		}
	}
	if s := (Fault{Kind: 99, Field: "f"}).Error(); s != "f is wrong in way 99" {
		t.Error(s)
	}
}

// After an error everything is zero, and it is the first error that counts.
func TestErrorSticks(t *testing.T) {
	first := errors.New("first")
	for name, fail := range map[string]func(*Decoder){
		"own":   func(d *Decoder) { d.Fail(first) },
		"fault": func(d *Decoder) { d.Uvarint(0, "first") },
	} {
		d := NewDecoder(bytes.Repeat([]byte{1}, 200), func(Fault) error { return first })
		fail(&d)
		two := []byte("kept")
		d.Fill(two, "a")
		sec, nsec := d.Time("a")
		if d.Uint8("a") != 0 || d.Uint16("a") != 0 || d.Uint32("a") != 0 || d.Uint64("a") != 0 || d.Uvarint(9, "a") != 0 ||
			d.Count(9, 1, "a") != 0 || d.Printable(9, "a") != "" || d.Array32("a") != [32]byte{} || sec != 0 || nsec != 0 ||
			len(d.Bytes(0, "a")) != 0 || len(d.Text(9, "a")) != 0 || len(d.Rest()) != 0 || string(two) != "kept" {
			t.Errorf("%s: something was read after the error", name)
		}
		d.Fail(errors.New("second"))
		if err := d.End("all"); err != first {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]bool{"": true, "Grüße, 世界": true, "a\nb": false, "\x7f": false, "\u0085": false, "\xc3": false} {
		if Printable(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

// What encoding/binary writes is read back exactly if it is within the limit.
func TestUvarintProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, limit := rapid.Uint64().Draw(t, "v"), rapid.Uint64().Draw(t, "limit")
		d := NewDecoder(append(binary.AppendUvarint(nil, v), 0xee), nil)
		got := d.Uvarint(limit, "v")
		switch {
		case v <= limit && (got != v || d.Err() != nil || len(d.Rest()) != 1):
			t.Fatalf("%d read as %d (%v)", v, got, d.Err())
		case v > limit && (got != 0 || d.Err() != Fault{TooGreat, "v", v, limit}):
			t.Fatalf("%d over %d read as %d (%v)", v, limit, got, d.Err())
		}
	})
}

// Of all pairs of bytes exactly those are read that are written again.
func TestUvarintOfTwoBytes(t *testing.T) {
	for i := range 1 << 16 {
		data := []byte{byte(i >> 8), byte(i)}
		d := NewDecoder(data, nil)
		v := d.Uvarint(math.MaxUint64, "v")
		want, n := binary.Uvarint(data)
		fits := n > 0 && bytes.Equal(binary.AppendUvarint(nil, want), data[:n])
		if fits != (d.Err() == nil) || fits && (v != want || len(d.Rest()) != 2-n) {
			t.Fatalf("%x read as %d (%v)", data, v, d.Err())
		}
	}
}

func TestAllocates(t *testing.T) {
	data := sample()
	dst := make([]byte, 0, len(data))
	if n := testing.AllocsPerRun(100, func() {
		d := NewDecoder(data, wrap)
		if readSample(&d) != nil {
			t.Error(d.Err())
		}
		dst = AppendTime(AppendText(dst[:0], "name"), 1, 2)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func sample() []byte {
	b := AppendTime(AppendText([]byte{1}, "process_keys.c"), 1_700_000_000, 5)
	b = binary.AppendUvarint(binary.AppendUvarint(b, 420), 9000)
	return append(b, make([]byte, 32+8)...)
}

func readSample(d *Decoder) error {
	d.Uint8("kind")
	d.Text(255, "name")
	d.Time("time")
	d.Uvarint(0o7777, "mode")
	d.Uvarint(1<<50, "size")
	d.Array32("ID")
	d.Uint64("group")
	return d.End("sample")
}

func BenchmarkDecoder(b *testing.B) {
	data := sample()
	for b.Loop() {
		d := NewDecoder(data, wrap)
		if readSample(&d) != nil {
			b.Fatal(d.Err())
		}
	}
}

// FuzzDecoder reads fields as the first bytes say from the others, and writes what it read: the same bytes.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, []byte("\x01\x01\x02\x01\x02\x03\x04"))
	f.Add([]byte{4, 5, 7}, []byte("\xff\x01\x02ab\x01x"))
	f.Add([]byte{6}, AppendTime(nil, -5, 999_999_999))
	f.Add([]byte{4}, []byte("\x80\x00"))
	f.Fuzz(func(t *testing.T, script, data []byte) {
		d := NewDecoder(data, wrap)
		var again []byte
		for _, op := range script {
			again = reread(&d, op%9, again)
			if d.Err() != nil {
				break
			}
		}
		if d.Err() != nil {
			if _, ok := d.Err().(ours); !ok || len(d.Rest()) != 0 {
				t.Fatalf("%v with %d bytes left", d.Err(), len(d.Rest()))
			}
			return
		}
		if want := data[:len(data)-len(d.Rest())]; !bytes.Equal(again, want) {
			t.Fatalf("%x read, %x written", want, again)
		}
	})
}

// reread takes a field of the kind op and appends its encoding.
func reread(d *Decoder, op byte, b []byte) []byte {
	switch op {
	case 0:
		return append(b, d.Uint8("f"))
	case 1:
		return binary.BigEndian.AppendUint16(b, d.Uint16("f"))
	case 2:
		return binary.BigEndian.AppendUint32(b, d.Uint32("f"))
	case 3:
		return binary.BigEndian.AppendUint64(b, d.Uint64("f"))
	case 4:
		return binary.AppendUvarint(b, d.Uvarint(1<<40, "f"))
	case 5:
		return AppendText(b, d.Printable(1<<10, "f"))
	case 6:
		sec, nsec := d.Time("f")
		return AppendTime(b, sec, nsec)
	case 7:
		n := d.Count(1<<20, 1, "f")
		b = binary.AppendUvarint(b, uint64(n))
		return append(b, d.Bytes(uint64(n), "f")...)
	}
	a := d.Array32("f")
	return append(b, a[:]...)
}
