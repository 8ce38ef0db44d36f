// Package vfstest is the conformance suite of package vfs: what every implementation of its interfaces must do. The
// real filesystem and the one in memory both pass it, so a test that passes on the latter says something about the
// former.
package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sort"
	"strings"
	"testing"

	"evault/internal/vfs"
)

// Test runs the suite. open gives an empty filesystem, which the suite closes.
func Test(t *testing.T, open func(t *testing.T) vfs.FS) {
	for _, group := range []map[string]func(*testing.T, vfs.FS){fileTests, nameTests, escapeTests, dirTests, publishTests} {
		names := make([]string, 0, len(group))
		for name := range group {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				fsys := open(t)
				group[name](t, fsys)
				must(t, fsys.Close())
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustFail(t *testing.T, err, want error, doing string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", doing, err, want)
	}
}

// anyFailure is for cases in which systems agree that there is an error, but not on which.
func anyFailure(t *testing.T, err error, doing string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", doing)
	}
}

func put(t *testing.T, fsys vfs.FS, name, data string) {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = io.WriteString(f, data)
	must(t, err)
	must(t, f.Close())
}

func get(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	data, err := io.ReadAll(f)
	must(t, err)
	must(t, f.Close())
	return string(data)
}

func wantFile(t *testing.T, fsys vfs.FS, name, data string) {
	t.Helper()
	if got := get(t, fsys, name); got != data {
		t.Errorf("%s holds %q, want %q", name, got, data)
	}
}

func wantNames(t *testing.T, fsys vfs.FS, dir string, want ...string) {
	t.Helper()
	infos, err := fsys.ReadDir(dir)
	must(t, err)
	var got []string
	for _, fi := range infos {
		got = append(got, fi.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q holds %q, want %q", dir, got, want)
	}
}

func openFile(t *testing.T, fsys vfs.FS, name string, flag int) vfs.File {
	t.Helper()
	f, err := fsys.OpenHandle(name, flag, 0o644)
	must(t, err)
	return f
}

func openDir(t *testing.T, fsys vfs.FS, name string) vfs.Dir {
	t.Helper()
	d, err := fsys.OpenDir(name)
	must(t, err)
	return d
}

// supported skips the rest of a test where the system lacks what it is about.
func supported(t *testing.T, err error, what string) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("this system has no %s", what)
	}
	must(t, err)
}

func modeOf(t *testing.T, fsys vfs.FS, name string) fs.FileMode {
	t.Helper()
	fi, err := fsys.Lstat(name)
	must(t, err)
	return fi.Mode()
}

const readWrite = os.O_RDWR | os.O_CREATE
