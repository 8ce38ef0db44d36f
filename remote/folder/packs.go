package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"evault/internal/vfs"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// Packs lists the packs. See remote.Store. What else is in their folders, and what is larger than any pack, is passed over.
func (s *Store) Packs(ctx context.Context) ([]refs.Pack, error) {
	if _, err := s.enter(ctx); err != nil {
		return nil, err
	}
	all, err := s.listPacks(ctx)
	if err != nil {
		return nil, s.named(packsDir, err)
	}
	slices.SortFunc(all, func(a, b refs.Pack) int { return bytes.Compare(a.Name[:], b.Name[:]) })
	return all, nil
}

func (s *Store) listPacks(ctx context.Context) (all []refs.Pack, err error) {
	dirs, err := s.readNames(packsDir)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if !parsePackDir(dir.Name) || !mayBe(dir, vfs.Directory) {
			continue
		}
		if all, err = s.packsIn(ctx, dir, all); err != nil {
			return nil, err
		}
		if len(all) > remote.MaxPacks {
			return nil, fmt.Errorf("%w: more than the %d packs that are allowed", remote.ErrDamaged, remote.MaxPacks)
		}
	}
	return all, nil
}

// packsIn appends the packs of one folder to all.
func (s *Store) packsIn(ctx context.Context, dir vfs.DirName, all []refs.Pack) (_ []refs.Pack, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, err := s.openDir(packsDir, dir.Name)
	if err != nil {
		if dir.Type == vfs.TypeUnknown || errors.Is(err, fs.ErrNotExist) {
			return all, nil // no folder, or not any more
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	names, err := d.ReadNames(nil)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		name, ok := parsePackFile(dir.Name, n.Name)
		if !ok || !mayBe(n, vfs.Regular) {
			continue
		}
		var st vfs.Stat
		switch err := d.Lstat(n.Name, &st); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case checkRegular(n.Name, st, refs.MaxPackSize) == nil:
			all = append(all, refs.Pack{Name: name, Size: uint64(st.Size)})
		}
	}
	return all, nil
}

// openPack opens a pack. The errors are remote.ErrNotFound, and remote.ErrDamaged for what is no file or too large.
func (s *Store) openPack(name pack.Name) (vfs.File, vfs.Stat, error) {
	d, err := s.openDir(packsDir, packDir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, vfs.Stat{}, fmt.Errorf("%w: %w", remote.ErrNotFound, err)
	}
	if err != nil {
		return nil, vfs.Stat{}, err
	}
	f, st, err := openRegular(d, packFile(name), refs.MaxPackSize)
	if cerr := d.Close(); cerr != nil && err == nil {
		return nil, st, errors.Join(cerr, f.Close())
	}
	return f, st, err
}

// Pack reads a part of a pack. See remote.Store.
func (s *Store) Pack(ctx context.Context, name pack.Name, offset, length int64) (io.ReadCloser, error) {
	if _, err := s.enter(ctx); err != nil {
		return nil, err
	}
	f, st, err := s.openPack(name)
	if err != nil {
		return nil, s.named("pack "+name.String(), err)
	}
	if length == -1 {
		length = st.Size - offset
	}
	if offset < 0 || length < 0 || offset > st.Size || length > st.Size-offset {
		err := fmt.Errorf("%w: it has %d bytes, and not %d from %d on", remote.ErrMismatch, st.Size, length, offset)
		return nil, s.named("pack "+name.String(), errors.Join(err, f.Close()))
	}
	return &packReader{ctx: ctx, s: s, f: f, name: name, at: offset, end: offset + length}, nil
}

// packReader reads a range of a pack.
type packReader struct {
	ctx     context.Context
	s       *Store
	f       vfs.File
	name    pack.Name
	at, end int64
}

// Read reads on. A file that is shorter than it was is io.ErrUnexpectedEOF.
func (r *packReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.at == r.end {
		return 0, io.EOF
	}
	n, err := r.f.ReadAt(p[:min(int64(len(p)), r.end-r.at)], r.at)
	r.at += int64(n)
	if err == io.EOF && r.at < r.end {
		err = fmt.Errorf("%w: %w", remote.ErrDamaged, io.ErrUnexpectedEOF)
	}
	if err == io.EOF || err == nil {
		return n, nil
	}
	return n, r.s.named("pack "+r.name.String(), err)
}

// Close ends the reading.
func (r *packReader) Close() error { return r.s.named("pack "+r.name.String(), r.f.Close()) }
