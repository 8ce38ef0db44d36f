package repo

import "evault/objects"

// Kinds of Conflict.
const (
	ConflictContent      = "content"        // both changed the content: of a text the file holds markers, of anything else both are kept
	ConflictAddAdd       = "add/add"        // both added a file of that name
	ConflictModifyDelete = "modify/delete"  // one changed it, the other removed it: the changed one is kept
	ConflictRenameDelete = "rename/delete"  // one renamed it, the other removed it: the renamed one is kept
	ConflictRenameRename = "rename/rename"  // both renamed it, each differently: it is kept under both names
	ConflictFileFolder   = "file/directory" // a file here, a folder there: the file is kept beside it
	ConflictTypes        = "distinct types" // a file here, a link there: both are kept
	ConflictMetadata     = "metadata"       // both changed the mode or an attribute differently: ours is kept
	ConflictLinks        = "hard links"     // names of one file hold different things now: they are separate files
)

// stages are the three versions of a file; nil is none. A version that had another path has it in the third field.
type stages struct {
	full                     string
	base, ours, theirs       *line
	baseAt, oursAt, theirsAt string
	nested                   bool // what is merged here is merged again
}

// outcome is what became of a file.
type outcome struct {
	line     *line // what stays under the name; nil: nothing
	kept     *line // the other side's version, to be kept beside it
	conflict *Conflict
}

// whole is an outcome without a conflict.
func whole(l *line) outcome { return outcome{line: l} }

// against is an outcome with one.
func (s *stages) against(kind string, l *line) outcome {
	c := &Conflict{Path: s.full, Kind: kind}
	for _, v := range []struct {
		to   *[]byte
		from *line
	}{{&c.Base, s.base}, {&c.Ours, s.ours}, {&c.Theirs, s.theirs}, {&c.Written, l}} {
		if v.from != nil {
			*v.to = v.from.raw
		}
	}
	return outcome{line: l, conflict: c}
}

// file merges the versions of something that is no folder.
func (m *treeMerge) file(s stages) (outcome, error) {
	if l, ok := settled(&s); ok {
		return whole(l), nil
	}
	switch {
	case s.ours == nil:
		return m.oneLeft(s, s.theirs), nil
	case s.theirs == nil:
		return m.oneLeft(s, s.ours), nil
	case s.ours.Type != s.theirs.Type:
		return m.twoTypes(s), nil
	case s.base == nil && sameButOwner(s.ours, s.theirs):
		l, err := withTime(s.ours, s.theirs.Mtime)
		return whole(l), err
	}
	return m.twoVersions(s)
}

// settled decides what one side alone has changed; a new time is no change beside another one.
func settled(s *stages) (*line, bool) {
	base, ours, theirs := s.base, s.ours, s.theirs
	switch {
	case sameLine(ours, theirs) || sameLine(base, theirs):
		return ours, true
	case sameLine(base, ours):
		return theirs, true
	case sameButTime(ours, theirs):
		return newer(ours, theirs), true
	case sameButTime(base, ours):
		return theirs, true
	case sameButTime(base, theirs):
		return ours, true
	case base == nil && theirs == nil:
		return ours, true
	case base == nil && ours == nil:
		return theirs, true
	}
	return nil, false
}

// decide lets a side win that the user has said is to; false: nobody is.
func (m *treeMerge) decide(ours, theirs *line) (*line, bool) {
	switch m.favour {
	case FavourOurs:
		return ours, true
	case FavourTheirs:
		return theirs, true
	case FavourNewest:
		switch {
		case ours == nil:
			return theirs, true
		case theirs == nil:
			return ours, true
		}
		return newer(ours, theirs), true
	}
	return nil, false
}

// oneLeft is a file that one side removed and the other changed.
func (m *treeMerge) oneLeft(s stages, left *line) outcome {
	if sameButOwner(s.base, left) {
		return outcome{}
	}
	if m.depth > 0 {
		return whole(s.base)
	}
	if l, ok := m.decide(s.ours, s.theirs); ok {
		return whole(l)
	}
	return s.against(ConflictModifyDelete, left)
}

// twoTypes is a file on one side and a link, say, on the other.
func (m *treeMerge) twoTypes(s stages) outcome {
	if l, ok := m.decide(s.ours, s.theirs); ok {
		return whole(l)
	}
	out := s.against(ConflictTypes, s.ours)
	out.kept = s.theirs
	return out
}

// twoVersions merges two versions of one type: their metadata attribute by attribute, and their contents.
func (m *treeMerge) twoVersions(s stages) (outcome, error) {
	base := s.base
	if base != nil && base.Type != s.ours.Type {
		base = nil
	}
	e, differs := m.mergeMeta(base, s.ours, s.theirs)
	kind := ""
	if differs {
		kind = ConflictMetadata
	}
	var kept *line
	switch {
	case s.ours.SameContent(&s.theirs.Entry):
	case base != nil && base.SameContent(&s.theirs.Entry):
	case base != nil && base.SameContent(&s.ours.Entry):
		takeContent(&e, &s.theirs.Entry)
	default:
		var err error
		if kind, kept, err = m.contents(s, base, &e, kind); err != nil {
			return outcome{}, err
		}
	}
	l, err := encodeLine(&e)
	if err != nil || kind == "" {
		return whole(l), err
	}
	out := s.against(kind, l)
	out.kept = kept
	return out, nil
}

// contents merges contents that both sides changed, into e.
func (m *treeMerge) contents(s stages, base *line, e *objects.Entry, kind string) (string, *line, error) {
	merged, clashes, err := m.text(s, base)
	if err != nil {
		return "", nil, err
	}
	if merged != nil && (clashes == 0 || m.favour != FavourNewest) {
		e.Sparse = false
		if err := m.keep(merged, e); err != nil || clashes == 0 {
			return kind, nil, err
		}
		return conflictOf(base), nil, nil
	}
	if l, ok := m.decide(s.ours, s.theirs); ok {
		takeContent(e, &l.Entry)
		return kind, nil, nil
	}
	if m.depth > 0 {
		if base != nil {
			takeContent(e, &base.Entry)
		}
		return conflictOf(base), nil, nil
	}
	return conflictOf(base), s.theirs, nil
}

func conflictOf(base *line) string {
	if base == nil {
		return ConflictAddAdd
	}
	return ConflictContent
}

func takeContent(e *objects.Entry, from *objects.Entry) {
	e.Size, e.Content, e.Sparse = from.Size, from.Content, from.Sparse
	e.Target, e.Major, e.Minor = from.Target, from.Major, from.Minor
}

// at gives a version's path.
func (s *stages) at(p string) string {
	if p == "" {
		return s.full
	}
	return p
}

// labels are the sides' names in conflict markers: with their paths where these differ.
func (s *stages) labels(n sideNames) sideNames {
	b, o, t := s.at(s.baseAt), s.at(s.oursAt), s.at(s.theirsAt)
	if o == t && (b == o || s.base == nil) {
		return n
	}
	return sideNames{base: n.base + ":" + b, ours: n.ours + ":" + o, theirs: n.theirs + ":" + t}
}
