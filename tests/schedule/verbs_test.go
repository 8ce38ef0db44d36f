package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"evault/objects"
	"evault/repo"
)

// clean says that the work tree of a device is as its commit has it.
func (w *world) clean(d *device) bool { return maps.Equal(d.files, w.history.trees[d.head()]) }

// edit changes a file or two. Some names belong to one device, and some are everybody's.
func (w *world) edit(d *device) {
	names := []string{"own-" + d.name, "own-" + d.name, "also-" + d.name, "s0", "s1"}
	for range 1 + w.rnd.IntN(2) {
		name := names[w.rnd.IntN(len(names))]
		if w.rnd.IntN(5) == 0 {
			d.remove(w.t, name)
			continue
		}
		w.text++
		d.write(w.t, name, fmt.Sprintf("%s writes for the %dth time", d.name, w.text))
	}
}

// commit commits everything. A commit that crashed was made, or was not.
func (w *world) commit(d *device) {
	before, clean := d.state.copy(), w.clean(d)
	var result *repo.CommitResult
	err := w.run(d, nil, func(ctx context.Context, r *repo.Repository) (err error) {
		result, err = r.Commit(ctx, repo.CommitOptions{Message: "m", All: true})
		return err
	})
	switch {
	case err == nil && !result.Nothing:
		w.advance(d, before, result.ID, false)
		d.made[result.ID] = true
	case err == nil && !clean:
		w.t.Errorf("%s: a commit saw no changes", d.name)
	case err != nil:
		w.after(d, func(now objects.ID, parents []objects.ID) bool {
			return slices.Equal(parents, []objects.ID{before.head()})
		})
	}
}

// advance notes that the current branch has moved to a new commit of the device's files.
func (w *world) advance(d *device, before state, to objects.ID, moves bool) {
	if _, ok := w.history.trees[to]; !ok {
		w.history.add(to, d.files, before.head())
	}
	d.branches[d.branch] = to
	d.undo = append(d.undo, step{before, moves})
}

// after looks where a device stands after a verb of which nobody knows how far it came: where it was, or at one new commit,
// of which good is asked.
func (w *world) after(d *device, good func(now objects.ID, parents []objects.ID) bool) (moved bool) {
	w.observe(d)
	now, parents := d.seen.head, d.seen.parents
	switch {
	case now == d.head():
		return false
	case !good(now, parents):
		w.t.Errorf("%s after a crash: at %s, which is neither before nor after", d.name, now)
	default:
		w.advance(d, d.state.copy(), now, false)
		return true
	}
	return false
}

// push pushes the current branch, or all.
func (w *world) push(d *device, p *place, all bool) {
	branches := []string{d.branch}
	if all {
		branches = slices.Sorted(maps.Keys(d.branches))
	}
	var result *repo.PushResult
	err := w.run(d, p, func(ctx context.Context, r *repo.Repository) (err error) {
		result, err = r.Push(ctx, repo.PushOptions{Remote: p.name, All: all})
		return err
	})
	if result != nil {
		w.honest(d.name+" push", result.Problems...)
	}
	w.honest(d.name+" push", err)
	if done := result != nil && result.Done; !done && (err == nil || errors.Is(err, repo.ErrFetchFirst)) {
		w.t.Errorf("%s: a push to %s that is not done says that some branches are there: %v", d.name, p.name, err)
	}
	for _, b := range branches {
		at, ours := w.choices(p, b), d.branches[b]
		fits := at.only(func(id objects.ID) bool { return w.history.has(ours, id) })
		refused := at.only(func(id objects.ID) bool { return !w.history.has(ours, id) })
		kind := kindOf(result, b)
		switch {
		case kind == repo.UpdateRefused: // by what the host had, whatever became of other branches
			if w.at[p.name][b] = refused; len(refused) == 0 {
				w.t.Errorf("%s was refused by %s for no reason: %v", d.name, p.name, err)
			}
		case result != nil && result.Done:
			if w.at[p.name][b] = (choices{ours}); len(fits) == 0 {
				w.t.Errorf("%s pushed %s to %s, which cannot be: it is at %v there", d.name, b, p.name, at)
			}
		default: // it has arrived or not
			if len(fits) > 0 && !slices.Contains(at, ours) {
				w.at[p.name][b] = append(slices.Clone(at), ours)
			}
			if w.line.lose.Load() == 0 && !w.line.cut && !w.troubled {
				w.t.Errorf("%s: push to %s: %v", d.name, p.name, err)
			}
		}
	}
}

func kindOf(result *repo.PushResult, branch string) repo.UpdateKind {
	if result != nil {
		for _, u := range result.Updates {
			if u.Branch == branch {
				return u.Kind
			}
		}
	}
	return ""
}

func (w *world) choices(p *place, branch string) choices {
	if at := w.at[p.name][branch]; len(at) > 0 {
		return at
	}
	return choices{objects.ID{}}
}

// fetched compares what a device has learned of a host with what there must be.
func (w *world) fetched(d *device, p *place) {
	found := d.seen.tracking[p.name]
	for b := range unionNames(found, w.at[p.name]) {
		if !slices.Contains(w.choices(p, b), found[b]) {
			w.t.Errorf("%s: %s of %s is at %s, and must be one of %v", d.name, b, p.name, found[b], w.choices(p, b))
		}
		w.at[p.name][b] = choices{found[b]}
	}
}

func unionNames(a map[string]objects.ID, b map[string]choices) map[string]bool {
	out := map[string]bool{}
	for n := range a {
		out[n] = true
	}
	for n := range b {
		out[n] = true
	}
	return out
}

