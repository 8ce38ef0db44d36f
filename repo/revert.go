package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"evault/objects"
)

// The operations that bring the changes of single commits to HEAD, as they are recorded.
const (
	OpRevert     = "revert"
	OpCherryPick = "cherry-pick"
)

// PickOptions say which commits' changes to bring to HEAD, or to take out of it.
type PickOptions struct {
	Revisions  []string // in this order; "A..B" are the commits that B has and A has not, a cherry-pick oldest first, a revert newest first
	NoCommit   bool     // leave the changes in the work tree, to be committed by hand; for one commit
	Mainline   int      // for a merge: which parent to compare with, 1 is the first
	NoteOrigin bool     // cherry-pick: add "(cherry picked from commit ...)" to the message
	Favour     Favour
}

// Picked is one commit whose changes were brought in, or taken out.
type Picked struct {
	Source  objects.ID
	Subject string // of the source's message
	Merge   *MergeResult
}

// Revert takes the changes of commits back by new commits, and CherryPick does what commits did once more: a three-way merge
// of HEAD's tree with a commit's parent and the commit. A commit whose changes HEAD has already, or has no more, makes no new
// one: the kind of its result is MergeUpToDate.
//
// each is told of every commit that is done. At a conflict the files are left with markers, what comes after is remembered, and
// the error is a MergeConflictError: see ContinuePick. Uncommitted work is never overwritten.
func (r *Repository) Revert(ctx context.Context, o PickOptions, each func(*Picked) error) error {
	return r.pick(ctx, OpRevert, o, each)
}

// CherryPick does once more at HEAD what commits did: see Revert.
func (r *Repository) CherryPick(ctx context.Context, o PickOptions, each func(*Picked) error) error {
	return r.pick(ctx, OpCherryPick, o, each)
}

func (r *Repository) pick(ctx context.Context, operation string, o PickOptions, each func(*Picked) error) error {
	// One that was killed while it wrote files is finished by running it again; combine knows whether it is the same.
	if err := r.refuseInProgressBut(operation); err != nil {
		return err
	}
	if r.head().IsZero() {
		return conflictf("there is no commit yet that could be changed")
	}
	todo, err := r.pickList(ctx, operation, o.Revisions)
	if err != nil {
		return err
	}
	if o.NoCommit && len(todo) > 1 {
		return usagef("without commits it is one at a time, and this names %d", len(todo))
	}
	p := picking{repo: r, operation: operation, favour: o.Favour, noCommit: o.NoCommit, each: each,
		rest: pickRest{Todo: todo, Mainline: o.Mainline, NoteOrigin: o.NoteOrigin, Begun: r.head()}}
	for _, id := range todo { // before anything is done
		if _, _, err := p.sides(ctx, id); err != nil {
			return err
		}
	}
	return p.run(ctx)
}

