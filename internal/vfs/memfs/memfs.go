// Package memfs is a filesystem in memory for tests. It behaves as the real one does, which the suite in vfstest
// holds true, and lets a test do what no real disk allows:
//
//   - read the list of operations that a piece of code performed ([Memory.Ops]);
//   - make any one of them fail, in part or wholly, once or for good ([Memory.SetFault]);
//   - walk through the states that a disk may be in after a crash at any instant ([Crashes]).
//
// A crash test goes
//
//	m := memfs.New(memfs.Options{})
//	... prepare ...
//	base := m.Snapshot()
//	m.Record()
//	... the code under test ...
//	for state := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{}) {
//		... open what state.Open() holds and judge it ...
//	}
//
// It knows no permissions: it behaves as for root.
package memfs

import (
	"sync"
	"time"

	"evault/internal/vfs"
)

// Options for [New].
type Options struct {
	// Now gives the time for new modification times; time.Now if nil. It is called with the filesystem locked.
	Now func() time.Time
	// Umask is taken from the permissions of what is created.
	Umask uint32
}

// Memory is a filesystem in memory. It satisfies vfs.FS, and is safe for concurrent use.
type Memory struct {
	d    *disk
	root *node
	path string // of root, from the root of the disk; "" for that one
}

var _ vfs.FS = (*Memory)(nil)

// disk is what every Memory, directory and file opened from one New share.
type disk struct {
	opts Options

	mu      sync.Mutex
	unlock  sync.Cond // a lock was released
	lastIno uint64
	root    *node
	next    int // index of the next operation
	fault   func(Op) error
	ops     []Op
	record  bool
}

// New makes an empty filesystem.
func New(opts Options) *Memory {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	d := newDisk(opts)
	d.root = d.newNode(vfs.Directory, 0o755)
	d.root.nlink = 2
	return &Memory{d: d, root: d.root}
}

func newDisk(opts Options) *disk {
	d := &disk{opts: opts}
	d.unlock.L = &d.mu
	return d
}

func (d *disk) newNode(t vfs.Type, perm uint32) *node {
	d.lastIno++
	now := d.now()
	n := &node{ino: d.lastIno, typ: t, perm: perm &^ d.opts.Umask & 0o7777, mtime: now, ctime: now}
	if t == vfs.Directory {
		n.entries = map[string]*node{}
	}
	if t == vfs.Symlink {
		n.perm = 0o777
	}
	return n
}

func (d *disk) now() vfs.Time { return vfs.TimeOf(d.opts.Now()) }

// touch notes that a node's contents changed.
func (d *disk) touch(n *node) {
	n.mtime = d.now()
	n.ctime = n.mtime
}

// Record starts a new, empty list of operations.
func (m *Memory) Record() {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	m.d.ops, m.d.record = nil, true
}

// Ops gives the operations that changed something or made it durable, in order, since [Memory.Record]. Those that
// failed are not among them, except that of a short write the part written is, and a failed Sync is, marked as such.
func (m *Memory) Ops() []Op {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	return m.d.ops[:len(m.d.ops):len(m.d.ops)]
}

// OpCount gives the number of operations so far, those that only look included: the next one's Index.
func (m *Memory) OpCount() int {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	return m.d.next
}

// Mark puts a label into the list of operations: "the user was told that this commit is done". A crash state then
// says which labels lie before it, and so what must not be lost.
func (m *Memory) Mark(label string) {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	m.d.log(Op{Kind: Mark, Name: label, Index: m.d.next})
}

// log records op if recording is on. The disk is locked.
func (d *disk) log(op Op) {
	if d.record && op.Kind.Mutates() {
		d.ops = append(d.ops, op)
	}
}

// Snapshot gives an independent copy of the whole disk as it is now, with everything in it taken to be durable. It
// has no open files, locks, faults or recorded operations.
func (m *Memory) Snapshot() *Memory {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	d := newDisk(m.d.opts)
	d.lastIno = m.d.lastIno
	d.root = copyTree(m.d.root, map[uint64]*node{})
	return &Memory{d: d, root: d.root}
}

// copyTree copies n and what is below it, and collects the copies by inode so that hard links stay such.
func copyTree(n *node, seen map[uint64]*node) *node {
	if c := seen[n.ino]; c != nil {
		return c
	}
	c := n.copyAlone()
	c.synced = c.content.snapshot()
	seen[n.ino] = c
	for name, child := range c.entries {
		c.entries[name] = copyTree(child, seen)
	}
	return c
}
