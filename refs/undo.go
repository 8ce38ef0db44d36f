package refs

import (
	"fmt"
)

// Inverse gives the operation that takes a record back: every ref that it changed goes back to its old value, and HEAD, if
// the record moved it, to where it stood. The caller sets the time. It works on records of "undo", too, which makes them a
// redo. The error is a ConflictError if a ref or HEAD has moved since, and ErrNoInverse if there is nothing before the
// record to go back to, or its body was dropped.
func Inverse(rec *Record, view *View) (Operation, error) {
	b := rec.Body
	if b == nil {
		return Operation{}, fmt.Errorf("%s: %w: its body was dropped", rec.Position(), ErrNoInverse)
	}
	if len(b.Changes) == 0 && (b.HeadBefore == b.HeadAfter || b.HeadBefore.IsZero()) {
		return Operation{}, fmt.Errorf("%q: %w: it changed nothing that could be put back", b.Operation, ErrNoInverse)
	}
	op := Operation{Name: "undo", Description: OneLine(b.Operation + ": " + b.Description), HeadAfter: view.Head}
	if b.HeadBefore != b.HeadAfter && !b.HeadBefore.IsZero() {
		if view.Head != b.HeadAfter {
			return Operation{}, &ConflictError{Name: "HEAD", Expected: b.HeadAfter.String(), Have: view.Head.String()}
		}
		op.HeadAfter = b.HeadBefore
	}
	for _, c := range b.Changes {
		back := Change{Name: c.Name, Old: c.New, New: c.Old}
		if err := checkOld(view, back); err != nil {
			return Operation{}, err
		}
		op.Changes = append(op.Changes, back)
	}
	return op, nil
}
