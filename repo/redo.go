package repo

import "context"

// Redo does again what the newest undo took back, as often as there are undos and nothing else was done since. Branches,
// tags, HEAD and files come to where they were before the undo. The files of a commit stay as they are, as they did with the
// undo, unless nothing in the work tree differs from HEAD: then they follow.
//
// A redo that was interrupted while it was being recorded is reported as done, as with Undo.
func (r *Repository) Redo(ctx context.Context, o UndoOptions) (*UndoResult, error) {
	if err := r.refuseInProgress(); err != nil {
		return nil, err
	}
	line, err := r.timeline(ctx, 1)
	if err != nil {
		return nil, err
	}
	if f := line.finished; f != nil && f.Body.Operation == "redo" && len(line.standing) > 0 {
		return r.turnedAlready(&line.standing[0], "redo"), nil
	}
	if len(line.undone) == 0 {
		return nil, ErrNothingToRedo
	}
	s := &line.undone[0]
	op, err := s.again(r.refs.View())
	if err != nil {
		return nil, inverseError(ErrNothingToRedo, err)
	}
	return r.turn(ctx, s, op, o)
}
