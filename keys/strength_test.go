package keys_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/keys"
)

func TestStrengthEstimates(t *testing.T) {
	for _, c := range []struct {
		pass   string
		strong bool
	}{
		{"", false}, {"a", false}, {"password", false}, {"Password123!", false}, {"hunter2", false},
		{"qwertyuiopasdfghjklzxcvbnm", false}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"abcdefghijklmnopqrstuvwxyz0123456789", false}, {"12345678901234567890", false},
		{"correct horse battery staple", false}, {"tree tree tree tree tree tree tree tree", false},
		{"Summer2024!Summer2025!", false}, {"letmein letmein letmein", false},
		{strongPass, true}, // seven unusual words
		{"x9#Kq2$vB7!mZ4&wT1@p", true},
		{"8f3a9c5e7b1d4026af83c9e5b7d1f402", true},
		{keys.NewRecoveryWords(), true},
		{strings.ToUpper(keys.NewRecoveryWords()), true},
	} {
		if bits := keys.EstimateBits([]byte(c.pass)); (bits >= keys.MinPublishedBits) != c.strong {
			t.Errorf("%q is worth %.1f bits", c.pass, bits)
		}
	}
}

// Generated words always count in full, and no text makes the estimate fail.
func TestStrengthProperties(t *testing.T) {
	for range 1000 {
		words := keys.NewRecoveryWords()
		if bits := keys.EstimateBits([]byte(words)); bits != 128 {
			t.Fatalf("%q is worth %.1f bits", words, bits)
		}
		if got, ok, err := keys.NormalizeRecoveryWords([]byte(words)); got != words || !ok || err != nil {
			t.Fatalf("%q: %q, %v, %v", words, got, ok, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		pass := rapid.SliceOf(rapid.Byte()).Draw(t, "pass")
		bits := keys.EstimateBits(pass)
		if bits < 0 || bits > 8*float64(len(pass))+8 {
			t.Fatalf("%q is worth %.1f bits", pass, bits)
		}
	})
}
