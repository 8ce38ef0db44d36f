package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
)

// planner compares two trees with the disk. Directories are opened one below the other, as real directories.
type planner struct {
	*worker // compares contents; its run writes nothing
	ix      *Index
	o       *CheckoutOptions
	reset   []string // sorted
	removes []step   // in the order they are carried out: what is in a directory before it
	writes  []step   // in the order of the tree: a directory before what is in it
	dirty   []DirtyPath
	never   []DirtyPath // not even by force
	sum     totals
}

// step is an Op with what is needed to carry it out.
type step struct {
	Op
	raw   []byte  // the target's entry
	seen  StatKey // what is under the name; zero if nothing may be
	whole bool    // of a directory: all of it is new
}

// record is one entry of a directory, kept while the directory is compared.
type record struct {
	objects.Entry
	raw []byte
}

// place is one directory while it is compared.
type place struct {
	path  string
	disk  vfs.Dir // nil: not there
	index *IndexDir
	olds  []record
}

func planCheckout(ctx context.Context, src Source, from, to objects.TreeRef, ix *Index, o CheckoutOptions) (*Plan, error) {
	if ix == nil {
		ix = EmptyIndex()
	}
	o.SkipSame = o.NewHasher != nil
	r := newRun(ctx, src, &o.RestoreOptions)
	defer r.stop(nil)
	p := &planner{worker: newWorker(r), ix: ix, o: &o, reset: slices.Sorted(slices.Values(o.Reset))}
	if err := r.foldedNames(to, &picked{all: true}); err != nil {
		return nil, err
	}
	disk, err := o.Root.OpenDir("")
	if err != nil {
		return nil, err
	}
	err = p.compare("", disk, from, to, 0)
	if err = errors.Join(err, disk.Close()); err != nil {
		return nil, err
	}
	return p.plan()
}

// plan checks what was found and makes the list of steps public.
func (p *planner) plan() (*Plan, error) {
	if len(p.never) > 0 {
		return nil, &DirtyError{p.never}
	}
	if len(p.dirty) > 0 && !p.o.Force {
		return nil, &DirtyError{p.dirty}
	}
	if err := p.o.Budget.check(p.sum); err != nil {
		return nil, err
	}
	plan := &Plan{Lost: p.dirty, run: &planRun{src: p.src, o: p.o, removes: p.removes, writes: p.writes, sum: p.sum}}
	for _, list := range [...][]step{p.removes, p.writes} {
		for i := range list {
			plan.Ops = append(plan.Ops, list[i].Op)
		}
	}
	slices.SortStableFunc(plan.Ops, func(a, b Op) int { return comparePaths(a.Path, b.Path) })
	return plan, nil
}

// entries reads one directory of a tree; a zero reference is none.
func (p *planner) entries(ref objects.TreeRef) ([]record, error) {
	if ref.ID.IsZero() {
		return nil, nil
	}
	var all []record
	err := readChecked(p.ctx, p.src, ref, func(e *objects.Entry, raw []byte) error {
		all = append(all, record{e.Clone(), bytes.Clone(raw)})
		return nil
	})
	return all, err
}

// compare goes through the names of one directory in both trees.
func (p *planner) compare(path string, disk vfs.Dir, from, to objects.TreeRef, depth int) error {
	if depth > objects.MaxDepth {
		return fmt.Errorf("%q: nested deeper than %d: %w", path, objects.MaxDepth, objects.ErrLimit)
	}
	olds, err := p.entries(from)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	news, err := p.entries(to)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	at := place{path: path, disk: disk, olds: olds}
	at.index, _ = p.ix.Dir(path)
	return merge2(olds, news, func(f, t *record) error { return p.name(&at, f, t, depth) })
}

// merge2 calls each for every name in either list, with nil for the list that lacks it.
func merge2(olds, news []record, each func(f, t *record) error) error {
	for len(olds) > 0 || len(news) > 0 {
		var f, t *record
		c := 0
		switch {
		case len(olds) == 0:
			c = 1
		case len(news) == 0:
			c = -1
		default:
			c = strings.Compare(olds[0].Name, news[0].Name)
		}
		if c <= 0 {
			f, olds = &olds[0], olds[1:]
		}
		if c >= 0 {
			t, news = &news[0], news[1:]
		}
		if err := each(f, t); err != nil {
			return err
		}
	}
	return nil
}

// name decides about one name. f is what the tree of now says about it, t what the target says; nil for nothing.
func (p *planner) name(at *place, f, t *record, depth int) error {
	name := pickRecord(f, t).Name
	path := joinPath(at.path, name)
	if f != nil && t != nil && bytes.Equal(f.raw, t.raw) && !p.mustReset(path) {
		return nil
	}
	if err := p.ctx.Err(); err != nil {
		return err
	}
	st, err := lookAt(at.disk, name)
	if err != nil {
		return err
	}
	if f == nil && there(&st) && p.folds() && at.isOldName(name, &st) {
		st = vfs.Stat{}
	}
	switch {
	case t != nil && t.IsDir():
		return p.toDir(at, path, f, t, &st, depth)
	case f != nil && f.IsDir():
		return p.fromDir(at, path, f, t, &st, depth)
	}
	return p.leaf(at, path, f, t, &st)
}

