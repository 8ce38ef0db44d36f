package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

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

// close closes the body of a request that is not sent.
func (q request) close() error {
	if q.body == nil {
		return nil
	}
	return q.body.Close()
}

// send asks and gives the answer, whose body the caller closes, and which ends when ctx does. Every error is one of
// package remote, or the context's, or what went wrong with the body's source.
func (s *site) send(ctx context.Context, q request) (*http.Response, error) {
	if s.ctx.Err() != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.o.Name, errClosed), q.close())
	}
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
		return nil, errors.Join(fmt.Errorf("%s: %w", s.o.Name, err), q.close())
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
		if err := q.close(); err != nil {
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

// bounded checks that an answer has an end, and one within the limit.
func (s *site) bounded(resp *http.Response, limit int64) error {
	switch {
	case resp.ContentLength > limit:
		return s.malformed(fmt.Errorf("%d bytes, where %d is the most", resp.ContentLength, limit))
	case endless(resp):
		return s.malformed(errors.New("it does not say where it ends"))
	}
	return nil
}

// readAll reads an answer of at most limit bytes. Memory grows with what arrives.
func (s *site) readAll(resp *http.Response, limit int64) ([]byte, error) {
	if err := s.bounded(resp, limit); err != nil {
		return nil, err
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
