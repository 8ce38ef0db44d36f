package memfs

import (
	"io/fs"
	"path"
	"strings"
	"syscall"

	"evault/internal/vfs"
)

// maxLinks is how many links are followed for one name, as Linux does.
const maxLinks = 40

// place is where a name leads: an entry, there or not, of a directory.
type place struct {
	dir  *node
	base string // "." for the root itself
	node *node  // nil if there is no such entry
}

// find resolves name. The disk is locked. Links in the middle are followed, and one at the end if follow says so.
func (m *Memory) find(op, name string, follow bool) (place, error) {
	c, err := vfs.CleanName(op, name)
	if err != nil {
		return place{}, err
	}
	w := walker{stack: []*node{m.root}}
	p, err := w.walk(c, follow)
	if err != nil {
		return place{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return p, nil
}

// walker holds the directories from the root to where it is, so that ".." in a link can go back up.
type walker struct {
	stack []*node
	links int
}

func (w *walker) top() *node { return w.stack[len(w.stack)-1] }

func (w *walker) walk(name string, follow bool) (place, error) {
	first, rest, more := strings.Cut(name, "/")
	if len(first) > vfs.MaxComponent {
		return place{}, syscall.ENAMETOOLONG
	}
	if w.top().typ != vfs.Directory {
		return place{}, syscall.ENOTDIR
	}
	if first == ".." {
		if len(w.stack) == 1 {
			return place{}, vfs.ErrEscapes
		}
		w.stack = w.stack[:len(w.stack)-1]
		first = "."
	}
	if first == "." || first == "" {
		if more {
			return w.walk(rest, follow)
		}
		return place{w.top(), ".", w.top()}, nil
	}
	n := w.top().entries[first]
	switch {
	case n != nil && n.typ == vfs.Symlink && (more || follow):
		return w.follow(n.target, rest, more, follow)
	case !more:
		return place{w.top(), first, n}, nil
	case n == nil:
		return place{}, syscall.ENOENT
	}
	w.stack = append(w.stack, n)
	return w.walk(rest, follow)
}

func (w *walker) follow(target, rest string, more, follow bool) (place, error) {
	if w.links++; w.links > maxLinks {
		return place{}, syscall.ELOOP
	}
	if path.IsAbs(target) {
		return place{}, vfs.ErrEscapes
	}
	if more {
		target += "/" + rest
	}
	return w.walk(target, follow)
}

// full gives the name of an operation, for its record: from the root of the disk.
func (m *Memory) full(name string) string { return path.Join(m.path, name) }
