package host

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"evault/keys"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/storetest"
	"evault/remote/transport"
)

// dial makes a connection of a device by hand.
func (s *served) dial(device *keys.Identity) (*tls.Conn, error) {
	return tls.Dial("tcp", s.address, transport.ClientTLS(device.TLSKey(), s.identity.DeviceID()))
}

func (s *served) mustDial(device *keys.Identity) *tls.Conn {
	s.t.Helper()
	c, err := s.dial(device)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// alive says whether the host answers on a connection.
func alive(c *tls.Conn) bool {
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: evault\r\n\r\n"); err != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	answer := make([]byte, 4096)
	n, err := c.Read(answer)
	return err == nil && strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200")
}

func peerOf(name string, id *keys.Identity) Peer {
	return Peer{Name: name, Device: id.DeviceID(), Limits: Limits{Allow: DefaultPermissions}}
}

// TestRevocationEndsConnections: those that are open, idle ones too, within two seconds; and lets no new one in.
func TestRevocationEndsConnections(t *testing.T) {
	ada, bob := newIdentity(t), newIdentity(t)
	s := serveRig(t, newRig(t, peerOf("ada", ada), peerOf("bob", bob)))
	open := []*tls.Conn{s.mustDial(ada), s.mustDial(ada), s.mustDial(ada)}
	other := s.mustDial(bob)
	if !alive(open[0]) || !alive(open[1]) || !alive(other) { // the third has sent nothing yet
		t.Fatal("the host does not answer")
	}
	err := UpdateConfig(s.config, ConfigName, func(c *Config) error { c.Peer("ada").Revoked = true; return nil })
	wantError(t, err, nil)
	revoked := time.Now()
	for i, c := range open {
		_ = c.SetReadDeadline(revoked.Add(4 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Errorf("connection %d is open after %v: %v", i, time.Since(revoked), err)
		}
	}
	if took := time.Since(revoked); took > 2500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if !alive(other) {
		t.Error("another peer's connection has ended, too")
	}
	if c, err := s.dial(ada); err == nil && alive(c) {
		t.Error("a revoked device is let in")
	}
	_, err = s.site(ada).Vaults(t.Context())
	wantError(t, err, remote.ErrRefused)
	if !strings.Contains(s.log.String(), ada.DeviceID().String()) {
		t.Error("the log does not say who was refused")
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// TestRevocationEndsAnUpload: also one that is under way.
func TestRevocationEndsAnUpload(t *testing.T) {
	ada := newIdentity(t)
	s := serveRig(t, newRig(t, peerOf("ada", ada)))
	store := s.site(ada).Store(vaultNumber(1))
	_, err := store.Create(t.Context())
	wantError(t, err, nil)
	p, data := storetest.Pack(1, 1<<20)
	slow := &slowSource{data: data, begun: make(chan struct{}), release: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		done <- store.PutPack(t.Context(), p, func() (io.ReadCloser, error) { return io.NopCloser(slow.reader()), nil })
	}()
	<-slow.begun
	wantError(t, UpdateConfig(s.config, ConfigName, func(c *Config) error { c.Peers = nil; return nil }), nil)
	within(t, func() bool { return s.h.conns.count() == 0 })
	close(slow.release)
	wantError(t, <-done, remote.ErrRefused)
	if packs, err := openAs(t, s.h, vaultNumber(1)); err != nil || packs != 0 {
		t.Errorf("%d packs, %v", packs, err)
	}
}

func openAs(t *testing.T, h *Host, v keys.VaultID) (int, error) {
	t.Helper()
	shelved := h.shelf.take(v)
	defer shelved.giveBack()
	store, err := shelved.get()
	if err != nil {
		return 0, err
	}
	packs, err := store.Packs(t.Context())
	return len(packs), err
}

// slowSource gives half of the data, and the rest when it is released.
type slowSource struct {
	data    []byte
	begun   chan struct{}
	release chan struct{}
}

func (s *slowSource) reader() io.Reader {
	half := len(s.data) / 2
	return io.MultiReader(strings.NewReader(string(s.data[:half])), waitReader{s}, strings.NewReader(string(s.data[half:])))
}

type waitReader struct{ s *slowSource }

func (w waitReader) Read([]byte) (int, error) {
	select {
	case <-w.s.begun:
	default:
		close(w.s.begun)
	}
	<-w.s.release
	return 0, io.EOF
}

// TestGracefulStop: what is under way finishes, idle connections do not hold the host up, and nobody is let in.
func TestGracefulStop(t *testing.T) {
	ada := newIdentity(t)
	s := serveRig(t, newRig(t, peerOf("ada", ada)))
	idle, silent := s.mustDial(ada), s.mustDial(ada)
	if !alive(idle) {
		t.Fatal("the host does not answer")
	}
	store := s.site(ada).Store(vaultNumber(1))
	_, err := store.Create(t.Context())
	wantError(t, err, nil)
	p, data := storetest.Pack(1, 1<<20)
	slow := &slowSource{data: data, begun: make(chan struct{}), release: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		done <- store.PutPack(t.Context(), p, func() (io.ReadCloser, error) { return io.NopCloser(slow.reader()), nil })
	}()
	<-slow.begun
	stopped := make(chan error, 1)
	began := time.Now()
	go func() { stopped <- s.stop() }()
	for { // until nobody is let in any more
		c, err := s.dial(ada)
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(5 * time.Millisecond)
	}
	_ = silent.SetReadDeadline(time.Now().Add(3 * time.Second))
	if _, err := silent.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a connection without a request is open: %v", err)
	}
	close(slow.release)
	wantError(t, <-done, nil)
	wantError(t, <-stopped, nil)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if n, err := openAs(t, s.h, vaultNumber(1)); err != nil || n != 1 {
		t.Errorf("%d packs, %v", n, err)
	}
}

func TestConnectionsPerPeer(t *testing.T) {
	ada, bob := newIdentity(t), newIdentity(t)
	r := newRig(t, peerOf("ada", ada), peerOf("bob", bob))
	wantError(t, UpdateConfig(r.config, ConfigName, func(c *Config) error { c.Serve.ConnectionsPerPeer = 3; return nil }), nil)
	r.restart()
	s := serveRig(t, r)
	var open []*tls.Conn
	for range 3 {
		c := s.mustDial(ada)
		if !alive(c) {
			t.Fatal("too few connections")
		}
		open = append(open, c)
	}
	if c, err := s.dial(ada); err == nil && alive(c) {
		t.Error("a fourth connection")
	}
	if !alive(s.mustDial(bob)) {
		t.Error("another peer is kept out")
	}
	open[0].Close()
	within(t, func() bool {
		c, err := s.dial(ada)
		return err == nil && alive(c)
	})
}

func TestConnectionsPerAddress(t *testing.T) {
	ada := newIdentity(t)
	r := newRig(t, peerOf("ada", ada))
	wantError(t, UpdateConfig(r.config, ConfigName, func(c *Config) error { c.Serve.ConnectionsPerAddress = 4; return nil }), nil)
	r.restart()
	s := serveRig(t, r)
	var open []net.Conn
	for range 4 { // they say nothing, and count all the same
		c, err := net.Dial("tcp", s.address)
		wantError(t, err, nil)
		defer c.Close()
		open = append(open, c)
	}
	within(t, func() bool { return s.h.conns.count() == 4 })
	if c, err := s.dial(ada); err == nil && alive(c) {
		t.Error("a fifth connection")
	}
	open[0].Close()
	within(t, func() bool {
		c, err := s.dial(ada)
		return err == nil && alive(c)
	})
}

// within waits for something that comes about at its own pace.
func within(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestUnknownDevicesAreRefused(t *testing.T) {
	s := serveRig(t, newRig(t, peerOf("ada", newIdentity(t))))
	stranger := newIdentity(t)
	_, err := s.site(stranger).Vaults(t.Context())
	wantError(t, err, remote.ErrRefused)
	if !strings.Contains(err.Error(), stranger.DeviceID().String()) {
		t.Errorf("the device that the host's owner has to let in is not in: %v", err)
	}
	within(t, func() bool { return s.h.conns.count() == 0 })
	plain, err := net.Dial("tcp", s.address)
	wantError(t, err, nil)
	defer plain.Close()
	io.WriteString(plain, "GET /healthz HTTP/1.1\r\nHost: evault\r\n\r\n")
	answer, _ := io.ReadAll(plain)
	if strings.Contains(string(answer), "200") {
		t.Errorf("answered without TLS: %q", answer)
	}
}

// pipeListener gives connections in memory, for tests in which time is not real.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener { return &pipeListener{make(chan net.Conn), make(chan struct{})} }

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) dial() net.Conn {
	here, there := net.Pipe()
	l.conns <- there
	return here
}

// TestSilentConnectionsEnd: in the handshake after ten seconds, before the first request after ten, between requests after
// sixty.
func TestSilentConnectionsEnd(t *testing.T) {
	ada, host := newIdentity(t), newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, peerOf("ada", ada))
		l := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.h.Serve(ctx, l, host.TLSKey()) }()
		lasts := func(c net.Conn) time.Duration {
			began := time.Now()
			_, _ = io.Copy(io.Discard, c)
			return time.Since(began)
		}
		if d := lasts(l.dial()); d != handshakeTime {
			t.Errorf("a handshake may take %v", d)
		}
		secure := func() *tls.Conn {
			c := tls.Client(l.dial(), transport.ClientTLS(ada.TLSKey(), host.DeviceID()))
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			return c
		}
		if d := lasts(secure()); d != api.HeaderTime {
			t.Errorf("a first request may take %v", d)
		}
		c := secure()
		if !alive(c) {
			t.Fatal("no answer")
		}
		_ = c.SetReadDeadline(time.Time{})
		if d := lasts(c); d != api.IdleTime {
			t.Errorf("a connection may idle for %v", d)
		}
		cancel()
		wantError(t, <-ended, nil)
	})
}

