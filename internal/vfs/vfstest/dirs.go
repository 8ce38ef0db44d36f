package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"evault/internal/vfs"
)

func wantSet(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func namesIn(t *testing.T, d vfs.Dir) (names []string) {
	t.Helper()
	entries, err := d.ReadNames(nil)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func putAt(t *testing.T, d vfs.Dir, name, data string) {
	t.Helper()
	f, err := d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	must(t, err)
	_, err = io.WriteString(f, data)
	must(t, err)
	must(t, f.Close())
}

var dirTests = map[string]func(*testing.T, vfs.FS){
	"dir/list": func(t *testing.T, fsys vfs.FS) {
		d := openDir(t, fsys, ".")
		var want []string
		for i := range 2000 { // more than one system call gives
			name := "a-rather-long-name-" + strconv.Itoa(10000+i)
			putAt(t, d, name, "")
			want = append(want, name)
		}
		must(t, d.Mkdir("zdir", 0o755))
		want = append(want, "zdir")
		wantSet(t, namesIn(t, d), want...)
		entries, err := d.ReadNames([]vfs.DirName{{Name: "before"}})
		must(t, err)
		if len(entries) != len(want)+1 || entries[0].Name != "before" {
			t.Errorf("second listing has %d entries", len(entries))
		}
		for _, e := range entries[1:] {
			if wantType := map[bool]vfs.Type{true: vfs.Directory, false: vfs.Regular}[e.Name == "zdir"]; e.Type != wantType && e.Type != vfs.TypeUnknown {
				t.Errorf("%s is a %v", e.Name, e.Type)
			}
		}
		must(t, d.Close())
	},
	"dir/refuses what is no component": func(t *testing.T, fsys vfs.FS) {
		d := openDir(t, fsys, "")
		must(t, d.Mkdir("d", 0o755))
		putAt(t, d, "f", "")
		for _, name := range []string{"", ".", "..", "d/x", "/", "a\x00b", "d/"} {
			_, err := d.OpenFile(name, readWrite, 0o600)
			mustFail(t, err, vfs.ErrBadComponent, "open "+strconv.Quote(name))
			_, err = d.OpenDir(name)
			mustFail(t, err, vfs.ErrBadComponent, "opendir "+strconv.Quote(name))
			var st vfs.Stat
			mustFail(t, d.Lstat(name, &st), vfs.ErrBadComponent, "lstat "+strconv.Quote(name))
			mustFail(t, d.Mkdir(name, 0o700), vfs.ErrBadComponent, "mkdir "+strconv.Quote(name))
			mustFail(t, d.Rename("f", name), vfs.ErrBadComponent, "rename to "+strconv.Quote(name))
			mustFail(t, d.Rename(name, "g"), vfs.ErrBadComponent, "rename of "+strconv.Quote(name))
			mustFail(t, d.LinkFrom(d, "f", name), vfs.ErrBadComponent, "link "+strconv.Quote(name))
			mustFail(t, d.Symlink("x", name), vfs.ErrBadComponent, "symlink "+strconv.Quote(name))
			mustFail(t, d.Remove(name), vfs.ErrBadComponent, "remove "+strconv.Quote(name))
			mustFail(t, d.RemoveDir(name), vfs.ErrBadComponent, "rmdir "+strconv.Quote(name))
		}
		long := string(make([]byte, 300))
		var st vfs.Stat
		anyFailure(t, d.Lstat(long, &st), "a name of 300 bytes")
		wantSet(t, namesIn(t, d), "d", "f")
		must(t, d.Close())
	},
	"dir/files and directories": func(t *testing.T, fsys vfs.FS) {
		d := openDir(t, fsys, "")
		must(t, d.Mkdir("sub", 0o755))
		mustFail(t, d.Mkdir("sub", 0o755), fs.ErrExist, "mkdir twice")
		sub, err := d.OpenDir("sub")
		must(t, err)
		putAt(t, sub, "f", "one")
		wantFile(t, fsys, "sub/f", "one")
		_, err = d.OpenDir("none")
		mustFail(t, err, fs.ErrNotExist, "opening what is not there")
		_, err = sub.OpenDir("f")
		anyFailure(t, err, "opening a file as a directory")
		anyFailure(t, d.RemoveDir("sub"), "removing a directory that is not empty")
		anyFailure(t, d.Remove("sub"), "removing a directory as a file")
		anyFailure(t, sub.RemoveDir("f"), "removing a file as a directory")
		var st, self vfs.Stat
		must(t, d.Lstat("sub", &st))
		must(t, sub.Stat(&self))
		if st != self || st.Type != vfs.Directory {
			t.Errorf("lstat %+v, fstat %+v", st, self)
		}
		must(t, sub.Lstat("f", &st))
		if st.Type != vfs.Regular || st.Size != 3 {
			t.Errorf("lstat %+v", st)
		}
		must(t, sub.Remove("f"))
		mustFail(t, sub.Remove("f"), fs.ErrNotExist, "removing twice")
		must(t, sub.Sync())
		must(t, sub.Close())
		must(t, d.RemoveDir("sub"))
		must(t, d.Close())
		mustFail(t, d.Close(), fs.ErrClosed, "second close")
	},
	"dir/rename and link between directories": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("a", 0o755))
		must(t, fsys.MkdirAll("b", 0o755))
		a, b := openDir(t, fsys, "a"), openDir(t, fsys, "b")
		putAt(t, a, "f", "one")
		must(t, b.LinkFrom(a, "f", "l"))
		mustFail(t, b.LinkFrom(a, "f", "l"), fs.ErrExist, "linking over a file")
		must(t, a.RenameTo("f", b, "g"))
		must(t, b.Rename("g", "h"))
		wantSet(t, namesIn(t, a))
		wantSet(t, namesIn(t, b), "h", "l")
		putAt(t, a, "h", "two")
		must(t, a.RenameTo("h", b, "h"))
		wantFile(t, fsys, "b/h", "two")
		wantFile(t, fsys, "b/l", "one")
		must(t, errors.Join(a.Close(), b.Close()))
	},
	"dir/never follows": func(t *testing.T, fsys vfs.FS) {
		put(t, fsys, "f", "one")
		must(t, fsys.Mkdir("sub", 0o755))
		d := openDir(t, fsys, "")
		supported(t, d.Symlink("f", "lf"), "symbolic links")
		must(t, d.Symlink("sub", "ld"))
		if got, err := d.Readlink("lf"); err != nil || got != "f" {
			t.Errorf("readlink: %q %v", got, err)
		}
		_, err := d.OpenFile("lf", os.O_RDONLY, 0)
		anyFailure(t, err, "opening a link")
		_, err = d.OpenFile("lf", os.O_WRONLY|os.O_CREATE, 0o600)
		anyFailure(t, err, "creating through a link")
		_, err = d.OpenDir("ld")
		anyFailure(t, err, "opening a link as a directory")
		anyFailure(t, d.Chmod("lf", 0o600), "chmod of a link")
		var st vfs.Stat
		must(t, d.Lstat("lf", &st))
		if st.Type != vfs.Symlink || st.Size != 1 && runtime.GOOS != "windows" {
			t.Errorf("lstat %+v", st)
		}
		must(t, d.LinkFrom(d, "lf", "lf2"))
		must(t, d.Lstat("lf2", &st))
		if st.Type != vfs.Symlink {
			t.Errorf("a hard link to a link is a %v", st.Type)
		}
		before, err := fsys.LstatStat("f")
		must(t, err)
		if runtime.GOOS != "windows" {
			want := vfs.Time{Sec: 99, Nsec: 5}
			must(t, d.SetTimes("lf", want))
			must(t, d.Lchown("lf", st.UID, st.GID))
			must(t, d.Lstat("lf", &st))
			if st.Mtime != want {
				t.Errorf("time of the link %v", st.Mtime)
			}
		}
		after, err := fsys.LstatStat("f")
		must(t, err)
		if before != after {
			t.Errorf("the target changed: %+v %+v", before, after)
		}
		must(t, d.Remove("lf"))
		wantFile(t, fsys, "f", "one")
		must(t, d.Close())
	},
	"dir/metadata": func(t *testing.T, fsys vfs.FS) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has neither permission bits nor nanoseconds")
		}
		d := openDir(t, fsys, "")
		putAt(t, d, "f", "")
		must(t, d.Mkdir("sub", 0o700))
		for i, name := range []string{"f", "sub"} {
			want := vfs.Time{Sec: -1 + int64(i)*1e9, Nsec: 123456789}
			must(t, d.Chmod(name, 0o1750))
			must(t, d.SetTimes(name, want))
			var st vfs.Stat
			must(t, d.Lstat(name, &st))
			if st.Perm != 0o1750 || st.Mtime != want {
				t.Errorf("%s: perm %o, time %v", name, st.Perm, st.Mtime)
			}
			must(t, d.Lchown(name, st.UID, st.GID))
		}
		mustFail(t, d.Chmod("none", 0o600), fs.ErrNotExist, "chmod of what is not there")
		mustFail(t, d.SetTimes("none", vfs.Time{}), fs.ErrNotExist, "times of what is not there")
		must(t, d.Close())
	},
	"dir/special files": func(t *testing.T, fsys vfs.FS) {
		d := openDir(t, fsys, "")
		supported(t, d.Mknod("fifo", vfs.Fifo, 0o640, 0), "mknod")
		anyFailure(t, d.Mknod("x", vfs.Directory, 0o640, 0), "mknod of a directory")
		mustFail(t, d.Mknod("fifo", vfs.Fifo, 0o640, 0), fs.ErrExist, "mknod over a name")
		var st vfs.Stat
		must(t, d.Lstat("fifo", &st))
		if st.Type != vfs.Fifo {
			t.Errorf("a fifo is a %v", st.Type)
		}
		f, err := d.OpenFile("fifo", os.O_RDONLY, 0) // must not wait for a writer
		must(t, err)
		must(t, f.Close())
		must(t, d.Remove("fifo"))
		must(t, d.Close())
	},
	"dir/xattrs": func(t *testing.T, fsys vfs.FS) {
		d := openDir(t, fsys, "")
		putAt(t, d, "f", "")
		must(t, d.Mkdir("sub", 0o755))
		for _, name := range []string{"f", "sub"} {
			names, err := d.ListXattrs(name)
			must(t, err)
			wantSet(t, names)
			supported(t, d.SetXattr(name, "user.a", []byte("1")), "extended attributes")
			must(t, d.SetXattr(name, "user.b", []byte{}))
			names, err = d.ListXattrs(name)
			must(t, err)
			wantSet(t, names, "user.a", "user.b")
			value, err := d.GetXattr(name, "user.a")
			must(t, err)
			if string(value) != "1" {
				t.Errorf("value %q", value)
			}
			must(t, d.RemoveXattr(name, "user.b"))
			anyFailure(t, d.RemoveXattr(name, "user.b"), "removing an attribute twice")
			names, err = d.ListXattrs(name)
			must(t, err)
			wantSet(t, names, "user.a")
		}
		_, err := d.ListXattrs("none")
		mustFail(t, err, fs.ErrNotExist, "attributes of what is not there")
		_, err = d.GetXattr("none", "user.a")
		mustFail(t, err, fs.ErrNotExist, "attribute of what is not there")
		must(t, d.Close())
	},
	"dir/outlives its name": func(t *testing.T, fsys vfs.FS) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows keeps the name of an open directory")
		}
		must(t, fsys.Mkdir("a", 0o755))
		d := openDir(t, fsys, "a")
		must(t, fsys.Rename("a", "b"))
		putAt(t, d, "f", "one")
		wantFile(t, fsys, "b/f", "one")
		must(t, fsys.RemoveAll("b"))
		_, err := d.OpenFile("g", readWrite, 0o600)
		mustFail(t, err, fs.ErrNotExist, "creating in a removed directory")
		wantSet(t, namesIn(t, d))
		must(t, d.Close())
	},
}
