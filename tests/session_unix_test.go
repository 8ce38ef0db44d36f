//go:build unix

package tests

import (
	"os/exec"
	"syscall"
)

// withoutTerminal starts a process in a session of its own: /dev/tty cannot be opened there.
func withoutTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
