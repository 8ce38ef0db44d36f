package mutants

import (
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func proving() bool { return os.Getenv("EVAULT_PROVE") == "1" }

const (
	floor  = 100 // mutants that there are at least
	atOnce = 2   // runs of tests beside each other
)

// few are run always.
func few() []string {
	return []string{"nonce from a constant", "cpace tag not compared", "mirrored record not compared with the known one"}
}

func TestProofMutants(t *testing.T) {
	dir, list := root(t), all()
	if !proving() {
		var chosen []mutant
		for _, m := range list {
			for _, name := range few() {
				if m.name == name {
					chosen = append(chosen, m)
				}
			}
		}
		if list = chosen; len(list) != len(few()) {
			t.Fatalf("%d of %d", len(list), len(few()))
		}
	}
	base := baselines{dir: dir, all: map[string]*baseline{}}
	turn := make(chan struct{}, atOnce)
	var ran, survivors atomic.Int64
	for len(list) > 0 {
		n := slices.IndexFunc(list, func(m mutant) bool { return m.group() != list[0].group() })
		if n < 0 {
			n = len(list)
		}
		t.Run(list[0].group(), func(t *testing.T) {
			for _, m := range list[:n] {
				t.Run(m.name, func(t *testing.T) {
					t.Parallel()
					turn <- struct{}{}
					defer func() { <-turn }()
					if base.fails(t, m.kills) {
						return
					}
					ran.Add(1)
					if !m.dies(t, dir) {
						survivors.Add(1)
					}
				})
			}
		})
		list = list[n:]
	}
	t.Logf("proof row 14: %d mutants of %d, %d survivors", ran.Load(), len(all()), survivors.Load())
}

// dies runs the tests against a mutant.
func (m mutant) dies(t *testing.T, dir string) bool {
	overlay, err := m.overlay(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v, err := run(t, dir, m.kills, overlay)
	if err != nil {
		t.Fatalf("%v\n%s", err, v.output)
	}
	if v.passed {
		t.Errorf("survives in %s: %s", m.file, m.kills)
		return false
	}
	t.Logf("killed by %s", killer(v.output))
	return true
}

// killer is the first test that failed.
func killer(output string) string {
	for line := range strings.Lines(output) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ := strings.Cut(rest, " ")
			return name
		}
	}
	first, _, _ := strings.Cut(output, "\n")
	return first
}

// baselines are the runs on the source as it is, which have to pass: else a failure would prove nothing.
type baselines struct {
	dir string
	mu  sync.Mutex
	all map[string]*baseline
}

type baseline struct {
	once   sync.Once
	failed bool
}

func (b *baselines) fails(t *testing.T, kills string) bool {
	b.mu.Lock()
	one := b.all[kills]
	if one == nil {
		one = &baseline{failed: true}
		b.all[kills] = one
	}
	b.mu.Unlock()
	one.once.Do(func() {
		v, err := run(t, b.dir, kills, "")
		if one.failed = err != nil || !v.passed; one.failed {
			t.Logf("%v\n%s", err, v.output)
		}
	})
	if one.failed {
		t.Errorf("without any mutant, these tests do not pass: %s", kills)
	}
	return one.failed
}
