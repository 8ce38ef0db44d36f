package refs

import (
	"context"
	"errors"

	"evault/internal/vfs"
)

// Refs are the opened logs of one store. Append is for one goroutine at a time; View may be called beside it.
type Refs struct{ o Options }

func Open(o Options) (*Refs, error) { return nil, errors.New("not built") }
func (r *Refs) View() *View         { return nil }
func (r *Refs) Tag() Tag            { return Tag{} }
func (r *Refs) Problems() []error   { return nil }
func (r *Refs) Append(ctx context.Context, op Operation) (*Record, error) {
	return nil, errors.New("not built")
}
func (r *Refs) Records(ctx context.Context, newestFirst func(*Record) bool) error {
	return errors.New("not built")
}
func (r *Refs) Verify(ctx context.Context, has func(Pack) bool, problem func(error)) error {
	return errors.New("not built")
}
func Inverse(rec *Record, view *View) (Operation, error) { return Operation{}, errors.New("not built") }
func (r *Refs) SyncHead(evault vfs.FS) error             { return errors.New("not built") }

// CreateStoreID mints the ID of a new store and keeps it in the file id.
func CreateStoreID(store vfs.FS) (StoreID, error) { return StoreID{}, errors.New("not built") }
func ReadStoreID(store vfs.FS) (StoreID, error)   { return StoreID{}, errors.New("not built") }

// EnsureClone: evault is rooted at .evault; local/clone is in it.
func EnsureClone(evault vfs.FS) (id CloneID, minted bool, err error) {
	return CloneID{}, false, errors.New("not built")
}
func OneLine(text string) string { return text }
