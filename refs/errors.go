package refs

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrSecurity is what every error wraps that means somebody may be cheating: a bad signature, a rollback, a fork, a
	// hidden record, a device without authority.
	ErrSecurity = errors.New("the log cannot be trusted")
	// ErrDamaged: the bytes of a record are not those that its hash names, or decode to nothing. Rot or tampering.
	ErrDamaged = errors.New("damaged")
	// ErrNewer: written by a newer evault in a version that this one does not know. It never means damage.
	ErrNewer = errors.New("a newer evault is needed")
	// ErrConflict: a ref or HEAD is not where the operation says it was.
	ErrConflict = errors.New("conflict")
	// ErrLimit: larger than this format allows.
	ErrLimit = errors.New("over the limit")
	// ErrName: no ref may be called that.
	ErrName = errors.New("bad ref name")
	// ErrInvalid: an operation that no record can hold.
	ErrInvalid = errors.New("invalid operation")
	// ErrReadOnly: the logs were opened for reading.
	ErrReadOnly = errors.New("opened for reading only")
	// ErrBroken: an earlier Append failed half way; open again, which completes or forgets what it began.
	ErrBroken = errors.New("an earlier append failed")
	// ErrNoInverse: there is nothing that would take this record back.
	ErrNoInverse = errors.New("cannot be undone")
	// ErrHeldBack: nothing is wrong with the record, but with one that it depends on.
	ErrHeldBack = errors.New("held back")
	// ErrNotPinned: the record is durable, but its position could not be kept in the state folder.
	ErrNotPinned = errors.New("recorded, but not pinned")
	// ErrIncomplete: a Mirror was interrupted, and what it has left cannot be judged. To run it again is all it takes.
	ErrIncomplete = errors.New("the copy of the store's logs is not complete")
	// ErrGivenUp: too many records of this clone's log were sent to the store and never acknowledged. The log is given
	// up, and the clone goes on in a new one: see RenewClone.
	ErrGivenUp = errors.New("records that were sent and never acknowledged: this log cannot go on, a new one must be begun")

	// The reasons for which a log or record is not trusted; all are ErrSecurity.
	ErrSignature    = fmt.Errorf("%w: bad signature", ErrSecurity)
	ErrRollback     = fmt.Errorf("%w: rolled back to an older state", ErrSecurity)
	ErrFork         = fmt.Errorf("%w: two different records in one place", ErrSecurity)
	ErrHidden       = fmt.Errorf("%w: a record that was seen is hidden", ErrSecurity)
	ErrChain        = fmt.Errorf("%w: does not continue the record before it", ErrSecurity)
	ErrUnauthorised = fmt.Errorf("%w: written by a device without authority", ErrSecurity)
	ErrMismatch     = fmt.Errorf("%w: belongs somewhere else", ErrSecurity)
)

// RecordError names the record that something is wrong with. It wraps the reason.
type RecordError struct {
	Tag Tag
	Seq uint64
	Err error
}

func (e *RecordError) Error() string { return fmt.Sprintf("%s: %v", recordName(e.Tag, e.Seq), e.Err) }

// Unwrap gives the reason.
func (e *RecordError) Unwrap() error { return e.Err }

// RollbackError says that a log ends before a record that was seen earlier. It is ErrRollback and ErrSecurity.
type RollbackError struct {
	Store  StoreID
	Tag    Tag
	Pinned uint64 // sequence of the newest record that was seen
	Found  uint64 // how many records there are now
}

func (e *RollbackError) Error() string {
	return fmt.Sprintf("store %s: log %s was seen with %d records and has %d now: it was put back to an older state",
		e.Store, hex.EncodeToString(e.Tag[:8]), e.Pinned+1, e.Found)
}

// Unwrap makes the error ErrRollback.
func (e *RollbackError) Unwrap() error { return ErrRollback }

// ForkError says that there are two different records for one place in a log. Nothing from that place on is accepted: the
// log is frozen, and its owner goes on in a new one. It is ErrFork and ErrSecurity.
type ForkError struct {
	Tag      Tag
	Seq      uint64
	Known    [32]byte // hash of the header that was known first
	Found    [32]byte // hash of the other one
	Evidence []byte   // the bytes of the other one, if at hand
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("%s: two different records exist, %s and %s", recordName(e.Tag, e.Seq),
		hex.EncodeToString(e.Known[:8]), hex.EncodeToString(e.Found[:8]))
}

// Unwrap makes the error ErrFork.
func (e *ForkError) Unwrap() error { return ErrFork }

// HiddenError says that a record which an accepted record has seen is not in the store. It is ErrHidden and ErrSecurity.
type HiddenError struct {
	By      Position // the record that has seen it
	Missing Position // what it has seen
}

func (e *HiddenError) Error() string {
	return fmt.Sprintf("%s has seen %s, which is not there", e.By, e.Missing)
}

// Unwrap makes the error ErrHidden.
func (e *HiddenError) Unwrap() error { return ErrHidden }

// MissingPacksError says that packs which a log has added and nobody has condemned are not in the store.
type MissingPacksError struct {
	Missing []Pack
	Total   int // how many there should be
}

func (e *MissingPacksError) Error() string {
	return fmt.Sprintf("%d of %d packs are missing, the first is %s", len(e.Missing), e.Total, e.Missing[0])
}

// Unwrap makes the error ErrDamaged.
func (e *MissingPacksError) Unwrap() error { return ErrDamaged }

// ConflictError says which ref, or HEAD, stands elsewhere than an operation expects. It is ErrConflict.
type ConflictError struct {
	Name           string // "heads/main", or "HEAD"
	Expected, Have string // what the operation expects and what there is, for messages
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is at %s, expected %s", e.Name, e.Have, e.Expected)
}

// Unwrap makes the error ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }
