package transport

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"evault/keys"
	"evault/remote"
)

// protocolName is what both sides agree on during the handshake (ALPN, RFC 7301), so that nothing that speaks another
// protocol on top of TLS can be mistaken for one of them.
const protocolName = "http/1.1"

// errUnknownDevice is what a host's handshake fails with; its client gets an alert.
var errUnknownDevice = errors.New("unknown device")

// ClientTLS is the configuration of a client with this key, for the host whose ID is want. TLS 1.3 only. Certificates are
// self-signed shells around Ed25519 keys; their names and dates mean nothing, and a key is right if its hash is. A
// handshake with another key fails with a remote.WrongPeerError without address.
//
// The order of key exchanges is Go's own, which begins with the hybrid of X25519 and ML-KEM-768.
func ClientTLS(key ed25519.PrivateKey, want keys.DeviceID) *tls.Config {
	own := certificate(key)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		MaxVersion: tls.VersionTLS13,
		NextProtos: []string{protocolName},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return own()
		},
		// Chains of authorities have no say here. What stands in their place is VerifyConnection, which is called for
		// every handshake; that the peer holds the key has been shown by then.
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			found, ok := PeerDevice(&state)
			if !ok {
				return fmt.Errorf("%w: its certificate is not that of an evault device", remote.ErrNotEvault)
			}
			if subtle.ConstantTimeCompare(found[:], want[:]) != 1 {
				return &remote.WrongPeerError{Expected: want, Found: found}
			}
			return nil
		},
	}
}

// ServerTLS is the configuration of a host with this key. A client must show a certificate, and allowed says during the
// handshake whether its device is welcome; it is called by many connections at once.
func ServerTLS(key ed25519.PrivateKey, allowed func(keys.DeviceID) bool) *tls.Config {
	own := certificate(key)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		MaxVersion: tls.VersionTLS13,
		NextProtos: []string{protocolName},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return own()
		},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			device, ok := PeerDevice(&state)
			if !ok || !allowed(device) {
				return errUnknownDevice
			}
			return nil
		},
	}
}

// PeerDevice gives the ID of the device on the other side of a finished handshake; false if it showed no certificate, more
// than one, or one with another kind of key than Ed25519.
func PeerDevice(state *tls.ConnectionState) (keys.DeviceID, bool) {
	if state == nil || len(state.PeerCertificates) != 1 {
		return keys.DeviceID{}, false
	}
	key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PublicKeySize {
		return keys.DeviceID{}, false
	}
	return keys.DeviceIDOf(key), true
}

// certificate makes the certificate of a key, at once and only once. It depends on nothing but the key, names nobody, and
// its dates are those of RFC 5280, section 4.1.2.5, for one that does not expire.
func certificate(key ed25519.PrivateKey) func() (*tls.Certificate, error) {
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "evault device"},
		NotBefore:    time.Unix(0, 0).UTC(),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	// Ed25519 signatures take no randomness; the parameter is for other kinds of key.
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		err = fmt.Errorf("this device's certificate: %w", err)
		return func() (*tls.Certificate, error) { return nil, err }
	}
	own := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return func() (*tls.Certificate, error) { return own, nil }
}
