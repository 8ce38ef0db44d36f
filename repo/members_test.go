package repo

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"evault/keys"
)

// labels gives the devices as "label role state".
func labels(list []DeviceInfo) (out []string) {
	for _, d := range list {
		out = append(out, d.Label+" "+d.Role.String()+" "+string(d.State))
	}
	return out
}

func (g *rig) wantDevices(want ...string) {
	g.t.Helper()
	g.with(ReadOnly, func(_ context.Context, r *Repository) {
		if got := labels(r.Devices()); !slices.Equal(got, want) {
			g.t.Errorf("devices %q, want %q", got, want)
		}
	})
}

// as opens the work tree as another device does that has a copy of it.
func (g *rig) as(id *keys.Identity) *rig {
	g.t.Helper()
	other := *g
	name := "config-" + id.DeviceID().String()[:7]
	other.places.Config = g.open(name)
	other.places.State = g.open("state-" + id.DeviceID().String()[:7])
	file := filepath.Join(g.dir, name, identityName)
	if err := os.WriteFile(file, id.Marshal(), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return &other
}

func (g *rig) vaultID() (id keys.VaultID) {
	g.with(ReadOnly, func(_ context.Context, r *Repository) { id = r.VaultID() })
	return id
}

func TestDevicesComeAndGo(t *testing.T) {
	g := newRig(t)
	g.write("a", "a")
	g.commit("first")
	desk, deskID := testRequest(t, g.vaultID(), "desk")
	phone, phoneID := testRequest(t, g.vaultID(), "phone")
	other, _ := testRequest(t, keys.VaultID{9}, "other")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.AddDevice(ctx, other, 0); !errors.Is(err, ErrUsage) {
			t.Errorf("another vault's request: %v", err)
		}
		d, err := r.AddDevice(ctx, desk, 0)
		if err != nil {
			t.Fatal(err)
		}
		if d.Role != keys.RoleWriter || d.Device != deskID.DeviceID() || d.State != DeviceMember || d.This || d.Added.IsZero() {
			t.Errorf("added %+v", d)
		}
		if d, err = r.AddDevice(ctx, phone, keys.RoleAdmin); err != nil || d.Role != keys.RoleAdmin {
			t.Errorf("added %+v, %v", d, err)
		}
		// Again without a role: it keeps the one it has.
		if d, err = r.AddDevice(ctx, phone, 0); err != nil || d.Role != keys.RoleAdmin {
			t.Errorf("added again %+v, %v", d, err)
		}
	})
	g.wantDevices("desk writer member", "here admin member", "phone admin member")
	g.as(deskID).wantDevices("desk writer member", "here admin member", "phone admin member")
	g.as(deskID).with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.RenameDevice(ctx, "here", "x"); !errors.Is(err, keys.ErrNotAdmin) {
			t.Errorf("a writer renames: %v", err)
		}
	})
	g.as(phoneID).with(Writing, func(ctx context.Context, r *Repository) {
		if d, err := r.RenameDevice(ctx, desk.Device.String(), "office"); err != nil || d.Label != "office" {
			t.Errorf("renamed %+v, %v", d, err)
		}
		if d, err := r.SetDeviceRole(ctx, strings.ToLower(desk.Device.String()[:7]), keys.RoleReader); err != nil || d.Role != keys.RoleReader {
			t.Errorf("role %+v, %v", d, err)
		}
	})
	g.wantDevices("here admin member", "office reader member", "phone admin member")

	g.with(Writing, func(ctx context.Context, r *Repository) {
		for which, want := range map[string]error{"nobody": ErrNoSuchDevice, "here": ErrUsage, desk.Device.String()[:6]: ErrNoSuchDevice} {
			if _, err := r.RemoveDevice(ctx, which); !errors.Is(err, want) {
				t.Errorf("removing %q: %v", which, err)
			}
		}
		before := r.vault.RosterHash()
		if _, err := r.SetDeviceRole(ctx, "phone", keys.RoleAdmin); err != nil || r.vault.RosterHash() != before {
			t.Errorf("the role it has: %v", err)
		}
		result, err := r.RemoveDevice(ctx, "phone")
		if err != nil {
			t.Fatal(err)
		}
		if d := result.Device; d.State != DeviceRemoved || d.RemovedBy != "here" || d.Removed.IsZero() || len(result.Notes) == 0 {
			t.Errorf("removed %+v %q", d, result.Notes)
		}
		if _, err := r.AddDevice(ctx, phone, 0); !errors.Is(err, keys.ErrRevoked) {
			t.Errorf("added after its removal: %v", err)
		}
		for _, err := range []error{
			func() error { _, err := r.SetDeviceRole(ctx, "here", keys.RoleWriter); return err }(),
		} {
			if !errors.Is(err, keys.ErrLastAdmin) {
				t.Errorf("the last admin: %v", err)
			}
		}
	})
	g.wantDevices("here admin member", "office reader member", "phone admin removed")
	// The roster is pinned: the state before the removal cannot be put back.
	if _, err := Open(t.Context(), g.as(phoneID).places, g.settings, ReadOnly); !errors.Is(err, ErrNotUnlocked) {
		t.Errorf("the removed device opens the vault: %v", err)
	}
	roster := func() (newest string) {
		names, err := filepath.Glob(g.path(".evault/store/roster/*"))
		if err != nil {
			t.Fatal(err)
		}
		return slices.MaxFunc(names, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	}()
	if err := os.Remove(roster); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), g.places, g.settings, ReadOnly); err == nil {
		t.Error("the roster with the removal is gone, and nobody notices")
	}
}

