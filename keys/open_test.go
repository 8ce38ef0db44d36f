package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"evault/keys"
)

const strongPass = "velvet orbit thunder maple cactus signal window"

// sameSecrets says whether two openings of a vault hold the same keys, seen from outside.
func sameSecrets(t *testing.T, a, b *keys.Vault) {
	t.Helper()
	if a.ID() != b.ID() || a.Epoch() != b.Epoch() || a.ChunkerKey() != b.ChunkerKey() {
		t.Fatal("opened another vault")
	}
	if a.ObjectID(1, []byte("x")) != b.ObjectID(1, []byte("x")) {
		t.Fatal("object IDs differ")
	}
	sa, err := a.PackSealer(1, [32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	sb, err := b.PackSealer(1, [32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sb.Open(nil, sa.Seal(nil, []byte("text"), nil), nil); err != nil || string(got) != "text" {
		t.Fatalf("opened %q, %v", got, err)
	}
}

func TestDeviceOpensItsVault(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Label: "laptop"})
	v, err := keys.OpenWithIdentity(store, id, created.Vault.ID())
	if err != nil {
		t.Fatal(err)
	}
	sameSecrets(t, created.Vault, v)
	if d := v.Device(); d.Label != "laptop" || d.Role != keys.RoleAdmin || d.Device != id.DeviceID() || d.Key != v.DevicePublicKey() {
		t.Errorf("device is %+v", d)
	}
	if number, low, mid, high := v.ChunkerParams(); number != 1 || low != 64<<10 || mid != 256<<10 || high != 1<<20 {
		t.Errorf("chunker %d %d %d %d", number, low, mid, high)
	}
	if v.Roster().Number != 1 || v.RosterHash() != created.Vault.RosterHash() || len(v.Problems()) != 0 {
		t.Errorf("roster %d, problems %v", v.Roster().Number, v.Problems())
	}
}

func TestOpenRefusals(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id})
	other, otherStore := newVault(t, keys.NewVaultOptions{Identity: id})
	if _, err := keys.OpenWithIdentity(store, newIdentity(t), created.Vault.ID()); !errors.Is(err, keys.ErrNoSlot) {
		t.Errorf("another device: %v", err)
	}
	if _, err := keys.OpenWithIdentity(store, id, keys.VaultID{}); !errors.Is(err, keys.ErrNotPinned) {
		t.Errorf("not pinned: %v", err)
	}
	// The same device's other vault in this one's place.
	if _, err := keys.OpenWithIdentity(otherStore, id, created.Vault.ID()); !errors.Is(err, keys.ErrForeign) {
		t.Errorf("another vault: %v", err)
	}
	if _, err := keys.OpenWithIdentity(memStore{}, id, other.Vault.ID()); !errors.Is(err, keys.ErrNoSlot) {
		t.Errorf("empty store: %v", err)
	}
	if _, err := keys.OpenWithPassphrase(store, []byte("x"), 0, nil); !errors.Is(err, keys.ErrNoSlot) {
		t.Errorf("no passphrase slot: %v", err)
	}
	for _, folder := range []string{"roster/0-", "roster/1-", "keyring/1-"} {
		cut := maps.Clone(store)
		maps.DeleteFunc(cut, func(name string, _ []byte) bool { return strings.HasPrefix(name, folder) })
		if _, err := keys.OpenWithIdentity(cut, id, created.Vault.ID()); !errors.Is(err, keys.ErrTampered) {
			t.Errorf("without %s: %v", folder, err)
		}
	}
}

