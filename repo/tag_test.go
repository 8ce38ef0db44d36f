package repo

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	disk "evault/remote/folder"
)

// newPair is two devices of one vault and a folder, their remote "usb", to which the first has pushed a commit.
func newPair(t *testing.T) (a, b *rig) {
	t.Helper()
	a = newRig(t)
	a.settings.Dial = func(context.Context, remote.URL, DialOptions) (remote.Site, error) {
		usb, err := vfs.OpenOrCreate(filepath.Join(a.dir, "usb"))
		if err != nil {
			return nil, err
		}
		return disk.OpenSite(usb, "usb")
	}
	b = &rig{t: t, dir: t.TempDir(), settings: a.settings}
	b.settings.Label = "there"
	b.places = Places{WorkPath: filepath.Join(b.dir, "work"), Work: b.open("work"), Config: b.open("config"), State: b.open("state")}
	a.write("a.txt", "a")
	a.commit("first")
	var url string
	a.with(Writing, func(ctx context.Context, r *Repository) {
		id, _, err := EnsureIdentity(b.places, b.settings)
		a.must(err)
		q, err := NewDeviceRequest(id, r.VaultID(), "there")
		a.must(err)
		_, err = r.AddDevice(ctx, q, keys.RoleAdmin)
		a.must(err)
		made, err := r.AddRemote(ctx, "usb", filepath.Join(a.dir, "usb"), AddRemoteOptions{})
		a.must(err)
		_, err = r.Push(ctx, PushOptions{Remote: "usb"})
		a.must(err)
		url = made.URL
	})
	a.with(ReadOnly, func(_ context.Context, r *Repository) { url = r.Remotes()[0].URL })
	_, err := Clone(t.Context(), b.places, b.settings, CloneOptions{URL: url, Remote: "usb"})
	a.must(err)
	b.places.Vault = b.sub(b.places.Work, VaultDir)
	return a, b
}

func (g *rig) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// plant stores a tag object as it is, signed or not, and makes a ref to it, as a hostile member could.
func (g *rig) plant(full string, make func(r *Repository, t *objects.Tag)) (id objects.ID) {
	g.t.Helper()
	g.with(Writing, func(ctx context.Context, r *Repository) {
		t := &objects.Tag{Target: r.head(), Name: strings.TrimPrefix(full, tagPrefix), Message: "m"}
		g.must(r.signTag(t))
		make(r, t)
		data, err := t.Encode()
		g.must(err)
		db, err := r.database()
		g.must(err)
		s := db.NewSession(pack.SessionOptions{})
		id, err = s.NewFrames().Put(objects.KindTag, data)
		g.must(err)
		packs, err := s.Commit(ctx)
		g.must(err)
		op := refs.Operation{Name: "tag", Changes: []refs.Change{{Name: full, New: id}}}
		for _, p := range packs {
			op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
		}
		g.must(r.record(ctx, op))
	})
	return id
}

// forgeries are tags that must not be taken for what they say.
func forgeries() map[string]func(r *Repository, t *objects.Tag) {
	sign := func(r *Repository, t *objects.Tag) { _ = r.signTag(t) }
	return map[string]func(r *Repository, t *objects.Tag){
		"another message": func(_ *Repository, t *objects.Tag) { t.Message = "changed" },
		"another target":  func(r *Repository, t *objects.Tag) { t.Target = objects.ID{1} },
		"another device":  func(_ *Repository, t *objects.Tag) { t.Device[0] ^= 1 },
		"no signature":    func(_ *Repository, t *objects.Tag) { t.Signature = [64]byte{} },
		"another name":    func(r *Repository, t *objects.Tag) { t.Name = "other"; sign(r, t) },
		"a commit's signature": func(r *Repository, t *objects.Tag) {
			t.Signature, _ = r.vault.SignCommit(t.SigningHash())
		},
	}
}

// TestForgedTags shows that a tag whose signature or name does not fit is no revision, is listed with the reason, is named by
// verify, and can be deleted.
func TestForgedTags(t *testing.T) {
	for name, forge := range forgeries() {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			g.write("a.txt", "a")
			g.commit("first")
			g.plant("tags/v1", forge)
			g.with(Writing, func(ctx context.Context, r *Repository) {
				for _, rev := range []string{"v1", "tags/v1", "v1~0"} {
					if _, _, err := r.ResolveCommit(ctx, rev); !errors.Is(err, ErrSecurity) {
						t.Errorf("%s: %v", rev, err)
					}
				}
				if _, err := r.Tag(ctx, "v1"); !errors.Is(err, ErrSecurity) {
					t.Errorf("Tag: %v", err)
				}
				list, err := r.Tags(ctx, TagListOptions{})
				if err != nil || len(list) != 1 || !errors.Is(list[0].Err, ErrSecurity) {
					t.Errorf("Tags: %+v, %v", list, err)
				}
				if at := r.tagTargets(ctx); len(at) != 0 {
					t.Errorf("a forged tag decorates %v", at)
				}
				found, err := r.Verify(ctx, VerifyOptions{})
				if !errors.Is(err, ErrSecurity) || !slices.ContainsFunc(found.Security, func(s string) bool { return strings.Contains(s, `tag "v1"`) }) {
					t.Errorf("Verify: %+v, %v", found, err)
				}
				if _, err := r.DeleteTag(ctx, "v1"); err != nil {
					t.Errorf("DeleteTag: %v", err)
				}
			})
		})
	}
}

