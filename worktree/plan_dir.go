package worktree

import (
	"errors"

	"evault/internal/vfs"
	"evault/objects"
)

// toDir decides about a name that is a directory in the target.
func (p *planner) toDir(at *place, path string, f, t *record, st *vfs.Stat, depth int) error {
	isDir := st.Type == vfs.Directory
	if there(st) && !isDir {
		if err := p.clearLeaf(at, path, f, t, st); err != nil {
			return err
		}
	}
	var from objects.TreeRef
	if f != nil && f.IsDir() {
		from = below(&f.Entry)
	}
	if !isDir && (from.ID.IsZero() || there(st)) {
		p.whole(path, t)
		return nil
	}
	return p.bothDirs(at, path, f, t, from, isDir, depth)
}

// clearLeaf takes a file out of the way of a directory.
func (p *planner) clearLeaf(at *place, path string, f, t *record, st *vfs.Stat) error {
	untracked := f == nil || f.IsDir()
	safe := false
	if !untracked {
		var err error
		if safe, err = p.safe(at, f, nil, st); err != nil {
			return err
		}
	}
	if !safe {
		p.lose(path, untracked)
	}
	p.remove(OpDelete, path, st)
	return nil
}

// whole writes a directory of which nothing is on disk: one step however much is in it.
func (p *planner) whole(path string, t *record) {
	p.sum.add(&t.Entry)
	p.writes = append(p.writes, step{Op: Op{Kind: OpMkdir, Path: path, Size: t.Bytes}, raw: t.raw, whole: true})
}

// bothDirs goes into a directory. The step for the directory itself stays only if something happens in it or to it. One
// that the user removed is not made again unless something must be written in it.
func (p *planner) bothDirs(at *place, path string, f, t *record, from objects.TreeRef, isDir bool, depth int) error {
	mark, removed := len(p.writes), len(p.removes)
	s := step{Op: Op{Kind: OpMkdir, Path: path}, raw: t.raw}
	if isDir {
		s.Kind = OpMetadata
	}
	p.writes = append(p.writes, s)
	if err := p.within(at, path, t.Name, isDir, func(d vfs.Dir) error {
		return p.compare(path, d, from, below(&t.Entry), depth+1)
	}); err != nil {
		return err
	}
	changed := len(p.removes) > removed || f == nil || !f.IsDir() || !sameMetadata(&f.Entry, &t.Entry)
	if len(p.writes) == mark+1 && !(isDir && changed) {
		p.writes = p.writes[:mark]
	}
	return nil
}

// sameMetadata compares two directories without what is in them.
func sameMetadata(a, b *objects.Entry) bool {
	x := *a
	x.Tree, x.Entries, x.Bytes = b.Tree, b.Entries, b.Bytes
	return x.Equal(b)
}

// within opens a subdirectory if it is there.
func (p *planner) within(at *place, path, name string, isDir bool, do func(d vfs.Dir) error) error {
	if !isDir {
		return do(nil)
	}
	d, err := at.disk.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(do(d), d.Close())
}

// fromDir decides about a name that is a directory now and none in the target: what is tracked in it goes, and it too if
// nothing else is left. If something must be written in its place, nothing else may be left.
func (p *planner) fromDir(at *place, path string, f, t *record, st *vfs.Stat, depth int) error {
	if there(st) && st.Type != vfs.Directory {
		return p.leaf(at, path, nil, t, st)
	}
	if !there(st) {
		p.write(path, t, st)
		return nil
	}
	mark := len(p.removes)
	err := p.within(at, path, f.Name, true, func(d vfs.Dir) error {
		return p.compare(path, d, below(&f.Entry), objects.TreeRef{}, depth+1)
	})
	if err != nil {
		return err
	}
	if t == nil {
		p.remove(OpRmdir, path, st)
		return nil
	}
	return p.dirInTheWay(at, path, t, mark)
}

// dirInTheWay clears a directory that stands where something else must be written. Whatever no tree knows in it is work
// that would be lost. What is tracked in it is removed by the steps from mark on.
func (p *planner) dirInTheWay(at *place, path string, t *record, mark int) error {
	if t == nil {
		return nil // nothing is to be written there, so it may stay
	}
	planned := make(map[string]bool)
	for i := mark; i < len(p.removes); i++ {
		planned[p.removes[i].Path] = true
	}
	if err := p.clearDir(at.disk, path, t.Name, planned, 0); err != nil {
		return err
	}
	p.write(path, t, new(vfs.Stat))
	return nil
}

// clearDir removes everything in a directory that is not removed already, and the directory. Another vault in it is never
// touched.
func (p *planner) clearDir(up vfs.Dir, path, name string, planned map[string]bool, depth int) error {
	var st vfs.Stat
	if err := up.Lstat(name, &st); err != nil {
		return err
	}
	d, err := up.OpenDir(name)
	if err != nil {
		return err
	}
	mark := len(p.removes)
	names, err := d.ReadNames(nil)
	for _, n := range names {
		if err != nil {
			break
		}
		err = p.clearName(d, joinPath(path, n.Name), n.Name, planned, depth)
	}
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	if len(p.removes) > mark || !planned[path] {
		p.remove(OpRmdir, path, &st)
	}
	return nil
}

func (p *planner) clearName(d vfs.Dir, path, name string, planned map[string]bool, depth int) error {
	if objects.ValidateName(name) != nil || depth > objects.MaxDepth {
		p.never = append(p.never, DirtyPath{path, true})
		return nil
	}
	var st vfs.Stat
	if err := d.Lstat(name, &st); err != nil {
		return err
	}
	if st.Type == vfs.Directory {
		return p.clearDir(d, path, name, planned, depth+1)
	}
	if planned[path] {
		return nil
	}
	if !IsTemporary(name) {
		p.lose(path, true)
	}
	p.remove(OpDelete, path, &st)
	return nil
}
