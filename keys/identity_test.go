package keys_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"filippo.io/age"

	"evault/keys"
)

func TestIdentityRoundTrip(t *testing.T) {
	id := newIdentity(t)
	text := id.Marshal()
	again, err := keys.ParseIdentity(text)
	if err != nil {
		t.Fatal(err)
	}
	if again.DeviceID() != id.DeviceID() || again.Recipient() != id.Recipient() || !again.TLSKey().Equal(id.TLSKey()) {
		t.Error("parsed another identity")
	}
	if !bytes.Equal(again.Marshal(), text) {
		t.Error("marshals differently")
	}
	if !strings.Contains(string(text), id.DeviceID().String()) {
		t.Error("the file does not name its device")
	}
	// age's own parser takes the file.
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil || len(ids) != 1 {
		t.Fatalf("age: %d identities, %v", len(ids), err)
	}
	// Editors may change line ends and people may add remarks.
	edited := "# my laptop\r\n\r\n" + strings.ReplaceAll(string(text), "\n", "\r\n")
	if e, err := keys.ParseIdentity([]byte(edited)); err != nil || e.DeviceID() != id.DeviceID() {
		t.Errorf("edited: %v", err)
	}
}

func TestIdentityRefusals(t *testing.T) {
	good := string(newIdentity(t).Marshal())
	key := good[strings.Index(good, "AGE-"):]
	flipped := []byte(good)
	flipped[len(flipped)-5] ^= 1
	for name, bad := range map[string]string{
		"empty":       "",
		"no header":   key,
		"no key":      strings.TrimSuffix(good, key),
		"two keys":    good + key,
		"two headers": "# evault device identity, version 1\n" + good,
		"typing":      string(flipped),
		"lower case":  strings.TrimSuffix(good, key) + strings.ToLower(key),
		"rubbish":     good + "hello\n",
		"classic key": "# evault device identity, version 1\nAGE-SECRET-KEY-1QQPQQ\n",
		"too long":    good + strings.Repeat("#\n", keys.IdentityLimit),
	} {
		_, err := keys.ParseIdentity([]byte(bad))
		if !errors.Is(err, keys.ErrIdentity) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "AGE-SECRET") {
			t.Errorf("%s: the error tells the key", name)
		}
	}
	newer := strings.Replace(good, "version 1", "version 2", 1)
	if _, err := keys.ParseIdentity([]byte(newer)); !errors.Is(err, keys.ErrNewer) {
		t.Errorf("version 2: %v", err)
	}
}

func TestDeviceIDText(t *testing.T) {
	id := newIdentity(t).DeviceID()
	s := id.String()
	if len(s) != 56+7 || strings.Count(s, "-") != 7 {
		t.Errorf("text is %q", s)
	}
	for _, typed := range []string{s, strings.ToLower(s), strings.ReplaceAll(s, "-", ""), strings.ReplaceAll(s, "-", " "), strings.NewReplacer("O", "0", "I", "1", "B", "8").Replace(s)} {
		if got, err := keys.ParseDeviceID(typed); err != nil || got != id {
			t.Errorf("%q: %v", typed, err)
		}
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	missed := 0
	for i := range s {
		if s[i] == '-' {
			continue
		}
		for _, c := range letters {
			if byte(c) == s[i] {
				continue
			}
			if _, err := keys.ParseDeviceID(s[:i] + string(c) + s[i+1:]); err == nil {
				missed++
			} else if !errors.Is(err, keys.ErrDeviceID) {
				t.Fatal(err)
			}
		}
	}
	// 1,736 wrong texts, each with odds of 2^-20 to be taken.
	if missed > 1 {
		t.Errorf("%d wrong characters were not noticed", missed)
	}
	for _, bad := range []string{"", s[:62], s + "A", strings.Repeat("A", 10000), "é" + s[1:]} {
		if _, err := keys.ParseDeviceID(bad); !errors.Is(err, keys.ErrDeviceID) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}