// What a device recorded before it was removed stays, and what it records after is refused.
func TestRemovedDeviceIsCutOff(t *testing.T) {
	g := newRig(t)
	q, id := testRequest(t, g.vaultID(), "desk")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.AddDevice(ctx, q, 0); err != nil {
			t.Fatal(err)
		}
	})
	desk := g.as(id)
	g.write("a", "a")
	before := desk.commit("by desk")
	kept := map[string][]byte{}
	slots, err := filepath.Glob(g.path(".evault/store/slots/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slots {
		if kept[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	rosters, err := filepath.Glob(g.path(".evault/store/roster/*"))
	if err != nil {
		t.Fatal(err)
	}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		result, err := r.RemoveDevice(ctx, "desk")
		if err != nil {
			t.Fatal(err)
		}
		if result.Cutoffs != 1 {
			t.Errorf("%d cut-offs", result.Cutoffs)
		}
	})
	// The removed device goes on with the vault as it was, and puts what it made beside the true one.
	after, err := filepath.Glob(g.path(".evault/store/roster/*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden := map[string][]byte{}
	for _, name := range after {
		if !slices.Contains(rosters, name) {
			if hidden[name], err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
			g.remove(strings.TrimPrefix(name, g.path("")+string(filepath.Separator)))
		}
	}
	put := func(files map[string][]byte) {
		for name := range maps.Keys(files) {
			if err := os.WriteFile(name, files[name], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(kept)
	g.write("a", "changed")
	desk.commit("by desk, removed")
	put(hidden)
	r, err := Open(t.Context(), g.places, g.settings, Checking)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if head := r.head(); head != before.ID {
		t.Errorf("head is %s, want %s", head, before.ID)
	}
	if p := errors.Join(r.refs.Problems()...); p == nil || !strings.Contains(p.Error(), "revoked") {
		t.Errorf("problems: %v", p)
	}
}

// A label that reads like another device's ID must not stand for it.
func TestDeviceNamesAreNotMixedUp(t *testing.T) {
	g := newRig(t)
	q, _ := testRequest(t, g.vaultID(), "desk")
	decoy, _ := testRequest(t, g.vaultID(), q.Device.String()[:7])
	twin, _ := testRequest(t, g.vaultID(), "twin")
	again, _ := testRequest(t, g.vaultID(), "twin")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		for _, q := range []DeviceRequest{q, decoy, twin} {
			if _, err := r.AddDevice(ctx, q, 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.FindDevice(decoy.Label); !errors.Is(err, ErrUsage) {
			t.Errorf("a label that begins another's ID: %v", err)
		}
		if _, err := r.RemoveDevice(ctx, "twin"); err != nil {
			t.Fatal(err)
		}
		if d, err := r.FindDevice("twin"); err != nil || d.State != DeviceRemoved {
			t.Errorf("a removed device by its label: %+v, %v", d, err)
		}
		if _, err := r.AddDevice(ctx, again, 0); err != nil {
			t.Fatal(err)
		}
		if d, err := r.FindDevice("twin"); err != nil || d.Device != again.Device {
			t.Errorf("the member of that label: %+v, %v", d, err)
		}
	})
}

func TestReconcileMembers(t *testing.T) {
	g := newRig(t)
	q, id := testRequest(t, g.vaultID(), "desk")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.ReconcileMembers(ctx); !errors.Is(err, ErrUsage) {
			t.Errorf("no conflict: %v", err)
		}
		if _, err := r.AddDevice(ctx, q, keys.RoleAdmin); err != nil {
			t.Fatal(err)
		}
	})
	// The other admin works on a copy.
	if err := os.CopyFS(g.path("copy"), os.DirFS(g.path(".evault"))); err != nil {
		t.Fatal(err)
	}
	other := g.as(id)
	work, err := filepath.Abs(g.path("."))
	if err != nil {
		t.Fatal(err)
	}
	other.places.WorkPath = work
	other.places.Vault = g.sub(g.places.Work, "copy")
	here, _ := testRequest(t, g.vaultID(), "added here")
	there, _ := testRequest(t, g.vaultID(), "added there")
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.AddDevice(ctx, here, 0); err != nil {
			t.Fatal(err)
		}
	})
	other.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.AddDevice(ctx, there, 0); err != nil {
			t.Fatal(err)
		}
	})
	for _, dir := range []string{"roster", "slots"} {
		names, err := os.ReadDir(g.path("copy/store/" + dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			data, err := os.ReadFile(g.path("copy/store/" + dir + "/" + n.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(g.path(".evault/store/"+dir+"/"+n.Name()), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if !r.MembersConflict() {
			t.Fatal("no conflict")
		}
		if _, err := r.RenameDevice(ctx, "desk", "x"); !errors.Is(err, keys.ErrRosterConflict) {
			t.Errorf("a change during the conflict: %v", err)
		}
		left, err := r.ReconcileMembers(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := labels(left); !slices.Equal(got, []string{"added there writer left-out"}) {
			t.Errorf("left out: %q", got)
		}
		if r.MembersConflict() {
			t.Error("still a conflict")
		}
		slots, err := r.Slots(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(slots, func(s keys.SlotInfo) bool { return !s.Listed }); len(slots) != 3 || i >= 0 {
			t.Errorf("slots after reconciling: %+v", slots)
		}
	})
	g.wantDevices("added here writer member", "desk admin member", "here admin member", "added there writer left-out")
}
