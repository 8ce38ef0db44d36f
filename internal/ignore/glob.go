package ignore

import "strings"

// glob is a pattern with wildcards.
type glob struct {
	prefix   string // the literal bytes before the first wildcard
	path     pathGlob
	index    int32 // of its rule
	dirOnly  bool
	anchored bool // compared with the path, else with the last element
}

func (g *glob) match(rel, name string) bool {
	t := name
	if g.anchored {
		t = rel
	}
	rest, ok := strings.CutPrefix(t, g.prefix)
	return ok && g.path.match(rest)
}

// pathGlob is a pattern for a path: head**mid**mid**tail in elements, or just
// head if there is no **. What segment is for the bytes of an element, this is
// for the elements of a path, and it is as straight: ** fits any number of
// elements, so the head is tied to the start, the tail to the end, and each mid
// is taken at the first place where it fits.
type pathGlob struct {
	head, tail []segment
	mids       [][]segment
	deep       bool
}

// newPathGlob makes a pathGlob of the groups of segments between its **, of
// which there is one less than there are groups.
func newPathGlob(groups [][]segment) pathGlob {
	g := pathGlob{head: groups[0], deep: len(groups) > 1}
	if !g.deep {
		return g
	}
	last := len(groups) - 1
	g.tail = groups[last]
	for _, group := range groups[1:last] {
		if len(group) > 0 {
			g.mids = append(g.mids, group)
		}
	}
	return g
}

// literal returns the only path that g fits, if there is just one.
func (g *pathGlob) literal() (string, bool) {
	if g.deep {
		return "", false
	}
	names := make([]string, len(g.head))
	for i := range g.head {
		name, ok := g.head[i].literal()
		if !ok {
			return "", false
		}
		names[i] = name
	}
	return strings.Join(names, "/"), true
}

// match reports whether g fits the whole path t.
func (g *pathGlob) match(t string) bool {
	if !g.deep && len(g.head) == 1 { // most are; seldom does it come to looking for a slash
		return g.head[0].match(t) && strings.IndexByte(t, '/') < 0
	}
	e := elements{text: t, end: len(t)}
	if !e.cutFront(g.head) {
		return false
	}
	if !g.deep {
		return e.none()
	}
	if !e.cutBack(g.tail) {
		return false
	}
	for _, mid := range g.mids {
		if !e.cutFirst(mid) {
			return false
		}
	}
	return true
}

// elements are the path elements text[start:end], at least one (it may be
// empty) while start <= end.
type elements struct {
	text       string
	start, end int
}

func (e *elements) none() bool { return e.start > e.end }

// cutFront takes the first elements away if the segments fit them. If they do
// not, e is left in between.
func (e *elements) cutFront(segments []segment) bool {
	for i := range segments {
		if e.none() {
			return false
		}
		if name := e.front(); !segments[i].match(name) {
			return false
		}
	}
	return true
}

// front takes the first element away and returns it.
func (e *elements) front() string {
	t := e.text[e.start:e.end]
	if i := strings.IndexByte(t, '/'); i >= 0 {
		t = t[:i]
	}
	e.start += len(t) + 1
	return t
}

// cutBack is cutFront for the last elements.
func (e *elements) cutBack(segments []segment) bool {
	for i := len(segments) - 1; i >= 0; i-- {
		if e.none() {
			return false
		}
		t := e.text[e.start:e.end]
		t = t[strings.LastIndexByte(t, '/')+1:]
		e.end -= len(t) + 1
		if !segments[i].match(t) {
			return false
		}
	}
	return true
}

// cutFirst takes away everything up to the end of the first place where the
// segments fit.
func (e *elements) cutFirst(segments []segment) bool {
	for !e.none() {
		try := *e
		if try.cutFront(segments) {
			*e = try
			return true
		}
		e.front()
	}
	return false
}
