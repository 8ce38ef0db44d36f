package transport

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"evault/remote"
	"evault/remote/api"
)

const (
	// prefaceTime is how long a host waits for the first bytes from a pipe.
	prefaceTime = 30 * time.Second
	// stopTime is how long requests that are being answered may take to finish when the host is to stop.
	stopTime = 10 * time.Second
)

// http2Config is how both sides of a pipe speak HTTP/2. The windows are as large as what is on its way on a fast and far
// line: with Go's own 1 MiB, 50 ms of delay would leave 20 MB/s. Pings find out when the other side has stalled.
func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          64,
		MaxReadFrameSize:              1 << 20,
		MaxReceiveBufferPerConnection: 32 << 20,
		MaxReceiveBufferPerStream:     16 << 20,
		SendPingTimeout:               15 * time.Second,
		PingTimeout:                   30 * time.Second,
	}
}

// onlyHTTP2 is HTTP/2 without TLS and without negotiation.
func onlyHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// ServePipe serves HTTP/2 to the one client at the other end of rw, which begins without negotiation (RFC 9113, section
// 3.3). It returns nil when the other side has closed or is lost, and remote.ErrNotEvault if that is no HTTP/2 client. When
// ctx ends, requests that are being answered may finish within ten seconds, and ctx's error is returned. It closes rw, and
// returns when no handler runs any more, or ten seconds after they were told to stop.
func ServePipe(ctx context.Context, rw io.ReadWriteCloser, h http.Handler) error {
	conn := newPipeConn(rw, checkPreface)
	late := time.AfterFunc(prefaceTime, func() {
		select {
		case <-conn.begun:
		default:
			closeQuietly(conn)
		}
	})
	defer late.Stop()
	var running counted
	server := &http.Server{
		Handler:        running.count(h),
		Protocols:      onlyHTTP2(),
		HTTP2:          http2Config(),
		MaxHeaderBytes: api.MaxHeader,
		ErrorLog:       log.New(io.Discard, "", 0), // libraries print nothing; the handler has its own log
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(&oneListener{conn: conn, closed: make(chan struct{})}) }()
	err := running.untilEnd(ctx, conn, server)
	<-served // the listener's end, which says nothing new
	return err
}

// untilEnd waits for the connection's end or the context's, and for handlers that still run.
func (c *counted) untilEnd(ctx context.Context, conn *pipeConn, server *http.Server) error {
	var err error
	select {
	case <-conn.ended:
		if errors.Is(conn.cause(), remote.ErrNotEvault) {
			err = conn.cause()
		}
	case <-ctx.Done():
		err = ctx.Err()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		// An error here is that time is up: then what runs is cut off.
		_ = server.Shutdown(stop)
	}
	closeQuietly(conn)
	c.wait(stopTime)
	return err
}

// closeQuietly closes a connection whose end is known already, so that an error in closing says nothing.
func closeQuietly(c io.Closer) { _ = c.Close() }

// counted knows how many handlers run.
type counted struct {
	mu      sync.Mutex
	running int
	stopped bool
	idle    chan struct{} // closed when none runs any more; there once stopped
}

func (c *counted) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.begin() {
			return
		}
		defer c.end()
		h.ServeHTTP(w, r)
	})
}

func (c *counted) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.running++
	}
	return !c.stopped
}

func (c *counted) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.stopped && c.running == 0 {
		close(c.idle)
	}
}

// wait lets no handler begin any more, and waits for those that run.
func (c *counted) wait(most time.Duration) {
	c.mu.Lock()
	c.stopped = true
	c.idle = make(chan struct{})
	if c.running == 0 {
		close(c.idle)
	}
	c.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-c.idle:
	case <-timer.C:
	}
}

// oneListener gives out one connection, and then waits for its end, or its own.
type oneListener struct {
	conn   *pipeConn
	given  sync.Once
	once   sync.Once
	closed chan struct{}
}

func (l *oneListener) Accept() (conn net.Conn, err error) {
	l.given.Do(func() { conn = l.conn })
	if conn != nil {
		return conn, nil
	}
	select {
	case <-l.conn.ended:
	case <-l.closed:
	}
	return nil, net.ErrClosed
}

func (l *oneListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneListener) Addr() net.Addr { return pipeAddr{} }
