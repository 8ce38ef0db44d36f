package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"evault/internal/vfs"
)

const (
	lockName     = "local/lock"
	lockInterval = 50 * time.Millisecond
)

// lock takes the one lock of a vault. The kernel gives it back when the process dies, so it never needs a hand.
func lock(ctx context.Context, vault vfs.FS, wait time.Duration) (io.Closer, error) {
	deadline := time.Now().Add(wait)
	for {
		held, err := vault.Lock(lockName)
		if err == nil {
			return held, nil
		}
		if !errors.Is(err, vfs.ErrLocked) {
			return nil, fmt.Errorf("taking the lock: %w", err)
		}
		if !time.Now().Before(deadline) {
			return nil, ErrLocked
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockInterval):
		}
	}
}
