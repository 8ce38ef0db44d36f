package worktree

import (
	"evault/internal/vfs"
	"evault/objects"
)

// rehearsal is a restore that touches nothing. It keeps the folder that it looked into last open, since a tree is walked
// folder by folder.
type rehearsal struct {
	*worker
	path string
	dir  vfs.Dir // nil: it cannot be opened, so nothing in it is as it should be
}

// rehearse calls Planned for everything that a restore would change.
func (r *run) rehearse(tree objects.TreeRef, want *picked) (RestoreResult, error) {
	defer r.stop(nil)
	h := &rehearsal{worker: newWorker(r)}
	err := h.enter("")
	if err == nil {
		err = r.look("", tree, want, 0, h.visit)
	}
	if closing := h.leave(); err == nil {
		err = closing
	}
	if err == nil {
		want.missed(func(path string) { r.problem(path, objects.ErrNoPath) })
	}
	return r.finish(err)
}

func (h *rehearsal) visit(path string, e *objects.Entry) error {
	if parent, _ := splitPath(path); parent != h.path {
		if err := h.leave(); err != nil {
			return err
		}
		if err := h.enter(parent); err != nil {
			return err
		}
	}
	there := h.dir != nil && h.there(e)
	h.count(e, plannedKind(e, there))
	if !there && h.o.Planned != nil {
		h.o.Planned(path, e)
	}
	return nil
}

func plannedKind(e *objects.Entry, there bool) doneKind {
	switch {
	case e.Type == objects.TypeFile && there:
		return doneSame
	case e.Type == objects.TypeFile:
		return doneFile
	case e.IsDir():
		return doneDirectory
	case e.Type == objects.TypeSymlink:
		return doneSymlink
	}
	return doneSpecial
}

// there reports whether a name is already as the entry says, as far as a list of what would change needs to know it.
func (h *rehearsal) there(e *objects.Entry) bool {
	var st vfs.Stat
	if err := h.dir.Lstat(e.Name, &st); err != nil {
		return false
	}
	switch {
	case e.IsDir():
		return st.Type == vfs.Directory
	case e.Type == objects.TypeSymlink:
		target, err := h.dir.Readlink(e.Name)
		return err == nil && st.Type == vfs.Symlink && target == e.Target
	case e.Type == objects.TypeFile:
		return h.hasher != nil && st.Perm == e.Mode && h.same(h.dir, e)
	}
	return false
}

func (h *rehearsal) enter(path string) error {
	h.path = path
	d, err := h.o.Root.OpenDir(path)
	if err != nil {
		return nil // // what is not there, or is no folder, is what a restore would make
	}
	h.dir = d
	return nil
}

func (h *rehearsal) leave() error {
	if h.dir == nil {
		return nil
	}
	d := h.dir
	h.dir = nil
	return d.Close()
}
