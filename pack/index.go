package pack

import (
	"encoding/binary"
	"errors"

	"evault/objects"
)

// frameRef says where a frame lies in its pack.
type frameRef struct {
	off   int64  // from the start of the file
	size  uint32 // as it lies in the file, from its nonce to its tag
	count uint32 // objects in it
	class Class
}

// index is a pack's own table of contents. Its plaintext is
//
//	class u8 | frames uvarint | for each: class u8, size uvarint, objects uvarint, their IDs (32 each) in place order
//
// The frames lie one after the other, the first behind the header. The pack's class is mixed exactly if its frames are
// of both classes.
type index struct {
	frames []frameRef
	ids    []objects.ID // of all frames, one after the other
}

// class gives the class of a pack with these frames.
func (x *index) class() Class {
	var c Class
	for i := range x.frames {
		c |= x.frames[i].class
	}
	return c
}

// end gives the offset behind the last frame.
func (x *index) end() int64 {
	if len(x.frames) == 0 {
		return headerSize
	}
	last := x.frames[len(x.frames)-1]
	return last.off + int64(last.size)
}

// add notes a frame behind the last.
func (x *index) add(class Class, size int, ids []objects.ID) {
	x.frames = append(x.frames, frameRef{off: x.end(), size: uint32(size), count: uint32(len(ids)), class: class})
	x.ids = append(x.ids, ids...)
}

// sizeBound gives a length that the encoding does not exceed, with one more frame of n objects.
func (x *index) sizeBound(n int) int64 {
	return 8 + int64(len(x.frames)+1)*8 + int64(len(x.ids)+n)*int64(len(objects.ID{}))
}

func (x *index) append(dst []byte) []byte {
	dst = append(dst, byte(x.class()))
	dst = binary.AppendUvarint(dst, uint64(len(x.frames)))
	ids := x.ids
	for _, f := range x.frames {
		dst = append(dst, byte(f.class))
		dst = binary.AppendUvarint(dst, uint64(f.size))
		dst = binary.AppendUvarint(dst, uint64(f.count))
		for i := range ids[:f.count] {
			dst = append(dst, ids[i][:]...)
		}
		ids = ids[f.count:]
	}
	return dst
}

var (
	errIndexShort = errors.New("index is cut off")
	errIndexClass = errors.New("index names a class that does not fit")
	errIndexExtra = errors.New("bytes behind the index's end")
	errIndexRange = errors.New("index names frames beyond the space for them")
	errIndexEmpty = errors.New("index without frames")
)

// decodeIndex reads an index whose frames must end at limit or before.
func decodeIndex(data []byte, limit int64) (*index, error) {
	if len(data) == 0 {
		return nil, errIndexShort
	}
	class := Class(data[0])
	count, rest, err := takeUvarint(data[1:], MaxFrames)
	if err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, errIndexEmpty
	}
	const least = 3 + len(objects.ID{}) // of one frame
	if uint64(len(rest)) < count*uint64(least) {
		return nil, errIndexShort
	}
	x := &index{
		frames: make([]frameRef, 0, count),
		ids:    make([]objects.ID, 0, len(rest)/len(objects.ID{})),
	}
	for range count {
		if rest, err = x.decodeFrame(rest); err != nil {
			return nil, err
		}
	}
	switch {
	case len(rest) != 0:
		return nil, errIndexExtra
	case x.class() != class:
		return nil, errIndexClass
	case x.end() > limit:
		return nil, errIndexRange
	}
	return x, nil
}

func (x *index) decodeFrame(data []byte) (rest []byte, err error) {
	if len(data) == 0 {
		return nil, errIndexShort
	}
	class := Class(data[0])
	if class != ClassData && class != ClassMeta {
		return nil, errIndexClass
	}
	size, rest, err := takeUvarint(data[1:], maxSealedFrame)
	if err != nil {
		return nil, err
	}
	count, rest, err := takeUvarint(rest, MaxFrameObjects)
	if err != nil {
		return nil, err
	}
	if size < minSealedFrame || count == 0 {
		return nil, errIndexRange
	}
	const idSize = len(objects.ID{})
	if uint64(len(rest)) < count*uint64(idSize) {
		return nil, errIndexShort
	}
	x.frames = append(x.frames, frameRef{off: x.end(), size: uint32(size), count: uint32(count), class: class})
	for range count {
		x.ids = append(x.ids, objects.ID(rest))
		rest = rest[idSize:]
	}
	return rest, nil
}

// indexAAD gives "index" | offset u64 of the sealed index.
func indexAAD(offset int64) []byte {
	return binary.BigEndian.AppendUint64([]byte("index"), uint64(offset))
}
