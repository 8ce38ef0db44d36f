package worktree

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"evault/internal/ignore"
	"evault/internal/vfs"
)

const (
	// maxBatch is how many items of one directory are in memory at a time.
	maxBatch = 16 << 10
	// maxAhead is how many items may wait for the consumer before the workers pause. Few enough that their memory is
	// used again while it is still in the processor's cache.
	maxAhead = 4 << 10
	// dirCost is what a directory counts for among them, besides its items.
	dirCost = 16
)

// Scanner walks a work tree. It belongs to one consumer's goroutine.
//
// Directories to be read lie on a stack, the next in depth-first order on top. Workers take from it, and so does the
// consumer when the directory it asks for was not begun yet: it never waits for a worker that waits for it. A directory
// stays open until its subdirectories were opened through it, so that no path is resolved twice.
type Scanner struct {
	ctx  context.Context
	stop context.CancelFunc
	o    ScanOptions
	wg   sync.WaitGroup

	mu     sync.Mutex
	wake   sync.Cond // a directory was read or taken, or the context ended
	stack  []*node
	nodes  map[string]*node // not yet taken, by path
	ahead  int
	free   []*DirScan
	err    error // of the options, or of closing directories
	closed bool
}

type nodeState uint8

const (
	nodePending nodeState = iota
	nodeRunning
	nodeDone
	nodeDropped
)

// node is one directory of the walk.
type node struct {
	path   string
	name   string
	parent *node
	row    int        // its number in the index, -1 if it is not there
	sel    *selection // nil: everything in it is selected
	stack  *ignore.Stack
	// trackNew: see ScanOptions; also below a file that became a directory.
	trackNew bool
	// chain: stack lacks the patterns of the directories above.
	chain bool

	// Guarded by Scanner.mu.
	state    nodeState
	dir      vfs.Dir
	users    int  // of dir: the merge, and each child not yet opened
	merging  bool // the merge is one of them
	place    int  // in parent.children
	children []*node
	visited  int // children before this one were taken or dropped
	scan     *DirScan
	cost     int
}

func newScanner(ctx context.Context, o ScanOptions) *Scanner {
	if o.Index == nil {
		o.Index = EmptyIndex()
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s := &Scanner{o: o, nodes: make(map[string]*node)}
	s.ctx, s.stop = context.WithCancel(ctx)
	s.wake.L = &s.mu
	root := &node{row: -1, stack: o.Ignore, trackNew: o.TrackNew}
	root.sel, s.err = newSelection(o.Paths)
	if row, ok := o.Index.idx.find(""); ok {
		root.row = row
	}
	s.nodes[""] = root
	s.stack = append(s.stack, root)
	context.AfterFunc(s.ctx, func() {
		s.mu.Lock()
		s.wake.Broadcast()
		s.mu.Unlock()
	})
	for range o.Workers {
		s.wg.Go(s.work)
	}
	return s
}

// work reads directories ahead until the scan ends.
func (s *Scanner) work() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		n := s.pop()
		for n == nil {
			if s.ctx.Err() != nil {
				return
			}
			s.wake.Wait()
			n = s.pop()
		}
		s.run(n)
	}
}

// pop takes the next directory to be read, nil if there is none now.
func (s *Scanner) pop() *node {
	if s.ctx.Err() != nil || s.err != nil {
		return nil
	}
	for len(s.stack) > 0 && s.ahead < maxAhead {
		n := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		if n.state == nodePending {
			return n
		}
	}
	return nil
}

// run reads one directory, without the lock.
func (s *Scanner) run(n *node) {
	n.state = nodeRunning
	d := s.newScan()
	s.mu.Unlock()
	d.begin(s, n)
	s.mu.Lock()
	s.opened(n)
	s.finishBatch(n, d)
	if n.state == nodeDropped {
		s.discard(n, d)
	} else {
		n.state, n.scan = nodeDone, d
		n.cost = len(d.Items) + dirCost
		s.ahead += n.cost
	}
	s.wake.Broadcast()
}

// opened says that n no longer needs its parent's handle.
func (s *Scanner) opened(n *node) {
	if n.parent != nil {
		s.leave(n.parent)
	}
}

