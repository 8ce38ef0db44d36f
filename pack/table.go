package pack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"evault/internal/wire"
	"evault/objects"
)

// table says what a frame holds. In front of the objects of a frame lies
//
//	count uvarint | count times: kind u8, length uvarint
//
// and the objects follow without gaps to the frame's end.
type table struct {
	kinds []objects.Kind
	ends  []uint32 // where each object ends, counted from the start of the first
}

func (t *table) reset() { t.kinds, t.ends = t.kinds[:0], t.ends[:0] }

func (t *table) len() int { return len(t.kinds) }

// size gives the sum of the objects' lengths.
func (t *table) size() int {
	if len(t.ends) == 0 {
		return 0
	}
	return int(t.ends[len(t.ends)-1])
}

func (t *table) add(kind objects.Kind, length int) {
	t.kinds = append(t.kinds, kind)
	t.ends = append(t.ends, uint32(t.size()+length))
}

// span gives where object i lies among the objects' bytes.
func (t *table) span(i int) (from, to int) {
	if i > 0 {
		from = int(t.ends[i-1])
	}
	return from, int(t.ends[i])
}

func (t *table) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.kinds)))
	for i, k := range t.kinds {
		from, to := t.span(i)
		dst = append(dst, byte(k))
		dst = binary.AppendUvarint(dst, uint64(to-from))
	}
	return dst
}

var (
	errTableSum   = errors.New("objects of a frame do not fill it exactly")
	errTableEmpty = errors.New("frame without objects")
	errMixedFrame = errors.New("frame holds an object of another class")
)

// decode reads the table in front of a frame's objects, which it returns. t is reset first and keeps its memory.
func (t *table) decode(raw []byte, class Class) (body []byte, err error) {
	t.reset()
	d := wire.NewDecoder(raw, nil)
	count := d.Count(MaxFrameObjects, 2, "frame's objects")
	if d.Err() == nil && count == 0 {
		return nil, errTableEmpty
	}
	for range count {
		if err := t.decodeEntry(&d, class); err != nil {
			return nil, err
		}
	}
	if d.Err() == nil && len(d.Rest()) != t.size() {
		return nil, errTableSum
	}
	return d.Rest(), d.Err()
}

func (t *table) decodeEntry(d *wire.Decoder, class Class) error {
	kind := objects.Kind(d.Uint8("kind of an object"))
	if d.Err() != nil {
		return d.Err()
	}
	if err := checkKind(kind); err != nil {
		return err
	}
	if ClassOf(kind) != class {
		return errMixedFrame
	}
	length := int(d.Uvarint(uint64(maxObject(kind)), "length of an object"))
	if t.size()+length > MaxFrameData {
		return errTableSum
	}
	t.add(kind, length)
	return d.Err()
}

// checkKind refuses what is no kind, and kinds that only a newer evault knows.
func checkKind(k objects.Kind) error {
	switch {
	case k == 0:
		return errors.New("object of kind 0")
	case k > objects.KindTag:
		return fmt.Errorf("object of kind %d: %w", uint8(k), ErrNewer)
	}
	return nil
}

// maxObject gives the greatest length of an object of a kind.
func maxObject(k objects.Kind) int {
	if k == objects.KindChunk {
		return objects.MaxChunk
	}
	return objects.MaxMetadata
}
