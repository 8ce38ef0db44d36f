package host

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"testing"

	"evault/keys"
	"evault/refs"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/storetest"
)

// directSite is a host without a network.
type directSite struct {
	t    *testing.T
	h    *Host
	peer api.Peer
}

func (s directSite) Vaults(ctx context.Context) ([]keys.VaultID, error) {
	return s.h.Vaults(ctx, s.peer)
}
func (s directSite) Close() error { return s.h.Close() }
func (s directSite) Store(v keys.VaultID) remote.Store {
	store, _, err := s.h.Open(context.Background(), s.peer, v)
	if err != nil {
		s.t.Error(err)
	}
	return store
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		r := newRig(t, allowing("ada", all))
		return directSite{t, r.h, api.Peer{Name: "ada", Device: deviceOf("ada")}}, vaultNumber(1)
	})
}

// TestStoreWithLimits: limits that are not reached make no difference.
func TestStoreWithLimits(t *testing.T) {
	ada := allowing("ada", all)
	ada.Quota, ada.Packs, ada.RecordsPerHour = 1<<40, 1<<30, 1<<30
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		r := newRig(t, ada)
		return directSite{t, r.h, api.Peer{Name: "ada", Device: deviceOf("ada")}}, vaultNumber(1)
	})
}

func TestStoreOverTLS(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		id := newIdentity(t)
		s := serveRig(t, newRig(t, Peer{Name: "ada", Device: id.DeviceID(), Limits: Limits{Allow: all}}))
		return s.site(id), vaultNumber(1)
	})
}

// call is one method of a store, with arguments that would be good, and the permission that it needs.
type call struct {
	name string
	need remote.Permissions
	do   func(context.Context, remote.Store) error
}

func allCalls(held refs.Pack, w *storetest.Writer) []call {
	file := []byte("a slot")
	fileName := fmt.Sprintf("slots/%x.age", sha256.Sum256(file))
	fresh, data := storetest.Pack(77, 1000)
	return []call{
		{"Info", 0, func(ctx context.Context, s remote.Store) error { _, err := s.Info(ctx); return err }},
		{"Create", remote.Append, func(ctx context.Context, s remote.Store) error { _, err := s.Create(ctx); return err }},
		{"Files", remote.Read, func(ctx context.Context, s remote.Store) error { _, err := s.Files(ctx); return err }},
		{"PutFile", remote.Append, func(ctx context.Context, s remote.Store) error { return s.PutFile(ctx, fileName, file) }},
		{"File", remote.Read, func(ctx context.Context, s remote.Store) error { _, err := s.File(ctx, fileName); return err }},
		{"DeleteFile", remote.Delete, func(ctx context.Context, s remote.Store) error { return s.DeleteFile(ctx, fileName) }},
		{"Packs", remote.Read, func(ctx context.Context, s remote.Store) error { _, err := s.Packs(ctx); return err }},
		{"Pack", remote.Read, func(ctx context.Context, s remote.Store) error {
			r, err := s.Pack(ctx, held.Name, 0, -1)
			if err == nil {
				err = r.Close()
			}
			return err
		}},
		{"PackSize", remote.Read, func(ctx context.Context, s remote.Store) error {
			_, err := s.(api.Sizer).PackSize(ctx, held.Name)
			return err
		}},
		{"PutPack", remote.Append, func(ctx context.Context, s remote.Store) error {
			return s.PutPack(ctx, fresh, storetest.Source(data))
		}},
		{"CheckPack", remote.Append, func(ctx context.Context, s remote.Store) error { return s.CheckPack(ctx, held.Name) }},
		{"DeletePack", remote.Delete, func(ctx context.Context, s remote.Store) error { return s.DeletePack(ctx, fresh.Name) }},
		{"Heads", remote.Read, func(ctx context.Context, s remote.Store) error { _, err := s.Heads(ctx); return err }},
		{"Records", remote.Read, func(ctx context.Context, s remote.Store) error {
			return s.Records(ctx, w.Tag(), 0, func([]byte) error { return nil })
		}},
		{"Append", remote.Append, func(ctx context.Context, s remote.Store) error {
			heads := w.Heads()
			return s.Append(ctx, [][]byte{w.Record(nil)}, heads)
		}},
	}
}

// TestPermissions walks through every method with every set of permissions.
func TestPermissions(t *testing.T) {
	cases := 0
	for p := remote.Permissions(0); p <= all; p++ {
		r := newRig(t, allowing("owner", all), allowing("peer", p))
		owner, w := r.made("owner", vaultNumber(1))
		held := mustPut(t, owner, 1, 500)
		peer := api.Peer{Name: "peer", Device: deviceOf("peer")}
		s, got, err := r.h.Open(t.Context(), peer, vaultNumber(1))
		vaults, vaultsErr := r.h.Vaults(t.Context(), peer)
		wantError(t, vaultsErr, nil)
		if (len(vaults) == 1) != p.Has(remote.Read) {
			t.Errorf("%v sees %d vaults", p, len(vaults))
		}
		if p == 0 {
			wantError(t, err, remote.ErrRefused)
			continue
		}
		if err != nil || got != p {
			t.Fatalf("%v gets %v, %v", p, got, err)
		}
		for _, c := range allCalls(held, w) {
			cases++
			err := c.do(t.Context(), s)
			if (err == nil) != p.Has(c.need) {
				if c.name == "File" && p&remote.Append == 0 { // it was not put
					wantError(t, err, remote.ErrNotFound)
					continue
				}
				t.Errorf("%s with %v: %v", c.name, p, err)
			}
			if !p.Has(c.need) {
				wantError(t, err, remote.ErrRefused)
			}
		}
		if info, err := s.Info(t.Context()); err != nil || info.Permissions != p {
			t.Errorf("info says %v, %v", info.Permissions, err)
		}
		wantError(t, s.Close(), nil)
		for _, c := range allCalls(held, w) {
			if c.do(t.Context(), s) == nil {
				t.Errorf("%s works after Close", c.name)
			}
		}
	}
	if cases < 7*15 {
		t.Errorf("%d cases", cases)
	}
}

