package proof

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"sync/atomic"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
	"evault/repo"
)

// proving says that the large column of the proof is asked for.
func proving() bool { return os.Getenv("EVAULT_PROVE") == "1" }

// clock is time for one world and all its copies: it advances at every look, by more than the tick of a filesystem, so that
// no file is as young as the scan that sees it.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_700_000_000, 0).Add(c.pass(30 * time.Millisecond)).UTC()
}

// pass lets time go by, and gives how much has.
func (c *clock) pass(d time.Duration) time.Duration { return time.Duration(c.passed.Add(int64(d))) }

// world is a machine with one user: a disk with a work tree, the user's configuration and pins.
type world struct {
	disk     *memfs.Memory
	places   repo.Places
	settings repo.Settings
	clock    *clock
	past     past
}

// past is what was acknowledged: every commit with the files that it must give back.
type past map[objects.ID]tree

// newWorld makes a machine without a vault.
func newWorld(t testing.TB) *world {
	t.Helper()
	c := &clock{}
	disk := memfs.New(memfs.Options{Now: c.now})
	for _, dir := range []string{"work", "config", "state"} {
		if err := disk.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return onDisk(t, disk, c, past{})
}

// onDisk is the world that a disk holds.
func onDisk(t testing.TB, disk *memfs.Memory, c *clock, p past) *world {
	t.Helper()
	w := &world{disk: disk, clock: c, past: p}
	w.places = repo.Places{WorkPath: "work", Work: w.sub(t, "work"), Config: w.sub(t, "config"), State: w.sub(t, "state")}
	w.findVault()
	w.settings = repo.Settings{Author: "Tester", Label: "here", UserID: -1, Now: c.now}
	return w
}

func (w *world) sub(t testing.TB, name string) vfs.FS {
	t.Helper()
	fsys, err := w.disk.Sub(name)
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// findVault does what the command line does before it opens a vault.
func (w *world) findVault() {
	w.places.Vault = nil
	if vault, err := w.places.Work.Sub(repo.VaultDir); err == nil {
		w.places.Vault = vault
	}
}

// copy is the same world on a disk of its own.
func (w *world) copy(t testing.TB) *world { return onDisk(t, w.disk.Snapshot(), w.clock, w.past) }

// with opens the vault, calls do, and closes it.
func (w *world) with(ctx context.Context, mode repo.Mode, do func(r *repo.Repository) error) error {
	r, err := repo.Open(ctx, w.places, w.settings, mode)
	if err != nil {
		return err
	}
	return errors.Join(do(r), r.Close())
}

func (w *world) init(ctx context.Context) error {
	_, err := repo.Init(ctx, w.places, w.settings, repo.InitOptions{Label: "here"})
	w.findVault()
	return err
}

// commit takes everything and notes what the commit must give back.
func (w *world) commit(t testing.TB, message string) objects.ID {
	t.Helper()
	want := walk(t, w.places.Work)
	var id objects.ID
	w.must(t, w.with(t.Context(), repo.Writing, func(r *repo.Repository) error {
		result, err := r.Commit(t.Context(), repo.CommitOptions{Message: message, All: true})
		if err == nil {
			id = result.ID
			w.past[id] = want
		}
		return err
	}))
	return id
}

func (w *world) must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file of the work tree, with the folders that lead to it.
func (w *world) write(t testing.TB, name, content string) {
	t.Helper()
	w.must(t, w.places.Work.MkdirAll(path.Dir(name), 0o755))
	f, err := w.places.Work.OpenHandle(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	w.must(t, err)
	_, err = f.Write([]byte(content))
	w.must(t, errors.Join(err, f.Close()))
}

func (w *world) remove(t testing.TB, name string) {
	t.Helper()
	w.must(t, w.places.Work.RemoveAll(name))
}

// noise gives bytes that do not compress.
func noise(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return string(b)
}

// firstFiles and secondFiles are two versions of a small tree with one of everything.
func (w *world) firstFiles(t testing.TB) {
	t.Helper()
	w.write(t, "a.txt", "the first version of a\n")
	w.write(t, "dir/b.txt", "b stays as it is\n")
	w.write(t, "dir/sub/c", "")
	w.write(t, "run.sh", "#!/bin/sh\n")
	w.must(t, w.places.Work.Chmod("run.sh", 0o755))
	w.write(t, "data.bin", noise(1, 5000))
	w.must(t, w.places.Work.Symlink("a.txt", "link"))
}

func (w *world) secondFiles(t testing.TB) {
	t.Helper()
	w.write(t, "a.txt", "the second version of a is another\n")
	w.write(t, "new.txt", "new\n")
	w.remove(t, "dir/sub")
	w.must(t, w.places.Work.Chmod("run.sh", 0o700))
	w.write(t, "data.bin", noise(2, 4000))
	w.must(t, w.places.Work.Remove("link"))
	w.must(t, w.places.Work.Symlink("new.txt", "link"))
}

// seed makes the random choices of a test; it is printed with every count.
const seed = 20260801

func row(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf("proof %s", fmt.Sprintf(format, args...))
}
