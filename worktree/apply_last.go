package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"syscall"

	"evault/internal/vfs"
	"evault/objects"
)

// linkGroup is the first name of a hard-link group that this run meets. Only what this run itself wrote is linked to:
// a file that was there before may have names outside of the root.
type linkGroup struct {
	dir  *targetDir // has the group pending
	name string
	raw  []byte
	ok   atomic.Bool // written
}

// lateItem is an entry that waits until all files are written. Its directory has it pending, but is not held open.
type lateItem struct {
	dir  *targetDir
	raw  []byte
	seen *StatKey
}

// join adds a name to its group; first reports whether it founds the group.
func (r *run) join(dir *targetDir, e *objects.Entry, raw []byte) (g *linkGroup, first bool) {
	if g = r.groups[e.LinkGroup]; g != nil {
		return g, false
	}
	dir.pending.Add(1)
	g = &linkGroup{dir: dir, name: e.Name, raw: bytes.Clone(raw)}
	r.groups[e.LinkGroup] = g
	return g, true
}

// postpone keeps a copy of the entry, so that the tree it is from need not stay in memory.
func (r *run) postpone(dir *targetDir, e *objects.Entry, raw []byte, seen *StatKey) {
	device := e.Type == objects.TypeCharDevice || e.Type == objects.TypeBlockDevice
	if device && !(r.o.Devices && r.root) {
		r.note(entryPath(dir, e), fmt.Errorf("%s: %w", e.Type, ErrLeftOut))
		return
	}
	dir.pending.Add(1)
	r.late = append(r.late, lateItem{dir, bytes.Clone(raw), seen})
}

// last makes what must come after the files: their other names, fifos and devices, symlinks. In that order, so that
// nothing at all is made once a symlink is there.
func (r *run) last() {
	for _, now := range [...]func(t objects.EntryType) bool{
		func(t objects.EntryType) bool { return t == objects.TypeFile },
		func(t objects.EntryType) bool { return t != objects.TypeFile && t != objects.TypeSymlink },
		func(t objects.EntryType) bool { return t == objects.TypeSymlink },
	} {
		w := newWorker(r)
		for i := range r.late {
			w.late(&r.late[i], now)
		}
	}
	for _, it := range r.late {
		r.settle(it.dir)
	}
	for _, g := range r.groups {
		r.settle(g.dir)
	}
	r.late, r.groups = nil, nil
	r.progress()
}

func (w *worker) late(it *lateItem, now func(objects.EntryType) bool) {
	if context.Cause(w.ctx) != nil {
		return
	}
	e := &w.entry
	if _, err := objects.DecodeEntry(it.raw, e); err != nil {
		w.problem(it.dir.path, err)
		return
	}
	if !now(e.Type) {
		return
	}
	d, err := it.dir.acquire(w.o.Root)
	if err == nil {
		err = errors.Join(w.lateIn(d, it, e), it.dir.release())
	}
	if err != nil {
		w.problem(entryPath(it.dir, e), err)
	}
}

func (w *worker) lateIn(d vfs.Dir, it *lateItem, e *objects.Entry) error {
	if err := w.unchanged(d, it.dir, e.Name, it.seen); err != nil {
		return err
	}
	g := w.groups[e.LinkGroup]
	if e.LinkGroup == 0 {
		g = nil
	}
	if g == nil && e.LinkGroup != 0 {
		g, _ = w.join(it.dir, e, it.raw)
	}
	if g != nil && g.ok.Load() && w.twin(g, e) {
		return w.hardLink(d, it.dir, g, e)
	}
	if err := w.make(d, it.dir, e); err != nil {
		return err
	}
	if g != nil && !g.ok.Load() {
		w.refound(g, it.dir, e, it.raw)
	}
	return nil
}

// twin reports whether an entry is what the first name of its group is, metadata and all: a tree that says otherwise, as
// when the names were committed one by one, gets two files.
func (w *worker) twin(g *linkGroup, e *objects.Entry) bool {
	var first objects.Entry
	_, err := objects.DecodeEntry(g.raw, &first)
	first.Name = e.Name
	return err == nil && first.Equal(e)
}

// refound makes a name that was written the first of its group, because the one before it failed.
func (w *worker) refound(g *linkGroup, dir *targetDir, e *objects.Entry, raw []byte) {
	dir.pending.Add(1)
	w.settle(g.dir)
	g.dir, g.name, g.raw = dir, e.Name, raw
	g.ok.Store(true)
}

