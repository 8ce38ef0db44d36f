package hostile

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"evault/keys"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/transport"
	"evault/repo"
)

// capture keeps what left a machine, for the search for plaintext.
type capture struct {
	mu   sync.Mutex
	data []byte
}

const maxCapture = 32 << 20

func (c *capture) add(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.data)+len(b) <= maxCapture {
		c.data = append(c.data, b...)
	}
}

// Write is add.
func (c *capture) Write(b []byte) (int, error) {
	c.add(b)
	return len(b), nil
}

// A carrier is a way from client to host. It gives the dialer; what it starts ends with the test's cleanup or close.
type carrier struct {
	name string
	http bool // lies below the store are possible
	open func(t testing.TB, w *world, l *liar) (dial repo.Dialer, closeAll func())
}

func carriers() []carrier {
	return []carrier{
		{"direct", false, direct},
		{"pipe", true, func(t testing.TB, w *world, l *liar) (repo.Dialer, func()) { return piped(t, l, false) }},
		{"pipe2", true, func(t testing.TB, w *world, l *liar) (repo.Dialer, func()) { return piped(t, l, true) }},
		{"tls", true, overTLS},
	}
}

func direct(_ testing.TB, _ *world, l *liar) (repo.Dialer, func()) {
	return oneSite(func() remote.Site { return liarSite{l} }), func() {}
}

// backend serves the one vault.
type backend struct{ l *liar }

func (b backend) Vaults(ctx context.Context, _ api.Peer) ([]keys.VaultID, error) {
	return liarSite(b).Vaults(ctx)
}

func (b backend) Open(context.Context, api.Peer, keys.VaultID) (remote.Store, remote.Permissions, error) {
	return b.l, remote.Read | remote.Append | remote.Delete, nil
}

// handler is the host's HTTP server, whose lies below the store come first.
func (l *liar) handler() http.Handler {
	h := api.NewHandler(api.HandlerOptions{Backend: backend{l}, PeerOf: func(*http.Request) (api.Peer, bool) { return api.Peer{Name: "client"}, true }})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := l.now().http; f != nil {
			f(w, r, h)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (l *liar) server(two bool) *http.Server {
	s := &http.Server{Handler: l.handler(), MaxHeaderBytes: api.MaxHeader, ErrorLog: log.New(io.Discard, "", 0)}
	if two {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetUnencryptedHTTP2(true)
	}
	return s
}

// stallTime is how long a transfer may crawl in these tests.
const stallTime = time.Second

// piped is HTTP through pipes in memory; two is HTTP/2 without negotiation, as through ssh.
func piped(t testing.TB, l *liar, two bool) (repo.Dialer, func()) {
	t.Helper()
	network := &pipes{conns: make(chan net.Conn), done: make(chan struct{}), sent: l.sent, raw: func() string { return l.now().raw }}
	server := l.server(two)
	go func() { _ = server.Serve(network) }() // ends when it is closed
	dial := func(context.Context, remote.URL, repo.DialOptions) (remote.Site, error) {
		tr := &http.Transport{DialContext: network.dial, DisableCompression: true, MaxResponseHeaderBytes: api.MaxHeader, ExpectContinueTimeout: time.Second}
		if two {
			tr.Protocols = new(http.Protocols)
			tr.Protocols.SetUnencryptedHTTP2(true)
		}
		return api.NewSite(api.ClientOptions{HTTP: &http.Client{Transport: tr}, Base: "http://evault", Name: "friend",
			Retries: api.Retries{Tries: 2, First: time.Millisecond, Most: 5 * time.Millisecond},
			Limits:  api.Limits{StallRate: 1 << 20, StallTime: stallTime, Answer: stallTime},
			Close:   func() error { tr.CloseIdleConnections(); return nil }}), nil
	}
	return dial, func() { _, _ = network.Close(), server.Close() }
}

// pipes is a network in memory: a listener and the dialer that reaches it.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	sent  *capture
	raw   func() string
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	if text := p.raw(); text != "" {
		go func() {
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, _ = io.WriteString(far, text) // the client may hang up before
			_ = far.Close()
		}()
		return near, nil
	}
	select {
	case p.conns <- far:
		return tapped{near, p.sent}, nil
	case <-p.done:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tapped keeps what is written to a connection.
type tapped struct {
	net.Conn
	sent *capture
}

func (c tapped) Write(b []byte) (int, error) {
	c.sent.add(b)
	return c.Conn.Write(b)
}

// overTLS is the real way: TLS on the loopback, both sides known by their keys.
func overTLS(t testing.TB, w *world, l *liar) (repo.Dialer, func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := l.server(false)
	key := w.hostKey
	if other := l.now().peer; other != nil {
		key = other
	}
	server.TLSConfig = transport.ServerTLS(key.TLSKey(), func(keys.DeviceID) bool { return true })
	go func() { _ = server.ServeTLS(listener, "", "") }() // ends when it is closed
	port := listener.Addr().(*net.TCPAddr).Port
	dial := func(ctx context.Context, at remote.URL, o repo.DialOptions) (remote.Site, error) {
		at.Host, at.Port = "127.0.0.1", port
		return transport.Open(ctx, at, transport.Options{Identity: o.Identity})
	}
	return dial, func() { _ = server.Close() }
}
