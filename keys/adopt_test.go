package keys_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"evault/keys"
)

// public is what a remote would be sent.
func public(t testing.TB, v *keys.Vault, s memStore) []keys.File {
	t.Helper()
	names, err := v.PublicFiles(s)
	if err != nil {
		t.Fatal(err)
	}
	var files []keys.File
	for _, n := range names {
		files = append(files, keys.File{Name: n, Data: s[n]})
	}
	return files
}

// takeIn adopts files of an honest place: nothing may be held against it.
func takeIn(t testing.TB, v *keys.Vault, s memStore, files []keys.File) (later []keys.File) {
	t.Helper()
	accepted, refused, later := v.Adopt(files)
	if len(refused) != 0 {
		t.Fatalf("refused: %v", refused)
	}
	s.put(accepted)
	return later
}

func names(files []keys.File) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.Name)
	}
	return list
}

// named gives data the name that its content asks for.
func named(folder string, number int, data []byte) keys.File {
	if folder == "slots" {
		return keys.File{Name: fmt.Sprintf("slots/%x.age", sha256.Sum256(data)), Data: data}
	}
	return keys.File{Name: fmt.Sprintf("%s/%d-%x", folder, number, sha256.Sum256(data)), Data: data}
}

func TestAdoptTakesInWhatAnotherDeviceChanged(t *testing.T) {
	idA, idB := newIdentity(t), newIdentity(t)
	created, here := newVault(t, keys.NewVaultOptions{Identity: idA, Label: "a", Passphrase: []byte("weak")})
	a := created.Vault
	admit(t, a, here, idB, "b", keys.RoleAdmin)
	there := memStore{}.put(public(t, a, here))
	for name := range there {
		if strings.HasPrefix(name, "local/") {
			t.Errorf("%s is to be published", name)
		}
	}
	if len(created.LocalOnly) == 0 || len(there) != len(here)-len(created.LocalOnly) {
		t.Errorf("%d of %d files are public", len(there), len(here))
	}

	b := open(t, there, idB, a.ID())
	idC := newIdentity(t)
	admit(t, b, there, idC, "c", keys.RoleWriter)
	there.apply(t, must(t, func() (keys.ChangeSet, error) { return b.RenameDevice(a.DevicePublicKey(), "a, old") }))
	// All of it, in any order, also what is known.
	files := public(t, b, there)
	slices.Reverse(files)
	accepted, refused, later := a.Adopt(files)
	if len(refused) != 0 || len(later) != 0 || len(accepted) != len(files) {
		t.Fatalf("accepted %v, refused %v, later %v", names(accepted), refused, names(later))
	}
	isRoster := func(f keys.File) bool { return strings.HasPrefix(f.Name, "roster/") }
	first := slices.IndexFunc(accepted, isRoster)
	if slices.ContainsFunc(accepted[first:], func(f keys.File) bool { return !isRoster(f) }) {
		t.Errorf("rosters are not last: %v", names(accepted))
	}
	if a.RosterHash() != b.RosterHash() || a.Device().Label != "a, old" {
		t.Errorf("roster %d, label %q", a.Roster().Number, a.Device().Label)
	}
	here.put(accepted)
	open(t, here, idC, a.ID())
	if got, want := names(public(t, a, here)), names(public(t, b, there)); !slices.Equal(got, want) {
		t.Errorf("published %v, want %v", got, want)
	}
}

// A clone knows nothing: it opens the vault from what the remote has, and adopts all of it.
func TestCloneFromFilesInMemory(t *testing.T) {
	id, mine := newIdentity(t), newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Passphrase: []byte(strongPass)})
	remote := keys.MemStore{}
	for _, f := range public(t, created.Vault, store) {
		remote[f.Name] = f.Data
	}
	remote["slots/"+strings.Repeat("0", 64)+".age"] = []byte("x")
	for name, openIt := range map[string]func() (*keys.Vault, error){
		"passphrase": func() (*keys.Vault, error) { return keys.OpenWithPassphrase(remote, []byte(strongPass), 0, mine) },
		"device":     func() (*keys.Vault, error) { return keys.OpenWithIdentity(remote, id, created.Vault.ID()) },
	} {
		v, err := openIt()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var files []keys.File
		for n, data := range remote {
			files = append(files, keys.File{Name: n, Data: data})
		}
		accepted, refused, later := v.Adopt(files)
		if len(accepted) != len(remote)-1 || len(refused) != 1 || len(later) != 0 {
			t.Errorf("%s: accepted %v, refused %v, later %v", name, names(accepted), refused, names(later))
		}
	}
}

