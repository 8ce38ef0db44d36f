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

func (s Settings) staleBefore() vfs.Time { return vfs.TimeOf(s.now().Add(-staleAfter)) }

// sweep removes the temporary files that commands which a crash or a kill ended have left. The lock is held. It costs a
// look into a dozen small folders. What cannot be removed is no reason to fail: the next command tries again.
func (r *Repository) sweep() {
	err := pack.SweepIncoming(r.store) // sessions hold the lock, so nothing there is under way
	stale := r.settings.staleBefore()
	for _, dir := range []string{".", localDir, "local/slots", "local/objects", "local/history", storeDir, "store/roster", "store/keyring", "store/slots"} {
		err = errors.Join(err, sweepStale(r.places.Vault, dir, stale))
	}
	err = errors.Join(err, sweepStale(r.places.Config, ".", stale), sweepPins(r.places.State, r.vault.ID().String(), stale))
	if err != nil {
		r.notes = append(r.notes, fmt.Sprintf("temporary files of an earlier command could not be removed: %v", err))
	}
}

// sweepPins does the same for the pins of one vault, or with "" for those of all: an Init that a crash ended has left pins
// of a vault that never came to be.
func sweepPins(state vfs.FS, vault string, before vfs.Time) error {
	if state == nil {
		return nil
	}
	if vault != "" {
		return sweepStale(state, "pins/"+vault, before)
	}
	vaults, err := listAll(state, "pins")
	if isGone(err) {
		return nil
	}
	for _, v := range vaults {
		if v.Type == vfs.Directory {
			err = errors.Join(err, sweepStale(state, "pins/"+v.Name, before))
		}
	}
	return err
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
