package repo

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that a caller tells apart, to choose an exit code and a hint.
var (
	// ErrNoVault says that neither this folder nor one above it holds a vault.
	ErrNoVault = errors.New("no vault here")
	// ErrExists says that there is a vault already where one was to be made.
	ErrExists = errors.New("a vault is already here")
	// ErrLocked says that another evault holds the lock.
	ErrLocked = errors.New("another evault is working in this vault")
	// ErrNotUnlocked says that no slot of this device opens the vault and that there was nobody to ask for a passphrase.
	ErrNotUnlocked = errors.New("this device has no slot in the vault, and there is no passphrase")
	// ErrNoPassphraseSlot says that what a remote holds can be opened by no passphrase and no recovery words: the slot of a
	// weak passphrase never leaves its machine. It is ErrNotUnlocked.
	ErrNoPassphraseSlot = fmt.Errorf("%w: no passphrase slot", ErrNotUnlocked)
	// ErrNewer says that a newer evault wrote this.
	ErrNewer = errors.New("a newer evault is needed")
	// ErrForeignOwner says that the vault belongs to another user of this machine.
	ErrForeignOwner = errors.New("the vault belongs to another user")
	// ErrUnsafeIdentity says that others can read the identity file.
	ErrUnsafeIdentity = errors.New("others can read the identity file")
	// ErrUsage says that the request itself makes no sense.
	ErrUsage = errors.New("usage")
	// ErrConflict says that the request would lose or contradict something and was not begun.
	ErrConflict = errors.New("conflict")
	// ErrDamaged says that stored bytes are not what they must be.
	ErrDamaged = errors.New("damage found")
	// ErrSecurity says that somebody changed history: a rollback, a fork, a bad signature.
	ErrSecurity = errors.New("security")
	// ErrStoreReplaced says that a remote does not hold the store any more that was seen there. It is ErrSecurity.
	ErrStoreReplaced = fmt.Errorf("%w: the store of a remote was replaced", ErrSecurity)
	// ErrFetchFirst says that a branch of a remote has moved to where this vault has not followed.
	ErrFetchFirst = fmt.Errorf("%w: fetch first", ErrConflict)
	// ErrUnknownRevision says that a revision names nothing.
	ErrUnknownRevision = errors.New("unknown revision")
	// ErrPathNotFound says that a path is not in the work tree or in the commit.
	ErrPathNotFound = errors.New("no such path")
	// ErrIncomplete says that the verb did what it could, and that Problems in its result name what it could not do.
	ErrIncomplete = errors.New("not everything could be done")
	// ErrNothingToUndo says that the log holds no operation that can be taken back.
	ErrNothingToUndo = errors.New("nothing to undo")
	// ErrNothingToRedo says that nothing was undone, or that something else was done since.
	ErrNothingToRedo = errors.New("nothing to redo")
)

// usagef makes an error that wraps ErrUsage and says only what the caller did.
func usagef(format string, args ...any) error {
	return &kindError{ErrUsage, fmt.Sprintf(format, args...), nil}
}

func conflictf(format string, args ...any) error {
	return &kindError{ErrConflict, fmt.Sprintf(format, args...), nil}
}

// kindError is a sentence of its own that errors.Is still recognises as one of the kinds above.
type kindError struct {
	kind  error
	text  string
	cause error
}

func (e *kindError) Error() string {
	if e.cause == nil {
		return e.text
	}
	return e.text + ": " + e.cause.Error()
}

func (e *kindError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// DirtyError names work on disk that is in no commit and that a checkout would overwrite.
type DirtyError struct {
	Paths []string
}

func (e *DirtyError) Error() string {
	const shown = 10
	list := e.Paths
	if len(list) > shown {
		list = list[:shown]
	}
	more := ""
	if n := len(e.Paths) - len(list); n > 0 {
		more = fmt.Sprintf("\n  and %d more", n)
	}
	return "would overwrite work that is in no commit:\n  " + strings.Join(list, "\n  ") + more
}

func (e *DirtyError) Unwrap() error { return ErrConflict }
