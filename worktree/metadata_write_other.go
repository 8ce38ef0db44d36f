//go:build !unix

package worktree

// deviceNumber: systems other than unix have no such devices, and making one fails.
func deviceNumber(major, minor uint32) uint64 { return uint64(major)<<32 | uint64(minor) }
