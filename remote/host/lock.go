package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"evault/internal/vfs"
	"evault/remote/api"
)

const (
	rootLockName = "lock"
	// rootLockTime is how long a request waits for the others. What is done under the lock takes milliseconds.
	rootLockTime = 15 * time.Second
	lockPoll     = 5 * time.Millisecond
	maxLockPoll  = 100 * time.Millisecond
)

// lockWithin takes the lock on a file, trying for so long.
func lockWithin(fsys vfs.FS, name string, patience time.Duration) (io.Closer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return pollLock(ctx, fsys, name)
}

// pollLock tries until the context ends. The system has no lock that can be waited for and given up.
func pollLock(ctx context.Context, fsys vfs.FS, name string) (io.Closer, error) {
	for pause := lockPoll; ; pause = min(2*pause, maxLockPoll) {
		lock, err := fsys.Lock(name)
		if !errors.Is(err, vfs.ErrLocked) {
			return lock, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%s: %w", name, vfs.ErrLocked)
		}
	}
}

// rootLock keeps writers of one root apart: those of this process by a token, so that they queue, and those of others by a
// lock on a file, which the system releases when a process dies.
type rootLock struct {
	fsys  vfs.FS
	token chan struct{}
}

func newRootLock(fsys vfs.FS) *rootLock { return &rootLock{fsys, make(chan struct{}, 1)} }

// hold runs do under the lock. It fails with api.ErrBusy if the lock is not to be had in time.
func (l *rootLock) hold(ctx context.Context, do func() error) (err error) {
	waiting, cancel := context.WithTimeout(ctx, rootLockTime)
	defer cancel()
	select {
	case l.token <- struct{}{}:
	case <-waiting.Done():
		return busy(ctx)
	}
	defer func() { <-l.token }()
	lock, err := pollLock(waiting, l.fsys, rootLockName)
	if errors.Is(err, vfs.ErrLocked) {
		return busy(ctx)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return do()
}

// busy says why a lock was not waited for any longer.
func busy(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: others are writing", api.ErrBusy)
}
