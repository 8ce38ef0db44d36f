package repo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"evault/refs"
)

// copyVault copies .evault aside, or back.
func copyVault(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := filepath.Walk(to, func(name string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.IsDir() {
			return os.Chmod(name, 0o700)
		}
		return os.Chmod(name, 0o600)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestOlderCopyIsRefusedUntilAccepted(t *testing.T) {
	g := newRig(t)
	g.write("a", "1")
	g.commit("first")
	old := filepath.Join(g.dir, "old")
	copyVault(t, g.path(VaultDir), old)
	g.write("a", "2")
	g.commit("second")
	copyVault(t, old, g.path(VaultDir))
	g.places.Vault = g.sub(g.places.Work, VaultDir)

	if _, err := Open(t.Context(), g.places, g.settings, Writing); !errors.Is(err, refs.ErrRollback) {
		t.Fatalf("an older copy opens for writing: %v", err)
	}
	g.with(Checking, func(ctx context.Context, r *Repository) {
		found, err := r.Verify(ctx, VerifyOptions{})
		if !errors.Is(err, ErrSecurity) || len(found.Security) == 0 {
			t.Errorf("verify of an older copy: %v %+v", err, found)
		}
	})
	g.with(Accepting, func(ctx context.Context, r *Repository) {
		if _, err := r.Repair(ctx, RepairOptions{}); err != nil {
			t.Errorf("repair: %v", err)
		}
	})
	g.commit("third")
	g.verify()
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		id, c, err := r.ResolveCommit(ctx, "HEAD~1")
		if err != nil || c.Message != "first" {
			t.Errorf("HEAD~1 is %s %+v: %v", id, c, err)
		}
	})
}
