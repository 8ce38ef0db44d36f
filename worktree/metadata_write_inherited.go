package worktree

import (
	"encoding/binary"
	"slices"

	"evault/internal/vfs"
	"evault/objects"
)

// aclAccess is the attribute under which Linux keeps the access list of a file.
const aclAccess = "system.posix_acl_access"

// disinherit takes away the access list that a new file got from the default list of its directory, if the entry has
// none: it would let in people whom the committed file did not. One look per directory tells whether its files get any.
func (w *worker) disinherit(f vfs.File, dir *targetDir, e *objects.Entry) error {
	dir.mu.Lock()
	inherits := dir.inherits
	dir.mu.Unlock()
	if inherits == inheritsUnknown {
		names, err := f.ListXattrs()
		if err != nil {
			return err
		}
		inherits = inheritsNothing
		if slices.Contains(names, aclAccess) {
			inherits = inheritsList
		}
		dir.mu.Lock()
		dir.inherits = inherits
		dir.mu.Unlock()
	}
	if inherits == inheritsNothing || hasXattr(e, aclAccess) {
		return nil
	}
	return f.SetXattr(aclAccess, plainList(e.Mode))
}

// inheritance says what new files of a directory get from it.
type inheritance uint8

const (
	inheritsUnknown inheritance = iota
	inheritsNothing
	inheritsList // an access list
)

// plainList encodes the access list that says just what nine permission bits say: Linux then keeps none. The layout is
// that of linux/posix_acl_xattr.h: version 2, then tag, permissions and an unused ID for owner, group and others.
func plainList(mode uint32) []byte {
	const owner, group, other, noID = 0x01, 0x04, 0x20, 0xffffffff
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, part := range []struct{ tag, perm uint32 }{{owner, mode >> 6 & 7}, {group, mode >> 3 & 7}, {other, mode & 7}} {
		b = binary.LittleEndian.AppendUint16(b, uint16(part.tag))
		b = binary.LittleEndian.AppendUint16(b, uint16(part.perm))
		b = binary.LittleEndian.AppendUint32(b, noID)
	}
	return b
}
