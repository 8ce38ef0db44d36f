//go:build unix

package vfs

import (
	"strings"

	"golang.org/x/sys/unix"
)

// listXattrs reads the names through list, which fills a buffer or, given none, says how large it must be. Most files
// have none, and then it costs one call and no memory.
func listXattrs(list func([]byte) (int, error)) ([]string, error) {
	buf, err := xattrBytes(list)
	if err == unix.ENOTSUP || err == unix.EPERM {
		return nil, nil
	}
	if err != nil || len(buf) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(buf), "\x00"), "\x00"), nil
}

// getXattr reads a value, never nil if there is one.
func getXattr(get func([]byte) (int, error)) ([]byte, error) {
	buf, err := xattrBytes(get)
	if err == nil && buf == nil {
		buf = []byte{}
	}
	return buf, err
}

func xattrBytes(read func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := read(nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return nil, err
		}
		if n > MaxXattr {
			return nil, ErrTooLarge
		}
		buf := make([]byte, n)
		n, err = read(buf)
		if err == unix.ERANGE || err == unix.EINTR { // it grew meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}
