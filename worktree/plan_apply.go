package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
)

// planRun carries out the steps of a plan.
type planRun struct {
	src     Source
	o       *CheckoutOptions
	removes []step
	writes  []step
	sum     totals
}

func (p *planRun) apply(ctx context.Context) (RestoreResult, error) {
	if p.o.DryRun {
		return RestoreResult{}, nil
	}
	r := newRun(ctx, p.src, &p.o.RestoreOptions)
	r.careful = !p.o.Force
	r.done.TotalEntries, r.done.TotalBytes = p.sum.entries, p.sum.bytes
	return r.do(func(root *targetDir) error {
		if err := p.removeAll(r); err != nil {
			return err
		}
		return p.writeAll(r, root)
	})
}

// removeAll carries out the removals. The directory of the last one stays open for the next.
func (p *planRun) removeAll(r *run) error {
	var open vfs.Dir
	var at string
	closeDir := func() error {
		if open == nil {
			return nil
		}
		d := open
		open = nil
		return d.Close()
	}
	for i := range p.removes {
		if err := context.Cause(r.ctx); err != nil {
			return errors.Join(err, closeDir())
		}
		s := &p.removes[i]
		dir, name := splitPath(s.Path)
		if open == nil || at != dir {
			err := closeDir()
			if err == nil {
				open, err = openPath(r.o.Root, dir)
				at = dir
			}
			if err != nil {
				p.removeProblem(r, s, err)
				continue
			}
		}
		if err := p.removeOne(r, open, dir, name, s); err != nil {
			p.removeProblem(r, s, err)
		}
	}
	return closeDir()
}

// removeProblem reports a removal that failed; what is gone already is no problem.
func (p *planRun) removeProblem(r *run, s *step, err error) {
	if !isNotExist(err) {
		r.problem(s.Path, err)
	}
}

func (p *planRun) removeOne(r *run, d vfs.Dir, dir, name string, s *step) error {
	act := d.RemoveDir
	if s.Kind == OpDelete {
		act = d.Remove
		if err := p.stillThere(r, d, name, s); err != nil {
			return err
		}
	}
	err := act(name)
	if errors.Is(err, fs.ErrPermission) && dir != "" && !r.root {
		if lent := lendWrite(r.o.Root, dir); lent == nil {
			err = act(name)
		}
	}
	if s.Kind == OpRmdir && inTheWay(err) {
		return nil // something untracked is in it
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Removed++
	if p.o.Removed != nil {
		p.o.Removed(s.Path)
	}
	return nil
}

func (p *planRun) stillThere(r *run, d vfs.Dir, name string, s *step) error {
	if !r.careful {
		return nil
	}
	var st vfs.Stat
	if err := d.Lstat(name, &st); err != nil {
		return err
	}
	if !s.seen.stillIs(&st) {
		return fmt.Errorf("%q: %w", s.Path, ErrChangedSince)
	}
	return nil
}

// seenKey is what a plan remembers of a name. The ctime of a file with several names moves when another of them is
// replaced, as the same checkout may do: it is left out.
func seenKey(st *vfs.Stat) StatKey {
	k := KeyOf(st)
	if st.Nlink > 1 {
		k.Ctime = vfs.Time{}
	}
	return k
}

// stillIs compares a name with what a plan saw of it.
func (k *StatKey) stillIs(st *vfs.Stat) bool {
	seen := *k
	if seen.Ctime == (vfs.Time{}) {
		seen.Ctime = st.Ctime
	}
	return seen.Matches(st)
}

// openPath opens a directory step by step, so that no link is followed.
func openPath(root vfs.FS, path string) (vfs.Dir, error) {
	d, err := root.OpenDir("")
	for err == nil && path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		var next vfs.Dir
		next, err = d.OpenDir(name)
		err = errors.Join(err, d.Close())
		if err != nil && next != nil {
			err = errors.Join(err, next.Close())
		}
		d = next
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// lendWrite makes a directory writable for its owner. Whatever stays in the target gets its own mode afterwards.
func lendWrite(root vfs.FS, dir string) error {
	up, name := splitPath(dir)
	d, err := openPath(root, up)
	if err != nil {
		return err
	}
	var st vfs.Stat
	err = d.Lstat(name, &st)
	if err == nil {
		err = d.Chmod(name, st.Perm|0o700)
	}
	return errors.Join(err, d.Close())
}

// writeAll feeds the steps to the run, with the directories that lead to them open.
func (p *planRun) writeAll(r *run, root *targetDir) error {
	open := []*targetDir{root}
	skip := "" // a directory that could not be made
	for i := range p.writes {
		s := &p.writes[i]
		if err := context.Cause(r.ctx); err != nil {
			break
		}
		for len(open) > 1 && !isBelow(s.Path, open[len(open)-1].path) {
			r.leave(open[len(open)-1])
			open = open[:len(open)-1]
		}
		if skip != "" && isBelow(s.Path, skip) {
			continue
		}
		t, err := p.writeOne(r, open[len(open)-1], s, len(open)-1)
		if err != nil {
			r.problem(s.Path, err)
			skip = s.Path
		}
		if t != nil {
			open = append(open, t)
		}
	}
	for ; len(open) > 1; open = open[:len(open)-1] {
		r.leave(open[len(open)-1])
	}
	return context.Cause(r.ctx)
}

// writeOne starts one step, and gives the directory if it went into one.
func (p *planRun) writeOne(r *run, dir *targetDir, s *step, depth int) (*targetDir, error) {
	var e objects.Entry
	if _, err := objects.DecodeEntry(s.raw, &e); err != nil {
		return nil, err
	}
	if e.IsDir() {
		t, err := r.enter(dir, &e, s.raw, false)
		if err != nil {
			return nil, err
		}
		if s.whole {
			err = r.walkTree(t, below(&e), &picked{all: true}, depth+1)
		}
		return t, err
	}
	var seen *StatKey
	if r.careful {
		seen = &s.seen
	}
	r.place(dir, &e, s.raw, seen)
	return nil, nil
}
