package memfs

import (
	"fmt"
	"strings"

	"evault/internal/vfs"
)

// Open gives the disk as the crash left it, a new one at every call.
func (c Crash) Open() *Memory {
	r := c.model.image.copy()
	lost := c.Lost // ascending
	for i := c.model.start; i < c.Done; i++ {
		op := &c.model.ops[i]
		r.born(op)
		switch {
		case i == c.Torn:
			r.tear(op, c.Kept, c.Short)
		case len(lost) > 0 && lost[0] == i:
			lost = lost[1:]
		default:
			r.apply(op)
		}
	}
	r.settle()
	d := newDisk(c.model.opts)
	d.root, d.lastIno = r.nodes[r.root], r.lastIno
	return &Memory{d: d, root: d.root}
}

// String describes the state, for the message of a failing test.
func (c Crash) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "crash after %d operations", c.Done)
	if c.Done > 0 {
		fmt.Fprintf(&b, " (last: %v)", c.model.ops[c.Done-1])
	}
	for _, i := range c.Lost {
		fmt.Fprintf(&b, "\n  lost %v", c.model.ops[i])
	}
	if c.Torn >= 0 {
		fmt.Fprintf(&b, "\n  torn after %d bytes (short: %v) %v", c.Kept, c.Short, c.model.ops[c.Torn])
	}
	return b.String()
}

// image is a disk without anything around it, to which recorded operations, which name inodes, can be applied. It
// also holds inodes that have no name, as they may be written to or get one later.
type image struct {
	root    uint64
	lastIno uint64
	nodes   map[uint64]*node
}

// imageOf copies a disk.
func imageOf(d *disk) *image {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &image{d.root.ino, d.lastIno, map[uint64]*node{}}
	copyTree(d.root, r.nodes)
	return r
}

func (r *image) copy() *image {
	c := &image{r.root, r.lastIno, make(map[uint64]*node, len(r.nodes))}
	for ino, n := range r.nodes {
		c.nodes[ino] = n.copyAlone()
	}
	for _, n := range c.nodes {
		for name, child := range n.entries {
			n.entries[name] = c.nodes[child.ino]
		}
	}
	return c
}

// born makes the inode of an operation that creates one, whether its name survives or not: another name may.
func (r *image) born(op *Op) {
	switch op.Kind {
	case Create, Mkdir, Symlink, Mknod:
	default:
		return
	}
	n := &node{ino: op.ino, typ: op.typ, perm: op.perm, rdev: op.rdev, target: op.text, mtime: op.mtime, ctime: op.mtime}
	if n.typ == vfs.Directory {
		n.entries = map[string]*node{}
	}
	r.nodes[op.ino] = n
	r.lastIno = max(r.lastIno, op.ino)
}

func (r *image) apply(op *Op) {
	n := r.nodes[op.ino]
	if n == nil { // it had lost its last name before the recording began
		return
	}
	switch op.Kind {
	case Create, Mkdir, Symlink, Mknod:
		r.set(op.dir, op.base, n)
	case Link:
		r.set(op.newDir, op.newBase, n)
	case Remove, RemoveDir:
		r.clear(op.dir, op.base, n)
	case Rename:
		r.clear(op.dir, op.base, n)
		r.set(op.newDir, op.newBase, n)
	case Write:
		n.content.writeAt(op.Data, op.Offset)
		n.mtime = op.mtime
	case Truncate:
		n.content.truncate(op.Offset)
		n.mtime = op.mtime
	case Chmod:
		n.perm = op.perm
	case Chown:
		n.uid, n.gid = op.uid, op.gid
	case Chtimes:
		n.mtime = op.mtime
	case SetXattr:
		if n.xattrs == nil {
			n.xattrs = map[string][]byte{}
		}
		n.xattrs[op.text] = op.Data
	case RemoveXattr:
		delete(n.xattrs, op.text)
	}
}

// tear applies the first keep bytes of a write; the rest is zeros, or missing.
func (r *image) tear(op *Op, keep int, short bool) {
	torn := *op
	torn.Data = op.Data[:keep:keep]
	if !short {
		torn.Data = make([]byte, len(op.Data))
		copy(torn.Data, op.Data[:keep])
	}
	r.apply(&torn)
}

func (r *image) set(dir uint64, base string, n *node) {
	if d := r.nodes[dir]; d != nil {
		d.entries[base] = n
	}
}

// clear removes a name if it still stands for n: the operation that gave it to n may have been lost.
func (r *image) clear(dir uint64, base string, n *node) {
	if d := r.nodes[dir]; d != nil && d.entries[base] == n {
		delete(d.entries, base)
	}
}

// settle counts the names of every inode, and takes all contents to be durable.
func (r *image) settle() {
	for _, n := range r.nodes {
		n.nlink = 0
		if n.typ == vfs.Directory {
			n.nlink = 2
		}
		n.synced = n.content.snapshot()
	}
	for _, n := range r.nodes {
		for _, c := range n.entries {
			if c.typ == vfs.Directory {
				n.nlink++
			} else {
				c.nlink++
			}
		}
	}
}