// A host that knows the recipients of a vault's members wraps a vault of its own to them, and swaps, cuts and renames files.
func TestAdoptRefusesWhatIsPlanted(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Label: "a"})
	v := created.Vault
	reader := newIdentity(t)
	admit(t, v, store, reader, "reader", keys.RoleReader)
	foreign, foreignStore := newVault(t, keys.NewVaultOptions{
		Identity: newIdentity(t), Recipients: []string{id.Recipient()}, RecoveryWords: true,
	})
	file := func(s memStore, prefix string) []byte {
		for name, data := range s {
			if strings.HasPrefix(name, prefix) {
				return data
			}
		}
		t.Fatalf("no %s", prefix)
		return nil
	}
	var forMe []byte
	for name, data := range foreignStore {
		one := maps.Clone(foreignStore)
		maps.DeleteFunc(one, func(n string, _ []byte) bool { return strings.HasPrefix(n, "slots/") && n != name })
		if _, err := keys.OpenWithIdentity(one, id, foreign.Vault.ID()); err == nil && strings.HasPrefix(name, "slots/") {
			forMe = data
		}
	}
	wrap := func(line string) []byte {
		var b bytes.Buffer
		to, err := age.ParseHybridRecipient(id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		w, err := age.Encrypt(&b, to)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, line)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	secret := strings.Repeat("ab", 32)
	genuine := file(store, "roster/2-")
	flipped := bytes.Clone(genuine)
	flipped[len(flipped)-1] ^= 1
	strange := bytes.Clone(file(store, "keyring/1-"))
	strange[len(strange)/2] ^= 1
	for name, c := range map[string]struct {
		file keys.File
		want error
	}{
		"slot to a vault of the host's":     {named("slots", 0, forMe), keys.ErrForeign},
		"slot with a secret of the host's":  {named("slots", 0, wrap(fmt.Sprintf("evault vault=%s generation=1 secret=%s\n", v.ID(), secret))), keys.ErrTampered},
		"slot that holds anything":          {named("slots", 0, wrap("hello\n")), keys.ErrTampered},
		"slot that is no age file":          {named("slots", 0, []byte("hello\n")), keys.ErrTampered},
		"slot under another's name":         {keys.File{Name: named("slots", 0, []byte("x")).Name, Data: forMe}, keys.ErrTampered},
		"slot that is too long":             {named("slots", 0, make([]byte, keys.SlotLimit+1)), keys.ErrTampered},
		"roster 0 of another vault":         {named("roster", 0, file(foreignStore, "roster/0-")), keys.ErrTampered},
		"roster of another vault":           {named("roster", 1, file(foreignStore, "roster/1-")), keys.ErrTampered},
		"genuine roster, another number":    {named("roster", 3, genuine), keys.ErrTampered},
		"genuine roster, one bit":           {named("roster", 2, flipped), keys.ErrTampered},
		"genuine roster, another name":      {keys.File{Name: named("roster", 2, flipped).Name, Data: genuine}, keys.ErrTampered},
		"roster of nothing":                 {named("roster", 9, nil), keys.ErrTampered},
		"roster of zeros":                   {named("roster", 9, make([]byte, 9000)), keys.ErrTampered},
		"keyring of another vault":          {named("keyring", 1, file(foreignStore, "keyring/1-")), keys.ErrTampered},
		"keyring, one bit":                  {named("keyring", 1, strange), keys.ErrTampered},
		"keyring of a generation before 1":  {named("keyring", 0, file(store, "keyring/1-")), keys.ErrTampered},
		"file for this machine's own slots": {keys.File{Name: "local/" + named("slots", 0, forMe).Name, Data: forMe}, keys.ErrTampered},
		"file of another folder":            {keys.File{Name: "packs/x"}, keys.ErrTampered},
		"file above the folder":             {keys.File{Name: "roster/../../x"}, keys.ErrTampered},
		"no name":                           {keys.File{}, keys.ErrTampered},
	} {
		before := v.RosterHash()
		accepted, refused, later := v.Adopt([]keys.File{c.file})
		if len(accepted) != 0 || len(later) != 0 || len(refused) != 1 {
			t.Errorf("%s: accepted %v, refused %v, later %v", name, names(accepted), refused, names(later))
			continue
		}
		if !errors.Is(refused[0], c.want) || !strings.Contains(refused[0].Error(), fmt.Sprintf("%.120q", c.file.Name)) {
			t.Errorf("%s: %v", name, refused[0])
		}
		if v.RosterHash() != before {
			t.Errorf("%s: the roster moved", name)
		}
		if got := names(public(t, v, memStore{c.file.Name: c.file.Data})); len(got) != 0 {
			t.Errorf("%s: would be published", name)
		}
	}
	// A member without the right, who can seal.
	r := open(t, store, reader, v.ID())
	if _, err := r.RenameDevice(v.DevicePublicKey(), "x"); !errors.Is(err, keys.ErrNotAdmin) {
		t.Errorf("a reader renames: %v", err)
	}
}

