package hostile

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"path"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// publicKeys are the rosters, keyrings and slots on a host's disk: keys.Store.
type publicKeys struct{ disk vfs.FS }

func (p publicKeys) List(dir string) (names []string, err error) {
	infos, err := p.disk.ReadDir(dir)
	for _, i := range infos {
		names = append(names, i.Name())
	}
	return names, err
}

func (p publicKeys) Read(name string, limit int64) ([]byte, error) {
	data, err := readFile(p.disk, name)
	if int64(len(data)) > limit {
		return nil, keys.ErrTooLong
	}
	return data, err
}

// asMember has bob, who is a member, record what no evault would, in a new log of his, with packs that the host keeps as they
// are. The host believes all of it.
func asMember(deed func(t testing.TB, w *world, main objects.ID) (refs.Operation, map[refs.Pack][]byte)) func(c *hostileCase) lies {
	return served(func(c *hostileCase) *memfs.Memory {
		t, ctx, disk := c.t, c.t.Context(), c.w.truth().disk.Snapshot()
		op, packs := deed(t, c.w, c.w.truth().tips["main"])
		host := &liar{disk: disk}
		for p, data := range packs {
			must(t, host.keep(p, data))
			op.PacksAdded = append(op.PacksAdded, p)
		}
		store := storeOn(t, c.w.vault, disk)
		v, err := keys.OpenWithIdentity(publicKeys{disk}, c.w.bob.identity(t), c.w.vault)
		must(t, err)
		info, err := store.Info(ctx)
		must(t, err)
		mirror := memfs.New(memfs.Options{Now: c.w.clock.now})
		o := refs.Options{Store: mirror, Local: mirror, Vault: v, StoreID: info.Store, CloneID: refs.CloneID{9}, Shared: true,
			Send: func(_ context.Context, records [][]byte) error { return host.keepRecords(records) }}
		_, err = refs.Mirror(ctx, o, store)
		must(t, err)
		logs, err := refs.Open(o)
		must(t, err)
		op.Name, op.HeadAfter = "push", refs.Head{Branch: "main"}
		op.Time.Sec = c.w.clock.now().Unix()
		if _, err := logs.Append(ctx, op); err != nil && !errors.Is(err, refs.ErrNotPinned) {
			must(t, err)
		}
		return disk
	})
}

// packOf names bytes.
func packOf(data []byte) refs.Pack {
	return refs.Pack{Name: sha256.Sum256(data), Size: uint64(len(data))}
}

// onePack reads one of bob's packs off the host.
func onePack(t testing.TB, w *world) []byte {
	t.Helper()
	disk := w.truth().disk
	two := names(t, disk, "packs")[0]
	data, err := readFile(disk, path.Join("packs", two, names(t, disk, path.Join("packs", two))[0]))
	must(t, err)
	return data
}

func memberLies() []behaviour {
	nobodys := objects.ID{1, 2, 3}
	moves := func(id objects.ID) func(main objects.ID) refs.Operation {
		return func(main objects.ID) refs.Operation {
			return refs.Operation{Changes: []refs.Change{{Name: "heads/main", Old: main, New: id}}}
		}
	}
	// What a member says is true, for as long as he is one: afterwards the honest host lacks it.
	after := everywhere(ok, security)
	held := map[string][]string{"": {damage}, vPush: {ok, damage}, vRemote: {ok, damage}}
	return []behaviour{
		{name: "member moves main to nothing", what: "shows a member's record that moves main to a commit that does not exist", must: held, after: after, deaf: true,
			lie: asMember(func(_ testing.TB, _ *world, main objects.ID) (refs.Operation, map[refs.Pack][]byte) {
				return moves(nobodys)(main), nil
			})},
		{name: "member's pack of noise", what: "shows a member's record with a pack that is none", must: held, after: after, deaf: true, spoiled: true,
			lie: asMember(func(_ testing.TB, _ *world, main objects.ID) (refs.Operation, map[refs.Pack][]byte) {
				data := []byte(noise(5, 5000))
				return moves(nobodys)(main), map[refs.Pack][]byte{packOf(data): data}
			})},
		{name: "member's pack of noise for nothing", what: "shows a member's record with a pack that is none and that nothing needs", must: everywhere(ok, damage), after: after, deaf: true, spoiled: true,
			lie: asMember(func(_ testing.TB, _ *world, main objects.ID) (refs.Operation, map[refs.Pack][]byte) {
				data := []byte(noise(6, 5000))
				return refs.Operation{Changes: []refs.Change{{Name: "heads/" + canaryBranch, New: main}}}, map[refs.Pack][]byte{packOf(data): data}
			}), shows: func(w *world) state {
				s := w.truth().copy()
				s.tips[canaryBranch] = s.tips["main"]
				return s
			}},
		{name: "member's spoiled copy", what: "shows a member's record with a copy of a pack of which one byte differs", must: everywhere(ok, damage), after: after, deaf: true, spoiled: true,
			lie: asMember(func(t testing.TB, w *world, main objects.ID) (refs.Operation, map[refs.Pack][]byte) {
				data := onePack(t, w)
				data[200] ^= 1
				return refs.Operation{Changes: []refs.Change{{Name: "heads/" + canaryBranch, New: main}}}, map[refs.Pack][]byte{packOf(data): data}
			}), shows: func(w *world) state {
				s := w.truth().copy()
				s.tips[canaryBranch] = s.tips["main"]
				return s
			}},
		{name: "member's pack of nothing", what: "shows a member's record with a pack that the host does not have", must: map[string][]string{"": {damage}, vPush: {ok, damage}}, after: after, deaf: true,
			lie: func(c *hostileCase) lies {
				data := []byte(noise(7, 5000))
				lost := packOf(data)
				l := asMember(func(_ testing.TB, _ *world, main objects.ID) (refs.Operation, map[refs.Pack][]byte) {
					return refs.Operation{Changes: []refs.Change{{Name: "heads/" + canaryBranch, New: main}}}, map[refs.Pack][]byte{lost: data}
				})(c)
				base := l.base
				l.pack = func(ctx context.Context, name pack.Name) (io.ReadCloser, error) {
					if name == lost.Name {
						return nil, remote.ErrNotFound
					}
					return base.Pack(ctx, name, 0, -1)
				}
				l.checkPack = func(ctx context.Context, name pack.Name) error {
					if name == lost.Name {
						return remote.ErrNotFound
					}
					return base.CheckPack(ctx, name)
				}
				return l
			}},
	}
}
