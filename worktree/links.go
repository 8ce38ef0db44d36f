package worktree

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"evault/internal/vfs"
)

// Links gives the names of one file (hard links) a common number, the LinkGroup of their entries. The zero Links is
// ready for use, and safe for concurrent use.
//
// The number is made from the first name met, so that it does not depend on the disk the tree lies on; a number already
// recorded is kept by Seed, so that names which did not change keep their entries. No two files have the same number.
type Links struct {
	mu     sync.Mutex
	groups map[inode]uint64
	taken  map[uint64]bool
}

type inode struct{ dev, ino uint64 }

// Seed records the number of a file that is known already: of an unchanged entry with a LinkGroup. The first one stays, of
// two numbers for a file as well as of two files for a number.
func (l *Links) Seed(dev, ino, group uint64) {
	if group == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.taken[group] {
		l.put(inode{dev, ino}, group)
	}
}

// Reserve keeps a number from being given to a file that is not seeded with it.
func (l *Links) Reserve(group uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(group)
}

func (l *Links) take(group uint64) {
	if l.taken == nil {
		l.taken = make(map[uint64]bool)
	}
	l.taken[group] = true
}

func (l *Links) put(i inode, group uint64) {
	if l.groups == nil {
		l.groups = make(map[inode]uint64)
	}
	if _, ok := l.groups[i]; !ok {
		l.groups[i] = group
		l.take(group)
	}
}

// Group gives the number of the file that st describes and path names: 0 if it has no other name, or is a directory.
func (l *Links) Group(st *vfs.Stat, path string) uint64 {
	if st.Nlink <= 1 || st.Type == vfs.Directory {
		return 0
	}
	i := inode{st.Dev, st.Ino}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.groups[i]; !ok {
		group := groupOf(path)
		for l.taken[group] {
			group = max(group+1, 1)
		}
		l.put(i, group)
	}
	return l.groups[i]
}

// groupOf is the first eight bytes of the path's SHA-256, never 0.
func groupOf(path string) uint64 {
	sum := sha256.Sum256([]byte(path))
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}
