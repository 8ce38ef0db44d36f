package memfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sort"
	"strings"
	"syscall"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read gives a file's contents, or "-" if it is not there.
func read(t testing.TB, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	must(t, err)
	data, err := io.ReadAll(f)
	must(t, err)
	must(t, f.Close())
	return string(data)
}

// outcomes gives every different answer of look over the crash states of what work does.
func outcomes(t *testing.T, prepare, work func(m *memfs.Memory), look func(m *memfs.Memory) string) string {
	t.Helper()
	m := memfs.New(memfs.Options{})
	if prepare != nil {
		prepare(m)
	}
	base := m.Snapshot()
	m.Record()
	work(m)
	seen := map[string]bool{}
	for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{Seed: 1, Subsets: 50}) {
		seen[look(c.Open())] = true
	}
	var all []string
	for s := range seen {
		all = append(all, s)
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}

func writeFile(t *testing.T, m *memfs.Memory, name, data string, sync bool) {
	t.Helper()
	f, err := m.OpenHandle(name, os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	_, err = io.WriteString(f, data)
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

func TestCrashOfUnsyncedWriteTearsIt(t *testing.T) {
	got := outcomes(t,
		func(m *memfs.Memory) { writeFile(t, m, "a", "", true) },
		func(m *memfs.Memory) { writeFile(t, m, "a", "1234", false) },
		func(m *memfs.Memory) string { return strings.ReplaceAll(read(t, m, "a"), "\x00", "_") + "." })
	if want := ". 1. 12. 123. 1234. 123_. 12__. 1___. ____."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCrashLosesNamesThatAreNotSynced(t *testing.T) {
	final := func(syncFile, syncDir bool) string {
		m := memfs.New(memfs.Options{})
		base := m.Snapshot()
		m.Record()
		writeFile(t, m, "a", "x", syncFile)
		if syncDir {
			must(t, m.SyncDir("."))
		}
		m.Mark("done")
		seen := map[string]bool{}
		for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{From: len(m.Ops())}) {
			if len(c.Marks()) != 1 {
				t.Errorf("marks %q", c.Marks())
			}
			seen[strings.ReplaceAll(read(t, c.Open(), "a"), "\x00", "_")] = true
		}
		var all []string
		for s := range seen {
			all = append(all, s)
		}
		sort.Strings(all)
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		file, dir bool
		want      string
	}{{true, true, "x"}, {true, false, "- x"}, {false, true, " _ x"}, {false, false, " - _ x"}} {
		if got := final(c.file, c.dir); got != c.want {
			t.Errorf("file synced %v, directory synced %v: %q, want %q", c.file, c.dir, got, c.want)
		}
	}
}

func TestCrashKeepsOrderOfChangesToOneName(t *testing.T) {
	got := outcomes(t,
		func(m *memfs.Memory) {
			must(t, m.Mkdir("d", 0o700))
			writeFile(t, m, "a", "old", true)
		},
		func(m *memfs.Memory) {
			must(t, m.Rename("a", "d/a"))
			writeFile(t, m, "a", "", true)
			must(t, m.SyncDir("."))
		},
		func(m *memfs.Memory) string { return read(t, m, "a") + "," + read(t, m, "d/a") })
	if want := ",old -,old old,-"; got != want {
		t.Errorf("got %s, want %s: the old file must have a name", got, want)
	}
}

func TestCrashNeverRemovesADirectoryBeforeWhatWasInIt(t *testing.T) {
	got := outcomes(t,
		func(m *memfs.Memory) {
			must(t, m.Mkdir("d", 0o700))
			must(t, m.Mkdir("e", 0o700))
			writeFile(t, m, "d/a", "x", true)
		},
		func(m *memfs.Memory) {
			must(t, m.Rename("d/a", "e/a"))
			must(t, m.Remove("d"))
			must(t, m.SyncDir("."))
		},
		func(m *memfs.Memory) string { return read(t, m, "d/a") + "," + read(t, m, "e/a") })
	if want := "-,x x,-"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCrashAfterFailedSyncStaysUncertain(t *testing.T) {
	m := memfs.New(memfs.Options{})
	writeFile(t, m, "a", "", true)
	base := m.Snapshot()
	m.Record()
	f, err := m.OpenHandle("a", os.O_RDWR, 0)
	must(t, err)
	_, err = io.WriteString(f, "x")
	must(t, err)
	m.SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.Sync {
			return syscall.EIO
		}
		return nil
	})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	m.SetFault(nil)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a failed sync was forgotten: %v", err)
	}
	if err := f.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("close after a failed sync: %v", err)
	}
	if got := read(t, m, "a"); got != "" {
		t.Errorf("after a failed sync the file holds %q", got)
	}
	again, err := m.OpenHandle("a", os.O_RDWR, 0)
	must(t, err)
	must(t, again.Sync())
	must(t, again.Close())
	lost := false
	for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{From: len(m.Ops())}) {
		lost = lost || read(t, c.Open(), "a") == ""
	}
	if !lost {
		t.Error("a later sync made durable what a failed one had dropped")
	}
}

