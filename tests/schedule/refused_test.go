package schedule

import (
	"errors"
	"testing"

	"evault/objects"
	"evault/remote"
	"evault/repo"
)

// TestRefusedAndCutOff: of two branches that are pushed together the host refuses one, and the record of the other does not
// arrive. To be told only to fetch first, which means that all else is there, would be false.
func TestRefusedAndCutOff(t *testing.T) {
	w := startWorld(t)
	faster, slower, p := w.devices[0], w.devices[1], w.places[placeNames[0]]
	push := func(d *device) (result *repo.PushResult, err error) {
		err = d.with(t.Context(), repo.Writing, func(r *repo.Repository) (err error) {
			result, err = r.Push(t.Context(), repo.PushOptions{Remote: p.name, All: true})
			return err
		})
		return result, err
	}
	commit := func(d *device) (made objects.ID) {
		d.write(t, "own-"+d.name, d.name)
		w.must(d.with(t.Context(), repo.Writing, func(r *repo.Repository) error {
			result, err := r.Commit(t.Context(), repo.CommitOptions{Message: "m", All: true})
			made = result.ID
			return err
		}))
		return made
	}
	commit(faster)
	_, err := push(faster)
	w.must(err)
	tip := commit(slower)
	w.switchTo(slower, "x")

	w.line = &line{}
	w.line.lose.Store(-1)
	result, err := push(slower)
	if !errors.Is(err, remote.ErrUnreachable) || errors.Is(err, repo.ErrFetchFirst) {
		t.Errorf("the record of x was lost, and the push says: %v", err)
	}
	if result.Done || kindOf(result, "main") != repo.UpdateRefused || kindOf(result, "x") != repo.UpdateNew {
		t.Errorf("what was intended is %+v", result)
	}

	w.line = &line{}
	result, err = push(slower)
	if !errors.Is(err, repo.ErrFetchFirst) || !result.Done {
		t.Errorf("main is refused, and the push says: %v (%+v)", err, result)
	}
	if w.observe(slower); slower.seen.tracking[p.name]["x"] != tip {
		t.Errorf("x of %s is at %s, and must be at %s", p.name, slower.seen.tracking[p.name]["x"], tip)
	}
}
