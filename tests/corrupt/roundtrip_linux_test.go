package corrupt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"evault/internal/vfs"
	"evault/repo"
)

// TestProofRoundTrip is row 16: random trees with everything that a disk can hold, changed at random from version to
// version. Every version comes back without a difference, by restoring it beside and by checking it out, and status finds
// nothing to say after a commit and after a checkout. It runs on the real disk; links, owners, devices and attributes
// are compared as Linux knows them.
func TestProofRoundTrip(t *testing.T) {
	random := dice(t)
	const versions = 8
	vaults, floor := 25, 200
	if proving() {
		vaults, floor = 625, 5000
	} else if testing.Short() {
		vaults, floor = 3, 20
	}
	count := newTally(t)
	for range vaults {
		w := newWorkshop(t, random)
		var made []made
		for i := range versions {
			w.change(i)
			made = append(made, w.commit(count))
		}
		random.Shuffle(len(made), func(i, j int) { made[i], made[j] = made[j], made[i] })
		for i, m := range made {
			w.restoreBeside(count, m)
			if i < 2 || proving() {
				w.checkOut(count, m)
			}
		}
		w.remove()
	}
	count.report("row 16 (round trips of random trees)", floor)
}

// made is one version: its commit and what the disk held.
type made struct {
	id    string
	state map[string]string
}

// workshop is a vault on the real disk, and what changes its files.
type workshop struct {
	t      testing.TB
	random *rand.Rand
	dir    string
	places repo.Places
	set    repo.Settings
	serial int
}

func newWorkshop(t testing.TB, random *rand.Rand) *workshop {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "vault")
	must(t, err)
	w := &workshop{t: t, random: random, dir: dir}
	w.places = repo.Places{WorkPath: w.work(), Work: w.open("work"), Config: w.open("config"), State: w.open("state")}
	w.set = repo.Settings{Author: "Tester", Superuser: os.Geteuid() == 0, UserID: os.Geteuid(), Label: "here"}
	_, err = repo.Init(t.Context(), w.places, w.set, repo.InitOptions{Label: "here"})
	must(t, err)
	w.places.Vault, err = w.places.Work.Sub(repo.VaultDir)
	must(t, err)
	return w
}

func (w *workshop) work() string { return filepath.Join(w.dir, "work") }

func (w *workshop) open(name string) vfs.FS {
	w.t.Helper()
	fsys, err := vfs.OpenOrCreate(filepath.Join(w.dir, name))
	must(w.t, err)
	return fsys
}

// remove makes room: a proof makes hundreds of vaults.
func (w *workshop) remove() {
	for _, f := range []vfs.FS{w.places.Work, w.places.Config, w.places.State, w.places.Vault} {
		must(w.t, f.Close())
	}
	unlock(w.t, w.dir)
	must(w.t, os.RemoveAll(w.dir))
}

// unlock lets a user who is not root remove folders that nobody may write to.
func unlock(t testing.TB, dir string) {
	if os.Geteuid() == 0 {
		return
	}
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if d.IsDir() {
			return errors.Join(os.Chmod(p, 0o700), nil)
		}
		return nil
	}))
}

func (w *workshop) with(mode repo.Mode, do func(context.Context, *repo.Repository) error) error {
	r, err := repo.Open(w.t.Context(), w.places, w.set, mode)
	if err != nil {
		return err
	}
	return errors.Join(do(w.t.Context(), r), r.Close())
}

func (w *workshop) commit(count *tally) (m made) {
	w.t.Helper()
	m.state = survey(w.t, w.work())
	err := w.with(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		c, err := r.Commit(ctx, repo.CommitOptions{Message: "version", All: true, AllowEmpty: true})
		if err == nil {
			m.id = c.ID.String()
			return nil
		}
		if c != nil {
			return fmt.Errorf("%w: %v", err, c.Problems)
		}
		return err
	})
	if err != nil {
		w.t.Fatalf("commit: %v", err)
	}
	w.wantClean(count, "after a commit")
	return m
}

func (w *workshop) wantClean(count *tally, when string) {
	w.t.Helper()
	err := w.with(repo.ReadOnly, func(ctx context.Context, r *repo.Repository) error {
		s, err := r.Status(ctx, repo.StatusOptions{Untracked: "all"})
		if err == nil && len(s.Changes) > 0 {
			count.fail("status %s: %d changes, first %+v", when, len(s.Changes), s.Changes[0])
		}
		return err
	})
	if err != nil {
		count.fail("status %s: %v", when, err)
	}
}

