package golden

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/repo"
)

// copied is a copy of a golden vault on this machine, with the folders of one user.
type copied struct {
	t        *testing.T
	dir      string // vN
	work     string
	places   repo.Places
	settings repo.Settings
}

// unpack makes a copy. Identity names the file that becomes the device's, empty for a device that has none.
func unpack(t *testing.T, dir, identity string) *copied {
	t.Helper()
	home := t.TempDir()
	c := &copied{t: t, dir: dir, work: filepath.Join(home, "work")}
	c.places = repo.Places{WorkPath: c.work, Work: c.open(c.work), Config: c.open(filepath.Join(home, "config")), State: c.open(filepath.Join(home, "state"))}
	c.settings = repo.Settings{Author: "Tester", Label: "tester", UserID: -1}
	c.must(Unpack(dir, c.work))
	vault, err := c.places.Work.Sub(repo.VaultDir)
	c.must(err)
	t.Cleanup(func() { c.must(vault.Close()) })
	c.places.Vault = vault
	if identity != "" {
		data, err := os.ReadFile(filepath.Join(dir, identity))
		c.must(err)
		c.must(os.WriteFile(filepath.Join(home, "config", "identity"), data, 0o600))
	}
	return c
}

func (c *copied) open(dir string) vfs.FS {
	c.t.Helper()
	fsys, err := vfs.OpenOrCreate(dir)
	c.must(err)
	c.t.Cleanup(func() { c.must(fsys.Close()) })
	return fsys
}

func (c *copied) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *copied) passphrase(name string) {
	text, err := Secret(c.dir, name)
	c.must(err)
	c.settings.Passphrase = func(context.Context) ([]byte, error) { return []byte(text), nil }
}

// with opens the vault, calls do, and closes it.
func (c *copied) with(mode repo.Mode, do func(r *repo.Repository)) {
	c.t.Helper()
	r, err := repo.Open(c.t.Context(), c.places, c.settings, mode)
	c.must(err)
	do(r)
	c.must(r.Close())
}

// check verifies the vault, and restores every commit that was frozen, by its ID and by its branch.
func (c *copied) check(r *repo.Repository) {
	c.t.Helper()
	c.checkCommits(r)
	commits, err := Commits(c.dir)
	c.must(err)
	for _, commit := range commits {
		if commit.Branch != "-" {
			c.restore(r, commit.Branch, commit.Lines)
		}
	}
}

// checkCommits verifies the vault, and restores every commit that was frozen.
func (c *copied) checkCommits(r *repo.Repository) {
	c.t.Helper()
	found, err := r.Verify(c.t.Context(), repo.VerifyOptions{})
	if err != nil {
		c.t.Fatalf("verify: %v: %+v", err, found)
	}
	commits, err := Commits(c.dir)
	c.must(err)
	for _, commit := range commits {
		c.restore(r, commit.ID, commit.Lines)
	}
	if found.Packs == 0 || found.Commits < int64(len(commits)) || found.Records <= int64(len(commits)) {
		c.t.Errorf("verify looked at too little: %+v", found)
	}
}

// restore restores one revision to a fresh folder and compares.
func (c *copied) restore(r *repo.Repository, revision string, want []string) {
	c.t.Helper()
	target := c.t.TempDir()
	to := c.open(target)
	_, err := r.Restore(c.t.Context(), repo.RestoreOptions{Source: revision, To: to})
	c.must(err)
	got, err := Listing(target)
	c.must(err)
	if !hasXattrs(target) {
		want, got = without(want, ColumnXattrs), without(got, ColumnXattrs)
	}
	for _, d := range Differences(want, got) {
		c.t.Errorf("%s: %s", revision, d)
	}
}

// without leaves one column out of a listing.
func without(lines []string, column int) []string {
	out := make([]string, len(lines))
	for i := range lines {
		out[i] = lines[i]
		SetColumn(&out[i], column, "-")
	}
	return out
}

func hasXattrs(dir string) bool {
	probe := filepath.Join(dir, ".probe")
	if os.WriteFile(probe, nil, 0o600) != nil {
		return false
	}
	defer os.Remove(probe)
	return setXattr(probe, "user.probe", "x") == nil
}

// versions lists the frozen vaults.
func versions(t *testing.T) []string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the frozen trees hold names, fifos and attributes that only Linux can be relied on to take")
	}
	dirs, err := filepath.Glob("v*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no frozen vault: %v", err)
	}
	return dirs
}

