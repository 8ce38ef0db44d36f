package repo

import (
	"context"
	"errors"
	"fmt"

	"evault/objects"
	"evault/refs"
)

// BisectStep is what a bisect has come to.
type BisectStep struct {
	State      BisectState
	NeedBad    bool // waiting for a bad commit
	NeedGood   bool // waiting for a good one
	ID         objects.ID
	Commit     *objects.Commit // with ID: what is to be tested, or the first bad commit
	MergeBase  bool            // it is where good and bad have come apart
	Left       int             // commits that may be left to test after this one, at most
	Steps      int             // about how many more tests that takes
	Candidates []LogEntry      // where stuck: any of these may be the first bad one
	Checkout   *CheckoutResult // nil: nothing was checked out
}

// BisectMarked is one mark that was given.
type BisectMarked struct {
	Mark   string // MarkBad, MarkGood, MarkSkip
	ID     objects.ID
	Commit *objects.Commit
}

// BisectStart begins the search for the first bad commit. An empty bad, or no good, are to be named by BisectMark. As soon as
// both are known the commit to be tested is checked out, detached.
func (r *Repository) BisectStart(ctx context.Context, bad string, good []string) (*BisectStep, error) {
	if err := r.refuseInProgress(); err != nil {
		return nil, err
	}
	switch s, err := r.loadBisect(); {
	case err != nil:
		return nil, err
	case s != nil:
		return nil, conflictf("a bisect is in progress: \"evault bisect reset\" ends it")
	case r.head().IsZero():
		return nil, conflictf("there is no commit yet")
	}
	s := &bisectState{Marks: []bisectMark{}}
	if head := r.refs.View().Head; head.Branch != "" {
		s.Branch = head.Branch
	} else {
		s.Commit = head.Commit.String()
	}
	if bad != "" {
		if err := r.markBisect(ctx, s, MarkBad, bad); err != nil {
			return nil, err
		}
	}
	for _, rev := range good {
		if err := r.markBisect(ctx, s, MarkGood, rev); err != nil {
			return nil, err
		}
	}
	return r.advanceBisect(ctx, s)
}

// BisectMark says of commits that they are good, bad or to be skipped, without revisions of the one that is checked out, and
// checks out the next one to be tested.
//
// What was said is durable before anything is checked out: interrupted, or refused because of work that is in no commit, the
// same call for the same commit goes on.
func (r *Repository) BisectMark(ctx context.Context, mark string, revisions []string) (*BisectStep, error) {
	if err := r.refuseInProgress(); err != nil {
		return nil, err
	}
	s, err := r.bisecting()
	if err != nil {
		return nil, err
	}
	if len(revisions) == 0 {
		revisions = []string{"HEAD"}
	}
	if mark == MarkBad && len(revisions) > 1 {
		return nil, usagef("only one commit can be the bad one")
	}
	for _, rev := range revisions {
		if err := r.markBisect(ctx, s, mark, rev); err != nil {
			return nil, err
		}
	}
	return r.advanceBisect(ctx, s)
}

// BisectGo checks out what is to be tested, if the work tree has been moved elsewhere since.
func (r *Repository) BisectGo(ctx context.Context) (*BisectStep, error) {
	if err := r.refuseInProgress(); err != nil {
		return nil, err
	}
	s, err := r.bisecting()
	if err != nil {
		return nil, err
	}
	return r.advanceBisect(ctx, s)
}

// bisecting gives the bisect in progress, or ErrConflict.
func (r *Repository) bisecting() (*bisectState, error) {
	s, err := r.loadBisect()
	if err == nil && s == nil {
		err = conflictf("no bisect is in progress: \"evault bisect start BAD GOOD\" begins one")
	}
	return s, err
}

func (r *Repository) markBisect(ctx context.Context, s *bisectState, mark, revision string) error {
	id, _, err := r.ResolveCommit(ctx, revision)
	if err == nil {
		s.mark(mark, id)
	}
	return err
}

// advanceBisect keeps the marks and checks out what is to be tested next.
func (r *Repository) advanceBisect(ctx context.Context, s *bisectState) (*BisectStep, error) {
	step, err := r.bisectStep(ctx, s)
	if err != nil {
		return nil, err
	}
	if step.MergeBase {
		s.Base = step.ID.String()
	}
	if err := r.saveBisect(s); err != nil {
		return nil, err
	}
	if step.State != BisectTesting {
		return step, nil
	}
	d := &destination{id: step.ID, commit: step.Commit, op: refs.Operation{
		Name: "checkout", Description: "to " + step.ID.Short() + ", to be tested", HeadAfter: refs.Head{Commit: step.ID}}}
	step.Checkout, err = r.moveTo(ctx, d, false, false)
	if errors.Is(err, ErrIncomplete) {
		err = fmt.Errorf("commit %s could not be checked out whole: %w", step.ID.Short(), err)
	}
	return step, err
}

// bisectStep finds out what follows from the marks.
func (r *Repository) bisectStep(ctx context.Context, s *bisectState) (*BisectStep, error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	next, err := nextOf(ctx, db, s)
	if err != nil {
		return nil, err
	}
	bad, good, _ := s.known()
	step := &BisectStep{State: next.state, NeedBad: bad.IsZero(), NeedGood: len(good) == 0, ID: next.commit,
		MergeBase: next.base, Left: next.left, Steps: next.steps}
	if !step.ID.IsZero() {
		if step.Commit, err = r.loadCommit(ctx, step.ID); err != nil {
			return nil, err
		}
	}
	for _, id := range next.candidates {
		c, err := r.loadCommit(ctx, id)
		if err != nil {
			return nil, err
		}
		step.Candidates = append(step.Candidates, LogEntry{ID: id, Commit: c})
	}
	return step, nil
}

// Bisect says how far the bisect in progress is, and changes nothing.
func (r *Repository) Bisect(ctx context.Context) (*BisectStep, error) {
	s, err := r.bisecting()
	if err != nil {
		return nil, err
	}
	return r.bisectStep(ctx, s)
}

// BisectLog gives the marks of the bisect in progress, in the order in which they were given.
func (r *Repository) BisectLog(ctx context.Context) ([]BisectMarked, error) {
	s, err := r.bisecting()
	if err != nil {
		return nil, err
	}
	var list []BisectMarked
	for _, m := range s.Marks {
		c, err := r.loadCommit(ctx, m.id)
		if err != nil {
			return nil, err
		}
		list = append(list, BisectMarked{m.Mark, m.id, c})
	}
	return list, nil
}

// BisectReset ends the bisect in progress and goes back to where HEAD was before it, or to a revision. Interrupted, the same
// call goes on.
func (r *Repository) BisectReset(ctx context.Context, revision string) (*CheckoutResult, error) {
	s, err := r.bisecting()
	if err != nil {
		return nil, err
	}
	o := CheckoutOptions{Revision: revision}
	switch {
	case revision != "":
	case s.Branch != "":
		o.Revision, o.Branch = s.Branch, true
	default:
		o.Revision, o.Detach = s.Commit, true
	}
	result, err := r.Checkout(ctx, o)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return result, err
	}
	return result, errors.Join(err, r.dropBisect())
}
