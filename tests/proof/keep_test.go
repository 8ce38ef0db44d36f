package proof

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/repo"
)

// Worlds and verbs of what moves back and forth: reset, redo, and work that is put aside.

var (
	keeping   = repo.CheckoutOptions{Revision: "side", Branch: true, BringBack: true, Keep: true}
	returning = repo.CheckoutOptions{Revision: "main", Branch: true, BringBack: true}
)

const workText = "an edit that nobody has committed\n"

func redo(ctx context.Context, r *repo.Repository) error {
	_, err := r.Redo(ctx, repo.UndoOptions{})
	return err
}

func undone(t testing.TB, w *world) {
	twoCommits(t, w)
	w.must(t, undoVerb(repo.UndoOptions{})(t.Context(), w))
}

func switchUndone(t testing.TB, w *world) {
	switched(t, w)
	w.must(t, undoVerb(repo.UndoOptions{})(t.Context(), w))
}

func resetVerb(o repo.ResetOptions) func(context.Context, *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Reset(ctx, o)
		return err
	})
}

func resetAgain(ctx context.Context, w *world, done bool) error {
	o := repo.ResetOptions{Revision: "HEAD~1", Hard: true, Force: true}
	if done {
		o.Revision = "HEAD"
	}
	return resetVerb(o)(ctx, w)
}

// working is on main with work that is in no commit.
func working(t testing.TB, w *world) {
	twoBranches(t, w)
	w.remove(t, "mine.txt") // it would be put aside, too
	w.write(t, "a.txt", workText)
}

// kept is on side, and the work of main is put aside.
func kept(t testing.TB, w *world) {
	working(t, w)
	w.must(t, checkoutVerb(keeping)(t.Context(), w))
}

// keepAgain repeats a switch --keep. A power failure may leave files of the work tree torn: these are nobody's work, and once
// the work is put aside --force may write over them.
func keepAgain(ctx context.Context, w *world, done bool) error {
	err := error(nil)
	if !done {
		err = checkoutVerb(keeping)(ctx, w)
	}
	if done || errors.Is(err, repo.ErrConflict) {
		forced := keeping
		forced.Keep, forced.Force = false, true
		err = checkoutVerb(forced)(ctx, w)
	}
	return errors.Join(err, isKept(ctx, w))
}

// isKept fails unless the work is in the vault.
func isKept(ctx context.Context, w *world) error {
	return w.with(ctx, repo.ReadOnly, func(r *repo.Repository) error {
		out := memfs.New(memfs.Options{})
		if _, err := r.Restore(ctx, repo.RestoreOptions{Source: "kept/main", Paths: []string{"a.txt"}, To: out}); err != nil {
			return err
		}
		if got, err := content(out, "a.txt"); err != nil || got != workText {
			return fmt.Errorf("the work that was put aside is %q: %w", got, err)
		}
		return nil
	})
}

// returnAgain repeats a switch that brings work back. Where files are torn that takes force: the work is in the vault.
func returnAgain(ctx context.Context, w *world, done bool) error {
	back := checkoutVerb(repo.CheckoutOptions{Revision: "main", Branch: true, Force: true}) // without the work
	if done {
		back = undoVerb(repo.UndoOptions{Force: true})
	}
	if err := back(ctx, w); err != nil {
		return err
	}
	return checkoutVerb(returning)(ctx, w)
}
