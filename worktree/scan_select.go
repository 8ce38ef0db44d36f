package worktree

import (
	"strings"

	"evault/internal/vfs"
)

// selection is a tree of the names on the way to the selected paths. A nil selection selects everything.
type selection struct {
	below map[string]*selection // a nil value: the name and all in it
}

// newSelection checks the paths; no paths at all select everything.
func newSelection(paths []string) (*selection, error) {
	if paths == nil {
		return nil, nil
	}
	root := &selection{below: make(map[string]*selection)}
	for _, p := range paths {
		clean, err := vfs.CleanName("scan", p)
		if err != nil {
			return nil, err
		}
		if clean == "." {
			return nil, nil
		}
		root.add(clean)
	}
	return root, nil
}

func (s *selection) add(path string) {
	name, rest, deeper := strings.Cut(path, "/")
	next, known := s.below[name]
	switch {
	case known && next == nil: // already as a whole
	case !deeper:
		s.below[name] = nil
	default:
		if next == nil {
			next = &selection{below: make(map[string]*selection)}
			s.below[name] = next
		}
		next.add(rest)
	}
}

// child tells whether name is selected, or on the way to what is; and what is selected in it.
func (s *selection) child(name string) (*selection, bool) {
	if s == nil {
		return nil, true
	}
	c, ok := s.below[name]
	return c, ok
}
