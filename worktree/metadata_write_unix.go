//go:build unix

package worktree

import "golang.org/x/sys/unix"

// deviceNumber packs the numbers of a device as this system does.
func deviceNumber(major, minor uint32) uint64 { return unix.Mkdev(major, minor) }
