package repo

import (
	"errors"
	"fmt"
	"io/fs"

	"evault/internal/vfs"
	"evault/objects"
	"evault/refs"
)

// mergeState is an operation that combines commits and waits for the user: conflicts are in the work tree, or the user
// asked to look before anything is committed. HEAD has not moved. It is kept in .evault/local/merge, sealed.
//
// The file is written before the work tree is touched, with Writing set, and again when all is in place. While HEAD is not
// at Ours, the operation is over, however it ended, and the file means nothing: so the record that moves HEAD ends it, and
// nothing has to happen at the same instant.
type mergeState struct {
	Operation string          // as it will be recorded: "merge", "revert", "cherry-pick"
	What      string          // the other side in words: "feature"
	Label     string          // the other side in markers and names of files
	Writing   bool            // the files are being written: a command that was killed left it so
	Ours      objects.ID      // where HEAD is
	Theirs    objects.ID      // the commit of the other side; zero: none
	Parents   []objects.ID    // of the commit to come
	Tree      objects.TreeRef // what the operation wrote into the work tree, conflicts included
	Message   string          // of the commit to come
	Author    string          // of the commit to come; empty: the user
	Packs     []refs.Pack     // came into the store for this, and are recorded with the commit
	Conflicts []Conflict      // ascending by path
	Rest      pickRest        // what is to be done once this is concluded
}

// pickRest is what is left of a revert or cherry-pick of several commits.
type pickRest struct {
	Todo       []objects.ID // in order
	Mainline   int          // of merges: the parent to compare with, 1 is the first; 0: none is given
	NoteOrigin bool         // say in the message where it was picked from
	Begun      objects.ID   // where HEAD was before the first of them
}

// Conflict is one path that the two sides changed so that somebody must decide. The versions are encodings of entries, nil
// where a side has none; their names may differ where the file was renamed.
type Conflict struct {
	Path     string
	Kind     string // ConflictContent, ConflictAddAdd, ...
	Base     []byte
	Ours     []byte
	Theirs   []byte
	Written  []byte // what the merge wrote under the path
	Kept     string // where it put the other side's version; empty: nowhere
	Resolved bool   // the user has said so, with add or rm
}

// Code gives the two letters by which git's status calls such a conflict: "UU", "AA", "DU", "UD", "AU", "UA" or "DD".
func (c *Conflict) Code() string {
	switch base, ours, theirs := c.Base != nil, c.Ours != nil, c.Theirs != nil; {
	case ours && theirs && !base:
		return "AA"
	case ours && theirs:
		return "UU"
	case ours && base:
		return "UD"
	case theirs && base:
		return "DU"
	case ours:
		return "AU"
	case theirs:
		return "UA"
	}
	return "DD"
}

const (
	mergeStateName    = "merge" // in local/
	mergeStatePurpose = "merge in progress"
)

// inProgress gives the operation that waits to be continued; nil: none. What is left of one that is over is removed where
// the lock is held.
func (r *Repository) inProgress() (*mergeState, error) {
	sealed, err := readFile(r.local, mergeStateName, maxMergeState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sealer, err := r.vault.LocalSealer(mergeStatePurpose)
	if err != nil {
		return nil, err
	}
	plain, err := sealer.Open(nil, sealed, nil)
	var s *mergeState
	if err == nil {
		s, err = decodeMergeState(plain)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: what is known of the operation in progress cannot be read (\"evault merge --abort\" forgets it and leaves the files as they are): %w",
			ErrDamaged, err)
	}
	if s.Ours == r.head() {
		return s, nil
	}
	if r.lock == nil {
		return nil, nil
	}
	return nil, r.forgetMerge()
}

// keepMerge writes the state of an operation, durably.
func (r *Repository) keepMerge(s *mergeState) error {
	sealer, err := r.vault.LocalSealer(mergeStatePurpose)
	if err != nil {
		return err
	}
	plain, err := s.encode()
	if err != nil {
		return err
	}
	return vfs.Publish(r.local, mergeStateName, sealer.Seal(nil, plain, nil), 0o600)
}

// forgetMerge removes the state.
func (r *Repository) forgetMerge() error {
	if err := r.local.Remove(mergeStateName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// refuseInProgress fails with an InProgressError while an operation waits to be continued. Every verb that moves HEAD calls
// it.
func (r *Repository) refuseInProgress() error {
	s, err := r.inProgress()
	if err != nil || s == nil {
		return err
	}
	return &InProgressError{Operation: s.Operation, What: s.What, Writing: s.Writing}
}

// refuseInProgressBut is refuseInProgress for a verb that finishes an operation of that name if it was interrupted.
func (r *Repository) refuseInProgressBut(operation string) error {
	err := r.refuseInProgress()
	var waits *InProgressError
	if errors.As(err, &waits) && waits.Writing && waits.Operation == operation {
		return nil
	}
	return err
}

// InProgressError says that an operation waits to be continued or taken back. It is ErrConflict.
type InProgressError struct {
	Operation string // "merge", "revert", "cherry-pick"
	What      string
	Writing   bool // it was killed while it wrote
}

func (e *InProgressError) Error() string {
	if e.Writing {
		return fmt.Sprintf("a %s of %s was interrupted", e.Operation, e.What)
	}
	return fmt.Sprintf("a %s of %s is in progress", e.Operation, e.What)
}

// Unwrap makes the error ErrConflict.
func (e *InProgressError) Unwrap() error { return ErrConflict }

// UnresolvedError names the paths of an operation in progress that nobody has decided about. It is ErrConflict.
type UnresolvedError struct {
	Operation string
	Conflicts []Conflict
}

func (e *UnresolvedError) Error() string {
	return fmt.Sprintf("the %s cannot be concluded, because conflicts are not resolved:%s", e.Operation, listConflicts(e.Conflicts))
}

// Unwrap makes the error ErrConflict.
func (e *UnresolvedError) Unwrap() error { return ErrConflict }

// listConflicts puts the first conflicts on lines of their own.
func listConflicts(all []Conflict) string {
	const shown = 10
	text := ""
	for i, c := range all {
		if i == shown {
			return text + fmt.Sprintf("\n  and %d more", len(all)-shown)
		}
		text += "\n  " + c.Path
	}
	return text
}
