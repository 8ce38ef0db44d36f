package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote/api"
)

const (
	locksDir = "locks"
	// vaultLockTime is how long a request waits for the others. What is done under the lock takes milliseconds.
	vaultLockTime = 15 * time.Second
	lockPoll      = 5 * time.Millisecond
	maxLockPoll   = 100 * time.Millisecond
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

// vaultLocks keep writers of one vault apart: those of this process by a token, so that they queue, and those of others by a
// lock on a file, which the system releases when a process dies. Vaults share them by the first byte of their IDs, so that
// whoever asks for vaults that do not exist fills nothing with files.
type vaultLocks struct {
	fsys   vfs.FS
	tokens [256]chan struct{}
}

func newVaultLocks(fsys vfs.FS) *vaultLocks {
	l := &vaultLocks{fsys: fsys}
	for i := range l.tokens {
		l.tokens[i] = make(chan struct{}, 1)
	}
	return l
}

// lockName is the file whose lock is that of a vault.
func lockName(v keys.VaultID) string { return fmt.Sprintf("%s/%02x", locksDir, v[0]) }

// hold runs do under the lock of a vault. It fails with api.ErrBusy if that is not to be had in time.
func (l *vaultLocks) hold(ctx context.Context, v keys.VaultID, do func() error) (err error) {
	waiting, cancel := context.WithTimeout(ctx, vaultLockTime)
	defer cancel()
	token := l.tokens[v[0]]
	select {
	case token <- struct{}{}:
	case <-waiting.Done():
		return busy(ctx)
	}
	defer func() { <-token }()
	if err := vfs.MkdirAll(l.fsys, locksDir, 0o700); err != nil {
		return err
	}
	lock, err := pollLock(waiting, l.fsys, lockName(v))
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
	return fmt.Errorf("%w: others are writing to the same vault", api.ErrBusy)
}
