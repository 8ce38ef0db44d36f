package objects

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCommitBytes(t *testing.T) {
	c := Commit{
		Parents: []ID{{0: 0xaa}}, Tree: ID{0: 0xbb}, Entries: 300, Bytes: 5, Generation: 2, Device: [32]byte{0: 0xcc},
		Author: "ann", Time: Time{1, 2}, ZoneMinutes: -60, Message: "m", Labels: []Label{{"k", "v"}}, Signature: [64]byte{0: 0xdd},
	}
	zeros := strings.Repeat("\x00", 31)
	unsigned := "\x01\x01\xaa" + zeros + "\xbb" + zeros + "\xac\x02\x05\x02\xcc" + zeros + "\x03ann" +
		"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\xff\xc4\x01m\x01\x01k\x01v"
	got, err := c.Encode()
	if want := unsigned + "\xdd" + strings.Repeat("\x00", 63); err != nil || string(got) != want {
		t.Errorf("got  %q\nwant %q (%v)", got, want, err)
	}
	if c.SigningHash() != sha256.Sum256([]byte("evault commit object v1\x00"+unsigned)) {
		t.Error("signing hash")
	}
}

func TestCommitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCommit().Draw(t, "commit")
		data, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeCommit(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := got.Encode()
		if err != nil || !bytes.Equal(again, data) || got.SigningHash() != c.SigningHash() {
			t.Fatalf("%+v\nwant %+v (%v)", got, c, err)
		}
		signed := *got
		signed.Signature[0]++
		if signed.SigningHash() != c.SigningHash() {
			t.Fatal("the signature is part of what is signed")
		}
	})
}

func TestTagRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := genTag().Draw(t, "tag")
		data, err := tag.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeTag(data)
		if err != nil || *got != tag {
			t.Fatalf("%+v\nwant %+v (%v)", got, tag, err)
		}
	})
}

// Every field is under the signature.
func TestSigningHashCoversAllFields(t *testing.T) {
	covers := func(v reflect.Value, hash func() [32]byte) {
		before := hash()
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			old := reflect.ValueOf(f.Interface())
			switch f.Kind() {
			case reflect.String:
				f.SetString("changed")
			case reflect.Uint64:
				f.SetUint(99)
			case reflect.Int16:
				f.SetInt(99)
			case reflect.Array:
				f.Index(0).SetUint(99)
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			case reflect.Struct:
				f.Field(0).SetInt(99)
			default:
				t.Fatalf("field %s of kind %v", name, f.Kind())
			}
			if (hash() == before) != (name == "Signature") {
				t.Errorf("%v.%s: wrongly covered", v.Type(), name)
			}
			f.Set(old)
		}
	}
	c, tag := new(Commit), new(Tag)
	covers(reflect.ValueOf(c).Elem(), c.SigningHash)
	covers(reflect.ValueOf(tag).Elem(), tag.SigningHash)
}

