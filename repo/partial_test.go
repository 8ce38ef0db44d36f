//go:build unix

package repo

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"evault/internal/vfs"
	"evault/worktree"
)

// names lists what HEAD holds.
func (g *rig) names() []string {
	g.t.Helper()
	disk := g.t.TempDir()
	to, err := vfs.Open(disk)
	if err != nil {
		g.t.Fatal(err)
	}
	defer to.Close()
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		if _, err := r.Restore(ctx, RestoreOptions{To: to}); err != nil {
			g.t.Fatal(err)
		}
	})
	var out []string
	for p := range readNodes(g.t, disk) {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

func (g *rig) wantNames(want string) {
	g.t.Helper()
	if got := strings.Join(g.names(), " "); got != want {
		g.t.Errorf("HEAD holds %q, want %q", got, want)
	}
}

func (g *rig) add(o AddOptions) (result *AddResult, err error) {
	g.t.Helper()
	g.with(Writing, func(ctx context.Context, r *Repository) { result, err = r.Add(ctx, o) })
	return result, err
}

func (g *rig) rm(o RemoveOptions) {
	g.t.Helper()
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Remove(ctx, o); err != nil {
			g.t.Fatal(err)
		}
	})
}

func TestCommitOfPathsBesideAnAddedFolder(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.commit("first")
	g.write("a", "22")
	g.write("d/b", "1")
	if _, err := g.add(AddOptions{Paths: []string{"d"}}); err != nil {
		t.Fatal(err)
	}
	g.commitWith(CommitOptions{Paths: []string{"a"}})
	g.wantNames("a")
	g.wantStatus("A d", "A d/b")
}

func TestCommitOfWhatWasRemovedByPath(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.write("b", "1")
	g.commit("first")
	g.rm(RemoveOptions{Paths: []string{"a", "b"}})
	g.commitWith(CommitOptions{Paths: []string{"a"}})
	g.wantNames("b")
	g.wantStatus("D b")
}

func TestCommitOfPathBelowMissingFolder(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.write("d/e/b", "1")
	g.write("d/e/c", "1")
	g.commit("first")
	g.remove("d")
	g.commitWith(CommitOptions{Paths: []string{"d/e/b"}})
	g.wantNames("d d/a d/e d/e/c")
	g.write("d", "a file")
	g.commitWith(CommitOptions{Paths: []string{"d/e/c"}, All: true})
	g.wantNames("d d/a d/e")
	g.remove("d")
	g.rm(RemoveOptions{Paths: []string{"d"}, Recursive: true})
	g.commitWith(CommitOptions{Paths: []string{"d/a"}})
	g.wantNames("d d/e")
}

func TestCommitOfPathThatIsNowhere(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Commit(ctx, CommitOptions{All: true, Paths: []string{"a/b"}}); !errors.Is(err, ErrPathNotFound) {
			t.Errorf("commit -A a/b: %v", err)
		}
	})
}

func TestFileForRemovedFolder(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.write("z", "1")
	g.commit("first")
	g.rm(RemoveOptions{Paths: []string{"d"}, Recursive: true})
	g.write("d", "now a file")
	if _, err := g.add(AddOptions{Paths: []string{"d"}}); err != nil {
		t.Fatal(err)
	}
	g.write("z", "2")
	g.commitWith(CommitOptions{Paths: []string{"z"}})
	g.wantNames("d d/a z")
	g.remove("d")
	if r := g.commitWith(CommitOptions{}); r.Nothing {
		t.Error("what rm dropped stays in HEAD")
	}
	g.wantNames("z")
}

func TestLinksReadInSeveralCommits(t *testing.T) {
	g := newRig(t)
	g.write("b", "1")
	g.write("c", "1")
	if err := os.Link(g.path("b"), g.path("c2")); err != nil {
		t.Fatal(err)
	}
	g.commitWith(CommitOptions{All: true, Paths: []string{"b", "c2"}})
	if err := os.Link(g.path("b"), g.path("a")); err != nil {
		t.Fatal(err)
	}
	g.commitWith(CommitOptions{All: true, Paths: []string{"b", "c2"}})
	settle()
	g.commit("with another name for the file, before those that are known")
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		a, err := r.ResolvePath(ctx, "HEAD", "a")
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.ResolvePath(ctx, "HEAD", "b")
		if err != nil {
			t.Fatal(err)
		}
		if a.LinkGroup == 0 || a.LinkGroup != b.LinkGroup {
			t.Errorf("two names of one file have the link numbers %d and %d", a.LinkGroup, b.LinkGroup)
		}
	})
}

func TestAddTakesBackRemoval(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.commit("first")
	g.rm(RemoveOptions{Paths: []string{"d"}, Recursive: true, Cached: true})
	g.wantStatus("D d", "D d/a", "? d/a")
	if _, err := g.add(AddOptions{Paths: []string{"d"}}); err != nil {
		t.Fatal(err)
	}
	g.wantStatus()
}

func TestAddBelowIgnoredFolder(t *testing.T) {
	g := newRig(t)
	g.write(".evaultignore", "build/\n")
	g.write("build/x", "1")
	r, err := g.add(AddOptions{Paths: []string{"build/x"}})
	if !errors.Is(err, ErrIncomplete) || !slices.Equal(r.Ignored, []string{"build/x"}) {
		t.Errorf("%+v %v", r, err)
	}
}

