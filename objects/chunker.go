package objects

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Parameters of chunker number 1, which a vault records. Lengths in bytes.
const (
	ChunkerNumber = 1
	MinChunk      = 64 << 10
	AverageChunk  = 256 << 10

	// Before the average a boundary needs 20 zero bits, after it 16, instead of 18
	// throughout: lengths gather around the average ("normalised chunking", level 2).
	strictLimit = 1 << (64 - 20)
	looseLimit  = 1 << (64 - 16)

	// gearWindow is how many bytes the 64-bit hash remembers.
	gearWindow = 64
)

// Chunker cuts files into chunks where their content says so, so that a byte
// inserted at the front moves boundaries instead of making every chunk a new one. It
// is immutable and safe for concurrent use.
//
// The hash is a 64-bit gear, h = 2h + table[byte], which is a function of the last 64
// bytes; a position is a boundary if h is below a limit. See W. Xia et al., "FastCDC: a
// Fast and Efficient Content-Defined Chunking Approach for Data Deduplication", USENIX
// ATC 2016, and their TPDS paper of 2020. Unlike there, the hash is warmed up on the 64
// bytes before the least length, so that the first positions depend on content alone,
// too; and a limit takes the place of a mask of high bits, which is the same and a
// comparison cheaper.
//
// The table comes from a key, but keyed gear is no security boundary: chunk lengths
// give the table away (K. T. Truong et al., "Breaking and Fixing Content-Defined
// Chunking", and B. Alexeev, C. Percival, Y. X. Zhang, "Chunking Attacks on File Backup
// Services using Content-Defined Chunking", both 2025). What keeps it safe is that no
// boundary is ever shown: chunks leave the machine in sealed frames of masked length.
type Chunker struct {
	table [256]uint64
	zero  int
}

// NewChunker derives the gear table from the vault's chunker key: HMAC-SHA-256 of a
// label and a block number of four bytes, four big-endian table values a block.
func NewChunker(key [32]byte) *Chunker {
	c := new(Chunker)
	mac := hmac.New(sha256.New, key[:])
	var block [4]byte
	var sum [sha256.Size]byte
	for i := range c.table {
		if i%4 == 0 {
			binary.BigEndian.PutUint32(block[:], uint32(i/4))
			mac.Reset()
			mac.Write([]byte("evault gear table v1\x00")) // a hash's Write never fails
			mac.Write(block[:])
			mac.Sum(sum[:0])
		}
		c.table[i] = binary.BigEndian.Uint64(sum[i%4*8:])
	}
	c.zero = c.zeroCut()
	return c
}

// Cut returns the length of the first chunk of data, which is at most MaxChunk;
// bytes beyond that are not looked at. final says that the file ends with data: then
// what is left without a boundary is the last chunk. 0 means that more data is needed
// (only if data is shorter than MaxChunk and not final), or that there is none.
func (c *Chunker) Cut(data []byte, final bool) int {
	if len(data) > MaxChunk {
		data = data[:MaxChunk]
	}
	if len(data) > MinChunk {
		strictEnd := min(len(data), AverageChunk)
		h, n := c.scan(data, MinChunk, strictEnd, c.warm(data), strictLimit)
		if n == 0 && len(data) > AverageChunk {
			_, n = c.scan(data, AverageChunk, len(data), h, looseLimit)
		}
		if n != 0 {
			return n
		}
	}
	if final || len(data) == MaxChunk {
		return len(data)
	}
	return 0
}

// warm returns the hash of the gearWindow bytes before the least boundary.
func (c *Chunker) warm(data []byte) (h uint64) {
	for _, b := range data[MinChunk-gearWindow : MinChunk] {
		h = h<<1 + c.table[b]
	}
	return h
}

// scan hashes data[from:to] and returns the length of the chunk that the first
// hash below limit ends, or 0 and the hash at the end. It rolls two bytes at a time, which
// halves the chain of dependent additions (2.4 instead of 1.5 GB/s where it was measured).
func (c *Chunker) scan(data []byte, from, to int, h, limit uint64) (uint64, int) {
	table := &c.table
	p := data[from:to]
	i := 0
	for ; i+8 <= len(p); i += 8 {
		q := p[i : i+8 : i+8]
		a, b := table[q[0]], table[q[1]]
		if h<<1+a < limit {
			return h, from + i + 1
		}
		if h = h<<2 + (a<<1 + b); h < limit {
			return h, from + i + 2
		}
		a, b = table[q[2]], table[q[3]]
		if h<<1+a < limit {
			return h, from + i + 3
		}
		if h = h<<2 + (a<<1 + b); h < limit {
			return h, from + i + 4
		}
		a, b = table[q[4]], table[q[5]]
		if h<<1+a < limit {
			return h, from + i + 5
		}
		if h = h<<2 + (a<<1 + b); h < limit {
			return h, from + i + 6
		}
		a, b = table[q[6]], table[q[7]]
		if h<<1+a < limit {
			return h, from + i + 7
		}
		if h = h<<2 + (a<<1 + b); h < limit {
			return h, from + i + 8
		}
	}
	for ; i < len(p); i++ {
		if h = h<<1 + table[p[i]]; h < limit {
			return h, from + i + 1
		}
	}
	return h, 0
}

// ZeroCut returns the length of every chunk that a long run of zero bytes is cut
// into, from a boundary inside it on, so that a large hole need not be read.
func (c *Chunker) ZeroCut() int { return c.zero }

// zeroCut knows that after 64 zero bytes the hash stands still at
// table[0] * (2^64 - 1) = -table[0].
func (c *Chunker) zeroCut() int {
	switch h := -c.table[0]; {
	case h < strictLimit:
		return MinChunk + 1
	case h < looseLimit:
		return AverageChunk + 1
	}
	return MaxChunk
}
