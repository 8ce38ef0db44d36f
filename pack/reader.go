package pack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"evault/internal/vfs"
	"evault/keys"
)

// reader is one pack open for reading: its file, its key and where its frames lie. It is safe for concurrent use.
type reader struct {
	name   Name
	file   vfs.File
	size   int64
	salt   [saltSize]byte
	sealer *keys.Sealer
	frames []frameRef

	// Used by readerSet only.
	users int
	used  uint64
}

var errPackSize = errors.New("length is not one that a pack can have")

// openPackFile opens a file of a store as the pack it says to be, and reads its header.
func openPackFile(store vfs.FS, file string, v *keys.Vault) (*reader, error) {
	f, err := store.OpenHandle(file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	r, err := readHeader(f, v)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func readHeader(f vfs.File, v *keys.Vault) (*reader, error) {
	st, err := f.StatStat()
	if err != nil {
		return nil, err
	}
	if st.Type != vfs.Regular || st.Size < MinPack || st.Size > MaxPack {
		return nil, fmt.Errorf("%w: %d bytes", errPackSize, st.Size)
	}
	var head [headerSize]byte
	if err := readFull(f, head[:], 0); err != nil {
		return nil, err
	}
	h, err := decodeHeader(head[:])
	if err != nil {
		return nil, err
	}
	sealer, err := v.PackSealer(h.epoch, h.salt)
	if err != nil {
		return nil, fmt.Errorf("epoch %d: %w", h.epoch, err)
	}
	return &reader{file: f, size: st.Size, salt: h.salt, sealer: sealer}, nil
}

// readIndex opens trailer and index, and notes the frames in r.
func (r *reader) readIndex() (*index, error) {
	t, err := r.readTrailer()
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, t.indexSize) // at most the size of the file, which is at most MaxPack
	if err := readFull(r.file, sealed, t.indexOff); err != nil {
		return nil, err
	}
	plain, err := r.sealer.OpenCommitted(nil, sealed, indexAAD(t.indexOff))
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	x, err := decodeIndex(plain, t.indexOff)
	if err != nil {
		return nil, err
	}
	if uint32(len(x.frames)) != t.frames || x.class() != t.class {
		return nil, errTrailer
	}
	r.frames = x.frames
	return x, nil
}

func (r *reader) readTrailer() (trailer, error) {
	var raw [trailerSize]byte
	if err := readFull(r.file, raw[:], r.size-trailerSize); err != nil {
		return trailer{}, err
	}
	return openTrailer(r.sealer, raw[:], &r.salt, r.size)
}

// buffers is what opening one frame needs. It is reused.
type buffers struct {
	sealed, packed, raw []byte
	table               table
}

// scratch keeps buffers that wait for reuse, as many as the channel has room for. A sync.Pool would give megabytes to
// every collection of garbage and take them anew.
type scratch chan *buffers

func (s scratch) get() *buffers {
	select {
	case b := <-s:
		return b
	default:
		return new(buffers)
	}
}

func (s scratch) put(b *buffers) {
	select {
	case s <- b:
	default:
	}
}

var errNoFrame = errors.New("no such frame in the pack")

// readFrame reads and opens frame n into b: afterwards b.table says what is in it, and the objects' bytes, which alias
// b, are returned.
func (r *reader) readFrame(c *codec, b *buffers, n int) ([]byte, error) {
	if n < 0 || n >= len(r.frames) {
		return nil, errNoFrame
	}
	f := r.frames[n]
	b.sealed = resize(b.sealed, int(f.size))
	if err := readFull(r.file, b.sealed, f.off); err != nil {
		return nil, err
	}
	return r.openInto(c, b, f)
}

// openInto opens the frame whose bytes are in b.sealed.
func (r *reader) openInto(c *codec, b *buffers, f frameRef) ([]byte, error) {
	var err error
	if b.packed, err = openFrame(r.sealer, b.packed, b.sealed, f.class, f.off); err != nil {
		return nil, err
	}
	raw, err := c.decompress(b.raw, b.packed)
	if err != nil {
		return nil, err
	}
	if b.packed[0] == codecStored {
		// Swap, so that what is returned lies in b.raw always: callers keep that and reuse the rest.
		n := len(b.packed) - len(raw)
		b.raw, b.packed = b.packed[n:], b.raw[:0]
	} else {
		b.raw = raw
	}
	return b.decodeTable(f)
}

var errFrameCount = errors.New("frame holds another number of objects than the index says")

func (b *buffers) decodeTable(f frameRef) ([]byte, error) {
	body, err := b.table.decode(b.raw, f.class)
	if err != nil {
		return nil, err
	}
	if f.count != 0 && uint32(b.table.len()) != f.count {
		return nil, errFrameCount
	}
	return body, nil
}

func (r *reader) close() error { return r.file.Close() }

// readFull fills dst from off. A file that ends before is io.ErrUnexpectedEOF.
func readFull(f io.ReaderAt, dst []byte, off int64) error {
	n, err := f.ReadAt(dst, off)
	if n == len(dst) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// roomOfFrame is enough for nearly every frame that the writer makes.
const roomOfFrame = TargetFrame*5/4 + 64<<10

// resize gives b with length n, with new memory only if it has too little. What it held is lost. New memory has one of
// few sizes, so that what served one frame serves the next.
func resize(b []byte, n int) []byte {
	switch {
	case n <= cap(b):
		return b[:n]
	case n < TargetFrame/8:
		return make([]byte, n, 2*n)
	case n <= roomOfFrame:
		return make([]byte, n, roomOfFrame)
	}
	return make([]byte, n)
}

// openError turns "no such file" into ErrNoPack and names the pack in every error that is no damage.
func openError(name Name, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("pack %s: %w", name, ErrNoPack)
	case isDamage(err):
		return damaged(name, err)
	}
	return fmt.Errorf("pack %s: %w", name, err)
}

// isDamage tells faults of a pack's bytes from faults of the disk or of this machine, which may pass.
func isDamage(err error) bool {
	var pathError *fs.PathError
	switch {
	case errors.As(err, &pathError), errors.Is(err, ErrNewer), errors.Is(err, keys.ErrUnknownEpoch), errors.Is(err, os.ErrClosed):
		return false
	}
	return true
}
