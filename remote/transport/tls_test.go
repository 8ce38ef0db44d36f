package transport

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"evault/keys"
	"evault/remote"
)

// handshake connects two configurations over loopback, and gives what the client's and the server's handshake came to, and
// what the client read after its own.
func handshake(t *testing.T, client, server *tls.Config) (state tls.ConnectionState, clientErr, serverErr, readErr error) {
	t.Helper()
	l := listen(t)
	served := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		conn := tls.Server(raw, server)
		err = conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		closeQuietly(conn)
		served <- err
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, client)
	defer closeQuietly(conn)
	if clientErr = conn.Handshake(); clientErr == nil {
		_, readErr = io.ReadFull(conn, make([]byte, 1))
	}
	closeQuietly(raw)
	return conn.ConnectionState(), clientErr, soon(t, served), readErr
}

func TestHandshake(t *testing.T) {
	host, friend := device(t, 0), device(t, 1)
	var asked keys.DeviceID
	state, clientErr, serverErr, readErr := handshake(t, ClientTLS(friend.TLSKey(), host.DeviceID()),
		ServerTLS(host.TLSKey(), func(d keys.DeviceID) bool { asked = d; return true }))
	if err := errors.Join(clientErr, serverErr, readErr); err != nil {
		t.Fatal(err)
	}
	if asked != friend.DeviceID() {
		t.Errorf("the host was asked about %s", asked)
	}
	if found, ok := PeerDevice(&state); !ok || found != host.DeviceID() {
		t.Errorf("the client has seen %s", found)
	}
	if state.Version != tls.VersionTLS13 {
		t.Errorf("TLS version %x", state.Version)
	}
	if state.CurveID != tls.X25519MLKEM768 {
		t.Errorf("the keys were exchanged with %v", state.CurveID)
	}
	if state.NegotiatedProtocol != protocolName {
		t.Errorf("the protocol is %q", state.NegotiatedProtocol)
	}
	if state.DidResume {
		t.Error("a session was resumed")
	}
}

func TestWrongHost(t *testing.T) {
	host, friend, other := device(t, 0), device(t, 1), device(t, 2)
	_, err, serverErr, _ := handshake(t, ClientTLS(friend.TLSKey(), other.DeviceID()), ServerTLS(host.TLSKey(), anyone))
	var wrong *remote.WrongPeerError
	if !errors.As(err, &wrong) || wrong.Expected != other.DeviceID() || wrong.Found != host.DeviceID() {
		t.Errorf("the client got %v", err)
	}
	if serverErr == nil {
		t.Error("the host took it for a success")
	}
}

func TestUnknownDevice(t *testing.T) {
	host, friend := device(t, 0), device(t, 1)
	_, clientErr, serverErr, readErr := handshake(t, ClientTLS(friend.TLSKey(), host.DeviceID()), ServerTLS(host.TLSKey(), nobody))
	if clientErr != nil {
		t.Error(clientErr) // it cannot know yet
	}
	if !errors.Is(serverErr, errUnknownDevice) {
		t.Errorf("the host got %v", serverErr)
	}
	if alert, ok := alertOf(readErr); !ok || !isRefusal(alert) {
		t.Errorf("the client read %v", readErr)
	}
}

// TestOtherCertificates shows that only one certificate with an Ed25519 key is taken, on either side, whatever its dates.
func TestOtherCertificates(t *testing.T) {
	host := device(t, 0)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := host.TLSKey()
	old := selfSigned(t, own, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		name string
		cert tls.Certificate
		ok   bool
	}{
		{"long expired", old, true},
		{"of the future", selfSigned(t, own, time.Now().AddDate(50, 0, 0)), true},
		{"ECDSA", selfSigned(t, ec, time.Now()), false},
		{"none", tls.Certificate{}, false},
		{"two", tls.Certificate{Certificate: [][]byte{old.Certificate[0], old.Certificate[0]}, PrivateKey: own}, false},
	} {
		client := ClientTLS(own, host.DeviceID())
		client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.cert, nil }
		_, _, serverErr, _ := handshake(t, client, ServerTLS(own, anyone))
		if (serverErr == nil) != c.ok {
			t.Errorf("client's certificate: %s: the host got %v", c.name, serverErr)
		}
		server := ServerTLS(own, anyone)
		server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &c.cert, nil }
		_, clientErr, _, _ := handshake(t, ClientTLS(own, host.DeviceID()), server)
		if (clientErr == nil) != c.ok {
			t.Errorf("host's certificate: %s: the client got %v", c.name, clientErr)
		}
	}
}