func TestCommitRefused(t *testing.T) {
	good := func() Commit { return Commit{Generation: 1} }
	many := make([]ID, MaxParents+1)
	for i := range many {
		many[i][0] = byte(i)
	}
	for name, change := range map[string]func(c *Commit){
		"generation 0":           func(c *Commit) { c.Generation = 0 },
		"orphan of generation 2": func(c *Commit) { c.Generation = 2 },
		"child of generation 1":  func(c *Commit) { c.Parents = []ID{{1}} },
		"generation too large":   func(c *Commit) { c.Parents, c.Generation = []ID{{1}}, maxGeneration+1 },
		"17 parents":             func(c *Commit) { c.Parents, c.Generation = many, 2 },
		"parent twice":           func(c *Commit) { c.Parents, c.Generation = []ID{{1}, {2}, {1}}, 2 },
		"entries":                func(c *Commit) { c.Entries = MaxTotalEntries + 1 },
		"bytes":                  func(c *Commit) { c.Bytes = MaxTotalBytes + 1 },
		"long author":            func(c *Commit) { c.Author = strings.Repeat("a", MaxAuthor+1) },
		"author with newline":    func(c *Commit) { c.Author = "a\nb" },
		"author with escape":     func(c *Commit) { c.Author = "a\x1b[2J" },
		"nanoseconds":            func(c *Commit) { c.Time.Nsec = 1e9 },
		"zone":                   func(c *Commit) { c.ZoneMinutes = 1440 },
		"zone west":              func(c *Commit) { c.ZoneMinutes = -1440 },
		"long message":           func(c *Commit) { c.Message = strings.Repeat("a", MaxMessage+1) },
		"message with NUL":       func(c *Commit) { c.Message = "a\x00" },
		"labels out of order":    func(c *Commit) { c.Labels = []Label{{"b", ""}, {"a", ""}} },
		"label twice":            func(c *Commit) { c.Labels = []Label{{"a", ""}, {"a", ""}} },
		"label without key":      func(c *Commit) { c.Labels = []Label{{"", "v"}} },
		"label with =":           func(c *Commit) { c.Labels = []Label{{"a=b", "v"}} },
		"long label key":         func(c *Commit) { c.Labels = []Label{{strings.Repeat("a", MaxLabelKey+1), "v"}} },
		"long label value":       func(c *Commit) { c.Labels = []Label{{"a", strings.Repeat("a", MaxLabelValue+1)}} },
		"label value with NUL":   func(c *Commit) { c.Labels = []Label{{"a", "\x00"}} },
		"many labels":            func(c *Commit) { c.Labels = make([]Label, MaxLabels+1) },
	} {
		c := good()
		if _, err := c.Encode(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if _, err := c.Encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
		if _, err := DecodeCommit(append(c.appendUnsigned(nil), make([]byte, 64)...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: decoded: %v", name, err)
		}
	}
}

func TestTagRefused(t *testing.T) {
	for name, tag := range map[string]Tag{
		"no name": {}, "long name": {Name: strings.Repeat("n", MaxTagName+1)}, "newline": {Name: "a\n"},
		"tagger": {Name: "a", Tagger: "\t"}, "zone": {Name: "a", ZoneMinutes: 2000}, "message": {Name: "a", Message: "\x00"},
		"nanoseconds": {Name: "a", Time: Time{0, 1e9}},
	} {
		if _, err := tag.Encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
		if _, err := DecodeTag(append(tag.appendUnsigned(nil), make([]byte, 64)...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: decoded: %v", name, err)
		}
	}
}

// Every truncation and every added byte is noticed, and another version is newer.
func TestCommitAndTagLengths(t *testing.T) {
	c := Commit{Generation: 1, Author: "a", Message: "m", Labels: []Label{{"k", "v"}}}
	tag := Tag{Name: "v1", Tagger: "a", Message: "m"}
	for name, decode := range map[string]func([]byte) error{
		"commit": func(b []byte) error { _, err := DecodeCommit(b); return err },
		"tag":    func(b []byte) error { _, err := DecodeTag(b); return err },
	} {
		data, err := c.Encode()
		if name == "tag" {
			data, err = tag.Encode()
		}
		if err != nil || decode(data) != nil {
			t.Fatal(err)
		}
		for n := range data {
			if err := decode(data[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut to %d of %d bytes: %v", name, n, len(data), err)
			}
		}
		if err := decode(append(bytes.Clone(data), 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with a byte more: %v", name, err)
		}
		data[0] = 2
		if err := decode(data); !errors.Is(err, ErrNewer) || errors.Is(err, ErrMalformed) {
			t.Errorf("%s of version 2: %v", name, err)
		}
	}
}

func FuzzDecodeCommit(f *testing.F) {
	for _, c := range []Commit{
		{Generation: 1},
		{Parents: []ID{{1}, {2}}, Generation: 7, Author: "a", Message: "m\n", ZoneMinutes: -90, Time: Time{-1, 5}, Labels: []Label{{"a", "b"}, {"c", ""}}},
	} {
		data, err := c.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCommit(data)
		if err != nil {
			return
		}
		if again, err := c.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q encodes to %q (%v)", data, again, err)
		}
	})
}

func FuzzDecodeTag(f *testing.F) {
	for _, tag := range []Tag{{Name: "v1"}, {Name: "v2", Target: ID{1}, Tagger: "a", Message: "m", ZoneMinutes: 60, Time: Time{5, 6}}} {
		data, err := tag.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tag, err := DecodeTag(data)
		if err != nil {
			return
		}
		if again, err := tag.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q encodes to %q (%v)", data, again, err)
		}
	})
}
