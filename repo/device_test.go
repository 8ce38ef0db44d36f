package repo

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"evault/keys"
)

func testIdentity(t testing.TB) *keys.Identity {
	t.Helper()
	id, err := keys.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func testRequest(t testing.TB, vault keys.VaultID, label string) (DeviceRequest, *keys.Identity) {
	t.Helper()
	id := testIdentity(t)
	q, err := NewDeviceRequest(id, vault, label)
	if err != nil {
		t.Fatal(err)
	}
	return q, id
}

func TestDeviceRequestRoundTrip(t *testing.T) {
	q, id := testRequest(t, keys.VaultID{1}, "büro")
	text := q.Encode()
	if strings.ContainsAny(text, " \n") || len(text) > MaxDeviceRequest {
		t.Errorf("request of %d bytes", len(text))
	}
	for _, form := range []string{text, text + "\n", "  " + text + "\r\n"} {
		got, err := ParseDeviceRequest(form)
		if err != nil {
			t.Fatal(err)
		}
		if got != q || got.Device != id.DeviceID() || got.Recipient != id.Recipient() || got.Encode() != text {
			t.Errorf("parsed %+v", got)
		}
	}
	for _, label := range []string{"", "a\nb", strings.Repeat("x", 256), "\xff"} {
		if _, err := NewDeviceRequest(id, keys.VaultID{1}, label); !errors.Is(err, ErrUsage) {
			t.Errorf("label %.10q: %v", label, err)
		}
	}
	if _, err := NewDeviceRequest(id, keys.VaultID{}, "x"); !errors.Is(err, ErrUsage) {
		t.Errorf("no vault: %v", err)
	}
}

// Whoever carries a request can change none of it without changing the device ID that people compare.
func TestChangedDeviceRequest(t *testing.T) {
	q, _ := testRequest(t, keys.VaultID{1}, "desk")
	other, _ := testRequest(t, keys.VaultID{1}, "desk")
	text := q.Encode()
	for name, edit := range map[string]func(*DeviceRequest){
		"vault":       func(q *DeviceRequest) { q.Vault[0] ^= 1 },
		"TLS key":     func(q *DeviceRequest) { q.tls = other.tls },
		"signing key": func(q *DeviceRequest) { q.Key = other.Key },
		"label":       func(q *DeviceRequest) { q.Label = "disk" },
		"recipient":   func(q *DeviceRequest) { q.Recipient = other.Recipient },
		"signature":   func(q *DeviceRequest) { q.signature = other.signature },
	} {
		changed := q
		edit(&changed)
		if _, err := ParseDeviceRequest(changed.Encode()); !errors.Is(err, ErrRequestChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := 0; i < len(text); i += 7 {
		b := []byte(text)
		b[i] ^= 1
		if _, err := ParseDeviceRequest(string(b)); err == nil {
			t.Errorf("character %d changed", i)
		}
		if _, err := ParseDeviceRequest(text[:i]); err == nil {
			t.Errorf("cut at %d", i)
		}
	}
	longer := DeviceRequestPrefix + base64.RawURLEncoding.EncodeToString(append(append(q.body(), q.signature[:]...), 0))
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":       {"", ErrDeviceRequest},
		"a device ID":   {q.Device.String(), ErrDeviceRequest},
		"trailing byte": {longer, ErrDeviceRequest},
		"two lines":     {text[:60] + "\n" + text[60:], ErrDeviceRequest},
		"padding":       {text + "=", ErrDeviceRequest},
		"too long":      {text + strings.Repeat(" ", MaxDeviceRequest), ErrDeviceRequest},
		"newer":         {strings.Replace(text, "request1:", "request2:", 1), ErrNewer},
	} {
		if _, err := ParseDeviceRequest(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseDeviceRequest(f *testing.F) {
	q, _ := testRequest(f, keys.VaultID{1}, "desk")
	f.Add(q.Encode())
	f.Add(DeviceRequestPrefix)
	f.Add(DeviceRequestPrefix + base64.RawURLEncoding.EncodeToString(make([]byte, 200)))
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseDeviceRequest(text)
		if err == nil && q.Encode() != strings.TrimSpace(text) {
			t.Errorf("%q is written %q", text, q.Encode())
		}
	})
}
