package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"filippo.io/age"
)

// fileStore is a store in memory.
type fileStore map[string][]byte

func (s fileStore) List(dir string) ([]string, error) {
	var names []string
	for name := range s {
		if base, ok := strings.CutPrefix(name, dir+"/"); ok {
			names = append(names, base)
		}
	}
	return names, nil
}

func (s fileStore) Read(name string, limit int64) ([]byte, error) {
	data, ok := s[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data[:min(int64(len(data)), limit)], nil
}

// fullRoster has an entry in every list.
func fullRoster(t testing.TB) (*Vault, *Roster) {
	t.Helper()
	v, err := NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	r := v.roster.successor()
	r.Slots = append(r.Slots, SlotEntry{Hash: [32]byte{2}, Kind: SlotPassphrase, Local: true, Admin: [32]byte{3}},
		SlotEntry{Hash: [32]byte{3}, Kind: SlotSSH, Label: "é"})
	r.Commitments = []Commitment{{Kind: CommitEpochKey, Number: 300}, {Kind: CommitSecret, Number: 2}}
	r.Revocations = []Revocation{{Device: [32]byte{1}, Cutoffs: []Cutoff{{Log: [32]byte{1}, Sequence: 1 << 40}, {Log: [32]byte{2}}}}}
	r.Policy = []PolicyEntry{{"append-only", "yes"}, {"retention", ""}}
	r.sortLists()
	r.sign(v.ownKeys.signing)
	return v, r
}

// The fuzzer cannot sign, so the form is what it explores; signatures have tests of their own.
func FuzzDecodeRoster(f *testing.F) {
	v, r := fullRoster(f)
	f.Add(r.Encode())
	f.Add(v.roster.Encode())
	f.Add(v.chain.genesis.Encode())
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decodeRoster(body)
		if err != nil {
			return
		}
		if again := r.Encode(); !bytes.Equal(again, body) {
			t.Fatalf("decodes %x and encodes %x", body, again)
		}
		if r, err := DecodeRoster(body); err == nil && r.Hash() == ([32]byte{}) {
			t.Fatal("no hash")
		}
	})
}

func FuzzDecodeKeyring(f *testing.F) {
	v, err := NewEphemeral()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(1), v.ring.encode())
	ring := *v.ring
	ring.past = []numberedKey{{1, [32]byte{1}}, {300, [32]byte{2}}}
	f.Add(uint32(301), ring.encode())
	f.Fuzz(func(t *testing.T, generation uint32, body []byte) {
		k, err := decodeKeyring(generation, body)
		if err == nil && !bytes.Equal(k.encode(), body) {
			t.Fatalf("decodes %x and encodes otherwise", body)
		}
	})
}

func FuzzParseSlotLine(f *testing.F) {
	l := slotLine{vault: VaultID{1}, generation: 7, secret: [32]byte{2}}
	f.Add(l.encode())
	l.adminSeed = &[32]byte{3}
	f.Add(l.encode())
	f.Add([]byte("evault vault= generation= secret=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseSlotLine(text)
		if err == nil && !bytes.Equal(l.encode(), text) {
			t.Fatalf("parses %q and writes otherwise", text)
		}
	})
}

// What the inspection lets through, age reads as a file of one recipient: it never sees two.
func FuzzInspectSlot(f *testing.F) {
	id, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	_, data, err := sealSlot(&slotLine{}, id.age.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\nAAAA\n--- x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := inspectSlot(data)
		if err != nil {
			return
		}
		if _, err := s.work(); err != nil && !errors.Is(err, ErrTampered) {
			t.Fatal(err)
		}
		count := &countingIdentity{}
		if _, err := age.Decrypt(bytes.NewReader(data), count); err == nil || count.stanzas > 1 {
			t.Fatalf("age sees %d recipients: %v", count.stanzas, err)
		}
		if count.stanzas == 1 && count.kind != s.kind {
			t.Fatalf("age sees %q, the inspection %q", count.kind, s.kind)
		}
	})
}

type countingIdentity struct {
	stanzas int
	kind    string
}

func (c *countingIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	c.stanzas = len(stanzas)
	if len(stanzas) > 0 {
		c.kind = stanzas[0].Type
	}
	return nil, age.ErrIncorrectIdentity
}

func FuzzParseIdentity(f *testing.F) {
	id, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(id.Marshal())
	f.Add([]byte("# evault device identity, version 9\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := ParseIdentity(data)
		if err != nil {
			return
		}
		text := id.Marshal()
		again, err := ParseIdentity(text)
		if err != nil || !bytes.Equal(again.Marshal(), text) {
			t.Fatalf("does not parse its own text: %v", err)
		}
	})
}

func FuzzParseDeviceID(f *testing.F) {
	f.Add(DeviceID{1, 2, 3}.String())
	f.Add(strings.ToLower(DeviceID{255}.String()))
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseDeviceID(s)
		if err != nil {
			return
		}
		if again, err := ParseDeviceID(id.String()); err != nil || again != id {
			t.Fatalf("%q: %v", s, err)
		}
		if strings.Map(humanBase32, s) != strings.ReplaceAll(id.String(), "-", "") {
			t.Fatalf("%q is taken for %s", s, id)
		}
	})
}

// Files of the store, as a liar may write them: nothing but the ones that were sealed opens.
func FuzzControlFiles(f *testing.F) {
	v, r := fullRoster(f)
	rosterFile, err := sealRoster(r, v.id, 1, &v.secret)
	if err != nil {
		f.Fatal(err)
	}
	ringFile, err := sealKeyring(v.ring, &v.secret)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rosterFile.Data)
	f.Add(ringFile.Data)
	sealers := newRosterSealers(v.id, v.ring, &v.secret)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := openRoster(data, r.Number, sealers); err == nil && !bytes.Equal(data, rosterFile.Data) {
			t.Fatalf("opened a forged roster %x", data)
		}
		if _, err := openKeyring(data, 1, &v.secret, v.id); err == nil && !bytes.Equal(data, ringFile.Data) {
			t.Fatalf("opened a forged keyring %x", data)
		}
	})
}

func FuzzContentNames(f *testing.F) {
	f.Add("12-" + strings.Repeat("ab", 32))
	f.Add(strings.Repeat("0f", 32) + ".age")
	f.Fuzz(func(t *testing.T, name string) {
		if n, hash, ok := parseContentName(name); ok && contentNameOf(n, hash) != name {
			t.Fatalf("%q is taken", name)
		}
		if hash, ok := parseSlotName(name); ok && slotName("", hash) != "/"+name {
			t.Fatalf("%q is taken", name)
		}
	})
}

func FuzzNormalizeRecoveryWords(f *testing.F) {
	f.Add(NewRecoveryWords())
	f.Add(strings.ToUpper(NewRecoveryWords()))
	f.Fuzz(func(t *testing.T, typed string) {
		words, ok, err := NormalizeRecoveryWords([]byte(typed))
		if ok != (words != "") || (ok && err != nil) {
			t.Fatalf("%q: %q %v %v", typed, words, ok, err)
		}
		if again, _, _ := NormalizeRecoveryWords([]byte(words)); ok && again != words {
			t.Fatalf("%q is not normal", words)
		}
	})
}
