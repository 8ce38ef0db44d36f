package proof

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/repo"
)

// The committed floors: the counts may rise and never fall.
const (
	crashFloor      = 5_000
	crashFloorProve = 100_000
)

// TestCrashStates is row 1 of the proof: every prefix of the operations of every verb, times subsets of those that are not
// durable yet, times the last write torn.
func TestCrashStates(t *testing.T) {
	var states, lost, torn atomic.Int64
	for _, s := range scenarios() {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			r := rehearse(t, s)
			c := &crashing{rehearsal: r, states: &states, lost: &lost, torn: &torn}
			before := states.Load()
			start := time.Now()
			c.run(t)
			t.Logf("%d operations, %d crash states in %v", len(r.ops), states.Load()-before, time.Since(start).Round(time.Millisecond))
		})
	}
	row(t, "row 1: %d crash states, %d lost (seed %d); %d files of the work tree that a repetition put right",
		states.Load(), lost.Load(), seed, torn.Load())
	floor := int64(crashFloor)
	if proving() {
		floor = crashFloorProve
	}
	if states.Load() < floor {
		t.Errorf("%d crash states, the floor is %d", states.Load(), floor)
	}
}

// rehearsal is one undisturbed run of a scenario, and what it was made of.
type rehearsal struct {
	scenario
	base          *world // as the verb found it
	ops           []memfs.Op
	kinds         []memfs.Kind // of all operations, those that only look included
	before, after state
	beforeWork    tree
	afterWork     tree
	past          past // of base, with what the verb committed
}

// rehearse runs a scenario once and records it.
func rehearse(t testing.TB, s scenario) *rehearsal {
	t.Helper()
	ctx := t.Context()
	w := newWorld(t)
	s.prepare(t, w)
	r := &rehearsal{scenario: s, base: w.copy(t), beforeWork: walk(t, w.places.Work)}
	var err error
	if !s.damaged {
		r.before, err = lookAt(ctx, r.base.copy(t))
		w.must(t, err)
	}
	w = r.base.copy(t) // with a count of operations that begins at zero
	w.disk.Record()
	var mu sync.Mutex
	w.disk.SetFault(func(op memfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		r.kinds = append(r.kinds, op.Kind)
		return nil
	})
	w.must(t, s.act(ctx, w))
	w.disk.SetFault(nil)
	w.disk.Mark("done")
	r.ops = w.disk.Ops()
	r.afterWork = walk(t, w.places.Work)
	r.after, err = lookAt(ctx, w.copy(t))
	w.must(t, err)
	r.past = past{}
	for id, want := range w.past {
		r.past[id] = want
	}
	for _, id := range r.after.ids {
		if _, known := r.past[id]; !known {
			r.past[id] = r.afterWork
		}
	}
	return r
}

type crashing struct {
	*rehearsal
	states, lost, torn *atomic.Int64
}

func (c *crashing) run(t *testing.T) {
	opts := memfs.CrashOptions{Seed: seed, Subsets: 1, Singles: 4}
	if proving() {
		opts.Subsets, opts.Singles = 360, 64
	}
	queue := make(chan numbered, 16)
	var workers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for crash := range queue {
				c.states.Add(1)
				if err := c.judge(t, crash.Crash, proving() || crash.n%goesOnEvery == 0); err != nil {
					if c.lost.Add(1) <= 10 {
						t.Errorf("%v\n%v", err, crash.Crash)
					}
				}
			}
		})
	}
	n := 0
	for crash := range memfs.Crashes(c.ops, c.base.disk, opts) {
		queue <- numbered{crash, n}
		n++
	}
	close(queue)
	workers.Wait()
}

type numbered struct {
	memfs.Crash
	n int
}

// goesOnEvery is how often, in the quick column, the commands that come next are tried too.
const goesOnEvery = 5

// judge looks at what one crash has left; with next it goes on to work there.
func (c *crashing) judge(t testing.TB, crash memfs.Crash, next bool) (err error) {
	t = calm{t}
	defer verdict(&err)
	defer watch(crash.String()).Stop()
	ctx := t.Context()
	w := onDisk(t, crash.Open(), c.base.clock, c.base.past)
	done := len(crash.Marks()) > 0
	if err := c.workIsSane(walk(t, w.places.Work)); err != nil {
		return err
	}
	if c.damaged {
		return c.repaired(ctx, t, w, next)
	}
	first, err := lookAt(ctx, w)
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if err := c.isOneOf(first, done); err != nil {
		return err
	}
	if w.places.Vault != nil {
		second, err := c.opensForWriting(ctx, t, w)
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		if err := c.isOneOf(second, done || first.text == c.after.text && c.before.text != c.after.text); err != nil {
			return fmt.Errorf("after an opening for writing: %w", err)
		}
		first = second
	}
	if !next {
		return nil
	}
	if err := c.repeated(ctx, t, w, first.text == c.after.text); err != nil {
		return err
	}
	return goesOn(ctx, t, w)
}

