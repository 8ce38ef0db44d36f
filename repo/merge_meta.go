package repo

import (
	"bytes"
	"maps"
	"slices"

	"evault/objects"
)

// sameButTime reports whether two sides hold the same but for the time, and for whether a file was sparse, which only says
// how its zeros lay on the disk.
func sameButTime(a, b *line) bool {
	if a == nil || b == nil {
		return false
	}
	x := a.Entry
	x.Mtime, x.Sparse = b.Mtime, b.Sparse
	return x.Equal(&b.Entry)
}

// sameButOwner is sameButTime that passes over the owner as well: two people who add the same file.
func sameButOwner(a, b *line) bool {
	if a == nil || b == nil {
		return false
	}
	x := *a
	x.UID, x.GID, x.User, x.Group = b.UID, b.GID, b.User, b.Group
	return sameButTime(&x, b)
}

// newer gives the side with the newer time.
func newer(a, b *line) *line {
	if a.Mtime.Compare(b.Mtime) < 0 {
		return b
	}
	return a
}

// withTime gives an entry the time t if that is newer.
func withTime(l *line, t objects.Time) (*line, error) {
	if l.Mtime.Compare(t) >= 0 {
		return l, nil
	}
	e := l.Clone()
	e.Mtime = t
	return encodeLine(&e)
}

// mergeMeta merges the metadata of two versions of one type, attribute by attribute, into ours; base is nil if both are new.
// What one side alone changed is taken. Where both did, the newer time counts, of owners ours: whoever works on a file
// owns it on their machine, and that is nothing to be asked about. Other modes, or other values of one extended
// attribute, differ: then ours counts, or what the user has said. If there is no base, ours says it all but the time.
func (m *treeMerge) mergeMeta(base, ours, theirs *line) (e objects.Entry, differs bool) {
	e = ours.Clone()
	if theirs.Mtime.Compare(e.Mtime) > 0 && (base == nil || base.Mtime != theirs.Mtime) || base != nil && base.Mtime == ours.Mtime {
		e.Mtime = theirs.Mtime
	}
	if base == nil {
		return e, false
	}
	win, decided := m.decide(ours, theirs)
	differ := func(take func()) {
		switch {
		case !decided:
			differs = true
		case win == theirs:
			take()
		}
	}
	takeMode := func() { e.Mode = theirs.Mode }
	switch {
	case ours.Mode == theirs.Mode || theirs.Mode == base.Mode:
	case ours.Mode == base.Mode:
		takeMode()
	default:
		differ(takeMode)
	}
	if sameOwner(base, ours) {
		e.UID, e.GID, e.User, e.Group = theirs.UID, theirs.GID, theirs.User, theirs.Group
	}
	if base.LinkGroup == ours.LinkGroup && !ours.IsDir() {
		e.LinkGroup = theirs.LinkGroup
	}
	xattrs, clash := mergeXattrs(base.Xattrs, ours.Xattrs, theirs.Xattrs, decided && win == theirs)
	e.Xattrs = xattrs
	return e, differs || clash && !decided
}

func sameOwner(a, b *line) bool {
	return a.UID == b.UID && a.GID == b.GID && a.User == b.User && a.Group == b.Group
}

// mergeXattrs merges extended attributes one by one. Where both sides changed one differently, that is a clash, and ours
// counts, or theirs if they are said to win. All three are ascending by name, and so is the result.
func mergeXattrs(base, ours, theirs []objects.Xattr, theirsWin bool) (out []objects.Xattr, clash bool) {
	if sameXattrs(ours, theirs) || sameXattrs(base, theirs) {
		return ours, false
	}
	if sameXattrs(base, ours) {
		return theirs, false
	}
	type row struct {
		at  [3][]byte
		has [3]bool
	}
	rows := map[string]*row{}
	for i, list := range [3][]objects.Xattr{base, ours, theirs} {
		for _, x := range list {
			if rows[x.Name] == nil {
				rows[x.Name] = &row{}
			}
			rows[x.Name].at[i], rows[x.Name].has[i] = x.Value, true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r := rows[name]
		same := func(i, j int) bool { return r.has[i] == r.has[j] && bytes.Equal(r.at[i], r.at[j]) }
		take := 1
		switch {
		case same(1, 2) || same(0, 2):
		case same(0, 1):
			take = 2
		default:
			clash = true
			if theirsWin {
				take = 2
			}
		}
		if r.has[take] {
			out = append(out, objects.Xattr{Name: name, Value: r.at[take]})
		}
	}
	return out, clash
}
