package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"evault/remote"
)

// request is what a client asks, once.
type request struct {
	method, path string
	header       http.Header   // besides those of every request
	body         io.ReadCloser // nil: none
	size         int64         // of the body
	want         []int         // the statuses that are a success
}

// bytesRequest is a request with a short body.
func bytesRequest(method, path string, data []byte, want ...int) request {
	return request{method: method, path: path, body: io.NopCloser(bytes.NewReader(data)), size: int64(len(data)), want: want}
}

// send asks and gives the answer, whose body the caller closes, and which ends when ctx does. Every error is one of
// package remote, or the context's, or what went wrong with the body's source.
func (s *site) send(ctx context.Context, q request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(errClosed) })
	end := func(err error) {
		stop()
		cancel(err)
	}
	clock := newWatch(s.o.Limits, cancel)
	up := &upload{ctx: ctx, src: q.body, left: q.size, watch: clock, limiter: s.o.Upload}
	hr, err := s.prepare(ctx, q, up)
	if err != nil {
		clock.end()
		end(err)
		return nil, err
	}
	resp, err := s.http.Do(hr)
	clock.end()
	if err != nil {
		err = s.broken(ctx, up.failure(), err)
		end(err)
		return nil, err
	}
	down := newWatch(s.o.Limits, cancel)
	down.begin()
	resp.Body = &download{src: resp.Body, watch: down, end: end}
	if err := s.accept(q, resp); err != nil {
		resp.Body.Close() // what that says is about a connection that is given up anyway
		return nil, err
	}
	return resp, nil
}

// prepare makes the request that goes out.
func (s *site) prepare(ctx context.Context, q request, up *upload) (*http.Request, error) {
	hr, err := http.NewRequestWithContext(ctx, q.method, s.o.Base+q.path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.o.Name, err)
	}
	if q.header != nil {
		hr.Header = q.header
	}
	hr.Header.Set(versionHeader, version)
	hr.Header.Set("Accept-Encoding", "identity")
	hr.Header.Set("User-Agent", "evault")
	if q.body != nil {
		hr.Header.Set("Content-Type", binaryType)
		hr.Body, hr.ContentLength = up, q.size
	}
	if q.body != nil && q.size == 0 {
		hr.Body = http.NoBody
		if err := q.body.Close(); err != nil {
			return nil, err
		}
	}
	return hr, nil
}

// accept checks that an evault host of this version has answered, and well.
func (s *site) accept(q request, resp *http.Response) error {
	switch got := resp.Header.Values(versionHeader); {
	case len(got) == 0:
		return fmt.Errorf("%s: %w: %s", s.o.Name, remote.ErrNotEvault, describe(resp))
	case len(got) > 1 || got[0] != version:
		return fmt.Errorf("%s: %w: it speaks %q, and this is %s", s.o.Name, remote.ErrVersion, clean(strings.Join(got, ", "), 40), version)
	}
	s.answered.Store(true)
	if resp.Header.Get("Content-Encoding") != "" {
		return s.malformed(errors.New("it is compressed, which was not asked for"))
	}
	if slices.Contains(q.want, resp.StatusCode) {
		return nil
	}
	if resp.StatusCode < http.StatusBadRequest {
		return s.malformed(fmt.Errorf("status %d to %s", resp.StatusCode, q.method))
	}
	var text []byte
	if q.method != http.MethodHead {
		var err error
		if text, err = s.readAll(resp, maxProblem); err != nil {
			return err
		}
	}
	return s.refusal(resp, text)
}

// describe says what answered in place of an evault host.
func describe(resp *http.Response) string {
	text := "it answered HTTP status " + resp.Status
	if server := resp.Header.Get("Server"); server != "" {
		text += ", server " + server
	}
	if kind := resp.Header.Get("Content-Type"); kind != "" {
		text += ", " + kind
	}
	return clean(text, 200)
}

// readAll reads an answer of at most limit bytes. Memory grows with what arrives.
func (s *site) readAll(resp *http.Response, limit int64) ([]byte, error) {
	switch {
	case resp.ContentLength > limit:
		return nil, s.malformed(fmt.Errorf("%d bytes, where %d is the most", resp.ContentLength, limit))
	case endless(resp):
		return nil, s.malformed(errors.New("it does not say where it ends"))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, s.broken(resp.Request.Context(), nil, err)
	case int64(len(data)) > limit:
		return nil, s.malformed(fmt.Errorf("more than %d bytes", limit))
	}
	return data, nil
}

// endless tells answers whose end is the end of the connection, so that one that was cut off looks whole.
func endless(resp *http.Response) bool {
	return resp.ContentLength < 0 && resp.ProtoMajor < 2 && !slices.Contains(resp.TransferEncoding, "chunked")
}

// brokenError is a failure after which the same may be asked again.
type brokenError struct {
	err  error
	dial bool          // no connection came about
	wait time.Duration // what the host asks for before the next time
}

func (e *brokenError) Error() string { return e.err.Error() }

// Unwrap gives the failure.
func (e *brokenError) Unwrap() error { return e.err }

// broken says why there is no answer, or only the beginning of one: because the caller has had enough, the source of
// what was being sent failed, or the host cannot be reached.
func (s *site) broken(ctx context.Context, source, err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	cause := context.Cause(ctx)
	switch {
	case source != nil:
		return source
	case errors.Is(cause, errClosed):
		return fmt.Errorf("%s: %w", s.o.Name, errClosed)
	case errors.Is(cause, errStalled):
		err = fmt.Errorf("%w: %w: less than %d bytes per second for %v, or no answer for %v", remote.ErrUnreachable, errStalled,
			s.o.Limits.StallRate, s.o.Limits.StallTime, s.o.Limits.Answer)
	case cause != nil:
		return fmt.Errorf("%s: %w", s.o.Name, ctx.Err())
	case foreign(err):
		return fmt.Errorf("%s: %w: %s", s.o.Name, remote.ErrNotEvault, clean(err.Error(), 200))
	case strings.Contains(err.Error(), "headers exceeded"): // http.Transport has no type for that
		return s.malformed(shown{err})
	case decided(err):
		return fmt.Errorf("%s: %w", s.o.Name, err)
	case !errors.Is(err, remote.ErrUnreachable):
		err = fmt.Errorf("%w: %w", remote.ErrUnreachable, shown{err})
	}
	op := (*net.OpError)(nil)
	return &brokenError{err: fmt.Errorf("%s: %w", s.o.Name, err), dial: errors.As(err, &op) && op.Op == "dial"}
}

// foreign tells what http.Transport says when something answers that is not HTTP. It has no types for that, and says the
// same of an answer that ended within its first line.
func foreign(err error) bool {
	_, line, malformed := strings.Cut(err.Error(), `malformed HTTP response "`)
	line = strings.TrimSuffix(line, `"`)
	const first = "HTTP/1."
	cut := strings.HasPrefix(first, line) || strings.HasPrefix(line, first)
	return errors.Is(err, http.ErrSchemeMismatch) || malformed && !cut
}

// shown is an error whose text may quote what the other side sent.
type shown struct{ err error }

func (s shown) Error() string { return clean(s.err.Error(), maxText) }

// Unwrap gives the error.
func (s shown) Unwrap() error { return s.err }

// decided tells failures of the transport that do not go away by asking again.
func decided(err error) bool {
	for _, e := range []error{remote.ErrWrongPeer, remote.ErrRefused, remote.ErrNotEvault, remote.ErrVersion, remote.ErrAnswer} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
