package keys

import (
	"fmt"
	"io/fs"
	"strings"
)

// MemStore is a Store in memory: what each file holds by its name, such as "roster/0-...". A vault is opened from one
// before there is a disk to put it on. It may be read by several goroutines while nobody changes it.
type MemStore map[string][]byte

// List gives the names in a folder.
func (m MemStore) List(dir string) ([]string, error) {
	var names []string
	for name := range m {
		if base, ok := strings.CutPrefix(name, dir+"/"); ok {
			names = append(names, base)
		}
	}
	return names, nil
}

// Read gives a file's bytes, which must not be changed.
func (m MemStore) Read(name string, limit int64) ([]byte, error) {
	data, ok := m[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s: %w", name, ErrTooLong)
	}
	return data, nil
}
