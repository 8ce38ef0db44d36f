package objects

import (
	"encoding/binary"
	"fmt"
)

// How a file list is split: a node ends after a chunk, or child, whose ID says so,
// from listMin elements on, and at MaxListElements without one.
const (
	listMin      = 512
	listMeanBits = 11 // one ID in 2,048 ends a node
	listHeader   = 2 + 2
)

// FileListBuilder turns the chunks of one file into a Content, writing file lists to
// a Sink where there is more than one chunk:
//
//	b.Reset()
//	b.AddChunk(id, length), b.AddHole(length) ...   in the file's order
//	content, err := b.Finish()
//
// The caller has stored the chunks, and adds a chunk of nothing but zeros (IsZero)
// as a hole. Holes that adjoin become one. A builder is used by one goroutine, any
// number of times; its buffers stay.
type FileListBuilder struct {
	sink   Sink
	levels []listLevel // [0] gathers extents, the others children
	used   int         // levels in use for this file
	hole   uint64      // length of the hole not yet written
	size   uint64      // bytes added so far
	err    error       // first error; the file is lost
}

// listLevel gathers one node.
type listLevel struct {
	buf    []byte // listHeader bytes kept free, then extents or children
	items  int
	length uint64
	only   Extent // the item added last, for a node that turns out to have one only
}

// NewFileListBuilder returns a builder that writes nodes to sink.
func NewFileListBuilder(sink Sink) *FileListBuilder {
	b := &FileListBuilder{sink: sink}
	b.Reset()
	return b
}

// Reset begins a new file and forgets an unfinished one.
func (b *FileListBuilder) Reset() {
	for i := range b.levels {
		b.levels[i].reset()
	}
	b.used, b.hole, b.size, b.err = 0, 0, 0, nil
	b.level(0)
}

func (l *listLevel) reset() {
	if l.buf == nil {
		l.buf = make([]byte, listHeader, 1<<10)
	}
	l.buf = l.buf[:listHeader]
	l.items, l.length = 0, 0
}

// level returns level n, made when it is needed for the first time.
func (b *FileListBuilder) level(n int) *listLevel {
	if n == len(b.levels) {
		b.levels = append(b.levels, listLevel{})
		b.levels[n].reset()
	}
	b.used = max(b.used, n+1)
	return &b.levels[n]
}

// Size returns the number of bytes added since Reset.
func (b *FileListBuilder) Size() uint64 { return b.size }

// AddChunk adds a chunk of 1 to MaxChunk bytes. After an error the file is lost, and
// every call returns that error until Reset.
func (b *FileListBuilder) AddChunk(id ID, length uint64) error {
	if b.err == nil && (length == 0 || length > MaxChunk) {
		b.err = fmt.Errorf("chunk %s of %d bytes: %w", id.Short(), length, ErrLimit)
	}
	if b.grow(length) == nil && b.flushHole() == nil {
		b.addItem(0, Extent{ID: id, Length: length})
	}
	return b.err
}

// AddHole adds a run of zero bytes; one of length 0 is nothing.
func (b *FileListBuilder) AddHole(length uint64) error {
	if b.grow(length) == nil {
		b.hole += length
	}
	return b.err
}

// grow counts the bytes of an extent.
func (b *FileListBuilder) grow(length uint64) error {
	if b.err == nil && (length > MaxFileSize || b.size+length > MaxFileSize) {
		b.err = fmt.Errorf("file of more than %d bytes: %w", uint64(MaxFileSize), ErrLimit)
	}
	b.size += length
	return b.err
}

func (b *FileListBuilder) flushHole() error {
	if b.hole > 0 && b.err == nil {
		b.addItem(0, Extent{Hole: true, Length: b.hole})
		b.hole = 0
	}
	return b.err
}

// addItem adds an extent to level 0, or a child, spelled as an extent, to another,
// and writes the node if that ends it.
func (b *FileListBuilder) addItem(n int, x Extent) {
	l := b.level(n)
	if n == 0 {
		l.buf = appendExtent(l.buf, x)
	} else {
		l.buf = appendListRef(l.buf, ListRef{ID: x.ID, Length: x.Length})
	}
	l.items++
	l.length += x.Length
	l.only = x
	if l.items >= listMin && (l.items >= MaxListElements || !x.Hole && endsList(x.ID, n)) {
		b.cut(n)
	}
}

// endsList reports whether the ID ends a node of the level. IDs are hashes
// already; each level looks at bits of its own.
func endsList(id ID, level int) bool {
	return binary.BigEndian.Uint64(id[:])>>(listMeanBits*level)&(1<<listMeanBits-1) == 0
}

// cut writes the node of level n and adds it to the one above.
func (b *FileListBuilder) cut(n int) {
	if n == MaxListLevel {
		b.err = tooLarge("nodes above each other in a file list", uint64(n+2), MaxListLevel+1)
		return
	}
	if child := b.write(n); b.err == nil {
		b.addItem(n+1, child)
	}
}

// write puts the node of level n into the sink and empties the level.
func (b *FileListBuilder) write(n int) Extent {
	l := &b.levels[n]
	var header [listHeader]byte
	h := append(header[:0], listVersion, byte(n))
	h = binary.AppendUvarint(h, uint64(l.items))
	start := listHeader - len(h)
	copy(l.buf[start:], h)
	child := Extent{Length: l.length}
	child.ID, b.err = b.sink.Put(KindFileList, l.buf[start:])
	l.reset()
	return child
}

// Finish returns the content: empty if nothing was added, the chunk itself if there
// is just one, otherwise a file list. Before another file the builder needs Reset.
func (b *FileListBuilder) Finish() (Content, error) {
	if b.err == nil && b.size == 0 {
		return Content{}, nil
	}
	b.flushHole()
	for n := 0; b.err == nil; n++ {
		l := &b.levels[n]
		switch {
		case n+1 < b.used:
			if l.items > 0 {
				b.cut(n)
			}
		case n > 0 && l.items == 1: // an interior node with one child is that child
			return Content{Kind: ContentFileList, ID: l.only.ID}, nil
		case n == 0 && l.items == 1 && !l.only.Hole:
			return Content{Kind: ContentChunk, ID: l.only.ID}, nil
		default:
			if root := b.write(n); b.err == nil {
				return Content{Kind: ContentFileList, ID: root.ID}, nil
			}
		}
	}
	return Content{}, b.err
}