// TestGoldenVaults: every released format opens, verifies and restores, by every way in.
func TestGoldenVaults(t *testing.T) {
	for _, dir := range versions(t) {
		for _, identity := range []string{"identity", "identity-second"} {
			t.Run(dir+"/"+identity, func(t *testing.T) {
				c := unpack(t, dir, identity)
				c.with(repo.ReadOnly, c.check)
			})
		}
		for _, secret := range []string{"passphrase", "recovery-words"} {
			t.Run(dir+"/"+secret, func(t *testing.T) {
				c := unpack(t, dir, "")
				c.passphrase(secret)
				c.with(repo.ReadOnly, c.check)
			})
		}
	}
}

// TestGoldenGoesOn: a frozen vault can be written to. The copy has another inode, so it gets a clone ID of its own, and a
// device that comes with the recovery words becomes a member.
func TestGoldenGoesOn(t *testing.T) {
	for _, dir := range versions(t) {
		for _, identity := range []string{"identity", "identity-second", ""} {
			t.Run(dir+"/"+identity, func(t *testing.T) {
				c := unpack(t, dir, identity)
				if identity == "" {
					c.passphrase("recovery-words")
				}
				before := cloneFile(t, c.work)
				c.must(os.WriteFile(filepath.Join(c.work, "new"), []byte("written today\n"), 0o644))
				c.with(repo.Writing, func(r *repo.Repository) {
					result, err := r.Commit(t.Context(), repo.CommitOptions{Message: "today", All: true})
					c.must(err)
					if result.Nothing || result.Commit.Generation < 2 {
						t.Errorf("commit: %+v", result)
					}
				})
				if after := cloneFile(t, c.work); after == before {
					t.Error("a copy goes on under the clone ID of its original")
				}
				c.with(repo.ReadOnly, c.checkCommits)
			})
		}
	}
}

// TestGoldenWithoutTheRest: what docs/format.md says may be deleted is made again, and folders that are missing are empty.
func TestGoldenWithoutTheRest(t *testing.T) {
	for _, dir := range versions(t) {
		c := unpack(t, dir, "identity")
		commit := func(text string) {
			c.must(os.WriteFile(filepath.Join(c.work, "new"), []byte(text), 0o644))
			c.with(repo.Writing, func(r *repo.Repository) {
				_, err := r.Commit(t.Context(), repo.CommitOptions{Message: text, All: true})
				c.must(err)
			})
			c.with(repo.ReadOnly, c.checkCommits)
		}
		commit("with all there is")
		for _, name := range []string{"HEAD", "local/fold", "local/fold.new", "local/index", "local/objects", "local/lock", "store/incoming",
			"store/damaged", "local/slots"} {
			c.must(os.RemoveAll(filepath.Join(c.work, ".evault", name)))
		}
		commit("without")
		if _, err := os.Stat(filepath.Join(c.work, ".evault", "HEAD")); err != nil {
			t.Error(err)
		}
	}
}

func cloneFile(t *testing.T, work string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(work, ".evault", "local", "clone"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestGoldenNotices: the comparison would find a vault that gives back something else.
func TestGoldenNotices(t *testing.T) {
	for _, dir := range versions(t) {
		commits, err := Commits(dir)
		if err != nil {
			t.Fatal(err)
		}
		last := commits[len(commits)-1].Lines
		for column, value := range map[int]string{ColumnMode: "777", ColumnTime: "1.000000000", ColumnContent: "00"} {
			changed := append([]string(nil), last...)
			SetColumn(&changed[0], column, value)
			if len(Differences(last, changed)) == 0 {
				t.Errorf("column %d is not compared", column)
			}
		}
		if len(Differences(last, last[1:])) == 0 {
			t.Error("a missing name is not noticed")
		}
	}
}

// TestGoldenRefusesOthers: another identity, a wrong passphrase and a wrong word open nothing.
func TestGoldenRefusesOthers(t *testing.T) {
	for _, dir := range versions(t) {
		words, err := Secret(dir, "recovery-words")
		if err != nil {
			t.Fatal(err)
		}
		last := words[len(words)-1:]
		wrong := words[:len(words)-1] + strings.NewReplacer("b", "d", "d", "b").Replace(last)
		if wrong == words {
			wrong = words[:len(words)-1] + "b"
		}
		for _, pass := range []string{"not it", wrong} {
			c := unpack(t, dir, "")
			c.settings.Passphrase = func(context.Context) ([]byte, error) { return []byte(pass), nil }
			start := time.Now()
			r, err := repo.Open(t.Context(), c.places, c.settings, repo.ReadOnly)
			if err == nil {
				t.Errorf("%s opens with %q", dir, pass)
				err = r.Close()
			}
			if errors.Is(err, os.ErrNotExist) || time.Since(start) > time.Minute {
				t.Errorf("%s: %v", dir, err)
			}
		}
	}
}
