package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func mac256(domain string, data []byte) [32]byte {
	return sha256.Sum256(append([]byte(domain), data...))
}

// restorer writes one commit to a folder that it makes: section 15.
type restorer struct {
	vault *vault
	dir   string
	root  *os.Root
	links map[uint64]string // first file of each link group
	files int
	left  []string // what cannot be made here
}

func (v *vault) restore(id [32]byte, dir string) (r *restorer, err error) {
	c, err := v.commit(id)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	r = &restorer{vault: v, dir: dir, root: root, links: map[uint64]string{}}
	return r, r.folder(c.tree, ".", 1)
}

func (r *restorer) folder(t treeRef, at string, depth int) error {
	all, err := r.vault.readDir(t)
	if err != nil || depth > 512 || len(at) > 32768 {
		return errors.Join(err, fmt.Errorf("in %q", at))
	}
	for i := range all {
		if err := r.entry(&all[i], filepath.Join(at, all[i].name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *restorer) entry(e *entry, name string, depth int) (err error) {
	if first, ok := r.links[e.group]; ok && e.group != 0 {
		return r.root.Link(first, name)
	}
	switch e.kind {
	case typeFile:
		err = r.file(e, name)
	case typeDirectory:
		if err = r.root.Mkdir(name, 0o700); err == nil {
			err = r.folder(e.tree, name, depth+1)
		}
	case typeSymlink:
		err = r.root.Symlink(e.target, name) // its time stays that of today
	case typeFifo:
		err = makeFifo(filepath.Join(r.dir, name))
	default:
		err = errors.ErrUnsupported // a device
	}
	if errors.Is(err, errors.ErrUnsupported) {
		r.left = append(r.left, name)
		return nil
	}
	if err != nil {
		return err
	}
	r.files++
	if e.group != 0 {
		r.links[e.group] = name
	}
	if e.kind == typeSymlink {
		return nil
	}
	for _, x := range e.xattrs {
		if setXattr(filepath.Join(r.dir, name), x.name, x.value) != nil {
			r.left = append(r.left, name+": "+x.name)
		}
	}
	return errors.Join(r.root.Chmod(name, fs.FileMode(e.mode&0o777)), r.root.Chtimes(name, time.Time{}, time.Unix(e.sec, e.nsec)))
}

func (r *restorer) file(e *entry, name string) error {
	f, err := r.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	at := int64(0)
	err = r.vault.extents(e, func(data []byte, length uint64) error {
		_, err := f.WriteAt(data, at)
		at += int64(length)
		return err
	})
	if err == nil {
		err = f.Truncate(int64(e.size))
	}
	return errors.Join(err, f.Close())
}

// checkCommits checks every commit that any record names, with all that it comes from, and returns how many there are.
func (v *vault) checkCommits(f *fold) (int, error) {
	seen := map[[32]byte]bool{{}: true}
	for _, log := range f.logs {
		for _, r := range log {
			for _, c := range r.changes {
				for _, id := range [][32]byte{c.old, c.new} {
					if seen[id] || v.objects[id].kind != kindCommit {
						continue
					}
					ancestors, err := v.ancestors(id)
					if err != nil {
						return 0, err
					}
					for id := range ancestors {
						seen[id] = true
					}
				}
			}
		}
	}
	return len(seen) - 1, nil
}

// missing names the packs that the logs speak of and that are not there.
func (v *vault) missing(f *fold) (list []string) {
	for p := range f.packs {
		name := p[:64]
		if size, ok := v.packed[name]; !ok || p != fmt.Sprintf("%s %d", name, size) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
