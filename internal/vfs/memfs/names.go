package memfs

// names is a set of directory entries, of the operations that change them: which operations rest on which others.
type names struct {
	entries map[entry]bool
	inside  map[uint64]bool // directories with an entry in the set
	removed map[uint64]bool // directories whose removal is in the set
}

type entry struct {
	dir  uint64
	base string
}

func newNames() names {
	return names{map[entry]bool{}, map[uint64]bool{}, map[uint64]bool{}}
}

func (s names) add(op *Op) {
	if !op.changesEntry() {
		return
	}
	for _, e := range op.entries() {
		s.entries[e] = true
		s.inside[e.dir] = true
	}
	if op.Kind == RemoveDir {
		s.removed[op.ino] = true
	}
}

// entries gives the one or two entries that an operation changes.
func (op *Op) entries() []entry {
	switch op.Kind {
	case Rename:
		return []entry{{op.dir, op.base}, {op.newDir, op.newBase}}
	case Link:
		return []entry{{op.newDir, op.newBase}}
	}
	return []entry{{op.dir, op.base}}
}

// meets reports whether an operation in the set rests on op, which is older than all of them: it changes the same
// name, or removes the directory in which op changed one.
func (s names) meets(op *Op) bool {
	if !op.changesEntry() {
		return false
	}
	for _, e := range op.entries() {
		if s.entries[e] || s.removed[e.dir] {
			return true
		}
	}
	return false
}

// meetsLater reports whether op, which is newer than all in the set, rests on one of them.
func (s names) meetsLater(op *Op) bool {
	if !op.changesEntry() {
		return false
	}
	for _, e := range op.entries() {
		if s.entries[e] {
			return true
		}
	}
	return op.Kind == RemoveDir && s.inside[op.ino]
}
