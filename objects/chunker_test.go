package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b) // never fails
	return b
}

// slowCut is the definition: after n bytes, from the 65,537th on, the gear of the 64
// bytes before decides.
func slowCut(c *Chunker, data []byte, final bool) int {
	for n := MinChunk + 1; n <= min(len(data), MaxChunk); n++ {
		var h uint64
		for i, b := range data[n-64 : n] {
			h += c.table[b] << (63 - i)
		}
		if n <= AverageChunk && h>>44 == 0 || n > AverageChunk && h>>48 == 0 || n == MaxChunk {
			return n
		}
	}
	if final {
		return len(data)
	}
	return 0
}

func TestCutByDefinition(t *testing.T) {
	c := NewChunker([32]byte{1})
	for seed := range uint64(3) {
		data := randomBytes(seed, 600<<10)
		for _, final := range []bool{true, false} {
			if got, want := c.Cut(data, final), slowCut(c, data, final); got != want {
				t.Errorf("seed %d, final %v: %d, want %d", seed, final, got, want)
			}
		}
	}
}

func cuts(c *Chunker, data []byte) (lengths []int) {
	for len(data) > 0 {
		n := c.Cut(data, true)
		lengths = append(lengths, n)
		data = data[n:]
	}
	return lengths
}

func TestCutLengths(t *testing.T) {
	c := NewChunker([32]byte{2})
	data := randomBytes(7, 32<<20)
	lengths := cuts(c, data)
	sum := 0
	for i, n := range lengths {
		sum += n
		if n > MaxChunk || n <= MinChunk && i < len(lengths)-1 {
			t.Errorf("chunk %d of %d bytes", i, n)
		}
	}
	mean := len(data) / len(lengths)
	if sum != len(data) || mean < 220<<10 || mean > 360<<10 {
		t.Errorf("%d chunks of %d bytes in the mean, sum %d", len(lengths), mean, sum)
	}
	t.Logf("mean length %d KiB", mean>>10)
}

// Inserted bytes change the chunks around them and no others.
func TestCutFindsBoundariesAgain(t *testing.T) {
	c := NewChunker([32]byte{3})
	data := randomBytes(8, 12<<20)
	hashes := func(data []byte) map[[32]byte]bool {
		m := map[[32]byte]bool{}
		for len(data) > 0 {
			n := c.Cut(data, true)
			m[sha256.Sum256(data[:n])] = true
			data = data[n:]
		}
		return m
	}
	before := hashes(data)
	for _, at := range []int{1, 5<<20 + 13} {
		changed := append(append(bytes.Clone(data[:at]), "inserted"...), data[at:]...)
		fresh := 0
		for h := range hashes(changed) {
			if !before[h] {
				fresh++
			}
		}
		if fresh > 5 {
			t.Errorf("insertion at %d: %d of %d chunks are new", at, fresh, len(before))
		}
	}
}

func TestCutEdges(t *testing.T) {
	c := NewChunker([32]byte{4})
	data := randomBytes(9, 2*MaxChunk)
	want := c.Cut(data, true)
	for _, n := range []int{0, 1, 63, 64, 65, MinChunk - 1, MinChunk, MinChunk + 1, want - 1} {
		if got := c.Cut(data[:n], true); got != n {
			t.Errorf("%d bytes to the end of the file: %d", n, got)
		}
		if got := c.Cut(data[:n], false); got != 0 {
			t.Errorf("%d bytes of more: %d", n, got)
		}
	}
	for _, n := range []int{want, want + 1, MaxChunk, len(data)} {
		if a, b := c.Cut(data[:n], true), c.Cut(data[:n], false); a != want || b != want {
			t.Errorf("%d bytes: %d and %d, want %d", n, a, b, want)
		}
	}
	other := NewChunker([32]byte{5})
	if a, b := cuts(c, data), cuts(other, data); len(a) > 1 && a[0] == b[0] {
		t.Errorf("two keys cut alike: %v, %v", a, b)
	}
}

// However the bytes arrive, the boundaries are the same.
func TestCutOfAStream(t *testing.T) {
	c := NewChunker([32]byte{6})
	data := randomBytes(10, 5<<19)
	want := cuts(c, data)
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.IntRange(300_000, 2<<20).Draw(t, "step")
		var got []int
		start, end := 0, 0
		for start < len(data) {
			n := c.Cut(data[start:end], end == len(data))
			if n == 0 {
				end = min(end+step, len(data))
				continue
			}
			got = append(got, n)
			start += n
		}
		if len(got) != len(want) {
			t.Fatalf("%v, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%v, want %v", got, want)
			}
		}
	})
}

func TestZeroCut(t *testing.T) {
	zeros := make([]byte, 4<<20)
	for i := range 50 {
		c := NewChunker([32]byte{byte(i)})
		if n := c.Cut(zeros, true); n != c.ZeroCut() {
			t.Errorf("key %d: %d, ZeroCut says %d", i, n, c.ZeroCut())
		}
	}
	for _, table := range []struct {
		zero uint64
		want int
	}{{1<<64 - 1, MinChunk + 1}, {1<<64 - strictLimit, AverageChunk + 1}, {1, MaxChunk}} {
		var c Chunker
		c.table[0] = table.zero
		if got := c.zeroCut(); got != table.want || c.Cut(zeros, false) != got {
			t.Errorf("table[0] = %#x: %d, cut at %d, want %d", table.zero, got, c.Cut(zeros, false), table.want)
		}
	}
}

// The table of one key is fixed: a vault's chunks must be found again forever.
func TestGearTable(t *testing.T) {
	c := NewChunker([32]byte{0: 1, 31: 2})
	h := sha256.New()
	for _, v := range c.table {
		var b [8]byte
		for i := range b {
			b[i] = byte(v >> (56 - 8*i))
		}
		h.Write(b[:])
	}
	const want = "c29746da808ee3467c154add83d03f63a731fc87d64d8b9d1a80759557dbf875"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("table hashes to %s", got)
	}
}

func TestIsZero(t *testing.T) {
	b := make([]byte, 300)
	for n := range b {
		if !IsZero(b[:n]) {
			t.Errorf("%d zeros", n)
		}
		for i := range n {
			b[i] = 1
			if IsZero(b[:n]) {
				t.Errorf("byte %d of %d", i, n)
			}
			b[i] = 0
		}
	}
	if !IsZero(nil) {
		t.Error("nil")
	}
}

func BenchmarkCut(b *testing.B) {
	c := NewChunker([32]byte{1})
	data := randomBytes(11, 16<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for p := data; len(p) > 0; p = p[c.Cut(p, true):] {
		}
	}
}

func BenchmarkIsZero(b *testing.B) {
	data := make([]byte, MaxChunk)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if !IsZero(data) {
			b.Fatal("not zero")
		}
	}
}
