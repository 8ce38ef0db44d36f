package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"evault/objects"
	"evault/repo"
)

// proving says that the large column of the proof is asked for.
func proving() bool { return os.Getenv("EVAULT_PROVE") == "1" }

// TestProofSchedules runs random schedules. At the end of each all lines are whole, every device pulls and pushes every
// branch, and then all agree, and nothing is lost.
func TestProofSchedules(t *testing.T) {
	schedules := 500
	if proving() {
		schedules = 20000
	}
	if testing.Short() {
		schedules = 100
	}
	first := uint64(time.Now().UnixNano() % 1e9)
	if text := os.Getenv("EVAULT_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("EVAULT_SEED: %v", err)
		}
		schedules = 1
	}
	t.Logf("seeds from EVAULT_SEED=%d on", first)
	template := startWorld(t)
	var mu sync.Mutex
	count, done := map[string]int{}, 0
	seeds := make(chan uint64)
	var workers sync.WaitGroup
	for range min(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for seed := range seeds {
				mine := runSchedule(t, template, seed)
				mu.Lock()
				for what, n := range mine {
					count[what] += n
				}
				done++
				mu.Unlock()
			}
		})
	}
	for n := range schedules {
		if t.Failed() {
			break
		}
		seeds <- first + uint64(n)
	}
	close(seeds)
	workers.Wait()
	t.Logf("proof schedules: %d schedules (floor %d): %v", done, schedules, count)
	if done < schedules && !t.Failed() {
		t.Errorf("%d schedules, and there must be %d", done, schedules)
	}
	for _, what := range []string{"commit", "push", "pull", "merge", "conflict", "undo", "device crash", "host crash", "lost answer", "lost request", "partition"} {
		if count[what] < schedules/40 && schedules > 1 {
			t.Errorf("%q happened %d times only", what, count[what])
		}
	}
}

// judged is the test as one schedule sees it: the first thing that goes wrong is told with the way there.
type judged struct {
	testing.TB
	mu     sync.Mutex
	failed []string
}

func (j *judged) Helper() {}

func (j *judged) Errorf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = append(j.failed, fmt.Sprintf(format, args...))
}

func (j *judged) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (j *judged) bad() bool { return len(j.failed) > 0 }

func runSchedule(t *testing.T, template *world, seed uint64) map[string]int {
	j := &judged{TB: t}
	w := template.copy(j, seed)
	for range 6 + w.rnd.IntN(8) {
		if w.step(); j.bad() {
			break
		}
	}
	if !j.bad() {
		w.end(j)
	}
	if j.bad() {
		t.Errorf("EVAULT_SEED=%d\n%s\n=> %s", seed, strings.Join(w.log, "\n"), strings.Join(j.failed, "\n   "))
	} else if os.Getenv("EVAULT_SEED") != "" {
		t.Log(strings.Join(w.log, "\n"))
	}
	return w.count
}

// step does one thing.
func (w *world) step() {
	d := w.devices[w.rnd.IntN(len(w.devices))]
	p := w.places[placeNames[w.rnd.IntN(len(placeNames))]]
	done := func(what string) {
		w.count[what]++
		w.note("%s: %s (%s), on %s", d.name, what, p.name, d.branch)
	}
	w.line = &line{cut: w.cut[d.name+p.name]}
	switch n := w.rnd.IntN(20); {
	case n < 6:
		done("commit")
		w.edit(d)
		w.commit(d)
	case n < 11:
		done("push")
		w.push(d, p, w.rnd.IntN(3) == 0)
	case n < 12:
		done("fetch")
		w.fetch(d, p)
	case n < 15 && w.clean(d):
		done("pull")
		if w.line.cut {
			return
		}
		w.pull(d, p)
	case n < 17 && w.clean(d):
		branch := []string{"main", "x"}[w.rnd.IntN(2)]
		done("switch to " + branch)
		w.switchTo(d, branch)
	case n < 18 && len(d.undo) > 0 && (w.clean(d) || !d.undo[len(d.undo)-1].moves):
		done("undo")
		w.undoLast(d)
	default:
		done("partition")
		w.cut[d.name+p.name] = !w.cut[d.name+p.name]
		return
	}
	w.observe(d)
	w.check(d)
}

