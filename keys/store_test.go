package keys_test

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"evault/keys"
)

// memStore is a store in memory: file names to contents.
type memStore map[string][]byte

func (m memStore) List(dir string) ([]string, error) {
	var names []string
	for name := range m {
		if base, ok := strings.CutPrefix(name, dir+"/"); ok {
			names = append(names, base)
		}
	}
	if names == nil {
		return nil, fs.ErrNotExist
	}
	return names, nil
}

func (m memStore) Read(name string, limit int64) ([]byte, error) {
	data, ok := m[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w", name, keys.ErrTooLong)
	}
	return data, nil
}

func (m memStore) put(lists ...[]keys.File) memStore {
	for _, files := range lists {
		for _, f := range files {
			m[f.Name] = f.Data
		}
	}
	return m
}

func (m memStore) apply(t testing.TB, c keys.ChangeSet) {
	t.Helper()
	m.put(c.Add, c.LocalOnly)
	for _, name := range c.Remove {
		delete(m, name)
	}
}

// withoutLocal is what a remote gets to see.
func (m memStore) withoutLocal() memStore {
	out := maps.Clone(m)
	maps.DeleteFunc(out, func(name string, _ []byte) bool { return strings.HasPrefix(name, "local/") })
	return out
}

func newIdentity(t testing.TB) *keys.Identity {
	t.Helper()
	id, err := keys.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// testWork keeps scrypt cheap.
const testWork = 8

func newVault(t testing.TB, o keys.NewVaultOptions) (*keys.Created, memStore) {
	t.Helper()
	if o.Identity == nil {
		o.Identity = newIdentity(t)
	}
	o.WorkFactor = testWork
	created, err := keys.NewVault(o)
	if err != nil {
		t.Fatal(err)
	}
	return created, memStore{}.put(created.Files, created.LocalOnly)
}
