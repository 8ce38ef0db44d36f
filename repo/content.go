package repo

import (
	"context"
	"fmt"

	"evault/objects"
)

// contentOf gives the whole content of an entry: the bytes of a file, the target of a link. It is refused above limit bytes
// with errTooLong, before memory is taken. The result must not be modified.
func contentOf(ctx context.Context, src objects.Source, e *objects.Entry, limit int) ([]byte, error) {
	switch e.Type {
	case objects.TypeFile:
	case objects.TypeSymlink:
		return []byte(e.Target), nil
	default:
		return nil, nil
	}
	if e.Size > uint64(max(limit, 0)) {
		return nil, errTooLong
	}
	switch e.Content.Kind {
	case objects.ContentEmpty:
		return nil, nil
	case objects.ContentInline:
		return e.Content.Inline, nil
	case objects.ContentChunk:
		data, err := src.Get(ctx, e.Content.ID, objects.KindChunk)
		if err == nil && uint64(len(data)) != e.Size {
			err = wrongLength(e.Content.ID, len(data), e.Size)
		}
		return data, err
	}
	return joinExtents(ctx, src, e)
}

// joinExtents puts the chunks of a file together.
func joinExtents(ctx context.Context, src objects.Source, e *objects.Entry) ([]byte, error) {
	out := make([]byte, 0, e.Size)
	err := objects.Extents(ctx, src, e.Content, e.Size, func(x objects.Extent) error {
		if x.Hole {
			out = append(out, make([]byte, x.Length)...)
			return nil
		}
		return viewChunk(ctx, src, x.ID, func(data []byte) error {
			if uint64(len(data)) != x.Length {
				return wrongLength(x.ID, len(data), x.Length)
			}
			out = append(out, data...)
			return nil
		})
	})
	return out, err
}

// viewChunk lends a chunk, without a copy where the source can.
func viewChunk(ctx context.Context, src objects.Source, id objects.ID, use func([]byte) error) error {
	if lender, ok := src.(objects.ChunkSource); ok {
		return lender.View(ctx, id, objects.KindChunk, use)
	}
	data, err := src.Get(ctx, id, objects.KindChunk)
	if err != nil {
		return err
	}
	return use(data)
}

func wrongLength(id objects.ID, length int, claimed uint64) error {
	return fmt.Errorf("%w: chunk %s has %d bytes and its file says %d", ErrDamaged, id.Short(), length, claimed)
}

// maxSharedExtents bounds what of a file is remembered to compare it with another by chunks: more than a terabyte.
const maxSharedExtents = 8 << 20

// extentSeq calls each for the pieces of a file in order, until it fails.
type extentSeq func(each func(objects.Extent) error) error

// sharedBytes is commonBytes of two files in a store.
func sharedBytes(ctx context.Context, src objects.Source, a, b *objects.Entry) (uint64, error) {
	if a.Content.Equal(&b.Content) {
		return b.Size, nil
	}
	pieces := func(e *objects.Entry) extentSeq {
		return func(each func(objects.Extent) error) error { return objects.Extents(ctx, src, e.Content, e.Size, each) }
	}
	return commonBytes(pieces(a), pieces(b))
}

// commonBytes counts the bytes of b that lie in chunks, or holes, that a has too, wherever they stand: no content is read.
// Every chunk of a counts as often as it is there.
func commonBytes(a, b extentSeq) (uint64, error) {
	type piece struct {
		id     objects.ID
		length uint64
	}
	have := map[piece]int{}
	n := 0
	err := a(func(x objects.Extent) error {
		if n++; n > maxSharedExtents {
			return errTooLong
		}
		have[piece{x.ID, x.Length}]++
		return nil
	})
	if err != nil || len(have) == 0 {
		return 0, err
	}
	shared := uint64(0)
	err = b(func(x objects.Extent) error {
		if p := (piece{x.ID, x.Length}); have[p] > 0 {
			have[p]--
			shared += x.Length
		}
		return nil
	})
	return shared, err
}
