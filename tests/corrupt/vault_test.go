package corrupt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
	"evault/repo"
)

// Folders of the disk that a vault is tried on.
const (
	workDir   = "work"
	configDir = "config"
	stateDir  = "state"
	vaultDir  = workDir + "/" + repo.VaultDir
	storeDir  = vaultDir + "/store"
)

// specimen is a small vault on a disk in memory, and what every commit of it must give back.
type specimen struct {
	disk    *memfs.Memory
	commits []version // oldest first
}

// version is one commit and the manifest of its files.
type version struct {
	id       objects.ID
	manifest manifest
}

// manifest says for each path what is there, in words that are equal only if everything is.
type manifest map[string]string

func settings() repo.Settings {
	return repo.Settings{Author: "Tester", UserID: -1, Label: "here", Superuser: true}
}

// places opens the folders of a disk. Closing them costs nothing in memory, so nobody does.
func places(disk *memfs.Memory) (repo.Places, error) {
	p := repo.Places{WorkPath: "/work"}
	for _, folder := range []struct {
		name string
		to   *vfs.FS
	}{{workDir, &p.Work}, {configDir, &p.Config}, {stateDir, &p.State}, {vaultDir, &p.Vault}} {
		sub, err := disk.Sub(folder.name)
		if err != nil {
			return p, err
		}
		*folder.to = sub
	}
	return p, nil
}

// newDisk makes the folders and an empty vault. The clock ticks, so that no two files look alike by accident.
func newDisk(t testing.TB) *memfs.Memory {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	var mu sync.Mutex // snapshots share the clock
	disk := memfs.New(memfs.Options{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Microsecond)
		return now
	}})
	for _, name := range []string{workDir, configDir, stateDir, vaultDir} {
		must(t, disk.MkdirAll(name, 0o755))
	}
	p, err := places(disk)
	must(t, err)
	must(t, disk.Remove(vaultDir))
	p.Vault = nil
	_, err = repo.Init(t.Context(), p, settings(), repo.InitOptions{Label: "here"})
	must(t, err)
	return disk
}

// newSpecimen makes the vault that the tests damage: three commits, two branches, a label, files of every way of storing
// (inline, one chunk, several chunks), folders, links, a hole.
func newSpecimen(t testing.TB) *specimen {
	t.Helper()
	s := &specimen{disk: newDisk(t)}
	s.write(t, "a.txt", "the first version of a small file\n")
	s.write(t, "docs/readme", strings.Repeat("a line that compresses well\n", 300))
	s.write(t, "docs/deep/er/leaf", noise(1, 700))
	s.write(t, "big", noise(2, 3000))
	s.write(t, "empty", "")
	must(t, s.disk.Symlink("docs/readme", workDir+"/link"))
	s.commit(t, "first")
	s.write(t, "a.txt", "the second version\n")
	s.write(t, "docs/deep/er/leaf", noise(3, 900))
	must(t, s.disk.RemoveAll(workDir+"/big"))
	s.commit(t, "second")
	s.with(t, repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Checkout(ctx, repo.CheckoutOptions{Create: "side"})
		return err
	})
	s.write(t, "new/file", noise(4, 500))
	s.commit(t, "third")
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noise gives n bytes that do not compress, the same for the same seed.
func noise(seed byte, n int) string {
	var b []byte
	block := sha256.Sum256([]byte{seed})
	for len(b) < n {
		block = sha256.Sum256(block[:])
		b = append(b, block[:]...)
	}
	return string(b[:n])
}

func (s *specimen) write(t testing.TB, name, content string) {
	t.Helper()
	must(t, s.disk.MkdirAll(path.Dir(workDir+"/"+name), 0o755))
	must(t, writeFile(s.disk, workDir+"/"+name, []byte(content)))
}