func pickRecord(f, t *record) *record {
	if t != nil {
		return t
	}
	return f
}

// lookAt is lstat with TypeUnknown for what is not there.
func lookAt(d vfs.Dir, name string) (vfs.Stat, error) {
	var st vfs.Stat
	if d == nil {
		return st, nil
	}
	err := d.Lstat(name, &st)
	if isNotExist(err) {
		return vfs.Stat{}, nil
	}
	return st, err
}

func there(st *vfs.Stat) bool { return st.Type != vfs.TypeUnknown }

// isOldName reports whether what a new name finds on disk is a tracked file of another spelling, because the filesystem
// takes the two for the same. That one is decided about under its own name and is gone before the new one is written.
func (at *place) isOldName(name string, st *vfs.Stat) bool {
	fold := objects.FoldName(name)
	for i := range at.olds {
		old := at.olds[i].Name
		if old == name || objects.FoldName(old) != fold {
			continue
		}
		was, err := lookAt(at.disk, old)
		if err == nil && there(&was) && was.Ino == st.Ino && was.Dev == st.Dev {
			return true
		}
	}
	return false
}

// mustReset reports whether path, something below it or something above it is to be restored although it did not change.
func (p *planner) mustReset(path string) bool {
	i, found := slices.BinarySearch(p.reset, path)
	if found || i < len(p.reset) && strings.HasPrefix(p.reset[i], path+"/") {
		return true
	}
	for up := path; up != ""; {
		up, _ = splitPath(up)
		if _, found := slices.BinarySearch(p.reset, up); found && up != "" {
			return true
		}
	}
	// Names that sort between "path" and "path/", such as "path-x", may stand before those below it.
	i, _ = slices.BinarySearch(p.reset, path+"/")
	return i < len(p.reset) && strings.HasPrefix(p.reset[i], path+"/")
}

// leaf decides about a name that is no directory in either tree.
func (p *planner) leaf(at *place, path string, f, t *record, st *vfs.Stat) error {
	switch {
	case !there(st):
		p.write(path, t, st)
		return nil
	case st.Type == vfs.Directory:
		return p.dirInTheWay(at, path, t, len(p.removes))
	}
	safe, err := p.safe(at, f, t, st)
	if err != nil {
		return err
	}
	if !safe {
		p.lose(path, f == nil)
	}
	if t != nil {
		p.write(path, t, st)
	} else {
		p.remove(OpDelete, path, st)
	}
	return nil
}

// safe reports whether what is on disk is in a commit: it is what the tree of now says, or already what the target says.
func (p *planner) safe(at *place, f, t *record, st *vfs.Stat) (bool, error) {
	if f != nil && p.known(at, f, st) {
		return true, nil
	}
	for _, r := range [...]*record{f, t} {
		if r == nil {
			continue
		}
		if ok, err := p.holds(at.disk, r, st); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// known asks the index, without reading.
func (p *planner) known(at *place, f *record, st *vfs.Stat) bool {
	if at.index == nil {
		return false
	}
	e, ok := at.index.Find(f.Name)
	return ok && !e.Racy && bytes.Equal(e.Raw, f.raw) && e.Key.Matches(st)
}

// holds compares the disk with an entry: type, content and mode. Times and owners alone are no work worth keeping.
func (p *planner) holds(d vfs.Dir, e *record, st *vfs.Stat) (bool, error) {
	if entryType(st.Type) != e.Type {
		return false, nil
	}
	switch e.Type {
	case objects.TypeSymlink:
		target, err := d.Readlink(e.Name)
		return err == nil && target == e.Target, err
	case objects.TypeCharDevice, objects.TypeBlockDevice:
		return st.Rdev == deviceNumber(e.Major, e.Minor), nil
	case objects.TypeFile:
		if st.Perm != e.Mode && st.Perm != p.mode(&e.Entry) || p.hasher == nil {
			return false, nil
		}
		return p.sameContent(d, e.Name, st, &e.Entry)
	}
	return true, nil
}

// lose notes work that is in no commit.
func (p *planner) lose(path string, untracked bool) {
	p.dirty = append(p.dirty, DirtyPath{path, untracked})
}

func (p *planner) write(path string, t *record, st *vfs.Stat) {
	if t == nil {
		return
	}
	p.sum.add(&t.Entry)
	s := step{Op: Op{Kind: OpWrite, Path: path, Size: t.Size}, raw: t.raw}
	if there(st) {
		s.seen = seenKey(st)
	}
	p.writes = append(p.writes, s)
}

func (p *planner) remove(kind OpKind, path string, st *vfs.Stat) {
	p.removes = append(p.removes, step{Op: Op{Kind: kind, Path: path}, seen: seenKey(st)})
}
