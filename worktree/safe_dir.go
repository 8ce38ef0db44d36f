package worktree

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"

	"evault/internal/vfs"
	"evault/objects"
)

// targetDir is one directory that is written to. Two things are counted:
//
//   - pending: what is still to happen in it or below it: the walk, its subdirectories, files that workers have, links
//     that wait for the end. When nothing is, its metadata is set: a directory may be read-only in the tree, and
//     writing into it would move its time.
//   - users of the handle: it is open only while somebody uses it, so that as few descriptors are open as the
//     tree is deep, plus those that workers have. Opening goes down from the root, each step as a real directory.
type targetDir struct {
	parent *targetDir // nil for the root
	name   string
	path   string
	raw    []byte // encoded entry whose metadata it gets; nil: it keeps what it has
	fresh  bool   // made by this run: nothing of anybody else is in it

	pending atomic.Int64

	mu    sync.Mutex
	dir   vfs.Dir
	users int
	own   ownership // of the files that are made in it
	known bool      // own is known

	inherits inheritance // what new files in it get

	perm uint32 // permissions to be put back, if lent
	lent bool   // the directory was made writable for the time of the run
}

// acquire gives the open directory; release must follow.
func (t *targetDir) acquire(root vfs.FS) (vfs.Dir, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dir == nil {
		d, err := t.open(root)
		if err != nil {
			return nil, err
		}
		t.dir = d
	}
	t.users++
	return t.dir, nil
}

func (t *targetDir) open(root vfs.FS) (vfs.Dir, error) {
	if t.parent == nil {
		return root.OpenDir("")
	}
	up, err := t.parent.acquire(root)
	if err != nil {
		return nil, err
	}
	d, err := up.OpenDir(t.name)
	return d, errors.Join(err, t.parent.release())
}

func (t *targetDir) release() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users--
	if t.users > 0 {
		return nil
	}
	d := t.dir
	t.dir = nil
	return d.Close()
}

// enter makes the directory name of parent, or opens the one that is there. Files and links in its place are replaced,
// as those in the place of files are.
func (r *run) enter(parent *targetDir, e *objects.Entry, raw []byte, keep bool) (*targetDir, error) {
	t := &targetDir{parent: parent, name: e.Name, path: joinPath(parent.path, e.Name)}
	up, err := parent.acquire(r.o.Root)
	if err != nil {
		return nil, err
	}
	err = r.makeDir(up, t)
	if err == nil && (t.fresh || !keep) {
		t.raw = raw
	}
	if err = errors.Join(err, parent.release()); err != nil {
		return nil, err
	}
	parent.pending.Add(1)
	t.pending.Store(1)
	return t, r.arrive(t)
}

// makeDir leaves name a real directory that can be written to. Nobody else may look into a new one before its own
// permissions are set.
func (r *run) makeDir(up vfs.Dir, t *targetDir) error {
	err := up.Mkdir(t.name, 0o700)
	if err == nil {
		t.fresh = true
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	var st vfs.Stat
	if err := up.Lstat(t.name, &st); err != nil {
		return err
	}
	if st.Type != vfs.Directory {
		return r.replaceByDir(up, t)
	}
	if st.Perm&0o700 != 0o700 && !r.root {
		t.perm, t.lent = st.Perm, true
		return up.Chmod(t.name, st.Perm|0o700)
	}
	return nil
}

func (r *run) replaceByDir(up vfs.Dir, t *targetDir) error {
	if r.careful {
		return fmt.Errorf("%q: %w", t.path, ErrChangedSince)
	}
	if err := up.Remove(t.name); err != nil {
		return err
	}
	if err := up.Mkdir(t.name, 0o700); err != nil {
		return err
	}
	t.fresh = true
	return nil
}

// arrive opens the directory for the walk and clears what an earlier, killed run left in it.
func (r *run) arrive(t *targetDir) error {
	d, err := t.acquire(r.o.Root)
	if err != nil {
		r.settle(t)
		return err
	}
	if t.fresh {
		return nil
	}
	if err := r.temps.sweep(d); err != nil {
		r.problem(t.path, err)
	}
	return nil
}

// leave ends the walk's use of the directory.
func (r *run) leave(t *targetDir) {
	if err := t.release(); err != nil {
		r.problem(t.path, err)
	}
	r.settle(t)
}

// settle takes one pending thing off the directory, and finishes it and those above it when nothing is left.
func (r *run) settle(t *targetDir) {
	for ; t != nil && t.pending.Add(-1) == 0; t = t.parent {
		if t.parent != nil {
			r.finishDir(t)
		}
	}
}

// finishDir sets the directory's own metadata, by its name in the parent, which is not followed if it became a link.
func (r *run) finishDir(t *targetDir) {
	up, err := t.parent.acquire(r.o.Root)
	if err != nil {
		r.problem(t.path, err)
		return
	}
	if err := errors.Join(r.finishDirIn(up, t), t.parent.release()); err != nil {
		r.problem(t.path, err)
	}
}

func (r *run) finishDirIn(up vfs.Dir, t *targetDir) error {
	if t.raw == nil {
		if t.lent {
			return up.Chmod(t.name, t.perm)
		}
		return nil
	}
	var e objects.Entry
	if _, err := objects.DecodeEntry(t.raw, &e); err != nil {
		return err
	}
	var st vfs.Stat
	if err := up.Lstat(t.name, &st); err != nil {
		return err
	}
	if st.Type != vfs.Directory {
		return &fs.PathError{Op: "chmod", Path: t.path, Err: syscall.ENOTDIR}
	}
	if err := r.setByName(up, t.path, &e, &st); err != nil {
		return err
	}
	if err := up.Lstat(t.name, &st); err != nil {
		return err
	}
	r.written(t.parent, &e, &st, doneDirectory)
	return nil
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
