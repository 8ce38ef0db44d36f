package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/objects"
)

// commitGraph is a history of commits without trees: objects.Source.
type commitGraph struct {
	parents [][]int // of each commit, which come before it
	data    map[objects.ID][]byte
	ids     []objects.ID
	number  map[objects.ID]int
}

// newCommitGraph makes the commits. Their IDs are numbers that tell nothing of their order.
func newCommitGraph(t *testing.T, r *rand.Rand, parents [][]int) *commitGraph {
	t.Helper()
	g := &commitGraph{parents: parents, data: map[objects.ID][]byte{}, number: map[objects.ID]int{}}
	generations := make([]uint64, len(parents))
	for i, list := range parents {
		c := &objects.Commit{Tree: objects.ID{1}, Generation: 1, Message: fmt.Sprint(i)}
		for _, p := range list {
			c.Parents = append(c.Parents, g.ids[p])
			c.Generation = max(c.Generation, generations[p]+1)
		}
		generations[i] = c.Generation
		data, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var id objects.ID
		for j := range id {
			id[j] = byte(r.Uint32())
		}
		g.ids, g.data[id], g.number[id] = append(g.ids, id), data, i
	}
	return g
}

// Get gives a commit's bytes.
func (g *commitGraph) Get(_ context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	data, ok := g.data[id]
	if !ok || kind != objects.KindCommit {
		return nil, objects.ErrNotFound
	}
	return data, nil
}

// randomParents makes a history whose last commit descends from most others.
func randomParents(r *rand.Rand, n int) [][]int {
	parents, merges := make([][]int, n), r.Float64()/2
	childless := map[int]bool{0: true}
	for i := 1; i < n; i++ {
		list := []int{max(0, i-1-r.IntN(1+r.IntN(6)))}
		for r.Float64() < merges && len(list) < 3 {
			if p := max(0, i-1-r.IntN(20)); !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
		if i == n-1 {
			for _, p := range slices.Sorted(maps.Keys(childless)) {
				if len(list) < objects.MaxParents && !slices.Contains(list, p) {
					list = append(list, p)
				}
			}
		}
		for _, p := range list {
			delete(childless, p)
		}
		slices.Sort(list)
		parents[i], childless[i] = list, true
	}
	return parents
}

// descendants marks the commits that come after one, itself included.
func (g *commitGraph) descendants(of int) []bool {
	bad := make([]bool, len(g.parents))
	bad[of] = true
	for i := of + 1; i < len(bad); i++ {
		bad[i] = slices.ContainsFunc(g.parents[i], func(p int) bool { return bad[p] })
	}
	return bad
}

// culprit chooses a commit that the last one descends from, and not the first.
func (g *commitGraph) culprit(r *rand.Rand) int {
	for {
		if c := 1 + r.IntN(len(g.ids)-1); g.descendants(c)[len(g.ids)-1] {
			return c
		}
	}
}

// search bisects from the last commit and the first one, and gives what was found and in how many tests.
func (g *commitGraph) search(t *testing.T, culprit int) (found, tests int) {
	t.Helper()
	bad, s := g.descendants(culprit), &bisectState{}
	s.mark(MarkBad, g.ids[len(g.ids)-1])
	s.mark(MarkGood, g.ids[0])
	for {
		next, err := nextOf(t.Context(), g, s)
		if err != nil {
			t.Fatal(err)
		}
		if next.state == BisectFound {
			return g.number[next.commit], tests
		}
		if next.state != BisectTesting || tests > len(g.ids) {
			t.Fatalf("after %d tests: %+v", tests, next)
		}
		tests++
		mark := MarkGood
		if bad[g.number[next.commit]] {
			mark = MarkBad
		}
		s.mark(mark, next.commit)
	}
}

// bisectGit is the same history in git.
type bisectGit struct {
	dir    string
	ids    []string
	number map[string]int
}

func newBisectGit(t *testing.T, parents [][]int) *bisectGit {
	t.Helper()
	h := &bisectGit{dir: t.TempDir(), number: map[string]int{}}
	h.run(t, "", "init", "-q")
	var stream strings.Builder
	for i, list := range parents {
		fmt.Fprintf(&stream, "commit refs/heads/c%d\nmark :%d\ncommitter A <a@b> %d +0000\ndata 1\nx\n", i, i+1, 1_000_000+i)
		for j, p := range list {
			fmt.Fprintf(&stream, "%s :%d\n", []string{"from", "merge"}[min(j, 1)], p+1)
		}
	}
	h.run(t, stream.String(), "fast-import", "--quiet", "--export-marks="+filepath.Join(h.dir, "marks"))
	marks, err := os.ReadFile(filepath.Join(h.dir, "marks"))
	if err != nil {
		t.Fatal(err)
	}
	h.ids = make([]string, len(parents))
	for line := range strings.Lines(string(marks)) {
		var mark int
		var id string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &id); err != nil {
			t.Fatal(err)
		}
		h.ids[mark-1], h.number[id] = id, mark-1
	}
	return h
}