// What proves nothing is held against nobody, and not taken either.
func TestAdoptSetsAside(t *testing.T) {
	id, idB := newIdentity(t), newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Label: "a", Passphrase: []byte("weak")})
	old := open(t, maps.Clone(store), id, created.Vault.ID())
	oldStore := maps.Clone(store)
	v := created.Vault
	admit(t, v, store, idB, "b", keys.RoleAdmin)
	bSlot := ""
	for name := range store {
		if _, was := oldStore[name]; !was && strings.HasPrefix(name, "slots/") {
			bSlot = name
		}
	}
	store.apply(t, must(t, func() (keys.ChangeSet, error) { return v.RenameDevice(v.DevicePublicKey(), "c") }))
	newest := map[string]keys.File{}
	for _, f := range public(t, v, store) {
		if _, known := oldStore[f.Name]; !known {
			newest[f.Name[:8]] = f
		}
	}
	after := keys.File{Name: newest["roster/3"].Name, Data: newest["roster/3"].Data}
	before := newest["roster/2"]
	slot := keys.File{Name: bSlot, Data: store[bSlot]}
	version := func(f keys.File, at int) keys.File {
		data := bytes.Clone(f.Data)
		data[at] = 9
		dir, rest, _ := strings.Cut(f.Name, "/")
		var n int
		fmt.Sscanf(rest, "%d-", &n)
		return named(dir, n, data)
	}
	weak := created.LocalOnly[0]
	for name, f := range map[string]keys.File{
		"roster after one that is missing": after,
		"slot that no roster here lists":   slot,
		"roster of a later version":        version(before, len("evault roster\n")),
		"roster of a later generation":     version(before, len("evault roster\n")+4),
		"slot that must not leave":         {Name: strings.TrimPrefix(weak.Name, "local/"), Data: weak.Data},
	} {
		accepted, refused, later := old.Adopt([]keys.File{f})
		if len(accepted) != 0 || len(refused) != 0 || len(later) != 1 {
			t.Errorf("%s: accepted %v, refused %v, later %v", name, names(accepted), refused, names(later))
		}
	}
	// With what was missing all falls into place.
	accepted, refused, later := old.Adopt([]keys.File{after, slot, before})
	if len(accepted) != 3 || len(refused) != 0 || len(later) != 0 || old.RosterHash() != v.RosterHash() {
		t.Errorf("accepted %v, refused %v, later %v", names(accepted), refused, names(later))
	}
	// A slot that was removed is not brought back.
	bKey, err := idB.SigningKey(v.ID())
	if err != nil {
		t.Fatal(err)
	}
	if list := v.RemovedSlots(); len(list) != 0 {
		t.Errorf("removed %v", list)
	}
	store.apply(t, must(t, func() (keys.ChangeSet, error) { return v.RevokeDevice(bKey, nil) }))
	if _, there := store[bSlot]; there || !slices.Equal(v.RemovedSlots(), []string{bSlot}) {
		t.Error("the removed device's slot is still there")
	}
	accepted, refused, later = v.Adopt([]keys.File{slot})
	if len(accepted) != 0 || len(refused) != 0 || len(later) != 1 {
		t.Errorf("removed slot: accepted %v, refused %v, later %v", names(accepted), refused, names(later))
	}
	if slices.Contains(names(public(t, v, memStore{bSlot: slot.Data})), bSlot) {
		t.Error("a removed slot would be published")
	}
}

// Nothing random is ever taken in, whatever its name promises.
func FuzzAdopt(f *testing.F) {
	id := newIdentity(f)
	created, store := newVault(f, keys.NewVaultOptions{Identity: id})
	for name, data := range store {
		f.Add(strings.HasPrefix(name, "slots/"), uint8(1), data)
	}
	f.Fuzz(func(t *testing.T, slot bool, number uint8, data []byte) {
		for _, folder := range []string{"roster", "keyring", "slots"} {
			file := named(folder, int(number), data)
			if _, own := store[file.Name]; own {
				continue
			}
			if accepted, refused, later := created.Vault.Adopt([]keys.File{file}); len(accepted) != 0 || len(refused)+len(later) != 1 {
				t.Errorf("accepted %v, refused %v, later %v", names(accepted), refused, names(later))
			}
		}
	})
}
