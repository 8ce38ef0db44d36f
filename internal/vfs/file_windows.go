package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// winFile is an *os.File whose failed Sync is final.
type winFile struct {
	*os.File
	name string

	mu     sync.Mutex
	failed error
}

var _ File = (*winFile)(nil)

func wrapFile(f *os.File, name string) File { return &winFile{File: f, name: name} }

func (f *winFile) Name() string { return f.name }

func (f *winFile) handle() windows.Handle { return windows.Handle(f.Fd()) }

// lock locks the whole of the file, whatever its length.
func (f *winFile) lock(flags uint32) error {
	err := windows.LockFileEx(f.handle(), windows.LOCKFILE_EXCLUSIVE_LOCK|flags, 0, ^uint32(0), ^uint32(0), new(windows.Overlapped))
	if err == windows.ERROR_LOCK_VIOLATION || err == windows.ERROR_IO_PENDING {
		err = ErrLocked
	}
	if err != nil {
		return &fs.PathError{Op: "lock", Path: f.name, Err: err}
	}
	return nil
}

func (f *winFile) Lock() error { return f.lock(0) }

func tryLock(f File) error { return f.(*winFile).lock(windows.LOCKFILE_FAIL_IMMEDIATELY) }

func (f *winFile) Unlock() error {
	err := windows.UnlockFileEx(f.handle(), 0, ^uint32(0), ^uint32(0), new(windows.Overlapped))
	if err != nil {
		return &fs.PathError{Op: "unlock", Path: f.name, Err: err}
	}
	return nil
}

func (f *winFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	err := f.File.Sync()
	if !errors.Is(err, fs.ErrClosed) {
		f.failed = err
	}
	return err
}

func (f *winFile) Close() error {
	err := f.File.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	return err
}

func (f *winFile) StatStat() (Stat, error) {
	fi, err := f.Stat()
	if err != nil {
		return Stat{}, err
	}
	return statOfInfo(fi), nil
}

// SeekData takes the whole file as data.
func (f *winFile) SeekData(off int64) (start, end int64, err error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	if off >= fi.Size() {
		return 0, 0, io.EOF
	}
	return off, fi.Size(), nil
}

func (f *winFile) SetTimes(mtime Time) error {
	ft := windows.NsecToFiletime(time.Unix(mtime.Sec, int64(mtime.Nsec)).UnixNano())
	if err := windows.SetFileTime(f.handle(), nil, nil, &ft); err != nil {
		return &fs.PathError{Op: "chtimes", Path: f.name, Err: err}
	}
	return nil
}

func (f *winFile) Chmod(perm uint32) error { return f.File.Chmod(modeOfPerm(perm)) }

func (f *winFile) Chown(uint32, uint32) error { return unsupported("chown", f.name) }

func (f *winFile) ListXattrs() ([]string, error)   { return nil, nil }
func (f *winFile) GetXattr(string) ([]byte, error) { return nil, unsupported("getxattr", f.name) }
func (f *winFile) SetXattr(string, []byte) error   { return unsupported("setxattr", f.name) }

func mapFile(f File) (*Mapping, error) {
	st, err := f.StatStat()
	if err != nil || st.Size == 0 && st.Type == Regular {
		return &Mapping{}, err
	}
	if st.Type != Regular || st.Size != int64(int(st.Size)) {
		return nil, unsupported("map", f.Name())
	}
	m, err := mapView(f.(*winFile).handle(), int(st.Size))
	if err != nil {
		return readWhole(f, st.Size)
	}
	return m, nil
}

// mapView maps size bytes. The section may be closed at once: the view keeps it.
func mapView(h windows.Handle, size int) (*Mapping, error) {
	section, err := windows.CreateFileMapping(h, nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, err
	}
	addr, err := windows.MapViewOfFile(section, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err := errors.Join(err, windows.CloseHandle(section)); err != nil {
		return nil, err
	}
	// The address is not Go memory; read through a pointer so that vet's rule for such conversions is kept.
	data := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&addr))), size)
	return &Mapping{data, func() error { return windows.UnmapViewOfFile(addr) }}, nil
}
