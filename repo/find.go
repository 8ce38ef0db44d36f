package repo

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"evault/internal/historyindex"
	"evault/internal/nearest"
	"evault/objects"
)

// FindOptions say which names to look for.
type FindOptions struct {
	// Pattern is a part of a name, or, with one of * ? [, a pattern for the whole of it as path.Match has it. With a slash it
	// is held against the whole path, else against the last name of it. Empty: every path.
	Pattern    string
	IgnoreCase bool
	Prefix     string // only this folder, or file, and what is below
	Deleted    bool   // only what HEAD does not hold
}

// Found is one path of the history.
type Found struct {
	Path    string
	Deleted bool // HEAD does not hold it
	IsDir   bool // by its newest version
	// Versions are the commits that changed it, newest first.
	Versions []FoundVersion
}

// FoundVersion is a path in a commit that changed it.
type FoundVersion struct {
	Commit  objects.ID
	Subject string // of the commit
	Time    time.Time
	Kind    ChangeKind // against the commit's first parent
	Details []string
	Size    uint64 // of the file in bytes; of a deleted one, before
}

// Find calls each for every path that matches, of all commits that refs and HEAD lead to, in the order of a tree walk. It
// looks through the names of the history index and reads no trees.
func (r *Repository) Find(ctx context.Context, o FindOptions, each func(*Found) error) error {
	match, err := o.matcher()
	if err != nil {
		return err
	}
	h, err := r.history(ctx)
	if err != nil {
		return err
	}
	f := finding{h: h, o: o, match: match, reached: h.reachable(r.historyTips(ctx)), trunk: h.trunk(r.head())}
	if err := f.scan(ctx); err != nil {
		return err
	}
	for _, p := range slices.SortedFunc(maps.Keys(f.found), historyindex.ComparePaths) {
		found, err := f.describe(p)
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		if err := each(found); err != nil {
			return err
		}
	}
	return nil
}

// matcher makes the test for a path.
func (o *FindOptions) matcher() (func(path []byte) bool, error) {
	pattern := o.Pattern
	if o.IgnoreCase {
		pattern = strings.ToLower(pattern)
	}
	name := func(p []byte) []byte {
		if !strings.Contains(pattern, "/") {
			p = p[bytes.LastIndexByte(p, '/')+1:]
		}
		if o.IgnoreCase {
			p = bytes.ToLower(p)
		}
		return p
	}
	if !strings.ContainsAny(pattern, "*?[") {
		part := []byte(pattern)
		return func(p []byte) bool { return bytes.Contains(name(p), part) }, nil
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, usagef("%s: %v", o.Pattern, err)
	}
	return func(p []byte) bool {
		ok, err := path.Match(pattern, string(name(p)))
		return ok && err == nil
	}, nil
}

// finding is one search.
type finding struct {
	h       *history
	o       FindOptions
	match   func(path []byte) bool
	reached []bool // by number of the commit: refs lead to it
	trunk   []bool // it is HEAD, or on the way back from there by first parents
	found   map[string][]historyTouch
}

func (f *finding) scan(ctx context.Context) error {
	begin := func() { f.found = map[string][]historyTouch{} }
	seen := 0
	return f.h.names(begin, func(p []byte, touches func() ([]historyTouch, error)) error {
		if seen++; seen%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !f.match(p) || !isUnder(string(p), f.o.Prefix) {
			return nil
		}
		all, err := touches()
		if err == nil {
			f.found[string(p)] = append(f.found[string(p)], all...)
		}
		return err
	})
}

