package worktree

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"evault/internal/vfs"
	"evault/keys"
)

// The file: magic and version (8 bytes) | random number of the file (16) | segments. A segment is 1 MiB of the stream,
// sealed; the last one holds what remains, at least one byte. What is authenticated along with it, the header, the
// segment's number and whether it is the last, makes a file torn, mixed from two, or cut short an error (STREAM,
// Hoang et al., CRYPTO 2015).
const (
	indexMagic   = "evindex\x01"
	indexHeader  = len(indexMagic) + 16
	segmentSize  = 1 << 20
	sealedSize   = segmentSize + keys.Overhead
	maxIndexSize = 64 << 30
	footerSize   = 3*8 + 12 + 32
)

// segmentAAD is what a segment is bound to.
func segmentAAD(header []byte, number int, last bool) []byte {
	aad := make([]byte, 0, indexHeader+5)
	aad = append(aad, header...)
	aad = binary.BigEndian.AppendUint32(aad, uint32(number))
	return append(aad, bit(last, 1))
}

func loadIndex(local vfs.FS, name string, s *keys.Sealer) (*Index, error) {
	f, err := local.OpenHandle(name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return EmptyIndex(), nil
	}
	if err != nil {
		return nil, err
	}
	data, err := openStream(f, s)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return parseIndex(data)
}

// openStream decrypts the whole file, segments side by side.
func openStream(f vfs.File, s *keys.Sealer) ([]byte, error) {
	st, err := f.StatStat()
	if err != nil {
		return nil, err
	}
	body := st.Size - int64(indexHeader)
	if body <= keys.Overhead || body > maxIndexSize {
		return nil, damaged("file of %d bytes", st.Size)
	}
	header := make([]byte, indexHeader)
	if _, err := f.ReadAt(header, 0); err != nil {
		return nil, err
	}
	if string(header[:len(indexMagic)]) != indexMagic {
		return nil, damaged("unknown version")
	}
	n := int((body + int64(sealedSize) - 1) / int64(sealedSize))
	if body-int64(n-1)*int64(sealedSize) <= keys.Overhead {
		return nil, damaged("last segment is cut off")
	}
	data := make([]byte, body-int64(n)*keys.Overhead)
	return data, openSegments(f, s, header, data, n)
}

func openSegments(f vfs.File, s *keys.Sealer, header, data []byte, n int) error {
	var next atomic.Int64
	errs := make([]error, min(n, 4))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			buf := make([]byte, min(sealedSize, len(data)+keys.Overhead))
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = openSegment(f, s, header, data, buf, i, i == n-1)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func openSegment(f vfs.File, s *keys.Sealer, header, data, buf []byte, i int, last bool) error {
	start := i * segmentSize
	end := min(start+segmentSize, len(data))
	sealed := buf[:end-start+keys.Overhead]
	if _, err := f.ReadAt(sealed, int64(indexHeader)+int64(i)*int64(sealedSize)); err != nil && err != io.EOF {
		return err
	}
	if _, err := s.Open(data[start:start:end], sealed, segmentAAD(header, i, last)); err != nil {
		return damaged("segment %d: %v", i, err)
	}
	return nil
}

// parseIndex checks a decrypted stream and makes it an index. After it nothing that is read from data can be out of
// place.
func parseIndex(data []byte) (*Index, error) {
	ix := &Index{data: data, text: unsafe.String(unsafe.SliceData(data), len(data))} // data is never written again
	if len(data) < footerSize {
		return nil, damaged("no footer")
	}
	foot := data[len(data)-footerSize:]
	table, places, n := binary.BigEndian.Uint64(foot), binary.BigEndian.Uint64(foot[8:]), binary.BigEndian.Uint64(foot[16:])
	end := uint64(len(data) - footerSize)
	if table > places || places > end || n > end/placeSize || places+n*placeSize != end {
		return nil, damaged("footer")
	}
	copy(ix.base[:], foot[footerSize-len(ix.base):])
	ix.idx = indexTable{data: data[:places:places], text: ix.text, table: int(table), places: data[places:end:end]}
	return ix, ix.check(int(table), int(places))
}

// check walks the table and every entry once.
func (ix *Index) check(table, places int) error {
	rows := decoder{data: ix.data, pos: table, end: places}
	var open []int // the directories above row i, by number
	previous := ""
	n := ix.idx.len()
	for i := range n {
		if place := binary.BigEndian.Uint64(ix.idx.places[i*placeSize:]); place != uint64(rows.pos-table) {
			return damaged("place of directory %d", i)
		}
		start, end := rows.span(uint64(places))
		path := ix.text[start:end]
		offset, length := rows.limited(uint64(table)), rows.limited(uint64(table))
		if rows.bad || offset+length > table || (i == 0) != (path == "") || i > 0 && comparePaths(previous, path) >= 0 {
			return damaged("directory %d", i)
		}
		parent, name := splitPath(path)
		for len(open) > 0 && path != "" && ix.idx.path(open[len(open)-1]) != parent {
			if ix.idx.after(open[len(open)-1]) != i {
				return damaged("subtree of directory %d", open[len(open)-1])
			}
			open = open[:len(open)-1]
		}
		if i > 0 && (len(open) == 0 || name == "") {
			return damaged("directory %d has no parent", i)
		}
		open = append(open, i)
		if err := ix.checkBlock(offset, length, table); err != nil {
			return err
		}
		previous = path
	}
	for _, i := range open {
		if ix.idx.after(i) != n {
			return damaged("subtree of directory %d", i)
		}
	}
	if rows.bad || rows.more() {
		return damaged("directory table")
	}
	return nil
}

func (ix *Index) checkBlock(offset, length, table int) error {
	var dir IndexDir
	d := decoder{data: ix.data, pos: offset, end: offset + length}
	d.head(&dir)
	last := ""
	for n := d.limited(uint64(length)); n > 0; n-- {
		start, size := d.limited(uint64(table)), d.limited(uint64(table))
		if d.bad || size == 0 || start+size > table {
			return damaged("piece of a directory at %d", offset)
		}
		if !ix.checkEntries(&dir, start, start+size, &last) {
			return damaged("entry of a directory at %d", offset)
		}
	}
	if d.bad || !ix.checkEntries(&dir, d.pos, d.end, &last) {
		return damaged("directory at %d", offset)
	}
	return nil
}

func (ix *Index) checkEntries(dir *IndexDir, start, end int, last *string) bool {
	d := decoder{data: ix.data, pos: start, end: end}
	var e IndexEntry
	for d.more() {
		d.entry(&e, &dir.Key, ix.text)
		if d.bad || e.Name <= *last || strings.IndexByte(e.Name, '/') >= 0 {
			return false
		}
		*last = e.Name
	}
	return true
}