func TestPassphraseAndRecoveryWords(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id, Passphrase: []byte(strongPass), RecoveryWords: true})
	if len(created.LocalOnly) != 0 || len(created.Notes) != 0 {
		t.Fatalf("kept here: %v", created.Notes)
	}
	words := created.RecoveryWords
	for _, typed := range []string{strongPass, words, strings.ToUpper(words), "  " + strings.ReplaceAll(words, " ", "  ") + "\n"} {
		v, err := keys.OpenWithPassphrase(store, []byte(typed), 0, id)
		if err != nil {
			t.Fatalf("%q: %v", typed, err)
		}
		sameSecrets(t, created.Vault, v)
		if v.Device().Key != created.Vault.DevicePublicKey() {
			t.Errorf("opened without its device")
		}
	}
	if _, err := keys.OpenWithPassphrase(store, []byte("wrong"), 0, nil); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := keys.OpenWithPassphrase(store, nil, 0, nil); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("empty passphrase: %v", err)
	}
	typo := []byte(words)
	typo[len(typo)-1] = map[bool]byte{true: 'd', false: 'b'}[typo[len(typo)-1] == 'b']
	if _, err := keys.OpenWithPassphrase(store, typo, 0, nil); !errors.Is(err, keys.ErrRecoveryWords) {
		t.Errorf("typing error: %v", err)
	}
	if _, err := keys.OpenWithPassphrase(store, []byte(strongPass), testWork-1, nil); !errors.Is(err, keys.ErrWorkFactor) {
		t.Errorf("work over the limit: %v", err)
	}
}

// A disk that fails is not a vault that lacks a file: the error reaches the caller.
func TestReadErrorsEndTheOpening(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id})
	broken := errors.New("input/output error")
	for name := range store {
		if _, err := keys.OpenWithIdentity(failing{store, name, broken}, id, created.Vault.ID()); !errors.Is(err, broken) {
			t.Errorf("reading %s fails: %v", name, err)
		}
	}
	for _, dir := range []string{"slots", "local/slots", "keyring", "roster"} {
		if _, err := keys.OpenWithIdentity(failing{store, dir, broken}, id, created.Vault.ID()); !errors.Is(err, broken) {
			t.Errorf("listing %s fails: %v", dir, err)
		}
	}
}

// failing is a store that cannot list or read one name.
type failing struct {
	memStore
	name string
	err  error
}

func (f failing) List(dir string) ([]string, error) {
	if dir == f.name {
		return nil, f.err
	}
	return f.memStore.List(dir)
}

func (f failing) Read(name string, limit int64) ([]byte, error) {
	if name == f.name {
		return nil, f.err
	}
	return f.memStore.Read(name, limit)
}

func TestPassphrasesThatAreRefused(t *testing.T) {
	words := strings.Fields(keys.NewRecoveryWords())
	words[0], words[1] = words[1], words[0]
	if words[0] == words[1] {
		words[0] = "babab"
	}
	for _, pass := range []string{"", strings.Join(words, " ")} {
		if _, err := keys.NewVault(keys.NewVaultOptions{Identity: newIdentity(t), Passphrase: []byte(pass)}); err == nil {
			t.Errorf("%q was taken", pass)
		}
	}
	for _, work := range []int{-1, 21, 40} {
		if _, err := keys.NewVault(keys.NewVaultOptions{Identity: newIdentity(t), Passphrase: []byte(strongPass), WorkFactor: work}); err == nil {
			t.Errorf("work factor %d was taken", work)
		}
	}
	if _, err := keys.NewVault(keys.NewVaultOptions{}); err == nil {
		t.Error("a vault without an identity")
	}
	if _, err := keys.NewVault(keys.NewVaultOptions{Identity: newIdentity(t), Label: "a\x00b"}); err == nil {
		t.Error("a label with a NUL")
	}
}