// describe gives what was found of a path; nil if it is not asked for.
func (f *finding) describe(p string) (*Found, error) {
	out := &Found{Path: p}
	there := 0
	touches := slices.DeleteFunc(f.found[p], func(t historyTouch) bool { return !f.reached[t.Commit] })
	for _, t := range touches {
		if f.trunk[t.Commit] && t.Kind == historyindex.Added {
			there++
		}
		if f.trunk[t.Commit] && t.Kind == historyindex.Deleted {
			there--
		}
	}
	out.Deleted = there <= 0
	if len(touches) == 0 || f.o.Deleted && !out.Deleted {
		return nil, nil
	}
	slices.SortFunc(touches, func(a, b historyTouch) int { return f.h.later(a.Commit, b.Commit) })
	out.IsDir = objects.EntryType(touches[0].Type) == objects.TypeDirectory
	for i := range touches {
		t := &touches[i]
		c, err := f.h.at(t.Commit)
		if err != nil {
			return nil, err
		}
		v := FoundVersion{Commit: f.h.ids[t.Commit], Subject: firstLine(c.Message), Time: instantOf(c.Time, c.ZoneMinutes), Size: t.Size}
		v.Kind, v.Details = changeOfTouch(t)
		out.Versions = append(out.Versions, v)
	}
	return out, nil
}

// changeOfTouch gives the kind of a change and what differs.
func changeOfTouch(t *historyTouch) (kind ChangeKind, details []string) {
	switch t.Kind {
	case historyindex.Added:
		return Added, nil
	case historyindex.Deleted:
		return Deleted, nil
	case historyindex.TypeChanged:
		return TypeChanged, nil
	}
	for i, word := range historyDetails() {
		if t.Details>>i&1 != 0 {
			details = append(details, word)
		}
	}
	return Modified, details
}

// reachable marks the commits that lead to the tips.
func (h *history) reachable(tips iter.Seq[objects.ID]) []bool {
	reached := make([]bool, len(h.nodes))
	var stack []int
	for id := range tips {
		if n, ok := h.number(id); ok {
			stack = append(stack, n)
		}
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if reached[n] {
			continue
		}
		reached[n] = true
		for _, p := range h.parentsOf(n) {
			stack = append(stack, int(p))
		}
	}
	return reached
}

// trunk marks a commit and its first parents.
func (h *history) trunk(tip objects.ID) []bool {
	on := make([]bool, len(h.nodes))
	n, ok := h.number(tip)
	for ok {
		on[n] = true
		parents := h.parentsOf(n)
		if ok = len(parents) > 0; ok {
			n = int(parents[0])
		}
	}
	return on
}

// names calls each for every path of the dictionary, once or more; touches are decoded when asked for. begin is called first,
// and once more whenever a segment turned out to be damaged.
func (h *history) names(begin func(), each func(p []byte, touches func() ([]historyTouch, error)) error) error {
	for range len(h.segments) + 1 {
		begin()
		damaged, err := h.namesOnce(each)
		if err == nil || h.mend(damaged, err) != nil {
			return err
		}
	}
	return historyindex.ErrDamaged
}

func (h *history) namesOnce(each func(p []byte, touches func() ([]historyTouch, error)) error) (*historySegment, error) {
	for _, s := range h.segments {
		err := s.index.Names(func(p []byte, touches func() ([]historyTouch, error)) error {
			return each(p, func() ([]historyTouch, error) {
				all, err := touches()
				for i := range all {
					all[i].Commit += s.first
				}
				return all, err
			})
		})
		if err != nil {
			return s, err
		}
	}
	return nil, nil
}

// maxNearestPaths bounds how many paths are compared with one that nothing is known of.
const maxNearestPaths = 1 << 18

// NearestPaths says whether any commit changed a path or something below it, and if none did, which paths look like it.
func (r *Repository) NearestPaths(ctx context.Context, p string) (near []string, known bool, err error) {
	h, err := r.history(ctx)
	if err != nil {
		return nil, false, err
	}
	err = h.under(p, func() { known = false }, func([]byte, []historyTouch) error { known = true; return errStop })
	if known || err != nil {
		return nil, known, ignoreStop(err)
	}
	all := map[string]bool{}
	err = h.names(func() { clear(all) }, func(p []byte, _ func() ([]historyTouch, error)) error {
		if len(all) == maxNearestPaths {
			return errStop
		}
		all[string(p)] = true
		return ctx.Err()
	})
	return nearest.Matches(p, maps.Keys(all), 3), false, ignoreStop(err)
}

func ignoreStop(err error) error {
	if err == errStop {
		return nil
	}
	return err
}
