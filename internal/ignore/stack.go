package ignore

import "strings"

// Stack is the chain of pattern files that apply in one directory: the user's
// exclude file first, then that of the root, then those of nested directories,
// deepest last. A later one outranks an earlier one.
//
// A Stack is immutable and safe for use by several goroutines. A nil *Stack and
// the zero Stack are empty.
type Stack struct {
	parent   *Stack
	patterns *Patterns // nil in the zero Stack
	dir      string
}

// Push returns a stack with one more file of patterns on top, sharing the rest
// with s. The file lies in dir: relative to the root of the work tree, with
// slashes, none at either end, "" for the root. An empty file changes nothing
// and costs nothing.
func (s *Stack) Push(dir string, p *Patterns) *Stack {
	if p.Empty() {
		return s
	}
	return &Stack{parent: s, patterns: p, dir: dir}
}

// Match decides about one path, relative to the root of the work tree, whose
// parents are known not to be ignored. (Below an ignored directory everything
// is ignored; a scan does not go there.) isDir says whether it is a directory;
// a symbolic link to one is not. Files of directories the path does not lie in
// are passed over. Match does not allocate.
func (s *Stack) Match(path string, isDir bool) Decision {
	level, index := s.find(path, isDir)
	return level.decision(index)
}

// Check decides about a path whose parents may be ignored, as git check-ignore
// does: the first ignored parent settles it. The stack must hold the files of
// all parents; those that lie in an ignored directory have no effect.
func (s *Stack) Check(path string, isDir bool) Decision {
	return s.Explain(path, isDir).Decision
}

// Reason says which pattern decided about a path.
type Reason struct {
	Decision Decision
	Patterns *Patterns // the file, nil if undecided
	Dir      string    // where it lies, "" for the root
	Line     int       // the line in it, from 1
	Pattern  string    // the line without its end and trailing spaces
	Path     string    // what the pattern fits: the path or a parent of it
}

// Explain is Check with the pattern that decides.
func (s *Stack) Explain(path string, isDir bool) Reason {
	for i := 0; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		level, index := s.find(path[:i], true)
		if level.decision(index) == Ignored {
			return level.reason(index, path[:i])
		}
	}
	level, index := s.find(path, isDir)
	return level.reason(index, path)
}

// find returns the deepest level with a rule that fits, and that rule's index;
// nil if there is none.
func (s *Stack) find(path string, isDir bool) (*Stack, int) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if name == "" {
		return nil, -1 // the root, or no path
	}
	for level := s; level != nil; level = level.parent {
		if level.patterns == nil {
			continue
		}
		rel, ok := below(level.dir, path)
		if !ok {
			continue
		}
		if index := level.patterns.last(rel, name, isDir); index >= 0 {
			return level, index
		}
	}
	return nil, -1
}

// below returns the path relative to dir if it lies below it.
func below(dir, path string) (string, bool) {
	if dir == "" {
		return path, true
	}
	if len(path) <= len(dir) || path[len(dir)] != '/' || path[:len(dir)] != dir {
		return "", false
	}
	return path[len(dir)+1:], true
}

// decision is what the rule at index says; s is nil if there is no rule.
func (s *Stack) decision(index int) Decision {
	switch {
	case s == nil:
		return Undecided
	case s.patterns.rules[index].negated:
		return Included
	default:
		return Ignored
	}
}

func (s *Stack) reason(index int, path string) Reason {
	if s == nil {
		return Reason{}
	}
	r := &s.patterns.rules[index]
	return Reason{
		Decision: s.decision(index),
		Patterns: s.patterns,
		Dir:      s.dir,
		Line:     int(r.line),
		Pattern:  r.text,
		Path:     path,
	}
}