func TestWeakPassphraseStaysHere(t *testing.T) {
	created, store := newVault(t, keys.NewVaultOptions{Passphrase: []byte("hunter2")})
	if len(created.LocalOnly) != 1 || len(created.Notes) != 1 || !strings.HasPrefix(created.LocalOnly[0].Name, "local/slots/") {
		t.Fatalf("local %d, notes %q", len(created.LocalOnly), created.Notes)
	}
	if _, err := keys.OpenWithPassphrase(store, []byte("hunter2"), 0, nil); err != nil {
		t.Errorf("here: %v", err)
	}
	if _, err := keys.OpenWithPassphrase(store.withoutLocal(), []byte("hunter2"), 0, nil); !errors.Is(err, keys.ErrNoSlot) {
		t.Errorf("from a remote: %v", err)
	}
	slots, err := created.Vault.Slots(store)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(slots, func(s keys.SlotInfo) bool { return s.Kind == keys.SlotPassphrase }); i < 0 || !slots[i].Local || !slots[i].Present {
		t.Errorf("slots: %+v", slots)
	}
}

// Somebody who lost every device opens by passphrase with a new identity, and admits it.
func TestRecoveryAdmitsANewDevice(t *testing.T) {
	created, store := newVault(t, keys.NewVaultOptions{Passphrase: []byte(strongPass)})
	id := newIdentity(t)
	v, err := keys.OpenWithPassphrase(store, []byte(strongPass), 0, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.SignCommit([32]byte{}); !errors.Is(err, keys.ErrNoDevice) {
		t.Errorf("sign before admission: %v", err)
	}
	if _, err := v.LogKey([16]byte{}, [16]byte{}); !errors.Is(err, keys.ErrNoDevice) {
		t.Errorf("log key before admission: %v", err)
	}
	if _, err := v.SignRecord(nil); !errors.Is(err, keys.ErrNoDevice) {
		t.Errorf("record before admission: %v", err)
	}
	rosterFile, slotFile, err := v.AdmitDevice("new laptop")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(rosterFile.Name, "roster/2-") || !strings.HasPrefix(slotFile.Name, "slots/") {
		t.Errorf("files %s %s", rosterFile.Name, slotFile.Name)
	}
	store.put([]keys.File{rosterFile, slotFile})
	again, err := keys.OpenWithIdentity(store, id, created.Vault.ID())
	if err != nil {
		t.Fatal(err)
	}
	sameSecrets(t, created.Vault, again)
	sig, err := again.SignCommit([32]byte{5})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.VerifyCommit(again.DevicePublicKey(), [32]byte{5}, sig); err != nil {
		t.Error(err)
	}
	// The first device has not seen roster 2 yet.
	if err := created.Vault.VerifyCommit(again.DevicePublicKey(), [32]byte{5}, sig); !errors.Is(err, keys.ErrUnknownDevice) {
		t.Errorf("unknown device: %v", err)
	}
}

func TestRecipientSlots(t *testing.T) {
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	created, store := newVault(t, keys.NewVaultOptions{Recipients: []string{classic.Recipient().String(), hybrid.Recipient().String()}})
	for _, key := range []age.Identity{classic, hybrid} {
		v, err := keys.OpenWithAge(store, []age.Identity{key}, nil, created.Vault.ID())
		if err != nil {
			t.Fatal(err)
		}
		sameSecrets(t, created.Vault, v)
		if err := v.CanAdmin(); !errors.Is(err, keys.ErrNotAdmin) {
			t.Errorf("a recipient may sign rosters: %v", err)
		}
		if _, err := v.AddPassphraseSlot([]byte(strongPass), testWork); !errors.Is(err, keys.ErrNotAdmin) {
			t.Errorf("a recipient added a slot: %v", err)
		}
		if _, _, err := v.AdmitDevice("x"); !errors.Is(err, keys.ErrNoDevice) {
			t.Errorf("admitted without an identity: %v", err)
		}
	}
	for _, bad := range []string{"", "age1", "age1qqqq", "ssh-ed25519 AAAA", "friend"} {
		if _, err := keys.NewVault(keys.NewVaultOptions{Identity: newIdentity(t), Recipients: []string{bad}}); err == nil {
			t.Errorf("recipient %q was taken", bad)
		}
	}
}

// Whoever knows a recipient can wrap to it what he likes. None of it may shadow the real vault.
func TestForgedSlotsDoNotShadow(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id})
	vault := created.Vault.ID().String()
	lines := []string{
		"evault vault=" + vault + " generation=9 secret=" + strings.Repeat("ab", 32) + "\n",
		"evault vault=" + vault + " generation=1 secret=" + strings.Repeat("ab", 32) + "\n",
		"evault vault=" + strings.Repeat("ab", 32) + " generation=1 secret=" + strings.Repeat("ab", 32) + "\n",
		"hello\n",
		strings.Repeat("x", 5000),
	}
	for _, line := range lines {
		putSlot(t, store, id.Recipient(), line)
	}
	store["slots/"+strings.Repeat("00", 32)+".age"] = []byte("garbage under a wrong name")
	store["slots/not-a-slot"] = []byte("garbage")
	store["roster/2-"+strings.Repeat("00", 32)] = []byte("garbage")
	store["roster/x"] = nil
	store["keyring/4000000000-"+strings.Repeat("00", 32)] = []byte("garbage")
	store["keyring/1-"+strings.Repeat("00", 32)] = make([]byte, 2<<20)
	v, err := keys.OpenWithIdentity(store, id, created.Vault.ID())
	if err != nil {
		t.Fatal(err)
	}
	sameSecrets(t, created.Vault, v)
	if len(v.Problems()) < 5 {
		t.Errorf("problems: %v", v.Problems())
	}
	for _, p := range v.Problems() {
		if strings.Contains(p.Error(), strings.Repeat("ab", 32)) {
			t.Errorf("a problem tells a secret: %v", p)
		}
	}
}

