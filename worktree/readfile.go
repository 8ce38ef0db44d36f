package worktree

import (
	"errors"
	"fmt"
	"io"
	"os"

	"evault/internal/vfs"
	"evault/objects"
)

// SmallFile is the size in bytes up to which a file is read in one piece.
const SmallFile = objects.MaxChunk

// ReadSmall reads a whole file of at most [SmallFile] bytes into buf, which is enlarged if need be, and returns its
// bytes and what the file looked like once it was read. st is what lstat said about it before.
//
// It makes four system calls: open, read, fstat, close. The one fstat suffices, because whatever is done to the file
// between the caller's lstat and our last read moves its ctime. If anything moved it fails with [ErrChanged]; the caller
// looks at the file anew and tries again, a few times.
func ReadSmall(dir vfs.Dir, name string, st *vfs.Stat, buf []byte) ([]byte, vfs.Stat, error) {
	f, err := openRegular(dir, name, st)
	if err != nil {
		return nil, vfs.Stat{}, err
	}
	data, after, err := readAll(f, name, st, buf)
	return data, after, errors.Join(err, f.Close())
}

// openRegular opens a file that lstat said to be regular.
func openRegular(dir vfs.Dir, name string, st *vfs.Stat) (vfs.File, error) {
	if st.Type != vfs.Regular {
		return nil, fmt.Errorf("%q is a %v, not a regular file", name, st.Type)
	}
	return dir.OpenFile(name, os.O_RDONLY, 0)
}

func readAll(f vfs.File, name string, st *vfs.Stat, buf []byte) ([]byte, vfs.Stat, error) {
	if st.Size < 0 || st.Size > SmallFile {
		return nil, vfs.Stat{}, fmt.Errorf("%q has %d bytes, too many to read at once", name, st.Size)
	}
	want := int(st.Size)
	if cap(buf) <= want {
		buf = make([]byte, want+1)
	}
	n, err := readFull(f, buf[:want+1]) // one byte more, to see a file that grew
	if err != nil {
		return nil, vfs.Stat{}, err
	}
	after, err := unchangedSince(f, name, st)
	if err == nil && n != want {
		err = changed(name)
	}
	return buf[:n], after, err
}

// readFull reads until buf is full or the file ends. Of a regular file a short read is its end, and needs no second
// one unless the file is longer than buf expected.
func readFull(f vfs.File, buf []byte) (int, error) {
	for n := 0; ; {
		m, err := f.Read(buf[n:])
		n += m
		if err == io.EOF || n == len(buf) || err == nil && n == len(buf)-1 {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// unchangedSince compares an open file with what was seen of it before.
func unchangedSince(f vfs.File, name string, st *vfs.Stat) (vfs.Stat, error) {
	after, err := f.StatStat()
	if err != nil {
		return after, err
	}
	if k := KeyOf(st); !k.Matches(&after) {
		return after, changed(name)
	}
	return after, nil
}

func changed(name string) error { return fmt.Errorf("%q: %w", name, ErrChanged) }
