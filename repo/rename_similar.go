package repo

import (
	"cmp"
	"context"
	"errors"
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"evault/internal/textdiff"
	"evault/objects"
)

const (
	// maxFingerprint is the size in bytes up to which a file is compared by its lines; larger ones are by their chunks.
	maxFingerprint = 8 << 20
	// maxFingerprints bounds the sum of the sizes of files that are compared by their lines: beyond it only those up to
	// one chunk are, and if that is too much still, none.
	maxFingerprints = 256 << 20
	// perTarget is how many sources are remembered for each target.
	perTarget = 4
)

// similar matches what is left by how much contents have in common.
func (m *renameMatch) similar(ctx context.Context) error {
	sources, targets := m.open()
	if len(sources) == 0 || len(targets) == 0 || len(sources)*len(targets) > m.o.limit*m.o.limit {
		return nil
	}
	c := &renameCompare{m: m, limit: m.lineLimit(sources, targets)}
	c.prints = make([]renamePrint, len(m.sources)+len(m.targets))
	if !m.o.copies {
		if err := c.byName(ctx, sources, targets); err != nil {
			return err
		}
		sources, targets = m.open()
	}
	pairs, err := c.matrix(ctx, sources, targets)
	if err != nil {
		return err
	}
	m.take(pairs)
	return nil
}

// open lists the sources that can still be used and the targets that have none.
func (m *renameMatch) open() (sources, targets []int) {
	for s := range m.sources {
		if m.o.copies || m.sources[s].used == 0 {
			sources = append(sources, s)
		}
	}
	for t := range m.targets {
		if m.targets[t].from < 0 {
			targets = append(targets, t)
		}
	}
	return sources, targets
}

// lineLimit is the size up to which files are compared by their lines, so that all fingerprints together stay small.
func (m *renameMatch) lineLimit(sources, targets []int) int {
	for _, limit := range []uint64{maxFingerprint, objects.MaxChunk} {
		sum := uint64(0)
		add := func(e *objects.Entry) {
			if e.Size <= limit {
				sum += e.Size
			}
		}
		for _, s := range sources {
			add(m.sources[s].entry)
		}
		for _, t := range targets {
			add(m.targets[t].entry)
		}
		if sum <= maxFingerprints {
			return int(limit)
		}
	}
	return 0
}

// renameCompare tells how similar files are, and remembers what it has read of them. Safe for concurrent use.
type renameCompare struct {
	m      *renameMatch
	limit  int
	prints []renamePrint // of the sources, then of the targets
}

type renamePrint struct {
	once  sync.Once
	lines textdiff.Fingerprint
	err   error
}

func (c *renameCompare) print(ctx context.Context, at int, f *renameFile) (textdiff.Fingerprint, error) {
	p := &c.prints[at]
	p.once.Do(func() {
		var data []byte
		if f.load != nil {
			data, p.err = f.load(ctx, c.limit)
		} else {
			data, p.err = contentOf(ctx, c.m.src, f.entry, c.limit)
		}
		if p.err == nil {
			p.lines = textdiff.NewFingerprint(data)
		}
	})
	return p.lines, p.err
}

// similarity compares a source with a target, in percent; 0 where it must be below the threshold.
func (c *renameCompare) similarity(ctx context.Context, source, target int) (int, error) {
	s, t := &c.m.sources[source].renameFile, &c.m.targets[target].renameFile
	if s.entry.Type != objects.TypeFile || t.entry.Type != objects.TypeFile {
		return 0, nil // links are renamed only as they are
	}
	small, large := min(s.entry.Size, t.entry.Size), max(s.entry.Size, t.entry.Size)
	if small*100 < large*uint64(c.m.o.threshold) {
		return 0, nil
	}
	if large > uint64(c.limit) {
		return c.byChunks(ctx, s, t)
	}
	a, err := c.print(ctx, source, s)
	if err != nil {
		return 0, skipTooLong(err)
	}
	b, err := c.print(ctx, len(c.m.sources)+target, t)
	if err != nil {
		return 0, skipTooLong(err)
	}
	return a.Similarity(b), nil
}

