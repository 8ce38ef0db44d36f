package xaes

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"testing"

	"pgregory.net/rapid"
)

func newAEAD(t testing.TB, fill byte) *AEAD {
	t.Helper()
	key := new([KeySize]byte)
	copy(key[:], bytes.Repeat([]byte{fill}, KeySize))
	a, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Both vectors of the specification: the top bit of the encrypted zero block is 0 in the first and 1 in the second.
func TestPublishedVectors(t *testing.T) {
	vectors := []struct {
		fill       byte
		aad        string
		subkey     string
		ciphertext string
	}{
		{1, "", "e531954aca063d5b8d9c47a47d4cc6f0", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "23810ec50edb99f374409466ed1f4b7b", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	}
	for _, v := range vectors {
		a := newAEAD(t, v.fill)
		if got := hex.EncodeToString(a.subkey[:]); got != v.subkey {
			t.Errorf("key %d: K1 is %s, want %s", v.fill, got, v.subkey)
		}
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		sealed := a.Seal(nil, nonce, []byte("XAES-256-GCM"), []byte(v.aad))
		if got := hex.EncodeToString(sealed); got != v.ciphertext {
			t.Errorf("key %d: ciphertext is %s, want %s", v.fill, got, v.ciphertext)
		}
		opened, err := a.Open(nil, nonce, sealed, []byte(v.aad))
		if err != nil || string(opened) != "XAES-256-GCM" {
			t.Errorf("key %d: opened %q, %v", v.fill, opened, err)
		}
	}
	t.Logf("proof row 12: %d XAES-256-GCM vectors", len(vectors))
}

// The accumulated hash of the specification over inputs read from SHAKE-128.
func TestAccumulatedHashes(t *testing.T) {
	runs := []struct {
		n    int
		want string
	}{{10_000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"}}
	if os.Getenv("EVAULT_PROVE") == "1" {
		runs = append(runs, struct {
			n    int
			want string
		}{1_000_000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15"})
	}
	for _, r := range runs {
		if got := accumulate(t, r.n); got != r.want {
			t.Errorf("%d iterations: hash %s, want %s", r.n, got, r.want)
		}
		t.Logf("proof row 12: XAES-256-GCM accumulated hash over %d iterations", r.n)
	}
}

func accumulate(t *testing.T, n int) string {
	t.Helper()
	rng, sum := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	var key [KeySize]byte
	nonce := make([]byte, NonceSize)
	var plainBuf, aadBuf [255]byte
	read := func(b []byte) {
		if _, err := io.ReadFull(rng, b); err != nil {
			t.Fatal(err)
		}
	}
	short := func(buf *[255]byte) []byte {
		var length [1]byte
		read(length[:])
		b := buf[:length[0]]
		read(b)
		return b
	}
	var sealed, opened []byte
	for range n {
		read(key[:])
		read(nonce)
		plaintext, aad := short(&plainBuf), short(&aadBuf)
		a, err := New(&key)
		if err != nil {
			t.Fatal(err)
		}
		sealed = a.Seal(sealed[:0], nonce, plaintext, aad)
		opened, err = a.Open(opened[:0], nonce, sealed, aad)
		if err != nil || !bytes.Equal(opened, plaintext) {
			t.Fatalf("round trip failed: %v", err)
		}
		if _, err := sum.Write(sealed); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]byte, 32)
	if _, err := io.ReadFull(sum, out); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(out)
}

func TestAnyChangedBitIsRefused(t *testing.T) {
	a := newAEAD(t, 7)
	nonce, aad := make([]byte, NonceSize), []byte("aad")
	sealed := a.Seal(nil, nonce, []byte("some plaintext"), aad)
	flip := func(name string, b []byte) {
		for bit := range len(b) * 8 {
			b[bit/8] ^= 1 << (bit % 8)
			if _, err := a.Open(nil, nonce, sealed, aad); !errors.Is(err, ErrOpen) {
				t.Fatalf("%s bit %d changed: %v", name, bit, err)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
	flip("ciphertext", sealed)
	flip("nonce", nonce)
	flip("aad", aad)
	if _, err := a.Open(nil, nonce, sealed[:Overhead-1], aad); !errors.Is(err, ErrOpen) {
		t.Fatalf("short ciphertext: %v", err)
	}
	if _, err := newAEAD(t, 8).Open(nil, nonce, sealed, aad); !errors.Is(err, ErrOpen) {
		t.Fatalf("another key: %v", err)
	}
}

func TestRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var key [KeySize]byte
		copy(key[:], rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		nonce := rapid.SliceOfN(rapid.Byte(), NonceSize, NonceSize).Draw(t, "nonce")
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		aad := rapid.SliceOf(rapid.Byte()).Draw(t, "aad")
		a, err := New(&key)
		if err != nil {
			t.Fatal(err)
		}
		sealed := a.Seal([]byte("head"), nonce, plaintext, aad)
		if len(sealed) != 4+len(plaintext)+Overhead || string(sealed[:4]) != "head" {
			t.Fatalf("sealed has %d bytes", len(sealed))
		}
		opened, err := a.Open(nil, nonce, sealed[4:], aad)
		if err != nil || !bytes.Equal(opened, plaintext) {
			t.Fatalf("opened %x, %v", opened, err)
		}
	})
}

func TestNonceOfAnotherLengthPanics(t *testing.T) {
	a := newAEAD(t, 1)
	for _, call := range []func([]byte){
		func(n []byte) { a.Seal(nil, n, nil, nil) },
		func(n []byte) { _, _ = a.Open(nil, n, make([]byte, 32), nil) },
	} {
		for _, n := range []int{0, 12, 23, 25} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("a nonce of %d bytes was taken", n)
					}
				}()
				call(make([]byte, n))
			}()
		}
	}
}

// A caller may seal and open over the plaintext's own memory.
func TestInPlace(t *testing.T) {
	a := newAEAD(t, 9)
	nonce, text := make([]byte, NonceSize), []byte("in place")
	buf := append(make([]byte, 0, 64), text...)
	sealed := a.Seal(buf[:0], nonce, buf, nil)
	if want := a.Seal(nil, nonce, text, nil); !bytes.Equal(sealed, want) {
		t.Fatal("sealing in place gives other bytes")
	}
	opened, err := a.Open(sealed[:0], nonce, sealed, nil)
	if err != nil || !bytes.Equal(opened, text) {
		t.Fatalf("opened %q, %v", opened, err)
	}
}

// What a frame costs beyond its bytes must not grow with them.
func TestAllocationsDoNotGrow(t *testing.T) {
	a := newAEAD(t, 1)
	nonce := make([]byte, NonceSize)
	for _, size := range []int{0, 1 << 10, 1 << 20} {
		plaintext := make([]byte, size)
		sealed := make([]byte, 0, size+Overhead)
		if n := testing.AllocsPerRun(20, func() { a.Seal(sealed, nonce, plaintext, nil) }); n > 3 {
			t.Errorf("sealing %d bytes allocates %.0f times", size, n)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	for name, size := range map[string]int{"1KiB": 1 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			a := newAEAD(b, 1)
			nonce, plaintext := make([]byte, NonceSize), make([]byte, size)
			sealed := make([]byte, 0, size+Overhead)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				a.Seal(sealed, nonce, plaintext, nil)
			}
		})
	}
}
