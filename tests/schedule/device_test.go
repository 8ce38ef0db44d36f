package schedule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
	"evault/repo"
)

// clock is time for one schedule: it advances at every look, by more than the tick of a filesystem, so that no file is as
// young as the scan that sees it.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(c.passed.Add(int64(30 * time.Millisecond)))).UTC()
}

// machine is a disk that can stop at any instant, as when the power fails.
type machine struct {
	disk  *memfs.Memory
	base  *memfs.Memory // before the crash that is prepared
	left  atomic.Int64  // operations until then
	armed bool
	dead  atomic.Bool
}

var errPower = errors.New("the power failed")

// arm makes the machine stop after so many changes of its disk.
func (m *machine) arm(after int64) {
	m.base = m.disk.Snapshot()
	m.left.Store(after)
	m.armed = true
	m.disk.Record()
	m.disk.SetFault(func(op memfs.Op) error {
		if op.Kind.Mutates() && m.left.Add(-1) < 0 || m.dead.Load() {
			m.dead.Store(true)
			return errPower
		}
		return nil
	})
}

// reboot gives the machine one of the disks that the crash may have left. Without a crash so far it crashes now.
func (m *machine) reboot(rnd *rand.Rand) string {
	m.disk.SetFault(nil)
	ops := m.disk.Ops()
	options := memfs.CrashOptions{Seed: rnd.Uint64(), From: len(ops), Subsets: 6, Singles: 6}
	var picked memfs.Crash
	seen := 0
	for c := range memfs.Crashes(ops, m.base, options) {
		if seen++; rnd.IntN(seen) == 0 {
			picked = c
		}
	}
	m.disk = picked.Open()
	m.base, m.armed = nil, false
	m.dead.Store(false)
	return picked.String()
}

// device is a machine with a user: a work tree, an identity, pins.
type device struct {
	machine
	name     string
	places   repo.Places
	settings repo.Settings

	state
	seen view // as it was observed last
	undo []step
	made map[objects.ID]bool // commits of its own that it was told of
}

// boot opens the disk.
func (d *device) boot() error {
	p := repo.Places{WorkPath: d.name}
	var errs []error
	sub := func(name string) vfs.FS {
		fsys, err := d.disk.Sub(name)
		errs = append(errs, err)
		return fsys
	}
	p.Work, p.Config, p.State = sub("work"), sub("config"), sub("state")
	if vault, err := p.Work.Sub(repo.VaultDir); err == nil {
		p.Vault = vault
	}
	d.places = p
	return errors.Join(errs...)
}

// with opens the vault, calls do, and closes it.
func (d *device) with(ctx context.Context, mode repo.Mode, do func(r *repo.Repository) error) error {
	r, err := repo.Open(ctx, d.places, d.settings, mode)
	if err != nil {
		return fmt.Errorf("opening the vault: %w", err)
	}
	return errors.Join(do(r), r.Close())
}

func (d *device) write(t testing.TB, name, content string) {
	t.Helper()
	f, err := d.places.Work.OpenHandle(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err == nil {
		_, err = f.Write([]byte(content))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	d.files[name] = content
}

func (d *device) remove(t testing.TB, name string) {
	t.Helper()
	if err := d.places.Work.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	delete(d.files, name)
}

// onDisk reads the work tree.
func (d *device) onDisk() (tree, error) {
	out := tree{}
	infos, err := d.places.Work.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		if info.Name() == repo.VaultDir {
			continue
		}
		f, err := d.places.Work.Open(info.Name())
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		out[info.Name()] = string(data)
	}
	return out, nil
}
