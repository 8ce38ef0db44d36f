package keys_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"evault/keys"
)

func ephemeral(t testing.TB) *keys.Vault {
	t.Helper()
	v, err := keys.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func packSealer(t testing.TB, v *keys.Vault, salt byte) *keys.Sealer {
	t.Helper()
	s, err := v.PackSealer(v.Epoch(), [32]byte{salt})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealRoundTrip(t *testing.T) {
	s := packSealer(t, ephemeral(t), 1)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		aad := rapid.SliceOf(rapid.Byte()).Draw(t, "aad")
		for _, way := range []struct {
			overhead int
			seal     func(dst, text, aad []byte) []byte
			open     func(dst, sealed, aad []byte) ([]byte, error)
		}{{keys.Overhead, s.Seal, s.Open}, {keys.CommittedOverhead, s.SealCommitted, s.OpenCommitted}} {
			sealed := way.seal([]byte("head"), text, aad)
			if len(sealed) != 4+len(text)+way.overhead {
				t.Fatalf("%d bytes sealed to %d", len(text), len(sealed))
			}
			opened, err := way.open([]byte("head"), sealed[4:], aad)
			if err != nil || !bytes.Equal(opened[4:], text) {
				t.Fatalf("opened %x, %v", opened, err)
			}
			sealed[4+rapid.IntRange(0, len(sealed)-5).Draw(t, "at")] ^= 1
			if _, err := way.open(nil, sealed[4:], aad); !errors.Is(err, keys.ErrSealed) {
				t.Fatalf("changed: %v", err)
			}
			if _, err := way.open(nil, sealed[4:4+way.overhead-1], aad); !errors.Is(err, keys.ErrSealed) {
				t.Fatalf("short: %v", err)
			}
		}
	})
}

// Each purpose, epoch, salt and vault has a key of its own.
func TestSealersAreApart(t *testing.T) {
	v := ephemeral(t)
	logs, err := v.LogSealer(v.Epoch())
	if err != nil {
		t.Fatal(err)
	}
	index, err := v.LocalSealer("stat index")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := v.LocalSealer("fold cache")
	if err != nil {
		t.Fatal(err)
	}
	all := []*keys.Sealer{packSealer(t, v, 1), packSealer(t, v, 2), logs, index, cache, packSealer(t, ephemeral(t), 1)}
	masks := map[uint32]bool{}
	for i, a := range all {
		sealed, committed := a.Seal(nil, []byte("text"), nil), a.SealCommitted(nil, []byte("text"), nil)
		for j, b := range all {
			_, err1 := b.Open(nil, sealed, nil)
			_, err2 := b.OpenCommitted(nil, committed, nil)
			if (err1 == nil) != (i == j) || (err2 == nil) != (i == j) {
				t.Errorf("sealed by %d, opened by %d: %v, %v", i, j, err1, err2)
			}
		}
		masks[a.Mask(&[24]byte{9})] = true
	}
	if len(masks) != len(all) {
		t.Errorf("%d masks of %d keys", len(masks), len(all))
	}
	for _, unknown := range []uint32{0, v.Epoch() + 1} {
		if _, err := v.PackSealer(unknown, [32]byte{}); !errors.Is(err, keys.ErrUnknownEpoch) {
			t.Errorf("epoch %d: %v", unknown, err)
		}
		if _, err := v.LogSealer(unknown); !errors.Is(err, keys.ErrUnknownEpoch) {
			t.Errorf("epoch %d: %v", unknown, err)
		}
	}
}

// The same derivation gives the same key, so that another process opens what this one sealed.
func TestMaskIsAFunctionOfTheWholeNonce(t *testing.T) {
	v := ephemeral(t)
	a, b := packSealer(t, v, 1), packSealer(t, v, 1)
	var nonce [24]byte
	seen := map[uint32]bool{a.Mask(&nonce): true}
	for i := range nonce {
		nonce[i] ^= 0x40
		if a.Mask(&nonce) != b.Mask(&nonce) {
			t.Fatal("two masks of one nonce")
		}
		seen[a.Mask(&nonce)] = true
		nonce[i] ^= 0x40
	}
	if len(seen) != len(nonce)+1 {
		t.Errorf("%d masks of %d nonces", len(seen), len(nonce)+1)
	}
}

