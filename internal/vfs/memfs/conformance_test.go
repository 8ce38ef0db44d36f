package memfs_test

import (
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/internal/vfs/vfstest"
)

func TestMemoryConforms(t *testing.T) {
	vfstest.Test(t, func(t *testing.T) vfs.FS { return memfs.New(memfs.Options{}) })
}
