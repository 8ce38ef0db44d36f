package vfs_test

import (
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/vfstest"
)

func TestRealConforms(t *testing.T) {
	vfstest.Test(t, func(t *testing.T) vfs.FS {
		fsys, err := vfs.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return fsys
	})
}
