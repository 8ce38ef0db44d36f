package vfstest

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"

	"evault/internal/vfs"
)

var nameTests = map[string]func(*testing.T, vfs.FS){
	"name/directories": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("a/b/c", 0o755))
		must(t, fsys.MkdirAll("a/b/c", 0o755))
		must(t, fsys.MkdirAll(".", 0o755))
		mustFail(t, fsys.Mkdir("a/b", 0o755), fs.ErrExist, "mkdir of what is there")
		mustFail(t, fsys.Mkdir("x/y", 0o755), fs.ErrNotExist, "mkdir without a parent")
		put(t, fsys, "a/f", "")
		anyFailure(t, fsys.MkdirAll("a/f/g", 0o755), "directories below a file")
		anyFailure(t, fsys.MkdirAll("a/f", 0o755), "a directory in place of a file")
		wantNames(t, fsys, "a", "b", "f")
		wantNames(t, fsys, "", "a")
		_, err := fsys.ReadDir("none")
		mustFail(t, err, fs.ErrNotExist, "listing what is not there")
		_, err = fsys.ReadDir("a/f")
		anyFailure(t, err, "listing a file")
		must(t, fsys.SyncDir("a/b"))
		must(t, fsys.SyncDir(""))
		must(t, fsys.SyncDir("."))
		mustFail(t, fsys.SyncDir("none"), fs.ErrNotExist, "syncing what is not there")
		anyFailure(t, fsys.SyncDir("a/f"), "syncing a file as a directory")
	},
	"name/remove": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("a/b", 0o755))
		put(t, fsys, "a/f", "")
		anyFailure(t, fsys.Remove("a"), "removing a directory that is not empty")
		must(t, fsys.Remove("a/f"))
		must(t, fsys.Remove("a/b"))
		must(t, fsys.Remove("a"))
		mustFail(t, fsys.Remove("a"), fs.ErrNotExist, "removing twice")
		anyFailure(t, fsys.Remove("."), "removing the root")
		wantNames(t, fsys, "")
	},
	"name/remove all": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("a/b/c", 0o755))
		must(t, fsys.MkdirAll("keep", 0o755))
		put(t, fsys, "keep/f", "kept")
		put(t, fsys, "a/b/c/f", "")
		if err := fsys.Symlink("../../keep", "a/b/link"); err != nil {
			t.Log("no links here")
		}
		must(t, fsys.RemoveAll("a"))
		must(t, fsys.RemoveAll("a"))
		must(t, fsys.RemoveAll("keep/none/none"))
		wantNames(t, fsys, "", "keep")
		wantFile(t, fsys, "keep/f", "kept")
		anyFailure(t, fsys.RemoveAll("."), "removing the root")
		mustFail(t, fsys.RemoveAll("../x"), vfs.ErrEscapes, "removing outside")
	},
	"name/rename": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("d/full", 0o755))
		must(t, fsys.Mkdir("empty", 0o755))
		put(t, fsys, "a", "one")
		put(t, fsys, "b", "two")
		put(t, fsys, "ab", "not me")
		must(t, fsys.Rename("a", "b"))
		wantFile(t, fsys, "b", "one")
		must(t, fsys.Rename("b", "d/b"))
		wantFile(t, fsys, "d/b", "one")
		must(t, fsys.Rename("d/b", "d/b"))
		mustFail(t, fsys.Rename("a", "c"), fs.ErrNotExist, "renaming what is not there")
		mustFail(t, fsys.Rename("ab", "none/c"), fs.ErrNotExist, "renaming into nothing")
		anyFailure(t, fsys.Rename("ab", "d"), "a file over a directory")
		anyFailure(t, fsys.Rename("empty", "ab"), "a directory over a file")
		anyFailure(t, fsys.Rename("empty", "d"), "over a directory that is not empty")
		anyFailure(t, fsys.Rename("d", "d/full/d"), "a directory into itself")
		must(t, fsys.Rename("d", "e"))
		wantFile(t, fsys, "e/b", "one")
		wantFile(t, fsys, "ab", "not me")
		wantNames(t, fsys, "", "ab", "e", "empty")
	},
	"name/rename without replacing": func(t *testing.T, fsys vfs.FS) {
		put(t, fsys, "a", "one")
		put(t, fsys, "b", "two")
		mustFail(t, fsys.RenameNoReplace("a", "b"), fs.ErrExist, "renaming over a file")
		wantFile(t, fsys, "a", "one")
		wantFile(t, fsys, "b", "two")
		must(t, fsys.RenameNoReplace("a", "c"))
		wantNames(t, fsys, "", "b", "c")
		mustFail(t, fsys.RenameNoReplace("a", "d"), fs.ErrNotExist, "renaming what is not there")
		mustFail(t, fsys.RenameNoReplace("c", "../d"), vfs.ErrEscapes, "renaming out")
	},
	"name/hard links": func(t *testing.T, fsys vfs.FS) {
		put(t, fsys, "a", "one")
		must(t, fsys.Link("a", "b"))
		mustFail(t, fsys.Link("a", "b"), fs.ErrExist, "linking over a file")
		mustFail(t, fsys.Link("none", "c"), fs.ErrNotExist, "linking what is not there")
		put(t, fsys, "a", "changed")
		wantFile(t, fsys, "b", "changed")
		a, err := fsys.LstatStat("a")
		must(t, err)
		b, err := fsys.LstatStat("b")
		must(t, err)
		if a != b || runtime.GOOS != "windows" && a.Nlink != 2 {
			t.Errorf("two names of one file differ: %+v %+v", a, b)
		}
		must(t, fsys.Rename("a", "b"))
		must(t, fsys.Remove("a"))
		wantFile(t, fsys, "b", "changed")
	},
	"name/symbolic links": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("d/e", 0o755))
		put(t, fsys, "d/f", "one")
		supported(t, fsys.Symlink("d", "l"), "symbolic links")
		must(t, fsys.Symlink("../f", "d/e/up"))
		must(t, fsys.Symlink("nowhere", "dangling"))
		must(t, fsys.Symlink("loop", "loop"))
		wantFile(t, fsys, "l/f", "one")
		wantFile(t, fsys, "l/e/up", "one")
		if got, err := fsys.Readlink("d/e/up"); err != nil || got != "../f" {
			t.Errorf("readlink: %q %v", got, err)
		}
		_, err := fsys.Readlink("d/f")
		anyFailure(t, err, "readlink of a file")
		if modeOf(t, fsys, "l").Type() != fs.ModeSymlink {
			t.Error("lstat followed a link")
		}
		fi, err := fsys.Stat("l")
		must(t, err)
		if !fi.IsDir() {
			t.Error("stat did not follow a link")
		}
		_, err = fsys.Stat("dangling")
		mustFail(t, err, fs.ErrNotExist, "stat of a dangling link")
		_, err = fsys.Stat("loop")
		anyFailure(t, err, "stat of a loop")
		_, err = fsys.OpenDir("l")
		anyFailure(t, err, "OpenDir through a final link")
		must(t, fsys.Remove("l"))
		wantFile(t, fsys, "d/f", "one")
		must(t, fsys.Rename("dangling", "moved"))
		wantNames(t, fsys, "", "d", "loop", "moved")
	},
	"name/modes": func(t *testing.T, fsys vfs.FS) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no permission bits")
		}
		put(t, fsys, "a", "")
		for _, mode := range []fs.FileMode{0o600, 0o755, 0o444, 0o4755 &^ 0o4000, fs.ModeSetuid | 0o755, fs.ModeSticky | 0o700} {
			must(t, fsys.Chmod("a", mode))
			if got := modeOf(t, fsys, "a"); got != mode {
				t.Errorf("mode %v, want %v", got, mode)
			}
		}
	},
	"name/owners": func(t *testing.T, fsys vfs.FS) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no owner numbers")
		}
		put(t, fsys, "a", "")
		st, err := fsys.LstatStat("a")
		must(t, err)
		must(t, fsys.Chown("a", int(st.UID), int(st.GID)))
		must(t, fsys.Lchown("a", -1, -1))
		mustFail(t, fsys.Lchown("none", -1, -1), fs.ErrNotExist, "chown of what is not there")
		after, err := fsys.LstatStat("a")
		must(t, err)
		if st.UID != after.UID || st.GID != after.GID {
			t.Errorf("owner changed: %+v", after)
		}
	},
	"name/times": func(t *testing.T, fsys vfs.FS) {
		put(t, fsys, "a", "")
		want := time.Unix(1234567890, 123456700)
		must(t, fsys.Chtimes("a", want, want))
		fi, err := fsys.Stat("a")
		must(t, err)
		if !fi.ModTime().Equal(want) {
			t.Errorf("time %v, want %v", fi.ModTime(), want)
		}
	},
	"name/chroot": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("d/e", 0o755))
		put(t, fsys, "out", "outside")
		sub, err := fsys.Sub("d")
		must(t, err)
		put(t, sub, "e/f", "one")
		wantFile(t, fsys, "d/e/f", "one")
		_, err = sub.Open("../out")
		mustFail(t, err, vfs.ErrEscapes, "leaving a chroot")
		must(t, sub.Close())
		b, err := fsys.Chroot("d/e")
		must(t, err)
		fi, err := b.Stat("f")
		must(t, err)
		if fi.Size() != 3 {
			t.Errorf("size %d", fi.Size())
		}
		must(t, b.(vfs.FS).Close())
		_, err = fsys.Sub("none")
		mustFail(t, err, fs.ErrNotExist, "chroot to what is not there")
		_, err = fsys.Sub("out")
		anyFailure(t, err, "chroot to a file")
	},
	"name/is billy": func(t *testing.T, fsys vfs.FS) {
		var b billy.Filesystem = fsys
		if got := b.Join("a", "..", "b", "c"); got != "b/c" {
			t.Errorf("join gives %q", got)
		}
		f, err := b.Create("a")
		must(t, err)
		if _, ok := f.(vfs.File); !ok {
			t.Errorf("%T is no vfs.File", f)
		}
		must(t, f.Close())
	},
	"name/too long": func(t *testing.T, fsys vfs.FS) {
		long := make([]byte, 256)
		for i := range long {
			long[i] = 'x'
		}
		_, err := fsys.Create(string(long))
		anyFailure(t, err, "a name of 256 bytes")
		put(t, fsys, string(long[:255]), "fits")
	},
}