func (w *world) fetch(d *device, p *place) {
	var result *repo.FetchResult
	err := w.run(d, p, func(ctx context.Context, r *repo.Repository) (err error) {
		result, err = r.Fetch(ctx, repo.FetchOptions{Remote: p.name})
		return err
	})
	w.learned(d, p, result, err)
}

func (w *world) learned(d *device, p *place, result *repo.FetchResult, err error) {
	w.honest(d.name+" fetch", err)
	if result != nil {
		w.honest(d.name+" fetch", result.Problems...)
		for _, u := range result.Updates {
			if u.Kind == repo.UpdateDiverged || u.Kind == repo.UpdateUnreachable {
				w.t.Errorf("%s: %s of %s is %s: %s", d.name, u.Branch, p.name, u.Kind, u.Reason)
			}
		}
	}
	if w.observe(d); err == nil {
		w.fetched(d, p)
	} else if !w.troubled {
		w.t.Errorf("%s: fetch from %s: %v", d.name, p.name, err)
	}
}

// pull brings in the current branch of a host. A pull that crashed is repeated at once, as its user would.
func (w *world) pull(d *device, p *place) (conflicts []string) {
	before := d.state.copy()
	var result *repo.PullResult
	verb := func(ctx context.Context, r *repo.Repository) (err error) {
		result, err = r.Pull(ctx, repo.PullOptions{Remote: p.name})
		return err
	}
	err := w.run(d, p, verb)
	if w.troubled {
		if result != nil && result.Fetch != nil {
			w.honest(d.name+" pull", result.Fetch.Problems...)
		}
		w.honest(d.name+" pull", err)
		w.calm(d, p)
		result, err = nil, d.with(context.Background(), repo.Writing, func(r *repo.Repository) error { return verb(context.Background(), r) })
		var waiting *repo.InProgressError
		if errors.As(err, &waiting) { // it crashed when all was in place: take it back, and pull once more
			result, err = nil, d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
				if _, err := r.AbortMerge(context.Background()); err != nil {
					return err
				}
				return verb(context.Background(), r)
			})
		}
	}
	var fetched *repo.FetchResult
	if result != nil {
		fetched = result.Fetch
	}
	var merge *repo.MergeConflictError
	if errors.As(err, &merge) || errors.Is(err, repo.ErrUnknownRevision) {
		w.learned(d, p, fetched, nil)
	} else {
		w.learned(d, p, fetched, err)
	}
	if err != nil && merge == nil && !errors.Is(err, repo.ErrUnknownRevision) {
		return nil
	}
	return w.merged(d, before, w.choices(p, d.branch)[0], err)
}

// merged says what has become of a device that brought in a commit.
func (w *world) merged(d *device, before state, theirs objects.ID, err error) (conflicts []string) {
	ours := before.head()
	if theirs.IsZero() != errors.Is(err, repo.ErrUnknownRevision) {
		w.t.Errorf("%s: a pull of %s: %v", d.name, theirs, err)
	}
	if theirs.IsZero() || w.history.has(ours, theirs) {
		return nil
	}
	now, parents := d.seen.head, d.seen.parents
	if w.history.has(theirs, ours) {
		if now != theirs {
			w.t.Errorf("%s: at %s after a fast-forward to %s: %v", d.name, now, theirs, err)
		}
		d.files = maps.Clone(w.history.trees[theirs])
		w.advance(d, before, theirs, true)
		return nil
	}
	files, conflicts := w.history.merge(ours, theirs)
	if len(conflicts) > 0 {
		w.count["conflict"]++
		var refused *repo.MergeConflictError
		if !errors.As(err, &refused) || !slices.Equal(refused.Paths, conflicts) {
			w.t.Errorf("%s: conflicts of %s and %s in %v, and the pull says %v", d.name, ours, theirs, conflicts, err)
		}
		back := func(r *repo.Repository) error { _, err := r.AbortMerge(context.Background()); return err }
		if err := d.with(context.Background(), repo.Writing, back); err != nil {
			w.t.Errorf("%s: the merge cannot be taken back: %v", d.name, err)
		}
		return conflicts
	}
	if err != nil || !slices.Equal(parents, []objects.ID{ours, theirs}) {
		w.t.Errorf("%s: a merge of %s and %s is at %s with parents %v: %v", d.name, ours, theirs, now, parents, err)
		return nil
	}
	w.count["merge"]++
	d.files = files
	w.history.add(now, files, ours, theirs)
	w.advance(d, before, now, true)
	return nil
}

// switchTo moves to a branch, which is made if there is none.
func (w *world) switchTo(d *device, branch string) {
	before := d.state.copy()
	if branch == d.branch {
		return
	}
	o := repo.CheckoutOptions{Revision: branch, Branch: true}
	to, ok := d.branches[branch]
	if !ok {
		o, to = repo.CheckoutOptions{Create: branch}, d.head()
	}
	err := d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
		_, err := r.Checkout(context.Background(), o)
		return err
	})
	if err != nil {
		w.t.Errorf("%s: switch to %s: %v", d.name, branch, err)
		return
	}
	d.branch, d.branches[branch], d.files = branch, to, maps.Clone(w.history.trees[to])
	d.undo = append(d.undo, step{before, true})
}

// undoLast takes the last operation back that was not taken back yet.
func (w *world) undoLast(d *device) {
	last := d.undo[len(d.undo)-1]
	err := d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
		_, err := r.Undo(context.Background(), repo.UndoOptions{})
		return err
	})
	if err != nil {
		w.t.Errorf("%s: undo: %v", d.name, err)
		return
	}
	d.undo = d.undo[:len(d.undo)-1]
	files := d.files
	d.state = last.before.copy()
	if !last.moves {
		d.files = files
	}
}
