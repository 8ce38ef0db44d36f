package host

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"evault/keys"
	"evault/remote/api"
	"evault/remote/transport"
)

const (
	handshakeTime = 10 * time.Second
	// stopTime is how long requests may take to finish when the host stops.
	stopTime = 10 * time.Second
	// maxOpen is how many connections there may be in all, whoever has them.
	maxOpen = 2048
)

// Serve answers peers on a listener until the context ends, over TLS 1.3 with the key of this device. Then it takes no new
// connection, lets requests finish for ten seconds, and returns nil. It closes the listener.
func (h *Host) Serve(ctx context.Context, listener net.Listener, key ed25519.PrivateKey) error {
	s := &server{host: h, ready: make(chan net.Conn), done: make(chan struct{}), address: listener.Addr()}
	s.tls = transport.ServerTLS(key, h.welcome)
	s.http = &http.Server{
		Handler:           h.handler(h, s.peerOf),
		MaxHeaderBytes:    api.MaxHeader,
		ReadHeaderTimeout: api.HeaderTime,
		IdleTimeout:       api.IdleTime,
		ConnState:         noteUse,
		ErrorLog:          slog.NewLogLogger(h.o.Log.Handler(), slog.LevelDebug),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 2)
	go func() { served <- s.http.Serve(s) }()
	go func() { served <- s.accept(ctx, listener) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	return errors.Join(err, s.stop(listener, cancel))
}

// server is one listener being served.
type server struct {
	host    *Host
	tls     *tls.Config
	http    *http.Server
	ready   chan net.Conn // connections whose handshake is done
	done    chan struct{} // closed when the server stops
	address net.Addr
}

// handler answers the protocol out of a backend.
func (h *Host) handler(b api.Backend, peerOf func(*http.Request) (api.Peer, bool)) http.Handler {
	return api.NewHandler(api.HandlerOptions{Backend: b, PeerOf: peerOf, Log: h.o.Log})
}

// welcome decides during a handshake.
func (h *Host) welcome(id keys.DeviceID) bool {
	_, known := h.PeerByDevice(id)
	if !known {
		h.o.Log.Warn("refused a device that is no peer", "device", id.String())
	}
	return known
}

// peerOf says whose request it is: a peer may have been revoked since the handshake.
func (s *server) peerOf(r *http.Request) (api.Peer, bool) {
	id, ok := transport.PeerDevice(r.TLS)
	if !ok {
		return api.Peer{}, false
	}
	return s.host.PeerByDevice(id)
}

// accept takes connections until the listener is closed. An error that passes, such as too many open files, is waited out.
func (s *server) accept(ctx context.Context, listener net.Listener) error {
	pause := time.Duration(0)
	for {
		c, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("listening on %v: %w", s.address, err)
		case err != nil:
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.host.o.Log.Error("cannot accept a connection", "error", err, "retry", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		pause = 0
		s.admit(ctx, c)
	}
}

// admit begins the handshake, unless there are too many connections.
func (s *server) admit(ctx context.Context, c net.Conn) {
	limits := s.host.current().Serve
	tracked, ok := s.host.conns.add(c, orElse(limits.ConnectionsPerAddress, DefaultPerAddress), maxOpen)
	if !ok {
		s.host.o.Log.Warn("refused a connection: there are too many", "address", c.RemoteAddr().String())
		_ = c.Close()
		return
	}
	go s.handshake(ctx, tracked, orElse(limits.ConnectionsPerPeer, DefaultPerPeer))
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// handshake finds out who is there, and gives the connection to the HTTP server. Only what is closed at once is closed here.
func (s *server) handshake(ctx context.Context, c *conn, perPeer int) {
	secure, err := s.greet(ctx, c, perPeer)
	if err != nil {
		s.host.o.Log.Info("ended a connection", "address", c.RemoteAddr().String(), "error", err)
		_ = c.Close()
		return
	}
	select {
	case s.ready <- secure:
	case <-s.done:
		_ = c.Close()
	}
}

func (s *server) greet(ctx context.Context, c *conn, perPeer int) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	secure := tls.Server(c, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := secure.ConnectionState()
	id, ok := transport.PeerDevice(&state)
	if !ok {
		return nil, errors.New("it has shown no device")
	}
	if !c.identify(id, perPeer) {
		return nil, fmt.Errorf("device %s has %d connections already", id, perPeer)
	}
	if _, known := s.host.PeerByDevice(id); !known { // revoked since the handshake, before identify
		return nil, fmt.Errorf("device %s is no peer any more", id)
	}
	return secure, nil
}

// noteUse marks connections that carry a request.
func noteUse(c net.Conn, state http.ConnState) {
	if secure, ok := c.(*tls.Conn); ok && state == http.StateActive {
		if tracked, ok := secure.NetConn().(*conn); ok {
			tracked.use()
		}
	}
}

// stop ends the server: nothing new, then what runs, then all.
func (s *server) stop(listener net.Listener, cancel func()) error {
	err := listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	cancel()
	close(s.done)
	s.host.conns.closeUnused()
	patience, done := context.WithTimeout(context.Background(), stopTime)
	defer done()
	if s.http.Shutdown(patience) != nil { // some took too long
		n := s.host.conns.closeWhere(func(*conn) bool { return true })
		s.host.o.Log.Warn("ended requests that did not finish", "connections", n)
	}
	return errors.Join(err, ignoreClosed(s.http.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Accept, Close and Addr make the server the listener of its HTTP server, which sees connections after their handshake.

// Accept gives the next connection whose other side is known.
func (s *server) Accept() (net.Conn, error) {
	select {
	case c := <-s.ready:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close does nothing: stop ends Accept.
func (s *server) Close() error { return nil }

// Addr is the address of the real listener.
func (s *server) Addr() net.Addr { return s.address }
