package storetest

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"evault/keys"
	"evault/refs"
)

// domainHeader is what a log's key signs before a header: docs/format.md.
const domainHeader = "evault log header v1"

// Writer builds the records of one log, one after the other. Their headers are real, and all that a host checks fits; their
// bodies are random bytes, which nobody opens: to be read by package refs they would have to be written by it. It is not
// safe for concurrent use.
type Writer struct {
	t     testing.TB
	store refs.StoreID
	key   *keys.LogKey
	head  refs.Position
	begun bool
	rand  *rand.ChaCha8
}

// NewWriter begins a new log of a store, with a key of its own.
func NewWriter(t testing.TB, store refs.StoreID) *Writer {
	t.Helper()
	v, err := keys.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.LogKey(store, [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return &Writer{t: t, store: store, key: key, rand: rand.NewChaCha8(key.Public())}
}

// Tag names the log.
func (w *Writer) Tag() refs.Tag { return refs.TagOf(w.store, w.key.Public()) }

// Heads gives the position of the record built last, or nothing: what the heads of a store are in which nobody else writes.
func (w *Writer) Heads() []refs.Position {
	if !w.begun {
		return nil
	}
	return []refs.Position{w.head}
}

// Record builds the next record, which adds packs, in any order.
func (w *Writer) Record(added []refs.Pack) []byte {
	w.t.Helper()
	return w.RecordOf(added, 200)
}

// RecordOf is Record with a body of this many bytes.
func (w *Writer) RecordOf(added []refs.Pack, bodySize int) []byte {
	w.t.Helper()
	body := make([]byte, bodySize)
	w.rand.Read(body)
	h := w.Next()
	h.Added = slices.Clone(added)
	slices.SortFunc(h.Added, func(a, b refs.Pack) int { return bytes.Compare(a.Name[:], b.Name[:]) })
	data := w.Sign(h, body)
	if _, hash, _, err := refs.CheckRecord(w.store, data); err != nil {
		w.t.Fatal(err)
	} else {
		w.head = refs.Position{Tag: h.Tag, Seq: h.Seq, Hash: hash}
		w.begun = true
	}
	return data
}

// Records builds the next n records, which add nothing.
func (w *Writer) Records(n int) [][]byte {
	w.t.Helper()
	out := make([][]byte, n)
	for i := range out {
		out[i] = w.Record(nil)
	}
	return out
}

// Next gives the header of the next record without packs and body, to be changed and signed by Sign.
func (w *Writer) Next() refs.Header {
	h := refs.Header{Tag: w.Tag(), Key: w.key.Public()}
	if w.begun {
		h.Seq, h.Previous = w.head.Seq+1, w.head.Hash
	}
	return h
}

// Sign completes a header with a body and the log's signature and gives header and body encoded. It checks nothing and
// leaves the writer where it is, so that records can be built which no host may accept.
func (w *Writer) Sign(h refs.Header, body []byte) []byte {
	h.BodySize, h.BodyHash = uint64(len(body)), sha256.Sum256(body)
	unsigned := h.Append(nil)
	h.Signature = w.key.Sign(domainHeader, unsigned[:len(unsigned)-len(h.Signature)])
	return append(h.Append(nil), body...)
}

// Pack makes a pack of so many bytes, always the same for a seed. Nothing can be read from it: to a host packs are bytes
// with a name.
func Pack(seed uint64, size int) (refs.Pack, []byte) {
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	data := make([]byte, size)
	rand.NewChaCha8(s).Read(data)
	return refs.Pack{Name: sha256.Sum256(data), Size: uint64(size)}, data
}

// Source gives a pack's bytes, as PutPack asks for them.
func Source(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}
