package textdiff

import (
	"bytes"
	"slices"
)

// Style is how a conflict is shown.
type Style uint8

const (
	// StyleMerge shows both sides, and leaves out of a conflict what both changed alike.
	StyleMerge Style = iota
	// StyleDiff3 shows also what the base had between both sides, and each conflict whole.
	StyleDiff3
)

// Favour is which side is taken where both changed the same lines.
type Favour uint8

const (
	FavourNone   Favour = iota // neither: that is a conflict
	FavourOurs                 // ours, only there
	FavourTheirs               // theirs, only there
)

// MergeOptions say what a conflict looks like.
type MergeOptions struct {
	Style              Style
	Ours, Base, Theirs string // labels behind the markers; empty: none
	Favour             Favour
	MarkerSize         int // signs of a marker; 0: 7
	// JoinAcrossSigns makes one conflict of two that have only lines without letters and digits between them, as
	// `git merge-file` does and `git merge` does not.
	JoinAcrossSigns bool
}

// Merge brings together what two sides made of a base: a change of one side is taken, and so is a change that both made alike.
// Where both changed the same or neighbouring lines in different ways there is a conflict: the merged text holds both,
// between markers, and conflicts counts them. Results are those of `git merge`'s text merge with the default algorithm, byte for byte.
//
// Markers end in "\r\n" if the lines around do on all sides.
func Merge(base, ours, theirs []byte, o MergeOptions) (merged []byte, conflicts int) {
	m := newMerger(base, ours, theirs, o)
	switch {
	case len(m.diffOurs) == 0:
		return slices.Clone(theirs), 0
	case len(m.diffTheirs) == 0:
		return slices.Clone(ours), 0
	}
	m.combine()
	if o.Style == StyleMerge {
		m.refine()
		m.join()
	}
	return m.write()
}

// Who changed the lines of a region.
type who uint8

const (
	conflict who = iota // both, differently
	oursOnly
	theirsOnly
	alike // both, the same
)

// region is where the merged text is not simply ours: lines [base0,base1) of the base, and what each side has for them.
type region struct {
	who                                          who
	base0, base1, ours0, ours1, theirs0, theirs1 int
}

// merger is a merge under way.
type merger struct {
	MergeOptions
	base, ours, theirs   [][]byte
	diffOurs, diffTheirs []Change
	regions              []region
}

func newMerger(base, ours, theirs []byte, o MergeOptions) *merger {
	m := &merger{MergeOptions: o, base: Lines(base), ours: Lines(ours), theirs: Lines(theirs)}
	if m.MarkerSize <= 0 {
		m.MarkerSize = markerSize
	}
	m.diffOurs = diff(m.base, m.ours, nil, false)
	m.diffTheirs = diff(m.base, m.theirs, nil, false)
	return m
}

// combine walks both diffs in the order of the base. Changes that overlap or touch, with no common line between, are one
// conflict, unless they are the same.
func (m *merger) combine() {
	o, t := m.diffOurs, m.diffTheirs
	for len(o) > 0 && len(t) > 0 {
		switch {
		case o[0].A1 < t[0].A0:
			m.addOurs(o[0], t[0].B0-t[0].A0)
			o = o[1:]
			continue
		case t[0].A1 < o[0].A0:
			m.addTheirs(t[0], o[0].B0-o[0].A0)
			t = t[1:]
			continue
		case !m.same(o[0], t[0]):
			m.add(clash(o[0], t[0]))
		}
		endOurs, endTheirs := o[0].A1, t[0].A1
		if endOurs >= endTheirs {
			t = t[1:]
		}
		if endTheirs >= endOurs {
			o = o[1:]
		}
	}
	for _, c := range o {
		m.addOurs(c, len(m.theirs)-len(m.base))
	}
	for _, c := range t {
		m.addTheirs(c, len(m.ours)-len(m.base))
	}
}

// addOurs adds a change of ours alone; shift is how many lines more theirs has before it than the base.
func (m *merger) addOurs(c Change, shift int) {
	m.add(region{oursOnly, c.A0, c.A1, c.B0, c.B1, c.A0 + shift, c.A1 + shift})
}

func (m *merger) addTheirs(c Change, shift int) {
	m.add(region{theirsOnly, c.A0, c.A1, c.A0 + shift, c.A1 + shift, c.B0, c.B1})
}

// same says whether both sides made the same of the same lines.
func (m *merger) same(o, t Change) bool {
	return o.A0 == t.A0 && o.A1 == t.A1 && o.B1-o.B0 == t.B1-t.B0 &&
		slices.EqualFunc(m.ours[o.B0:o.B1], m.theirs[t.B0:t.B1], bytes.Equal)
}

// clash is the region that covers two changes: from where the first of them begins in the base to where the last ends.
func clash(o, t Change) region {
	r := region{conflict, min(o.A0, t.A0), max(o.A1, t.A1), o.B0, o.B1, t.B0, t.B1}
	r.ours0 -= o.A0 - r.base0
	r.theirs0 -= t.A0 - r.base0
	r.ours1 += r.base1 - o.A1
	r.theirs1 += r.base1 - t.A1
	return r
}

// add appends a region, or makes one with the last of them if they touch on either side.
func (m *merger) add(r region) {
	n := len(m.regions)
	if n == 0 || r.ours0 > m.regions[n-1].ours1 && r.theirs0 > m.regions[n-1].theirs1 {
		m.regions = append(m.regions, r)
		return
	}
	last := &m.regions[n-1]
	if last.who != r.who {
		last.who = conflict
	}
	last.base1, last.ours1, last.theirs1 = r.base1, r.ours1, r.theirs1
}

// refine compares the two sides of each conflict with each other: lines that are the same on both leave it, and it may fall
// apart into several.
func (m *merger) refine() {
	var out []region
	for _, r := range m.regions {
		if r.who != conflict || r.ours0 == r.ours1 || r.theirs0 == r.theirs1 {
			out = append(out, r)
			continue
		}
		changes := diff(m.ours[r.ours0:r.ours1], m.theirs[r.theirs0:r.theirs1], nil, false)
		if len(changes) == 0 {
			r.who = alike
			out = append(out, r)
		}
		for _, c := range changes {
			out = append(out, region{conflict, r.base0, r.base1, r.ours0 + c.A0, r.ours0 + c.A1, r.theirs0 + c.B0, r.theirs0 + c.B1})
		}
	}
	m.regions = out
}

// nearLines is how many lines between two conflicts are too few to be worth their own markers.
const nearLines = 3

// join makes one of conflicts with hardly anything between them.
func (m *merger) join() {
	var out []region
	for _, r := range m.regions {
		if n := len(out); n > 0 && out[n-1].who == conflict && r.who == conflict && m.hardlyApart(out[n-1].ours1, r.ours0) {
			out[n-1].base1, out[n-1].ours1, out[n-1].theirs1 = r.base1, r.ours1, r.theirs1
			continue
		}
		out = append(out, r)
	}
	m.regions = out
}

func (m *merger) hardlyApart(from, to int) bool {
	return to-from <= nearLines || m.JoinAcrossSigns && !slices.ContainsFunc(m.ours[from:to], hasLetter)
}

func hasLetter(line []byte) bool {
	return slices.ContainsFunc(line, func(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' })
}
