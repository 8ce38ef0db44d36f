package worktree

// deviceNumbers splits the number of a device; there are none here.
func deviceNumbers(uint64) (major, minor uint32) { return 0, 0 }

// isNoAttr reports whether a named attribute does not exist; there are none here.
func isNoAttr(error) bool { return false }
