package keys

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
)

// chainOf is an accepted chain of rosters 0 and 1 with its vault and the only admin's key.
func chainOf(t *testing.T) (*Vault, ed25519.PrivateKey) {
	t.Helper()
	v, err := NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	return v, v.ownKeys.signing
}

func TestChainRefusesWhatNoAdminMaySign(t *testing.T) {
	v, admin := chainOf(t)
	_, outsider, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	founder, err := founderKey(v.identity, v.chain.genesis.Genesis.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	revoking := v.roster.successor()
	revoking.Revocations = []Revocation{{Device: [32]byte{9}}}
	if _, err := v.adopt(revoking, admin); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		key  ed25519.PrivateKey
		edit func(*Roster)
		want error
	}{
		{"a fine one", admin, func(*Roster) {}, nil},
		{"an outsider's", outsider, func(*Roster) {}, ErrTampered},
		{"the founder's after roster 1", founder, func(*Roster) {}, ErrTampered},
		{"another vault's", admin, func(r *Roster) { r.Vault[0] ^= 1 }, ErrForeign},
		{"an unknown predecessor's", admin, func(r *Roster) { r.Predecessors = [][32]byte{{1}} }, ErrTampered},
		{"one that skips a number", admin, func(r *Roster) { r.Number++ }, ErrTampered},
		{"one that goes back", admin, func(r *Roster) { r.Number-- }, ErrTampered},
		{"one that drops a revocation", admin, func(r *Roster) { r.Revocations = nil }, ErrTampered},
		{"one that joins a roster and its own successor", admin, func(r *Roster) {
			r.Predecessors = append(r.Predecessors, v.roster.Predecessors...)
		}, ErrTampered},
		{"one with another object-ID key", admin, func(r *Roster) {
			r.Commitments = []Commitment{{Kind: CommitObjectIDKey}}
		}, ErrTampered},
	}
	for _, c := range cases {
		next := v.roster.successor()
		c.edit(next)
		next.sortLists()
		next.sign(c.key)
		decoded, err := DecodeRoster(next.Encode())
		if err == nil {
			err = v.chain.accept(decoded)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestKeyringAgainstCommitments(t *testing.T) {
	v, _ := chainOf(t)
	if err := v.ring.checkCommitments(v.chain.committed, &v.secret); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*keyring, *[32]byte){
		"object-ID key": func(k *keyring, _ *[32]byte) { k.objectIDKey[0] ^= 1 },
		"chunker key":   func(k *keyring, _ *[32]byte) { k.chunkerKey[0] ^= 1 },
		"epoch key":     func(k *keyring, _ *[32]byte) { k.epochs[0].key[0] ^= 1 },
		"epoch number":  func(k *keyring, _ *[32]byte) { k.epochs[0].number++ },
		"more epochs":   func(k *keyring, _ *[32]byte) { k.epochs = append(k.epochs, numberedKey{number: 2}) },
		"past secret":   func(k *keyring, _ *[32]byte) { k.past = append(k.past, numberedKey{}) },
		"secret":        func(_ *keyring, s *[32]byte) { s[0] ^= 1 },
	} {
		ring, secret := *v.ring, v.secret
		ring.epochs = append([]numberedKey(nil), v.ring.epochs...)
		edit(&ring, &secret)
		if err := ring.checkCommitments(v.chain.committed, &secret); !errors.Is(err, ErrTampered) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// A rotated vault: the keyring of generation 2 holds the past secret and both epochs, and old rosters still open.
func TestKeyringOfALaterGeneration(t *testing.T) {
	v, admin := chainOf(t)
	old, first := v.secret, v.ring.generation
	zero, err := sealRoster(v.chain.genesis, v.id, first, &old)
	if err != nil {
		t.Fatal(err)
	}
	one, err := sealRoster(v.roster, v.id, first, &old)
	if err != nil {
		t.Fatal(err)
	}
	secret := random32()
	ring := *v.ring
	ring.generation = 2
	ring.epochs = append(append([]numberedKey(nil), ring.epochs...), numberedKey{2, random32()})
	ring.past = []numberedKey{{first, old}}
	next := v.roster.successor()
	for _, c := range []Commitment{{Kind: CommitEpochKey, Number: 2}, {Kind: CommitSecret, Number: 2}} {
		key := &secret
		if c.Kind == CommitEpochKey {
			key = &ring.epochs[1].key
		}
		if c.Sum, err = commitTo(c.Kind, c.Number, key); err != nil {
			t.Fatal(err)
		}
		next.Commitments = append(next.Commitments, c)
	}
	v.ring, v.secret = &ring, secret
	two, err := v.adopt(next, admin)
	if err != nil {
		t.Fatal(err)
	}
	ring.roster = v.RosterHash()
	ringFile, err := sealKeyring(&ring, &secret)
	if err != nil {
		t.Fatal(err)
	}
	slot, data, err := sealSlot(&slotLine{vault: v.id, generation: 2, secret: secret}, v.identity.age.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	s := fileStore{zero.Name: zero.Data, one.Name: one.Data, two.Name: two.Data, ringFile.Name: ringFile.Data, slotName(slotDir, slot): data}
	opened, err := OpenWithIdentity(s, v.identity, v.id)
	if err != nil {
		t.Fatal(err)
	}
	if opened.Epoch() != 2 || len(opened.Epochs()) != 2 || opened.Roster().Number != 2 || opened.Device().Role != RoleAdmin {
		t.Errorf("epoch %d of %v, roster %d", opened.Epoch(), opened.Epochs(), opened.Roster().Number)
	}
	for epoch := uint32(1); epoch <= 2; epoch++ {
		if _, err := opened.PackSealer(epoch, [32]byte{}); err != nil {
			t.Errorf("epoch %d: %v", epoch, err)
		}
	}
}

// A member who can seal, but is no admin, slips in keys of his own.
func TestForgedKeyringIsRefused(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	created, err := NewVault(NewVaultOptions{Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	v := created.Vault
	forged := *v.ring
	forged.epochs = append(append([]numberedKey(nil), forged.epochs...), numberedKey{number: 2, key: [32]byte{1}})
	f, err := sealKeyring(&forged, &v.secret)
	if err != nil {
		t.Fatal(err)
	}
	s := fileStore{f.Name: f.Data}
	for _, file := range created.Files {
		s[file.Name] = file.Data
	}
	opened, err := OpenWithIdentity(s, id, v.id)
	if err != nil || opened.Epoch() != 1 || len(opened.Problems()) > 1 {
		t.Fatalf("beside the true keyring: %v", err)
	}
	for name := range s {
		if strings.HasPrefix(name, keyringDir) && name != f.Name {
			delete(s, name)
		}
	}
	if _, err := OpenWithIdentity(s, id, v.id); !errors.Is(err, ErrTampered) {
		t.Errorf("in its place: %v", err)
	}
}

// The name of a file is the promise of its content, also when the content is good.
func TestFilesUnderFalseNames(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	created, err := NewVault(NewVaultOptions{Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	for _, moved := range created.Files {
		s := fileStore{}
		for _, file := range created.Files {
			name := file.Name
			if name == moved.Name {
				i := strings.LastIndexByte(strings.TrimSuffix(name, slotExtension), 'a')
				if i < strings.LastIndexAny(name, "/-") {
					continue // no digit a to change in this hash: the file is missing instead
				}
				name = name[:i] + "b" + name[i+1:]
			}
			s[name] = file.Data
		}
		if _, err := OpenWithIdentity(s, id, created.Vault.ID()); !errors.Is(err, ErrTampered) && !errors.Is(err, ErrNoSlot) {
			t.Errorf("%s renamed: %v", moved.Name, err)
		}
	}
}

func TestChainStartsAtItsVault(t *testing.T) {
	v, _ := chainOf(t)
	if _, err := newChain(VaultID{1}, v.chain.genesis); !errors.Is(err, ErrForeign) {
		t.Errorf("another vault's roster 0: %v", err)
	}
	if _, err := newChain(VaultID(v.roster.Hash()), v.roster); !errors.Is(err, ErrForeign) {
		t.Errorf("roster 1 as roster 0: %v", err)
	}
}

// A member who is no admin can seal rosters and keyrings, and nobody takes them in. What a newer evault sealed is neither
// taken in nor held against anybody.
func TestAdoptRefusesWhatAMemberForges(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	created, err := NewVault(NewVaultOptions{Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	v := created.Vault
	_, outsider, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(edit func(*Roster), key ed25519.PrivateKey) File {
		next := v.roster.successor()
		edit(next)
		next.sortLists()
		next.sign(key)
		f, err := sealRoster(next, v.id, 1, &v.secret)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	ring := *v.ring
	ring.epochs = append(append([]numberedKey(nil), ring.epochs...), numberedKey{2, random32()})
	forged, err := sealKeyring(&ring, &v.secret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSealer(&v.secret, v.id, labelRoster)
	if err != nil {
		t.Fatal(err)
	}
	header := controlHeader(rosterMagic, rosterFileVersion, 1, 2)
	later := contentFile(rosterDir, 2, s.SealCommitted(append([]byte(nil), header...), pad([]byte{2, 2}, rosterStep), header))
	signature := seal(func(r *Roster) {}, v.ownKeys.signing)
	broken, err := DecodeRoster(v.roster.Encode())
	if err != nil {
		t.Fatal(err)
	}
	broken.Number, broken.Signature[0] = 2, broken.Signature[0]^1
	unsigned, err := sealRoster(broken, v.id, 1, &v.secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file File
		want error
	}{
		"an outsider's roster":    {seal(func(*Roster) {}, outsider), ErrTampered},
		"another vault's roster":  {seal(func(r *Roster) { r.Vault[0] ^= 1 }, v.ownKeys.signing), ErrForeign},
		"a bad signature":         {unsigned, ErrSignature},
		"a keyring with more":     {forged, ErrTampered},
		"a newer evault's roster": {later, ErrNewer},
	} {
		accepted, refused, later := v.Adopt([]File{c.file})
		if len(accepted) != 0 || len(later) != 0 || len(refused) != 1 || !errors.Is(refused[0], c.want) {
			t.Errorf("%s: accepted %v, refused %v, later %v", name, accepted, refused, later)
		}
		if errors.Is(refused[0], ErrNewer) != (c.want == ErrNewer) {
			t.Errorf("%s: %v", name, refused[0])
		}
	}
	if accepted, _, _ := v.Adopt([]File{signature}); len(accepted) != 1 {
		t.Error("the admin's own roster is not accepted")
	}
}
