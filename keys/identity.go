package keys

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// ErrIdentity says that a file is no device identity.
var ErrIdentity = errors.New("not an evault device identity")

const (
	// IdentityLimit is the greatest length in bytes of an identity file.
	IdentityLimit  = 16 << 10
	identityHeader = "# evault device identity, version "
	identityPrefix = "AGE-SECRET-KEY-PQ-1"
)

// Identity is what makes a machine of one user a device: one age key (post-quantum hybrid: ML-KEM-768 with X25519), which
// opens the device's slots, and from which come a seed for signing keys and an Ed25519 TLS key. It does not change after
// it is made, and is safe for concurrent use.
//
// Its file is an age identity file: `age -d -i FILE slots/....age` opens a slot without evault.
type Identity struct {
	age  *age.HybridIdentity
	seed [32]byte
	tls  ed25519.PrivateKey
}

// NewIdentity makes a fresh identity.
func NewIdentity() (*Identity, error) {
	key, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("generating an age identity: %w", err)
	}
	return identityOf(key)
}

func identityOf(key *age.HybridIdentity) (*Identity, error) {
	id := &Identity{age: key}
	if err := derive(id.seed[:], []byte(key.String()), nil, labelDeviceSeed); err != nil {
		return nil, err
	}
	var err error
	id.tls, err = deriveSigningKey(&id.seed, nil, labelTLS)
	return id, err
}

// DeviceID names the device.
func (id *Identity) DeviceID() DeviceID { return DeviceIDOf(id.tls.Public().(ed25519.PublicKey)) }

// Recipient is the age recipient (age1pq1...) to which the device's slots are sealed.
func (id *Identity) Recipient() string { return id.age.Recipient().String() }

// TLSKey is the key of the device's self-signed certificate.
func (id *Identity) TLSKey() ed25519.PrivateKey { return id.tls }

// SigningKey is the public key that the device signs with in a vault, for an admin to put into the roster.
func (id *Identity) SigningKey(vault VaultID) ([32]byte, error) {
	k, err := id.deviceKeys(vault)
	if err != nil {
		return [32]byte{}, err
	}
	return k.public, nil
}

func (id *Identity) deviceKeys(vault VaultID) (*deviceKeys, error) {
	key, err := deriveSigningKey(&id.seed, vault[:], labelSigning)
	if err != nil {
		return nil, err
	}
	return &deviceKeys{signing: key, public: publicKey(key)}, nil
}

// Marshal writes the identity as a text file: comments, and the age key on the one line that is none. Whoever reads it is
// the device, so it belongs into a file that its owner alone can read.
func (id *Identity) Marshal() []byte {
	return fmt.Appendf(nil, identityHeader+"1\n"+
		"# Keep it secret: it opens your vaults and signs in your name.\n"+
		"# It is also an age identity: age -d -i THIS-FILE .evault/store/slots/....age\n"+
		"# device ID: %s\n"+
		"# public key: %s\n"+
		"%s\n", id.DeviceID(), id.Recipient(), id.age)
}

// ParseIdentity reads an identity file. Comments other than the version line, blank lines and carriage returns do not
// matter. The errors are ErrIdentity and, for a version that is not 1, ErrNewer.
func ParseIdentity(data []byte) (*Identity, error) {
	if len(data) > IdentityLimit {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrIdentity, IdentityLimit)
	}
	version, key, err := identityLines(string(data))
	if err != nil {
		return nil, err
	}
	switch {
	case version == "":
		return nil, fmt.Errorf("%w: the version line is missing", ErrIdentity)
	case version != "1":
		return nil, fmt.Errorf("identity of an unknown version: %w", ErrNewer)
	case key == "":
		return nil, fmt.Errorf("%w: the key is missing", ErrIdentity)
	}
	// What age's parser says may quote the line, which is secret.
	parsed, err := age.ParseHybridIdentity(key)
	if err != nil || parsed.String() != key {
		return nil, fmt.Errorf("%w: the key is malformed", ErrIdentity)
	}
	return identityOf(parsed)
}

func identityLines(text string) (version, key string, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		rest, isHeader := strings.CutPrefix(line, identityHeader)
		switch {
		case isHeader && version == "":
			version = rest
		case isHeader:
			return "", "", fmt.Errorf("%w: two version lines", ErrIdentity)
		case line == "" || strings.HasPrefix(line, "#"):
		case key == "" && strings.HasPrefix(line, identityPrefix):
			key = line
		default:
			return "", "", fmt.Errorf("%w: a line that is neither comment nor the one key", ErrIdentity)
		}
	}
	return version, key, nil
}
