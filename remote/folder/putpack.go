package folder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// copySize is how many bytes of a pack are read, hashed and written at once. Every pack on its way in holds as many: with four of
// each peer under way, more would make the memory of a host, and 256 KiB are not measurably faster.
const copySize = 64 << 10

// PutPack stores a pack. See remote.Store. One that is there with another size is replaced by the right one.
//
// The calls, in order:
//
//	create incoming/.tmp-x, write ...      hashed on the way; what does not fit is removed
//	fsync  incoming/.tmp-x
//	mkdir  packs/ab, fsync packs/          once for each folder
//	rename incoming/.tmp-x -> packs/ab/<sha256>.pack
//	fsync  packs/ab/
func (s *Store) PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	if _, err := s.enter(ctx); err != nil {
		return err
	}
	s.sweep()
	return s.named("pack "+p.String(), s.putPack(ctx, p, open))
}

func (s *Store) putPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	if p.Size > refs.MaxPackSize {
		return fmt.Errorf("%w: %d bytes, more than the %d that a pack may have", remote.ErrMismatch, p.Size, refs.MaxPackSize)
	}
	dir := packsDir + "/" + packDir(p.Name)
	if err := s.ensureDir(dir); err != nil {
		return err
	}
	has, err := s.hasPack(p)
	if err != nil {
		return err
	}
	if has {
		return s.fs.SyncDir(dir) // whoever put it may have died before its name was durable
	}
	return s.takePack(ctx, p, open)
}

// hasPack says whether a pack is there with this very size.
func (s *Store) hasPack(p refs.Pack) (bool, error) {
	f, st, err := s.openPack(pack.Name(p.Name))
	if errors.Is(err, remote.ErrNotFound) || errors.Is(err, remote.ErrDamaged) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return uint64(st.Size) == p.Size, f.Close()
}

func (s *Store) takePack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) (err error) {
	a, err := s.receive()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.drop()) }()
	source, err := open()
	if err != nil {
		return told{err} // the caller's own
	}
	err = s.copyPack(ctx, a, source, p)
	if err := errors.Join(err, source.Close()); err != nil {
		return err
	}
	if err := a.settle(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return a.publish(packsDir+"/"+packDir(p.Name), packFile(p.Name))
}

// copyPack writes what source gives to dst and compares size and hash with the pack's.
func (s *Store) copyPack(ctx context.Context, dst io.Writer, source io.Reader, p refs.Pack) error {
	buf := s.buffers.Get().(*[copySize]byte)
	defer s.buffers.Put(buf)
	hash := sha256.New()
	var size uint64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := readFull(source, buf[:min(copySize, p.Size-size+1)])
		if size += uint64(n); size > p.Size {
			return fmt.Errorf("%w: more than its %d bytes", remote.ErrMismatch, p.Size)
		}
		hash.Write(buf[:n])
		if _, err := dst.Write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return told{err} // the caller's own
		}
	}
	if size < p.Size {
		return fmt.Errorf("%w: %d bytes, not %d", remote.ErrMismatch, size, p.Size)
	}
	if [sha256.Size]byte(hash.Sum(nil)) != p.Name {
		return fmt.Errorf("%w: its bytes are others", remote.ErrMismatch)
	}
	return nil
}

// readFull reads until buf is full or the source ends. Unlike io.ReadFull it gives the source's own error, also behind some
// bytes: a connection that broke (io.ErrUnexpectedEOF) is not a pack that ended.
func readFull(source io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = source.Read(buf[n:])
		n += m
	}
	return n, err
}