// hardLink gives the group's file another name. A rename between two names of one file does nothing, hence the look at
// what is there.
func (w *worker) hardLink(d vfs.Dir, dir *targetDir, g *linkGroup, e *objects.Entry) error {
	from, err := g.dir.acquire(w.o.Root)
	if err != nil {
		return err
	}
	err = w.linkFrom(d, dir, from, g.name, e.Name)
	if err = errors.Join(err, g.dir.release()); err != nil {
		return err
	}
	var st vfs.Stat
	if err := d.Lstat(e.Name, &st); err != nil {
		return err
	}
	w.written(dir, e, &st, doneLink)
	return nil
}

func (w *worker) linkFrom(d vfs.Dir, dir *targetDir, from vfs.Dir, first, name string) error {
	err := d.LinkFrom(from, first, name)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	var there, want vfs.Stat
	if err := errors.Join(d.Lstat(name, &there), from.Lstat(first, &want)); err != nil {
		return err
	}
	if there.Ino == want.Ino && there.Dev == want.Dev && there.Ino != 0 {
		return nil
	}
	tmp := w.temps.next()
	if err := d.LinkFrom(from, first, tmp); err != nil {
		return err
	}
	return w.intoPlace(d, dir, tmp, name)
}

// make writes an entry that is not linked to another.
func (w *worker) make(d vfs.Dir, dir *targetDir, e *objects.Entry) error {
	if e.Type == objects.TypeFile {
		return w.file(d, dir, e)
	}
	tmp := w.temps.next()
	if err := w.makeSpecial(d, tmp, e); err != nil {
		return err
	}
	name := e.Name
	e.Name = tmp
	err := w.describe(d, dir, e)
	e.Name = name
	if err != nil {
		return errors.Join(err, d.Remove(tmp))
	}
	if err := w.intoPlace(d, dir, tmp, name); err != nil {
		return err
	}
	var st vfs.Stat
	if err := d.Lstat(name, &st); err != nil {
		return err
	}
	kind := doneSpecial
	if e.Type == objects.TypeSymlink {
		kind = doneSymlink
	}
	w.written(dir, e, &st, kind)
	return nil
}

// describe sets the metadata of what was made under a temporary name.
func (w *worker) describe(d vfs.Dir, dir *targetDir, e *objects.Entry) error {
	var st vfs.Stat
	if err := d.Lstat(e.Name, &st); err != nil {
		return err
	}
	return w.setByName(d, dir.path, e, &st)
}

func (w *worker) makeSpecial(d vfs.Dir, name string, e *objects.Entry) error {
	switch e.Type {
	case objects.TypeSymlink:
		return d.Symlink(e.Target, name)
	case objects.TypeFifo:
		return d.Mknod(name, vfs.Fifo, 0o600, 0)
	case objects.TypeCharDevice:
		return d.Mknod(name, vfs.CharDevice, 0o600, deviceNumber(e.Major, e.Minor))
	case objects.TypeBlockDevice:
		return d.Mknod(name, vfs.BlockDevice, 0o600, deviceNumber(e.Major, e.Minor))
	}
	return fmt.Errorf("%s: %w", e.Type, errors.ErrUnsupported)
}

// intoPlace renames a temporary name to its own. An empty directory in the way goes; one that is not empty stays.
func (w *worker) intoPlace(d vfs.Dir, dir *targetDir, tmp, name string) error {
	err := d.Rename(tmp, name)
	if err == nil {
		return nil
	}
	if inTheWay(err) && !w.careful {
		err = d.RemoveDir(name)
		if err == nil {
			err = d.Rename(tmp, name)
		} else if inTheWay(err) {
			err = fmt.Errorf("%q: %w", joinPath(dir.path, name), ErrInTheWay)
		}
	}
	if err != nil {
		return errors.Join(err, d.Remove(tmp))
	}
	return nil
}

// inTheWay reports whether an operation failed because a directory stands there, or one that is not empty.
func inTheWay(err error) bool {
	return errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist)
}

// unchanged fails if what is under a name is no longer what a plan saw there.
func (w *worker) unchanged(d vfs.Dir, dir *targetDir, name string, seen *StatKey) error {
	if seen == nil {
		return nil
	}
	var st vfs.Stat
	err := d.Lstat(name, &st)
	if isNotExist(err) && seen.IsZero() {
		return nil
	}
	if err == nil && seen.stillIs(&st) {
		return nil
	}
	if err == nil || isNotExist(err) {
		err = fmt.Errorf("%q: %w", joinPath(dir.path, name), ErrChangedSince)
	}
	return err
}
