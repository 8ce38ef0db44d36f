package vfstest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"testing"
	"time"

	"evault/internal/vfs"
)

var fileTests = map[string]func(*testing.T, vfs.FS){
	"file/write and read back": func(t *testing.T, fsys vfs.FS) {
		put(t, fsys, "a", "hello")
		wantFile(t, fsys, "a", "hello")
		put(t, fsys, "a", "bye")
		wantFile(t, fsys, "a", "bye")
	},
	"file/open flags": func(t *testing.T, fsys vfs.FS) {
		_, err := fsys.Open("none")
		mustFail(t, err, fs.ErrNotExist, "open of what is not there")
		put(t, fsys, "a", "hello")
		_, err = fsys.OpenHandle("a", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		mustFail(t, err, fs.ErrExist, "exclusive creation over a file")
		f := openFile(t, fsys, "a", os.O_RDONLY)
		_, err = f.Write([]byte("x"))
		anyFailure(t, err, "write to a file opened for reading")
		must(t, f.Close())
		f = openFile(t, fsys, "a", os.O_WRONLY|os.O_APPEND)
		_, err = f.Write([]byte(" there"))
		must(t, err)
		must(t, f.Close())
		wantFile(t, fsys, "a", "hello there")
		must(t, fsys.Mkdir("d", 0o700))
		_, err = fsys.OpenHandle("d", os.O_RDWR, 0)
		anyFailure(t, err, "opening a directory for writing")
		_, err = fsys.Open("a/b")
		anyFailure(t, err, "opening below a file")
	},
	"file/offsets": func(t *testing.T, fsys vfs.FS) {
		f := openFile(t, fsys, "a", readWrite)
		_, err := f.Write([]byte("0123456789"))
		must(t, err)
		_, err = f.WriteAt([]byte("AB"), 4)
		must(t, err)
		if off, err := f.Seek(0, io.SeekCurrent); err != nil || off != 10 {
			t.Errorf("offset after WriteAt: %d, %v", off, err)
		}
		buf := make([]byte, 4)
		if n, err := f.ReadAt(buf, 3); n != 4 || err != nil || string(buf) != "3AB6" {
			t.Errorf("ReadAt: %d %v %q", n, err, buf)
		}
		if n, err := f.ReadAt(buf, 8); n != 2 || err != io.EOF {
			t.Errorf("ReadAt over the end: %d %v", n, err)
		}
		if n, err := f.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("Read at the end: %d %v", n, err)
		}
		_, err = f.Seek(-3, io.SeekEnd)
		must(t, err)
		if n, err := f.Read(buf); n != 3 || err != nil || string(buf[:3]) != "789" {
			t.Errorf("Read after Seek: %d %v %q", n, err, buf)
		}
		_, err = f.Seek(-1, io.SeekStart)
		anyFailure(t, err, "seeking before the start")
		must(t, f.Close())
	},
	"file/truncate": func(t *testing.T, fsys vfs.FS) {
		f := openFile(t, fsys, "a", readWrite)
		_, err := f.Write([]byte("0123456789"))
		must(t, err)
		must(t, f.Truncate(4))
		must(t, f.Truncate(8))
		must(t, f.Close())
		wantFile(t, fsys, "a", "0123\x00\x00\x00\x00")
	},
	"file/sparse": testSparse,
	"file/closed": func(t *testing.T, fsys vfs.FS) {
		f := openFile(t, fsys, "a", readWrite)
		must(t, f.Close())
		mustFail(t, f.Close(), fs.ErrClosed, "second close")
		_, err := f.Write([]byte("x"))
		mustFail(t, err, fs.ErrClosed, "write after close")
		_, err = f.Read(make([]byte, 1))
		mustFail(t, err, fs.ErrClosed, "read after close")
		mustFail(t, f.Sync(), fs.ErrClosed, "sync after close")
	},
	"file/survives removal and renaming over": func(t *testing.T, fsys vfs.FS) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows keeps the name of an open file")
		}
		put(t, fsys, "a", "one")
		put(t, fsys, "b", "two")
		a, b := openFile(t, fsys, "a", os.O_RDWR), openFile(t, fsys, "b", os.O_RDWR)
		must(t, fsys.Remove("a"))
		must(t, fsys.Rename("b", "c"))
		put(t, fsys, "a", "new")
		for f, want := range map[vfs.File]string{a: "one", b: "two"} {
			data, err := io.ReadAll(f)
			must(t, err)
			if string(data) != want {
				t.Errorf("open file reads %q, want %q", data, want)
			}
			must(t, f.Close())
		}
	},
	"file/stat": func(t *testing.T, fsys vfs.FS) {
		before := time.Now().Add(-time.Minute)
		put(t, fsys, "a", "hello")
		f := openFile(t, fsys, "a", os.O_RDWR)
		fi, err := f.Stat()
		must(t, err)
		if fi.Name() != "a" || fi.Size() != 5 || fi.IsDir() || !fi.Mode().IsRegular() || fi.ModTime().Before(before) {
			t.Errorf("stat: %v", fi)
		}
		st, err := f.StatStat()
		must(t, err)
		lst, err := fsys.LstatStat("a")
		must(t, err)
		if st.Type != vfs.Regular || st.Size != 5 || st.Nlink != 1 || st != lst {
			t.Errorf("fstat %+v, lstat %+v", st, lst)
		}
		must(t, f.Close())
	},
	"file/metadata through the descriptor": func(t *testing.T, fsys vfs.FS) {
		f := openFile(t, fsys, "a", readWrite)
		must(t, f.Chmod(0o640))
		want := vfs.Time{Sec: 1234567890, Nsec: 123456700} // what NTFS can hold
		if runtime.GOOS == "darwin" {
			want.Nsec = 123456000
		}
		must(t, f.SetTimes(want))
		st, err := f.StatStat()
		must(t, err)
		if st.Mtime != want || runtime.GOOS != "windows" && st.Perm != 0o640 {
			t.Errorf("got %+v", st)
		}
		if runtime.GOOS != "windows" {
			must(t, f.Chown(st.UID, st.GID))
		}
		must(t, f.Close())
	},
	"file/lock": func(t *testing.T, fsys vfs.FS) {
		l, err := fsys.Lock("lock")
		must(t, err)
		_, err = fsys.Lock("lock")
		mustFail(t, err, vfs.ErrLocked, "second lock")
		must(t, l.Close())
		l, err = fsys.Lock("lock")
		must(t, err)
		must(t, l.Close())
	},
	"file/lock waits": func(t *testing.T, fsys vfs.FS) {
		a, b := openFile(t, fsys, "a", readWrite), openFile(t, fsys, "a", readWrite)
		must(t, a.Lock())
		done := make(chan error)
		go func() { done <- b.Lock() }()
		select {
		case err := <-done:
			t.Fatalf("two hold the lock (%v)", err)
		case <-time.After(20 * time.Millisecond):
		}
		must(t, a.Unlock())
		must(t, <-done)
		must(t, b.Unlock())
		must(t, errors.Join(a.Close(), b.Close()))
	},
	"file/map": func(t *testing.T, fsys vfs.FS) {
		put(t, fsys, "a", "hello")
		put(t, fsys, "empty", "")
		m, err := fsys.Map("a")
		must(t, err)
		if string(m.Data) != "hello" {
			t.Errorf("mapped %q", m.Data)
		}
		must(t, m.Close())
		must(t, m.Close())
		m, err = fsys.Map("empty")
		must(t, err)
		if m.Data != nil {
			t.Errorf("an empty file maps to %q", m.Data)
		}
		must(t, m.Close())
		_, err = fsys.Map("none")
		mustFail(t, err, fs.ErrNotExist, "mapping what is not there")
		_, err = fsys.Map(".")
		anyFailure(t, err, "mapping a directory")
	},
	"file/temporary": func(t *testing.T, fsys vfs.FS) {
		must(t, fsys.Mkdir("d", 0o700))
		a, err := fsys.TempFile("d", "x-")
		must(t, err)
		b, err := fsys.TempFile("d", "x-")
		must(t, err)
		if a.Name() == b.Name() {
			t.Error("two temporary files have one name")
		}
		must(t, errors.Join(a.Close(), b.Close()))
		must(t, fsys.Remove(a.Name()))
		_, err = fsys.TempFile("", "../x")
		mustFail(t, err, vfs.ErrBadComponent, "temporary file elsewhere")
	},
	"file/xattrs": func(t *testing.T, fsys vfs.FS) {
		f := openFile(t, fsys, "a", readWrite)
		names, err := f.ListXattrs()
		must(t, err)
		if len(names) != 0 {
			t.Errorf("a new file has attributes %q", names)
		}
		supported(t, f.SetXattr("user.one", []byte("1")), "extended attributes")
		must(t, f.SetXattr("user.empty", nil))
		must(t, f.SetXattr("user.one", bytes.Repeat([]byte("x"), 1000)))
		names, err = f.ListXattrs()
		must(t, err)
		wantSet(t, names, "user.empty", "user.one")
		for name, want := range map[string]int{"user.one": 1000, "user.empty": 0} {
			value, err := f.GetXattr(name)
			must(t, err)
			if len(value) != want || value == nil {
				t.Errorf("%s holds %d bytes, want %d", name, len(value), want)
			}
		}
		_, err = f.GetXattr("user.none")
		anyFailure(t, err, "reading an attribute that is not there")
		must(t, f.Close())
	},
}

