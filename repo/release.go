package repo

import (
	"context"
	"errors"
	"time"
)

// reacquireWait is how long a verb that has done its work elsewhere waits for the lock to note that here.
const reacquireWait = time.Minute

// release gives back the vault's lock while a verb talks to a remote, which may take hours: commits go on meanwhile. What was
// read stays as it was.
func (r *Repository) release() error {
	if r.lock == nil {
		return nil
	}
	held := r.lock
	r.lock = nil
	return held.Close()
}

// reacquire takes the lock again, reads the logs anew and runs use.
func (r *Repository) reacquire(ctx context.Context, use func() error) (err error) {
	if r.lock != nil {
		return use()
	}
	if r.lock, err = lock(ctx, r.places.Vault, max(r.settings.Wait, reacquireWait)); err != nil {
		return err
	}
	if err := r.openRefs(Writing); err != nil {
		return errors.Join(err, r.release())
	}
	return errors.Join(use(), r.release())
}
