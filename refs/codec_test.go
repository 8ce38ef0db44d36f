package refs

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/internal/wire"
	"evault/objects"
)

func sampleHeader() *Header {
	return &Header{Tag: Tag{1}, Key: [32]byte{2}, Seq: 300, Previous: [32]byte{3}, Added: manyPacks(3), Condemned: manyPacks(1),
		BodySize: 1000, BodyHash: [32]byte{4}, Signature: [64]byte{5}}
}

func sampleBody() *Body {
	return &Body{Vault: [32]byte{1}, Store: StoreID{2}, Device: [32]byte{3}, Clone: CloneID{4}, Seq: 300, Roster: [32]byte{5},
		Operation: "commit", Description: "héllo", Time: objects.Time{Sec: -5, Nsec: 999999999}, Zone: -90,
		HeadBefore: Head{Branch: "main"}, HeadAfter: Head{Commit: commitID(2)},
		Changes: []Change{{"heads/a", objects.ID{}, commitID(1)}, {"heads/b", commitID(1), objects.ID{}}},
		Needed:  manyPacks(2), Seen: []Position{{Tag{1}, 4, [32]byte{1}}, {Tag{2}, 0, [32]byte{2}}}, Signature: [64]byte{7}}
}

func sampleCheckpoint() *Body {
	b := sampleBody()
	b.Changes = nil
	b.Checkpoint = &Checkpoint{Live: manyPacks(4), Refs: []TableRef{{"heads/a", commitID(1), Tag{1}, 2}, {"heads/a", commitID(2), Tag{2}, 0}}}
	return b
}

