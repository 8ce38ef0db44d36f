package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"evault/keys"
	"evault/remote"
	"evault/remote/api"
)

const (
	// dialTime is how long it may take until there is a connection, and handshakeTime until its handshake is done.
	dialTime      = 10 * time.Second
	handshakeTime = 10 * time.Second
	// hostConnections is how many connections one conversation uses at most.
	hostConnections = 6
	// hostBuffer is the size in bytes of the buffers of a connection, each way.
	hostBuffer = 256 << 10
	// alertTime is how long a failed write waits for what the host may have said about the reason.
	alertTime = time.Second
)

// openHost gives a host over TLS. It is not dialed before the first request.
func openHost(u remote.URL, o Options) (remote.Site, error) {
	if u.Device == (keys.DeviceID{}) {
		return nil, fmt.Errorf(`%w: %s does not say which device it is: ask the host's owner for what "evault identity" prints there, `+
			`and write it behind the address with a "#"`, remote.ErrURL, u)
	}
	if o.Identity == nil {
		return nil, fmt.Errorf("%w: %s: this device has no identity", remote.ErrRefused, siteName(u))
	}
	return newTLSHost(u, o.Identity).site(o), nil
}

// tlsHost speaks HTTP/1.1 with a host over TLS. It is an http.RoundTripper.
type tlsHost struct {
	name, address string
	own           keys.DeviceID
	tls           *tls.Config
	http          *http.Transport
	reach         func(context.Context) (net.Conn, error) // makes a connection without TLS

	refused atomic.Bool // by an alert, on some connection
	heard   atomic.Bool // it has answered, on some connection
	hungUp  atomic.Bool // it has ended a connection
}

func newTLSHost(u remote.URL, id *keys.Identity) *tlsHost {
	h := &tlsHost{name: siteName(u), address: u.Address(), own: id.DeviceID(), tls: ClientTLS(id.TLSKey(), u.Device)}
	h.reach = h.connect
	h.tls.ServerName = u.Host // for whoever forwards connections by name; it is not checked
	h.http = &http.Transport{
		DialTLSContext:         h.dial,
		MaxConnsPerHost:        hostConnections,
		MaxIdleConnsPerHost:    hostConnections,
		IdleConnTimeout:        api.IdleTime - 5*time.Second, // before the host closes it
		DisableCompression:     true,
		ExpectContinueTimeout:  continueTime,
		MaxResponseHeaderBytes: api.MaxHeader,
		ReadBufferSize:         hostBuffer,
		WriteBufferSize:        hostBuffer,
	}
	return h
}

func (h *tlsHost) site(o Options) remote.Site {
	return api.NewSite(api.ClientOptions{
		HTTP:   &http.Client{Transport: h},
		Base:   "https" + baseURL,
		Name:   h.name,
		Upload: api.NewLimiter(o.UploadLimit),
		Close:  h.Close,
	})
}

// connect makes a TCP connection. A host that has gone away without a word is noticed after 35 seconds.
func (h *tlsHost) connect(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout:         dialTime,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 4},
	}
	return dialer.DialContext(ctx, "tcp", h.address)
}

// dial makes a connection and does the handshake. The names that package http gives stand for the one host.
func (h *tlsHost) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	raw, err := h.reach(ctx)
	if err != nil {
		return nil, err
	}
	return h.secure(ctx, raw)
}

// secure does the handshake on a connection, and closes it if that fails.
func (h *tlsHost) secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTime, fmt.Errorf("no answer within %v", handshakeTime))
	defer cancel()
	conn := tls.Client(raw, h.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		closeQuietly(raw)
		if errors.Is(err, context.DeadlineExceeded) {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return &hostConn{Conn: conn, host: h, quiet: make(chan struct{})}, nil
}

// RoundTrip implements http.RoundTripper. Its errors are the context's, or of package remote.
func (h *tlsHost) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := h.http.RoundTrip(r)
	if err != nil {
		return nil, h.ended(r.Context(), err)
	}
	answer.Body = &body{answer.Body, func(err error) error { return h.ended(r.Context(), err) }}
	return answer, nil
}

func (h *tlsHost) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return h.explain(err)
}

// explain makes an error of package remote of one of the connection.
func (h *tlsHost) explain(err error) error {
	var wrong *remote.WrongPeerError
	var notTLS tls.RecordHeaderError
	alert, hasAlert := alertOf(err)
	err = inWords(err)
	switch {
	case errors.As(err, &wrong):
		return &remote.WrongPeerError{Address: h.address, Expected: wrong.Expected, Found: wrong.Found}
	case h.refused.Load():
		return fmt.Errorf("%w: it does not know this device; its owner can let it in by the ID %s", remote.ErrRefused, h.own)
	case errors.As(err, &notTLS):
		return fmt.Errorf("%w: it does not answer with TLS", remote.ErrNotEvault)
	case hasAlert && isMismatch(alert):
		return fmt.Errorf("%w: it ended the handshake: %w", remote.ErrNotEvault, err)
	case !h.heard.Load() && !hasAlert && (isGone(err) || h.hungUp.Load() && !isDial(err)): // package http has a name of its own for it
		return unreachable(fmt.Errorf("%w, before it had said anything; if that happens every time, it may not know this device, "+
			"whose ID is %s", cutOff{err}, h.own))
	}
	return unreachable(err)
}

// inWords says in plain words what package io calls EOF.
func inWords(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return cutOff{err}
	}
	return err
}

// cutOff is the end of a conversation in its middle.
type cutOff struct{ cause error }

func (c cutOff) Error() string { return "the connection was cut" }

// Unwrap gives what package io says.
func (c cutOff) Unwrap() error { return c.cause }

// isGone tells an end of the connection that came from the other side.
func isGone(err error) bool {
	var op *net.OpError
	switch {
	case errors.Is(err, net.ErrClosed): // by this side
		return false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	}
	return errors.As(err, &op) && op.Op != "dial" && !op.Timeout()
}

// isDial tells that no connection came about.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// Close ends the connections that no request uses.
func (h *tlsHost) Close() error {
	h.http.CloseIdleConnections()
	return nil
}

// hostConn watches a connection for how the host refuses a device. In TLS 1.3 the client's handshake is done before the
// host has seen its certificate, so the refusal is an alert in place of the first answer; and package http may meet a
// failed write first, and never tell of the alert.
type hostConn struct {
	net.Conn
	host  *tlsHost
	once  sync.Once
	quiet chan struct{} // closed when reading has failed: what the host had to say has been heard
}

func (c *hostConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.host.heard.Store(true)
	}
	if err != nil {
		if alert, ok := alertOf(err); ok && isRefusal(alert) {
			c.host.refused.Store(true)
		}
		if isGone(err) {
			c.host.hungUp.Store(true)
		}
		c.once.Do(func() { close(c.quiet) })
	}
	return n, err
}

func (c *hostConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		timer := time.NewTimer(alertTime)
		defer timer.Stop()
		select {
		case <-c.quiet:
		case <-timer.C:
		}
	}
	return n, err
}
