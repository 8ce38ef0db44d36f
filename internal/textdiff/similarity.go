package textdiff

import (
	"bytes"
	"cmp"
	"slices"
)

// pieceLimit is where a piece of a line ends at the latest, in bytes.
const pieceLimit = 64

// Fingerprint is what Similarity needs to know of a file: which pieces it is made of. It takes about 16 bytes a line.
type Fingerprint struct {
	pieces []piece // by hash, each hash once
	size   int64   // of all pieces, in bytes
}

type piece struct {
	hash  uint64
	bytes int64 // of all pieces with this hash
}

// NewFingerprint cuts data into lines, and long lines into pieces of 64 bytes. In a text the "\r" of a line end does not count.
func NewFingerprint(data []byte) Fingerprint {
	f := Fingerprint{size: int64(len(data)), pieces: make([]piece, 0, len(data)/24+1)}
	text := !IsBinary(data)
	for len(data) > 0 {
		end := min(len(data), pieceLimit)
		if n := bytes.IndexByte(data[:end], '\n') + 1; n > 0 {
			end = n
		}
		part := data[:end]
		data = data[end:]
		if text && bytes.HasSuffix(part, []byte("\r\n")) {
			f.pieces = append(f.pieces, piece{hashOf(part[:end-2], '\n'), int64(end - 1)})
			continue
		}
		f.pieces = append(f.pieces, piece{hashOf(part[:end-1], part[end-1]), int64(end)})
	}
	slices.SortFunc(f.pieces, func(p, q piece) int { return cmp.Compare(p.hash, q.hash) })
	f.pieces = gather(f.pieces)
	return f
}

// hashOf is FNV-1a over a piece whose last byte is given by itself. Whoever makes pieces collide makes his own files look
// alike and nothing else.
func hashOf(start []byte, last byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range start {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return (h ^ uint64(last)) * 1099511628211
}

func gather(pieces []piece) []piece {
	out := pieces[:0]
	for _, p := range pieces {
		if n := len(out); n > 0 && out[n-1].hash == p.hash {
			out[n-1].bytes += p.bytes
			continue
		}
		out = append(out, p)
	}
	return slices.Clip(out)
}

// Similarity says how much of the larger of two files is in the other too, in percent, wherever it stands there. It is near what
// git prints for renames. Two empty files are the same: 100.
func (f Fingerprint) Similarity(g Fingerprint) int {
	if f.size == 0 && g.size == 0 {
		return 100
	}
	shared, p, q := int64(0), f.pieces, g.pieces
	for len(p) > 0 && len(q) > 0 {
		switch c := cmp.Compare(p[0].hash, q[0].hash); {
		case c < 0:
			p = p[1:]
		case c > 0:
			q = q[1:]
		default:
			shared += min(p[0].bytes, q[0].bytes)
			p, q = p[1:], q[1:]
		}
	}
	return int(shared * 100 / max(f.size, g.size))
}
