package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/internal/vfs"
	"evault/keys"
)

// keyStore lets package keys read the small files of a vault: rosters, keyrings and slots of the store, and under local/
// the slots that must not leave this machine.
type keyStore struct {
	store, local vfs.FS
}

func (s keyStore) place(name string) (vfs.FS, string) {
	if rest, ok := strings.CutPrefix(name, localDir+"/"); ok {
		return s.local, rest
	}
	return s.store, name
}

// List names the files of one folder; a folder that is not there is empty.
func (s keyStore) List(dir string) ([]string, error) {
	fsys, dir := s.place(dir)
	return listNames(fsys, dir)
}

// Read gives a file's bytes, at most limit of them.
func (s keyStore) Read(name string, limit int64) ([]byte, error) {
	fsys, name := s.place(name)
	data, err := readFile(fsys, name, limit)
	if errors.Is(err, errTooLong) {
		return nil, fmt.Errorf("%w: %w", keys.ErrTooLong, err)
	}
	return data, err
}

func listNames(fsys vfs.FS, dir string) ([]string, error) {
	d, err := fsys.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadNames(nil)
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name, vfs.TempPrefix) { // what a crash left
			names = append(names, e.Name)
		}
	}
	return names, nil
}
