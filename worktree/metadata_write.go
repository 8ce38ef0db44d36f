package worktree

import (
	"evault/internal/vfs"
	"evault/objects"
)

// doneKind says how an entry got into place, for the counts.
type doneKind uint8

const (
	doneDirectory doneKind = iota
	doneFile
	doneSame
	doneLink
	doneSymlink
	doneSpecial
)

// written counts what is in place and tells the caller. The key is only good for an index if the file is what was
// just written: whoever wrote to it since moved its time away from the one that was set.
func (r *run) written(dir *targetDir, e *objects.Entry, st *vfs.Stat, kind doneKind) {
	key := KeyOf(st)
	if e.Type == objects.TypeFile && uint64(st.Size) != e.Size || !sameTime(st.Mtime, e.Mtime) {
		key = StatKey{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(e, kind)
	if r.o.Written != nil {
		r.o.Written(dir.path, e, key)
	}
}

func (r *run) count(e *objects.Entry, kind doneKind) {
	r.done.Entries++
	if e.Type == objects.TypeFile {
		r.done.Bytes += e.Size
		r.res.Bytes += e.Size
		r.res.Files++
	}
	switch kind {
	case doneDirectory:
		r.res.Directories++
	case doneSame:
		r.res.Same++
	case doneLink:
		r.res.Hardlinks++
	case doneSymlink:
		r.res.Symlinks++
	case doneSpecial:
		r.res.Specials++
	}
}

// sameTime compares a time on disk with a recorded one. Some filesystems keep 100 ns, whole or even seconds only.
func sameTime(disk vfs.Time, recorded objects.Time) bool {
	if disk.Sec == recorded.Sec && disk.Nsec == recorded.Nsec {
		return true
	}
	coarse := disk.Sec == recorded.Sec && disk.Nsec == recorded.Nsec-recorded.Nsec%100
	whole := disk.Nsec == 0 && (disk.Sec == recorded.Sec || disk.Sec == recorded.Sec-recorded.Sec&1)
	return coarse || whole
}

// mode is what an entry's permissions become. Set-ID bits give the owner's power to others: they are restored with
// the owner or not at all. On a directory setgid only says which group new files get.
func (r *run) mode(e *objects.Entry) uint32 {
	switch {
	case r.o.Owners && r.root:
		return e.Mode & 0o7777
	case e.IsDir():
		return e.Mode & 0o3777
	}
	return e.Mode & 0o1777
}

// setOpen sets the metadata of a new file through its descriptor. The mode comes after the owner, because a change of
// owner clears set-ID bits, and after the attributes, because a read-only file takes none and the mode sets the
// mask of an access list. The time comes last.
func (w *worker) setOpen(f vfs.File, dir *targetDir, e *objects.Entry) error {
	if w.o.Owners && w.root {
		if err := w.chownOpen(f, dir, e); err != nil {
			return err
		}
	}
	if err := w.disinherit(f, dir, e); err != nil {
		return err
	}
	for _, x := range e.Xattrs {
		if err := w.setXattr(entryPath(dir, e), x, f.SetXattr); err != nil {
			return err
		}
	}
	if err := f.Chmod(w.mode(e)); err != nil {
		return err
	}
	return f.SetTimes(vfs.Time(e.Mtime))
}

// chownOpen looks once per directory whom its new files belong to, and changes only what is not so.
func (w *worker) chownOpen(f vfs.File, dir *targetDir, e *objects.Entry) error {
	want := w.owners.of(e)
	dir.mu.Lock()
	own, known := dir.own, dir.known
	dir.mu.Unlock()
	if !known {
		st, err := f.StatStat()
		if err != nil {
			return err
		}
		own = ownership{st.UID, st.GID}
		dir.mu.Lock()
		dir.own, dir.known = own, true
		dir.mu.Unlock()
	}
	if own == want {
		return nil
	}
	return f.Chown(want.uid, want.gid)
}

// setByName sets the metadata of something that is there: a directory, a link, a special file, or a file whose content
// is kept. st is what it is now; only what differs is set. path is for messages.
func (r *run) setByName(d vfs.Dir, path string, e *objects.Entry, st *vfs.Stat) error {
	changed, err := r.chownName(d, e, st)
	if err != nil {
		return err
	}
	more, err := r.xattrsByName(d, path, e)
	if err != nil {
		return err
	}
	mode := r.mode(e)
	if e.Type != objects.TypeSymlink && (changed || more || st.Perm != mode) {
		if err := d.Chmod(e.Name, mode); err != nil {
			return err
		}
	}
	if mtime := vfs.Time(e.Mtime); st.Mtime != mtime {
		return d.SetTimes(e.Name, mtime)
	}
	return nil
}

func (r *run) chownName(d vfs.Dir, e *objects.Entry, st *vfs.Stat) (changed bool, err error) {
	if !r.o.Owners || !r.root {
		return false, nil
	}
	want := r.owners.of(e)
	if want == (ownership{st.UID, st.GID}) {
		return false, nil
	}
	return true, d.Lchown(e.Name, want.uid, want.gid)
}
