package hostile

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/remote"
	"evault/repo"
)

// clock is time for all machines of a test: it advances at every look, by more than the tick of a filesystem.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(c.passed.Add(int64(30 * time.Millisecond)))).UTC()
}

// machine is one user's computer: a disk with a work tree, the device's identity, and pins.
type machine struct {
	name     string
	disk     *memfs.Memory
	places   repo.Places
	settings repo.Settings
}

func newMachine(t testing.TB, c *clock, name string) *machine {
	t.Helper()
	disk := memfs.New(memfs.Options{Now: c.now})
	for _, dir := range []string{"work", "config", "state", "out"} {
		must(t, disk.Mkdir(dir, 0o755))
	}
	return onDisk(t, disk, repo.Settings{Author: canaryAuthor, Label: name + canaryLabel, UserID: -1, Now: c.now, Dir: "/"}, name)
}

func onDisk(t testing.TB, disk *memfs.Memory, s repo.Settings, name string) *machine {
	t.Helper()
	m := &machine{name: name, disk: disk, settings: s}
	m.places = repo.Places{WorkPath: "work", Work: m.sub(t, "work"), Config: m.sub(t, "config"), State: m.sub(t, "state")}
	m.findVault()
	return m
}

func (m *machine) sub(t testing.TB, name string) vfs.FS {
	t.Helper()
	fsys, err := m.disk.Sub(name)
	must(t, err)
	return fsys
}

func (m *machine) findVault() {
	m.places.Vault = nil
	if vault, err := m.places.Work.Sub(repo.VaultDir); err == nil {
		m.places.Vault = vault
	}
}

// copy is the same machine with a disk of its own, which reaches remotes in the given way.
func (m *machine) copy(t testing.TB, dial repo.Dialer) *machine {
	c := onDisk(t, m.disk.Snapshot(), m.settings, m.name)
	c.settings.Dial = dial
	return c
}

// with opens the vault, calls do, and closes it.
func (m *machine) with(ctx context.Context, mode repo.Mode, do func(r *repo.Repository) error) error {
	r, err := repo.Open(ctx, m.places, m.settings, mode)
	if err != nil {
		return err
	}
	return errors.Join(do(r), r.Close())
}

func (m *machine) must(t testing.TB, mode repo.Mode, do func(r *repo.Repository) error) {
	t.Helper()
	must(t, m.with(t.Context(), mode, do))
}

func (m *machine) identity(t testing.TB) *keys.Identity {
	t.Helper()
	id, _, err := repo.EnsureIdentity(m.places, m.settings)
	must(t, err)
	return id
}

func (m *machine) write(t testing.TB, name, content string) {
	t.Helper()
	must(t, m.places.Work.MkdirAll(path.Dir(name), 0o755))
	must(t, writeFile(m.places.Work, name, []byte(content)))
}

// commit takes everything into a commit.
func (m *machine) commit(t testing.TB, message string) (id objects.ID) {
	t.Helper()
	m.must(t, repo.Writing, func(r *repo.Repository) error {
		result, err := r.Commit(t.Context(), repo.CommitOptions{Message: message, All: true})
		if err == nil {
			id = result.ID
		}
		return err
	})
	return id
}

func (m *machine) clone(ctx context.Context, url string) error {
	_, err := repo.Clone(ctx, m.places, m.settings, repo.CloneOptions{URL: url, Remote: "friend"})
	m.findVault()
	return err
}

func (m *machine) push(ctx context.Context, branches ...string) error {
	return m.with(ctx, repo.Writing, func(r *repo.Repository) error {
		_, err := r.Push(ctx, repo.PushOptions{Remote: "friend", Branches: branches})
		return err
	})
}

func (m *machine) fetch(ctx context.Context) error {
	return m.with(ctx, repo.Writing, func(r *repo.Repository) error {
		_, err := r.Fetch(ctx, repo.FetchOptions{Remote: "friend"})
		return err
	})
}

func (m *machine) pull(ctx context.Context) error {
	return m.with(ctx, repo.Writing, func(r *repo.Repository) error {
		_, err := r.Pull(ctx, repo.PullOptions{Remote: "friend"})
		return err
	})
}

// files is what a folder holds, by path: the judge's own knowledge.
type files map[string]string

// walk reads a folder without the vault in it.
func walk(fsys vfs.FS) (files, error) {
	found := files{}
	return found, found.read(fsys, ".")
}

func (f files) read(fsys vfs.FS, dir string) error {
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		name := path.Join(dir, info.Name())
		switch {
		case name == repo.VaultDir || strings.HasPrefix(info.Name(), ".evault-tmp-"):
		case info.IsDir():
			err = f.read(fsys, name)
		default:
			var data []byte
			data, err = readFile(fsys, name)
			f[name] = string(data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// within says that all of f is in one of the others, byte for byte.
func (f files) within(all ...files) bool {
	for name, content := range f {
		found := false
		for _, other := range all {
			if c, ok := other[name]; ok && c == content {
				found = true
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func (f files) equal(g files) bool { return maps.Equal(f, g) }

func readFile(fsys vfs.FS, name string) ([]byte, error) {
	h, err := fsys.OpenHandle(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(h)
	return data, errors.Join(err, h.Close())
}

func writeFile(fsys vfs.FS, name string, data []byte) error {
	h, err := fsys.OpenHandle(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = h.Write(data)
	return errors.Join(err, h.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// oneSite is a dialer to one place, whatever the address.
func oneSite(site func() remote.Site) repo.Dialer {
	return func(context.Context, remote.URL, repo.DialOptions) (remote.Site, error) { return site(), nil }
}
