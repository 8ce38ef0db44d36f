package transport

import (
	"os"

	"golang.org/x/sys/unix"
)

// widen asks for a pipe of 1 MiB in place of 64 KiB, so that the child and this process wait for each other less often. An
// unprivileged user may be refused that when many pipes are open, and then does without.
func widen(pipe *os.File) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
}
