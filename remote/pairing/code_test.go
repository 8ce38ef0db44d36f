package pairing

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/keys"
)

func TestCodes(t *testing.T) {
	for format, size := range map[Format]int{Letters: letterCount, Digits: digitCount} {
		var counts [256]int
		for range 2000 {
			c, err := newCode(format)
			if err != nil || len(c) != size {
				t.Fatalf("%q, %v", c, err)
			}
			for _, b := range []byte(c) {
				counts[b]++
			}
			for _, shown := range []string{c.String(), strings.ToLower(c.String()), " " + string(c[:3]) + " - " + string(c[3:]) + "\n", string(c)} {
				if got, err := ParseCode(shown); err != nil || got != c {
					t.Fatalf("%q is read as %q, %v", shown, got, err)
				}
			}
		}
		used, least, most := 0, 1<<30, 0
		for _, n := range counts {
			if n > 0 {
				used, least, most = used+1, min(least, n), max(most, n)
			}
		}
		if want := map[Format]int{Letters: 32, Digits: 10}[format]; used != want || least*2 < most {
			t.Errorf("format %d: %d characters, from %d to %d times", format, used, least, most)
		}
	}
	if _, err := newCode(3); !errors.Is(err, ErrCode) {
		t.Error("a third format")
	}
	if c, err := ParseCode("oil0-Lio1"); err != nil || c != "01101101" {
		t.Errorf("%q, %v", c, err)
	}
	for _, bad := range []string{"", "7KQ49XW", "7KQ4-9XWM-1", "12345", "1234567", "12345A", "7KQ4-9XWU", "7KQ4_9XW", "7KQ49XW\x00", "7KQ49XWé", strings.Repeat("-", 65)} {
		if c, err := ParseCode(bad); !errors.Is(err, ErrCode) {
			t.Errorf("%q is the code %q, %v", bad, c, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"host": "host:4723", "host:1": "host:1", "192.0.2.1": "192.0.2.1:4723", "[2001:db8::1]:99": "[2001:db8::1]:99",
		"2001:db8::1": "[2001:db8::1]:4723", "[::1]": "[::1]:4723",
	} {
		if target, err := NewTarget(text, "7KQ49XWM"); err != nil || target.Addresses()[0] != want {
			t.Errorf("%q is %v, %v", text, target.Addresses(), err)
		}
	}
	for _, bad := range []string{"", ":4723", "host:0", "host:65536", "host:01", "host:", "-host", "a b", "host:x", "a:b:c", "h\x00", "user@host", "http://host", strings.Repeat("h", 256), "fe80::1%eth0"} {
		if target, err := NewTarget(bad, "7KQ49XWM"); !errors.Is(err, ErrTarget) {
			t.Errorf("%q is %v, %v", bad, target.Addresses(), err)
		}
	}
}

func TestTargetsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.SampledFrom([]string{"10.0.0.1:4723", "[2001:db8::1]:1", "host.example:65535", "bücher.example:80"})
		in := Target{addresses: rapid.SliceOfN(address, 1, MaxAddresses).Draw(t, "addresses"), kind: bySecret,
			device: keys.DeviceID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "device")), proof: rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "secret")}
		if in.device == (keys.DeviceID{}) {
			in.device[0] = 1
		}
		text, err := in.uri()
		if err != nil {
			t.Fatal(err)
		}
		out, err := ParseTarget(text)
		if err != nil || strings.Join(out.addresses, " ") != strings.Join(in.addresses, " ") || out.device != in.device || string(out.proof) != string(in.proof) || out.kind != bySecret {
			t.Fatalf("%s is read as %+v, %v", text, out, err)
		}
	})
}

func someURI(t testing.TB) string {
	inv, err := NewInvitation(Letters)
	if err != nil {
		t.Fatal(err)
	}
	uri, err := inv.URI([]string{"10.0.0.1:4723", "[fd00::1]:4723"}, keys.DeviceID{1})
	if err != nil {
		t.Fatal(err)
	}
	return uri
}

// TestBadTargets: a changed character, and anything missing or twice, is refused before anybody is called.
func TestBadTargets(t *testing.T) {
	good := someURI(t)
	bad := []string{"", "evault-pair:", "evault-pair:2?" + good[len("evault-pair:1?"):], good + "&", good + "&x=1", good + "&s=AAAA",
		strings.ToLower(good), strings.Replace(good, "&a=", "&A=", 1), strings.Replace(good, "&d", strings.Repeat("&a=h%3A1", MaxAddresses)+"&d", 1),
		strings.Repeat(good, 40), "evault-pair:1?" + good[strings.Index(good, "d="):], strings.Replace(good, "&d", "&a=evil%2Fpath%3A1&d", 1),
		good + "&a=h%3A1"}
	for n := range len(good) {
		bad = append(bad, good[:n])
	}
	for _, text := range bad {
		if _, err := ParseTarget(text); !errors.Is(err, ErrTarget) {
			t.Errorf("%q: %v", text, err)
		}
	}
	var inv Invitation
	for _, a := range [][]string{nil, make([]string, MaxAddresses+1), {"host"}, {"a b:1"}} {
		if uri, err := inv.URI(a, keys.DeviceID{1}); !errors.Is(err, ErrTarget) {
			t.Errorf("%q: %q, %v", a, uri, err)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add(someURI(f))
	f.Add("evault-pair:1?a=&d=&s=")
	f.Fuzz(func(t *testing.T, text string) {
		target, err := ParseTarget(text)
		if err != nil {
			if !errors.Is(err, ErrTarget) {
				t.Errorf("%v", err)
			}
			return
		}
		if again, err := target.uri(); err != nil || again != text {
			t.Errorf("%q would be written %q, %v", text, again, err)
		}
	})
}

func FuzzCode(f *testing.F) {
	f.Add("7kq4-9xwm")
	f.Add("123 456")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ParseCode(text); err == nil {
			if again, err := ParseCode(c.String()); err != nil || again != c {
				t.Errorf("%q is %q, which is %q", text, c, again)
			}
		}
	})
}
