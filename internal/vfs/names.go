package vfs

import (
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// MaxComponent is the greatest length in bytes of one file name.
const MaxComponent = 255

// CleanName gives the shortest form of a name of an [FS], "." for the root, or an *fs.PathError around [ErrEscapes]
// or, for a NUL, EINVAL. op names the operation in that error.
func CleanName(op, name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", &fs.PathError{Op: op, Path: name, Err: syscall.EINVAL}
	}
	c := path.Clean(name)
	if c == ".." || strings.HasPrefix(c, "../") || path.IsAbs(c) {
		return "", &fs.PathError{Op: op, Path: name, Err: ErrEscapes}
	}
	return c, nil
}

// CheckComponent says whether a [Dir] accepts name: nil, or an *fs.PathError around [ErrBadComponent] or, if it is
// longer than [MaxComponent], ENAMETOOLONG. op names the operation in that error.
func CheckComponent(op, name string) error {
	if len(name) > MaxComponent {
		return &fs.PathError{Op: op, Path: name, Err: syscall.ENAMETOOLONG}
	}
	if isComponent(name) {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: ErrBadComponent}
}

// isComponent is on the path of every lstat of a scan, hence the plain loop.
func isComponent(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c == '/' || c == 0 {
			return false
		}
	}
	return name != "" && name != "." && name != ".." && isPlatformComponent(name)
}
