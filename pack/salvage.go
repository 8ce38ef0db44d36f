package pack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// SalvageReport says what was got out of a pack.
type SalvageReport struct {
	Indexed   bool         // the pack's own index was good, so that Lost is complete
	Frames    int          // opened
	Objects   int          // given to each
	Lost      []objects.ID // in frames that do not open, as far as the pack's index is there to say
	LostBytes int64        // of the file, neither in a frame that opened nor known to be anything else
	Problems  []error      // what was damaged
}

// Salvage gets out of a damaged file of a store whatever opens: with the pack's own index if that is good, else by the
// masked lengths from frame to frame, and after damage by trying every offset until a frame opens again. What opens
// is as sure as in a good pack, because every frame is sealed and every ID is computed anew.
//
// Each is given every object; data must be neither kept nor written to. An error of each stops the work and is returned
// as it is. Parts of the file that cannot be read count as damaged. It holds the whole file, at most 64 MiB, in memory.
func Salvage(ctx context.Context, store vfs.FS, file string, v *keys.Vault, each func(id objects.ID, kind objects.Kind, data []byte) error) (SalvageReport, error) {
	s := &salvage{ctx: ctx, file: file, hasher: v.NewHasher(), each: each}
	var err error
	if s.codec, err = newCodec(); err != nil {
		return s.report, err
	}
	if s.data, err = s.readAll(store); err == nil {
		err = s.run(v)
	}
	return s.report, errors.Join(err, s.codec.close())
}

type salvage struct {
	ctx    context.Context
	file   string
	data   []byte
	sealer *keys.Sealer
	codec  *codec
	hasher *keys.Hasher
	each   func(id objects.ID, kind objects.Kind, data []byte) error
	b      buffers
	report SalvageReport
}

