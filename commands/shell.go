package commands

import (
	"context"
	"os/exec"
	"runtime"
)

// shell makes a process of a command line that the user has configured.
func shell(ctx context.Context, line string, args ...string) *exec.Cmd {
	if runtime.GOOS == "windows" {
		return exec.CommandContext(ctx, "cmd", append([]string{"/c", line}, args...)...)
	}
	if len(args) > 0 {
		line += ` "$@"`
	}
	return exec.CommandContext(ctx, "sh", append([]string{"-c", line, "sh"}, args...)...)
}
