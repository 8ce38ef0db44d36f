package proof

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evault/internal/vfs/memfs"
	"evault/repo"
)

// The committed floors of interruptions.
const (
	cancelFloor      = 300
	cancelFloorProve = 3_000
)

// TestFaultCancelled takes the context away at an operation, as Ctrl-C does. The verb says so, or has finished; the state is
// before or after; the next command works.
func TestFaultCancelled(t *testing.T) {
	var cases atomic.Int64
	every := 5
	if proving() {
		every = 1
	}
	for _, s := range faulty() {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			f := &faults{rehearsal: rehearse(t, s)}
			inParallel(len(f.kinds)/every, func(i int) {
				cases.Add(1)
				if err := f.cancelledAt(t, i*every); err != nil {
					t.Errorf("cancelled at operation %d: %v", i*every, err)
				}
			})
		})
	}
	row(t, "interruptions: %d, every %d operations", cases.Load(), every)
	floor := int64(cancelFloor)
	if proving() {
		floor = cancelFloorProve
	}
	if cases.Load() < floor {
		t.Errorf("%d interruptions, the floor is %d", cases.Load(), floor)
	}
}

// inParallel calls do with 0 to n-1 from as many goroutines as there are processors.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	workers.Wait()
}

func (f *faults) cancelledAt(t testing.TB, at int) (err error) {
	t = calm{t}
	defer verdict(&err)
	defer watch(f.name).Stop()
	w := f.base.copy(t)
	start := w.disk.Snapshot()
	w.disk.Record()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.disk.SetFault(func(op memfs.Op) error {
		if op.Index == at {
			cancel()
		}
		return nil
	})
	failed := f.act(ctx, w)
	w.disk.SetFault(nil)
	w.findVault()
	switch {
	case failed == nil:
		return f.kept(t.Context(), t, w, start)
	case !errors.Is(failed, context.Canceled):
		return fmt.Errorf("the error is not that of the context: %w", failed)
	}
	return f.recovers(t.Context(), t, w, failed, true)
}

// TestFaultTwoAtOnce opens a vault for writing while it is open for writing.
func TestFaultTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	twoCommits(t, w)
	ctx := t.Context()
	err := w.with(ctx, repo.Writing, func(*repo.Repository) error {
		err := w.with(ctx, repo.Writing, func(*repo.Repository) error { return nil })
		if !errors.Is(err, repo.ErrLocked) {
			t.Errorf("a second writer: %v, not ErrLocked", err)
		}
		patient := *w
		patient.settings.Wait = 60 * time.Millisecond
		start := time.Now()
		err = patient.with(ctx, repo.Writing, func(*repo.Repository) error { return nil })
		if !errors.Is(err, repo.ErrLocked) || time.Since(start) < patient.settings.Wait {
			t.Errorf("a second writer that waits: %v after %v", err, time.Since(start))
		}
		if _, err := lookAt(ctx, w); err != nil {
			t.Errorf("a reader beside a writer: %v", err)
		}
		return nil
	})
	w.must(t, err)
	if err := goesOn(ctx, t, w); err != nil {
		t.Error(err)
	}
}
