package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The ways around calls that older kernels and sandboxes lack are not taken on the machines that run the tests, so
// they are called directly here.

func testDir(t *testing.T) *unixDir {
	t.Helper()
	root := t.TempDir()
	for name, data := range map[string]string{"a": "one", "b": "two"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(data), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(root, "l")); err != nil {
		t.Fatal(err)
	}
	fsys, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	d, err := fsys.OpenDir(".")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(d.Close(), fsys.Close()); err != nil {
			t.Error(err)
		}
	})
	return d.(*unixDir)
}

func TestOldLstatAgrees(t *testing.T) {
	d := testDir(t)
	for _, name := range []string{"a", "l"} {
		var now, old Stat
		if err := errors.Join(lstatat(d.fd, name, &now), oldLstatat(d.fd, name, &old)); err != nil {
			t.Fatal(err)
		}
		if now != old {
			t.Errorf("%s: statx says %+v, fstatat %+v", name, now, old)
		}
	}
	null, err := unix.Open("/dev", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	var now, old Stat
	if err := errors.Join(lstatat(null, "null", &now), oldLstatat(null, "null", &old)); err != nil {
		t.Fatal(err)
	}
	if now != old || now.Type != CharDevice || now.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("/dev/null: statx says %+v, fstatat %+v", now, old)
	}
}

func TestLinkThenUnlink(t *testing.T) {
	d := testDir(t)
	if err := linkThenUnlink(d.fd, "a", d.fd, "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if err := linkThenUnlink(d.fd, "a", d.fd, "c"); err != nil {
		t.Error(err)
	}
	var st Stat
	if err := d.Lstat("a", &st); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("old name: %v", err)
	}
	if err := d.Lstat("c", &st); err != nil || st.Nlink != 1 {
		t.Errorf("new name: %+v %v", st, err)
	}
}

func TestChmodThroughProc(t *testing.T) {
	d := testDir(t)
	for name, want := range map[string]error{"a": nil, "l": unix.EOPNOTSUPP} {
		fd, err := openat(d.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := chmodPathFd(fd, 0o604); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := unix.Close(fd); err != nil {
			t.Fatal(err)
		}
	}
	var st Stat
	if err := d.Lstat("a", &st); err != nil || st.Perm != 0o604 {
		t.Errorf("perm %o, %v", st.Perm, err)
	}
}

func TestMissingProcIsNoMissingFile(t *testing.T) {
	d := testDir(t)
	if err := d.noProc("a", unix.ENOENT); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a file that is there: %v", err)
	}
	if err := d.noProc("none", unix.ENOENT); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not: %v", err)
	}
}

func TestRandomDirentsDoNotPanic(t *testing.T) {
	var b dirBuffer
	for size := range 64 {
		for fill := range 256 {
			raw := make([]byte, size)
			for i := range raw {
				raw[i] = byte(fill)
			}
			if err := b.parse(raw); err == nil && size > 0 && size < 19 {
				t.Errorf("%d bytes of %d were taken for an entry", size, fill)
			}
		}
	}
}

func BenchmarkLstat(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "some-file.c"), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	for name, lstat := range map[string]func(int, string, *Stat) error{"statx": lstatat, "fstatat": oldLstatat} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var st Stat
			for b.Loop() {
				if err := lstat(fd, "some-file.c", &st); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
