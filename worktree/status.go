package worktree

import (
	"context"

	"evault/objects"
)

// ChangeKind says how a path differs from HEAD's tree; its value is git's letter for it.
type ChangeKind byte

// The kinds of change.
const (
	ChangeAdded     ChangeKind = 'A' // tracked, not in HEAD's tree
	ChangeModified  ChangeKind = 'M'
	ChangeDeleted   ChangeKind = 'D' // gone from the disk, or no longer tracked
	ChangeType      ChangeKind = 'T' // another kind of thing
	ChangeUntracked ChangeKind = '?'
	ChangeIgnored   ChangeKind = '!' // only with ScanOptions.ShowIgnored
)

// Detail says what of a path was modified.
type Detail uint8

// The details; a modification has one or more of them.
const (
	DetailContent Detail = 1 << iota
	DetailMode
	DetailOwner
	DetailTimes // the mtime
	DetailXattrs
	DetailLinks // which names are hard links of one file
)

// Change is one path that differs.
type Change struct {
	Path   string
	Kind   ChangeKind
	Detail Detail // of ChangeModified
	Dir    bool   // the path is a directory
	// Removed means that the path is no longer tracked (rm), as against merely gone from the disk. It may still be
	// there, and then is a ChangeUntracked too.
	Removed bool
}

// ScanProblem is a path that could not be looked at.
type ScanProblem struct {
	Path string
	Err  error
}

// StatusOptions says what to compare and how.
type StatusOptions struct {
	Scan ScanOptions
	// NewHash makes a function that computes object IDs, for one goroutine.
	NewHash func() HashSink
	Chunker *objects.Chunker
	Owners  *Owners // nil is a new one
	// Details asks for all that differs about a path, even where a part already proves that it was modified: every
	// suspect is read in full. Without it Detail holds what was found first.
	Details bool
}

// StatusResult says how the work tree differs from HEAD's tree.
type StatusResult struct {
	Changes  []Change // in path order
	Problems []ScanProblem
	Notes    []ScanProblem // what is passed over: sockets, vaults in subfolders
	// Refreshed are entries that had to be read and proved unchanged, with the keys they have now. Writing them to the
	// index ([RewriteIndex]) spares the next status the reading.
	Refreshed []IndexEdit
	Read      int // how many files were read
}

// Status compares the work tree with what the index says HEAD's tree holds. Only files whose key differs from the
// index's are looked at, and read only until it is certain whether they changed, unless o.Details is set.
//
// Times of directories alone are no change. Whether two names are links of one file is compared only as far as each has
// other names at all.
func Status(ctx context.Context, o StatusOptions) (*StatusResult, error) { return runStatus(ctx, o) }
