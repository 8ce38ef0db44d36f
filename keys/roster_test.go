package keys

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestRosterRoundTrip(t *testing.T) {
	v, full := fullRoster(t)
	for _, r := range []*Roster{full, v.roster, v.chain.genesis} {
		got, err := DecodeRoster(r.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash() != r.Hash() || !reflect.DeepEqual(got, r) {
			t.Errorf("roster %d decodes to\n%+v, not\n%+v", r.Number, got, r)
		}
	}
}

func TestRosterDecoderRefusals(t *testing.T) {
	v, full := fullRoster(t)
	body := full.Encode()
	for n := range body {
		if _, err := DecodeRoster(body[:n]); err == nil {
			t.Fatalf("cut to %d bytes: accepted", n)
		}
	}
	if _, err := DecodeRoster(append(body[:len(body):len(body)], 0)); !errors.Is(err, ErrTampered) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := DecodeRoster(make([]byte, rosterBodyLimit+1)); !errors.Is(err, ErrTampered) {
		t.Errorf("too long: %v", err)
	}
	for bit := range 64 * 8 { // the signature
		changed := append([]byte(nil), body...)
		changed[len(changed)-1-bit/8] ^= 1 << (bit % 8)
		if _, err := DecodeRoster(changed); !errors.Is(err, ErrSignature) {
			t.Fatalf("signature bit %d: %v", bit, err)
		}
	}
	if _, err := DecodeRoster(append([]byte{0x81, 0}, body[1:]...)); !errors.Is(err, ErrTampered) {
		t.Errorf("a number in a longer form: %v", err)
	}

	cases := []struct {
		name string
		edit func(*Roster)
		want error
	}{
		{"unknown role", func(r *Roster) { r.Devices[0].Role = 4 }, ErrNewer},
		{"no role", func(r *Roster) { r.Devices[0].Role = 0 }, ErrNewer},
		{"unknown slot kind", func(r *Roster) { r.Slots[0].Kind = 6 }, ErrNewer},
		{"unknown commitment", func(r *Roster) { r.Commitments[1].Kind = 5 }, ErrNewer},
		{"label with a newline", func(r *Roster) { r.Devices[0].Label = "a\nb" }, ErrTampered},
		{"label with an escape", func(r *Roster) { r.Slots[0].Label = "\x1b[2J" }, ErrTampered},
		{"label that is no UTF-8", func(r *Roster) { r.Devices[0].Label = "\xff" }, ErrTampered},
		{"long label", func(r *Roster) { r.Devices[0].Label = strings.Repeat("a", labelLimit+1) }, ErrTampered},
		{"long recipient", func(r *Roster) { r.Devices[0].Recipient = strings.Repeat("a", recipientLimit+1) }, ErrTampered},
		{"device twice", func(r *Roster) { r.Devices = append(r.Devices, r.Devices[0]) }, ErrTampered},
		{"slot twice", func(r *Roster) { r.Slots = append(r.Slots, r.Slots[len(r.Slots)-1]) }, ErrTampered},
		{"commitment twice", func(r *Roster) { r.Commitments = append(r.Commitments, r.Commitments[1]) }, ErrTampered},
		{"revocation twice", func(r *Roster) { r.Revocations = append(r.Revocations, r.Revocations[0]) }, ErrTampered},
		{"cut-offs out of order", func(r *Roster) {
			c := r.Revocations[0].Cutoffs
			r.Revocations = []Revocation{{Device: r.Revocations[0].Device, Cutoffs: []Cutoff{c[1], c[0]}}}
		}, ErrTampered},
		{"policy out of order", func(r *Roster) { r.Policy = []PolicyEntry{r.Policy[1], r.Policy[0]} }, ErrTampered},
		{"no predecessor", func(r *Roster) { r.Predecessors = nil }, ErrTampered},
		{"predecessor twice", func(r *Roster) { r.Predecessors = append(r.Predecessors, r.Predecessors[0]) }, ErrTampered},
		{"member that is revoked", func(r *Roster) { r.Revocations = []Revocation{{Device: r.Devices[0].Key}} }, ErrTampered},
	}
	for _, c := range cases {
		_, r := fullRoster(t)
		c.edit(r)
		r.sign(v.ownKeys.signing)
		if _, err := DecodeRoster(r.Encode()); !errors.Is(err, c.want) || (c.want == ErrTampered && errors.Is(err, ErrNewer)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := DecodeRoster(append([]byte{2}, body[1:]...)); !errors.Is(err, ErrNewer) || errors.Is(err, ErrTampered) {
		t.Errorf("version 2: %v", err)
	}
}

// A count that no input could fill takes no memory.
func TestCountsAreCheckedBeforeMemoryIsTaken(t *testing.T) {
	var keyringHead [128]byte
	bodies := map[string][]byte{
		"devices": append(append([]byte{1, 1}, make([]byte, 32)...), append([]byte{0, 1}, append(make([]byte, 32), 0xff, 1)...)...),
		"epochs":  binary.AppendUvarint(keyringHead[:], keyLimit),
	}
	for name, body := range bodies {
		allocated := testing.AllocsPerRun(10, func() {
			if _, err := decodeRoster(body); err == nil {
				t.Errorf("%s: accepted", name)
			}
			if _, err := decodeKeyring(1, body); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if allocated > 40 {
			t.Errorf("%s: %.0f allocations", name, allocated)
		}
	}
}

func TestControlFileVersions(t *testing.T) {
	v, r := fullRoster(t)
	sealers := newRosterSealers(v.id, v.ring, &v.secret)
	f, err := sealRoster(r, v.id, 1, &v.secret)
	if err != nil {
		t.Fatal(err)
	}
	newer := append([]byte(nil), f.Data...)
	newer[len(rosterMagic)] = 2
	if _, err := openRoster(newer, r.Number, sealers); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("version 2: %v", err)
	}
	if _, err := openRoster(f.Data, r.Number+1, sealers); !errors.Is(err, ErrTampered) {
		t.Errorf("another number: %v", err)
	}
	if _, err := openRoster(f.Data, r.Number, newRosterSealers(VaultID{1}, v.ring, &v.secret)); !errors.Is(err, ErrTampered) {
		t.Errorf("another vault: %v", err)
	}
	if _, err := openRoster(f.Data, r.Number, newRosterSealers(v.id, &keyring{generation: 2}, &v.secret)); !errors.Is(err, ErrTampered) {
		t.Errorf("no secret: %v", err)
	}
	if len(f.Data) != len(rosterMagic)+9+CommittedOverhead+rosterStep {
		t.Errorf("a roster file of %d bytes", len(f.Data))
	}
}

func TestSlotLines(t *testing.T) {
	l := slotLine{vault: VaultID{0xab}, generation: 3, secret: [32]byte{0xcd}}
	plain := string(l.encode())
	want := "evault vault=ab" + strings.Repeat("0", 62) + " generation=3 secret=cd" + strings.Repeat("0", 62) + "\n"
	if plain != want {
		t.Errorf("line is %q", plain)
	}
	l.adminSeed = &[32]byte{0xef}
	got, err := parseSlotLine(l.encode())
	if err != nil || !reflect.DeepEqual(got, &l) {
		t.Errorf("parsed %+v, %v", got, err)
	}
	for _, bad := range []string{"", "\n", plain[:len(plain)-1], plain + "\n", " " + plain, strings.Replace(plain, "=3", "=03", 1),
		strings.Replace(plain, "=3", "=+3", 1), strings.Replace(plain, "=ab", "=AB", 1), strings.Replace(plain, "=3", "=4294967296", 1),
		strings.Replace(plain, "\n", " admin-seed=ab\n", 1), strings.Replace(plain, " ", "  ", 1), strings.Repeat("x", slotLineLimit+1)} {
		_, err := parseSlotLine([]byte(bad))
		if !errors.Is(err, ErrTampered) {
			t.Errorf("%q: %v", bad, err)
		}
		if err != nil && strings.Contains(err.Error(), "cd00") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	if _, err := parseSlotLine([]byte(strings.Replace(plain, "\n", " shares=3\n", 1))); !errors.Is(err, ErrNewer) {
		t.Errorf("an unknown field: %v", err)
	}
}

func TestInspectSlot(t *testing.T) {
	head, tail := "age-encryption.org/v1\n", "--- bWFj\n"
	one := "-> scrypt c2FsdA 18\nYm9keQ\n"
	if s, err := inspectSlot([]byte(head + one + tail)); err != nil || s.kind != "scrypt" {
		t.Errorf("%+v, %v", s, err)
	} else if n, err := s.work(); n != 18 || err != nil {
		t.Errorf("work %d, %v", n, err)
	}
	for name, bad := range map[string]string{
		"none": head + tail, "two": head + one + one + tail, "armor": "-----BEGIN AGE ENCRYPTED FILE-----\n",
		"cut": head + one, "empty": "", "long": head + one + tail + strings.Repeat("x", SlotLimit),
	} {
		if _, err := inspectSlot([]byte(bad)); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, args := range [][]string{nil, {"salt"}, {"salt", "x"}, {"salt", "-1"}, {"salt", "999"}} {
		if _, err := (slotStanza{kind: "scrypt", args: args}).work(); !errors.Is(err, ErrTampered) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
