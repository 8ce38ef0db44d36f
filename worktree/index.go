package worktree

import (
	"errors"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// ErrIndexDamaged says that the index cannot be used: torn, altered, sealed by another key, or of another version.
// Nothing is lost: the caller rebuilds it from HEAD's tree, with zero keys, so that everything is read once.
var ErrIndexDamaged = errors.New("stat index is damaged")

// IndexEntry is one tracked name that is not a directory.
type IndexEntry struct {
	Name string
	Key  StatKey // what the file looked like when it was last read; zero if it must be read
	// Racy is set when the file may have changed since without its key changing: Key is never enough to take it as
	// unchanged. Writers set it; an entry taken from one index into another keeps it.
	Racy bool
	// Added means tracked by add and never committed: HEAD's tree does not hold it.
	Added bool
	// Removed means no longer tracked, though HEAD's tree still holds it (rm): the next commit drops it.
	Removed bool
	// Raw is the objects.AppendEntry encoding that HEAD's tree holds; nil when Added. It must not be modified.
	Raw []byte
}

// Tracked reports whether a commit takes the name.
func (e *IndexEntry) Tracked() bool { return !e.Removed }

// Index is the loaded stat index. It is immutable and safe for concurrent use. Loading decrypts the file and decodes
// nothing: directories and entries are decoded when asked for, so that an index of a million entries costs its bytes
// and no more.
type Index struct {
	data []byte // the decrypted stream
	text string // the same bytes: names are cut from it without copying
	idx  indexTable
	base objects.ID
}

// Base is the root tree that the index speaks of: HEAD's when it was written. It is zero for an index of no commit. A
// crash may leave an index that is behind HEAD; comparing Base tells.
func (ix *Index) Base() objects.ID { return ix.base }

// EmptyIndex is the index of a work tree in which nothing is tracked.
func EmptyIndex() *Index { return &Index{} }

// LoadIndex reads the index name in local, sealed by s. A missing file is an empty index. It fails with
// [ErrIndexDamaged] where the file cannot be used and with the disk's error where it cannot be read.
func LoadIndex(local vfs.FS, name string, s *keys.Sealer) (*Index, error) {
	return loadIndex(local, name, s)
}

// IndexDir is one tracked directory: itself and the names in it that are not directories. Subdirectories are
// directories of the index of their own.
type IndexDir struct {
	Path string
	Key  StatKey // of the directory itself
	Racy bool    // as in IndexEntry, of Key
	// Complete means that when Key was taken the directory held exactly the tracked names. While its key stays the
	// same no other name can be there, and a scan need not list it.
	Complete bool
	Added    bool // tracked by add and never committed
	Removed  bool // no longer tracked, though HEAD's tree still holds it; all that is in it is Removed, too
	// Raw is the entry that the parent's tree in HEAD holds for this directory; nil when Added, and for the root.
	Raw []byte
	// Tree is what HEAD's tree holds for this directory; zero where that is not known or no longer so, because a
	// name in it was added or removed. It covers the subdirectories too.
	Tree objects.TreeRef

	ix     *Index
	at     int    // its number in the directory table
	pieces []byte // encoded list of the pieces that hold its entries
	tail   span   // the last piece
}

// Dir finds a tracked directory; "" is the root.
func (ix *Index) Dir(path string) (*IndexDir, bool) {
	i, ok := ix.idx.find(path)
	if !ok {
		return nil, false
	}
	d := new(IndexDir)
	ix.loadDir(i, d)
	return d, true
}

// Tracked reports whether path is a tracked file or directory.
func (ix *Index) Tracked(path string) bool {
	if d, ok := ix.Dir(path); ok && !d.Removed {
		return true
	}
	e, ok := ix.Entry(path)
	return ok && e.Tracked()
}

// Entry finds one tracked or removed name that is not a directory.
func (ix *Index) Entry(path string) (IndexEntry, bool) {
	dir, name := splitPath(path)
	d, ok := ix.Dir(dir)
	if !ok {
		return IndexEntry{}, false
	}
	return d.Find(name)
}

// HasUnder reports whether dir is a tracked directory. Every directory above a tracked name is one.
func (ix *Index) HasUnder(dir string) bool {
	d, ok := ix.Dir(dir)
	return ok && !d.Removed
}

// Len gives the number of directories in the index.
func (ix *Index) Len() int { return ix.idx.len() }