// run runs a verb, in weather of its own: something may go wrong with the line, or a machine may crash.
func (w *world) run(d *device, p *place, verb func(ctx context.Context, r *repo.Repository) error) error {
	w.troubled = w.line.cut
	var crashing *machine
	switch n := w.rnd.IntN(10); {
	case n == 0:
		crashing = &d.machine
	case p == nil || w.quiet:
	case n == 1:
		crashing = &p.machine
	case n < 4:
		w.line.answer = n == 2
		what := map[bool]string{true: "lost answer", false: "lost request"}[w.line.answer]
		w.line.lose.Store(int64(w.rnd.IntN(12) + 1))
		if w.rnd.IntN(2) == 0 {
			w.line.lose.Store(-1)
		}
		w.trouble(what)
	}
	if w.quiet {
		crashing = nil
	}
	if crashing != nil {
		w.trouble(map[bool]string{true: "device crash", false: "host crash"}[crashing == &d.machine])
		crashing.arm(int64(w.rnd.IntN(70)))
	}
	err := d.with(context.Background(), repo.Writing, func(r *repo.Repository) error { return verb(context.Background(), r) })
	w.note("   -> %v", err)
	if crashing != nil {
		w.crash(crashing, d, p)
	}
	if err != nil && !w.troubled && !errors.Is(err, repo.ErrConflict) && !errors.Is(err, repo.ErrUnknownRevision) {
		w.t.Errorf("%s: %v", d.name, err)
	}
	return err
}

func (w *world) trouble(what string) {
	w.troubled = true
	w.count[what]++
	w.note("   with a %s", what)
}

// crash ends a crash: what is left on the disk is where the machine goes on.
func (w *world) crash(m *machine, d *device, p *place) {
	// How many disks there are to choose from depends on names, which are random: what happens later must not.
	w.note("   after the crash: %s", m.reboot(rand.New(rand.NewPCG(w.rnd.Uint64(), 3))))
	if m == &d.machine {
		w.must(d.boot())
		return
	}
	w.must(p.boot())
}

// calm is fine weather, until the next verb.
func (w *world) calm(d *device, p *place) {
	w.line, w.troubled = &line{}, false
}

// end repairs all lines and has every device exchange every branch with every host, until nothing is new.
func (w *world) end(j *judged) {
	wanted := map[string][]objects.ID{} // by branch, what must not be lost
	for _, d := range w.devices {
		for b, id := range d.branches {
			wanted[b] = append(wanted[b], id)
		}
	}
	for _, at := range w.at {
		for b, ids := range at {
			if len(ids) == 1 && !ids[0].IsZero() {
				wanted[b] = append(wanted[b], ids[0])
			}
		}
	}
	w.quiet, w.line, w.cut = true, &line{}, map[string]bool{}
	w.note("--- the end")
	for _, b := range []string{"main", "x"} {
		if len(wanted[b]) == 0 {
			continue
		}
		for n, d := range w.devices {
			w.join(d, b, placeNames[:max(1, len(placeNames)-n)], placeNames) // the first has brought all hosts together
		}
		for _, d := range w.devices[:deviceCount-1] {
			w.join(d, b, placeNames[1:], nil)
		}
		if j.bad() {
			return
		}
		tip := w.devices[0].branches[b]
		for _, d := range w.devices {
			if d.branches[b] != tip {
				w.t.Errorf("%s of %s is at %s, and of %s at %s", b, d.name, d.branches[b], w.devices[0].name, tip)
			}
		}
		for _, id := range wanted[b] {
			if !w.history.has(tip, id) {
				w.t.Errorf("%s does not hold %s any more", b, id)
			}
		}
	}
	for _, d := range w.devices {
		w.observe(d)
		w.check(d)
		if w.rnd.IntN(4) == 0 {
			w.whole(d)
		}
	}
}

// join has a device pull a branch from some hosts, and push it to some.
func (w *world) join(d *device, branch string, from, to []string) {
	if !w.clean(d) {
		w.commit(d)
	}
	w.note("%s joins %s", d.name, branch)
	w.switchTo(d, branch)
	for _, name := range from {
		w.line = &line{}
		if conflicts := w.pull(d, w.places[name]); len(conflicts) > 0 {
			w.resolve(d, w.choices(w.places[name], branch)[0], conflicts)
			if again := w.pull(d, w.places[name]); len(again) > 0 {
				w.t.Errorf("%s: conflicts are left: %v", d.name, again)
			}
		}
	}
	for _, name := range to {
		w.push(d, w.places[name], false)
	}
}

// resolve takes the other side's contents where there are conflicts, as a user would who gives in.
func (w *world) resolve(d *device, theirs objects.ID, conflicts []string) {
	for _, name := range conflicts {
		if text, ok := w.history.trees[theirs][name]; ok {
			d.write(w.t, name, text)
		} else {
			d.remove(w.t, name)
		}
	}
	w.commit(d)
}

// whole says that a device holds every commit that it ever made, undone or not, and that its vault is sound.
func (w *world) whole(d *device) {
	ctx := context.Background()
	err := d.with(ctx, repo.ReadOnly, func(r *repo.Repository) error {
		for id := range d.made {
			if _, _, err := r.ResolveCommit(ctx, id.String()); err != nil {
				return fmt.Errorf("commit %s: %w", id, err)
			}
		}
		result, err := r.Verify(ctx, repo.VerifyOptions{})
		if err != nil {
			return fmt.Errorf("verify: %w: %+v", err, result)
		}
		return nil
	})
	if err != nil {
		w.t.Errorf("%s: %v", d.name, err)
	}
}