func TestCrashStatesAreIndependentAndDeterministic(t *testing.T) {
	m := memfs.New(memfs.Options{})
	base := m.Snapshot()
	m.Record()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		writeFile(t, m, name, "data of "+name, name > "c")
	}
	list := func() (all []string) {
		for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{Seed: 7}) {
			s := c.Open()
			before := read(t, s, "a")
			writeFile(t, s, "a", "scribble", true)
			if after := read(t, c.Open(), "a"); after != before {
				t.Fatalf("a state changed from %q to %q", before, after)
			}
			all = append(all, c.String())
		}
		return all
	}
	one, two := list(), list()
	if len(one) < 100 || strings.Join(one, "\n") != strings.Join(two, "\n") {
		t.Errorf("%d states, then %d", len(one), len(two))
	}
	t.Logf("%d states", len(one))
}

func TestCrashReplayOfEverythingIsTheDisk(t *testing.T) {
	m := memfs.New(memfs.Options{})
	must(t, m.MkdirAll("d/e", 0o755))
	writeFile(t, m, "d/old", "old", true)
	base := m.Snapshot()
	m.Record()
	writeFile(t, m, "d/e/f", "contents", false)
	must(t, m.Link("d/e/f", "g"))
	must(t, m.Symlink("g", "s"))
	must(t, m.Rename("d/old", "new"))
	must(t, m.Chmod("new", 0o4711))
	must(t, m.Lchown("new", 3, 4))
	d, err := m.OpenDir("d")
	must(t, err)
	must(t, d.Mknod("fifo", vfs.Fifo, 0o600, 0))
	must(t, d.SetXattr("fifo", "user.a", []byte("v")))
	must(t, d.SetXattr("fifo", "user.b", nil))
	must(t, d.RemoveXattr("fifo", "user.b"))
	must(t, d.SetTimes("fifo", vfs.Time{Sec: 5, Nsec: 6}))
	must(t, m.MkdirAll("x/y", 0o700))
	must(t, m.Rename("x/y", "d/y"))
	must(t, m.RemoveAll("x"))
	f, err := m.OpenHandle("g", os.O_RDWR, 0)
	must(t, err)
	must(t, f.Truncate(3))
	must(t, f.Close())
	var last string
	for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{From: len(m.Ops()), Subsets: -1, Singles: -1}) {
		if len(c.Lost) == 0 && c.Torn < 0 {
			last = describe(t, c.Open(), ".")
		}
	}
	if want := describe(t, m, "."); last != want {
		t.Errorf("replayed:\n%s\nwant:\n%s", last, want)
	}
}

// describe lists all that is below dir.
func describe(t *testing.T, m *memfs.Memory, dir string) string {
	t.Helper()
	var b strings.Builder
	infos, err := m.ReadDir(dir)
	must(t, err)
	d, err := m.OpenDir(dir)
	must(t, err)
	for _, fi := range infos {
		var st vfs.Stat
		must(t, d.Lstat(fi.Name(), &st))
		names, err := d.ListXattrs(fi.Name())
		must(t, err)
		b.WriteString(m.Join(dir, fi.Name()) + " " + st.Mode().String())
		if st.Type == vfs.Fifo {
			b.WriteString(" " + st.Mtime.Time().String())
		}
		b.WriteString(" " + strings.Join(names, ","))
		b.WriteString(" " + string(rune('0'+st.Nlink)) + string(rune('0'+st.UID)) + string(rune('0'+st.GID)) + "\n")
		switch st.Type {
		case vfs.Directory:
			b.WriteString(describe(t, m, m.Join(dir, fi.Name())))
		case vfs.Regular:
			b.WriteString("  " + read(t, m, m.Join(dir, fi.Name())) + "\n")
		}
	}
	must(t, d.Close())
	return b.String()
}

// TestCrashesOfALongHistory keeps the promise of every publication through a history that is long enough for the
// enumeration to start from images of its own.
func TestCrashesOfALongHistory(t *testing.T) {
	m := memfs.New(memfs.Options{})
	base := m.Snapshot()
	m.Record()
	for i := range 40 {
		name := "d" + string(rune('a'+i%3)) + "/" + string(rune('a'+i%5))
		must(t, vfs.MkdirAllSync(m, m.Join(name, ".."), 0o700))
		must(t, vfs.Publish(m, name, []byte(name), 0o600))
		m.Mark(name)
	}
	states, whole := 0, 0
	for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{}) {
		s := c.Open()
		states++
		for _, name := range c.Marks() {
			if got := read(t, s, name); got != name {
				t.Fatalf("%s holds %q after %v", name, got, c)
			}
		}
		if c.Done == len(m.Ops()) && len(c.Lost) == 0 && c.Torn < 0 {
			whole++
			if got, want := describe(t, s, "."), describe(t, m, "."); got != want {
				t.Errorf("replayed:\n%s\nwant:\n%s", got, want)
			}
		}
	}
	t.Logf("%d states", states)
	if states < 400 || whole == 0 {
		t.Errorf("%d states, the last one %d times", states, whole)
	}
}

// TestCrashOfAFileWithoutAName writes to one that was removed before the recording began.
func TestCrashOfAFileWithoutAName(t *testing.T) {
	m := memfs.New(memfs.Options{})
	f, err := m.OpenHandle("a", os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	must(t, m.Remove("a"))
	base := m.Snapshot()
	m.Record()
	_, err = io.WriteString(f, "x")
	must(t, err)
	must(t, f.Close())
	for c := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{}) {
		if got := describe(t, c.Open(), "."); got != "" {
			t.Errorf("found %q", got)
		}
	}
}
