package ignore

import (
	"slices"
	"strings"
)

// Patterns is one parsed file of patterns. It is immutable and safe for use by
// several goroutines. A nil *Patterns is an empty one.
//
// Most patterns people write are a name (node_modules), a suffix (*.o) or a
// path (/docs/build). Those are found by looking the name up in a map, however
// many there are; only the others are tried one after the other.
type Patterns struct {
	rules    []rule
	problems []Problem

	names    map[string]latest // patterns that are one literal name
	paths    map[string]latest // literal paths from the file's directory
	suffixes map[string]latest // "*.o", keyed by ".o"
	globs    []glob            // all others, in file order

	suffixLens  []int // the distinct lengths of the keys of suffixes, ascending
	suffixBytes class // the last bytes of the keys of suffixes
	anySuffix   bool  // suffixes holds "", the pattern "*"
}

// rule is what is kept of a pattern for the answer.
type rule struct {
	text    string // as written, without line end and trailing spaces
	line    int32  // from 1
	negated bool
}

// latest holds, for one literal key, the index of the last rule with it, plus
// one so that the zero value means none.
type latest struct {
	dir  int32 // the last rule that applies to directories: any rule
	file int32 // the last rule that applies to other files: not "key/"
}

func (l latest) pick(isDir bool) int {
	if isDir {
		return int(l.dir) - 1
	}
	return int(l.file) - 1
}

// Empty reports whether no path is decided by p.
func (p *Patterns) Empty() bool { return p == nil || len(p.rules) == 0 }

// Problems returns the lines that have no effect because they exceed a limit
// or can never fit anything, in the order of the file, at most [MaxProblems].
func (p *Patterns) Problems() []Problem {
	if p == nil {
		return nil
	}
	return slices.Clone(p.problems)
}

// addPattern files the next rule's pattern where last finds it. It returns
// what is wrong with a pattern that can fit nothing.
func (p *Patterns) addPattern(pattern string, dirOnly bool) (fault string) {
	index := int32(len(p.rules))
	anchored := strings.IndexByte(pattern, '/') >= 0
	if anchored {
		pattern = strings.TrimPrefix(pattern, "/")
	} else if suffix, ok := strings.CutPrefix(pattern, "*"); ok && literalLen(suffix) == len(suffix) {
		put(&p.suffixes, suffix, index, dirOnly)
		return ""
	}
	g := glob{index: index, dirOnly: dirOnly, anchored: anchored}
	n := literalLen(pattern)
	g.prefix = pattern[:n]
	if n < len(pattern) {
		if g.path, fault = compile(pattern[n:]); fault != "" {
			return fault
		}
		rest, ok := g.path.literal()
		if !ok {
			p.globs = append(p.globs, g)
			return ""
		}
		g.prefix += rest
	}
	if anchored {
		put(&p.paths, g.prefix, index, dirOnly)
	} else {
		put(&p.names, g.prefix, index, dirOnly)
	}
	return ""
}

// put records the rule at index under key; later rules replace earlier ones.
func put(m *map[string]latest, key string, index int32, dirOnly bool) {
	if *m == nil {
		*m = make(map[string]latest)
	}
	l := (*m)[key]
	l.dir = index + 1
	if !dirOnly {
		l.file = index + 1
	}
	(*m)[key] = l
}

// literalLen returns how many bytes of s come before the first that is special
// in a pattern.
func literalLen(s string) int {
	if i := strings.IndexAny(s, `*?[\`); i >= 0 {
		return i
	}
	return len(s)
}

// seal prepares what last needs once all rules are added.
func (p *Patterns) seal() {
	for suffix := range p.suffixes {
		if suffix == "" {
			p.anySuffix = true
			continue
		}
		p.suffixBytes.add(suffix[len(suffix)-1])
		if i, found := slices.BinarySearch(p.suffixLens, len(suffix)); !found {
			p.suffixLens = slices.Insert(p.suffixLens, i, len(suffix))
		}
	}
}

// last returns the index of the last rule that fits the path rel, relative to
// the file's directory, whose last element is name; -1 if none does.
func (p *Patterns) last(rel, name string, isDir bool) int {
	best := -1
	if p.names != nil {
		best = p.names[name].pick(isDir)
	}
	if p.paths != nil {
		best = max(best, p.paths[rel].pick(isDir))
	}
	if p.suffixes != nil {
		best = max(best, p.lastSuffix(name, isDir))
	}
	for i := len(p.globs) - 1; i >= 0; i-- {
		g := &p.globs[i]
		if int(g.index) < best {
			break
		}
		if (!g.dirOnly || isDir) && g.match(rel, name) {
			return int(g.index)
		}
	}
	return best
}

// lastSuffix is last for the patterns that are a star and a literal.
func (p *Patterns) lastSuffix(name string, isDir bool) int {
	best := -1
	if p.anySuffix {
		best = p.suffixes[""].pick(isDir)
	}
	if !p.suffixBytes.has(name[len(name)-1]) {
		return best
	}
	for _, n := range p.suffixLens {
		if n > len(name) {
			break
		}
		best = max(best, p.suffixes[name[len(name)-n:]].pick(isDir))
	}
	return best
}