// TestStolenCertificate: a certificate is public, and whoever shows it without its key does not get in.
func TestStolenCertificate(t *testing.T) {
	host, friend, thief := device(t, 0), device(t, 1), device(t, 2)
	stolen, err := certificate(friend.TLSKey())()
	if err != nil {
		t.Fatal(err)
	}
	client := ClientTLS(thief.TLSKey(), host.DeviceID())
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: stolen.Certificate, PrivateKey: thief.TLSKey()}, nil
	}
	if _, _, err, _ := handshake(t, client, ServerTLS(host.TLSKey(), func(d keys.DeviceID) bool { return d == friend.DeviceID() })); err == nil {
		t.Error("the thief got in")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	host := device(t, 0)
	old := &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true,
		Certificates: []tls.Certificate{selfSigned(t, host.TLSKey(), time.Now())}}
	if _, err, serverErr, _ := handshake(t, old, ServerTLS(host.TLSKey(), anyone)); err == nil || serverErr == nil {
		t.Error("the host speaks TLS 1.2")
	}
	if _, err, serverErr, _ := handshake(t, ClientTLS(host.TLSKey(), host.DeviceID()), old); err == nil || serverErr == nil {
		t.Error("the client speaks TLS 1.2")
	}
}

// TestCertificateDependsOnKeyOnly shows that nothing of the machine or the time gets into it.
func TestCertificateDependsOnKeyOnly(t *testing.T) {
	one, err := certificate(device(t, 0).TLSKey())()
	if err != nil {
		t.Fatal(err)
	}
	two, err := certificate(device(t, 0).TLSKey())()
	if err != nil {
		t.Fatal(err)
	}
	other, err := certificate(device(t, 1).TLSKey())()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Certificate[0], two.Certificate[0]) || bytes.Equal(one.Certificate[0], other.Certificate[0]) {
		t.Error("a certificate does not follow from its key")
	}
	parsed, err := x509.ParseCertificate(one.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if !parsed.PublicKey.(ed25519.PublicKey).Equal(device(t, 0).TLSKey().Public()) {
		t.Error("another key")
	}
	if parsed.NotBefore.Unix() != 0 || parsed.NotAfter.Year() != 9999 {
		t.Errorf("its dates are %v and %v", parsed.NotBefore, parsed.NotAfter)
	}
}

func TestPeerDeviceOfNobody(t *testing.T) {
	for _, state := range []*tls.ConnectionState{nil, {}} {
		if d, ok := PeerDevice(state); ok {
			t.Errorf("found %s", d)
		}
	}
}

// TestAlerts shows that every alert that the other side can send is told from the others by its text.
func TestAlerts(t *testing.T) {
	for code := 1; code < 256; code++ {
		want := tls.AlertError(code)
		got, ok := alertOf(&net.OpError{Op: "remote error", Err: want})
		if !ok || got != want && !strings.HasPrefix(want.Error(), "tls: alert(") {
			t.Errorf("alert %d is taken for %d", want, got)
		}
	}
	for _, err := range []error{io.EOF, &net.OpError{Op: "read", Err: tls.AlertError(42)}, tls.AlertError(42)} {
		if _, ok := alertOf(err); ok {
			t.Errorf("%v is taken for an alert", err)
		}
	}
}

// selfSigned makes a certificate that was valid for a day.
func selfSigned(t *testing.T, key crypto.Signer, from time.Time) tls.Certificate {
	t.Helper()
	template := x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: from, NotAfter: from.AddDate(0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func tlsHandshake(raw net.Conn, config *tls.Config) error { return tls.Server(raw, config).Handshake() }