func putSlot(t *testing.T, store memStore, recipient, text string) {
	t.Helper()
	to, err := age.ParseHybridRecipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	store[keys.SlotNameOf(b.Bytes())] = b.Bytes()
}

// Every bit matters or is reported: whatever byte of whatever file changes, the vault opens as it was with the file named,
// or does not open. The file's name is given its new hash half of the time, as a liar would.
func TestEveryChangedByteIsNoticed(t *testing.T) {
	id := newIdentity(t)
	created, store := newVault(t, keys.NewVaultOptions{Identity: id})
	cases := 0
	for name, data := range store {
		for i := range data {
			if i > 300 && i%97 != 0 {
				continue
			}
			for _, rename := range []bool{false, true} {
				changed := slices.Clone(data)
				changed[i] ^= 1 << (i % 8)
				s, newName := maps.Clone(store), name
				delete(s, name)
				if rename {
					newName = keys.RenameByContent(name, changed)
				}
				s[newName] = changed
				v, err := keys.OpenWithIdentity(s, id, created.Vault.ID())
				if err == nil {
					t.Fatalf("%s byte %d: opened, problems %v", newName, i, v.Problems())
				}
				if !errors.Is(err, keys.ErrTampered) && !errors.Is(err, keys.ErrNewer) && !errors.Is(err, keys.ErrNoSlot) {
					t.Fatalf("%s byte %d: %v", newName, i, err)
				}
				cases++
			}
		}
	}
	t.Logf("proof row 4: %d changed bytes of rosters, keyring and slot, none undetected", cases)
}

// Daily commands open the vault by the device's slot in well under 10 ms, also after years of changes.
func BenchmarkOpenWithIdentity(b *testing.B) {
	for _, changes := range []int{0, 60} {
		b.Run(fmt.Sprintf("%d changes", changes), func(b *testing.B) {
			id := newIdentity(b)
			created, store := newVault(b, keys.NewVaultOptions{Identity: id})
			for range changes {
				c, err := created.Vault.AddRecipientSlot(newIdentity(b).Recipient())
				if err != nil {
					b.Fatal(err)
				}
				store.apply(b, c)
			}
			for b.Loop() {
				if _, err := keys.OpenWithIdentity(store, id, created.Vault.ID()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
