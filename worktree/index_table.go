package worktree

import (
	"encoding/binary"
	"sort"
	"strings"
)

// indexTable finds directories by path in the encoded stream; nothing of it is decoded until asked for.
type indexTable struct {
	data   []byte
	text   string
	table  int // offset of the table
	places []byte
}

const placeSize = 8 + 4

func (t *indexTable) len() int { return len(t.places) / placeSize }

// row decodes where row i's path and block are.
func (t *indexTable) row(i int) (path string, offset, length int) {
	d := t.decoderAt(i)
	start, end := d.span(uint64(len(t.data)))
	return t.text[start:end], int(d.uvarint()), int(d.uvarint())
}

func (t *indexTable) path(i int) string {
	d := t.decoderAt(i)
	start, end := d.span(uint64(len(t.data)))
	return t.text[start:end]
}

func (t *indexTable) decoderAt(i int) decoder {
	at := t.table + int(binary.BigEndian.Uint64(t.places[i*placeSize:]))
	return decoder{data: t.data, pos: at, end: len(t.data)}
}

// after gives the number of the first directory that is not i and not below it.
func (t *indexTable) after(i int) int {
	return int(binary.BigEndian.Uint32(t.places[i*placeSize+8:]))
}

// find gives the number of path, or of the first directory after it.
func (t *indexTable) find(path string) (int, bool) {
	i := sort.Search(t.len(), func(i int) bool { return comparePaths(t.path(i), path) >= 0 })
	return i, i < t.len() && t.path(i) == path
}

// comparePaths orders paths as a walk meets them, depth first and by name: as bytes, with the slash before all others.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	switch {
	case i == len(a) && i == len(b):
		return 0
	case i == len(a):
		return -1
	case i == len(b):
		return 1
	case a[i] == '/':
		return -1
	case b[i] == '/' || a[i] > b[i]:
		return 1
	}
	return -1
}

// isBelow reports whether path lies below dir; everything but the root lies below the root.
func isBelow(path, dir string) bool {
	if dir == "" {
		return path != ""
	}
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// splitPath cuts a path into the directory and the name in it.
func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}