// pickList resolves revisions and ranges.
func (r *Repository) pickList(ctx context.Context, operation string, revisions []string) ([]objects.ID, error) {
	var out []objects.ID
	for _, rev := range revisions {
		if !strings.Contains(rev, "..") {
			id, _, err := r.ResolveCommit(ctx, rev)
			if err != nil {
				return nil, err
			}
			out = append(out, id)
			continue
		}
		err := r.Log(ctx, LogOptions{Revisions: []string{rev}, Reverse: operation == OpCherryPick}, func(e *LogEntry) error {
			if out = append(out, e.ID); len(out) > maxPicks {
				return conflictf("%s are more than %d commits", rev, maxPicks)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, conflictf("these revisions name no commit")
	}
	return out, nil
}

// maxPicks bounds how many commits one command picks.
const maxPicks = 1000

// picking is a revert or cherry-pick on its way.
type picking struct {
	repo      *Repository
	operation string
	favour    Favour
	noCommit  bool
	rest      pickRest
	each      func(*Picked) error
}

func (p *picking) run(ctx context.Context) error {
	for len(p.rest.Todo) > 0 {
		id := p.rest.Todo[0]
		p.rest.Todo = p.rest.Todo[1:]
		commit, o, err := p.sides(ctx, id)
		if err != nil {
			return err
		}
		result, err := p.repo.combine(ctx, o)
		if result == nil {
			return err
		}
		if eachErr := p.each(&Picked{Source: id, Subject: firstLine(commit.Message), Merge: result}); eachErr != nil || err != nil {
			return errors.Join(err, eachErr)
		}
	}
	return nil
}

// sides says what to combine for one commit.
func (p *picking) sides(ctx context.Context, id objects.ID) (*objects.Commit, combineOptions, error) {
	o := combineOptions{operation: p.operation, what: id.Short(), theirsID: id, favour: p.favour, noCommit: p.noCommit, rest: p.rest}
	c, err := p.repo.loadCommit(ctx, id)
	if err != nil {
		return nil, o, err
	}
	parent, err := p.parent(ctx, id, c)
	if err != nil {
		return nil, o, err
	}
	subject := firstLine(c.Message)
	if p.operation == OpRevert {
		o.base, o.theirs, o.theirsID = c.Root(), treeRef(parent), objects.ID{}
		o.label, o.baseLabel = "parent of "+id.Short()+" ("+subject+")", id.Short()+" ("+subject+")"
		o.message = revertMessage(id, c, p.rest.Mainline)
		return c, o, nil
	}
	o.base, o.theirs = treeRef(parent), c.Root()
	o.label, o.baseLabel = id.Short()+" ("+subject+")", "parent of "+id.Short()+" ("+subject+")"
	o.message, o.author = c.Message, c.Author
	if p.rest.NoteOrigin {
		o.message = withOrigin(c.Message, id)
	}
	return c, o, nil
}

// parent gives the commit that one is compared with; nil for a first commit.
func (p *picking) parent(ctx context.Context, id objects.ID, c *objects.Commit) (*objects.Commit, error) {
	n := p.rest.Mainline
	switch {
	case len(c.Parents) == 0 && n == 0:
		return nil, nil
	case len(c.Parents) > 1 && n == 0:
		return nil, usagef("%s is a merge: -m 1 compares it with its first parent, -m 2 with what was merged", id.Short())
	case n > len(c.Parents):
		return nil, usagef("%s has no parent %d", id.Short(), n)
	}
	return p.repo.loadCommit(ctx, c.Parents[max(n, 1)-1])
}

// revertMessage says what is taken back, as git does.
func revertMessage(id objects.ID, c *objects.Commit, mainline int) string {
	subject := firstLine(c.Message)
	title := `Revert "` + subject + `"`
	if inner, ok := strings.CutPrefix(subject, `Revert "`); ok && !strings.HasPrefix(inner, `Revert "`) {
		title = `Reapply "` + inner
	}
	if mainline > 0 && len(c.Parents) > 1 {
		return fmt.Sprintf("%s\n\nThis reverts commit %s, reversing\nchanges made to %s.", title, id, c.Parents[mainline-1])
	}
	return fmt.Sprintf("%s\n\nThis reverts commit %s.", title, id)
}

// withOrigin adds the line that cherry-pick -x adds, behind other such lines without a blank one between.
func withOrigin(message string, id objects.ID) string {
	message = strings.TrimRight(message, "\n")
	last := message[strings.LastIndexByte(message, '\n')+1:]
	gap := "\n\n"
	if strings.HasPrefix(last, "(cherry picked from commit ") {
		gap = "\n"
	}
	return message + gap + "(cherry picked from commit " + id.String() + ")"
}

// ContinuePick concludes a revert or cherry-pick whose conflicts are resolved, and goes on with the commits after it.
func (r *Repository) ContinuePick(ctx context.Context, operation string, o ContinueOptions, each func(*Picked) error) error {
	state, err := r.pickInProgress(operation)
	if err != nil {
		return err
	}
	result, err := r.ContinueMerge(ctx, o)
	if result == nil {
		return err
	}
	if eachErr := each(&Picked{Source: state.Theirs, Subject: firstLine(state.Message), Merge: result}); eachErr != nil || err != nil {
		return errors.Join(err, eachErr)
	}
	p := picking{repo: r, operation: operation, each: each, rest: state.Rest}
	return p.run(ctx)
}

// SkipPick gives up the commit at which a revert or cherry-pick stopped, and goes on with those after it.
func (r *Repository) SkipPick(ctx context.Context, operation string, each func(*Picked) error) error {
	state, err := r.pickInProgress(operation)
	if err != nil {
		return err
	}
	if _, err := r.AbortMerge(ctx); err != nil {
		return err
	}
	p := picking{repo: r, operation: operation, each: each, rest: state.Rest}
	return p.run(ctx)
}

// AbortPick takes a revert or cherry-pick back as a whole, with the commits that it has made already.
func (r *Repository) AbortPick(ctx context.Context, operation string) (*MergeResult, error) {
	state, err := r.pickInProgress(operation)
	if err != nil {
		return nil, err
	}
	result, err := r.AbortMerge(ctx)
	if err != nil || state.Rest.Begun.IsZero() || state.Rest.Begun == r.head() {
		return result, err
	}
	moved, err := r.Reset(ctx, ResetOptions{Revision: state.Rest.Begun.String(), Hard: true})
	if moved != nil && result != nil {
		result.Commit, result.Subject = moved.Commit, moved.Subject
		result.Written += moved.Written
		result.Deleted += moved.Deleted
	}
	return result, err
}

// pickInProgress gives the state of an operation that waits, if it is this one.
func (r *Repository) pickInProgress(operation string) (*mergeState, error) {
	state, err := r.inProgress()
	switch {
	case err != nil:
		return nil, err
	case state == nil:
		return nil, conflictf("no %s is in progress", operation)
	case state.Operation != operation:
		return nil, r.refuseInProgress()
	}
	return state, nil
}
