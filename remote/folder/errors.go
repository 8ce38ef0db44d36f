package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"evault/remote"
)

// Reasons for which a folder is not taken; all are remote.ErrRefused.
var (
	// ErrWorkingCopy: the folder holds somebody's files and their vault (.evault).
	ErrWorkingCopy = fmt.Errorf("%w: the folder is a working copy, with a vault of its own inside", remote.ErrRefused)
	// ErrForeign: the folder holds files that are none of a store's.
	ErrForeign = fmt.Errorf("%w: the folder holds other files and no store; choose an empty one", remote.ErrRefused)
	// ErrWhose: a store is to be made, and it was not said for which vault.
	ErrWhose = fmt.Errorf("%w: it was not said which vault the store is for", remote.ErrRefused)
)

// named says where and about what an error was, as an error of package remote.
func (s *Store) named(thing string, err error) error {
	if thing == "" {
		return describe(s.o.Name, err)
	}
	return describe(s.o.Name+": "+thing, err)
}

// describe makes any error one of package remote, with a name in front. One that is told already, or the context's, keeps
// its meaning.
func describe(name string, err error) error {
	var t told
	switch {
	case err == nil:
		return nil
	case errors.As(err, &t), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return told{fmt.Errorf("%s: %w", name, classify(err))}
}

// told is an error that has its name in front and its sentinel inside.
type told struct{ error }

// Unwrap gives the error itself.
func (t told) Unwrap() error { return t.error }

// classify adds the sentinel that an error of the disk amounts to, unless it has one.
func classify(err error) error {
	for _, s := range sentinels() {
		if errors.Is(err, s) {
			return err
		}
	}
	for _, kind := range []struct {
		sentinel error
		causes   []error
	}{
		{remote.ErrFull, []error{syscall.ENOSPC, syscall.EDQUOT}},
		{remote.ErrRefused, []error{fs.ErrPermission, syscall.EROFS}},
		{remote.ErrDamaged, []error{syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR}},
		{remote.ErrUnreachable, goneAway()},
	} {
		for _, cause := range kind.causes {
			if errors.Is(err, cause) {
				return fmt.Errorf("%w: %w", kind.sentinel, err)
			}
		}
	}
	return fmt.Errorf("%w: %w", remote.ErrHost, err)
}

// goneAway lists what systems say of a disk that was pulled out and of a share whose server is away.
func goneAway() []error {
	return []error{syscall.ENODEV, syscall.ENXIO, syscall.ESTALE, syscall.ENOTCONN, syscall.ESHUTDOWN, syscall.EHOSTDOWN,
		syscall.EHOSTUNREACH, syscall.ETIMEDOUT}
}

func sentinels() []error {
	return []error{remote.ErrUnreachable, remote.ErrRefused, remote.ErrNotFound, remote.ErrNoStore, remote.ErrOtherVault,
		remote.ErrConflict, remote.ErrMismatch, remote.ErrDamaged, remote.ErrQuota, remote.ErrFull, remote.ErrHost}
}
