package proof

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"evault/keys"
	"evault/repo"
)

// scenario is a prepared world and one verb.
type scenario struct {
	name    string
	prepare func(t testing.TB, w *world)
	act     func(ctx context.Context, w *world) error
	// again repeats the verb with force after something went wrong; done says that the vault is already in the state after
	// it. Nil: the verb moves no files, and is repeated as it is unless it is done.
	again func(ctx context.Context, w *world, done bool) error
	// damaged says that the vault is damaged before the verb, so that nothing is asked of it until it was repeated.
	damaged bool
}

// verb makes an act of something that an open vault does.
func verb(mode repo.Mode, do func(ctx context.Context, r *repo.Repository) error) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		return w.with(ctx, mode, func(r *repo.Repository) error { return do(ctx, r) })
	}
}

func commitVerb(o repo.CommitOptions) func(context.Context, *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Commit(ctx, o)
		return err
	})
}

func checkoutVerb(o repo.CheckoutOptions) func(context.Context, *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Checkout(ctx, o)
		return err
	})
}

func undoVerb(o repo.UndoOptions) func(context.Context, *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Undo(ctx, o)
		return err
	})
}

// checkoutAgain repeats a checkout with force, whether or not HEAD has moved already.
func checkoutAgain(o repo.CheckoutOptions) func(context.Context, *world, bool) error {
	o.Force = true
	return func(ctx context.Context, w *world, _ bool) error { return checkoutVerb(o)(ctx, w) }
}

// restoreAll brings everything back that HEAD holds.
func restoreAll(ctx context.Context, w *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Restore(ctx, repo.RestoreOptions{})
		return err
	})(ctx, w)
}

// The worlds in which verbs begin. In each lies a file that is no business of the vault.

func fresh(t testing.TB, w *world) {
	w.must(t, w.init(t.Context()))
	w.firstFiles(t)
}

func oneCommit(t testing.TB, w *world) {
	fresh(t, w)
	w.commit(t, "first")
}

func changed(t testing.TB, w *world) {
	oneCommit(t, w)
	w.secondFiles(t)
}

func twoCommits(t testing.TB, w *world) {
	changed(t, w)
	w.commit(t, "second")
	w.write(t, "mine.txt", "nobody may touch this\n")
}

// twoBranches is on main, which is at the second commit; side is at another one that came of the first.
func twoBranches(t testing.TB, w *world) {
	changed(t, w)
	w.commit(t, "second")
	w.must(t, checkoutVerb(repo.CheckoutOptions{Create: "side", Revision: "HEAD~1"})(t.Context(), w))
	w.write(t, "dir/b.txt", "b is another on the side\n")
	w.write(t, "side.txt", "only here\n")
	w.commit(t, "on the side")
	w.must(t, checkoutVerb(repo.CheckoutOptions{Revision: "main", Branch: true})(t.Context(), w))
	w.write(t, "mine.txt", "nobody may touch this\n")
}

func edited(t testing.TB, w *world) {
	twoCommits(t, w)
	w.write(t, "a.txt", "an edit that is to be thrown away\n")
	w.remove(t, "data.bin")
	w.must(t, w.places.Work.Chmod("run.sh", 0o600))
}

// rewritten has a file that was written again and holds the same.
func rewritten(t testing.TB, w *world) {
	oneCommit(t, w)
	same, err := content(w.places.Work, "a.txt")
	w.must(t, err)
	st, err := w.places.Work.LstatStat("a.txt")
	w.must(t, err)
	w.write(t, "a.txt", same)
	w.must(t, w.places.Work.Chtimes("a.txt", st.Mtime.Time(), st.Mtime.Time()))
}

func switched(t testing.TB, w *world) {
	twoBranches(t, w)
	w.must(t, checkoutVerb(repo.CheckoutOptions{Revision: "side", Branch: true})(t.Context(), w))
}

// cutPack has lost the end of a pack, and with it the pack's index, but no object.
func cutPack(t testing.TB, w *world) {
	twoCommits(t, w)
	name := onePack(t, w)
	f, err := w.places.Vault.OpenHandle(name, os.O_RDWR, 0)
	w.must(t, err)
	st, err := f.StatStat()
	w.must(t, err)
	w.must(t, errors.Join(f.Truncate(st.Size-1), f.Close()))
}

// onePack names a pack of the store.
func onePack(t testing.TB, w *world) string {
	t.Helper()
	dirs, err := w.places.Vault.ReadDir("store/packs")
	w.must(t, err)
	for _, dir := range dirs {
		files, err := w.places.Vault.ReadDir("store/packs/" + dir.Name())
		w.must(t, err)
		for _, f := range files {
			return "store/packs/" + dir.Name() + "/" + f.Name()
		}
	}
	t.Fatal("the store holds no pack")
	return ""
}

// addRecipient adds a slot for somebody of whom nothing more is heard.
func addRecipient(ctx context.Context, w *world) error {
	somebody, err := keys.NewIdentity()
	if err != nil {
		return err
	}
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		return r.AddRecipient(ctx, somebody.Recipient())
	})(ctx, w)
}

func removeRecipient(ctx context.Context, r *repo.Repository) error {
	slots, err := r.Slots(ctx)
	if err != nil {
		return err
	}
	for _, s := range slots {
		if s.Kind == keys.SlotRecipient && s.Listed {
			_, err := r.RemoveSlot(ctx, hex.EncodeToString(s.Hash[:]))
			return err
		}
	}
	return errors.New("the slot is not there")
}