// skipTooLong lets a file that grew while it was compared be no rename instead of a failure.
func skipTooLong(err error) error {
	if errors.Is(err, errTooLong) {
		return nil
	}
	return err
}

func (c *renameCompare) byChunks(ctx context.Context, s, t *renameFile) (int, error) {
	if s.load != nil || t.load != nil {
		return 0, nil // the list of its chunks is stored nowhere
	}
	shared, err := sharedBytes(ctx, c.m.src, s.entry, t.entry)
	if err != nil {
		return 0, skipTooLong(err)
	}
	return int(shared * 100 / max(s.entry.Size, t.entry.Size, 1)), nil
}

// byName matches files whose base name is unique on both sides, if they are half way between similar enough and equal.
func (c *renameCompare) byName(ctx context.Context, sources, targets []int) error {
	m := c.m
	unique := func(list []int, name func(int) string) map[string]int {
		at := map[string]int{}
		for _, i := range list {
			if _, twice := at[name(i)]; twice {
				at[name(i)] = -1
			} else {
				at[name(i)] = i
			}
		}
		return at
	}
	bySource := unique(sources, func(s int) string { return path.Base(m.sources[s].path) })
	byTarget := unique(targets, func(t int) string { return path.Base(m.targets[t].path) })
	found := make([]int, len(targets))
	err := inParallel(ctx, len(targets), func(i int) (err error) {
		name := path.Base(m.targets[targets[i]].path)
		s, ok := bySource[name]
		if !ok || s < 0 || byTarget[name] < 0 {
			return nil
		}
		found[i], err = c.similarity(ctx, s, targets[i])
		return err
	})
	if err != nil {
		return err
	}
	for i, t := range targets {
		if found[i] >= (m.o.threshold+exact)/2 {
			m.match(bySource[path.Base(m.targets[t].path)], t, found[i])
		}
	}
	return nil
}

// renamePair is a source and a target that are similar enough.
type renamePair struct {
	source, target, similarity int
	sameName                   bool
}

// matrix compares every source with every target and keeps the best few of each target.
func (c *renameCompare) matrix(ctx context.Context, sources, targets []int) ([]renamePair, error) {
	best := make([][]renamePair, len(targets))
	err := inParallel(ctx, len(targets), func(i int) error {
		for _, s := range sources {
			similarity, err := c.similarity(ctx, s, targets[i])
			if err != nil {
				return err
			}
			if similarity >= c.m.o.threshold {
				same := path.Base(c.m.sources[s].path) == path.Base(c.m.targets[targets[i]].path)
				best[i] = append(best[i], renamePair{s, targets[i], min(similarity, exact), same})
			}
		}
		slices.SortFunc(best[i], comparePairs)
		best[i] = slices.Clip(best[i][:min(len(best[i]), perTarget)])
		return nil
	})
	pairs := slices.Concat(best...)
	slices.SortFunc(pairs, comparePairs)
	return pairs, err
}

// comparePairs puts the most similar first.
func comparePairs(a, b renamePair) int {
	if c := cmp.Compare(b.similarity, a.similarity); c != 0 {
		return c
	}
	if a.sameName != b.sameName {
		if a.sameName {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.target, b.target))
}

// take matches pairs in order: first those that use a source for the first time, then, if copies are wanted, the others.
func (m *renameMatch) take(pairs []renamePair) {
	for _, again := range []bool{false, true} {
		if again && !m.o.copies {
			return
		}
		for _, p := range pairs {
			s := &m.sources[p.source]
			if m.targets[p.target].from < 0 && (again || s.used == 0 && !s.stays) {
				m.match(p.source, p.target, p.similarity)
			}
		}
	}
}

// inParallel calls do for 0 to n-1 on all processors, and gives the error of the lowest number.
func inParallel(ctx context.Context, n int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Bool
	errs := make([]error, n)
	var wg sync.WaitGroup
	for range min(n, max(runtime.GOMAXPROCS(0), 2)) {
		wg.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = do(i)
				}
				if errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
