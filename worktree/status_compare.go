package worktree

import (
	"bytes"
	"errors"
	"slices"

	"evault/internal/vfs"
	"evault/objects"
)

// errOtherType says that a name is another kind of thing than was recorded.
var errOtherType = errors.New("is another kind of thing than was recorded")

// compareEntry says what differs between a name on the disk and its recorded entry. Without all it stops at the first
// proof that something does, and reads a file only if nothing else differs.
func compareEntry(r *FileReader, dir vfs.Dir, s *suspect, all bool) (Detail, error) {
	var old, now objects.Entry
	if _, err := objects.DecodeEntry(s.raw, &old); err != nil {
		return 0, damaged("entry %q: %v", s.path, err)
	}
	if err := fillStat(s.name, &s.st, r.owners, &now); err != nil {
		return 0, err
	}
	if now.Type != old.Type {
		return 0, errOtherType
	}
	detail := compareStat(&old, &now, s.st.Nlink)
	if detail != 0 && !all {
		return detail, nil
	}
	if now.Type == objects.TypeDirectory || now.Size != old.Size {
		if err := ReadMeta(dir, s.name, &s.st, r.owners, &now); err != nil {
			return detail, err
		}
	} else if err := r.Read(dir, s.name, &s.st, &now); err != nil {
		return detail, err
	}
	return detail | compareRead(&old, &now), nil
}

// compareStat compares what lstat told.
func compareStat(old, now *objects.Entry, nlink uint64) (d Detail) {
	if old.Mode != now.Mode && old.Type != objects.TypeSymlink {
		d |= DetailMode // a link's own mode means nothing
	}
	if old.UID != now.UID || old.GID != now.GID {
		d |= DetailOwner
	}
	if old.Type == objects.TypeDirectory {
		return d
	}
	if old.Mtime != now.Mtime {
		d |= DetailTimes
	}
	if (old.LinkGroup != 0) != (nlink > 1) {
		d |= DetailLinks
	}
	if old.Size != now.Size || old.Major != now.Major || old.Minor != now.Minor {
		d |= DetailContent
	}
	return d
}

// compareRead compares what had to be read. Names of owners are not compared: they follow from the numbers, and change
// with the system's list of users, not with the file.
func compareRead(old, now *objects.Entry) (d Detail) {
	sameXattr := func(a, b objects.Xattr) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) }
	if !slices.EqualFunc(old.Xattrs, now.Xattrs, sameXattr) {
		d |= DetailXattrs
	}
	if old.Target != now.Target || old.Type == objects.TypeFile && (old.Size != now.Size || !old.Content.Equal(&now.Content)) {
		d |= DetailContent
	}
	return d
}

// opener gives a way to open the directory that outlives d.
func (d *DirScan) opener() func() (vfs.Dir, error) {
	copied := &DirScan{Path: d.Path, Stat: d.Stat}
	copied.merge.s = d.merge.s
	return copied.Open
}