func TestHeaderRoundTrip(t *testing.T) {
	h := sampleHeader()
	data := h.Append(nil)
	got, rest, err := DecodeHeader(append(slices.Clone(data), "body"...))
	must(t, err)
	if !reflect.DeepEqual(&got, h) || string(rest) != "body" {
		t.Errorf("got %+v", got)
	}
	for n := range data {
		if _, _, err := DecodeHeader(data[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d bytes of a header: %v", n, err)
		}
	}
}

func TestBodyRoundTrip(t *testing.T) {
	for _, b := range []*Body{sampleBody(), sampleCheckpoint(), {}} {
		data := b.Append(nil)
		got, err := DecodeBody(data)
		must(t, err)
		if !reflect.DeepEqual(got, b) {
			t.Errorf("got %+v, want %+v", got, b)
		}
		if len(data)%512 != 0 {
			t.Errorf("a plaintext of %d bytes tells its length", len(data))
		}
		for n := range data {
			if _, err := DecodeBody(data[:n]); err == nil {
				t.Fatalf("%d bytes of a body decode", n)
			}
		}
	}
}

func TestDecodersRefuse(t *testing.T) {
	header := func(change func(*Header)) error {
		h := sampleHeader()
		change(h)
		_, _, err := DecodeHeader(h.Append(nil))
		return err
	}
	body := func(b *Body, change func(*Body)) error {
		change(b)
		_, err := DecodeBody(b.Append(nil))
		return err
	}
	patched := func(data []byte, at int, b byte) []byte {
		data[at] = b
		return data
	}
	_, _, newerHeader := DecodeHeader(patched(sampleHeader().Append(nil), 8, 2))
	_, newerBody := DecodeBody(patched(sampleBody().Append(nil), 0, 2))
	_, trailing := DecodeBody(append(sampleBody().Append(nil), make([]byte, 512)...))
	_, dirty := DecodeBody(func() []byte { b := sampleBody().Append(nil); return patched(b, len(b)-1, 1) }())
	for name, c := range map[string]struct{ got, want error }{
		"newer header":           {newerHeader, ErrNewer},
		"newer body":             {newerBody, ErrNewer},
		"too much padding":       {trailing, ErrDamaged},
		"dirty padding":          {dirty, ErrDamaged},
		"packs out of order":     {header(func(h *Header) { slices.Reverse(h.Added) }), ErrDamaged},
		"pack twice":             {header(func(h *Header) { h.Added[1] = h.Added[0] }), ErrDamaged},
		"huge pack":              {header(func(h *Header) { h.Added[1].Size = MaxPackSize + 1 }), ErrLimit},
		"no body":                {header(func(h *Header) { h.BodySize = 0 }), ErrDamaged},
		"huge body":              {header(func(h *Header) { h.BodySize = MaxRecord + 1 }), ErrLimit},
		"first with predecessor": {header(func(h *Header) { h.Seq = 0 }), ErrDamaged},
		"changes out of order":   {body(sampleBody(), func(b *Body) { slices.Reverse(b.Changes) }), ErrDamaged},
		"change of nothing":      {body(sampleBody(), func(b *Body) { b.Changes[0].New = objects.ID{} }), ErrDamaged},
		"bad ref name":           {body(sampleBody(), func(b *Body) { b.Changes[0].Name = "heads/.a" }), ErrName},
		"bad head":               {body(sampleBody(), func(b *Body) { b.HeadAfter = Head{Branch: "a b"} }), ErrName},
		"control character":      {body(sampleBody(), func(b *Body) { b.Description = "\x1b[2J" }), ErrDamaged},
		"long description":       {body(sampleBody(), func(b *Body) { b.Description = strings.Repeat("x", MaxDescription+1) }), ErrLimit},
		"nanoseconds":            {body(sampleBody(), func(b *Body) { b.Time.Nsec = 1e9 }), ErrDamaged},
		"zone of a day":          {body(sampleBody(), func(b *Body) { b.Zone = 1440 }), ErrDamaged},
		"zone of a day west":     {body(sampleBody(), func(b *Body) { b.Zone = -1440 }), ErrDamaged},
		"greatest zone":          {body(sampleBody(), func(b *Body) { b.Zone = -1439 }), nil},
		"seen out of order":      {body(sampleBody(), func(b *Body) { slices.Reverse(b.Seen) }), ErrDamaged},
		"changing checkpoint":    {body(sampleCheckpoint(), func(b *Body) { b.Changes = sampleBody().Changes }), ErrDamaged},
		"table out of order":     {body(sampleCheckpoint(), func(b *Body) { slices.Reverse(b.Checkpoint.Refs) }), ErrDamaged},
		"zero in the table":      {body(sampleCheckpoint(), func(b *Body) { b.Checkpoint.Refs[0].ID = objects.ID{} }), ErrDamaged},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(sampleHeader().Append(nil))
	f.Add([]byte(headerMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, rest, err := DecodeHeader(data)
		if err == nil && !bytes.Equal(append(h.Append(nil), rest...), data) {
			t.Fatal("decodes, and encodes to something else")
		}
	})
}

func FuzzDecodeBody(f *testing.F) {
	f.Add(sampleBody().Append(nil))
	f.Add(sampleCheckpoint().Append(nil))
	f.Add((&Body{}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeBody(data)
		if err == nil && !bytes.Equal(b.Append(nil), data) {
			t.Fatal("decodes, and encodes to something else")
		}
	})
}

func FuzzDecodePin(f *testing.F) {
	f.Add(encodePin(Position{Tag{1}, 7, [32]byte{9}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := decodePin(Tag{1}, data); err == nil && !bytes.Equal(encodePin(p), data) {
			t.Fatal("decodes, and encodes to something else")
		}
	})
}

func FuzzDecodeClone(f *testing.F) {
	f.Add((&cloneFile{CloneID{1}, 2, 3}).append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := decodeClone(data); err == nil && !bytes.Equal(c.append(nil), data) {
			t.Fatal("decodes, and encodes to something else")
		}
	})
}

func FuzzParseHead(f *testing.F) {
	f.Add("ref: heads/main\n")
	f.Add(commitID(1).String() + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := parseHead(text); err == nil && headText(h) != text {
			t.Fatal("decodes, and encodes to something else")
		}
	})
}

// The fold cache is sealed; still its decoder must neither panic nor take unbounded memory.
func FuzzDecodeFold(f *testing.F) {
	s := newFold()
	s.apply(&Record{Header: Header{Tag: Tag{1}}, Hash: [32]byte{2}, Body: &Body{HeadAfter: Head{Branch: "main"},
		Changes: []Change{{"heads/a", objects.ID{}, commitID(1)}}}})
	f.Add(s.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := decodeFold(data); err == nil {
			if again, err := decodeFold(s.append(nil)); err != nil || !again.same(s) {
				t.Fatal("decodes, and encodes to something else")
			}
		}
	})
}

