package repo

import (
	"context"
	"math/bits"
	"slices"

	"evault/objects"
)

// BisectState says how far a bisect is.
type BisectState string

// The states of a bisect.
const (
	BisectWaiting BisectState = "waiting" // for a bad commit, or for a good one
	BisectTesting BisectState = "testing" // Commit is to be tested
	BisectFound   BisectState = "found"   // Commit is the first bad one
	BisectStuck   BisectState = "stuck"   // only skipped commits are left: the first bad one is among Candidates
)

// bisectNext is what follows from marks.
type bisectNext struct {
	state      BisectState
	commit     objects.ID
	base       bool         // commit is a merge base, which must be good for the search to make sense
	left       int          // commits that may be left to test afterwards, at most
	steps      int          // about how many more tests that takes
	candidates []objects.ID // where stuck: newest first
}

// nextOf finds the commit whose test tells most: with about half of the commits between good and bad below it.
//
// A good commit that is no ancestor of the bad one says nothing by itself: what is bad may have been made good on the way to
// it. Where the two have come apart is tested first, as git does; tested is the merge base that was asked for last.
func nextOf(ctx context.Context, src objects.Source, s *bisectState) (bisectNext, error) {
	bad, good, skipped := s.known()
	if bad.IsZero() || len(good) == 0 {
		return bisectNext{state: BisectWaiting}, nil
	}
	base, err := baseToTest(ctx, src, s, bad, good, skipped)
	if err != nil || !base.IsZero() {
		return bisectNext{state: BisectTesting, commit: base, base: true}, err
	}
	g := bisectGraph{place: map[objects.ID]int{}}
	err = objects.Between(ctx, src, []objects.ID{bad}, good, func(id objects.ID, c *objects.Commit) error {
		g.add(id, c.Parents)
		return nil
	})
	if err != nil {
		return bisectNext{}, err
	}
	return g.pick(ctx, bad, skipped)
}

// baseToTest gives a merge base that must be tested first; zero: none. Each good commit is looked at until it is settled: the
// bad one moves back, and may then have come apart from those that were on the way to it.
func baseToTest(ctx context.Context, src objects.Source, s *bisectState, bad objects.ID, good []objects.ID, skipped map[objects.ID]bool) (objects.ID, error) {
	var open, below []objects.ID
	for i := range s.Marks {
		m := &s.Marks[i]
		if m.Mark != MarkGood || m.Settled {
			continue
		}
		bases, err := objects.MergeBases(ctx, src, bad, m.id)
		if err != nil {
			return objects.ID{}, err
		}
		m.Settled = true
		for _, base := range bases {
			switch {
			case base == bad:
				return base, s.notBefore(bad, m.id)
			case base == m.id:
				below = append(below, base)
			case !slices.Contains(good, base) && !skipped[base]:
				open, m.Settled = append(open, base), false
			}
		}
	}
	return uncovered(ctx, src, open, below)
}

// notBefore is the error where a good commit comes after the bad one.
func (s *bisectState) notBefore(bad, good objects.ID) error {
	if s.Base == bad.String() {
		return conflictf("the merge base %s is bad: what is bad there was made good on the way to %s, and bisect finds only what went bad", bad.Short(), good.Short())
	}
	return conflictf("good commit %s comes after bad commit %s: are the two mixed up?", good.Short(), bad.Short())
}

// uncovered gives the first of the bases that is no ancestor of a good commit on the way to the bad one: only that need be
// tested.
func uncovered(ctx context.Context, src objects.Source, bases, good []objects.ID) (objects.ID, error) {
	for _, base := range bases {
		covered := false
		for i := 0; i < len(good) && !covered; i++ {
			var err error
			if covered, err = objects.IsAncestor(ctx, src, base, good[i]); err != nil {
				return base, err
			}
		}
		if !covered {
			return base, nil
		}
	}
	return objects.ID{}, nil
}

// bisectGraph is the commits that may be the first bad one, every commit before its ancestors.
type bisectGraph struct {
	ids     []objects.ID
	parents [][]objects.ID
	place   map[objects.ID]int
}

func (g *bisectGraph) add(id objects.ID, parents []objects.ID) {
	g.place[id] = len(g.ids)
	g.ids = append(g.ids, id)
	g.parents = append(g.parents, parents)
}

// pick chooses the commit to test. With weight w of n commits, one that is bad leaves w of them, one that is good n-w.
func (g *bisectGraph) pick(ctx context.Context, bad objects.ID, skipped map[objects.ID]bool) (bisectNext, error) {
	n := len(g.ids)
	switch n {
	case 0:
		return bisectNext{}, conflictf("bad commit %s comes before a good one: are the two mixed up?", bad.Short())
	case 1:
		return bisectNext{state: BisectFound, commit: bad}, nil
	}
	weights, err := g.weights(ctx)
	if err != nil {
		return bisectNext{}, err
	}
	best, score := -1, 0
	for i, id := range g.ids {
		if s := min(weights[i], n-weights[i]); id != bad && !skipped[id] && s > score {
			best, score = i, s
		}
	}
	if best < 0 {
		return bisectNext{state: BisectStuck, commit: bad, candidates: g.ids}, nil
	}
	return bisectNext{state: BisectTesting, commit: g.ids[best], left: max(weights[best], n-weights[best]) - 1, steps: bisectSteps(n)}, nil
}

// maxExactWeights is the number of commits up to which weights in a history with merges are counted exactly: that takes time
// with the square of it, about half a second here.
const maxExactWeights = 1 << 17

// weights counts, for each commit, those of the graph that it descends from, itself included. Above maxExactWeights the longest
// way down stands for that after a merge: never too much, so a search takes some more steps, and ends.
func (g *bisectGraph) weights(ctx context.Context) ([]int, error) {
	n := len(g.ids)
	weights, parents, merges := make([]int, n), make([][]int, n), false
	for i := n - 1; i >= 0; i-- {
		for _, p := range g.parents[i] {
			if at, ok := g.place[p]; ok {
				parents[i] = append(parents[i], at)
				weights[i] = max(weights[i], weights[at])
			}
		}
		weights[i]++
		merges = merges || len(parents[i]) > 1
	}
	if !merges || n > maxExactWeights {
		return weights, nil
	}
	// 64 commits at a time: which of them does each commit descend from?
	clear(weights)
	reach := make([]uint64, n)
	for from := 0; from < n; from += 64 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Descendants of the block are before its end.
		last := min(from+64, n) - 1
		for i := last; i >= 0; i-- {
			var mask uint64
			if i >= from {
				mask = 1 << (i - from)
			}
			for _, p := range parents[i] {
				if p <= last {
					mask |= reach[p]
				}
			}
			reach[i] = mask
			weights[i] += bits.OnesCount64(mask)
		}
	}
	return weights, nil
}

// bisectSteps is about how many tests n commits take, as git estimates it: the logarithm to base 2, one less where the last
// test is more likely than not to be saved.
func bisectSteps(n int) int {
	log := bits.Len(uint(n)) - 1
	if n < 3 {
		return max(log-1, 0)
	}
	if whole := 1 << log; whole < 3*(n-whole) {
		return log
	}
	return log - 1
}
