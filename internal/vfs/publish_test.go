package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
)

// contents gives what name holds, or "-" if it is not there.
func contents(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const newData = "the new contents, of more than one sector: " + "0123456789abcdef"

// losses counts the crash states in which publishing broke its promise.
func losses(t *testing.T, publish func(vfs.FS, string, []byte) error) (lost, states int) {
	t.Helper()
	data := strings.Repeat(newData, 20)
	for _, old := range []string{"-", "old"} {
		m := memfs.New(memfs.Options{})
		if old != "-" {
			if err := vfs.Publish(m, "a", []byte(old), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		base := m.Snapshot()
		m.Record()
		if err := publish(m, "a", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if err := publish(m, "d/a", []byte(data)); err != nil {
			t.Fatal(err)
		}
		m.Mark("done")
		for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{}) {
			states++
			s := c.Open()
			done := len(c.Marks()) > 0
			a, da := contents(t, s, "a"), contents(t, s, "d/a")
			if a != data && (a != old || done) || da != data && (da != "-" || done) {
				lost++
			}
		}
	}
	return lost, states
}

func publishIn(fsys vfs.FS, name string, data []byte) error {
	if err := vfs.MkdirAllSync(fsys, path.Dir(name), 0o700); err != nil {
		return err
	}
	return vfs.Publish(fsys, name, data, 0o600)
}

func TestPublishSurvivesEveryCrash(t *testing.T) {
	lost, states := losses(t, publishIn)
	t.Logf("%d crash states", states)
	if lost > 0 || states < 60 {
		t.Errorf("%d of %d states lost data", lost, states)
	}
}

// without is a filesystem that forgets to do one kind of thing.
type without struct {
	vfs.FS
	sync, syncDir bool
}

type fileWithoutSync struct{ vfs.File }

func (fileWithoutSync) Sync() error { return nil }

func (w without) OpenHandle(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := w.FS.OpenHandle(name, flag, perm)
	if err == nil && w.sync {
		f = fileWithoutSync{f}
	}
	return f, err
}

func (w without) SyncDir(name string) error {
	if w.syncDir {
		return nil
	}
	return w.FS.SyncDir(name)
}

// TestCrashesFindMissingSyncs shows that the test above can fail.
func TestCrashesFindMissingSyncs(t *testing.T) {
	mutants := map[string]func(vfs.FS, string, []byte) error{
		"no fsync of the file": func(fsys vfs.FS, name string, data []byte) error {
			return publishIn(without{FS: fsys, sync: true}, name, data)
		},
		"no fsync of the directory": func(fsys vfs.FS, name string, data []byte) error {
			return publishIn(without{FS: fsys, syncDir: true}, name, data)
		},
		"no fsync of the parent of a new directory": func(fsys vfs.FS, name string, data []byte) error {
			if err := fsys.MkdirAll(path.Dir(name), 0o700); err != nil {
				return err
			}
			return vfs.Publish(fsys, name, data, 0o600)
		},
		"written in place": func(fsys vfs.FS, name string, data []byte) error {
			if err := vfs.MkdirAllSync(fsys, path.Dir(name), 0o700); err != nil {
				return err
			}
			f, err := fsys.OpenHandle(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			_, err = f.Write(data)
			return errors.Join(err, f.Sync(), f.Close(), fsys.SyncDir(path.Dir(name)))
		},
	}
	for name, publish := range mutants {
		if lost, states := losses(t, publish); lost == 0 {
			t.Errorf("%s: not noticed in %d states", name, states)
		}
	}
}

// TestPublishReportsEveryFault makes each operation fail in each way: whoever is told of success must find the data,
// and whoever is told of failure the old or the new, with no temporary file left by an error that was only one.
func TestPublishReportsEveryFault(t *testing.T) {
	const data = "new"
	faults := map[string]error{
		"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC,
		"short": memfs.ShortWrite{N: 1, Err: syscall.ENOSPC}, "late": memfs.Late{Err: syscall.EIO},
	}
	cases := 0
	for name, fault := range faults {
		for _, forGood := range []bool{false, true} {
			for at := 0; ; at++ {
				m := memfs.New(memfs.Options{})
				if err := vfs.Publish(m, "a", []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
				start, hit := m.OpCount(), false
				m.SetFault(func(op memfs.Op) error {
					if n := op.Index - start; n == at || forGood && n > at {
						hit = true
						return fault
					}
					return nil
				})
				err := vfs.Publish(m, "a", []byte(data), 0o600)
				m.SetFault(nil)
				if !hit {
					break
				}
				cases++
				got := contents(t, m, "a")
				if err == nil || got != "old" && got != data {
					t.Errorf("%s at operation %d: error %v, file %q", name, at, err, got)
				}
				if left, err := m.ReadDir("."); err != nil || len(left) != 1 && !forGood && name != "late" {
					t.Errorf("%s at operation %d: left %v %v", name, at, left, err)
				}
			}
		}
	}
	t.Logf("%d cases", cases)
	if cases < 40 {
		t.Errorf("only %d cases", cases)
	}
}

func TestOpenOrCreate(t *testing.T) {
	dir := path.Join(t.TempDir(), "a", "b")
	for range 2 {
		fsys, err := vfs.OpenOrCreate(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := fsys.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fi, err := os.Stat(path.Dir(dir))
	if err != nil || fi.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("made %v, %v", fi.Mode(), err)
	}
	file := path.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := vfs.OpenOrCreate(file); err == nil {
		t.Error("a file was opened as a root")
	}
}
