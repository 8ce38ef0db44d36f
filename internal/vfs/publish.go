package vfs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
)

// Publish writes data to the file name so that after a crash at any instant name holds either what it held before
// (or nothing), or all of data; and once Publish has returned nil it holds all of data. What was there is replaced.
//
// The calls, in order (after sunlight's internal/durable):
//
//	openat(dir, ".tmp-<random>", O_CREAT|O_EXCL|O_WRONLY)   nobody sees it under its name yet
//	write ...
//	fsync(file)                       contents before the name: else a crash shows an empty file
//	close(file)
//	renameat(".tmp-<random>", name)   the switch
//	fsync(dir)                        the name itself
//
// If it fails the temporary file is removed, and name is as before unless only the last step failed: then either may
// be found after a crash, and to publish again is harmless.
func Publish(fsys FS, name string, data []byte, perm fs.FileMode) error {
	s, err := stageWith(fsys, name, data, perm)
	if err != nil {
		return err
	}
	return s.Commit(path.Base(name))
}

// PublishNew is [Publish] but never replaces: if name exists it fails with fs.ErrExist and changes nothing.
func PublishNew(fsys FS, name string, data []byte, perm fs.FileMode) error {
	s, err := stageWith(fsys, name, data, perm)
	if err != nil {
		return err
	}
	return s.CommitNew(path.Base(name))
}

func stageWith(fsys FS, name string, data []byte, perm fs.FileMode) (*Staged, error) {
	s, err := Stage(fsys, path.Dir(name), perm)
	if err != nil {
		return nil, err
	}
	if _, err := s.File.Write(data); err != nil {
		return nil, both(err, s.Abort())
	}
	return s, nil
}

// TempPrefix begins the name of every temporary file made by [Stage], so that those a crash left can be found.
const TempPrefix = ".tmp-"

// Staged is a temporary file on its way to a name in the same directory. The calling sequence is
//
//	s, err := Stage(fsys, dir, perm)
//	s.File.Write ...           (do not close it)
//	s.Commit(name)             or CommitNew, CommitNoDirSync, Abort
//
// Exactly one of the last four ends it; Abort after any of them does nothing and returns nil, so it can be deferred.
// A commit that fails removes the temporary file. It is not safe for concurrent use.
type Staged struct {
	File File // open for reading and writing

	fs   FS
	dir  string
	temp string
	done bool
}

// Stage creates a temporary file in dir with the given permissions, less the umask.
func Stage(fsys FS, dir string, perm fs.FileMode) (*Staged, error) {
	for tries := 0; ; tries++ {
		temp := path.Join(dir, randomName(TempPrefix))
		f, err := fsys.OpenHandle(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) && tries < maxTempTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &Staged{File: f, fs: fsys, dir: dir, temp: temp}, nil
	}
}

// Commit syncs and closes the file, renames it to name in its directory, replacing what is there, and syncs the
// directory. When it returns nil the file is durable under that name.
func (s *Staged) Commit(name string) error { return s.commit(name, s.fs.Rename, true) }

// CommitNew is Commit but never replaces: if name exists it fails with fs.ErrExist.
func (s *Staged) CommitNew(name string) error { return s.commit(name, s.fs.RenameNoReplace, true) }

// CommitNoDirSync is Commit without syncing the directory: the name is durable only after a [FS.SyncDir] of the
// directory, which the caller owes, once for many files.
func (s *Staged) CommitNoDirSync(name string) error { return s.commit(name, s.fs.Rename, false) }

func (s *Staged) commit(name string, rename func(string, string) error, syncDir bool) error {
	if s.done {
		return &fs.PathError{Op: "commit", Path: s.temp, Err: fs.ErrClosed}
	}
	if err := CheckComponent("commit", name); err != nil {
		return both(err, s.Abort())
	}
	if err := s.File.Sync(); err != nil {
		return both(err, s.Abort())
	}
	s.done = true
	if err := s.File.Close(); err != nil {
		return both(err, s.fs.Remove(s.temp))
	}
	if err := rename(s.temp, path.Join(s.dir, name)); err != nil {
		return both(err, s.fs.Remove(s.temp))
	}
	if !syncDir {
		return nil
	}
	return s.fs.SyncDir(s.dir)
}

// Abort closes and removes the temporary file.
func (s *Staged) Abort() error {
	if s.done {
		return nil
	}
	s.done = true
	return errors.Join(s.File.Close(), s.fs.Remove(s.temp))
}

// both joins the errors of an operation and of the cleaning up after it, unless they are the same one.
func both(err, cleanup error) error {
	if cleanup == nil || errors.Is(cleanup, err) {
		return err
	}
	return errors.Join(err, cleanup)
}

const maxTempTries = 100

// randomName gives prefix and 96 random bits in hexadecimal.
func randomName(prefix string) string {
	var b [12]byte
	rand.Read(b[:]) // never fails: it ends the process instead
	return prefix + hex.EncodeToString(b[:])
}
