package pairing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"evault/internal/cpace"
	"evault/keys"
	"evault/remote"
)

const (
	protocol       = "evault-pairing/1"
	exporterLabel  = "EXPORTER-evault-pairing"
	exporterSize   = 32
	joinerData     = "evault pairing joiner"
	listenerData   = "evault pairing listener"
	certificateAge = 24 * time.Hour
)

// channel is an encrypted conversation with whoever holds the key peer.
type channel struct {
	*tls.Conn
	own, peer ed25519.PublicKey
	binding   []byte // the exporter value, the same on both ends of this channel and of no other
}

// tlsConfig shows our certificate and asks for the other's. Neither is checked here: CPace says whose they are.
func tlsConfig(key ed25519.PrivateKey) (*tls.Config, error) {
	cert, err := selfSigned(key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{cert},
		MinVersion:             tls.VersionTLS13,
		MaxVersion:             tls.VersionTLS13,
		NextProtos:             []string{protocol},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true, // there is no authority to ask; see the package comment
		VerifyConnection:       checkConnection,
	}, nil
}

// selfSigned wraps a public key into a certificate, because TLS wants one. Nobody reads anything else of it.
func selfSigned(key ed25519.PrivateKey) (tls.Certificate, error) {
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-certificateAge), NotAfter: now.Add(certificateAge)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func checkConnection(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != protocol {
		return fmt.Errorf("%w: no pairing there", remote.ErrNotEvault)
	}
	_, err := peerKey(&state)
	return err
}

func peerKey(state *tls.ConnectionState) (ed25519.PublicKey, error) {
	if len(state.PeerCertificates) == 1 {
		if key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey); ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: no certificate of a device", remote.ErrNotEvault)
}

// open does the handshake as the client, which joins, or as the server. The handshake ends with its context.
func open(ctx context.Context, raw net.Conn, id *keys.Identity, client bool) (*channel, error) {
	config, err := tlsConfig(id.TLSKey())
	if err != nil {
		return nil, err
	}
	conn := tls.Server(raw, config)
	if client {
		conn = tls.Client(raw, config)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, handshakeError(err)
	}
	state := conn.ConnectionState()
	c := &channel{Conn: conn, own: id.TLSKey().Public().(ed25519.PublicKey)}
	if c.peer, err = peerKey(&state); err != nil {
		return nil, err
	}
	if bytes.Equal(c.peer, c.own) {
		return nil, errors.New("a device does not pair with itself")
	}
	c.binding, err = state.ExportKeyingMaterial(exporterLabel, nil, exporterSize)
	return c, err
}

// handshakeError tells a peer that is away from one that speaks something else.
func handshakeError(err error) error {
	var op *net.OpError
	alert := errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") // crypto/tls marks its alerts so
	if errors.Is(err, remote.ErrNotEvault) || ofNetwork(err) && !alert {
		return broken(err)
	}
	return fmt.Errorf("%w: %w", remote.ErrNotEvault, err)
}

// broken makes ErrUnreachable of an error of the network, and leaves others as they are.
func broken(err error) error {
	if !ofNetwork(err) {
		return err
	}
	return fmt.Errorf("%w: the conversation broke off: %w", remote.ErrUnreachable, err)
}

func ofNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed)
}

// peerID names the other side. That it is who it should be is known after the proofs.
func (c *channel) peerID() keys.DeviceID { return keys.DeviceIDOf(c.peer) }

// party starts CPace over this channel, for one kind of code.
func (c *channel) party(role cpace.Role, kind byte, proof []byte) (*cpace.Party, error) {
	in := cpace.Input{Code: proof, SessionID: c.binding, AD: []byte(joinerData), PeerAD: []byte(listenerData)}
	joiner, listener := c.own, c.peer
	if role == cpace.Responder {
		in.AD, in.PeerAD = in.PeerAD, in.AD
		joiner, listener = listener, joiner
	}
	in.CI = cpace.LV([]byte(protocol), []byte{version, kind}, joiner, listener)
	return cpace.Start(role, in)
}

// refuse tells the other side why there is no going on, as far as it is one of the known reasons.
func (c *channel) refuse(err error) {
	for _, r := range reasons() {
		if errors.Is(err, r.err) {
			// If it does not arrive, the other side sees the end of the conversation instead.
			_ = writeMessage(c, kindRefusal, []byte{r.code})
			return
		}
	}
}