func (w *workshop) restoreBeside(count *tally, m made) {
	w.t.Helper()
	to := filepath.Join(w.dir, "beside")
	err := w.with(repo.ReadOnly, func(ctx context.Context, r *repo.Repository) error {
		result, err := r.Restore(ctx, repo.RestoreOptions{Source: m.id, To: w.open("beside")})
		if err != nil && result != nil {
			return fmt.Errorf("%w: %v", err, result.Problems)
		}
		return err
	})
	if err != nil {
		count.fail("restore: %v", err)
	}
	w.compare(count, "restored", m.state, survey(w.t, to))
	unlock(w.t, to)
	must(w.t, os.RemoveAll(to))
}

func (w *workshop) checkOut(count *tally, m made) {
	w.t.Helper()
	err := w.with(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		result, err := r.Checkout(ctx, repo.CheckoutOptions{Revision: m.id})
		if err != nil && result != nil {
			return fmt.Errorf("%w: %v", err, result.Problems)
		}
		return err
	})
	if err != nil {
		count.fail("checkout: %v", err)
	}
	w.compare(count, "checked out", m.state, survey(w.t, w.work()))
	w.wantClean(count, "after a checkout")
}

func (w *workshop) compare(count *tally, how string, want, got map[string]string) {
	count.add(how)
	if d := manifest(want).differences(got); len(d) > 0 {
		count.fail("%s: %s", how, strings.Join(d, "\n\t"))
	}
}

// survey describes a tree with system calls alone.
func survey(t testing.TB, root string) map[string]string {
	t.Helper()
	state, first := map[string]string{}, map[uint64]string{}
	var walk func(rel string)
	walk = func(rel string) {
		names := namesIn(t, filepath.Join(root, rel))
		for _, name := range names {
			full := filepath.Join(rel, name)
			if full == repo.VaultDir {
				continue
			}
			text, dir := describeFile(t, root, full, first)
			state[full] = text
			if dir {
				walk(full)
			}
		}
	}
	walk("")
	return state
}

func namesIn(t testing.TB, dir string) []string {
	t.Helper()
	d, err := os.Open(dir)
	must(t, err)
	names, err := d.Readdirnames(-1)
	must(t, errors.Join(err, d.Close()))
	slices.Sort(names)
	return names
}

func describeFile(t testing.TB, root, rel string, first map[uint64]string) (text string, dir bool) {
	t.Helper()
	full := filepath.Join(root, rel)
	var st unix.Stat_t
	must(t, unix.Lstat(full, &st))
	text = fmt.Sprintf("type %o owner %d:%d time %d.%09d", st.Mode&unix.S_IFMT, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFLNK {
		text += fmt.Sprintf(" mode %04o%s", st.Mode&0o7777, attributes(t, full))
	}
	switch kind {
	case unix.S_IFREG:
		text += fmt.Sprintf(" size %d hash %s", st.Size, hashFile(t, full))
	case unix.S_IFLNK:
		target, err := os.Readlink(full)
		must(t, err)
		text += " to " + target
	case unix.S_IFCHR, unix.S_IFBLK:
		text += fmt.Sprintf(" device %d", st.Rdev)
	}
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		if first[st.Ino] == "" {
			first[st.Ino] = rel
		}
		text += " same as " + first[st.Ino]
	}
	return text, kind == unix.S_IFDIR
}

func attributes(t testing.TB, full string) string {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(full, buf)
	if err != nil {
		return ""
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	text := ""
	for _, name := range names {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(full, name, value)
		must(t, err)
		text += fmt.Sprintf(" %s=%x", name, value[:n])
	}
	return text
}

// A file that is checked out below a folder with a default access list must not come back with more readers than it had.
func TestRoundTripInheritsNoAccessList(t *testing.T) {
	w, count := newWorkshop(t, dice(t)), newTally(t)
	dir := filepath.Join(w.work(), "dir")
	must(t, os.Mkdir(dir, 0o755))
	for _, name := range []string{"one", "two"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o640))
	}
	if err := unix.Lsetxattr(dir, "system.posix_acl_default", accessList(), 0); err != nil {
		t.Skipf("this filesystem has no access lists: %v", err)
	}
	first := w.commit(count)
	must(t, os.Remove(filepath.Join(dir, "one")))
	must(t, os.Remove(filepath.Join(dir, "two")))
	w.commit(count)
	w.checkOut(count, first)
	w.restoreBeside(count, first)
	count.report("access lists", 2)
}
