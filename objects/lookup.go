package objects

import (
	"context"
	"fmt"
	"strings"
)

// Lookup returns the entry at path below the root directory's tree. path is names
// joined by slashes; "" is the root itself, returned as a directory with its ID and
// totals and no name. A path that does not exist is ErrNoPath; a path that no tree
// can hold is a *NameError. In a large directory only the nodes on the way to
// the name are read.
func Lookup(ctx context.Context, src Source, root ID, path string) (Entry, error) {
	if path == "" {
		return rootEntry(ctx, src, root)
	}
	if len(path) > MaxPath {
		return Entry{}, tooLarge("path", uint64(len(path)), MaxPath)
	}
	dir := root
	for at := 0; ; {
		name, _, more := strings.Cut(path[at:], "/")
		if err := ValidateName(name); err != nil {
			return Entry{}, fmt.Errorf("path %.300q: %w", path, err)
		}
		e, found, err := lookupName(ctx, src, dir, name)
		at += len(name)
		switch {
		case err != nil:
			return Entry{}, fmt.Errorf("%.300q: %w", path[:at], err)
		case !found:
			return Entry{}, fmt.Errorf("%.300q: %w", path[:at], ErrNoPath)
		case !more:
			return e, nil
		case !e.IsDir():
			return Entry{}, fmt.Errorf("%.300q is a %v: %w", path[:at], e.Type, ErrNoPath)
		}
		dir = e.Tree
		at++
	}
}

// lookupName descends to the leaf that would hold the name.
func lookupName(ctx context.Context, src Source, id ID, name string) (e Entry, found bool, err error) {
	level := -1
	var want *claim
	for {
		var r nodeReader
		if err := openNode(ctx, src, &r, id, level); err != nil {
			return e, false, err
		}
		if r.level == 0 {
			found, err = r.find(name, want, &e)
			if err != nil {
				err = treeError(id, err)
			}
			return e, found, err
		}
		child, err := r.childFor(name, want)
		if err != nil {
			return e, false, treeError(id, err)
		}
		if child == nil {
			return e, false, nil
		}
		want, id, level = child, child.ID, int(r.level)-1
	}
}

// find looks for the name in a leaf, into e.
func (r *nodeReader) find(name string, want *claim, e *Entry) (bool, error) {
	for first := true; r.left > 0; first = false {
		if _, err := r.nextEntry(e); err != nil {
			return false, err
		}
		if err := r.within(want, first); err != nil {
			return false, err
		}
		if e.Name >= name {
			return e.Name == name, nil
		}
	}
	return false, r.finish(want)
}

// childFor returns what is claimed of the last child that begins at or before the
// name, nil if there is none.
func (r *nodeReader) childFor(name string, want *claim) (*claim, error) {
	var best *claim
	for first := true; r.left > 0; first = false {
		c, err := r.nextChild()
		if err == nil {
			err = r.within(want, first)
		}
		if err != nil {
			return nil, err
		}
		if c.First <= name {
			best = r.claim(c, want)
		}
	}
	return best, r.finish(want)
}

// rootEntry makes up the entry of a root directory, with the totals of its node.
func rootEntry(ctx context.Context, src Source, id ID) (Entry, error) {
	var r nodeReader
	if err := openNode(ctx, src, &r, id, -1); err != nil {
		return Entry{}, err
	}
	var e Entry
	for r.left > 0 {
		var err error
		if r.level == 0 {
			_, err = r.nextEntry(&e)
		} else {
			_, err = r.nextChild()
		}
		if err != nil {
			return Entry{}, treeError(id, err)
		}
	}
	if err := r.finish(nil); err != nil {
		return Entry{}, treeError(id, err)
	}
	return Entry{Type: TypeDirectory, Tree: id, Entries: r.entries, Bytes: r.bytes}, nil
}
