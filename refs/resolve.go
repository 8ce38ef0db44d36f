package refs

import (
	"cmp"
	"slices"
	"strings"

	"evault/objects"
)

// view turns the dots into refs. Where several are left for a name, one wins if its commit descends from all others;
// otherwise the ref has diverged. A tag does not move forward, so different ones never agree.
func (f *fold) view(own Tag, clone CloneID, descends func(newer, older objects.ID) (bool, error)) (*View, error) {
	v := &View{refs: make([]Ref, 0, len(f.dots))}
	for name, dots := range f.dots {
		ids := f.candidates(dots, own)
		comes := descends
		if strings.HasPrefix(name, "tags/") {
			comes = nil
		}
		winner, ok, err := newest(ids, comes)
		if err != nil {
			return nil, err
		}
		if !ok {
			winner = ids[0]
			v.Diverged = append(v.Diverged, Divergence{name, ids})
		}
		v.refs = append(v.refs, Ref{name, winner})
	}
	slices.SortFunc(v.refs, func(a, b Ref) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(v.Diverged, func(a, b Divergence) int { return cmp.Compare(a.Name, b.Name) })
	v.Tip, v.HasTip = f.position(own)
	v.Head = f.headOf(own, clone)
	return v, nil
}

// candidates gives the different commits of a ref, this clone's own first, then by tag.
func (f *fold) candidates(dots []dot, own Tag) []objects.ID {
	sorted := slices.Clone(dots)
	slices.SortFunc(sorted, func(a, b dot) int {
		ta, tb := f.logs[a.log].tag, f.logs[b.log].tag
		return cmp.Or(cmp.Compare(notOwn(ta, own), notOwn(tb, own)), compareTags(ta, tb), cmp.Compare(a.seq, b.seq))
	})
	var ids []objects.ID
	for _, d := range sorted {
		if !slices.Contains(ids, d.id) {
			ids = append(ids, d.id)
		}
	}
	return ids
}

func notOwn(t, own Tag) int {
	if t == own {
		return 0
	}
	return 1
}

// newest finds the commit that descends from all others.
func newest(ids []objects.ID, descends func(newer, older objects.ID) (bool, error)) (objects.ID, bool, error) {
	if len(ids) == 1 {
		return ids[0], true, nil
	}
	if descends == nil {
		return objects.ID{}, false, nil
	}
	// best is the only one that can be: every other was found not to descend from some commit.
	best := ids[0]
	for _, id := range ids[1:] {
		ok, err := descends(best, id)
		if err != nil {
			return objects.ID{}, false, err
		}
		if !ok {
			best = id
		}
	}
	for _, id := range ids {
		if id == best {
			continue
		}
		if ok, err := descends(best, id); err != nil || !ok {
			return objects.ID{}, false, err
		}
	}
	return best, true, nil
}

// headOf gives where a working copy stands: what its own log says. A clone that has not written yet takes the head of its
// latest predecessor: a log of the same clone by another device before one of another clone, then by time, then by tag.
func (f *fold) headOf(own Tag, clone CloneID) Head {
	var best *logState
	rank := func(l *logState) int {
		switch {
		case l.tag == own:
			return 2
		case l.clone == clone:
			return 1
		}
		return 0
	}
	for _, l := range f.logs {
		if l.head.IsZero() {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(rank(l), rank(best)), l.time.Compare(best.time), compareTags(best.tag, l.tag)) > 0 {
			best = l
		}
	}
	if best == nil {
		return Head{}
	}
	return best.head
}
