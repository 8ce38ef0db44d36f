package worktree

import "errors"

// EditOp is what an [IndexEdit] does.
type EditOp uint8

// The edits.
const (
	// EditAdd makes a path tracked. A file that HEAD's tree holds (it was Removed) is tracked again as it was; a new
	// one is Added. Directories above it become tracked too.
	EditAdd EditOp = iota
	// EditAddDir makes a directory tracked, not what is in it.
	EditAddDir
	// EditRemove stops tracking a file, or a directory and everything below it.
	EditRemove
	// EditKey gives a file a new key.
	EditKey
	// EditDirKey gives a directory a new key, and Complete.
	EditDirKey
)

// IndexEdit is one change to the tracked set, or to a key.
type IndexEdit struct {
	Path     string
	Op       EditOp
	Key      StatKey // EditKey, EditDirKey
	Complete bool    // EditDirKey
}

// RewriteIndex writes ix with the edits to w, which the caller then commits. The edits may come in any order; of several for one
// path the last one counts. A directory in or below which the tracked set changes loses its Tree and its Complete.
func RewriteIndex(ix *Index, w *IndexWriter, edits []IndexEdit) error {
	return rewriteIndex(ix, w, edits)
}

func rewriteIndex(*Index, *IndexWriter, []IndexEdit) error { return errors.ErrUnsupported }
