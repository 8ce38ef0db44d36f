package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"evault/internal/vfs/memfs"
	"evault/repo"
)

// The committed floors of faults.
const (
	faultFloor      = 2_500
	faultFloorProve = 10_000
)

// trouble is one way in which operations fail.
type trouble struct {
	name string
	hits func(k memfs.Kind) bool
	err  error
}

func writes(k memfs.Kind) bool {
	return k == memfs.Create || k == memfs.Mkdir || k == memfs.Symlink || k == memfs.Link || k == memfs.Write || k == memfs.Rename
}

func syncs(k memfs.Kind) bool { return k == memfs.Sync || k == memfs.SyncDir }

func one(want memfs.Kind) func(memfs.Kind) bool {
	return func(k memfs.Kind) bool { return k == want }
}

// troubles are the ways of row 3. Those that happened all the same and then report a failure are among them: a caller
// cannot tell the two apart.
func troubles() []trouble {
	return []trouble{
		{"EIO", func(memfs.Kind) bool { return true }, syscall.EIO},
		{"ENOSPC", writes, syscall.ENOSPC},
		{"EDQUOT", writes, syscall.EDQUOT},
		{"EMFILE", func(k memfs.Kind) bool { return k == memfs.Open || k == memfs.Create }, syscall.EMFILE},
		{"short write", one(memfs.Write), memfs.ShortWrite{N: 7, Err: syscall.ENOSPC}},
		{"fsync fails", syncs, syscall.EIO},
		{"close fails", one(memfs.Close), memfs.Late{Err: syscall.EIO}},
		{"rename fails late", one(memfs.Rename), memfs.Late{Err: syscall.EIO}},
		{"fsync fails late", syncs, memfs.Late{Err: syscall.EIO}},
	}
}

// faulty are the scenarios that faults are injected into; large tells which of them the quick column leaves out.
func faulty() []scenario {
	quick := []string{"init", "commit first", "checkout", "restore", "undo switch", "repair"}
	var chosen []scenario
	for _, s := range scenarios() {
		if proving() || slices.Contains(quick, s.name) {
			chosen = append(chosen, s)
		}
	}
	return append(chosen, scenario{name: "verify", prepare: twoCommits, act: verifyVerb})
}

func verifyVerb(ctx context.Context, w *world) error {
	return verb(repo.ReadOnly, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Verify(ctx, repo.VerifyOptions{})
		return err
	})(ctx, w)
}

// TestFaults is row 3 of the proof: every operation of a verb fails, once and for good. A verb that says that it succeeded
// has done everything, durably; one that failed has left the state before or after, and can be repeated.
func TestFaults(t *testing.T) {
	var cases, silent atomic.Int64
	for _, s := range faulty() {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			f := &faults{rehearsal: rehearse(t, s), cases: &cases, silent: &silent}
			before := cases.Load()
			f.run(t)
			t.Logf("%d operations, %d faults", len(f.kinds), cases.Load()-before)
		})
	}
	row(t, "row 3: %d faults, %d silent successes or losses", cases.Load(), silent.Load())
	floor := int64(faultFloor)
	if proving() {
		floor = faultFloorProve
	}
	if cases.Load() < floor {
		t.Errorf("%d faults, the floor is %d", cases.Load(), floor)
	}
}

type faults struct {
	*rehearsal
	cases, silent *atomic.Int64
}

// faultCase is one fault: trouble from operation at on, once or for good.
type faultCase struct {
	trouble
	at   int
	good bool
}

func (c faultCase) String() string {
	when := "once"
	if c.good {
		when = "for good"
	}
	return fmt.Sprintf("%s at operation %d, %s", c.name, c.at, when)
}

func (f *faults) run(t *testing.T) {
	queue := make(chan faultCase, 16)
	var workers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for c := range queue {
				hit, err := f.judge(t, c)
				if hit {
					f.cases.Add(1)
				}
				if err != nil {
					f.silent.Add(1)
					t.Errorf("%v: %v", c, err)
				}
			}
		})
	}
	for at, kind := range f.kinds {
		for _, tr := range troubles() {
			for _, good := range []bool{false, true} {
				if tr.hits(kind) && !f.leftOut(at, kind, tr, good) {
					queue <- faultCase{tr, at, good}
				}
			}
		}
	}
	close(queue)
	workers.Wait()
}

// leftOut says that the quick column does without a case: most of the readings that fail for good, and one of two errors
// that say the same.
func (f *faults) leftOut(at int, kind memfs.Kind, tr trouble, good bool) bool {
	return !proving() && (good && !kind.Mutates() && at%8 != 0 || tr.name == "EDQUOT" && at%2 == 0)
}

// inject makes a disk fail as c says, and reports whether anything was hit.
func (c faultCase) inject(disk *memfs.Memory) *atomic.Int64 {
	hits := new(atomic.Int64)
	disk.SetFault(func(op memfs.Op) error {
		if op.Index < c.at || !c.hits(op.Kind) || !c.good && op.Index > c.at {
			return nil
		}
		hits.Add(1)
		return c.err
	})
	return hits
}

