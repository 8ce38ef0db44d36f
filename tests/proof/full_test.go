package proof

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
)

// The committed floors of full disks.
const (
	fullFloor      = 150
	fullFloorProve = 2_000
)

// TestFaultDiskFull lets the disk take only so many bytes more: the write that reaches the end is cut short, and what follows
// fails until something is removed by hand.
func TestFaultDiskFull(t *testing.T) {
	var cases atomic.Int64
	steps := int64(40)
	if proving() {
		steps = 600
	}
	for _, s := range faulty() {
		if s.name == "verify" {
			continue
		}
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			f := &faults{rehearsal: rehearse(t, s)}
			total := int64(0)
			for _, op := range f.ops {
				if op.Kind == memfs.Write {
					total += int64(len(op.Data))
				}
			}
			inParallel(int(steps), func(i int) {
				room := total * int64(i) / steps
				cases.Add(1)
				if err := f.fullAfter(t, room); err != nil {
					t.Errorf("with room for %d of %d bytes: %v", room, total, err)
				}
			})
		})
	}
	row(t, "row 3: %d full disks", cases.Load())
	floor := int64(fullFloor)
	if proving() {
		floor = fullFloorProve
	}
	if cases.Load() < floor {
		t.Errorf("%d full disks, the floor is %d", cases.Load(), floor)
	}
}

func (f *faults) fullAfter(t testing.TB, room int64) (err error) {
	t = calm{t}
	defer verdict(&err)
	defer watch(f.name).Stop()
	ctx := t.Context()
	w := f.base.copy(t)
	start := w.disk.Snapshot()
	w.disk.Record()
	var left atomic.Int64
	left.Store(room)
	w.disk.SetFault(func(op memfs.Op) error {
		if op.Kind != memfs.Write {
			return nil
		}
		n := int64(len(op.Data))
		if after := left.Add(-n); after < 0 {
			return memfs.ShortWrite{N: int(max(0, after+n)), Err: syscall.ENOSPC}
		}
		return nil
	})
	failed := f.act(ctx, w)
	w.disk.SetFault(nil)
	w.findVault()
	if failed == nil {
		return f.kept(ctx, t, w, start)
	}
	if !errors.Is(failed, syscall.ENOSPC) {
		return fmt.Errorf("the error does not say that the disk is full: %w", failed)
	}
	return f.recovers(ctx, t, w, failed, true)
}
