package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"evault/remote"
	"evault/remote/api"
)

// continueTime is how long a client waits to hear whether a pack is wanted before it sends it anyway.
const continueTime = 10 * time.Second

// baseURL is what stands before the paths of all requests. Its host names nobody: who is at the other end is the
// transport's business.
const baseURL = "://evault"

// pipeClient speaks HTTP/2 to the host at the other end of a pipe. It is an http.RoundTripper.
type pipeClient struct {
	conn    *pipeConn
	http    *http.ClientConn
	explain explainer
}

// explainer makes an error of package remote of how a conversation ended; began says whether the host had said anything by
// then.
type explainer func(cause error, began bool) error

// dialPipe begins a conversation over a pipe, which it closes if none comes about. The host must have answered within
// patience.
func dialPipe(ctx context.Context, rw io.ReadWriteCloser, patience time.Duration, explain explainer) (*pipeClient, error) {
	c := &pipeClient{conn: newPipeConn(rw, checkSettings), explain: explain}
	limited, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	unblock := context.AfterFunc(limited, func() { closeQuietly(c.conn) })
	defer unblock()
	err := c.greet(ctx)
	if err == nil {
		return c, nil
	}
	closeQuietly(c.conn)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case limited.Err() != nil:
		err = context.Cause(limited)
	}
	return nil, explain(err, false)
}

// greet sends the preface and waits for the host's SETTINGS.
func (c *pipeClient) greet(ctx context.Context) (err error) {
	t := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return c.conn, nil },
		Protocols:              onlyHTTP2(),
		HTTP2:                  http2Config(),
		DisableCompression:     true,
		ExpectContinueTimeout:  continueTime,
		MaxResponseHeaderBytes: api.MaxHeader,
	}
	if c.http, err = t.NewClientConn(ctx, "http", "evault:80"); err != nil {
		return c.because(err)
	}
	select {
	case <-c.conn.begun:
		return nil
	case <-c.conn.ended:
		return c.because(net.ErrClosed)
	}
}

// because prefers what the pipe itself has met to what package http makes of it.
func (c *pipeClient) because(err error) error {
	if why := c.conn.cause(); why != nil {
		return why
	}
	return err
}

// RoundTrip implements http.RoundTripper. Its errors are the context's, or of package remote.
func (c *pipeClient) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.http.RoundTrip(r)
	if err != nil {
		return nil, c.ended(r.Context(), err)
	}
	answer.Body = &body{answer.Body, func(err error) error { return c.ended(r.Context(), err) }}
	return answer, nil
}

func (c *pipeClient) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.explain(c.because(err), true)
}

func (c *pipeClient) Close() error {
	err := c.http.Close()
	return errors.Join(err, c.conn.Close())
}

// body tells the errors of an answer's body in the words of package remote.
type body struct {
	io.ReadCloser
	explain func(error) error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.explain(err)
	}
	return n, err
}

// unreachable makes an ErrUnreachable of an error that is none of package remote's yet.
func unreachable(err error) error {
	for _, known := range []error{remote.ErrUnreachable, remote.ErrRefused, remote.ErrNotEvault, remote.ErrWrongPeer} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
}
