package pairing

import (
	"encoding/base32"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"evault/internal/wire"
	"evault/keys"
)

// The ways to know of a pairing.
const (
	byCode   byte = 1
	bySecret byte = 2
)

const (
	// Scheme begins what a pairing's QR code says.
	Scheme = "evault-pair:"
	// MaxAddresses is how many addresses it may name.
	MaxAddresses = 8

	maxURI  = 4 << 10
	maxHost = 255
)

// Target is whom to pair with, and what is known of the pairing.
type Target struct {
	addresses []string
	device    keys.DeviceID // zero: not known before
	kind      byte
	proof     []byte
}

// Addresses are "host:port", in the order in which they are tried.
func (t Target) Addresses() []string { return t.addresses }

// NewTarget is the listener at an address, "host" or "host:port", whose code somebody has read. The error is ErrTarget.
func NewTarget(address string, code Code) (Target, error) {
	address, err := withPort(address)
	if err != nil {
		return Target{}, err
	}
	return Target{addresses: []string{address}, kind: byCode, proof: []byte(code)}, nil
}

// DefaultPort is where a listener waits unless it is told otherwise.
const DefaultPort = 4723

// withPort completes an address with the default port.
func withPort(address string) (string, error) {
	if CheckAddress(address) == nil {
		return address, nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	full := net.JoinHostPort(host, strconv.Itoa(DefaultPort))
	if err := CheckAddress(full); err != nil || (strings.Contains(host, ":") && net.ParseIP(host) == nil) {
		return "", fmt.Errorf("%w: %q is neither host:port nor a host", ErrTarget, address)
	}
	return full, nil
}

// CheckAddress says whether a text is "host:port" in the one form in which addresses travel. The error is ErrTarget.
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || len(host) > maxHost || strings.HasPrefix(host, "-") || strings.ContainsAny(host, " /?#[]@%") || !wire.Printable(host) {
		return fmt.Errorf("%w: %q is not host:port", ErrTarget, address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || net.JoinHostPort(host, strconv.FormatUint(n, 10)) != address {
		return fmt.Errorf("%w: %q has no port from 1 to 65535", ErrTarget, address)
	}
	return nil
}

func plainBase32() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// uri writes "evault-pair:1?a=<address>&a=...&d=<device ID>&s=<secret>". What has a fixed length comes last, so that a text
// that was cut off is noticed.
func (t Target) uri() (string, error) {
	if len(t.addresses) == 0 || len(t.addresses) > MaxAddresses {
		return "", fmt.Errorf("%w: %d addresses (from 1 to %d are possible)", ErrTarget, len(t.addresses), MaxAddresses)
	}
	var b strings.Builder
	b.WriteString(Scheme + "1?")
	for _, a := range t.addresses {
		if err := CheckAddress(a); err != nil {
			return "", err
		}
		b.WriteString("a=" + url.QueryEscape(a) + "&")
	}
	fmt.Fprintf(&b, "d=%s&s=%s", strings.ReplaceAll(t.device.String(), "-", ""), plainBase32().EncodeToString(t.proof))
	return b.String(), nil
}

// ParseTarget reads what a pairing's QR code says. What it accepts would be written the same way. The error is ErrTarget.
func ParseTarget(text string) (Target, error) {
	rest, ok := strings.CutPrefix(text, Scheme+"1?")
	if !ok || len(text) > maxURI {
		return Target{}, fmt.Errorf("%w: it does not begin with %s1?", ErrTarget, Scheme)
	}
	t := Target{kind: bySecret}
	for _, field := range strings.Split(rest, "&") {
		name, value, _ := strings.Cut(field, "=")
		if err := t.set(name, value); err != nil {
			return Target{}, err
		}
	}
	if again, err := t.uri(); err != nil || again != text || t.device == (keys.DeviceID{}) {
		return Target{}, fmt.Errorf("%w: the text of the QR code is incomplete or was changed", ErrTarget)
	}
	return t, nil
}

func (t *Target) set(name, value string) (err error) {
	switch name {
	case "d":
		t.device, err = keys.ParseDeviceID(value)
	case "s":
		t.proof, err = plainBase32().DecodeString(value)
		if err == nil && len(t.proof) != secretSize {
			err = fmt.Errorf("a secret of %d bytes", len(t.proof))
		}
	case "a":
		if value, err = url.QueryUnescape(value); err == nil && len(t.addresses) < MaxAddresses+1 {
			t.addresses = append(t.addresses, value)
		}
	default:
		err = fmt.Errorf("it has a field %q that this evault does not know", name)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTarget, err)
	}
	return nil
}
