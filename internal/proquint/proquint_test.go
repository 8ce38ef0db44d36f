package proquint

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The examples of the proposal: IPv4 addresses.
func TestPublishedExamples(t *testing.T) {
	for want, ip := range map[string][]byte{
		"lusab babad": {127, 0, 0, 1},
		"gutih tugad": {63, 84, 220, 193},
		"mudof sakat": {140, 98, 193, 141},
		"natag lisaf": {147, 67, 119, 2},
	} {
		if got := Phrase(ip); !strings.HasPrefix(got, want+" ") || len(got) != 17 {
			t.Errorf("%v is %q, want %q and a check word", ip, got, want)
		}
	}
	// The published check value of CRC-16/IBM-3740.
	if got := checksum([]byte("123456789")); got != 0x29B1 {
		t.Errorf("checksum %#x", got)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "data")
		phrase := Phrase(data)
		for _, typed := range []string{phrase, strings.ToUpper(phrase), strings.ReplaceAll(phrase, " ", "-"), " " + strings.ReplaceAll(phrase, " ", "\n ")} {
			if got, err := Parse(typed, 16); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%q: %x, %v", typed, got, err)
			}
		}
	})
}

// Every other word in every place is noticed.
func TestEveryWrongWordIsNoticed(t *testing.T) {
	data := []byte("sixteen bytes ok")
	words := strings.Fields(Phrase(data))
	for i, right := range words {
		for v := range 1 << 16 {
			wrong := string(appendWord(nil, uint16(v)))
			if wrong == right || (i > 0 && v%16 != 0) {
				continue
			}
			words[i] = wrong
			if _, err := Parse(strings.Join(words, " "), 16); !errors.Is(err, ErrCheck) {
				t.Fatalf("word %d as %q: %v", i, wrong, err)
			}
		}
		words[i] = right
	}
}

func TestFormErrors(t *testing.T) {
	phrase := Phrase(make([]byte, 16))
	for _, bad := range []string{"", "babab", phrase + " babab", phrase[:len(phrase)-1], strings.Replace(phrase, "b", "x", 1), strings.Replace(phrase, "a", "e", 1)} {
		if _, err := Parse(bad, 16); !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("lusab babad gutih")
	f.Add(Phrase(make([]byte, 16)))
	f.Fuzz(func(t *testing.T, s string) {
		data, err := Parse(s, 16)
		if err != nil {
			return
		}
		if again, err := Parse(Phrase(data), 16); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
