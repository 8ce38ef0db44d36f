package repo

import (
	"context"
	"fmt"
	"strings"

	"evault/objects"
	"evault/refs"
)

// mergeOptions say how to bring another commit into the current branch.
type mergeOptions struct {
	What            string // what is merged, for the log and the message: "origin/main"
	FastForwardOnly bool   // refuse, where a merge commit would be needed
	PacksAdded      []refs.Pack
	Message         string // of the merge commit; empty: "Merge <what> into <branch>"
}

// Kinds of MergeResult.
const (
	MergeUpToDate    = "up-to-date"
	MergeFastForward = "fast-forward"
	MergeCommit      = "merge"
)

// MergeResult says what a merge did.
type MergeResult struct {
	Kind      string     // MergeUpToDate, MergeFastForward or MergeCommit
	Commit    objects.ID // where HEAD is now
	Subject   string     // of that commit's message
	Conflicts []string   // paths, ascending; then nothing was done
	Written   int64      // files
	Deleted   int64
	Problems  []Problem
	Notes     []string
}

// MergeConflictError names the paths that both sides changed, each in its own way. Nothing was done. It is ErrConflict.
type MergeConflictError struct {
	Paths []string // ascending
}

func (e *MergeConflictError) Error() string {
	const shown = 10
	list, more := e.Paths, ""
	if n := len(list) - shown; n > 0 {
		list, more = list[:shown], fmt.Sprintf("\n  and %d more", n)
	}
	return "both sides changed:\n  " + strings.Join(list, "\n  ") + more
}

// Unwrap makes the error ErrConflict.
func (e *MergeConflictError) Unwrap() error { return ErrConflict }

func (r *Repository) mergeCommit(ctx context.Context, theirs objects.ID, o mergeOptions) (*MergeResult, error) {
	return nil, errNotYet
}
