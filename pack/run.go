package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"evault/internal/vfs"
	"evault/objects"
)

// A run is one file of the local object index: records sorted by ID, mapped into memory and never loaded.
//
//	magic "evltrun1" | version u32 | packs u32 | records u64 | packs (name 32, verified u8 each) | SHA-256 of all that
//	zeros up to a multiple of 4096
//	blocks of 4096 bytes: 93 records, CRC-32C of them u32
//
// A record is ID (32) | number of the pack in this run's table u32 | frame u32 | place u32. The last block is filled up
// with zeros. A run is a cache: it is written without syncing it and never trusted. A block's sum is checked whenever
// the block is looked at, an object's ID whenever it is read, and whatever fails is built anew from the packs.
const (
	runMagic     = "evltrun1"
	runVersion   = 2
	runHead      = 8 + 4 + 4 + 8
	runPackSize  = 32 + 1
	recordSize   = 32 + 4 + 4 + 4
	blockSize    = 4096
	blockRecords = (blockSize - 4) / recordSize
	maxRunPacks  = 1 << 24
)

// knownPack is one line of a run's table. Verified says that all of the pack was opened and every ID in it recomputed, be it
// when it was written: only then does a commit rely on what its index says. See verified.go.
type knownPack struct {
	name     Name
	verified bool
}

// record is where one object is. Pack counts in the table of the run, or of the session, that it belongs to.
type record struct {
	id                 objects.ID
	pack, frame, place uint32
}

func (r *record) append(dst []byte) []byte {
	dst = append(dst, r.id[:]...)
	dst = binary.BigEndian.AppendUint32(dst, r.pack)
	dst = binary.BigEndian.AppendUint32(dst, r.frame)
	return binary.BigEndian.AppendUint32(dst, r.place)
}

func decodeRecord(b []byte) record {
	return record{
		id:    objects.ID(b),
		pack:  binary.BigEndian.Uint32(b[32:]),
		frame: binary.BigEndian.Uint32(b[36:]),
		place: binary.BigEndian.Uint32(b[40:]),
	}
}

// compareRecords orders by ID, then by the rest, so that equal records lie side by side.
func compareRecords(a, b *record) int {
	if c := compareIDs(&a.id, &b.id); c != 0 {
		return c
	}
	for _, p := range [3][2]uint32{{a.pack, b.pack}, {a.frame, b.frame}, {a.place, b.place}} {
		if p[0] != p[1] {
			if p[0] < p[1] {
				return -1
			}
			return 1
		}
	}
	return 0
}

func compareIDs(a, b *objects.ID) int {
	// The first eight bytes decide almost always.
	x, y := binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(b[:])
	if x != y {
		if x < y {
			return -1
		}
		return 1
	}
	return bytes.Compare(a[8:], b[8:])
}

// errRun says that a run is not what this program wrote.
var errRun = errors.New("object index is damaged")

// run is an open run. It is safe for concurrent use until closed.
type run struct {
	file    string // name in the directory of runs; empty if it is only in memory
	mapping *vfs.Mapping
	table   []byte // of the packs, runPackSize bytes each
	blocks  []byte
	records uint64
	crc     *crc32.Table

	// By number in the table: is the pack in the store, and is it verified? Of the latter the file holds what was so when
	// it was written.
	live, verified []bool
}

// openRun reads a run's header, and nothing else. The run owns the mapping only if there is no error.
func openRun(file string, m *vfs.Mapping, crc *crc32.Table) (*run, error) {
	data := m.Data
	if len(data) < runHead || string(data[:8]) != runMagic {
		return nil, errRun
	}
	if v := binary.BigEndian.Uint32(data[8:]); v != runVersion {
		return nil, fmt.Errorf("object index version %d: %w", v, ErrNewer)
	}
	packs := binary.BigEndian.Uint32(data[12:])
	records := binary.BigEndian.Uint64(data[16:])
	sumAt := runHead + int64(packs)*runPackSize
	if packs > maxRunPacks || int64(len(data)) < sumAt+sha256.Size || records > uint64(len(data)) {
		return nil, errRun
	}
	if sum := sha256.Sum256(data[:sumAt]); !bytes.Equal(sum[:], data[sumAt:sumAt+sha256.Size]) {
		return nil, errRun
	}
	start := roundUp(sumAt + sha256.Size)
	if int64(len(data)) != start+blocksFor(records)*blockSize {
		return nil, errRun
	}
	r := &run{
		file: file, mapping: m, crc: crc, records: records,
		table: data[runHead:sumAt], blocks: data[start:], live: make([]bool, packs), verified: make([]bool, packs),
	}
	for i := range r.live {
		flag := r.table[(i+1)*runPackSize-1]
		if flag > 1 {
			return nil, errRun
		}
		r.live[i], r.verified[i] = true, flag == 1
	}
	return r, nil
}

