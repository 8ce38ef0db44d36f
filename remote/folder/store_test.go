package folder

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/storetest"
)

var testVault = keys.VaultID{0xab, 2, 3, 4}

func TestStoreInMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		return openSite(t, memfs.New(memfs.Options{})), testVault
	})
}

func TestStoreOnDisk(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		return openSite(t, realFolder(t)), testVault
	})
}

func openSite(t testing.TB, fsys vfs.FS) *Site {
	t.Helper()
	site, err := OpenSite(fsys, "the folder")
	must(t, err)
	return site
}

// realFolder is an empty folder on the disk.
func realFolder(t testing.TB) vfs.FS {
	t.Helper()
	fsys, err := vfs.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hashHex(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
