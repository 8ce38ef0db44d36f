package repo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"evault/refs"
)

func TestOpenRefusesAnIdentityThatOthersCanRead(t *testing.T) {
	g := newRig(t)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o700 | 0o007} {
		if err := os.Chmod(filepath.Join(g.dir, "config", identityName), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), g.places, g.settings, ReadOnly); !errors.Is(err, ErrUnsafeIdentity) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestOpenRefusesTheVaultOfAnotherUser(t *testing.T) {
	g := newRig(t)
	g.settings.UserID++
	if _, err := Open(t.Context(), g.places, g.settings, ReadOnly); !errors.Is(err, ErrForeignOwner) {
		t.Error(err)
	}
}

func TestOpenReadsTheFormatFirst(t *testing.T) {
	for config, want := range map[string]string{
		"[format]\nversion = 2\n": "format 2",
		"[format]\nvers":          "line 2",
		"":                        "format.version",
		"[format]\nversion = 1\n[core]\nsurprise = 1\n": "core.surprise",
	} {
		g := newRig(t)
		if err := os.WriteFile(filepath.Join(g.path(VaultDir), configName), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), g.places, g.settings, ReadOnly)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", config, err)
		}
		if strings.Contains(config, "version = 2") && !errors.Is(err, ErrNewer) {
			t.Errorf("%q is not called newer: %v", config, err)
		}
	}
}

func TestVaultMustNotChooseWhatRuns(t *testing.T) {
	g := newRig(t)
	for _, key := range []string{"core.editor", "core.pager", "core.excludes-file"} {
		if err := ConfigSet(g.places.Vault, false, key, "rm"); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", key, err)
		}
	}
	merged := MergeConfig(Config{}, Config{Core: CoreConfig{Editor: "rm", Pager: "rm", ExcludesFile: "x"}})
	if merged.Core != (CoreConfig{}) {
		t.Errorf("a vault's configuration chose %+v", merged.Core)
	}
}

func TestRosterThatWasTakenAwayIsMissed(t *testing.T) {
	g := newRig(t)
	rosters := filepath.Join(g.path(VaultDir), storeDir, "roster")
	before, err := os.ReadDir(rosters)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, e := range before {
		known[e.Name()] = true
	}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.AddRecoveryWords(ctx); err != nil {
			t.Fatal(err)
		}
	})
	after, err := os.ReadDir(rosters)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range after {
		if !known[e.Name()] {
			if err := os.Remove(filepath.Join(rosters, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Open(t.Context(), g.places, g.settings, ReadOnly); !errors.Is(err, refs.ErrRollback) {
		t.Errorf("a vault without its newest roster opens: %v", err)
	}
	g.with(Checking, func(ctx context.Context, r *Repository) {
		if found, err := r.Verify(ctx, VerifyOptions{}); !errors.Is(err, ErrSecurity) {
			t.Errorf("verify: %v %+v", err, found)
		}
	})
}

func TestVerifyNamesJunkAmongTheKeys(t *testing.T) {
	g := newRig(t)
	junk := "9-" + strings.Repeat("0", 64)
	if err := os.WriteFile(filepath.Join(g.path(VaultDir), storeDir, "roster", junk), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.with(Checking, func(ctx context.Context, r *Repository) {
		found, err := r.Verify(ctx, VerifyOptions{})
		if !errors.Is(err, ErrDamaged) || len(found.Damage) != 1 || !strings.Contains(found.Damage[0].Detail, junk) {
			t.Errorf("%v %+v", err, found)
		}
	})
}

func TestFolderTimesAloneAreNoChange(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.commit("first")
	g.write("d/b", "2")
	g.remove("d/b")
	if r := g.commit("nothing"); !r.Nothing {
		t.Errorf("%+v", r)
	}
	g.wantStatus()
}

func TestLostVaultIDIsExplained(t *testing.T) {
	for _, content := range []string{"", "short", "gone"} {
		g := newRig(t)
		name := filepath.Join(g.path(VaultDir), localDir, vaultIDName)
		err := os.WriteFile(name, []byte(content), 0o600)
		if content == "gone" {
			err = os.Remove(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), g.places, g.settings, ReadOnly)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "must hold the vault's ID") {
			t.Errorf("%q: %v", content, err)
		}
	}
}