func testSparse(t *testing.T, fsys vfs.FS) {
	const mib = 1 << 20
	f := openFile(t, fsys, "a", readWrite)
	block := bytes.Repeat([]byte("x"), mib)
	_, err := f.WriteAt(block, 4*mib)
	must(t, err)
	must(t, f.Truncate(16*mib))
	st, err := f.StatStat()
	must(t, err)
	if st.Size != 16*mib {
		t.Errorf("size %d", st.Size)
	}
	_, err = f.Seek(7, io.SeekStart)
	must(t, err)
	start, end, err := f.SeekData(0)
	must(t, err)
	if start == 0 && end == 16*mib {
		t.Skip("this filesystem has no holes")
	}
	if start != 4*mib || end != 5*mib {
		t.Errorf("data at [%d, %d)", start, end)
	}
	if start, end, err := f.SeekData(4*mib + 5); err != nil || start != 4*mib+5 || end != 5*mib {
		t.Errorf("data from the middle at [%d, %d), %v", start, end, err)
	}
	for _, off := range []int64{5 * mib, 16 * mib, 20 * mib} {
		if _, _, err := f.SeekData(off); err != io.EOF {
			t.Errorf("no more data from %d: %v", off, err)
		}
	}
	if off, err := f.Seek(0, io.SeekCurrent); err != nil || off != 7 {
		t.Errorf("SeekData moved the offset to %d (%v)", off, err)
	}
	if st.Blocks >= 0 && st.Blocks*512 > 2*mib {
		t.Errorf("%d blocks for a hole", st.Blocks)
	}
	must(t, f.Close())
}
