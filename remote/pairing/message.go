package pairing

import (
	"encoding/binary"
	"fmt"
	"io"

	"evault/internal/cpace"
	"evault/internal/wire"
	"evault/keys"
	"evault/remote"
)

// A message is its kind (1 byte), the length of its body (2 bytes, big-endian), and the body, whose fields are written as in
// all of evault's formats (package internal/wire). The kinds, in the order of the conversation in doc.go:
const (
	kindHello   byte = 1 // version, kind of code, share
	kindShare   byte = 2 // share
	kindProof   byte = 3 // tag: of the joiner, then of the listener
	kindOffer   byte = 4 // label, purpose, and for a device the vault
	kindRequest byte = 5 // label, and for a device its signing key and recipient
	kindGrant   byte = 6 // of a host: permissions, quota, port, addresses; for a device: role, roster, URLs
	kindDone    byte = 7 // nothing
	kindRefusal byte = 8 // reason: in place of a listener's message
)

// version is of the whole conversation; TLS has agreed on it already through ALPN.
const version = 1

// Limits of what the messages carry, in bytes and pieces.
const (
	maxLabel     = 255
	maxRecipient = 4096
	// MaxURLs is how many remotes' URLs an admitted device is told; each has at most remote.MaxURL bytes.
	MaxURLs = 8

	headerSize = 3
	helloSize  = 2 + cpace.ShareSize
	// maxBody bounds what is sent after both sides have proved themselves; before, every message has one size.
	maxBody = 48 << 10
)

// Purpose is what a pairing is for; the listener decides.
type Purpose uint8

// The purposes.
const (
	ForHost   Purpose = 1 // the listener is a host, and the joiner becomes its peer
	ForDevice Purpose = 2 // the listener is an admin device, and the joiner becomes a device of the vault
)

// String is "host" or "device".
func (p Purpose) String() string {
	switch p {
	case ForHost:
		return "host"
	case ForDevice:
		return "device"
	}
	return "unknown"
}

// HostGrant is what a host allows a peer, and where it serves.
type HostGrant struct {
	Permissions remote.Permissions
	Quota       uint64 // bytes for each vault; 0: no limit
	// Port is where the host serves. Addresses, at most MaxAddresses of "host:port", say it in full; without any, it is the
	// host under which the joiner has reached the listener.
	Port      uint16
	Addresses []string
}

// DeviceGrant is what an admitted device has to know.
type DeviceGrant struct {
	Vault  keys.VaultID
	Role   keys.Role
	Roster [32]byte // the hash of the roster that admits it, without which no copy of the vault is new enough
	URLs   []string // of the vault's remotes, as clone takes them; what is over MaxURLs is not told
}

type hello struct {
	version, kind byte
	share         []byte
}

type offer struct {
	label   string
	purpose Purpose
	vault   keys.VaultID // for a device
}

type request struct {
	label     string
	key       [32]byte // for a device: what it signs with in this vault
	recipient string
}

func (h hello) encode() []byte { return append([]byte{h.version, h.kind}, h.share...) }

// decodeHello is given exactly helloSize bytes.
func decodeHello(body []byte) hello { return hello{body[0], body[1], body[2:]} }

func malformed(f wire.Fault) error { return fmt.Errorf("%w: %w", ErrMessage, f) }

func (o offer) encode() []byte {
	b := append(wire.AppendText(nil, o.label), byte(o.purpose))
	if o.purpose == ForDevice {
		b = append(b, o.vault[:]...)
	}
	return b
}

func decodeOffer(body []byte) (o offer, err error) {
	d := wire.NewDecoder(body, malformed)
	o.label = d.Printable(maxLabel, "label")
	o.purpose = Purpose(d.Uint8("purpose"))
	switch {
	case d.Err() != nil:
	case o.purpose == ForDevice:
		o.vault = d.Array32("vault")
	case o.purpose != ForHost:
		d.Fail(fmt.Errorf("%w: a purpose of a later evault", ErrMessage))
	}
	return o, d.End("offer")
}

func (r request) encode(p Purpose) []byte {
	b := wire.AppendText(nil, r.label)
	if p == ForDevice {
		b = append(b, r.key[:]...)
		b = wire.AppendText(b, r.recipient)
	}
	return b
}

