package repo

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
)

// TestMergeConflictFaults lets every operation of a merge with conflicts that writes fail, once and for good, and the disk be
// full after every part of what the merge writes. It must then have left the state before, or one that can be taken back; and
// once the disk is well, the merge can be made.
func TestMergeConflictFaults(t *testing.T) {
	base, settings := beforeConflict(t)
	rehearsal := base.Snapshot()
	var at []int // operations that write, counted from the first
	total := int64(0)
	rehearsal.SetFault(func(op memfs.Op) error {
		if op.Kind.Mutates() {
			at = append(at, op.Index)
			total += int64(len(op.Data))
		}
		return nil
	})
	var conflict *MergeConflictError
	if err := onMemory(t, rehearsal, settings).with(t.Context(), Writing, mergeOther); !errors.As(err, &conflict) {
		t.Fatal(err)
	}
	if len(at) < 20 {
		t.Fatalf("only %d operations", len(at))
	}
	for _, index := range at {
		for _, good := range []bool{false, true} {
			for _, fault := range []error{syscall.EIO, memfs.ShortWrite{N: 3, Err: syscall.ENOSPC}, memfs.Late{Err: syscall.EIO}} {
				name := fmt.Sprintf("%v at operation %d, for good: %v", fault, index, good)
				mergeWithFault(t, base, settings, name, func(op memfs.Op) error {
					if op.Index < index || !op.Kind.Mutates() || !good && op.Index > index {
						return nil
					}
					if _, short := fault.(memfs.ShortWrite); short && op.Kind != memfs.Write {
						return syscall.ENOSPC
					}
					return fault
				})
			}
		}
	}
	const steps = 40
	for i := range int64(steps) {
		var left atomic.Int64
		left.Store(total * i / steps)
		mergeWithFault(t, base, settings, fmt.Sprintf("room for %d of %d bytes", total*i/steps, total), func(op memfs.Op) error {
			n := int64(len(op.Data))
			if after := left.Add(-n); op.Kind == memfs.Write && after < 0 {
				return memfs.ShortWrite{N: int(max(0, after+n)), Err: syscall.ENOSPC}
			}
			return nil
		})
	}
	t.Logf("%d faults of a merge with conflicts, and %d full disks", 6*len(at), steps)
}

// mergeWithFault merges on a disk that fails, and then judges what is left of it twice: by taking the merge back, and by making
// it again.
func mergeWithFault(t *testing.T, base *memfs.Memory, settings Settings, name string, fault func(memfs.Op) error) {
	t.Helper()
	ctx := t.Context()
	disk := base.Snapshot()
	disk.SetFault(fault)
	failed := onMemory(t, disk, settings).with(ctx, Writing, mergeOther)
	disk.SetFault(nil)
	if failed == nil {
		t.Fatalf("%s: no conflict", name)
	}
	for _, again := range []bool{false, true} {
		disk := disk.Snapshot()
		d := onMemory(t, disk, settings)
		err := d.with(ctx, Writing, func(r *Repository) error {
			if again {
				var conflict *MergeConflictError
				var waiting *InProgressError
				if err := mergeOther(r); !errors.As(err, &conflict) && !errors.As(err, &waiting) {
					return fmt.Errorf("again: %w", err)
				}
			}
			if s, err := r.inProgress(); err != nil || s == nil {
				return err
			}
			if again {
				return nil
			}
			_, err := r.AbortMerge(ctx)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again && errors.Is(failed, ErrIncomplete) {
			continue // it said which files it could not write or remove, and left them to the user
		}
		want := []string{"1\ndeux\n3\n", "1", "work"}
		if again {
			want[0], want[1] = conflictInA, ""
		}
		got := make([]string, 3)
		for i, file := range []string{"a", "gone", "w"} {
			if _, err := disk.Lstat("work/" + file); err == nil {
				got[i] = readMemory(t, disk, "work/"+file)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: again %v: files are %q, want %q", name, again, got, want)
		}
		if _, err := disk.Lstat("work/new/file"); (err == nil) != again {
			t.Fatalf("%s: again %v: the other side's file: %v", name, again, err)
		}
	}
}
