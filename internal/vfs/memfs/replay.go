package memfs

import (
	"fmt"
	"strings"

	"evault/internal/vfs"
)

// Open gives the disk as the crash left it, a new one at every call.
func (c Crash) Open() *Memory {
	base := c.model.base
	base.d.mu.Lock()
	d := newDisk(base.d.opts)
	d.lastIno = base.d.lastIno
	r := replay{d, map[uint64]*node{}}
	d.root = copyTree(base.d.root, r.nodes)
	base.d.mu.Unlock()
	lost := c.Lost // ascending
	for i := range c.model.ops[:c.Done] {
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

// replay applies recorded operations, which name inodes, to a disk.
type replay struct {
	d     *disk
	nodes map[uint64]*node
}

// born makes the inode of an operation that creates one, whether its name survives or not: another name may.
func (r replay) born(op *Op) {
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
	r.d.lastIno = max(r.d.lastIno, op.ino)
}

func (r replay) apply(op *Op) {
	n := r.nodes[op.ino]
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
func (r replay) tear(op *Op, keep int, short bool) {
	torn := *op
	torn.Data = op.Data[:keep:keep]
	if !short {
		torn.Data = make([]byte, len(op.Data))
		copy(torn.Data, op.Data[:keep])
	}
	r.apply(&torn)
}

func (r replay) set(dir uint64, base string, n *node) { r.nodes[dir].entries[base] = n }

// clear removes a name if it still stands for n: the operation that gave it to n may have been lost.
func (r replay) clear(dir uint64, base string, n *node) {
	if entries := r.nodes[dir].entries; entries[base] == n {
		delete(entries, base)
	}
}

// settle counts the names of every inode, and takes all contents to be durable.
func (r replay) settle() {
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
