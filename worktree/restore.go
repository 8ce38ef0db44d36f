package worktree

import (
	"context"
	"errors"
	"fmt"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// Source is where a restore takes trees, file lists and chunks from. It must be safe for concurrent use.
type Source interface {
	objects.Source
	objects.ChunkSource
}

// Selection limits a restore to these paths and what is below them; empty means the whole tree.
type Selection []string

// Budget bounds what a restore may write. A tree says in advance how many entries and bytes are below each directory;
// the sums are checked before the first write, and a tree that turns out to hold more than it said is refused where it
// does. Zero fields do not bound.
type Budget struct {
	Entries uint64 // files, directories, links, ...
	Bytes   uint64 // sum of the files' sizes
}

// RestoreOptions says where and how a tree is written to disk.
type RestoreOptions struct {
	// Root is the directory that is written to. Nothing outside of it is.
	Root vfs.FS
	// Workers write files side by side; 0 means one for each processor, at least 2.
	Workers int
	// Owners restores owners and groups, the setuid and setgid bits, and the attributes that only the
	// administrator may set (security.*, trusted.*). Callers set it for root only. Owners are found by their names, if this system
	// knows them, else by their numbers.
	Owners bool
	// NumericOwners takes the numbers of owners whatever their names.
	NumericOwners bool
	// Devices restores character and block devices. Without it they are left out and reported.
	Devices bool
	// Sparse leaves holes for all long runs of zeros, not only in files that were sparse.
	Sparse bool
	// SkipSame does not rewrite a file that has the recorded size, modification time and content: its bytes are
	// read and their IDs compared. It needs NewHasher.
	SkipSame bool
	// FoldNames refuses trees that hold names which differ only in case or Unicode form, because the filesystem takes
	// them for the same. It is always on on Windows and macOS.
	FoldNames bool
	// NewHasher makes a hasher for one goroutine, as keys.Vault.NewHasher does.
	NewHasher func() *keys.Hasher
	// Budget bounds what is written.
	Budget Budget
	// DryRun writes nothing: Planned is called for everything that would be restored.
	DryRun bool
	// Planned is called in a dry run, from one goroutine. The entry is only valid during the call.
	Planned func(path string, e *objects.Entry)
	// Progress is called now and then, never from two goroutines at once.
	Progress func(RestoreProgress)
	// Written is called for each file, link and device that is in place, with the key of its final state, and for
	// each directory whose metadata is final, never from two goroutines at once and in no particular order. The
	// entry is only valid during the call.
	Written func(dir string, e *objects.Entry, key StatKey)
}

// RestoreProgress says how far a restore is.
type RestoreProgress struct {
	Entries, TotalEntries uint64
	Bytes, TotalBytes     uint64
}

// Problem is one thing that could not be restored, or not completely.
type Problem struct {
	Path string
	Err  error
}

// RestoreResult says what a restore did.
type RestoreResult struct {
	Files, Directories, Symlinks, Hardlinks, Specials uint64 // in place, whether written or found the same
	Same                                              uint64 // of Files, those that needed no writing
	Bytes                                             uint64 // of file content in place
	Removed                                           uint64 // names removed by a checkout
	// Problems are the first [MaxProblems] things that failed; ProblemCount counts all.
	Problems     []Problem
	ProblemCount int
	// Notes say what was left out on purpose, or cannot be kept on this filesystem. They do not make a restore
	// fail.
	Notes []Problem
}

// MaxProblems bounds the lists of problems and of notes in a result.
const MaxProblems = 1000

var (
	// ErrIncomplete says that something could not be restored; the result names it.
	ErrIncomplete = errors.New("not everything was restored")
	// ErrBudget says that a tree is larger than the restore may write.
	ErrBudget = errors.New("larger than allowed")
	// ErrInTheWay says that a directory stands where something else must be written and cannot be removed.
	ErrInTheWay = errors.New("a directory is in the way")
	// ErrReservedName says that a name is kept for the temporary files of a restore.
	ErrReservedName = errors.New("name is reserved for temporary files")
	// ErrChangedSince says that a file changed between the plan of a checkout and its application.
	ErrChangedSince = errors.New("changed while the checkout was under way")
	// ErrLeftOut says that something is not restored because the options do not ask for it.
	ErrLeftOut = errors.New("left out")
)

// CollisionError says that names of one directory cannot be told apart, or cannot exist, on this system. Nothing was written.
type CollisionError struct {
	Paths []string
}

func (e *CollisionError) Error() string {
	if len(e.Paths) == 0 {
		return "names cannot exist side by side on this system"
	}
	return fmt.Sprintf("%d names cannot exist on this system, or not beside another that it takes for the same: %q ...", len(e.Paths), e.Paths[0])
}

// Restore writes the tree, or the selected paths of it, below o.Root.
//
// What is there and not in the tree stays. Files and links that are in the way are replaced; a directory is only if
// empty. A file that cannot be restored is reported and the rest goes on: the error is then [ErrIncomplete]. A full disk
// and a cancelled context end the run; its temporary files are removed, and those of a killed run by the next one.
//
// Nothing is ever written through a link: every parent is opened as a real directory, component by component.
func Restore(ctx context.Context, src Source, tree objects.ID, sel Selection, o RestoreOptions) (RestoreResult, error) {
	return restore(ctx, src, tree, sel, o)
}
