package hostile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"testing"
	"time"
)

// proving says that the large column is wanted.
func proving() bool { return os.Getenv("EVAULT_PROVE") == "1" }

// newDice gives the random choices of a test, and says how to repeat them.
func newDice(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("EVAULT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("EVAULT_SEED: %v", err)
		}
	}
	t.Logf("seed: EVAULT_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// tally counts cases by outcome. It is safe for concurrent use.
type tally struct {
	t     testing.TB
	mu    sync.Mutex
	count map[string]int
	fails int
	kinds map[string]int // of failures, by their text without numbers
}

func newTally(t testing.TB) *tally {
	return &tally{t: t, count: map[string]int{}, kinds: map[string]int{}}
}

func (c *tally) add(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[outcome]++
}

// numbers are what tells failures of one kind apart: names of packs, offsets, sizes.
var numbers = regexp.MustCompile(`[0-9a-f]{6,}|[0-9]+`)

// fail notes a failing case. Of failures that differ in numbers only, the first is printed; all are counted.
func (c *tally) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails++
	text := fmt.Sprintf(format, args...)
	kind := numbers.ReplaceAllString(text, "#")
	if c.kinds[kind]++; c.kinds[kind] == 1 {
		c.t.Error(text)
	}
}

// report prints the counts and fails if there were fewer cases than the floor.
func (c *tally) report(row string, floor int) {
	c.t.Helper()
	total := 0
	for _, n := range c.count {
		total += n
	}
	c.t.Logf("proof %s: %d cases (floor %d), %d failed: %v", row, total, floor, c.fails, c.count)
	for kind, n := range c.kinds {
		c.t.Logf("%6d times: %s", n, kind)
	}
	if total < floor && os.Getenv("EVAULT_CASE") == "" {
		c.t.Errorf("%s: %d cases, and there must be %d", row, total, floor)
	}
}

// memoryLimit is more than any case of a small vault may take, however it is damaged: two frames and a pack for each
// processor, several times over.
const memoryLimit = 1 << 30

// caseLimit is how long one case may take on a machine that does much else.
const caseLimit = 2 * time.Minute

// each runs cases on all processors, watched: one that takes too long or too much memory ends the run with its name.
func each[C any](t testing.TB, cases []C, name func(C) string, run func(C)) {
	t.Helper()
	stop := watchMemory(t)
	defer stop()
	work := make(chan C)
	var workers sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) { // many wait most of the time
		workers.Go(func() {
			for c := range work {
				alarm := time.AfterFunc(caseLimit, func() { panic("hangs: " + name(c)) })
				run(c)
				alarm.Stop()
			}
		})
	}
	for _, c := range cases {
		work <- c
	}
	close(work)
	workers.Wait()
}

// watchMemory fails the test if the heap ever grows beyond the limit.
func watchMemory(t testing.TB) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	var peak uint64
	go func() {
		defer close(stopped)
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(done)
		<-stopped
		if peak > memoryLimit {
			t.Errorf("the heap grew to %d MiB", peak>>20)
		} else {
			t.Logf("greatest heap: %d MiB", peak>>20)
		}
	}
}
