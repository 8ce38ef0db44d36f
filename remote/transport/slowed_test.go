package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"testing"
	"time"

	"evault/keys"
	"evault/refs"
	"evault/remote"
)

// The limit of uploads holds for a folder, too: a second's worth beyond the burst takes about a second.
func TestFolderUploadLimit(t *testing.T) {
	const rate = 1 << 20
	data := make([]byte, rate/2+rate/8)
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	p := refs.Pack{Name: sha256.Sum256(data), Size: uint64(len(data))}
	for _, limited := range []bool{false, true} {
		site, err := Open(t.Context(), remote.URL{Scheme: remote.SchemeFile, Path: t.TempDir()}, Options{UploadLimit: map[bool]int64{true: rate}[limited]})
		if err != nil {
			t.Fatal(err)
		}
		store := site.Store(keys.VaultID{1})
		if _, err := store.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := store.PutPack(t.Context(), p, open); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); limited && took < 300*time.Millisecond {
			t.Errorf("%d bytes at %d a second took %v", len(data), rate, took)
		}
		if limited {
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			p.Name[0]++
			if err := store.PutPack(ended, p, open); err == nil {
				t.Error("a push that has ended goes on")
			}
		}
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	}
}
