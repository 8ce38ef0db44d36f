package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/remote"
)

// Files lists the rosters, keyrings and slots. See remote.Store. What else is in their folders is passed over.
func (s *Store) Files(ctx context.Context) ([]remote.FileInfo, error) {
	if _, err := s.enter(ctx); err != nil {
		return nil, err
	}
	var all []remote.FileInfo
	for _, dir := range fileDirs() {
		part, err := s.filesIn(ctx, dir)
		if err != nil {
			return nil, s.named(dir, err)
		}
		all = append(all, part...)
	}
	if len(all) > remote.MaxFiles {
		return nil, s.named("", fmt.Errorf("%w: %d rosters, keyrings and slots, more than the %d that are allowed",
			remote.ErrDamaged, len(all), remote.MaxFiles))
	}
	slices.SortFunc(all, func(a, b remote.FileInfo) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func (s *Store) filesIn(ctx context.Context, dir string) (all []remote.FileInfo, err error) {
	d, err := s.openDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	names, err := d.ReadNames(nil)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		full := dir + "/" + n.Name
		if _, err := remote.CheckFileName(full); err != nil {
			continue
		}
		var st vfs.Stat
		err := d.Lstat(n.Name, &st)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil && checkRegular(n.Name, st, remote.MaxFile) == nil {
			all = append(all, remote.FileInfo{Name: full, Size: st.Size})
		}
	}
	return all, nil
}

// File reads a roster, keyring or slot. See remote.Store.
func (s *Store) File(ctx context.Context, name string) ([]byte, error) {
	dir, base, err := s.enterFile(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := s.readAt(base, remote.MaxFile, dir)
	return data, s.named(name, err)
}

// enterFile is enter with the name of a roster, keyring or slot, which it takes apart.
func (s *Store) enterFile(ctx context.Context, name string) (dir, base string, err error) {
	if _, err := s.enter(ctx); err != nil {
		return "", "", err
	}
	if _, err := remote.CheckFileName(name); err != nil {
		return "", "", s.named("", err)
	}
	dir, base, _ = strings.Cut(name, "/")
	return dir, base, nil
}

// PutFile stores a roster, keyring or slot. See remote.Store. One that is there and does not fit its name is replaced.
func (s *Store) PutFile(ctx context.Context, name string, data []byte) error {
	dir, base, err := s.enterFile(ctx, name)
	if err != nil {
		return err
	}
	if len(data) > remote.MaxFile {
		return s.named(name, fmt.Errorf("%w: %d bytes, more than the %d that are allowed", remote.ErrMismatch, len(data), remote.MaxFile))
	}
	if err := remote.CheckFile(name, data); err != nil {
		return s.named("", err)
	}
	return s.named(name, s.putFile(ctx, dir, base, data))
}

func (s *Store) putFile(ctx context.Context, dir, base string, data []byte) (err error) {
	if err := s.ensureDir(dir); err != nil {
		return err
	}
	have, err := s.readAt(base, remote.MaxFile, dir)
	if err == nil && bytes.Equal(have, data) {
		return s.fs.SyncDir(dir) // whoever put it may have died before its name was durable
	}
	if errors.Is(err, remote.ErrNotFound) {
		err = s.roomForFile(ctx)
	}
	if err != nil && !errors.Is(err, remote.ErrDamaged) {
		return err
	}
	a, err := s.receiveData(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.drop()) }()
	return a.publish(dir, base)
}

// roomForFile keeps a store from growing beyond what Files can list.
func (s *Store) roomForFile(ctx context.Context) error {
	n := 0
	for _, dir := range fileDirs() {
		part, err := s.filesIn(ctx, dir)
		if err != nil {
			return err
		}
		n += len(part)
	}
	if n >= remote.MaxFiles {
		return fmt.Errorf("%w: a store holds at most %d rosters, keyrings and slots", remote.ErrQuota, remote.MaxFiles)
	}
	return nil
}

// DeleteFile removes a slot. See remote.Store.
func (s *Store) DeleteFile(ctx context.Context, name string) error {
	dir, base, err := s.enterFile(ctx, name)
	if err != nil {
		return err
	}
	if dir != slotDir {
		return s.named(name, fmt.Errorf("%w: only slots are ever removed", remote.ErrRefused))
	}
	return s.named(name, s.removeIn(base, dir))
}

// removeIn removes a file from a folder given by its components, if it is there, and makes that durable.
func (s *Store) removeIn(name, dir string, rest ...string) (err error) {
	d, err := s.openDir(dir, rest...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.Sync()
}