var escapeTests = map[string]func(*testing.T, vfs.FS){
	"escape/names": func(t *testing.T, fsys vfs.FS) {
		for _, name := range []string{"..", "../x", "a/../../x", "/etc/passwd", "/", "./../x"} {
			_, err := fsys.OpenHandle(name, os.O_RDWR|os.O_CREATE, 0o600)
			mustFail(t, err, vfs.ErrEscapes, "open "+name)
			mustFail(t, fsys.Mkdir(name, 0o700), vfs.ErrEscapes, "mkdir "+name)
			mustFail(t, fsys.Rename("a", name), vfs.ErrEscapes, "rename to "+name)
			mustFail(t, fsys.Remove(name), vfs.ErrEscapes, "remove "+name)
			mustFail(t, fsys.Symlink("x", name), vfs.ErrEscapes, "symlink "+name)
			_, err = fsys.OpenDir(name)
			mustFail(t, err, vfs.ErrEscapes, "opendir "+name)
		}
		_, err := fsys.Open("a\x00b")
		anyFailure(t, err, "a name with NUL")
	},
	"escape/links": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.MkdirAll("in", 0o755))
		inside, err := fsys.Sub("in")
		must(t, err)
		put(t, fsys, "secret", "outside")
		supported(t, fsys.Symlink("../secret", "in/file"), "symbolic links")
		must(t, fsys.Symlink("..", "in/dir"))
		must(t, fsys.Symlink("/", "in/abs"))
		for _, name := range []string{"file", "dir/secret", "dir/new", "abs/new"} {
			_, err := inside.OpenHandle(name, os.O_RDWR|os.O_CREATE, 0o600)
			mustFail(t, err, vfs.ErrEscapes, "open "+name)
		}
		mustFail(t, inside.Remove("dir/secret"), vfs.ErrEscapes, "remove")
		mustFail(t, inside.Mkdir("dir/new", 0o700), vfs.ErrEscapes, "mkdir")
		mustFail(t, inside.Rename("dir/secret", "x"), vfs.ErrEscapes, "rename")
		mustFail(t, inside.RenameNoReplace("dir/secret", "x"), vfs.ErrEscapes, "rename")
		mustFail(t, inside.Link("dir/secret", "x"), vfs.ErrEscapes, "link")
		mustFail(t, inside.SyncDir("dir"), vfs.ErrEscapes, "sync")
		mustFail(t, inside.Chmod("file", 0), vfs.ErrEscapes, "chmod")
		_, err = inside.OpenDir("dir/in")
		mustFail(t, err, vfs.ErrEscapes, "opendir")
		must(t, errors.Join(inside.RemoveAll("dir"), inside.Close()))
		wantFile(t, fsys, "secret", "outside")
		wantNames(t, fsys, "", "in", "secret")
	},
}
