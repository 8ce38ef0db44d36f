package repo

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"evault/internal/vfs"
)

// refusing is a filesystem that refuses to make, or to remove, files with some names.
type refusing struct {
	vfs.FS
	make   string // what names of files hold that cannot be made
	remove string // the file that cannot be removed
}

func (f *refusing) Sub(name string) (vfs.FS, error) {
	sub, err := f.FS.Sub(name)
	return &refusing{sub, f.make, f.remove}, err
}

func (f *refusing) OpenHandle(name string, flag int, perm os.FileMode) (vfs.File, error) {
	if flag&os.O_CREATE != 0 && f.make != "" && strings.Contains(name, f.make) {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EROFS}
	}
	return f.FS.OpenHandle(name, flag, perm)
}

func (f *refusing) Remove(name string) error {
	if name == f.remove {
		return &os.PathError{Op: "remove", Path: name, Err: syscall.EACCES}
	}
	return f.FS.Remove(name)
}

// committed gives a rig with two files committed.
func committed(t *testing.T) *rig {
	t.Helper()
	g := newRig(t)
	g.write("d/a.txt", "a")
	g.write("d/b.txt", "b")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Commit(ctx, CommitOptions{All: true, Message: "first"}); err != nil {
			t.Fatal(err)
		}
	})
	return g
}

// changes says how the work tree differs from HEAD, in one line.
func (g *rig) changes() string {
	g.t.Helper()
	var out []string
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		s, err := r.Status(ctx, StatusOptions{Untracked: "all"})
		if err != nil {
			g.t.Fatal(err)
		}
		for _, c := range s.Changes {
			out = append(out, string(c.Kind)+" "+c.Path)
		}
	})
	return strings.Join(out, ", ")
}

func TestStatusOfReadOnlyVault(t *testing.T) {
	g := committed(t)
	g.write("d/a.txt", "changed")
	g.places.Vault = &refusing{FS: g.places.Vault, make: ".tmp-"}
	if got := g.changes(); got != "M d/a.txt" {
		t.Errorf("status: %q", got)
	}
}

func TestMoveIsTakenBackWhereTheIndexCannotBeWritten(t *testing.T) {
	g := committed(t)
	vault := g.places.Vault
	g.places.Vault = &refusing{FS: vault, make: ".tmp-index"}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Move(ctx, MoveOptions{Sources: []string{"d/a.txt"}, Target: "d/c.txt"}); err == nil {
			t.Error("no error")
		}
	})
	g.places.Vault = vault
	if got := g.changes(); got != "" {
		t.Errorf("after a move that failed: %q", got)
	}
}

func TestRemoveKeepsTrackingWhatItCannotDelete(t *testing.T) {
	g := committed(t)
	work := g.places.Work
	g.places.Work = &refusing{FS: work, remove: "d/a.txt"}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Remove(ctx, RemoveOptions{Paths: []string{"d"}, Recursive: true}); err == nil {
			t.Error("no error")
		}
	})
	g.places.Work = work
	if got := g.changes(); got != "D d/b.txt" {
		t.Errorf("after a removal that failed in part: %q", got)
	}
}