// leave ends one use of a directory's handle.
func (s *Scanner) leave(n *node) {
	n.users--
	if n.users == 0 {
		s.err = errors.Join(s.err, n.dir.Close())
		n.dir = nil
	}
}

// finishBatch puts the subdirectories among the items of d on the stack, and lets go of the directory if there are no
// more items to come.
func (s *Scanner) finishBatch(n *node, d *DirScan) {
	s.dropFrom(n, len(n.children))
	n.children, n.visited = d.merge.children, 0
	d.merge.children = nil
	for i := len(n.children) - 1; i >= 0; i-- {
		c := n.children[i]
		c.place = i
		n.users++
		s.nodes[c.path] = c
		s.stack = append(s.stack, c)
	}
	if d.Last {
		s.merged(n)
	}
}

// merged says that no further names of n are wanted.
func (s *Scanner) merged(n *node) {
	if n.merging {
		n.merging = false
		s.leave(n)
	}
}

// take waits for one directory, or reads it.
func (s *Scanner) take(path string) (*DirScan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[path]
	if s.err == nil && n == nil && s.ctx.Err() == nil {
		return nil, fmt.Errorf("directory %q is not due in this scan", path)
	}
	if n != nil && n.parent != nil {
		s.dropFrom(n.parent, n.place)
		n.parent.visited = n.place + 1
	}
	for s.err == nil && s.ctx.Err() == nil && n.state != nodeDone {
		if n.state == nodePending {
			s.run(n)
			continue
		}
		s.wake.Wait()
	}
	if err := errors.Join(s.err, s.ctx.Err()); err != nil {
		return nil, err
	}
	delete(s.nodes, path)
	s.ahead -= n.cost
	s.wake.Broadcast()
	d := n.scan
	n.scan = nil
	s.progress(len(d.Items))
	return d, nil
}

func (s *Scanner) progress(names int) {
	if s.o.Progress != nil {
		s.mu.Unlock()
		defer s.mu.Lock()
		s.o.Progress(names)
	}
}

func (s *Scanner) more(d *DirScan) error {
	if d.Last {
		return fmt.Errorf("directory %q has no more names", d.Path)
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	d.nextBatch()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishBatch(d.merge.node, d)
	s.wake.Broadcast()
	s.progress(len(d.Items))
	return s.err
}

// dropFrom gives up the children of n that stand before place and were not taken, and all that is left below those that
// were.
func (s *Scanner) dropFrom(n *node, place int) {
	for i := max(n.visited-1, 0); i < place; i++ {
		s.drop(n.children[i])
	}
	n.visited = max(n.visited, place)
}

func (s *Scanner) drop(n *node) {
	if n.state == nodeDropped {
		return
	}
	before := n.state
	n.state = nodeDropped
	delete(s.nodes, n.path)
	switch {
	case before == nodePending:
		s.opened(n)
	case before == nodeDone:
		if n.scan != nil {
			s.ahead -= n.cost
			s.discard(n, n.scan)
			n.scan = nil
		}
		for _, c := range n.children[n.visited:] {
			s.drop(c)
		}
		if n.visited > 0 {
			s.drop(n.children[n.visited-1])
		}
		s.merged(n) // if its consumer did not ask for the rest
	}
}

// discard gives up a directory that was read and not taken.
func (s *Scanner) discard(n *node, d *DirScan) {
	s.merged(n)
	for _, c := range n.children {
		s.drop(c)
	}
	s.keep(d)
}

// newScan gives an empty DirScan.
func (s *Scanner) newScan() *DirScan {
	if len(s.free) == 0 {
		return new(DirScan)
	}
	d := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return d
}

// keep takes a DirScan back, unless it is a very large one.
func (s *Scanner) keep(d *DirScan) {
	if cap(d.Items) > maxAhead || len(s.free) > 256 {
		return
	}
	d.slab.reset()
	*d = DirScan{Items: d.Items[:0], slab: d.slab, merge: merge{names: d.merge.names[:0]}}
	s.free = append(s.free, d)
}

func (s *Scanner) recycle(d *DirScan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.merge.node != nil {
		s.merged(d.merge.node)
	}
	s.keep(d)
}

// Close ends the scan and waits for the workers. The error is of closing directories. It may be called twice.
func (s *Scanner) Close() error {
	s.stop()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for _, n := range s.nodes {
		s.drop(n)
	}
	return s.err
}
