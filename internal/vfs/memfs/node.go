package memfs

import (
	"maps"

	"evault/internal/vfs"
)

// node is an inode.
type node struct {
	ino      uint64
	typ      vfs.Type
	perm     uint32
	uid, gid uint32
	rdev     uint64
	nlink    uint64 // names, of a directory 2 + its subdirectories; 0 once it is gone
	mtime    vfs.Time
	ctime    vfs.Time

	content content           // of a regular file
	synced  content           // what it held at the last Sync
	target  string            // of a symlink
	entries map[string]*node  // of a directory
	xattrs  map[string][]byte // values are never changed in place

	holder *file // who has the lock
}

func (n *node) fill(st *vfs.Stat) {
	*st = vfs.Stat{
		Type: n.typ, Perm: n.perm, UID: n.uid, GID: n.gid, Rdev: n.rdev,
		Dev: 1, Ino: n.ino, Nlink: n.nlink, Mtime: n.mtime, Ctime: n.ctime,
	}
	switch n.typ {
	case vfs.Regular:
		st.Size = n.content.size
		st.Blocks = (n.content.stored() + 511) / 512
	case vfs.Symlink:
		st.Size = int64(len(n.target))
	}
}

// copyAlone gives a copy that shares bytes but nothing that changes; its entries are still those of n.
func (n *node) copyAlone() *node {
	c := *n
	c.content, c.synced, c.holder = n.content.snapshot(), n.synced.snapshot(), nil
	c.entries, c.xattrs = maps.Clone(n.entries), maps.Clone(n.xattrs)
	return &c
}

// link and unlink keep the link counts while changing one entry of a directory.
func (n *node) link(name string, child *node) {
	n.entries[name] = child
	child.nlink++
	if child.typ == vfs.Directory {
		child.nlink = 2 + child.subdirs()
		n.nlink++
	}
}

func (n *node) unlink(name string) {
	child := n.entries[name]
	if child == nil {
		return
	}
	delete(n.entries, name)
	child.nlink--
	if child.typ == vfs.Directory {
		child.nlink = 0
		n.nlink--
	}
}

func (n *node) subdirs() (count uint64) {
	for _, c := range n.entries {
		if c.typ == vfs.Directory {
			count++
		}
	}
	return count
}
