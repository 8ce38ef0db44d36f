package repo

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestCommitAndGetEveryVersionBack(t *testing.T) {
	g := newRig(t)
	g.write("a.txt", "one")
	g.write("dir/b.txt", lines(100000, "some text that is longer than a chunk"))
	g.write("dir/sub/c", "")
	first := g.commit("first")
	if first.Nothing || first.Added != 5 || first.Files != 5 {
		t.Fatalf("first commit: %+v", first)
	}
	g.wantStatus()
	g.write("a.txt", "two")
	g.remove("dir/sub")
	g.write("new", "n")
	g.wantStatus("M a.txt", "! dir/sub", "! dir/sub/c", "? new")
	second := g.commit("second")
	if second.Added != 1 || second.Modified != 1 || second.Deleted != 2 {
		t.Fatalf("second commit: %+v", second)
	}
	g.wantStatus()
	if _, err := g.checkout(CheckoutOptions{Revision: "HEAD~1"}); err != nil {
		t.Fatal(err)
	}
	if g.read("a.txt") != "one" || !g.exists("dir/sub/c") || g.exists("new") {
		t.Error("the first version did not come back")
	}
	g.wantStatus()
	if _, err := g.checkout(CheckoutOptions{Revision: "main", Branch: true}); err != nil {
		t.Fatal(err)
	}
	if g.read("a.txt") != "two" || g.exists("dir/sub") || !g.exists("new") {
		t.Error("the second version did not come back")
	}
	g.wantStatus()
	g.verify()
}

func TestCommitNothing(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.commit("first")
	if r := g.commit("again"); !r.Nothing {
		t.Errorf("a commit of nothing made %v", r.ID)
	}
	settle()
	g.commit("again") // reads what was too young to trust, and notes that it has
	if r := g.commit("again"); !r.Nothing || r.Read != 0 {
		t.Errorf("a commit of nothing: %+v", r)
	}
}

func TestCommitKeepsWhatIsMissing(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.write("d/b", "2")
	g.write("c", "3")
	g.commit("first")
	g.remove("d")
	g.write("c", "changed")
	r := g.commitWith(CommitOptions{Message: "second"})
	if r.Modified != 1 || r.Deleted != 0 || r.Files != 4 || r.MissingCount != 1 {
		t.Errorf("%+v", r)
	}
	g.wantStatus("! d", "! d/b")
	r = g.commitWith(CommitOptions{Message: "third", Paths: []string{"d"}})
	if r.Deleted == 0 || r.Files != 2 {
		t.Errorf("%+v", r)
	}
	g.wantStatus()
	g.verify()
}

func TestCommitOnlyNamedPaths(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.write("b", "1")
	g.commit("first")
	g.write("a", "22")
	g.write("b", "22")
	if r := g.commitWith(CommitOptions{Message: "a only", Paths: []string{"a"}}); r.Modified != 1 {
		t.Errorf("%+v", r)
	}
	g.wantStatus("M b")
}

func TestAddRemoveUndo(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.write("d/b", "2")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Add(ctx, AddOptions{Paths: []string{"d/b"}}); err != nil {
			t.Fatal(err)
		}
	})
	g.wantStatus("? a", "A d", "A d/b")
	g.commitWith(CommitOptions{Message: "first"})
	g.wantStatus("? a")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Remove(ctx, RemoveOptions{Paths: []string{"d/b"}}); err != nil {
			t.Fatal(err)
		}
	})
	if g.exists("d/b") {
		t.Error("d/b is still there")
	}
	g.wantStatus("? a", "D d/b")
	g.commitWith(CommitOptions{Message: "second"})
	g.wantStatus("? a")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		u, err := r.Undo(ctx, UndoOptions{})
		if err != nil || u.Undone.Description != "second" {
			t.Fatalf("%+v %v", u, err)
		}
	})
	g.wantStatus("? a", "! d/b")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Restore(ctx, RestoreOptions{Paths: []string{"d/b"}}); err != nil {
			t.Fatal(err)
		}
	})
	if g.read("d/b") != "2" {
		t.Error("d/b did not come back")
	}
	g.verify()
}

func TestCheckoutRefusesToOverwrite(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.commit("first")
	g.write("a", "2")
	g.commit("second")
	g.write("a", "uncommitted")
	_, err := g.checkout(CheckoutOptions{Revision: "HEAD~1"})
	var dirty *DirtyError
	if !errors.As(err, &dirty) || !slices.Equal(dirty.Paths, []string{"a"}) {
		t.Fatalf("checkout over changes: %v", err)
	}
	if g.read("a") != "uncommitted" {
		t.Error("it overwrote a")
	}
	r, err := g.checkout(CheckoutOptions{Revision: "HEAD~1", Force: true})
	if err != nil || !slices.Equal(r.Lost, []string{"a"}) || g.read("a") != "1" {
		t.Errorf("forced: %+v %v %q", r, err, g.read("a"))
	}
}

func TestBranches(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.commit("first")
	if _, err := g.checkout(CheckoutOptions{Create: "side"}); err != nil {
		t.Fatal(err)
	}
	g.write("a", "2")
	g.commit("on side")
	if _, err := g.checkout(CheckoutOptions{Revision: "main", Branch: true}); err != nil {
		t.Fatal(err)
	}
	if g.read("a") != "1" {
		t.Error("main holds the wrong a")
	}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		all, err := r.Branches(ctx)
		if err != nil || len(all) != 2 || !all[0].Current || all[1].Name != "side" {
			t.Errorf("%+v %v", all, err)
		}
		if _, err := r.DeleteBranch(ctx, "side", false); !errors.Is(err, ErrConflict) {
			t.Errorf("deleting commits that nobody else has: %v", err)
		}
		if err := r.RenameBranch(ctx, "main", "trunk", false); err != nil {
			t.Error(err)
		}
		if _, err := r.Undo(ctx, UndoOptions{}); err != nil {
			t.Error(err)
		}
		if r.refs.View().Head.Branch != "main" {
			t.Error("undo did not take the renaming back")
		}
	})
	g.verify()
}