func decodeRequest(body []byte, p Purpose) (r request, err error) {
	d := wire.NewDecoder(body, malformed)
	r.label = d.Printable(maxLabel, "label")
	if p == ForDevice {
		r.key = d.Array32("signing key")
		r.recipient = d.Printable(maxRecipient, "recipient")
	}
	return r, d.End("request")
}

func (g *HostGrant) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{byte(g.Permissions)}, g.Quota)
	b = binary.BigEndian.AppendUint16(b, g.Port)
	return appendTexts(b, g.Addresses)
}

func decodeHostGrant(body []byte) (*HostGrant, error) {
	d := wire.NewDecoder(body, malformed)
	g := &HostGrant{Permissions: remote.Permissions(d.Uint8("permissions")), Quota: d.Uint64("quota"), Port: d.Uint16("port")}
	g.Addresses = takeTexts(&d, MaxAddresses, maxHost+8, "address")
	for _, a := range g.Addresses {
		if err := CheckAddress(a); err != nil {
			d.Fail(fmt.Errorf("%w: %w", ErrMessage, err))
		}
	}
	if all := remote.Read | remote.Append | remote.Delete; d.Err() == nil && g.Permissions&^all != 0 {
		d.Fail(fmt.Errorf("%w: permissions of a later evault", ErrMessage))
	}
	if d.Err() == nil && g.Port == 0 {
		d.Fail(fmt.Errorf("%w: port 0", ErrMessage))
	}
	return g, d.End("grant")
}

func (g *DeviceGrant) encode() []byte {
	b := append([]byte{byte(g.Role)}, g.Roster[:]...)
	return appendTexts(b, g.URLs)
}

// decodeDeviceGrant leaves the vault to the caller, who has read it in the offer.
func decodeDeviceGrant(body []byte) (*DeviceGrant, error) {
	d := wire.NewDecoder(body, malformed)
	g := &DeviceGrant{Role: keys.Role(d.Uint8("role")), Roster: d.Array32("roster")}
	g.URLs = takeTexts(&d, MaxURLs, remote.MaxURL, "URL")
	if d.Err() == nil && (g.Role < keys.RoleReader || g.Role > keys.RoleAdmin) {
		d.Fail(fmt.Errorf("%w: a role of a later evault", ErrMessage))
	}
	return g, d.End("grant")
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, t := range texts {
		b = wire.AppendText(b, t)
	}
	return b
}

func takeTexts(d *wire.Decoder, count, limit uint64, field string) (texts []string) {
	for range d.Count(count, 1, field) {
		texts = append(texts, d.Printable(limit, field))
	}
	return texts
}

// writeMessage sends one message in one piece.
func writeMessage(w io.Writer, kind byte, body []byte) error {
	if len(body) > maxBody {
		return fmt.Errorf("%w: %d bytes to send", ErrMessage, len(body))
	}
	m := binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(body)))
	_, err := w.Write(append(m, body...))
	return err
}

// readMessage takes the next message, which has to be of this kind and of least to most bytes; both are checked before
// memory is taken. A refusal in its place is the error that it stands for.
func readMessage(r io.Reader, kind byte, least, most int) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(header[1:]))
	refused := header[0] == kindRefusal && size == 1
	switch {
	case refused:
	case header[0] != kind:
		return nil, fmt.Errorf("%w: kind %d where %d is due", ErrMessage, header[0], kind)
	case size < least || size > most:
		return nil, fmt.Errorf("%w: kind %d of %d bytes", ErrMessage, kind, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	if refused {
		return nil, refusal(body[0])
	}
	return body, nil
}

// reasons are the refusals that there are.
func reasons() []struct {
	code byte
	err  error
} {
	return []struct {
		code byte
		err  error
	}{{1, ErrWrongCode}, {2, ErrExpired}, {3, ErrUsed}, {4, ErrTooManyTries}, {5, ErrDeclined}, {6, remote.ErrVersion}}
}

func refusal(code byte) error {
	for _, r := range reasons() {
		if r.code == code {
			return r.err
		}
	}
	return fmt.Errorf("%w: for a reason %d of a later evault", ErrDeclined, code)
}
