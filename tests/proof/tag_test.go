package proof

import (
	"context"
	"testing"

	"evault/repo"
)

func tagVerb(o repo.TagOptions) func(context.Context, *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, _, err := r.CreateTag(ctx, o)
		return err
	})
}

// tagged has a signed tag.
func tagged(t testing.TB, w *world) {
	twoCommits(t, w)
	w.must(t, tagVerb(repo.TagOptions{Name: "v1", Annotate: true, Message: "one"})(t.Context(), w))
}

// threeCommits has one between the first and the last.
func threeCommits(t testing.TB, w *world) {
	changed(t, w)
	w.commit(t, "second")
	w.write(t, "dir/b.txt", "b is another\n")
	w.commit(t, "third")
	w.write(t, "mine.txt", "nobody may touch this\n")
}

func bisecting(t testing.TB, w *world) {
	threeCommits(t, w)
	w.must(t, bisectVerb(t.Context(), w))
}

func bisectVerb(ctx context.Context, w *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.BisectStart(ctx, "main", []string{"main~2"})
		return err
	})(ctx, w)
}

// bisectAgain goes on where a start was interrupted: with what was said, if that was kept, and else from the beginning. Files
// that a power failure has torn are put right first, as before any checkout.
func bisectAgain(ctx context.Context, w *world, _ bool) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		if err := putRight(ctx, r); err != nil {
			return err
		}
		if _, err := r.Bisect(ctx); err != nil {
			_, err = r.BisectStart(ctx, "main", []string{"main~2"})
			return err
		}
		_, err := r.BisectGo(ctx)
		return err
	})(ctx, w)
}

// putRight makes the files as HEAD has them.
func putRight(ctx context.Context, r *repo.Repository) error {
	status, err := r.Status(ctx, repo.StatusOptions{})
	if err != nil {
		return err
	}
	o := repo.CheckoutOptions{Revision: "HEAD", Detach: true, Force: true}
	if status.Branch != "" {
		o = repo.CheckoutOptions{Revision: status.Branch, Branch: true, Force: true}
	}
	_, err = r.Checkout(ctx, o)
	return err
}

func bisectResetVerb(ctx context.Context, w *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.BisectReset(ctx, "")
		return err
	})(ctx, w)
}

// bisectResetAgain says it again, unless the first time has come to its end.
func bisectResetAgain(ctx context.Context, w *world, _ bool) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		if err := putRight(ctx, r); err != nil {
			return err
		}
		if _, err := r.Bisect(ctx); err != nil {
			return nil
		}
		_, err := r.BisectReset(ctx, "")
		return err
	})(ctx, w)
}