// TestServeEndsWithItsListener: an error that does not pass is told.
func TestServeEndsWithItsListener(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	wantError(t, err, nil)
	l.Close()
	if err := r.h.Serve(t.Context(), l, newIdentity(t).TLSKey()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestServeStdio(t *testing.T) {
	bob := allowing("bob", all)
	bob.Vaults = []keys.VaultID{vaultNumber(1)}
	gone := allowing("gone", all)
	gone.Revoked = true
	r := newRig(t, bob, gone)
	for _, c := range []struct {
		peer  string
		allow remote.Permissions
		vault byte
		want  remote.Permissions // 0: refused
	}{
		{"", DefaultPermissions, 9, DefaultPermissions},
		{"unknown", remote.Read, 9, remote.Read},
		{"bob", all, 1, all},
		{"bob", remote.Read, 1, remote.Read},
		{"bob", all, 2, 0},
	} {
		b := &pipeBackend{r.h, c.peer, c.allow}
		s, got, err := b.Open(t.Context(), api.Peer{}, vaultNumber(c.vault))
		if c.want == 0 {
			wantError(t, err, remote.ErrRefused)
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c, got, err)
			continue
		}
		info, err := s.Info(t.Context())
		wantError(t, err, remote.ErrNoStore)
		if info.Permissions != c.want {
			t.Errorf("%+v: info says %v", c, info.Permissions)
		}
		wantError(t, s.Close(), nil)
	}
	here, there := net.Pipe()
	defer here.Close()
	wantError(t, r.h.ServeStdio(t.Context(), there, api.Peer{Name: "gone"}, all), remote.ErrRefused)
}

// TestRevocationEndsStdio: a conversation through ssh ends as well.
func TestRevocationEndsStdio(t *testing.T) {
	r := newRig(t, allowing("bob", all))
	here, there := net.Pipe()
	defer here.Close()
	go io.Copy(io.Discard, here)
	ended := make(chan error, 1)
	go func() { ended <- r.h.ServeStdio(context.Background(), there, api.Peer{Name: "bob"}, all) }()
	_, err := io.WriteString(here, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	wantError(t, err, nil)
	wantError(t, UpdateConfig(r.config, ConfigName, func(c *Config) error { c.Peer("bob").Revoked = true; return nil }), nil)
	select {
	case err := <-ended:
		wantError(t, err, remote.ErrRefused)
	case <-time.After(5 * time.Second):
		t.Error("the conversation goes on")
	}
}

// TestABrokenConfigurationChangesNothing: the last good one counts, and the log says so.
func TestABrokenConfigurationChangesNothing(t *testing.T) {
	r := newRig(t, allowing("ada", DefaultPermissions))
	good, err := readConfigFile(r.config, ConfigName)
	wantError(t, err, nil)
	write := func(text string) error { return publish(r.config, text) }
	wantError(t, write("[[peers]]\nname = 5\n"), nil)
	wantError(t, r.h.Reload(), ErrConfig)
	if _, ok := r.h.PeerByDevice(deviceOf("ada")); !ok {
		t.Error("the peer is gone")
	}
	wantError(t, write(string(good)+"\n[[peers]]\nname = \"bob\"\n"), nil)
	r.h.ReloadNow()
	if r.h.current().Peer("bob") == nil {
		t.Error("the mended file was not read")
	}
	wantError(t, write("["), nil)
	r.h.ReloadNow()
	if !strings.Contains(r.log.String(), "cannot be obeyed") {
		t.Errorf("the log says\n%s", r.log)
	}
	wantError(t, r.config.Remove(ConfigName), nil)
	wantError(t, r.h.Reload(), nil)
	if _, ok := r.h.PeerByDevice(deviceOf("ada")); ok {
		t.Error("without a configuration there are peers")
	}
	wantError(t, write("["), nil)
	if _, err := Open(Options{Root: r.root, Config: r.config}); !errors.Is(err, ErrConfig) {
		t.Errorf("a host begins with a broken configuration: %v", err)
	}
}
