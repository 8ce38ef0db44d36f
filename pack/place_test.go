package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
)

// place is a store with what is beside it, for tests.
type place struct {
	store, local vfs.FS
	vault        *keys.Vault
}

func newVault(t testing.TB) *keys.Vault {
	t.Helper()
	v, err := keys.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func memoryPlace(t testing.TB) *place {
	t.Helper()
	return &place{memfs.New(memfs.Options{}), memfs.New(memfs.Options{}), newVault(t)}
}

func diskPlace(t testing.TB, dir string) *place {
	t.Helper()
	open := func(name string) vfs.FS {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := vfs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return &place{open("store"), open("local"), newVault(t)}
}

func (p *place) open(t testing.TB) *DB {
	t.Helper()
	db, err := OpenDB(Options{Store: p.store, Local: p.local, Vault: p.vault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// thing is an object that a test has stored.
type thing struct {
	kind objects.Kind
	id   objects.ID
	data []byte
}

// things makes n objects of several kinds, about half of them compressible.
func things(v *keys.Vault, seed uint64, n, maxSize int) []thing {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]thing, n)
	for i := range out {
		data := make([]byte, r.IntN(maxSize))
		if r.IntN(2) == 0 {
			for j := range data {
				data[j] = byte(r.Uint32())
			}
		} else {
			copy(data, bytes.Repeat([]byte(fmt.Sprintf("line %d of %d\n", i, seed)), len(data)/8+1))
		}
		if len(data) >= 16 {
			binary.BigEndian.PutUint64(data, uint64(i))
			binary.BigEndian.PutUint64(data[8:], seed)
		}
		kind := objects.Kind(1)
		if r.IntN(3) == 0 {
			kind = objects.Kind(1 + r.IntN(5))
		}
		out[i] = thing{kind, v.ObjectID(byte(kind), data), data}
	}
	return out
}

func put(t testing.TB, db *DB, all []thing) []PackInfo {
	t.Helper()
	s := db.NewSession(SessionOptions{})
	f := s.NewFrames()
	for _, o := range all {
		id, err := f.Put(o.kind, o.data)
		if err != nil {
			t.Fatal(err)
		}
		if id != o.id {
			t.Fatalf("ID %s, want %s", id, o.id)
		}
	}
	infos, err := s.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

func mustHold(t testing.TB, db *DB, all []thing) {
	t.Helper()
	for i, o := range all {
		if !db.Has(o.id) {
			t.Fatalf("object %d of %d is not there", i, len(all))
		}
		got, err := db.Get(context.Background(), o.id, o.kind)
		if err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
		if !bytes.Equal(got, o.data) {
			t.Fatalf("object %d: wrong bytes", i)
		}
	}
}

func mustVerify(t testing.TB, db *DB) {
	t.Helper()
	infos, err := db.Packs()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if err := db.VerifyPack(context.Background(), i.Name, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	f, err := fsys.OpenHandle(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.StatStat()
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, st.Size)
	if err := readFull(f, data, 0); err != nil && len(data) > 0 {
		t.Fatal(err)
	}
	return data
}

// overwrite gives a file other bytes.
func overwrite(t testing.TB, fsys vfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fsys.OpenHandle(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// prove says whether the long variants of tests run.
func prove() bool { return os.Getenv("EVAULT_PROVE") == "1" }

// nameOf gives the name of a pack of these bytes.
func nameOf(data []byte) Name { return sha256.Sum256(data) }

// on gives the place whose store and local are directories of a disk.
func on(t testing.TB, m *memfs.Memory, v *keys.Vault) *place {
	t.Helper()
	store, err := m.Sub("store")
	if err != nil {
		t.Fatal(err)
	}
	local, err := m.Sub("local")
	if err != nil {
		t.Fatal(err)
	}
	return &place{store, local, v}
}
