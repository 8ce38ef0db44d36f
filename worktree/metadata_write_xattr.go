package worktree

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
)

// mayXattr says whether a restore sets an attribute: ordinary ones and access lists always, those that grant power or
// belong to the administrator only where owners are restored too.
func (r *run) mayXattr(name string) bool {
	if strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "trusted.") {
		return r.o.Owners && r.root
	}
	return !strings.HasPrefix(name, "system.") || strings.HasPrefix(name, "system.posix_acl_")
}

// setXattr sets one attribute. A filesystem that has no such thing is worth a note, not a failure.
func (r *run) setXattr(path string, x objects.Xattr, set func(name string, value []byte) error) error {
	if !r.mayXattr(x.Name) {
		r.note(path, fmt.Errorf("attribute %q: %w", x.Name, ErrLeftOut))
		return nil
	}
	err := set(x.Name, x.Value)
	if err != nil && errors.Is(err, errors.ErrUnsupported) {
		r.note(path, fmt.Errorf("attribute %q: %w", x.Name, err))
		return nil
	}
	return err
}

// xattrsByName makes the attributes of a name those of the entry: a new directory may have inherited some.
func (r *run) xattrsByName(d vfs.Dir, path string, e *objects.Entry) (changed bool, err error) {
	if len(e.Xattrs) == 0 && e.Type == objects.TypeSymlink {
		return false, nil
	}
	names, err := d.ListXattrs(e.Name)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return false, err
	}
	for _, name := range names {
		if !r.mayXattr(name) || name == "security.selinux" || hasXattr(e, name) {
			continue
		}
		if err := d.RemoveXattr(e.Name, name); err != nil {
			return changed, err
		}
		changed = true
	}
	for _, x := range e.Xattrs {
		if slices.Contains(names, x.Name) && sameXattr(d, e.Name, x) {
			continue
		}
		set := func(name string, value []byte) error { return d.SetXattr(e.Name, name, value) }
		if err := r.setXattr(path, x, set); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

func hasXattr(e *objects.Entry, name string) bool {
	return slices.ContainsFunc(e.Xattrs, func(x objects.Xattr) bool { return x.Name == name })
}

func sameXattr(d vfs.Dir, name string, x objects.Xattr) bool {
	value, err := d.GetXattr(name, x.Name)
	return err == nil && bytes.Equal(value, x.Value)
}
