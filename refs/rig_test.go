package refs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
)

// rig is a vault's folders in memory: .evault with store/ and local/, and the user's state.
type rig struct {
	t     testing.TB
	disk  *memfs.Memory
	vault *keys.Vault
	store StoreID
	clone CloneID
}

func newRig(t testing.TB) *rig {
	t.Helper()
	v, err := keys.NewEphemeral()
	must(t, err)
	g := &rig{t: t, disk: memfs.New(memfs.Options{}), vault: v}
	for _, d := range []string{"evault", "evault/store", "evault/local", "state"} {
		must(t, vfs.MkdirAllSync(g.disk, d, 0o700))
	}
	g.store, err = CreateStoreID(g.sub("evault/store"))
	must(t, err)
	g.clone, _, err = EnsureClone(g.sub("evault"))
	must(t, err)
	return g
}

// on is the rig over another disk.
func (g *rig) on(disk *memfs.Memory) *rig {
	c := *g
	c.disk = disk
	return &c
}

// as is the rig of another clone.
func (g *rig) as(clone byte) *rig {
	c := *g
	c.clone = CloneID{clone}
	return &c
}

func (g *rig) sub(name string) vfs.FS {
	g.t.Helper()
	s, err := g.disk.Sub(name)
	must(g.t, err)
	return s
}

func (g *rig) options() Options {
	return Options{Store: g.sub("evault/store"), Local: g.sub("evault/local"), State: g.sub("state"), Vault: g.vault,
		StoreID: g.store, CloneID: g.clone,
		Warn: func(err error) { g.t.Errorf("cache: %v", err) }}
}

func (g *rig) tryOpen(mods ...func(*Options)) (*Refs, error) {
	g.t.Helper()
	o := g.options()
	for _, m := range mods {
		m(&o)
	}
	return Open(o)
}

func (g *rig) open(mods ...func(*Options)) *Refs {
	g.t.Helper()
	r, err := g.tryOpen(mods...)
	must(g.t, err)
	return r
}

// start opens and writes record 0.
func (g *rig) start() *Refs {
	g.t.Helper()
	r := g.open()
	g.append(r, Operation{Name: "init", HeadAfter: Head{Branch: "main"}})
	return r
}

func (g *rig) append(r *Refs, op Operation) *Record {
	g.t.Helper()
	if op.Time.Sec == 0 {
		op.Time = objects.Time{Sec: 1700000000 + int64(len(r.view.refs))}
	}
	rec, err := r.Append(context.Background(), op)
	must(g.t, err)
	return rec
}

// commit moves a branch to a commit.
func (g *rig) commit(r *Refs, branch string, n int) *Record {
	g.t.Helper()
	old, _ := r.View().Ref("heads/" + branch)
	return g.append(r, Operation{Name: "commit", Description: fmt.Sprint("number ", n), Time: objects.Time{Sec: int64(1700000000 + n)},
		Changes: []Change{{"heads/" + branch, old, commitID(n)}}})
}

// problems gives what Verify finds.
func (g *rig) problems(r *Refs) []error {
	g.t.Helper()
	var out []error
	must(g.t, r.Verify(context.Background(), nil, func(err error) { out = append(out, err) }))
	return out
}

func (g *rig) read(name string) []byte {
	g.t.Helper()
	f, err := g.disk.OpenFile(name, os.O_RDONLY, 0)
	must(g.t, err)
	data, err := io.ReadAll(f)
	must(g.t, errors.Join(err, f.Close()))
	return data
}

func (g *rig) writeFile(name string, data []byte) {
	g.t.Helper()
	must(g.t, vfs.MkdirAllSync(g.disk, path.Dir(name), 0o700))
	must(g.t, vfs.Publish(g.disk, name, data, 0o600))
}

func (g *rig) remove(name string) {
	g.t.Helper()
	must(g.t, g.disk.RemoveAll(name))
}

// recordFile is where a record of the own log is.
func (g *rig) recordFile(tag Tag, seq uint64) string { return "evault/store/" + recordPath(tag, seq) }

func commitID(n int) objects.ID {
	var id objects.ID
	copy(id[:], fmt.Sprintf("commit %d ................", n))
	return id
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// wantNamed wants an error that is target and names the thing.
func wantNamed(t testing.TB, err, target error, names ...string) {
	t.Helper()
	wantErr(t, err, target)
	for _, n := range names {
		if !strings.Contains(err.Error(), n) {
			t.Errorf("error %q does not name %q", err, n)
		}
	}
}
