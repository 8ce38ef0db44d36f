package keys

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
)

// DeviceID names a device to people and to hosts: the SHA-256 of its 32-byte Ed25519 TLS public key.
type DeviceID [32]byte

const (
	idChars       = 52 // 256 bits in base32, the last 4 bits of the last character zero
	checkChars    = 4  // 20 bits
	groupChars    = 7
	idCheckDomain = "evault device id check\x00"
)

// ErrDeviceID says that a text is no device ID, most likely because of a typing error.
var ErrDeviceID = errors.New("not a device ID (a character is wrong or missing)")

// DeviceIDOf names the device that holds a TLS key.
func DeviceIDOf(tls ed25519.PublicKey) DeviceID { return sha256.Sum256(tls) }

// check is four base32 characters of a hash of the ID: they catch a typing error with odds of a million to one.
func (d DeviceID) check() string {
	sum := sha256.Sum256(append([]byte(idCheckDomain), d[:]...))
	return base32.StdEncoding.EncodeToString(sum[:5])[:checkChars]
}

// String is 52 base32 characters (RFC 4648, upper case) and 4 check characters, in eight groups of seven with hyphens.
func (d DeviceID) String() string {
	s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(d[:]) + d.check()
	var b strings.Builder
	for i := 0; i < len(s); i += groupChars {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(s[i : i+groupChars])
	}
	return b.String()
}

// humanBase32 forgives what people do to codes: small letters, other grouping, and digits that base32 does not have.
func humanBase32(r rune) rune {
	switch {
	case r == '-' || r == ' ':
		return -1
	case r == '0':
		return 'O'
	case r == '1':
		return 'I'
	case r == '8':
		return 'B'
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	}
	return r
}

// ParseDeviceID reads what String writes; hyphens, spaces and the case of letters do not matter, and 0, 1 and 8 are taken
// for O, I and B. The error is ErrDeviceID.
func ParseDeviceID(s string) (DeviceID, error) {
	if len(s) > 4*(idChars+checkChars) {
		return DeviceID{}, ErrDeviceID
	}
	s = strings.Map(humanBase32, s)
	if len(s) != idChars+checkChars {
		return DeviceID{}, ErrDeviceID
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s[:idChars])
	if err != nil || len(raw) != len(DeviceID{}) {
		return DeviceID{}, ErrDeviceID
	}
	d := DeviceID(raw)
	// Comparing the whole text also refuses spare bits in the last character.
	if strings.ReplaceAll(d.String(), "-", "") != s {
		return DeviceID{}, ErrDeviceID
	}
	return d, nil
}