func FuzzOneLine(f *testing.F) {
	f.Add("first\nsecond")
	f.Add("\n\x00\xff" + strings.Repeat("é", MaxDescription))
	f.Fuzz(func(t *testing.T, text string) {
		line := OneLine(text)
		if !wire.Printable(line) || len(line) > MaxDescription || OneLine(line) != line {
			t.Fatalf("%q is no description", line)
		}
	})
}

func TestPaddedSize(t *testing.T) {
	for n := range 1 << 16 {
		p := paddedSize(n)
		if p < n || p%512 != 0 || paddedSize(p) != p || p > n+max(512, n/8) {
			t.Fatalf("%d is padded to %d", n, p)
		}
	}
	if n := paddedSize(MaxRecord - 4096); n > MaxRecord {
		t.Errorf("the largest body is padded to %d", n)
	}
}

func TestRefNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"heads/main": true, "tags/v1.0": true, "heads/a/b/c": true, "heads/ü": true, "heads/@": true, "a/-b": true, "heads/{": true,
		"": false, "main": false, "heads/": false, "/heads": false, "heads//a": false, "heads/.a": false, ".h/a": false,
		"heads/a.lock": false, "heads/a.lock/b": false, "heads/a..b": false, "heads/a.": false, "heads/a b": false,
		"heads/a~b": false, "heads/a^": false, "heads/a:b": false, "heads/a?": false, "heads/*": false, "heads/[": false,
		`heads/a\b`: false, "heads/@{1}": false, "heads/\x7f": false, "heads/\n": false, "heads/a\x00": false,
		"heads/" + strings.Repeat("x", MaxRefName-6): true, "heads/" + strings.Repeat("x", MaxRefName-5): false,
	} {
		if err := ValidateRefName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, ok := range map[string]bool{"main": true, "a/b": true, "-a": false, "HEAD": false, "": false} {
		if err := ValidateBranchName(name); (err == nil) != ok {
			t.Errorf("branch %q: %v", name, err)
		}
	}
}

// The rules are git's: ask git.
func TestRefNamesAgainstGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	pieces := []string{"a", "/", ".", "..", ".lock", "@", "{", "@{", "~", "^", ":", "?", "*", "[", `\`, " ", "-", "\x7f", "é", "\t", "x", "b"}
	rapid.Check(t, func(t *rapid.T) {
		name := "h/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 6).Draw(t, "name"), "")
		err := exec.Command(git, "check-ref-format", name).Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := ValidateRefName(name); (got == nil) != (err == nil) {
			t.Fatalf("%q: git %v, here %v", name, err, got)
		}
	})
}

func ExampleOneLine() {
	fmt.Println(OneLine("Add the garden pictures\n\nAll of them."))
	// Output: Add the garden pictures
}

// The signature of a log's own key does not put a record where it does not belong.
func TestHeaderFollows(t *testing.T) {
	prev := Position{Tag{1}, 4, [32]byte{4}}
	good := Header{Tag: prev.Tag, Seq: 5, Previous: prev.Hash}
	must(t, good.Follows(prev))
	for name, change := range map[string]func(*Header){
		"another log":     func(h *Header) { h.Tag[31]++ },
		"the same number": func(h *Header) { h.Seq = 4 },
		"a number later":  func(h *Header) { h.Seq = 6 },
		"another past":    func(h *Header) { h.Previous[31]++ },
		"no past":         func(h *Header) { h.Previous = [32]byte{} },
	} {
		h := good
		change(&h)
		if err := h.Follows(prev); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A length beyond its limit in a record is damage, by which a reader knows that the log is to be repaired.
func TestLengthsOverTheirLimitAreDamage(t *testing.T) {
	d := newDecoder([]byte{0xff, 0xff, 0x7f})
	d.Uvarint(10, "count")
	if err := d.Err(); !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrLimit) {
		t.Errorf("%v, want ErrDamaged and ErrLimit", err)
	}
}
