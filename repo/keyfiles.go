package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"evault/keys"
	"evault/remote"
)

// maxKeyBytes bounds how many bytes of rosters, keyrings and slots one conversation takes.
const maxKeyBytes = 256 << 20

// takeFiles reads the rosters, keyrings and slots that the remote has and this vault has not, and adopts those that are
// genuine: signed by admins of this vault, or listed by a roster that is. Others were planted.
func (c *conversation) takeFiles(ctx context.Context) error {
	there, err := c.store.Files(ctx)
	if err != nil {
		return fmt.Errorf("listing the keys of %s: %w", c.name, err)
	}
	var files []keys.File
	var total int64
	for _, info := range there {
		if _, err := remote.CheckFileName(info.Name); err != nil {
			c.suspect(fmt.Errorf("%w: %w", ErrSecurity, err))
			continue
		}
		if known, err := c.repo.hasKeyFile(info.Name); err != nil || known {
			if err != nil {
				return err
			}
			continue
		}
		data, err := c.store.File(ctx, info.Name)
		switch {
		case errors.Is(err, remote.ErrNotFound) || errors.Is(err, remote.ErrDamaged):
			c.problems = append(c.problems, fmt.Errorf("%w: %s: %w", ErrDamaged, info.Name, err))
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", info.Name, err)
		}
		if err := remote.CheckFile(info.Name, data); err != nil {
			c.problems = append(c.problems, fmt.Errorf("%w: %w", ErrDamaged, err))
			continue
		}
		if total += int64(len(data)); total > maxKeyBytes {
			return fmt.Errorf("%w: more than %d MiB of keys", remote.ErrAnswer, maxKeyBytes>>20)
		}
		files = append(files, keys.File{Name: info.Name, Data: data})
	}
	return c.adopt(files)
}

// adopt makes genuine files part of the local store.
func (c *conversation) adopt(files []keys.File) error {
	if len(files) == 0 {
		return nil
	}
	accepted, refused, _ := c.repo.vault.Adopt(files)
	for _, err := range refused {
		if errors.Is(err, keys.ErrNewer) {
			return err
		}
		c.suspect(fmt.Errorf("%w: planted on the remote: %w", ErrSecurity, err))
	}
	if len(accepted) == 0 {
		return nil
	}
	if err := writeKeyFiles(c.repo.places.Vault, accepted); err != nil {
		return err
	}
	return errors.Join(c.repo.dropRemovedSlots(), c.repo.pinRoster())
}

// hasKeyFile says whether the local store holds a file. Names are hashes, so it is the same file.
func (r *Repository) hasKeyFile(name string) (bool, error) {
	_, err := r.store.LstatStat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// giveFiles sends what the remote lacks of rosters, keyrings and slots, and removes slots that were removed here, where that
// is allowed. Rosters come last, so that a remote never lists what it does not hold.
func (c *conversation) giveFiles(ctx context.Context) error {
	there, err := c.store.Files(ctx)
	if err != nil {
		return fmt.Errorf("listing the keys of %s: %w", c.name, err)
	}
	has := map[string]bool{}
	for _, f := range there {
		has[f.Name] = true
	}
	ours, err := c.repo.vault.PublicFiles(keyStore{c.repo.store, c.repo.local})
	if err != nil {
		return err
	}
	slices.SortStableFunc(ours, func(a, b string) int { return rankOfFile(a) - rankOfFile(b) })
	for _, name := range ours {
		if has[name] {
			continue
		}
		data, err := readFile(c.repo.store, name, remote.MaxFile)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := c.store.PutFile(ctx, name, data); err != nil {
			return fmt.Errorf("%s: sending %s: %w", c.name, name, err)
		}
		c.given++
	}
	return c.removeSlots(ctx, there)
}

// rankOfFile orders what is sent: a keyring before the slots that lead to it, rosters last and ascending.
func rankOfFile(name string) int {
	switch path.Dir(name) {
	case "keyring":
		return 0
	case "slots":
		return 1
	}
	var number int
	if _, err := fmt.Sscanf(path.Base(name), "%d-", &number); err != nil {
		return 2
	}
	return 2 + min(number, 1<<30)
}

// removeSlots takes slots off the remote that were removed from the vault.
func (c *conversation) removeSlots(ctx context.Context, there []remote.FileInfo) error {
	removed := c.repo.vault.RemovedSlots()
	for _, f := range there {
		if !slices.Contains(removed, f.Name) {
			continue
		}
		if !c.info.Permissions.Has(remote.Delete) {
			c.repo.notes = append(c.repo.notes, fmt.Sprintf("%s keeps a key slot that was removed here (%s): this device may not delete there; ask its owner to",
				c.name, f.Name))
			continue
		}
		if err := c.store.DeleteFile(ctx, f.Name); err != nil {
			return fmt.Errorf("%s: removing %s: %w", c.name, f.Name, err)
		}
	}
	return nil
}
