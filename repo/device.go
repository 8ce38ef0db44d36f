package repo

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"evault/internal/wire"
	"evault/keys"
)

var (
	// ErrDeviceRequest says that a text is no device request, most likely because a part of it is missing.
	ErrDeviceRequest = errors.New("not a device request (a character is wrong or missing)")
	// ErrRequestChanged says that a device request is not what the device wrote, or not of the device that was expected.
	ErrRequestChanged = errors.New("the device request was changed on its way")
)

const (
	// DeviceRequestPrefix begins every device request of this version.
	DeviceRequestPrefix = "evault-device-request1:"

	requestAnyPrefix = "evault-device-request"
	maxRequestLabel  = 255
	maxRequestKey    = 4096 // an age recipient
	requestSigned    = 64   // bytes of signature
	// MaxDeviceRequest is the greatest length in bytes of a device request as text.
	MaxDeviceRequest = 8 << 10
)

// DeviceRequest is what a device asks an admin to put into the roster, so that it becomes a member. It holds no secret. As
// text it is one line:
//
//	evault-device-request1:<base64url of body and signature>
//	body = vault ID | TLS public key | signing key | label | recipient
//
// The signature is the TLS key's, whose hash is the device ID. So an admin who compares the device ID with what the new
// device shows knows that nothing of the request was changed on the way.
type DeviceRequest struct {
	Vault     keys.VaultID  // which vault it wants to join
	Device    keys.DeviceID // how people and hosts know it
	Key       [32]byte      // what it signs with in this vault
	Recipient string        // the age recipient of its slot
	Label     string        // what it calls itself

	tls       [32]byte
	signature [requestSigned]byte
}

// NewDeviceRequest makes the request of the device with this identity to join a vault.
func NewDeviceRequest(id *keys.Identity, vault keys.VaultID, label string) (DeviceRequest, error) {
	if vault.IsZero() {
		return DeviceRequest{}, usagef("which vault does the device want to join?")
	}
	if label == "" || len(label) > maxRequestLabel || !wire.Printable(label) {
		return DeviceRequest{}, usagef("%.40q is no label: it takes from 1 to %d bytes of printable UTF-8", label, maxRequestLabel)
	}
	key, err := id.SigningKey(vault)
	if err != nil {
		return DeviceRequest{}, err
	}
	q := DeviceRequest{Vault: vault, Device: id.DeviceID(), Key: key, Recipient: id.Recipient(), Label: label}
	copy(q.tls[:], id.TLSKey()[32:])
	_, q.signature = id.SignDeviceRequest(q.body())
	return q, nil
}

func (q *DeviceRequest) body() []byte {
	b := append(make([]byte, 0, 4096), q.Vault[:]...)
	b = append(b, q.tls[:]...)
	b = append(b, q.Key[:]...)
	b = wire.AppendText(b, q.Label)
	return wire.AppendText(b, q.Recipient)
}

// Encode writes a request that NewDeviceRequest made, or ParseDeviceRequest read, as one line without a line break.
func (q DeviceRequest) Encode() string {
	return DeviceRequestPrefix + base64.RawURLEncoding.EncodeToString(append(q.body(), q.signature[:]...))
}

// ParseDeviceRequest reads what Encode wrote, with or without white space around it, and checks the signature: what it
// accepts would be written the same way. The errors are ErrDeviceRequest, ErrRequestChanged and ErrNewer.
func ParseDeviceRequest(text string) (DeviceRequest, error) {
	if len(text) > MaxDeviceRequest {
		return DeviceRequest{}, fmt.Errorf("%w: longer than %d bytes", ErrDeviceRequest, MaxDeviceRequest)
	}
	text = strings.TrimSpace(text)
	code, ok := strings.CutPrefix(text, DeviceRequestPrefix)
	if !ok {
		if _, other := strings.CutPrefix(text, requestAnyPrefix); other {
			return DeviceRequest{}, fmt.Errorf("%w: device request of another version", ErrNewer)
		}
		return DeviceRequest{}, fmt.Errorf("%w: it does not begin with %s", ErrDeviceRequest, DeviceRequestPrefix)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if err != nil || strings.ContainsAny(code, "\r\n") { // the decoder passes over these
		return DeviceRequest{}, ErrDeviceRequest
	}
	return decodeDeviceRequest(data)
}

func decodeDeviceRequest(data []byte) (q DeviceRequest, err error) {
	d := wire.NewDecoder(data, func(f wire.Fault) error { return fmt.Errorf("%w: %w", ErrDeviceRequest, f) })
	q.Vault = d.Array32("vault ID")
	q.tls = d.Array32("TLS key")
	q.Key = d.Array32("signing key")
	q.Label = d.Printable(maxRequestLabel, "label")
	q.Recipient = d.Printable(maxRequestKey, "recipient")
	d.Fill(q.signature[:], "signature")
	if err := d.End("device request"); err != nil {
		return DeviceRequest{}, err
	}
	if q.Label == "" {
		return DeviceRequest{}, fmt.Errorf("%w: it has no label", ErrDeviceRequest)
	}
	if q.Device, err = keys.VerifyDeviceRequest(q.tls, q.body(), q.signature); err != nil {
		return DeviceRequest{}, fmt.Errorf("%w: %w", ErrRequestChanged, err)
	}
	return q, nil
}
