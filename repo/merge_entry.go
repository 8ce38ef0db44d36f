package repo

import "evault/objects"

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

// mergeFolderMeta merges the metadata of a folder that both sides have; base is nil if it is new on both. It is false if
// both sides changed one attribute differently.
func mergeFolderMeta(base, ours, theirs *line) (e objects.Entry, ok bool) {
	e = ours.Clone()
	ok = true
	// pick takes theirs of one attribute if only they changed it.
	pick := func(same func(a, b *objects.Entry) bool, take func()) {
		switch {
		case same(&ours.Entry, &theirs.Entry):
		case base == nil:
		case same(&base.Entry, &ours.Entry):
			take()
		case !same(&base.Entry, &theirs.Entry):
			ok = false
		}
	}
	pick(func(a, b *objects.Entry) bool { return a.Mode == b.Mode }, func() { e.Mode = theirs.Mode })
	pick(func(a, b *objects.Entry) bool {
		return a.UID == b.UID && a.GID == b.GID && a.User == b.User && a.Group == b.Group
	}, func() { e.UID, e.GID, e.User, e.Group = theirs.UID, theirs.GID, theirs.User, theirs.Group })
	pick(func(a, b *objects.Entry) bool { return sameXattrs(a.Xattrs, b.Xattrs) }, func() { e.Xattrs = theirs.Xattrs })
	switch {
	case base != nil && base.Mtime == ours.Mtime:
		e.Mtime = theirs.Mtime
	case base != nil && base.Mtime == theirs.Mtime:
	case ours.Mtime.Compare(theirs.Mtime) < 0:
		e.Mtime = theirs.Mtime
	}
	return e, ok
}
