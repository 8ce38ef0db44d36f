package memfs_test

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
)

func onlyAt(kind memfs.Kind, err error) func(memfs.Op) error {
	return func(op memfs.Op) error {
		if op.Kind == kind {
			return err
		}
		return nil
	}
}

func TestShortWriteWritesAPart(t *testing.T) {
	m := memfs.New(memfs.Options{})
	f, err := m.OpenHandle("a", os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	m.SetFault(onlyAt(memfs.Write, memfs.ShortWrite{N: 3, Err: syscall.ENOSPC}))
	n, err := io.WriteString(f, "hello")
	if n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d: %v", n, err)
	}
	m.SetFault(nil)
	must(t, f.Close())
	if got := read(t, m, "a"); got != "hel" {
		t.Errorf("file holds %q", got)
	}
}

func TestFaultStopsAnOperationAndLateDoesNot(t *testing.T) {
	m := memfs.New(memfs.Options{})
	m.SetFault(onlyAt(memfs.Mkdir, syscall.EIO))
	if err := m.Mkdir("a", 0o700); !errors.Is(err, syscall.EIO) {
		t.Errorf("mkdir: %v", err)
	}
	m.SetFault(onlyAt(memfs.Mkdir, memfs.Late{Err: syscall.EIO}))
	if err := m.Mkdir("b", 0o700); !errors.Is(err, syscall.EIO) {
		t.Errorf("mkdir: %v", err)
	}
	m.SetFault(nil)
	infos, err := m.ReadDir(".")
	must(t, err)
	if len(infos) != 1 || infos[0].Name() != "b" {
		t.Errorf("directory holds %v", infos)
	}
}

func TestEveryOperationHasAnIndex(t *testing.T) {
	m := memfs.New(memfs.Options{})
	next := 0
	m.SetFault(func(op memfs.Op) error {
		if op.Index != next {
			t.Errorf("index %d, want %d (%v)", op.Index, next, op)
		}
		next++
		return nil
	})
	must(t, vfs.Publish(m, "a", []byte("x"), 0o600))
	if next != m.OpCount() || next < 6 {
		t.Errorf("%d operations, OpCount %d", next, m.OpCount())
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	m := memfs.New(memfs.Options{})
	m.Record()
	m.SetFault(func(memfs.Op) error { return nil })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := string(rune('a' + i%4))
			for range 50 {
				if err := vfs.Publish(m, name, []byte(name), 0o600); err != nil {
					t.Error(err)
				}
				mapped, err := m.Map(name)
				if err != nil || string(mapped.Data) != name {
					t.Errorf("%q: %v", name, err)
				}
				m.Snapshot()
			}
		})
	}
	wg.Wait()
}
