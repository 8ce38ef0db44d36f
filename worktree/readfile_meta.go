package worktree

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
)

// XattrError says that the extended attributes of a name could not be read. The rest of its entry is complete, so that
// the file can be kept without them, and said so.
type XattrError struct {
	Name string
	Err  error
}

func (e *XattrError) Error() string {
	return fmt.Sprintf("extended attributes of %q: %v", e.Name, e.Err)
}

// Unwrap gives what went wrong.
func (e *XattrError) Unwrap() error { return e.Err }

// ReadMeta fills e with everything about a name but its content, tree and link group: type, mode, owner's and group's
// numbers and names, mtime, extended attributes, the target of a link, the numbers of a device, and whether a file is
// sparse. st is what lstat said about it. The slices of e are used again where they are large enough.
//
// All extended attributes that can be read are kept, among them ACLs (system.posix_acl_*), capabilities and security
// labels; who restores decides which to set. Where they cannot be read the error is an *[XattrError].
func ReadMeta(dir vfs.Dir, name string, st *vfs.Stat, owners *Owners, e *objects.Entry) error {
	if err := fillStat(name, st, owners, e); err != nil {
		return err
	}
	if st.Type == vfs.Symlink {
		target, err := dir.Readlink(name)
		if err != nil {
			return err
		}
		e.Target = target
	}
	return readXattrs(e,
		func() ([]string, error) { return dir.ListXattrs(name) },
		func(attr string) ([]byte, error) { return dir.GetXattr(name, attr) })
}

// fillStat is the part of ReadMeta that needs no look at the disk.
func fillStat(name string, st *vfs.Stat, owners *Owners, e *objects.Entry) error {
	t := entryType(st.Type)
	if t == 0 {
		return fmt.Errorf("%q is a %v: %w", name, st.Type, ErrSocket)
	}
	*e = objects.Entry{
		Name: name, Type: t, Mode: st.Perm & 0o7777,
		UID: st.UID, GID: st.GID, User: owners.User(st.UID), Group: owners.Group(st.GID),
		Mtime:  objects.Time{Sec: st.Mtime.Sec, Nsec: st.Mtime.Nsec},
		Xattrs: e.Xattrs[:0], Content: objects.Content{Inline: e.Content.Inline[:0]},
	}
	switch t {
	case objects.TypeFile:
		e.Size, e.Sparse = uint64(st.Size), hasHoles(st)
	case objects.TypeCharDevice, objects.TypeBlockDevice:
		e.Major, e.Minor = deviceNumbers(st.Rdev)
	}
	return nil
}

// entryType gives the type of entry, 0 for what cannot be kept.
func entryType(t vfs.Type) objects.EntryType {
	switch t {
	case vfs.Regular:
		return objects.TypeFile
	case vfs.Directory:
		return objects.TypeDirectory
	case vfs.Symlink:
		return objects.TypeSymlink
	case vfs.Fifo:
		return objects.TypeFifo
	case vfs.CharDevice:
		return objects.TypeCharDevice
	case vfs.BlockDevice:
		return objects.TypeBlockDevice
	}
	return 0
}

func readXattrs(e *objects.Entry, list func() ([]string, error), get func(string) ([]byte, error)) error {
	names, err := list()
	if err != nil {
		return &XattrError{e.Name, err}
	}
	slices.Sort(names)
	total := 0
	for _, attr := range names {
		value, err := get(attr)
		if errors.Is(err, fs.ErrNotExist) || isNoAttr(err) {
			continue // removed since it was listed
		}
		total += len(attr) + len(value)
		if err == nil && (total > objects.MaxXattrBytes || len(e.Xattrs) == objects.MaxXattrs) {
			err = fmt.Errorf("more than %d bytes or %d attributes", objects.MaxXattrBytes, objects.MaxXattrs)
		}
		if err != nil {
			return &XattrError{e.Name, err}
		}
		e.Xattrs = append(e.Xattrs, objects.Xattr{Name: strings.Clone(attr), Value: value})
	}
	return nil
}