func (h *bisectGit) run(t *testing.T, input string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = h.dir, strings.NewReader(input)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// search is what git bisect does, without checking anything out.
func (h *bisectGit) search(t *testing.T, bad []bool) (found, tests int) {
	t.Helper()
	args := []string{"rev-list", "--bisect", h.ids[len(h.ids)-1], "^" + h.ids[0]}
	for {
		id := h.run(t, "", args...)
		if id == args[2] {
			return h.number[id], tests
		}
		tests++
		if bad[h.number[id]] {
			args[2] = id
		} else {
			args = append(args, "^"+id)
		}
	}
}

// TestBisectAgainstGit searches in generated histories, with merges and without, as git does: the same commit is found, and
// over all no more tests are needed.
func TestBisectAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, and it is the judge")
	}
	histories := 12
	if os.Getenv("EVAULT_PROVE") != "" {
		histories = 300
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	ours, theirs, searches := 0, 0, 0
	for range histories {
		parents := randomParents(r, 3+r.IntN(150))
		g, h := newCommitGraph(t, r, parents), newBisectGit(t, parents)
		for range 4 {
			culprit := g.culprit(r)
			found, tests := g.search(t, culprit)
			judged, judgedTests := h.search(t, g.descendants(culprit))
			if found != culprit || judged != culprit {
				t.Fatalf("seed %d: commit %d of %v is the culprit, found %d, git %d", seed, culprit, parents, found, judged)
			}
			ours, theirs, searches = ours+tests, theirs+judgedTests, searches+1
		}
	}
	t.Logf("%d searches: %d tests, git %d", searches, ours, theirs)
	// Where several commits split as well, either side may be luckier.
	if slack := searches/4 + 3; ours > theirs+slack {
		t.Errorf("seed %d: %d tests in %d searches, and git needed %d", seed, ours, searches, theirs)
	}
}

// TestBisectWeights compares the counting in blocks with plain counting.
func TestBisectWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	for range 50 {
		g := newCommitGraph(t, r, randomParents(r, 3+r.IntN(300)))
		b := bisectGraph{place: map[objects.ID]int{}}
		last := []objects.ID{g.ids[len(g.ids)-1]}
		err := objects.Between(t.Context(), g, last, []objects.ID{g.ids[0]}, func(id objects.ID, c *objects.Commit) error {
			b.add(id, c.Parents)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		weights, err := b.weights(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range b.ids {
			want := 0
			for ancestor := 1; ancestor <= g.number[id]; ancestor++ {
				if g.descendants(ancestor)[g.number[id]] {
					want++
				}
			}
			if weights[i] != want {
				t.Fatalf("commit %d descends from %d, and %d were counted", g.number[id], want, weights[i])
			}
		}
	}
}

// TestBisectSkips shows that skipped commits are passed over, and that the search ends with candidates where nothing else is left.
func TestBisectSkips(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 0))
	for range 200 {
		g := newCommitGraph(t, r, randomParents(r, 3+r.IntN(60)))
		culprit := g.culprit(r)
		bad, s := g.descendants(culprit), &bisectState{}
		s.mark(MarkBad, g.ids[len(g.ids)-1])
		s.mark(MarkGood, g.ids[0])
		for asked := map[objects.ID]bool{}; ; {
			next, err := nextOf(t.Context(), g, s)
			if err != nil {
				t.Fatal(err)
			}
			if next.state == BisectFound && g.number[next.commit] == culprit {
				break
			}
			if next.state == BisectStuck && slices.Contains(next.candidates, g.ids[culprit]) {
				break
			}
			if next.state != BisectTesting || asked[next.commit] {
				t.Fatalf("culprit %d: %+v", culprit, next)
			}
			asked[next.commit] = true
			mark := MarkGood
			switch n := g.number[next.commit]; {
			case r.IntN(3) == 0:
				mark = MarkSkip
			case bad[n]:
				mark = MarkBad
			}
			s.mark(mark, next.commit)
		}
	}
}

// TestBisectBases is a bad commit and a good one on two branches.
func TestBisectBases(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 0))
	//  0 - 1 - 2 - 3    0 is good, 3 bad; 4 comes from 1
	g := newCommitGraph(t, r, [][]int{{}, {0}, {1}, {2}, {1}})
	s := &bisectState{}
	s.mark(MarkBad, g.ids[3])
	s.mark(MarkGood, g.ids[4])
	next, err := nextOf(t.Context(), g, s)
	if err != nil || !next.base || g.number[next.commit] != 1 {
		t.Fatalf("%+v, %v", next, err)
	}
	s.Base = next.commit.String()
	good := &bisectState{Base: s.Base, Marks: slices.Clone(s.Marks)}
	good.mark(MarkGood, next.commit)
	if next, err := nextOf(t.Context(), g, good); err != nil || g.number[next.commit] != 2 || next.base {
		t.Errorf("a good base: %+v, %v", next, err)
	}
	s.mark(MarkBad, next.commit)
	if _, err := nextOf(t.Context(), g, s); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "merge base") {
		t.Errorf("a bad base: %v", err)
	}
	mixed := &bisectState{}
	mixed.mark(MarkBad, g.ids[1])
	mixed.mark(MarkGood, g.ids[3])
	if _, err := nextOf(t.Context(), g, mixed); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "mixed up") {
		t.Errorf("mixed up: %v", err)
	}
}

// FuzzBisectState feeds the decoder: no panic, and what it takes is written the same way in effect.
func FuzzBisectState(f *testing.F) {
	s := &bisectState{Branch: "main", Marks: []bisectMark{{Mark: MarkBad, id: objects.ID{1}}, {Mark: MarkSkip, id: objects.ID{2}}}}
	data, err := encodeBisect(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1,"marks":[{"mark":"good","commit":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeBisect(data)
		if err != nil {
			return
		}
		again, err := encodeBisect(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeBisect(again)
		if err != nil || len(back.Marks) != len(s.Marks) || back.Branch != s.Branch {
			t.Fatalf("%q became %q: %v", data, again, err)
		}
	})
}