func (r *run) close() error { return r.mapping.Close() }

func roundUp(n int64) int64 { return (n + blockSize - 1) / blockSize * blockSize }

func blocksFor(records uint64) int64 { return int64((records + blockRecords - 1) / blockRecords) }

func (r *run) packs() int { return len(r.live) }

func (r *run) packName(i uint32) Name { return Name(r.table[int(i)*runPackSize:]) }

// block gives the records of block b, checked.
func (r *run) block(b int64) ([]byte, error) {
	data := r.blocks[b*blockSize : (b+1)*blockSize]
	if crc32.Checksum(data[:blockSize-4], r.crc) != binary.BigEndian.Uint32(data[blockSize-4:]) {
		return nil, errRun
	}
	n := min(r.records-uint64(b)*blockRecords, blockRecords)
	return data[:n*recordSize], nil
}

// find calls each with every record of an ID whose pack is live, until each says false. IDs are outputs of a hash and
// spread evenly, so the place of one can be computed closely (interpolation search; Perl, Itai and Avni, 1978).
func (r *run) find(id *objects.ID, each func(rec record) bool) error {
	b, recs, err := r.findBlock(id)
	if err != nil || recs == nil {
		return err
	}
	i := lowerBound(recs, id)
	// Equal records may begin in blocks before this one.
	for i == 0 && b > 0 {
		prev, err := r.block(b - 1)
		if err != nil {
			return err
		}
		if !bytes.Equal(prev[len(prev)-recordSize:][:32], id[:]) {
			break
		}
		b, recs = b-1, prev
		i = lowerBound(recs, id)
	}
	return r.eachEqual(b, recs, i, id, each)
}

func (r *run) eachEqual(b int64, recs []byte, i int, id *objects.ID, each func(rec record) bool) error {
	for {
		for ; i < len(recs)/recordSize; i++ {
			raw := recs[i*recordSize:][:recordSize]
			if !bytes.Equal(raw[:32], id[:]) {
				return nil
			}
			rec := decodeRecord(raw)
			if int64(rec.pack) >= int64(len(r.live)) {
				return errRun
			}
			if r.live[rec.pack] && !each(rec) {
				return nil
			}
		}
		if b++; b == blocksFor(r.records) {
			return nil
		}
		var err error
		if recs, err = r.block(b); err != nil {
			return err
		}
		i = 0
	}
}

// has reports whether a live pack that is verified holds the ID, and if none does, whether one does that is not. It does not
// allocate.
func (r *run) has(id *objects.ID) (found, doubtful bool, err error) {
	err = r.find(id, func(rec record) bool {
		found = r.verified[rec.pack]
		doubtful = doubtful || !found
		return !found
	})
	return found, doubtful, err
}

// findBlock gives the block whose first and last record enclose id; no records if there is none.
func (r *run) findBlock(id *objects.ID) (int64, []byte, error) {
	lo, hi := int64(0), blocksFor(r.records)-1
	if hi < 0 {
		return 0, nil, nil
	}
	b := r.distance(binary.BigEndian.Uint64(id[:]))
	for steps := 0; lo <= hi; steps++ {
		if steps > 8 { // not spread evenly after all
			b = lo + (hi-lo)/2
		}
		b = max(lo, min(hi, b))
		recs, err := r.block(b)
		if err != nil {
			return 0, nil, err
		}
		first, last := recs[:32], recs[len(recs)-recordSize:][:32]
		at := binary.BigEndian.Uint64(id[:])
		switch {
		case bytes.Compare(id[:], first) < 0:
			hi = b - 1
			b -= 1 + r.distance(binary.BigEndian.Uint64(first)-at)
		case bytes.Compare(id[:], last) > 0:
			lo = b + 1
			b += 1 + r.distance(at-binary.BigEndian.Uint64(last))
		default:
			return b, recs, nil
		}
	}
	return 0, nil, nil
}

// distance gives over how many blocks IDs spread whose first eight bytes differ by d.
func (r *run) distance(d uint64) int64 {
	records, _ := bits.Mul64(d, r.records)
	return int64(records / blockRecords)
}

// lowerBound gives the number of records before the first that is not below id.
func lowerBound(recs []byte, id *objects.ID) int {
	lo, hi := 0, len(recs)/recordSize
	for lo < hi {
		mid := (lo + hi) / 2
		if bytes.Compare(recs[mid*recordSize:][:32], id[:]) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
