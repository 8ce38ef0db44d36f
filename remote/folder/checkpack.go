package folder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"evault/internal/vfs"
	"evault/pack"
	"evault/remote"
)

// CheckPack reads a pack and compares it with its name. See remote.Store. A damaged one is moved to damaged/, where it
// replaces an earlier one of the same name. What the disk cannot read, twice, counts as damaged.
func (s *Store) CheckPack(ctx context.Context, name pack.Name) error {
	if _, err := s.enter(ctx); err != nil {
		return err
	}
	return s.named("pack "+name.String(), s.checkPack(ctx, name))
}

func (s *Store) checkPack(ctx context.Context, name pack.Name) error {
	st, err := s.judgePack(ctx, name)
	if errors.Is(err, syscall.EIO) {
		st, err = s.judgePack(ctx, name)
	}
	if errors.Is(err, syscall.EIO) {
		err = fmt.Errorf("%w: %w", remote.ErrDamaged, err)
	}
	if !errors.Is(err, remote.ErrDamaged) {
		return err
	}
	return errors.Join(err, s.takeAway(name, st))
}

// judgePack reads a pack whole. The error is remote.ErrDamaged if it does not fit its name; st is what was read.
func (s *Store) judgePack(ctx context.Context, name pack.Name) (st vfs.Stat, err error) {
	f, st, err := s.openPack(name)
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := s.buffers.Get().(*[copySize]byte)
	defer s.buffers.Put(buf)
	hash := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return st, err
		}
		n, err := f.Read(buf[:])
		hash.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return st, err
		}
	}
	if pack.Name(hash.Sum(nil)) != name {
		return st, fmt.Errorf("%w: its bytes are others", remote.ErrDamaged)
	}
	return st, nil
}

// takeAway moves the pack that st describes to damaged/, durably there before it is durably gone here. If another has
// taken its place meanwhile, it stays.
func (s *Store) takeAway(name pack.Name, st vfs.Stat) error {
	if err := s.ensureDir(damagedDir); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	dir := packsDir + "/" + packDir(name)
	now, err := s.fs.LstatStat(dir + "/" + packFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !sameFile(now, st) {
		return err
	}
	if err := s.fs.Rename(dir+"/"+packFile(name), damagedDir+"/"+packFile(name)); err != nil {
		return err
	}
	return errors.Join(s.fs.SyncDir(damagedDir), s.fs.SyncDir(dir))
}

// sameFile says whether two looks at a name saw one file, unchanged.
func sameFile(a, b vfs.Stat) bool {
	return a.Type == b.Type && a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mtime == b.Mtime
}

// DeletePack removes a pack. See remote.Store.
func (s *Store) DeletePack(ctx context.Context, name pack.Name) error {
	if _, err := s.enter(ctx); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.named("pack "+name.String(), s.removeIn(packFile(name), packsDir, packDir(name)))
}
