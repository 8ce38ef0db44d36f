package keys

import (
	"crypto/ed25519"
	"fmt"
)

// Domains of what device and admin keys sign. A signed message is the domain, one NUL, and the bytes: a signature made for
// one purpose fits no other.
const (
	domainCommit = "evault commit v1"
	domainTag    = "evault tag v1"
	domainRecord = "evault record v1"
	domainRoster = "evault roster v1"
	// signed by the TLS key, whose hash is the device ID that people compare
	domainDeviceRequest = "evault device request v1"
)

// deviceKeys are what an identity signs with in one vault.
type deviceKeys struct {
	signing ed25519.PrivateKey
	public  [32]byte
}

// sign makes the Ed25519 (RFC 8032) signature of domain, NUL, message.
func sign(key ed25519.PrivateKey, domain string, msg []byte) (sig [64]byte) {
	copy(sig[:], ed25519.Sign(key, signedBytes(domain, msg)))
	return sig
}

// verify checks what sign made.
func verify(pub [32]byte, domain string, msg []byte, sig [64]byte) error {
	if !ed25519.Verify(pub[:], signedBytes(domain, msg), sig[:]) {
		return fmt.Errorf("%w of key %x", ErrSignature, pub[:8])
	}
	return nil
}

func signedBytes(domain string, msg []byte) []byte {
	b := make([]byte, 0, len(domain)+1+len(msg))
	b = append(b, domain...)
	b = append(b, 0)
	return append(b, msg...)
}

// member gives the keys to sign with, nil when this device is no member.
func (v *Vault) member() *deviceKeys {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.device
}

// Device is this device's entry in the newest roster, zero when the device is no member.
func (v *Vault) Device() DeviceEntry {
	device := v.member()
	if device == nil {
		return DeviceEntry{}
	}
	e, _ := v.Roster().Device(device.public)
	return e
}

// DevicePublicKey is the Ed25519 key that this device signs with in this vault, zero when the device is no member. Another
// vault sees another key, so that hosts cannot link vaults by it.
func (v *Vault) DevicePublicKey() [32]byte {
	device := v.member()
	if device == nil {
		return [32]byte{}
	}
	return device.public
}

// OwnPublicKey is DevicePublicKey also when this device is no member, or none any more: what it wrote itself is known by it.
// It is zero when the vault was opened without an identity.
func (v *Vault) OwnPublicKey() [32]byte {
	if v.ownKeys == nil {
		return [32]byte{}
	}
	return v.ownKeys.public
}

// SignCommit signs the hash of a commit's other fields as this device. The error is ErrNoDevice.
func (v *Vault) SignCommit(hash [32]byte) ([64]byte, error) {
	device := v.member()
	if device == nil {
		return [64]byte{}, ErrNoDevice
	}
	return sign(device.signing, domainCommit, hash[:]), nil
}

// VerifyCommit checks that a device which some accepted roster has listed signed the hash of a commit: ErrUnknownDevice or
// ErrSignature. Whether that device was allowed to publish the commit is decided by the record that published it.
func (v *Vault) VerifyCommit(devicePub [32]byte, hash [32]byte, sig [64]byte) error {
	if _, ok := v.KnowsDevice(devicePub); !ok {
		return fmt.Errorf("key %x: %w", devicePub[:8], ErrUnknownDevice)
	}
	return verify(devicePub, domainCommit, hash[:], sig)
}

// SignTag signs the hash of a tag's other fields as this device. The error is ErrNoDevice.
func (v *Vault) SignTag(hash [32]byte) ([64]byte, error) {
	device := v.member()
	if device == nil {
		return [64]byte{}, ErrNoDevice
	}
	return sign(device.signing, domainTag, hash[:]), nil
}

// VerifyTag is VerifyCommit for the hash of a tag. A tag's signature fits no commit, and a commit's no tag.
func (v *Vault) VerifyTag(devicePub [32]byte, hash [32]byte, sig [64]byte) error {
	if _, ok := v.KnowsDevice(devicePub); !ok {
		return fmt.Errorf("key %x: %w", devicePub[:8], ErrUnknownDevice)
	}
	return verify(devicePub, domainTag, hash[:], sig)
}

// CanPublish says whether this device may add to a store that others read: nil, ErrNoDevice or ErrReader. What a reader
// publishes all the same, every other member refuses.
func (v *Vault) CanPublish() error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.device == nil {
		return ErrNoDevice
	}
	if e, _ := v.roster.Device(v.device.public); e.Role < RoleWriter {
		return ErrReader
	}
	return nil
}

// SignRecord signs the inner part of a log record as this device: it ties the log's own key, which a host sees, to the
// device, which it does not. The error is ErrNoDevice.
func (v *Vault) SignRecord(msg []byte) ([64]byte, error) {
	device := v.member()
	if device == nil {
		return [64]byte{}, ErrNoDevice
	}
	return sign(device.signing, domainRecord, msg), nil
}

// VerifyRecord checks what SignRecord made: ErrSignature.
func VerifyRecord(devicePub [32]byte, msg []byte, sig [64]byte) error {
	return verify(devicePub, domainRecord, msg, sig)
}

// LogKey signs the headers of one clone's log in one store. It is safe for concurrent use.
type LogKey struct {
	key ed25519.PrivateKey
}

// LogKey derives the key of this device's log for a clone in a store. Each store sees another key, so that two hosts
// cannot tell by it that they serve the same device. The error is ErrNoDevice.
func (v *Vault) LogKey(storeID, cloneID [16]byte) (*LogKey, error) {
	if v.member() == nil {
		return nil, ErrNoDevice
	}
	key, err := deriveSigningKey(&v.identity.seed, v.id[:], labelLog, storeID[:], cloneID[:])
	if err != nil {
		return nil, err
	}
	return &LogKey{key}, nil
}

// Public is the key that a log's headers name.
func (k *LogKey) Public() [32]byte { return publicKey(k.key) }

// Sign signs domain, NUL, message. The domain is one constant per purpose and holds no NUL.
func (k *LogKey) Sign(domain string, msg []byte) [64]byte { return sign(k.key, domain, msg) }

// VerifyLogSignature checks what LogKey.Sign made: ErrSignature. It needs no key of the vault, so a host can call it.
func VerifyLogSignature(pub [32]byte, domain string, msg []byte, sig [64]byte) error {
	return verify(pub, domain, msg, sig)
}

// SignDeviceRequest signs, with the device's TLS key, what it asks an admin to put into the roster: whoever knows the device
// ID knows by it that the request is that device's.
func (id *Identity) SignDeviceRequest(msg []byte) (tlsPublic [32]byte, sig [64]byte) {
	return publicKey(id.tls), sign(id.tls, domainDeviceRequest, msg)
}

// VerifyDeviceRequest checks what SignDeviceRequest made and names the device: ErrSignature.
func VerifyDeviceRequest(tlsPublic [32]byte, msg []byte, sig [64]byte) (DeviceID, error) {
	if err := verify(tlsPublic, domainDeviceRequest, msg, sig); err != nil {
		return DeviceID{}, err
	}
	return DeviceIDOf(tlsPublic[:]), nil
}