func TestUndoTwiceKeepsWhatWasTrackedBetween(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.commit("first")
	g.write("b", "1")
	g.commit("second")
	g.remove("b")
	g.commit("third")
	for range 2 {
		g.with(Writing, func(ctx context.Context, r *Repository) {
			if _, err := r.Undo(ctx, UndoOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	g.wantStatus("! b")
	if r := g.commit("again"); !r.Nothing {
		t.Errorf("%+v", r)
	}
	g.wantStatus()
}

// closed is a filesystem with one folder that cannot be opened, as for want of permission.
type closed struct {
	vfs.FS
	name string
}

func (f *closed) OpenDir(name string) (vfs.Dir, error) {
	d, err := f.FS.OpenDir(name)
	return &closedDir{d, f.name}, err
}

type closedDir struct {
	vfs.Dir
	name string
}

func (d *closedDir) OpenDir(name string) (vfs.Dir, error) {
	if name == d.name {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	sub, err := d.Dir.OpenDir(name)
	return &closedDir{sub, d.name}, err
}

func TestUnreadableFolderIsMetAgain(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.write("d/x", "1")
	settle()
	work := g.places.Work
	g.places.Work = &closed{work, "d"}
	if r := g.commit("without d"); len(r.Problems) != 1 {
		t.Errorf("%+v", r)
	}
	g.places.Work = work
	g.commit("with d")
	g.wantNames("a d d/x")
}

func TestUnreadableFolderWithAddedFile(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.write("d/x", "1")
	g.commit("first")
	g.write("d/y", "1")
	if _, err := g.add(AddOptions{Paths: []string{"d/y"}}); err != nil {
		t.Fatal(err)
	}
	g.write("a", "2")
	work := g.places.Work
	g.places.Work = &closed{work, "d"}
	if r := g.commitWith(CommitOptions{}); len(r.Problems) != 1 || r.Modified != 1 {
		t.Errorf("%+v", r)
	}
	g.places.Work = work
	g.wantNames("a d d/x")
	g.wantStatus("A d/y")
}

func TestAddOfWhatTookTheOthersPlace(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.write("d/b", "1")
	g.commit("first")
	g.remove("a")
	g.remove("d")
	g.write("a/b", "1")
	g.write("d", "1")
	if _, err := g.add(AddOptions{Paths: []string{"a/b", "d"}}); err != nil {
		t.Fatal(err)
	}
	g.commitWith(CommitOptions{})
	g.wantNames("a a/b d")
	g.wantStatus()
}

func TestMoveOfTwoToOneName(t *testing.T) {
	g := newRig(t)
	g.write("a/x", "1")
	g.write("b/x", "2")
	g.write("c/y", "3")
	g.commit("first")
	for _, o := range []MoveOptions{
		{Sources: []string{"a/x", "b/x"}, Target: "c"},
		{Sources: []string{"a/x"}, Target: VaultDir},
	} {
		g.with(Writing, func(ctx context.Context, r *Repository) {
			if _, err := r.Move(ctx, o); err == nil {
				t.Errorf("%+v: no error", o)
			}
		})
	}
	g.wantStatus()
}

// A status that has read files writes their keys when it is done. An add meanwhile must not be forgotten.
func TestStatusKeepsWhatWasAddedMeanwhile(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.commit("first")
	g.write("b", "1")
	if err := os.Chmod(g.path("a"), 0o644); err != nil { // the same mode, but another ctime: status has to read the file
		t.Fatal(err)
	}
	settle()
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		index, err := r.loadIndex(ctx)
		if err != nil {
			t.Fatal(err)
		}
		found, err := r.status(ctx, index, worktree.ScanOptions{}, nil)
		if err != nil || len(found.Refreshed) == 0 {
			t.Fatalf("%+v %v", found, err)
		}
		asOf, err := worktree.Now(r.local)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.add(AddOptions{Paths: []string{"b"}}); err != nil {
			t.Fatal(err)
		}
		r.keepRefreshed(ctx, index, found.Refreshed, asOf)
	})
	g.wantStatus("A b")
}

func TestCommitOfNothingTakesBackRemoval(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.commit("first")
	g.rm(RemoveOptions{Paths: []string{"d"}, Recursive: true, Cached: true})
	if r := g.commit("again"); !r.Nothing {
		t.Errorf("%+v", r)
	}
	g.wantStatus()
}

func TestRemovedNameInMissingFolder(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.write("d/b", "1")
	g.commit("first")
	g.rm(RemoveOptions{Paths: []string{"d/a"}})
	g.remove("d")
	g.commitWith(CommitOptions{})
	g.wantNames("d d/b")
}

func TestLinksCommittedOneByOne(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	if err := os.Link(g.path("a"), g.path("b")); err != nil {
		t.Fatal(err)
	}
	g.commit("first")
	if err := os.Chmod(g.path("a"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.commitWith(CommitOptions{Paths: []string{"a"}})
	g.remove("a")
	g.remove("b")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Restore(ctx, RestoreOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	disk := readNodes(t, g.path("."))
	if disk["a"].perm != 0o755 || disk["b"].perm != 0o644 {
		t.Errorf("restored as %v", disk)
	}
}

func TestAddOfPathBelowAnUntrackedFile(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.commit("first")
	g.remove("d")
	g.write("d", "1")
	if r, err := g.add(AddOptions{Paths: []string{"d/a"}}); err != nil || len(r.Added) != 0 {
		t.Errorf("%+v %v", r, err)
	}
}
