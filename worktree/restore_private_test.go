package worktree

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"evault/internal/vfs"
	"evault/objects"
)

// While a tree is being written, nobody else may look into what is new: its own permissions come last.
func TestRestoreKeepsUnfinishedFilesPrivate(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("permissions of this kind are Unix's")
	}
	s := newStore(t)
	secret := s.file(t, "secret", string(bytes.Repeat([]byte("secret"), 10_000)))
	tree := s.tree(t, s.dir(t, "d", s.dir(t, "e", secret)))
	dir, root := openRoot(t)
	looked := 0
	s.view = func(objects.ID) error {
		return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			looked++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v while it is written", path[len(dir):], info.Mode())
			}
			return nil
		})
	}
	mustRestore(t, s, tree, nil, RestoreOptions{Root: root, Workers: 1})
	if looked < 3 {
		t.Errorf("saw %d files and folders", looked)
	}
}

// A file is written under a name that nobody has, so never into something that lies there.
func TestRestoreCreatesWhatItWrites(t *testing.T) {
	s := newStore(t)
	tree := s.files(t, map[string]string{"f": "x", "d/g": "y"})
	_, root := openRoot(t)
	watched := &creating{FS: root}
	mustRestore(t, s, tree, nil, RestoreOptions{Root: watched, Workers: 1})
	if len(watched.flags) != 2 {
		t.Errorf("%d files were opened", len(watched.flags))
	}
	for _, flag := range watched.flags {
		if flag&(os.O_CREATE|os.O_EXCL) != os.O_CREATE|os.O_EXCL {
			t.Errorf("opened with flags %#x", flag)
		}
	}
}

// creating notes how files are opened.
type creating struct {
	vfs.FS
	flags []int
}

func (c *creating) OpenDir(name string) (vfs.Dir, error) {
	d, err := c.FS.OpenDir(name)
	return creatingDir{d, c}, err
}

type creatingDir struct {
	vfs.Dir
	to *creating
}

func (d creatingDir) OpenDir(name string) (vfs.Dir, error) {
	inner, err := d.Dir.OpenDir(name)
	return creatingDir{inner, d.to}, err
}

func (d creatingDir) OpenFile(name string, flag int, perm uint32) (vfs.File, error) {
	if !IsTemporary(name) {
		return nil, errors.New("written under its own name")
	}
	d.to.flags = append(d.to.flags, flag)
	return d.Dir.OpenFile(name, flag, perm)
}
