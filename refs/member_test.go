package refs

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"evault/keys"
	"evault/objects"
)

// files is the small files of a vault, kept in memory.
type files map[string][]byte

func (f files) add(list ...keys.File) {
	for _, x := range list {
		f[x.Name] = x.Data
	}
}

func (f files) List(dir string) (out []string, err error) {
	for n := range f {
		if name, ok := strings.CutPrefix(n, dir+"/"); ok {
			out = append(out, name)
		}
	}
	return out, nil
}

func (f files) Read(name string, limit int64) ([]byte, error) {
	data, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

// family is a vault on disk with a passphrase, and its first device's rig.
func family(t *testing.T) (*rig, files, *keys.Identity) {
	t.Helper()
	id, err := keys.NewIdentity()
	must(t, err)
	made, err := keys.NewVault(keys.NewVaultOptions{Identity: id, Label: "first", Passphrase: []byte("correct horse battery staple on the roof"), WorkFactor: 4})
	must(t, err)
	f := make(files)
	f.add(made.Files...)
	f.add(made.LocalOnly...)
	g := newRig(t)
	g.vault = made.Vault
	return g, f, id
}

// admit makes another device a member and opens the vault as that device and, anew, as the first.
func admit(t *testing.T, g *rig, f files, first *keys.Identity, role keys.Role) *keys.Vault {
	t.Helper()
	id, err := keys.NewIdentity()
	must(t, err)
	pub, err := id.SigningKey(g.vault.ID())
	must(t, err)
	c, err := g.vault.AdmitOther(keys.DeviceEntry{Key: pub, Device: id.DeviceID(), Role: role, Label: role.String(), Recipient: id.Recipient()})
	must(t, err)
	f.add(c.Add...)
	v, err := keys.OpenWithIdentity(f, id, g.vault.ID())
	must(t, err)
	g.vault, err = keys.OpenWithIdentity(f, first, g.vault.ID())
	must(t, err)
	return v
}

// Somebody who opened the vault without being a member reads and cannot write.
func TestDeviceThatIsNoMember(t *testing.T) {
	g, f, _ := family(t)
	g.commit(g.start(), "main", 1)
	v, err := keys.OpenWithPassphrase(f, []byte("correct horse battery staple on the roof"), 0, nil)
	must(t, err)
	g.vault = v
	r := g.open()
	if id, _ := r.View().Ref("heads/main"); id != commitID(1) || r.View().Head.Branch != "main" {
		t.Errorf("main is %s, head %v", id, r.View().Head)
	}
	_, err = r.Append(context.Background(), Operation{Name: "x"})
	wantErr(t, err, keys.ErrNoDevice)
}

// Two devices take turns on one disk: each has its own log, and HEAD is that of the clone's newest record of its own log.
func TestTwoDevicesOnOneDisk(t *testing.T) {
	g, f, first := family(t)
	g.commit(g.start(), "main", 1)
	b := *g
	b.vault = admit(t, g, f, first, keys.RoleWriter)
	r := b.open()
	if r.View().HasTip || r.View().Head.Branch != "main" {
		t.Errorf("the second device starts at %+v", r.View())
	}
	b.commit(r, "main", 2)
	g.commit(g.open(), "main", 3)
	if id, _ := b.open().View().Ref("heads/main"); id != commitID(3) {
		t.Errorf("main is %s", id)
	}
	if p := g.problems(g.open()); len(p) != 0 {
		t.Errorf("problems: %v", p)
	}
}

// A reader may record where it stands in a store of its own, and publishes nothing in one that is shared.
func TestReaderPublishesNothing(t *testing.T) {
	g, f, first := family(t)
	g.commit(g.start(), "main", 1)
	b := *g
	b.vault = admit(t, g, f, first, keys.RoleReader)
	b.commit(b.open(), "main", 2)
	if id, _ := g.open().View().Ref("heads/main"); id != commitID(2) {
		t.Errorf("in a local store main is %s", id)
	}
	g.remove("evault/local/fold")
	r := g.open(func(o *Options) { o.Shared = true })
	wantErr(t, errors.Join(r.Problems()...), ErrUnauthorised)
	if id, _ := r.View().Ref("heads/main"); id != commitID(1) {
		t.Errorf("in a shared store main is %s", id)
	}
}

// A device that was never admitted, with the keys of the vault all the same.
func TestStrangerIsRefused(t *testing.T) {
	g, f, first := family(t)
	g.start()
	before := g.vault.RosterHash()
	b := *g
	b.vault = admit(t, g, f, first, keys.RoleWriter)
	key, err := b.vault.LogKey(b.store, b.clone)
	must(t, err)
	// It cites a roster that does not list it.
	h := Header{Tag: TagOf(b.store, key.Public()), Key: key.Public()}
	body := &Body{Vault: b.vault.ID(), Store: b.store, Device: b.vault.DevicePublicKey(), Clone: b.clone,
		Roster: before, Operation: "x", Changes: []Change{{"heads/x", objects.ID{}, commitID(1)}}}
	_, data, err := signRecord(b.vault, key, newSealers(b.vault), h, body)
	must(t, err)
	g.writeFile(g.recordFile(h.Tag, 0), data)
	r := g.open()
	wantErr(t, errors.Join(r.Problems()...), ErrUnauthorised)
	if _, ok := r.View().Ref("heads/x"); ok {
		t.Error("its record was accepted")
	}
}

// A member who is no writer takes a writer's body and seals it into a log of his own: the device's signature covers the log's
// key, so it does not fit there.
func TestBodyMovedIntoAnotherLog(t *testing.T) {
	g := newRig(t)
	first := g.start()
	key, err := g.vault.LogKey(g.store, CloneID{9})
	must(t, err)
	h := Header{Tag: TagOf(g.store, key.Public()), Key: key.Public()}
	var body *Body
	must(t, first.Records(context.Background(), func(r *Record) bool { body = r.Body; return false }))
	_, data, err := signRecord(g.vault, key, newSealers(g.vault), h, body)
	must(t, err)
	_, sealed, err := DecodeHeader(data)
	must(t, err)
	// signRecord has signed the body anew; put the old signature back.
	s := newSealers(g.vault)
	plain, err := s.open(h.Tag, 0, sealed)
	must(t, err)
	moved, err := DecodeBody(plain)
	must(t, err)
	var original *Record
	must(t, g.open().Records(context.Background(), func(r *Record) bool { original = r; return false }))
	moved.Signature = original.Body.Signature
	sealed, err = s.seal(h.Tag, 0, moved.Append(nil))
	must(t, err)
	h.BodySize, h.BodyHash = uint64(len(sealed)), sha256.Sum256(sealed)
	h.sign(key)
	g.writeFile(g.recordFile(h.Tag, 0), append(h.Append(nil), sealed...))
	wantErr(t, errors.Join(g.open().Problems()...), ErrSignature)
}

// What a host checks without a key.
func TestCheckRecord(t *testing.T) {
	g := newRig(t)
	r := g.start()
	data := g.read(g.recordFile(r.Tag(), 0))
	h, hash, body, err := CheckRecord(g.store, data)
	must(t, err)
	if h.Tag != r.Tag() || hash != r.View().Tip.Hash || len(body) == 0 {
		t.Errorf("header %+v", h)
	}
	if _, _, body, err := CheckRecord(g.store, data[:len(data)-len(body)]); err != nil || body != nil {
		t.Errorf("a record without body: %v", err)
	}
	_, _, _, err = CheckRecord(StoreID{1}, data)
	wantErr(t, err, ErrMismatch)
	data[len(data)-1] ^= 1
	_, _, _, err = CheckRecord(g.store, data)
	wantErr(t, err, ErrDamaged)
}
