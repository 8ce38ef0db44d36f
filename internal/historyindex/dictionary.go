package historyindex

import (
	"encoding/binary"
	"fmt"
	"sort"
)

// Under calls each for a path and everything below it that a commit of the segment changed, in the order of ComparePaths; ""
// means every path. A path with very many touches comes several times in a row. Touches are in order of their commits and,
// as path is, good until each returns: path's bytes are overwritten. An error of each ends it and is returned as it is.
func (s *Segment) Under(dir string, each func(path []byte, touches []Touch) error) error {
	at := 0
	if dir != "" { // the last block that begins before dir, and those that follow
		at = max(sort.Search(len(s.dict), func(i int) bool { return ComparePaths(s.dict[i].first, dir) >= 0 })-1, 0)
	}
	var r pathsReader
	for ; at < len(s.dict); at++ {
		if first := s.dict[at].first; ComparePaths(first, dir) > 0 && !under(first, dir) {
			return nil
		}
		raw, err := s.read(s.dict[at].place, blockPaths, at, maxRaw)
		if err != nil {
			return err
		}
		if err := r.block(raw, s.commits, dir, each); err != nil {
			return err
		}
	}
	return nil
}

// Names is Under for the names alone: each is given the path and how many touches follow, which are skipped unless it asks
// for them.
func (s *Segment) Names(each func(path []byte, touches func() ([]Touch, error)) error) error {
	var r pathsReader
	for i := range s.dict {
		raw, err := s.read(s.dict[i].place, blockPaths, i, maxRaw)
		if err != nil {
			return err
		}
		if err := r.names(raw, s.commits, each); err != nil {
			return err
		}
	}
	return nil
}

// pathsReader decodes blocks of the dictionary. An entry is: bytes shared with the path before uvarint, rest of the path as
// length and bytes, length of the touches in bytes uvarint, touches. A touch is: commits since that of the touch before
// uvarint, a uvarint of kind (2 bits), type (3) and details, size uvarint, and the delta in 5 bytes.
type pathsReader struct {
	path    []byte
	touches []Touch
}

// next takes the next path and gives the bytes of its touches.
func (r *pathsReader) next(d *decoder) []byte {
	shared := d.uvarint(uint64(len(r.path)))
	rest := d.bytes(d.uvarint(MaxPath))
	if shared+uint64(len(rest)) > MaxPath {
		d.fail(fmt.Errorf("a path of %d bytes", shared+uint64(len(rest))))
	}
	if d.err != nil {
		return nil
	}
	r.path = append(r.path[:shared], rest...)
	return d.bytes(d.uvarint(maxRaw))
}

func (r *pathsReader) decode(data []byte, commits int) ([]Touch, error) {
	d := decoder{data: data}
	r.touches = r.touches[:0]
	number := 0
	for len(d.data) > 0 {
		number += int(d.uvarint(uint64(commits)))
		if number >= commits {
			d.fail(fmt.Errorf("commit %d of %d", number, commits))
		}
		bits := d.uvarint(1<<13 - 1)
		t := Touch{Commit: number, Kind: Kind(bits & 3), Type: uint8(bits >> 2 & 7), Details: uint8(bits >> 5), Size: d.uvarint(1<<64 - 1)}
		if delta := d.bytes(5); delta != nil {
			t.Delta = uint64(binary.BigEndian.Uint32(delta))<<8 | uint64(delta[4])
		}
		r.touches = append(r.touches, t)
	}
	return r.touches, d.err
}

func (r *pathsReader) block(raw []byte, commits int, dir string, each func(path []byte, touches []Touch) error) error {
	d := decoder{data: raw}
	r.path = r.path[:0]
	for len(d.data) > 0 {
		data := r.next(&d)
		if d.err != nil {
			return d.err
		}
		if !under(string(r.path), dir) {
			if ComparePaths(string(r.path), dir) > 0 {
				return nil
			}
			continue
		}
		touches, err := r.decode(data, commits)
		if err != nil {
			return err
		}
		if err := each(r.path, touches); err != nil {
			return err
		}
	}
	return d.err
}

func (r *pathsReader) names(raw []byte, commits int, each func(path []byte, touches func() ([]Touch, error)) error) error {
	d := decoder{data: raw}
	r.path = r.path[:0]
	var data []byte
	decode := func() ([]Touch, error) { return r.decode(data, commits) }
	for len(d.data) > 0 {
		if data = r.next(&d); d.err != nil {
			return d.err
		}
		if err := each(r.path, decode); err != nil {
			return err
		}
	}
	return d.err
}

func appendTouch(dst []byte, t *Touch, before int) []byte {
	dst = binary.AppendUvarint(dst, uint64(t.Commit-before))
	dst = binary.AppendUvarint(dst, uint64(t.Kind)|uint64(t.Type&7)<<2|uint64(t.Details)<<5)
	dst = binary.AppendUvarint(dst, t.Size)
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Delta>>8&(1<<32-1)))
	return append(dst, byte(t.Delta))
}