func (f *faults) judge(t testing.TB, c faultCase) (hit bool, err error) {
	t = calm{t}
	defer verdict(&err)
	defer watch(c.String()).Stop()
	ctx := t.Context()
	w := f.base.copy(t)
	start := w.disk.Snapshot()
	w.disk.Record()
	hits := c.inject(w.disk)
	failed := f.act(ctx, w)
	w.disk.SetFault(nil)
	if hits.Load() == 0 {
		return false, nil
	}
	w.findVault()
	if failed == nil {
		return true, f.kept(ctx, t, w, start)
	}
	return true, f.recovers(ctx, t, w, failed, proving() || c.at%goesOnEvery == 0)
}

// kept fails unless everything that the verb promises survives the loss of all that is not durable.
func (f *faults) kept(ctx context.Context, t testing.TB, w *world, start *memfs.Memory) error {
	if err := f.workIsDone(walk(t, w.places.Work)); err != nil {
		return fmt.Errorf("silent: %w", err)
	}
	ops := w.disk.Ops()
	for crash := range memfs.Crashes(ops, start, memfs.CrashOptions{From: len(ops), Subsets: -1, Singles: 1}) {
		w = onDisk(t, crash.Open(), w.clock, f.base.past) // the first state: nothing that is not durable is there
		break
	}
	s, err := lookAt(ctx, w)
	if err == nil {
		err = f.isOneOf(s, true)
	}
	if err == nil {
		err = f.comesBack(ctx, t, w, s)
	}
	if err != nil {
		return fmt.Errorf("silent: %w", err)
	}
	return nil
}

// comesBack fails unless Verify finds nothing, all old commits come back, and a new one gives back what the verb was given.
func (f *rehearsal) comesBack(ctx context.Context, t testing.TB, w *world, s state) error {
	held := past{}
	for id, want := range f.base.past {
		held[id] = want
	}
	for _, id := range s.ids {
		if _, known := held[id]; !known {
			held[id] = f.afterWork
		}
	}
	return w.with(ctx, repo.Writing, func(r *repo.Repository) error { return isWhole(ctx, t, r, held) })
}

// recovers fails unless the vault is whole, in the state before or after, and the verb, repeated, finishes; with next it goes on
// to work there.
func (f *faults) recovers(ctx context.Context, t testing.TB, w *world, failed error, next bool) error {
	if err := f.workIsSane(walk(t, w.places.Work)); err != nil {
		return fmt.Errorf("%w (the verb said: %v)", err, failed)
	}
	s := state{}
	if !f.damaged {
		var err error
		if s, err = lookAt(ctx, w); err != nil {
			return fmt.Errorf("reading: %w (the verb said: %v)", err, failed)
		}
		if err := f.isOneOf(s, false); err != nil {
			return fmt.Errorf("%w (the verb said: %v)", err, failed)
		}
	}
	w.clock.pass(2 * time.Hour) // see goesOn
	if err := f.finishes(ctx, w, s); err != nil {
		return fmt.Errorf("repeated: %w (the verb said: %v)", err, failed)
	}
	w.findVault()
	s, err := lookAt(ctx, w)
	if err == nil && !errors.Is(failed, repo.ErrIncomplete) {
		err = f.isOneOf(s, true)
	}
	if err == nil && f.name != "rm" && f.name != "mv" && f.name != "add" && f.name != "status" {
		err = f.workIsDone(walk(t, w.places.Work))
	}
	if err == nil && !errors.Is(failed, repo.ErrIncomplete) {
		err = f.comesBack(ctx, t, w, s)
	}
	if err == nil && next {
		err = goesOn(ctx, t, w)
	}
	if err != nil {
		return fmt.Errorf("afterwards: %w (the verb said: %v)", err, failed)
	}
	return nil
}

// finishes repeats the verb.
func (f *faults) finishes(ctx context.Context, w *world, s state) error {
	done := s.text == f.after.text && f.before.text != f.after.text
	switch {
	case f.again != nil:
		return f.again(ctx, w, done)
	case done:
		return nil
	}
	refused := f.act(ctx, w)
	if refused == nil {
		return nil
	}
	// The opening may have finished what had failed; then there is nothing left to repeat, and the verb may say so.
	w.findVault()
	if now, err := lookAt(ctx, w); err != nil || now.text != f.after.text || f.before.text == f.after.text {
		return errors.Join(refused, err)
	}
	return nil
}

// TestFaultVerifyNeverSaysWhole lets each reading of a verify fail while a pack is damaged: whatever it could not read, it must
// not find the vault whole.
func TestFaultVerifyNeverSaysWhole(t *testing.T) {
	w := newWorld(t)
	twoCommits(t, w)
	name := onePack(t, w)
	data, err := content(w.places.Vault, name)
	w.must(t, err)
	f, err := w.places.Vault.OpenHandle(name, os.O_RDWR, 0)
	w.must(t, err)
	_, err = f.WriteAt([]byte{data[len(data)/3] ^ 1}, int64(len(data)/3))
	w.must(t, errors.Join(err, f.Close()))
	probe := w.copy(t)
	if err := verifyVerb(t.Context(), probe); !errors.Is(err, repo.ErrDamaged) {
		t.Fatalf("verify of a damaged pack: %v", err)
	}
	for at := range probe.disk.OpCount() {
		for _, good := range []bool{false, true} {
			c := faultCase{troubles()[0], at, good}
			broken := w.copy(t)
			c.inject(broken.disk)
			if err := verifyVerb(t.Context(), broken); err == nil {
				t.Errorf("%v: verify found a damaged vault whole", c)
			}
		}
	}
	row(t, "row 3: %d faults under a verify of damage, 0 silent successes", 2*probe.disk.OpCount())
}