// TestForgedTagsAreNotFetched shows that forged tags at a remote are held back and named, while all else is taken.
func TestForgedTagsAreNotFetched(t *testing.T) {
	a, b := newPair(t)
	a.plant("tags/-x", func(r *Repository, t *objects.Tag) { t.Name = "-x"; _ = r.signTag(t) })
	a.plant("tags/renamed", forgeries()["another name"])
	a.plant("tags/good", func(*Repository, *objects.Tag) {})
	a.with(Writing, func(ctx context.Context, r *Repository) {
		_, err := r.Push(ctx, PushOptions{Remote: "usb", Tags: true})
		a.must(err)
	})
	b.with(Writing, func(ctx context.Context, r *Repository) {
		result, err := r.Fetch(ctx, FetchOptions{Remote: "usb"})
		if !errors.Is(err, ErrSecurity) {
			t.Errorf("Fetch: %v", err)
		}
		kinds := map[string]UpdateKind{}
		for _, u := range result.Updates {
			kinds[u.Tag] = u.Kind
		}
		if kinds["good"] != UpdateNew || kinds["renamed"] != UpdateUnreachable || kinds["-x"] != UpdateUnreachable {
			t.Errorf("updates: %v", kinds)
		}
		if got := r.TagNames(); !slices.Equal(got, []string{"good"}) {
			t.Errorf("tags here: %q", got)
		}
	})
	b.verify()
	// One with a wrong signature is not even sent.
	a.plant("tags/forged", forgeries()["another message"])
	a.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Push(ctx, PushOptions{Remote: "usb", Branches: []string{"forged"}}); !errors.Is(err, ErrSecurity) {
			t.Errorf("a forged tag was pushed: %v", err)
		}
	})
}

// TestTagOfRemovedDevice shows that a tag of a device that was removed since stays what it was, as its commits do, and says so.
func TestTagOfRemovedDevice(t *testing.T) {
	a, b := newPair(t)
	b.with(Writing, func(ctx context.Context, r *Repository) {
		_, _, err := r.CreateTag(ctx, TagOptions{Name: "theirs", Annotate: true, Message: "m"})
		b.must(err)
		_, err = r.Push(ctx, PushOptions{Remote: "usb", Tags: true})
		b.must(err)
	})
	a.with(Writing, func(ctx context.Context, r *Repository) {
		_, err := r.Fetch(ctx, FetchOptions{Remote: "usb"})
		a.must(err)
		tag, err := r.Tag(ctx, "theirs")
		if err != nil || tag.Signer == nil || tag.Signer.Label != "there" || tag.Signer.State != DeviceMember {
			t.Fatalf("%+v, %v", tag, err)
		}
		_, err = r.RemoveDevice(ctx, "there")
		a.must(err)
		tag, err = r.Tag(ctx, "theirs")
		if err != nil || tag.Signer.State != DeviceRemoved {
			t.Errorf("%+v, %v", tag, err)
		}
	})
	a.verify()
}

// TestNestedTags follows tags of tags, and not for ever.
func TestNestedTags(t *testing.T) {
	g := newRig(t)
	g.write("a.txt", "a")
	first := g.commit("first").ID
	at := first
	for i := range maxTagDepth + 1 {
		id := g.plant("tags/v1", func(r *Repository, t *objects.Tag) { t.Target = at; _ = r.signTag(t) })
		g.with(Writing, func(ctx context.Context, r *Repository) {
			got, _, err := r.ResolveCommit(ctx, "v1")
			switch {
			case i < maxTagDepth-1 && (err != nil || got != first):
				t.Errorf("%d tags: %s, %v", i+1, got, err)
			case i >= maxTagDepth && !errors.Is(err, ErrDamaged):
				t.Errorf("%d tags: %v", i+1, err)
			}
			_, err = r.DeleteTag(ctx, "v1")
			g.must(err)
		})
		at = id
	}
}

// TestDamagedTag shows that verify names a tag whose object is damaged or gone.
func TestDamagedTag(t *testing.T) {
	for _, spoil := range []string{"flipped", "gone"} {
		t.Run(spoil, func(t *testing.T) {
			g := newRig(t)
			g.write("a.txt", "a")
			g.commit("first")
			id := g.plant("tags/v1", func(*Repository, *objects.Tag) {})
			var name string
			g.with(ReadOnly, func(_ context.Context, r *Repository) {
				db, err := r.database()
				g.must(err)
				loc, ok := db.Locate(id)
				if !ok {
					t.Fatal("the tag is nowhere")
				}
				name = loc.Pack.Path()
			})
			store := g.sub(g.places.Vault, storeDir)
			if spoil == "gone" {
				g.must(store.Remove(name))
			} else {
				data, err := readFile(store, name, 1<<20)
				g.must(err)
				data[100] ^= 1
				g.must(store.Remove(name))
				g.must(vfs.Publish(store, name, data, 0o600))
			}
			g.with(Checking, func(ctx context.Context, r *Repository) {
				found, err := r.Verify(ctx, VerifyOptions{})
				named := found != nil && slices.ContainsFunc(found.Damage, func(d Damage) bool {
					return d.Kind == "tag" && d.Object == id.String() && d.Path == "tags/v1"
				})
				if !errors.Is(err, ErrDamaged) || !named {
					t.Errorf("%+v, %v", found, err)
				}
			})
		})
	}
}
