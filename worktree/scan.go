package worktree

import (
	"context"
	"errors"
	"fmt"

	"evault/internal/ignore"
	"evault/internal/vfs"
)

// UntrackedMode says how much a scan tells about names that are not tracked.
type UntrackedMode uint8

const (
	// UntrackedNone passes them over; a directory is not even listed where the tracked names suffice.
	UntrackedNone UntrackedMode = iota
	// UntrackedNormal names them, a whole untracked directory as one item, as git status does.
	UntrackedNormal
	// UntrackedAll descends into untracked directories.
	UntrackedAll
)

// ScanOptions says what to scan.
type ScanOptions struct {
	Root  vfs.FS
	Index *Index // nil is an empty one
	// Ignore is the user's own exclude file, as a stack; nil for none. The .evaultignore files are read by the scan.
	Ignore *ignore.Stack
	// Paths limits the scan to these files and directories, relative to Root; nil is everything. Other tracked names
	// of the directories on the way are given as Unselected and not looked at.
	Paths     []string
	Untracked UntrackedMode
	// TrackNew gives untracked names that are not ignored as Added, and descends (add -A, commit -A).
	TrackNew bool
	// NoIgnore takes no notice of ignore patterns (add -f).
	NoIgnore bool
	// ShowIgnored gives ignored names as items. A name of Paths that is ignored is given in any case.
	ShowIgnored bool
	// Workers is how many directories are read side by side; 0 is one per processor.
	Workers int
	// Progress is told how many names each directory held, by the goroutine that calls [Scanner.Dir].
	Progress func(names int)
}

// ItemState is what became of a name.
type ItemState uint8

// The states. "Tracked" names are those of the index; the others are only on the disk.
const (
	Unchanged   ItemState = iota // tracked, and its key is that of the index: need not be read
	Suspect                      // tracked, and its key differs, is racy or unknown: must be read to know
	Added                        // tracked, but not yet in HEAD's tree: by add, or because of TrackNew
	Subdir                       // a directory to descend into; its DirScan says whether it is tracked
	Missing                      // tracked, and gone from the disk
	TypeChanged                  // tracked, and now another kind of thing
	Unselected                   // tracked, and outside ScanOptions.Paths: not looked at
	Removed                      // in HEAD's tree and no longer tracked (rm)
	Untracked                    // on the disk only; its Stat holds no more than the type
	Ignored                      // on the disk only, and ignored; its Stat holds no more than the type
	Unreadable                   // Err says why
	Skipped                      // cannot be kept: Err is ErrSocket or ErrNestedVault
)

var stateNames = [...]string{"unchanged", "suspect", "added", "subdir", "missing", "type changed", "unselected",
	"removed", "untracked", "ignored", "unreadable", "skipped"}

// String gives the state in words.
func (s ItemState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

var (
	// ErrSocket says that a name is a socket (or another thing that cannot be recreated) and is not kept.
	ErrSocket = errors.New("sockets are not kept")
	// ErrNestedVault says that a directory is the work tree of another vault, and not entered.
	ErrNestedVault = errors.New("holds a vault of its own, and is left out")
	// ErrChanged says that a file or directory was changed while it was being read.
	ErrChanged = errors.New("changed while it was being read")
)

// Item is one name of a directory.
type Item struct {
	Name  string
	State ItemState
	// Descend means that Scanner.Dir may be called for it: every Subdir, and a file that is now a directory.
	Descend bool
	Stat    vfs.Stat    // where the state implies that it was looked at; of a Subdir no more than the type
	Entry   *IndexEntry // nil if the name is not a file of the index
	Sub     *IndexDir   // a tracked directory that is Missing, TypeChanged, Unselected or Unreadable
	Err     error       // Unreadable, Skipped
}

// DirScan is what the scan found in one directory. It stays valid until Release.
type DirScan struct {
	Path string
	// Stat is the directory itself, looked at before its names were.
	Stat vfs.Stat
	// Self is the state of the directory itself: Unchanged, Suspect (its key differs: its mode, owner or attributes
	// may have changed, or only names in it), or Added.
	Self ItemState
	// Items are the names in ascending order. Of a directory of more than maxBatch names they are only the first:
	// [Scanner.More] brings the next.
	Items []Item
	// Last means that no further items follow.
	Last bool
	// Index is the directory in the index; nil if it is not tracked.
	Index *IndexDir
	// Clean means that nothing in this directory differs from HEAD's tree, subdirectories and itself not considered:
	// all its items are Unchanged or Subdir, and all of those are tracked. It is false until Last.
	Clean bool
	// Complete means that the directory holds exactly the tracked names; it is for DirBlock.Complete. It is false
	// until Last.
	Complete bool
	// Nested means that the directory holds a vault of its own. If it is not tracked it has no Items then: see
	// [DirScan.LeftOut].
	Nested bool
	// Ignore is the stack of patterns that apply in the directory; nil where nothing needed them.
	Ignore *ignore.Stack
	// Err says why the directory could not be read. There are no Items then.
	Err error

	merge merge
	slab  entrySlab
}

// LeftOut says that the directory belongs to a vault of its own, and that nobody has asked to track it here as well.
func (d *DirScan) LeftOut() bool { return d.Nested && d.Index == nil }

// Open opens the directory to read its files. It fails with [ErrChanged] if another directory has taken its place.
func (d *DirScan) Open() (vfs.Dir, error) {
	dir, err := d.merge.s.o.Root.OpenDir(d.Path)
	if err != nil {
		return nil, err
	}
	var st vfs.Stat
	if err := dir.Stat(&st); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	if st.Ino != d.Stat.Ino || st.Dev != d.Stat.Dev {
		return nil, errors.Join(fmt.Errorf("directory %q: %w", d.Path, ErrChanged), dir.Close())
	}
	return dir, nil
}

// Release gives the memory of d back to the scanner. Nothing of it may be used afterwards, except names and the bytes
// of index entries. It need not be called.
func (d *DirScan) Release() {
	if d.merge.s != nil {
		d.merge.s.recycle(d)
	}
}

// NewScanner begins a scan. Workers read ahead, in the order in which [Scanner.Dir] is to be called, no further than a
// bounded number of names.
//
//	s := NewScanner(ctx, o)
//	defer s.Close()
//	visit := func(path string) {
//		d, err := s.Dir(path)
//		for {
//			for i := range d.Items {
//				if it := &d.Items[i]; it.Descend {
//					visit(path + "/" + it.Name)
//				} ...
//			}
//			if d.Last {
//				break
//			}
//			err = s.More(d)
//		}
//		d.Release()
//	}
//	visit("")
//
// The folder .evault, sockets and temporary files of a restore are passed over. Mount points are crossed.
func NewScanner(ctx context.Context, o ScanOptions) *Scanner { return newScanner(ctx, o) }

// Dir gives the scan of one directory: first the root, "", then any of the items that have Descend set, depth first
// and in order of names. Those left out are dropped. The error is the context's, or tells of a path that is not one of
// these; what is wrong with the directory itself is in [DirScan.Err].
func (s *Scanner) Dir(path string) (*DirScan, error) { return s.take(path) }

// More replaces the items of d, which is not yet Last, by the following ones. It must be called after those of the
// present ones that have Descend set have been visited.
func (s *Scanner) More(d *DirScan) error { return s.more(d) }
