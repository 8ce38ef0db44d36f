package repo

import (
	"context"

	"evault/objects"
	"evault/refs"
)

// UndoOptions say how to take the last operation back, or how to do it again.
type UndoOptions struct {
	DryRun bool
	Force  bool // overwrite what is in no commit, where files have to move
}

// UndoResult says what was taken back, or done again.
type UndoResult struct {
	Undone  ReflogEntry
	Head    refs.Head
	Commit  objects.ID
	Written int64
	Deleted int64
	Lost    []string // what Force overwrote
	Notes   []string
}

// Undo takes back the newest operation that was not taken back yet. Branches, tags and HEAD go back to where they were. The
// files of a commit, or of a reset that left them, stay as they are, so its changes are changes again; after everything that
// moved files they go back too. Nothing is deleted: what was undone is still in the log, and undo itself is one more
// operation there, which Redo takes back.
//
// An undo that failed, or was killed, while it was being recorded may have been completed by the opening of the vault. To
// repeat it must not take back one operation more: it is reported as done.
func (r *Repository) Undo(ctx context.Context, o UndoOptions) (*UndoResult, error) {
	if err := r.refuseInProgress(); err != nil {
		return nil, err
	}
	line, err := r.timeline(ctx, 1)
	if err != nil {
		return nil, err
	}
	if f := line.finished; f != nil && f.Body.Operation == "undo" && len(line.undone) > 0 {
		return r.turnedAlready(&line.undone[0], "undo"), nil
	}
	if len(line.standing) == 0 {
		return nil, ErrNothingToUndo
	}
	s := &line.standing[0]
	op, err := s.inverse(r.refs.View())
	if err != nil {
		return nil, inverseError(ErrNothingToUndo, err)
	}
	return r.turn(ctx, s, op, o)
}

// turnedAlready reports what an interrupted undo or redo has done.
func (r *Repository) turnedAlready(s *step, verb string) *UndoResult {
	r.notes = append(r.notes, "the "+verb+" that was interrupted before is complete now")
	return &UndoResult{Undone: *s.describe(), Head: r.refs.View().Head, Commit: r.head()}
}

// turn carries out an undo or a redo.
func (r *Repository) turn(ctx context.Context, s *step, op refs.Operation, o UndoOptions) (*UndoResult, error) {
	result := &UndoResult{Undone: *s.describe(), Head: op.HeadAfter, Commit: r.commitAfter(op)}
	name := s.rec.Body.Operation
	moves := movesFiles(name)
	if op.Name == "redo" && (name == "commit" || name == "amend") {
		// The undo left the files. Where they were put back since they follow; else they are as they are to be, or have
		// been changed, and then that is a change to what the commit holds.
		var err error
		if moves, err = r.nothingChanged(ctx); err != nil {
			return nil, err
		}
	}
	if !moves {
		if o.DryRun {
			return result, nil
		}
		return result, r.moveOnlyRefs(ctx, op)
	}
	d, err := r.turnTo(ctx, op, result.Commit)
	if err != nil {
		return nil, err
	}
	moved, err := r.moveTo(ctx, d, o.Force, o.DryRun)
	if moved != nil {
		result.Written, result.Deleted, result.Lost, result.Notes = moved.Written, moved.Deleted, moved.Lost, moved.Notes
	}
	return result, err
}

// moveOnlyRefs records an operation that leaves the files as they are.
func (r *Repository) moveOnlyRefs(ctx context.Context, op refs.Operation) error {
	// What only the commit at HEAD holds stays tracked. Were the index behind it, that would be forgotten.
	if _, err := r.loadIndex(ctx); err != nil {
		r.notes = append(r.notes, "what is tracked is known only as far as the commit before says: "+err.Error())
	}
	return r.record(ctx, op)
}

// turnTo says where the files go with an undo or redo: to where HEAD will be, and with work that was put aside laid over
// it, if that is what was taken back.
func (r *Repository) turnTo(ctx context.Context, op refs.Operation, id objects.ID) (d *destination, err error) {
	d = &destination{op: op, id: id}
	if !id.IsZero() {
		if d.commit, err = r.loadCommit(ctx, id); err != nil {
			return nil, err
		}
	}
	for _, c := range op.Changes {
		branch, isKept := cutKept(c.Name)
		switch {
		case !isKept:
		case c.Old.IsZero(): // the work goes back to where it was put aside: it is what is on disk
			d.from, err = r.loadCommit(ctx, c.New)
		case c.New.IsZero() && branch == op.HeadAfter.Branch:
			d.work, err = r.keptWork(ctx, c.Old, d)
		}
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

// UndoList gives what the next undos would take back and the next redos bring back, the next one first, at most limit of
// each.
func (r *Repository) UndoList(ctx context.Context, limit int) (undo, redo []ReflogEntry, err error) {
	line, err := r.timeline(ctx, limit)
	if err != nil {
		return nil, nil, err
	}
	return describeSteps(line.standing, limit), describeSteps(line.undone, limit), nil
}

func describeSteps(steps []step, limit int) []ReflogEntry {
	var out []ReflogEntry
	for i := range steps[:min(len(steps), limit)] {
		out = append(out, *steps[i].describe())
	}
	return out
}