func writeFile(disk *memfs.Memory, name string, content []byte) error {
	f, err := disk.OpenHandle(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

func readFile(disk vfs.FS, name string) ([]byte, error) {
	m, err := disk.Map(name)
	if err != nil {
		return nil, err
	}
	data := m.Data // in memory it stays valid
	return data, m.Close()
}

// with opens the vault, calls do and closes it.
func (s *specimen) with(t testing.TB, mode repo.Mode, do func(context.Context, *repo.Repository) error) {
	t.Helper()
	p, err := places(s.disk)
	must(t, err)
	r, err := repo.Open(t.Context(), p, settings(), mode)
	must(t, err)
	must(t, do(t.Context(), r))
	must(t, r.Close())
}

func (s *specimen) commit(t testing.TB, message string) {
	t.Helper()
	var v version
	s.with(t, repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		c, err := r.Commit(ctx, repo.CommitOptions{Message: message, All: true, Labels: []objects.Label{{Key: "ticket", Value: message}}})
		if err == nil {
			v.id = c.ID
		}
		return err
	})
	work, err := s.disk.Sub(workDir)
	must(t, err)
	v.manifest, err = manifestOf(work)
	must(t, err)
	s.commits = append(s.commits, v)
}

// manifestOf describes everything below a folder but the vault.
func manifestOf(root vfs.FS) (manifest, error) {
	m := manifest{}
	d, err := root.OpenDir(".")
	if err != nil {
		return nil, err
	}
	return m, errors.Join(m.add(d, ""), d.Close())
}

func (m manifest) add(d vfs.Dir, at string) error {
	names, err := d.ReadNames(nil)
	if err != nil {
		return err
	}
	for _, n := range names {
		full := path.Join(at, n.Name)
		if full == repo.VaultDir {
			continue
		}
		if err := m.describe(d, n.Name, full); err != nil {
			return err
		}
	}
	return nil
}

func (m manifest) describe(d vfs.Dir, name, full string) error {
	var st vfs.Stat
	if err := d.Lstat(name, &st); err != nil {
		return err
	}
	text := fmt.Sprintf("type %d mode %04o time %d.%09d", st.Type, st.Perm, st.Mtime.Sec, st.Mtime.Nsec)
	switch st.Type {
	case vfs.Directory:
		sub, err := d.OpenDir(name)
		if err != nil {
			return err
		}
		if err := errors.Join(m.add(sub, full), sub.Close()); err != nil {
			return err
		}
	case vfs.Symlink:
		target, err := d.Readlink(name)
		if err != nil {
			return err
		}
		text += " to " + target
	case vfs.Regular:
		f, err := d.OpenFile(name, os.O_RDONLY, 0)
		if err != nil {
			return err
		}
		data := make([]byte, st.Size)
		if n, err := f.ReadAt(data, 0); n < len(data) {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		text += fmt.Sprintf(" size %d hash %x", st.Size, sha256.Sum256(data))
	}
	m[full] = text
	return nil
}

// differences lists what is not the same in two manifests, at most a few.
func (m manifest) differences(got manifest) (found []string) {
	for name, want := range m {
		if got[name] != want {
			found = append(found, fmt.Sprintf("%q: %s instead of %s", name, got[name], want))
		}
	}
	for name := range got {
		if _, ok := m[name]; !ok {
			found = append(found, fmt.Sprintf("%q: too much", name))
		}
	}
	slices.Sort(found)
	return found[:min(len(found), 5)]
}

// files lists the regular files below a folder of the disk, sorted, with their sizes.
func files(t testing.TB, disk *memfs.Memory, below string) (names []string, sizes []int64) {
	t.Helper()
	infos, err := disk.ReadDir(below)
	must(t, err)
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	for _, info := range infos {
		name := path.Join(below, info.Name())
		if info.IsDir() {
			n, s := files(t, disk, name)
			names, sizes = append(names, n...), append(sizes, s...)
		} else {
			names, sizes = append(names, name), append(sizes, info.Size())
		}
	}
	return names, sizes
}

// commitOn commits everything in the work tree of a disk.
func commitOn(disk *memfs.Memory) (objects.ID, error) {
	ctx := context.Background()
	p, err := places(disk)
	if err != nil {
		return objects.ID{}, err
	}
	r, err := repo.Open(ctx, p, settings(), repo.Writing)
	if err != nil {
		return objects.ID{}, err
	}
	c, err := r.Commit(ctx, repo.CommitOptions{Message: "next", All: true})
	if err := errors.Join(err, r.Close()); err != nil {
		return objects.ID{}, err
	}
	return c.ID, nil
}
