package vfs_test

import (
	"os/exec"
	"strings"
	"testing"
)

// goroot is where the toolchain lives: a large tree that every builder has.
func goroot(tb testing.TB) string {
	tb.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