// readAll reads the file. Blocks that the disk does not give, asked twice, stay zero: what is salvaged now is never read again.
func (s *salvage) readAll(store vfs.FS) ([]byte, error) {
	f, err := store.OpenHandle(s.file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.StatStat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	data := make([]byte, min(st.Size, MaxPack))
	const block = 4096
	for off := 0; off < len(data); off += block {
		part := data[off:min(off+block, len(data))]
		n, err := f.ReadAt(part, int64(off))
		if n < len(part) && !errors.Is(err, io.EOF) { // a disk that failed once may not fail twice
			n, err = f.ReadAt(part, int64(off))
		}
		if n < len(part) && !errors.Is(err, io.EOF) {
			s.problem(fmt.Errorf("%s: bytes from %d: %w", s.file, off, err))
			clear(part)
		}
	}
	return data, f.Close()
}

func (s *salvage) problem(err error) { s.report.Problems = append(s.report.Problems, err) }

func (s *salvage) run(v *keys.Vault) error {
	if len(s.data) < headerSize {
		s.report.LostBytes = int64(len(s.data))
		s.problem(fmt.Errorf("%s: cut off in its header", s.file))
		return nil
	}
	if _, err := decodeHeader(s.data[:headerSize]); err != nil {
		s.problem(fmt.Errorf("%s: %w", s.file, err))
	}
	sealers, err := s.sealers(v)
	if err != nil {
		return err
	}
	for _, s.sealer = range sealers {
		if x := s.openIndex(); x != nil {
			s.report.Indexed = true
			return s.byIndex(x)
		}
	}
	s.problem(fmt.Errorf("%s: trailer or index does not open", s.file))
	for _, s.sealer = range sealers {
		s.report.LostBytes = 0
		if err := s.byLengths(); err != nil || s.report.Frames > 0 {
			return err
		}
	}
	return nil
}

// sealers gives the keys to try, the likeliest first: of every salt that the file has, in the epoch that the header
// names or, if the header is damaged there, in every other.
func (s *salvage) sealers(v *keys.Vault) ([]*keys.Sealer, error) {
	salts := [][saltSize]byte{[saltSize]byte(s.data[16:])}
	if len(s.data) >= headerSize+trailerSize {
		if second := [saltSize]byte(s.data[len(s.data)-trailerSize:]); second != salts[0] {
			salts = append(salts, second)
		}
	}
	epochs := v.Epochs()
	if named := binary.BigEndian.Uint32(s.data[12:]); slices.Contains(epochs, named) {
		epochs = []uint32{named}
	} else {
		s.problem(fmt.Errorf("%s: epoch %d is not known", s.file, named))
	}
	var out []*keys.Sealer
	for _, epoch := range epochs {
		for _, salt := range salts {
			sealer, err := v.PackSealer(epoch, salt)
			if err != nil {
				return nil, fmt.Errorf("epoch %d: %w", epoch, err)
			}
			out = append(out, sealer)
		}
	}
	return out, nil
}

// openIndex gives the pack's index if trailer and index are good.
func (s *salvage) openIndex() *index {
	size := int64(len(s.data))
	if size < headerSize+trailerSize {
		return nil
	}
	raw := s.data[size-trailerSize:]
	t, err := openTrailer(s.sealer, raw, (*[saltSize]byte)(raw), size) // whichever salt is right: the seal has told
	if err != nil {
		return nil
	}
	sealed := s.data[t.indexOff : t.indexOff+int64(t.indexSize)]
	plain, err := s.sealer.OpenCommitted(nil, sealed, indexAAD(t.indexOff))
	if err != nil {
		return nil
	}
	x, err := decodeIndex(plain, t.indexOff)
	if err != nil {
		return nil
	}
	return x
}

// byIndex tries the frames where the index says that they are.
func (s *salvage) byIndex(x *index) error {
	ids := x.ids
	for n, f := range x.frames {
		ok, err := s.tryAt(int(f.off), int(f.size), f.class)
		if err != nil {
			return err
		}
		if !ok {
			s.report.Lost = append(s.report.Lost, ids[:f.count]...)
			s.report.LostBytes += int64(f.size)
			s.problem(fmt.Errorf("%s: frame %d does not open", s.file, n))
		}
		ids = ids[f.count:]
	}
	return nil
}

// byLengths walks from frame to frame. Where none opens it first believes the masked length, which leads over a frame
// that is damaged inside, and otherwise tries the next offset.
func (s *salvage) byLengths() error {
	off := headerSize
	for off+minSealedFrame <= len(s.data) {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		size, err := s.frameAt(off)
		if err != nil {
			return err
		}
		if size == 0 {
			if size, err = s.overDamage(off); err != nil {
				return err
			}
			s.report.LostBytes += int64(size)
		}
		off += size
	}
	s.report.LostBytes += int64(len(s.data) - off)
	return nil
}

// overDamage gives how far the next good frame may lie behind an offset where none opens: the masked length if a frame
// opens behind it, or one byte. That frame is opened again by the caller.
func (s *salvage) overDamage(off int) (int, error) {
	size := frameLength(s.sealer, s.data[off:])
	next := off + size
	if size > maxSealedFrame || next+minSealedFrame > len(s.data) {
		return 1, nil
	}
	if ok := s.opens(next); !ok {
		return 1, nil
	}
	s.problem(fmt.Errorf("%s: frame at %d does not open", s.file, off))
	return size, nil
}

// frameAt takes the frame at an offset and gives its size, or 0 if none opens there.
func (s *salvage) frameAt(off int) (int, error) {
	size, plausible := s.sizeAt(off)
	if !plausible {
		return 0, nil
	}
	for _, class := range [...]Class{ClassData, ClassMeta} {
		if ok, err := s.tryAt(off, size, class); ok || err != nil {
			return size, err
		}
	}
	return 0, nil
}

// opens reports whether a frame opens at an offset.
func (s *salvage) opens(off int) bool {
	size, plausible := s.sizeAt(off)
	return plausible && (s.openAt(off, size, ClassData) == nil || s.openAt(off, size, ClassMeta) == nil)
}

func (s *salvage) sizeAt(off int) (size int, plausible bool) {
	size = frameLength(s.sealer, s.data[off:])
	return size, size >= minSealedFrame && size <= maxSealedFrame && off+size <= len(s.data)
}

func (s *salvage) openAt(off, size int, class Class) error {
	s.b.sealed = append(s.b.sealed[:0], s.data[off:off+size]...)
	var err error
	s.b.packed, err = openFrame(s.sealer, s.b.packed, s.b.sealed, class, int64(off))
	return err
}

// tryAt opens a frame and gives out its objects. It is false if the frame does not open; what a frame that opens holds
// wrongly is a problem.
func (s *salvage) tryAt(off, size int, class Class) (bool, error) {
	if s.openAt(off, size, class) != nil {
		return false, nil
	}
	s.b.sealed = append(s.b.sealed[:0], s.data[off:off+size]...)
	r := reader{sealer: s.sealer}
	body, err := r.openInto(s.codec, &s.b, frameRef{off: int64(off), size: uint32(size), class: class})
	if err != nil {
		s.problem(fmt.Errorf("%s: frame at %d: %w", s.file, off, err))
		return true, nil
	}
	s.report.Frames++
	for i, kind := range s.b.table.kinds {
		from, to := s.b.table.span(i)
		data := body[from:to:to]
		if err := s.each(s.hasher.ObjectID(byte(kind), data), kind, data); err != nil {
			return true, err
		}
		s.report.Objects++
	}
	return true, nil
}