// TestAppendOnly: what is there stays as it is, whatever an append-only peer sends.
func TestAppendOnly(t *testing.T) {
	r := newRig(t, allowing("owner", all), allowing("peer", DefaultPermissions))
	owner, w := r.made("owner", vaultNumber(1))
	held, data := storetest.Pack(1, 500)
	wantError(t, owner.PutPack(t.Context(), held, storetest.Source(data)), nil)
	first := w.Record([]refs.Pack{held})
	wantError(t, owner.Append(t.Context(), [][]byte{first}, nil), nil)
	peer := r.open("peer", vaultNumber(1))
	_, other := storetest.Pack(2, 500)
	_ = peer.PutPack(t.Context(), held, storetest.Source(other)) // whatever it says, nothing may change
	wantError(t, peer.DeletePack(t.Context(), held.Name), remote.ErrRefused)
	forged := w.Sign(firstHeader(t, first), []byte("another body"))
	if err := peer.Append(t.Context(), [][]byte{forged}, w.Heads()); err == nil {
		t.Error("a record was replaced")
	}
	body, err := peer.Pack(t.Context(), held.Name, 0, -1)
	if got := drain(t, body, err); string(got) != string(data) {
		t.Error("the pack has changed")
	}
	count := 0
	wantError(t, peer.Records(t.Context(), w.Tag(), 0, func(got []byte) error {
		if count++; string(got) != string(first) {
			t.Error("the record has changed")
		}
		return nil
	}), nil)
	if count != 1 {
		t.Errorf("%d records", count)
	}
}

func firstHeader(t *testing.T, record []byte) refs.Header {
	t.Helper()
	h, _, err := refs.DecodeHeader(record)
	if err != nil {
		t.Fatal(err)
	}
	h.Added = nil
	return h
}

func TestVaultsOfAPeer(t *testing.T) {
	bob := allowing("bob", DefaultPermissions)
	bob.Vaults = []keys.VaultID{vaultNumber(2)}
	none := remote.Permissions(0)
	eve := allowing("eve", DefaultPermissions)
	eve.Overrides = []Override{{Vault: vaultNumber(1), Allow: &none}}
	gone := allowing("gone", all)
	gone.Revoked = true
	r := newRig(t, allowing("ada", all), bob, eve, gone)
	for _, v := range []byte{2, 1} {
		r.made("ada", vaultNumber(v))
	}
	for name, want := range map[string]string{"ada": "12", "bob": "2", "eve": "2"} {
		list, err := r.h.Vaults(t.Context(), api.Peer{Name: name, Device: deviceOf(name)})
		got := ""
		for _, v := range list {
			got += fmt.Sprint(v[0])
		}
		if err != nil || got != want {
			t.Errorf("%s sees %s, %v", name, got, err)
		}
	}
	for _, c := range []struct {
		name  string
		vault byte
		want  error
	}{{"bob", 1, remote.ErrRefused}, {"bob", 2, nil}, {"bob", 3, remote.ErrRefused}, {"eve", 1, remote.ErrRefused},
		{"gone", 1, remote.ErrRefused}, {"nobody", 1, remote.ErrRefused}} {
		s, _, err := r.h.Open(t.Context(), api.Peer{Name: c.name, Device: deviceOf(c.name)}, vaultNumber(c.vault))
		wantError(t, err, c.want)
		if err == nil {
			wantError(t, s.Close(), nil)
		}
	}
	for _, name := range []string{"gone", "nobody", ""} { // and by name alone, as behind ssh
		_, err := r.h.Vaults(t.Context(), api.Peer{Name: name})
		wantError(t, err, remote.ErrRefused)
	}
}

// TestManyVaultsShareTheShelf: more vaults than stay open, used by many at once.
func TestManyVaultsShareTheShelf(t *testing.T) {
	r := newRig(t, allowing("ada", all))
	var work sync.WaitGroup
	for n := range 2 * maxIdle {
		work.Go(func() {
			for range 3 {
				s, _, err := r.h.Open(t.Context(), api.Peer{Device: deviceOf("ada")}, vaultNumber(byte(n)+1))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Create(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := s.Packs(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	if n := len(r.h.shelf.open); n > maxIdle {
		t.Errorf("%d stores are open", n)
	}
	list, err := r.h.shelf.vaults(t.Context())
	if err != nil || len(list) != 2*maxIdle {
		t.Errorf("%d vaults, %v", len(list), err)
	}
}

// TestAReaderOutlivesItsStore: a pack that is being read is not cut off when the store is closed for being idle.
func TestAReaderOutlivesItsStore(t *testing.T) {
	r := diskRig(t, allowing("ada", all))
	s, _ := r.made("ada", vaultNumber(1))
	p := mustPut(t, s, 1, 1<<20)
	body, err := s.Pack(t.Context(), p.Name, 0, -1)
	wantError(t, err, nil)
	first := make([]byte, 10)
	_, err = io.ReadFull(body, first)
	wantError(t, err, nil)
	wantError(t, s.Close(), nil)
	for n := range byte(maxIdle + 2) {
		r.open("ada", vaultNumber(n+2)).Close()
	}
	if rest := drain(t, body, nil); len(rest) != 1<<20-10 {
		t.Errorf("%d bytes", len(rest))
	}
}
