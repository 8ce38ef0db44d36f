package pack

import (
	"cmp"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"evault/internal/vfs"
)

// PackInfo is the name of a pack and its length in bytes.
type PackInfo struct {
	Name Name
	Size int64
}

// listPacks gives the names of all packs of a store. What does not look like a pack is passed over.
func listPacks(store vfs.FS) (map[Name]struct{}, error) {
	present := make(map[Name]struct{})
	return present, eachPackDir(store, func(_ vfs.Dir, names []Name) error {
		for _, n := range names {
			present[n] = struct{}{}
		}
		return nil
	})
}

// Packs lists the packs that are in the store now, by name.
func (db *DB) Packs() ([]PackInfo, error) {
	var all []PackInfo
	err := eachPackDir(db.store, func(d vfs.Dir, names []Name) error {
		for _, n := range names {
			var st vfs.Stat
			err := d.Lstat(n.String()+packSuffix, &st)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			all = append(all, PackInfo{n, st.Size})
		}
		return nil
	})
	slices.SortFunc(all, func(a, b PackInfo) int { return slices.CompareFunc(a.Name[:], b.Name[:], cmp.Compare[byte]) })
	return all, err
}

// eachPackDir calls use with each of the 256 directories that is there, and the packs in it.
func eachPackDir(store vfs.FS, use func(d vfs.Dir, names []Name) error) error {
	root, err := store.OpenDir(packsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = eachSubdir(root, use)
	return errors.Join(err, root.Close())
}

func eachSubdir(root vfs.Dir, use func(d vfs.Dir, names []Name) error) error {
	subdirs, err := root.ReadNames(nil)
	if err != nil {
		return err
	}
	for _, e := range subdirs {
		if e.Type != vfs.Directory && e.Type != vfs.TypeUnknown {
			continue
		}
		if prefix, err := hex.DecodeString(e.Name); err != nil || len(prefix) != 1 {
			continue
		}
		d, err := root.OpenDir(e.Name)
		if err != nil {
			return err
		}
		if err := errors.Join(usePackDir(d, e.Name, use), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

func usePackDir(d vfs.Dir, prefix string, use func(d vfs.Dir, names []Name) error) error {
	entries, err := d.ReadNames(nil)
	if err != nil {
		return err
	}
	names := make([]Name, 0, len(entries))
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name, packSuffix)
		if !ok || !strings.HasPrefix(base, prefix) {
			continue
		}
		if n, err := ParseName(base); err == nil {
			names = append(names, n)
		}
	}
	return use(d, names)
}

// Info gives the length of a pack that is in the store now. ErrNoPack: it is not there.
func (db *DB) Info(name Name) (PackInfo, error) {
	st, err := db.store.LstatStat(name.Path())
	if err != nil {
		return PackInfo{}, openError(name, err)
	}
	return PackInfo{name, st.Size}, nil
}
