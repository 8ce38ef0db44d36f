package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"evault/keys"
	"evault/remote"
)

// info asks a place the first question.
func info(ctx context.Context, u remote.URL, o Options) (remote.Info, error) {
	site, err := Open(ctx, u, o)
	if err != nil {
		return remote.Info{}, err
	}
	found, err := site.Store(testVault).Info(ctx)
	return found, errors.Join(err, site.Close())
}

func wantError(t *testing.T, err, is error, says ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("got %v, want one that is %q", err, is)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
}

func TestHostWithOtherKey(t *testing.T) {
	l := listen(t)
	serveTLS(t, l, device(t, 0).TLSKey(), anyone, memory(t))
	_, err := info(t.Context(), urlOf(l, device(t, 2).DeviceID()), Options{Identity: device(t, 1)})
	wantError(t, err, remote.ErrWrongPeer, device(t, 2).DeviceID().String(), device(t, 0).DeviceID().String(), l.Addr().String())
	var wrong *remote.WrongPeerError
	if !errors.As(err, &wrong) || wrong.Expected != device(t, 2).DeviceID() || wrong.Found != device(t, 0).DeviceID() {
		t.Errorf("got %v", err)
	}
}

// TestHostRefusesDevice many times: the refusal and the request cross each other on their way, and whichever is faster,
// the answer is the same.
func TestHostRefusesDevice(t *testing.T) {
	l := listen(t)
	serveTLS(t, l, device(t, 0).TLSKey(), func(d keys.DeviceID) bool { return d == device(t, 2).DeviceID() }, memory(t))
	for range 50 {
		_, err := info(t.Context(), urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 1)})
		wantError(t, err, remote.ErrRefused, device(t, 1).DeviceID().String())
	}
	if _, err := info(t.Context(), urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 2)}); !errors.Is(err, remote.ErrNoStore) {
		t.Errorf("who is allowed got %v", err)
	}
}

// TestRevokedWhileConnected: a device that is let in no more is told so by the next connection.
func TestRevokedWhileConnected(t *testing.T) {
	l := listen(t)
	welcome := true
	serveTLS(t, l, device(t, 0).TLSKey(), func(keys.DeviceID) bool { return welcome }, memory(t))
	h := newTLSHost(urlOf(l, device(t, 0).DeviceID()), device(t, 1))
	site := h.site(Options{})
	defer closeQuietly(site)
	if _, err := site.Store(testVault).Info(t.Context()); !errors.Is(err, remote.ErrNoStore) {
		t.Fatal(err)
	}
	welcome = false
	h.http.CloseIdleConnections()
	_, err := site.Store(testVault).Info(t.Context())
	wantError(t, err, remote.ErrRefused, device(t, 1).DeviceID().String())
}

func TestHostWithoutPin(t *testing.T) {
	_, err := Open(t.Context(), remote.URL{Scheme: remote.SchemeEvault, Host: "h", Port: 1}, Options{Identity: device(t, 1)})
	wantError(t, err, remote.ErrURL, "evault identity", "evault://h:1")
	_, err = Open(t.Context(), remote.URL{Scheme: remote.SchemeEvault, Host: "h", Port: 1, Device: device(t, 0).DeviceID()}, Options{})
	wantError(t, err, remote.ErrRefused, "no identity")
}

func TestNobodyListens(t *testing.T) {
	l := listen(t)
	closeQuietly(l)
	_, err := info(t.Context(), urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 1)})
	wantError(t, err, remote.ErrUnreachable, l.Addr().String())
}

// TestOtherServers: what answers is no evault host.
func TestOtherServers(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"plain HTTP": func(c net.Conn) { write(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") },
		"SSH":        func(c net.Conn) { write(c, "SSH-2.0-OpenSSH_9.2\r\n") },
	} {
		l := listen(t)
		go acceptAll(l, answer)
		_, err := info(t.Context(), urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 1)})
		t.Log(name, err)
		wantError(t, err, remote.ErrNotEvault)
	}
	l := listen(t)
	serveTLS(t, l, device(t, 0).TLSKey(), anyone, http.NotFoundHandler())
	_, err := info(t.Context(), urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 1)})
	wantError(t, err, remote.ErrNotEvault)
}

// TestClosedWithoutReason: a host that hangs up after the handshake without an alert may be one that has too many
// connections, or a line that broke, or one that refuses this device clumsily. It is told as what it is.
func TestClosedWithoutReason(t *testing.T) {
	l := listen(t)
	config := ServerTLS(device(t, 0).TLSKey(), anyone)
	go acceptAll(l, func(raw net.Conn) { _ = tlsHandshake(raw, config) })
	_, err := info(t.Context(), urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 1)})
	wantError(t, err, remote.ErrUnreachable, device(t, 1).DeviceID().String())
}

func TestCancelledDial(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := listen(t) // accepts, and says nothing
	go func() {
		if c, err := l.Accept(); err == nil {
			defer closeQuietly(c)
			cancel()
			<-t.Context().Done()
		}
	}()
	_, err := info(ctx, urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 1)})
	wantError(t, err, context.Canceled)
}

func TestUnknownScheme(t *testing.T) {
	_, err := Open(t.Context(), remote.URL{Scheme: "gopher"}, Options{})
	wantError(t, err, remote.ErrURL)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Open(ctx, remote.URL{Scheme: remote.SchemeFile, Path: t.TempDir()}, Options{})
	wantError(t, err, context.Canceled)
}

func write(c net.Conn, text string) { _, _ = c.Write([]byte(text)) }

func acceptAll(l net.Listener, answer func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		answer(c)
		closeQuietly(c)
	}
}
