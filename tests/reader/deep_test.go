package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
)

// bare is a vault without a work tree, for what no short test can make evault write.
type bare struct {
	t     *testing.T
	dir   string
	vault *keys.Vault
	store vfs.FS
	local vfs.FS
	key   string // identity file
}

func newBare(t *testing.T) *bare {
	t.Helper()
	b := &bare{t: t, dir: t.TempDir()}
	id, err := keys.NewIdentity()
	must(t, err)
	b.key = filepath.Join(b.dir, "identity")
	must(t, os.WriteFile(b.key, id.Marshal(), 0o600))
	made, err := keys.NewVault(keys.NewVaultOptions{Identity: id, Label: "bare"})
	must(t, err)
	b.vault = made.Vault
	for _, f := range made.Files {
		name := filepath.Join(b.dir, "store", f.Name)
		must(t, os.MkdirAll(filepath.Dir(name), 0o700))
		must(t, os.WriteFile(name, f.Data, 0o600))
	}
	b.store, b.local = b.open("store"), b.open("local")
	return b
}

func (b *bare) open(name string) vfs.FS {
	b.t.Helper()
	fsys, err := vfs.OpenOrCreate(filepath.Join(b.dir, name))
	must(b.t, err)
	b.t.Cleanup(func() { must(b.t, fsys.Close()) })
	return fsys
}

// read opens it as the reader does.
func (b *bare) read() *vault {
	b.t.Helper()
	v, err := unlock(&options{identity: b.key, vaultID: b.vault.ID().String(), vault: b.dir})
	must(b.t, err)
	must(b.t, v.openPacks())
	return v
}

// TestReadsNestedLists: a file of so many chunks and holes that its list has several nodes.
func TestReadsNestedLists(t *testing.T) {
	b := newBare(t)
	db, err := pack.OpenDB(pack.Options{Store: b.store, Local: b.local, Vault: b.vault})
	must(t, err)
	session := db.NewSession(pack.SessionOptions{})
	frames := session.NewFrames()
	list := objects.NewFileListBuilder(frames)
	want, size := sha256.New(), uint64(0)
	const n = 60_000
	for i := range n {
		data := fmt.Appendf(nil, "%d,", i%5000)
		id, err := frames.Put(objects.KindChunk, data)
		must(t, err)
		must(t, list.AddChunk(id, uint64(len(data))))
		want.Write(data)
		size += uint64(len(data))
		if i%100 == 50 {
			must(t, list.AddHole(3))
			want.Write(make([]byte, 3))
			size += 3
		}
	}
	content, err := list.Finish()
	must(t, err)
	_, err = session.Commit(t.Context())
	must(t, errors.Join(err, db.Close()))

	v := b.read()
	root, err := v.get(content.ID, kindFileList)
	must(t, err)
	if root[1] < 1 {
		t.Errorf("the list is of level %d", root[1])
	}
	got, length := sha256.New(), uint64(0)
	e := entry{content: byte(content.Kind), id: content.ID, size: size}
	must(t, v.extents(&e, func(data []byte, n uint64) error {
		if data == nil {
			data = make([]byte, n)
		}
		got.Write(data)
		length += n
		return nil
	}))
	if length != size || string(got.Sum(nil)) != string(want.Sum(nil)) {
		t.Error("the file comes back changed")
	}
	t.Logf("%d extents, level %d", n, root[1])
}

// TestReadsCheckpoints: two clones, a checkpoint, and bodies dropped behind it amount to what evault says they do.
func TestReadsCheckpoints(t *testing.T) {
	b := newBare(t)
	storeID, err := refs.CreateStoreID(b.store)
	must(t, err)
	clone := func(n byte) *refs.Refs {
		r, err := refs.Open(refs.Options{Store: b.store, Local: b.open(fmt.Sprintf("local%d", n)), Vault: b.vault, StoreID: storeID,
			CloneID: refs.CloneID{n}, Shared: true})
		must(t, err)
		return r
	}
	set := func(r *refs.Refs, name string, old, id byte) {
		_, err := r.Append(t.Context(), refs.Operation{Name: "test", HeadAfter: refs.Head{Branch: "main"},
			Changes: []refs.Change{{Name: name, Old: one(old), New: one(id)}}})
		must(t, err)
	}
	first := clone(1)
	for i := range byte(5) {
		set(first, "heads/main", i, i+1)
		set(first, fmt.Sprintf("notes/%d", i), 0, 100+i)
	}
	set(first, "notes/3", 103, 0)
	second := clone(2)
	set(second, "heads/side", 0, 50)
	beside := clone(1)
	_, err = second.Append(t.Context(), refs.Operation{Name: "checkpoint", Checkpoint: true})
	must(t, err)
	set(beside, "heads/main", 5, 6) // written beside the checkpoint, without having seen it
	set(beside, "notes/4", 104, 0)
	dropped := dropBodies(t, filepath.Join(b.dir, "store/logs", beside.Tag().String()), 11)

	v := b.read()
	logs, err := v.readLogs()
	must(t, err)
	f, err := v.foldLogs(logs)
	must(t, err)
	got := map[string][]string{}
	for _, s := range f.settings {
		got[s.name] = append(got[s.name], hex.EncodeToString(s.id[:1]))
	}
	want := map[string][]string{}
	last := clone(3)
	if p := last.Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	for name, id := range last.View().All() {
		want[name] = []string{hex.EncodeToString(id[:1])}
	}
	must(t, os.Truncate(filepath.Join(b.dir, "store/logs", beside.Tag().String(), "000000000000000c"), 213))
	if logs, err = v.readLogs(); err == nil {
		_, err = v.foldLogs(logs)
	}
	if err == nil {
		t.Error("a body that no checkpoint stands for may be missing")
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(want) != 5 || dropped != 11 {
		t.Errorf("the reader makes %v of the logs, evault %v (%d bodies dropped)", got, want, dropped)
	}
}

func one(n byte) (id objects.ID) {
	id[0] = n
	return id
}

// dropBodies leaves the headers of the first n records of a log.
func dropBodies(t *testing.T, dir string, n int) (dropped int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range slices.Clip(entries[:n]) {
		name := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(name)
		must(t, err)
		_, body, err := refs.DecodeHeader(data)
		must(t, err)
		must(t, os.WriteFile(name, data[:len(data)-len(body)], 0o600))
		dropped++
	}
	return dropped
}
