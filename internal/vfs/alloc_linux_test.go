package vfs_test

import (
	"os"
	"testing"

	"evault/internal/vfs"
)

// TestRestoringAFileAllocatesLittle bounds what one file of a restore costs, as there may be a million: one File, and
// the C strings of the renaming.
func TestRestoringAFileAllocatesLittle(t *testing.T) {
	fsys, err := vfs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	d, err := fsys.OpenDir(".")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data := []byte("contents")
	one := func() error {
		f, err := d.OpenFile("temp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if _, err := f.Write(data); err != nil {
			return err
		}
		if err := f.Chmod(0o640); err != nil {
			return err
		}
		if err := f.SetTimes(vfs.Time{Sec: 1}); err != nil {
			return err
		}
		if _, err := f.StatStat(); err != nil {
			return err
		}
		if names, err := f.ListXattrs(); err != nil || names != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return d.Rename("temp", "final")
	}
	n := testing.AllocsPerRun(100, func() {
		if err := one(); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%v allocations", n)
	if n > 3 {
		t.Errorf("%v allocations for one file", n)
	}
}