func TestSealerIsSafeForConcurrentUse(t *testing.T) {
	v := ephemeral(t)
	s := packSealer(t, v, 1)
	want := v.ObjectID(3, []byte("ab"))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				text := fmt.Appendf(nil, "%d %d", g, i)
				if got, err := s.OpenCommitted(nil, s.SealCommitted(nil, text, text), text); err != nil || !bytes.Equal(got, text) {
					t.Errorf("opened %q, %v", got, err)
				}
				if got := v.ObjectID(3, []byte("a"), []byte("b")); got != want {
					t.Errorf("object ID %x", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestObjectID(t *testing.T) {
	v := ephemeral(t)
	h := v.NewHasher()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.Byte().Draw(t, "kind")
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		whole := append(append([]byte{}, a...), b...)
		id := h.ObjectID(kind, whole)
		if id != v.ObjectID(kind, a, b) || id != v.ObjectID(kind, whole) {
			t.Fatal("parts change the ID")
		}
		if id == h.ObjectID(kind+1, whole) || id == h.ObjectID(kind, append(whole, 0)) {
			t.Fatal("another object has the same ID")
		}
	})
	if v.ObjectID(1, []byte("x")) == ephemeral(t).ObjectID(1, []byte("x")) {
		t.Error("two vaults give one ID")
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop what it is given, on purpose")
	}
	v := ephemeral(t)
	h, s := v.NewHasher(), packSealer(t, v, 1)
	data := make([]byte, 4096)
	nonce := new([24]byte)
	dst := make([]byte, 0, len(data)+keys.CommittedOverhead)
	for _, c := range []struct {
		name string
		most float64
		run  func()
	}{
		{"Hasher.ObjectID", 0, func() { h.ObjectID(1, data) }},
		{"Vault.ObjectID", 0, func() { v.ObjectID(1, data) }},
		{"Vault.ObjectID of parts", 0, func() { v.ObjectID(1, data[:5], data[5:]) }},
		{"Mask", 0, func() { s.Mask(nonce) }},
		// The derived key's AES-GCM instance: two pieces, 1280 bytes, whatever the text's length.
		{"Seal", 2, func() { s.Seal(dst, data, nil) }},
		{"SealCommitted", 2, func() { s.SealCommitted(dst, data, nil) }},
	} {
		if n := testing.AllocsPerRun(100, c.run); n > c.most {
			t.Errorf("%s allocates %.0f times", c.name, n)
		}
	}
}

const nonceChild = "EVAULT_TEST_NONCES"

// Processes that seal at the same time never draw the same nonce. The child processes print theirs.
func TestNoncesAcrossProcesses(t *testing.T) {
	if n, err := strconv.Atoi(os.Getenv(nonceChild)); err == nil {
		printNonces(t, n)
		return
	}
	const processes = 4
	total := 10_000
	if os.Getenv("EVAULT_PROVE") == "1" {
		total = 1_000_000
	}
	var wg sync.WaitGroup
	var outputs [processes][]byte
	for i := range outputs {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestNoncesAcrossProcesses$", "-test.v=false")
			cmd.Env = append(os.Environ(), nonceChild+"="+strconv.Itoa(total/processes))
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("child: %v", err)
			}
			outputs[i] = out
		})
	}
	wg.Wait()
	seen := make(map[[keys.NonceSize]byte]bool, total)
	for _, out := range outputs {
		for line := range strings.Lines(string(out)) {
			digits, ok := strings.CutPrefix(strings.TrimSpace(line), "nonce ")
			if !ok {
				continue
			}
			raw, err := hex.DecodeString(digits)
			if err != nil || len(raw) != keys.NonceSize {
				t.Fatalf("line %q", line)
			}
			if seen[[keys.NonceSize]byte(raw)] {
				t.Fatalf("nonce %x twice", raw)
			}
			seen[[keys.NonceSize]byte(raw)] = true
		}
	}
	if len(seen) != total {
		t.Fatalf("%d nonces of %d", len(seen), total)
	}
	t.Logf("proof row 13: %d nonces of %d processes, 0 repeats", len(seen), processes)
}

func printNonces(t *testing.T, n int) {
	s := packSealer(t, ephemeral(t), 1)
	var b bytes.Buffer
	for i := range n {
		var nonce []byte
		if i%2 == 0 {
			nonce = s.Seal(nil, nil, nil)[:keys.NonceSize]
		} else {
			nonce = s.SealCommitted(nil, nil, nil)[keys.CommitmentSize:][:keys.NonceSize]
		}
		fmt.Fprintf(&b, "nonce %x\n", nonce)
	}
	if _, err := io.Copy(os.Stdout, &b); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkObjectID(b *testing.B) {
	v := ephemeral(b)
	h := v.NewHasher()
	for _, size := range []int{100, 4096, 256 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				h.ObjectID(1, data)
			}
		})
	}
}

func BenchmarkSealFrame(b *testing.B) {
	s := packSealer(b, ephemeral(b), 1)
	data := make([]byte, 1<<20)
	dst := make([]byte, 0, len(data)+keys.Overhead)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s.Seal(dst, data, nil)
	}
}
