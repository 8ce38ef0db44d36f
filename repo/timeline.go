package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"evault/objects"
	"evault/refs"
)

// step is one operation that undo takes back as a whole.
type step struct {
	rec  *refs.Record
	kept *refs.Record // a switch --keep: the record before it, which put the work aside
	undo *refs.Record // what took it back; nil: nothing has
}

// timeline is this clone's log as undo and redo see it. An undo takes back the newest operation that stands, a redo the
// newest undo that stands, and any other operation ends what can be redone, as in an editor.
type timeline struct {
	standing []step // newest first: what undo takes back
	undone   []step // what redo brings back, the next one first
	// finished says that the newest record is an undo or redo that was interrupted, and that the opening of the vault has
	// published. It is that record.
	finished *refs.Record
}

// timeline reads the log backwards until it has so many operations that stand, and all that can be redone.
func (r *Repository) timeline(ctx context.Context, limit int) (*timeline, error) {
	w := timelineWalk{repo: r, limit: limit}
	err := r.refs.Records(ctx, func(rec *refs.Record) bool {
		if rec.Tag != r.refs.Tag() {
			return true
		}
		return w.record(rec)
	})
	for _, undo := range w.redoable {
		if i := slices.IndexFunc(w.matched, func(s step) bool { return s.undo == undo }); i >= 0 {
			w.undone = append(w.undone, w.matched[i])
		}
	}
	return &w.timeline, err
}

// timelineWalk matches, going backwards, each redo with its undo and each undo with its operation, as brackets match.
type timelineWalk struct {
	timeline
	repo     *Repository
	limit    int
	seen     bool           // any record
	past     bool           // an operation that is neither undo nor redo
	redos    int            // without their undo
	open     []*refs.Record // undos without their operation
	redoable []*refs.Record // undos after which nothing else was done, newest first
	matched  []step
	pair     *step // a switch --keep that waits for the record before it
}

// record takes one record more, and reports whether there is to be another.
func (w *timelineWalk) record(rec *refs.Record) bool {
	b := rec.Body
	if b == nil {
		return false
	}
	newest := !w.seen
	w.seen = true
	switch {
	case b.Operation == "undo" || b.Operation == "redo":
		if newest && w.repo.refs.Finished(rec.Seq) {
			w.finished = rec
		}
		w.pair = nil
		w.turn(rec)
		return true
	case changesNothing(b), isAboutRemotes(b): // repair, accept, push, fetch: nothing to take back here
		return true
	case w.pair != nil && b.Operation == opKeep:
		w.pair.kept = rec
		w.pair = nil
		return !w.enough()
	}
	w.pair, w.past = nil, true
	if b.Operation == "init" || b.Operation == "clone" {
		return false
	}
	w.operation(rec)
	return !w.enough()
}

func (w *timelineWalk) turn(rec *refs.Record) {
	switch {
	case rec.Body.Operation == "redo":
		w.redos++
	case w.redos > 0:
		w.redos--
	default:
		w.open = append(w.open, rec)
		if !w.past {
			w.redoable = append(w.redoable, rec)
		}
	}
}

func (w *timelineWalk) operation(rec *refs.Record) {
	list := &w.standing
	s := step{rec: rec}
	if n := len(w.open); n > 0 {
		s.undo = w.open[n-1]
		w.open, list = w.open[:n-1], &w.matched
	}
	*list = append(*list, s)
	if rec.Body.Operation == opSwitchKeep {
		w.pair = &(*list)[len(*list)-1]
	}
}

func (w *timelineWalk) enough() bool {
	return w.pair == nil && len(w.open) == 0 && len(w.standing) >= w.limit
}

// isAboutRemotes says that an operation only notes what was seen of remotes.
func isAboutRemotes(b *refs.Body) bool {
	if b.HeadBefore != b.HeadAfter {
		return false
	}
	if b.Operation == "fetch" || b.Operation == "push" { // they bring tags, too, which the next fetch would bring again
		return true
	}
	for _, c := range b.Changes {
		if !strings.HasPrefix(c.Name, trackingPrefix) {
			return false
		}
	}
	return len(b.Changes) > 0
}

func changesNothing(b *refs.Body) bool { return len(b.Changes) == 0 && b.HeadBefore == b.HeadAfter }

// movesFiles reports whether an operation changed the work tree beside HEAD.
func movesFiles(operation string) bool {
	switch operation {
	case "switch", "checkout", "merge", "pull", "revert", "cherry-pick", "bisect", "import", opHardReset, opKeep, opSwitchKeep:
		return true
	}
	return false
}

// describe is the operation in the words of the reflog.
func (s *step) describe() *ReflogEntry { return reflogEntry(s.rec, nil) }

// inverse gives the operation that takes a step back.
func (s *step) inverse(view *refs.View) (refs.Operation, error) {
	op, err := refs.Inverse(s.rec, view)
	if err != nil || s.kept == nil {
		return op, err
	}
	keep, err := refs.Inverse(s.kept, view)
	op.Changes = append(op.Changes, keep.Changes...)
	return op, err
}

// again gives the operation that brings back what was undone.
func (s *step) again(view *refs.View) (refs.Operation, error) {
	op, err := refs.Inverse(s.undo, view)
	op.Name = "redo"
	op.Description = s.undo.Body.Description
	return op, err
}

// inverseError tells what cannot be taken back from what stands in the way.
func inverseError(nothing, err error) error {
	switch {
	case errors.Is(err, refs.ErrNoInverse):
		return fmt.Errorf("%w: %w", nothing, err)
	case errors.Is(err, refs.ErrConflict):
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}

// commitAfter gives where HEAD will be after an operation.
func (r *Repository) commitAfter(op refs.Operation) objects.ID {
	if op.HeadAfter.Branch == "" {
		return op.HeadAfter.Commit
	}
	name := branchPrefix + op.HeadAfter.Branch
	for _, c := range op.Changes {
		if c.Name == name {
			return c.New
		}
	}
	id, _ := r.refs.View().Ref(name)
	return id
}
