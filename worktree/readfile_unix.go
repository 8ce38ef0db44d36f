//go:build unix

package worktree

import (
	"errors"

	"golang.org/x/sys/unix"
)

// deviceNumbers splits the number of a device.
func deviceNumbers(rdev uint64) (major, minor uint32) { return unix.Major(rdev), unix.Minor(rdev) }

// isNoAttr reports whether a named attribute does not exist.
func isNoAttr(err error) bool { return errors.Is(err, errNoAttr) }