// scenarios are the verbs, each in a world where it has something to do.
func scenarios() []scenario {
	sideways := repo.CheckoutOptions{Revision: "side", Branch: true}
	back := repo.CheckoutOptions{Revision: "main~1", Detach: true}
	created := repo.CheckoutOptions{Create: "fresh", Revision: "main~1"}
	return []scenario{
		{name: "init", prepare: func(t testing.TB, w *world) { w.firstFiles(t) },
			act: func(ctx context.Context, w *world) error { return w.init(ctx) }},
		{name: "add", prepare: changed, act: verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.Add(ctx, repo.AddOptions{All: true})
			return err
		})},
		{name: "rm", prepare: twoCommits, act: verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.Remove(ctx, repo.RemoveOptions{Paths: []string{"a.txt", "dir"}, Recursive: true})
			return err
		}), again: func(ctx context.Context, w *world, _ bool) error { return nil }},
		{name: "mv", prepare: twoCommits, act: verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.Move(ctx, repo.MoveOptions{Sources: []string{"a.txt"}, Target: "dir/moved.txt"})
			return err
		}), again: func(ctx context.Context, w *world, _ bool) error { return nil }},
		{name: "commit first", prepare: fresh, act: commitVerb(repo.CommitOptions{Message: "first", All: true})},
		{name: "commit second", prepare: changed, act: commitVerb(repo.CommitOptions{Message: "second", All: true})},
		{name: "commit --amend", prepare: changed, act: commitVerb(repo.CommitOptions{Message: "first again", All: true, Amend: true})},
		{name: "switch", prepare: twoBranches, act: checkoutVerb(sideways), again: checkoutAgain(sideways)},
		{name: "switch --create", prepare: twoCommits, act: checkoutVerb(created),
			again: func(ctx context.Context, w *world, done bool) error {
				if done {
					return checkoutAgain(repo.CheckoutOptions{Revision: "fresh", Branch: true})(ctx, w, done)
				}
				repeated := created
				repeated.ForceCreate = true // the opening may have finished what failed
				return checkoutAgain(repeated)(ctx, w, done)
			}},
		{name: "checkout", prepare: twoCommits, act: checkoutVerb(back), again: checkoutAgain(back)},
		{name: "branch create", prepare: twoCommits, act: verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.CreateBranch(ctx, "other", "HEAD~1", false)
			return err
		})},
		{name: "branch delete", prepare: twoBranches, act: verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.DeleteBranch(ctx, "side", true)
			return err
		})},
		{name: "branch rename", prepare: twoBranches, act: verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			return r.RenameBranch(ctx, "main", "trunk", false)
		})},
		{name: "tag --annotate", prepare: twoCommits, act: tagVerb(repo.TagOptions{Name: "v1", Annotate: true, Message: "one"})},
		{name: "tag --delete", prepare: tagged, act: verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.DeleteTag(ctx, "v1")
			return err
		})},
		{name: "bisect", prepare: threeCommits, act: bisectVerb, again: bisectAgain},
		{name: "bisect reset", prepare: bisecting, act: bisectResetVerb, again: bisectResetAgain},
		{name: "restore", prepare: edited, act: restoreAll,
			again: func(ctx context.Context, w *world, _ bool) error { return restoreAll(ctx, w) }},
		{name: "undo commit", prepare: twoCommits, act: undoVerb(repo.UndoOptions{})},
		{name: "undo switch", prepare: switched, act: undoVerb(repo.UndoOptions{}),
			again: func(ctx context.Context, w *world, done bool) error {
				if done {
					return checkoutAgain(repo.CheckoutOptions{Revision: "main", Branch: true})(ctx, w, done)
				}
				return undoVerb(repo.UndoOptions{Force: true})(ctx, w)
			}},
		{name: "redo commit", prepare: undone, act: verb(repo.Writing, redo)},
		{name: "redo switch", prepare: switchUndone, act: verb(repo.Writing, redo),
			again: func(ctx context.Context, w *world, done bool) error { return checkoutAgain(sideways)(ctx, w, done) }},
		{name: "reset", prepare: twoCommits, act: resetVerb(repo.ResetOptions{Revision: "HEAD~1"})},
		{name: "reset --hard", prepare: twoCommits, act: resetVerb(repo.ResetOptions{Revision: "HEAD~1", Hard: true}), again: resetAgain},
		{name: "switch --keep", prepare: working, act: checkoutVerb(keeping), again: keepAgain},
		{name: "switch back", prepare: kept, act: checkoutVerb(returning), again: returnAgain},
		{name: "repair", prepare: cutPack, damaged: true, act: repairVerb,
			again: func(ctx context.Context, w *world, _ bool) error { return repairVerb(ctx, w) }},
		imported(),
		{name: "key add", prepare: oneCommit, act: addRecipient},
		{name: "key remove", prepare: func(t testing.TB, w *world) {
			oneCommit(t, w)
			w.must(t, addRecipient(t.Context(), w))
		}, act: verb(repo.Writing, removeRecipient)},
		{name: "config set", prepare: oneCommit, act: func(_ context.Context, w *world) error {
			return repo.ConfigSet(w.places.Vault, false, "core.workers", "3")
		}},
		{name: "status", prepare: rewritten, act: verb(repo.ReadOnly, func(ctx context.Context, r *repo.Repository) error {
			_, err := r.Status(ctx, repo.StatusOptions{})
			return err
		})},
	}
}

func repairVerb(ctx context.Context, w *world) error {
	return verb(repo.Writing, func(ctx context.Context, r *repo.Repository) error {
		_, err := r.Repair(ctx, repo.RepairOptions{})
		return err
	})(ctx, w)
}