// isOneOf fails unless a state is the one before or the one after the verb; after it if that was promised.
func (c *rehearsal) isOneOf(s state, done bool) error {
	if s.text == c.after.text || !done && s.text == c.before.text {
		return nil
	}
	return fmt.Errorf("the vault is in a state that is neither before nor after (acknowledged: %v):\n%s\nbefore:\n%s\nafter:\n%s",
		done, s.text, c.before.text, c.after.text)
}

// opensForWriting opens a vault as the next command does, and judges what it holds.
func (c *rehearsal) opensForWriting(ctx context.Context, t testing.TB, w *world) (s state, err error) {
	err = w.with(ctx, repo.Writing, func(r *repo.Repository) (err error) {
		if s, err = look(ctx, w, r); err != nil {
			return err
		}
		held := w.past
		if s.text == c.after.text {
			held = c.past
		}
		return isWhole(ctx, t, r, held)
	})
	if s.text == c.after.text {
		w.past = c.past
	}
	return s, err
}

// workIsSane fails if a file is touched that the verb has no business with. Of those it has, any may be torn: see the
// package comment.
func (c *rehearsal) workIsSane(got tree) error {
	theirs := differing(c.beforeWork, c.afterWork)
	for _, p := range differing(c.beforeWork, got) {
		if !slices.Contains(theirs, p) && !c.rewritten(p) {
			return fmt.Errorf("%s in the work tree is not as it was: %+.80v, not %+.80v", p, got[p], c.beforeWork[p])
		}
	}
	return nil
}

// rewritten says that the verb wrote a file although it was the same before.
func (c *rehearsal) rewritten(p string) bool {
	for _, op := range c.ops {
		if op.NewName == "work/"+p {
			return true
		}
	}
	return false
}

// repeated does the verb again and fails unless the work tree is as the verb leaves it. What the crash brought back from
// before may lie about, untracked.
func (c *crashing) repeated(ctx context.Context, t testing.TB, w *world, done bool) error {
	if c.again == nil {
		return nil
	}
	got := walk(t, w.places.Work)
	c.torn.Add(int64(tornFiles(got, c.beforeWork, c.afterWork)))
	if err := c.again(ctx, w, done); err != nil {
		return fmt.Errorf("repeated: %w", err)
	}
	if c.name == "rm" || c.name == "mv" {
		return nil
	}
	return c.workIsDone(walk(t, w.places.Work))
}

func (c *rehearsal) workIsDone(got tree) error {
	for _, p := range differing(c.afterWork, got) {
		f, there := got[p]
		if _, wanted := c.afterWork[p]; !wanted && there && f == c.beforeWork[p] {
			continue
		}
		return fmt.Errorf("after a repetition %s in the work tree is %+.80v (there: %v), not %+.80v", p, f, there, c.afterWork[p])
	}
	return nil
}

// tornFiles counts regular files whose content is neither the one before nor the one after.
func tornFiles(got, before, after tree) (n int) {
	for p, f := range got {
		if f.typ == vfs.Regular && f.data != before[p].data && f.data != after[p].data {
			n++
		}
	}
	return n
}

// repaired repeats the repair and asks for everything.
func (c *rehearsal) repaired(ctx context.Context, t testing.TB, w *world, next bool) error {
	if err := c.again(ctx, w, false); err != nil {
		return fmt.Errorf("repeated: %w", err)
	}
	s, err := c.opensForWriting(ctx, t, w)
	if err == nil {
		err = c.isOneOf(s, true)
	}
	if err != nil || !next {
		return err
	}
	return goesOn(ctx, t, w)
}

// TestCrashJudgeSeesMissingSyncs takes fsyncs out of what was recorded: had the code left them out, the judge must find
// something lost. Without this the counts above would prove nothing.
func TestCrashJudgeSeesMissingSyncs(t *testing.T) {
	for name, gone := range map[string]func(op *memfs.Op) bool{
		"no fsync of packs":   func(op *memfs.Op) bool { return op.Kind == memfs.Sync && strings.Contains(op.Name, "/incoming/") },
		"no fsync of folders": func(op *memfs.Op) bool { return op.Kind == memfs.SyncDir && strings.Contains(op.Name, "/packs/") },
		"no fsync of records": func(op *memfs.Op) bool { return op.Kind == memfs.Sync && strings.Contains(op.Name, "/outbox/") },
		"no fsync of the log": func(op *memfs.Op) bool { return op.Kind == memfs.SyncDir && strings.Contains(op.Name, "/logs/") },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			i := slices.IndexFunc(scenarios(), func(s scenario) bool { return s.name == "commit second" })
			c := &crashing{rehearsal: rehearse(t, scenarios()[i]), torn: new(atomic.Int64)}
			before := len(c.ops)
			c.ops = slices.DeleteFunc(c.ops, func(op memfs.Op) bool { return gone(&op) })
			if len(c.ops) == before {
				t.Fatal("the commit does no such fsync")
			}
			states := 0
			for crash := range memfs.Crashes(c.ops, c.base.disk, memfs.CrashOptions{Seed: seed, Subsets: 1, Singles: 8, From: len(c.ops) / 2}) {
				states++
				if c.judge(t, crash, false) != nil {
					return
				}
			}
			t.Errorf("nothing was found lost in %d crash states", states)
		})
	}
}
