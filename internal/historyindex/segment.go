package historyindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrDamaged means that a file is not what a Writer wrote under the same key.
var ErrDamaged = errors.New("the history index is damaged")

// ID names a commit.
type ID = [32]byte

// Sealer encrypts and authenticates blocks; keys.Sealer is one. Both methods append to dst.
type Sealer interface {
	Seal(dst, plaintext, aad []byte) []byte
	Open(dst, sealed, aad []byte) ([]byte, error)
}

// Commit is what a segment holds of one commit.
type Commit struct {
	ID         ID
	Generation uint64
	Sec        int64  // its time: seconds since 1970-01-01 UTC
	Nsec       uint32 // and nanoseconds
	Parents    []ID   // at most MaxParents
	Data       []byte // its encoding
}

// Kind says what a commit did to a path.
type Kind uint8

// The kinds.
const (
	Added Kind = iota
	Modified
	Deleted
	TypeChanged
	kinds
)

// Touch is a change of a path by a commit, against the commit's first parent.
type Touch struct {
	Commit  int // number of the commit within its segment
	Kind    Kind
	Type    uint8  // what the path is now, or was when it was deleted; below 8, for the caller to define
	Details uint8  // what differs in a Modified; for the caller to define
	Size    uint64 // of the file in bytes, now or when it was deleted
	Delta   uint64 // what the change adds to the sum of states, modulo 2^DeltaBits
}

// DeltaBits is the width of a sum of states. Two states differ and have the same sum once in 2^40 comparisons.
const DeltaBits = 40

// DeltaMask keeps a sum in its width.
const DeltaMask = 1<<DeltaBits - 1

// Limits of the format.
const (
	MaxParents   = 16
	MaxPath      = 32 << 10
	maxCommits   = 1 << 28
	maxRaw       = 8 << 20  // a block before compression
	maxDirectory = 64 << 20 // the directory before compression
	groupCommits = 4096     // commits in a graph block
	textCommits  = 256      // commits in a text block
	blockTarget  = 64 << 10 // text and paths blocks are closed beyond this
	entryTouches = 4096     // touches in one entry of the dictionary; a path with more has several entries
)

const (
	magic      = "evhist\x00\x01"
	saltSize   = 16
	headerSize = len(magic) + saltSize
	footerSize = 4
)

// The kinds of block.
const (
	blockGraph = 'g'
	blockText  = 't'
	blockPaths = 'p'
	blockDir   = 'd'
)

// place is where a block is in the file.
type place struct {
	offset, length int64
}

// Segment is an open file. It is safe for concurrent use if the reader is.
type Segment struct {
	r       io.ReaderAt
	sealer  Sealer
	codec   *Codec
	header  [headerSize]byte
	commits int
	touches uint64
	paths   uint64
	graph   []place
	text    []textBlock
	dict    []pathsBlock
}

type textBlock struct {
	place
	first, count int
}

type pathsBlock struct {
	place
	first string
}

// Open reads the directory of a segment of size bytes. The segment keeps r and closes nothing.
func Open(r io.ReaderAt, size int64, sealer Sealer, codec *Codec) (*Segment, error) {
	s := &Segment{r: r, sealer: sealer, codec: codec}
	if size < int64(headerSize+footerSize) || size > 1<<40 {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, size)
	}
	if _, err := r.ReadAt(s.header[:], 0); err != nil {
		return nil, fmt.Errorf("history index: %w", err)
	}
	if string(s.header[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: another format", ErrDamaged)
	}
	var foot [footerSize]byte
	if _, err := r.ReadAt(foot[:], size-footerSize); err != nil {
		return nil, fmt.Errorf("history index: %w", err)
	}
	length := int64(binary.BigEndian.Uint32(foot[:]))
	at := size - footerSize - length
	if at < int64(headerSize) {
		return nil, fmt.Errorf("%w: a directory of %d bytes in a file of %d", ErrDamaged, length, size)
	}
	raw, err := s.read(place{at, length}, blockDir, 0, maxDirectory)
	if err != nil {
		return nil, err
	}
	return s, s.decodeDirectory(raw, at)
}

// Len is the number of commits.
func (s *Segment) Len() int { return s.commits }

// Paths is the number of entries in the dictionary: about that of paths.
func (s *Segment) Paths() uint64 { return s.paths }

// Touches is the number of changes.
func (s *Segment) Touches() uint64 { return s.touches }

// aad binds a block to its file, kind and number.
func (s *Segment) aad(kind byte, number int) []byte { return aadOf(s.header[:], kind, number) }

func aadOf(header []byte, kind byte, number int) []byte {
	aad := append(make([]byte, 0, len(header)+5), header...)
	aad = append(aad, kind)
	return binary.BigEndian.AppendUint32(aad, uint32(number))
}

// read gives a block in the clear.
func (s *Segment) read(p place, kind byte, number, limit int) ([]byte, error) {
	if p.length > int64(limit)+1024 {
		return nil, fmt.Errorf("%w: a block of %d bytes", ErrDamaged, p.length)
	}
	sealed := make([]byte, p.length)
	if _, err := s.r.ReadAt(sealed, p.offset); err != nil {
		return nil, fmt.Errorf("history index: %w", err)
	}
	packed, err := s.sealer.Open(make([]byte, 0, len(sealed)), sealed, s.aad(kind, number))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return s.codec.unpack(packed, limit)
}

// decodeDirectory reads: commits, touches, paths; number of graph blocks and their lengths; number of text blocks, the
// length and number of commits of each; number of paths blocks, the length and first path of each. Blocks lie in this order.
func (s *Segment) decodeDirectory(raw []byte, end int64) error {
	d := decoder{data: raw}
	s.commits = int(d.uvarint(maxCommits))
	s.touches = d.uvarint(1 << 48)
	s.paths = d.uvarint(1 << 48)
	next := int64(headerSize)
	take := func() place {
		p := place{next, int64(d.uvarint(1 << 32))}
		next += p.length
		return p
	}
	for range d.count(1) {
		s.graph = append(s.graph, take())
	}
	first := 0
	for range d.count(2) {
		b := textBlock{place: take(), first: first, count: int(d.uvarint(textCommits))}
		first += b.count
		s.text = append(s.text, b)
	}
	for range d.count(2) {
		b := pathsBlock{place: take()}
		b.first = string(d.bytes(d.uvarint(MaxPath)))
		s.dict = append(s.dict, b)
	}
	switch {
	case d.end() != nil:
		return d.end()
	case int64(s.commits) > end/32: // IDs are hashes and do not get smaller
		return fmt.Errorf("%w: %d commits in %d bytes", ErrDamaged, s.commits, end)
	case next != end || first != s.commits || len(s.graph) != (s.commits+groupCommits-1)/groupCommits:
		return fmt.Errorf("%w: a directory that does not fit its file", ErrDamaged)
	}
	return nil
}

// ComparePaths orders paths as a walk visits them: a folder, all that is below it, then what follows it.
func ComparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return int(rank(a[i])) - int(rank(b[i]))
		}
	}
	return len(a) - len(b)
}

// rank puts the slash before every byte that a name may have.
func rank(c byte) byte {
	if c == '/' {
		return 0
	}
	return c
}

// under reports whether p is dir or below it; "" is the root.
func under(p, dir string) bool {
	return dir == "" || strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}
