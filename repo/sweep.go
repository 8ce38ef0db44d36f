package repo

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"evault/internal/vfs"
	"evault/pack"
)

// staleAfter is how old a temporary file must be to be taken for what a crash left. Readers, and other clones that share the
// configuration and the pins, make such files without holding this vault's lock; theirs live for seconds.
const staleAfter = time.Hour

// sweep removes the temporary files that commands which a crash or a kill ended have left. The lock is held. It costs a
// look into a dozen small folders. What cannot be removed is no reason to fail: the next command tries again.
func (r *Repository) sweep() {
	err := pack.SweepIncoming(r.store) // sessions hold the lock, so nothing there is under way
	stale := vfs.TimeOf(r.settings.now().Add(-staleAfter))
	for _, dir := range []string{".", localDir, "local/slots", "local/objects", storeDir, "store/roster", "store/keyring", "store/slots"} {
		err = errors.Join(err, sweepStale(r.places.Vault, dir, stale))
	}
	err = errors.Join(err, sweepStale(r.places.Config, ".", stale))
	if r.places.State != nil {
		err = errors.Join(err, sweepStale(r.places.State, "pins/"+r.vault.ID().String(), stale))
	}
	if err != nil {
		r.notes = append(r.notes, fmt.Sprintf("temporary files of an earlier command could not be removed: %v", err))
	}
}

// sweepStale removes the temporary files of one folder that were last written before an instant. A folder that is not there
// holds none, and a file that is gone meanwhile is none.
func sweepStale(fsys vfs.FS, dir string, before vfs.Time) error {
	names, err := listAll(fsys, dir)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		if !strings.HasPrefix(n.Name, vfs.TempPrefix) || n.Type == vfs.Directory {
			continue
		}
		name := path.Join(dir, n.Name)
		st, err := fsys.LstatStat(name)
		if err == nil && st.Type == vfs.Regular && st.Mtime.Before(before) {
			err = fsys.Remove(name)
		}
		if err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}
