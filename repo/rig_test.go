package repo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/internal/vfs"
)

// rig is a work tree with its vault, identity and pins, on the real filesystem.
type rig struct {
	t        *testing.T
	dir      string
	places   Places
	settings Settings
}

func newRig(t *testing.T) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir()}
	g.places = Places{WorkPath: filepath.Join(g.dir, "work"), Work: g.open("work"), Config: g.open("config"), State: g.open("state")}
	g.settings = Settings{Author: "Tester", Superuser: os.Geteuid() == 0, UserID: os.Geteuid(), Label: "here"}
	if _, err := Init(t.Context(), g.places, g.settings, InitOptions{Label: "here"}); err != nil {
		t.Fatal(err)
	}
	g.places.Vault = g.sub(g.places.Work, VaultDir)
	return g
}

func (g *rig) open(name string) vfs.FS {
	g.t.Helper()
	fsys, err := vfs.OpenOrCreate(filepath.Join(g.dir, name))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { fsys.Close() })
	return fsys
}

func (g *rig) sub(fsys vfs.FS, name string) vfs.FS {
	g.t.Helper()
	sub, err := fsys.Sub(name)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { sub.Close() })
	return sub
}

// with opens the vault, calls do, and closes it.
func (g *rig) with(mode Mode, do func(ctx context.Context, r *Repository)) {
	g.t.Helper()
	r, err := Open(g.t.Context(), g.places, g.settings, mode)
	if err != nil {
		g.t.Fatal(err)
	}
	do(g.t.Context(), r)
	if err := r.Close(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) path(name string) string { return filepath.Join(g.dir, "work", name) }

func (g *rig) write(name, content string) {
	g.t.Helper()
	if err := os.MkdirAll(filepath.Dir(g.path(name)), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(g.path(name), []byte(content), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) remove(name string) {
	g.t.Helper()
	if err := os.RemoveAll(g.path(name)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) read(name string) string {
	g.t.Helper()
	data, err := os.ReadFile(g.path(name))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(data)
}

func (g *rig) exists(name string) bool {
	_, err := os.Lstat(g.path(name))
	return err == nil
}

// commit commits everything and gives the result.
func (g *rig) commit(message string) *CommitResult {
	g.t.Helper()
	return g.commitWith(CommitOptions{Message: message, All: true})
}

func (g *rig) commitWith(o CommitOptions) (result *CommitResult) {
	g.t.Helper()
	g.with(Writing, func(ctx context.Context, r *Repository) {
		var err error
		if result, err = r.Commit(ctx, o); err != nil && !errors.Is(err, ErrIncomplete) {
			g.t.Fatalf("commit: %v", err)
		}
	})
	return result
}

// status gives the changes as "K path", sorted by path.
func (g *rig) status(o StatusOptions) []string {
	g.t.Helper()
	var out []string
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		result, err := r.Status(ctx, o)
		if err != nil {
			g.t.Fatalf("status: %v", err)
		}
		for _, c := range result.Changes {
			out = append(out, string(rune(c.Kind))+" "+c.Path)
		}
	})
	return out
}

func (g *rig) wantStatus(want ...string) {
	g.t.Helper()
	if got := g.status(StatusOptions{Untracked: "all"}); !slices.Equal(got, want) {
		g.t.Errorf("status is %q, want %q", got, want)
	}
}

func (g *rig) checkout(o CheckoutOptions) (result *CheckoutResult, err error) {
	g.t.Helper()
	g.with(Writing, func(ctx context.Context, r *Repository) { result, err = r.Checkout(ctx, o) })
	return result, err
}

func (g *rig) verify() {
	g.t.Helper()
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		result, err := r.Verify(ctx, VerifyOptions{})
		if err != nil {
			g.t.Fatalf("verify: %v: %+v", err, result)
		}
	})
}

// settle waits until files written before are older than the clock of the filesystem, so that their keys are not racy.
func settle() { time.Sleep(60 * time.Millisecond) }

func lines(n int, text string) string { return strings.Repeat(text+"\n", n) }
