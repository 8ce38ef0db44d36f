package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// Hasher computes object IDs for one goroutine: HMAC-SHA-256 (RFC 2104, FIPS 198-1) under the object-ID key, over the kind
// (one byte) and the plaintext. It allocates nothing: the two padded key blocks are hashed once, when it is made.
type Hasher struct {
	mac  hash.Hash
	kind [1]byte
	sum  [sha256.Size]byte
}

// NewHasher makes a Hasher, which one goroutine at a time may use.
func (v *Vault) NewHasher() *Hasher {
	h := &Hasher{mac: hmac.New(sha256.New, v.ring.objectIDKey[:])}
	// The standard library saves the state behind the padded key at the second Reset: pay for that here.
	h.ObjectID(0, nil)
	h.ObjectID(0, nil)
	return h
}

// ObjectID is the ID of data as an object of this kind.
func (h *Hasher) ObjectID(kind byte, data []byte) [32]byte {
	h.begin(kind)
	h.mac.Write(data) // a hash.Hash never returns an error
	return h.end()
}

func (h *Hasher) begin(kind byte) {
	h.mac.Reset()
	h.kind[0] = kind
	h.mac.Write(h.kind[:])
}

func (h *Hasher) end() [32]byte {
	h.mac.Sum(h.sum[:0])
	return h.sum
}

// ObjectID is the ID of the parts' concatenation as an object of this kind. It is safe for concurrent use and allocates
// nothing once as many Hashers exist as goroutines call it.
func (v *Vault) ObjectID(kind byte, parts ...[]byte) [32]byte {
	h, _ := v.hashers.Get().(*Hasher)
	if h == nil {
		h = v.NewHasher()
	}
	defer v.hashers.Put(h)
	h.begin(kind)
	for _, p := range parts {
		h.mac.Write(p)
	}
	return h.end()
}
