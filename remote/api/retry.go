package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// refusal makes an error of a status and its text. What means "ask again" may be asked again.
func (s *site) refusal(resp *http.Response, text []byte) error {
	err := errorOf(s.o.Name, resp.StatusCode, text)
	switch resp.StatusCode {
	case http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return &brokenError{err: err, wait: retryAfter(resp.Header)}
	}
	return err
}

// retryAfter reads how long the host asks to wait; 0 if it does not say.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// retry calls once, and again while what it returns may be different the next time: a broken connection, a busy host.
// It gives up after so many tries in a row of which none moved anything; moved may be nil.
func (s *site) retry(ctx context.Context, once func() error, moved func() bool) error {
	pause := s.o.Retries.First
	for try := 1; ; try++ {
		err := once()
		var b *brokenError
		if err == nil || !errors.As(err, &b) {
			return err
		}
		if moved != nil && moved() {
			try, pause = 1, s.o.Retries.First
		}
		if try >= s.o.Retries.Tries || b.dial && !s.answered.Load() {
			return b.err
		}
		if err := s.sleep(ctx, max(b.wait, pause/2+rand.N(pause/2+1))); err != nil {
			return err
		}
		pause *= 2
	}
}

// sleep waits for d, or as long as is waited at most. The error is the context's, or that the site was closed.
func (s *site) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, s.o.Retries.Most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", s.o.Name, ctx.Err())
	case <-s.ctx.Done():
		return fmt.Errorf("%s: %w", s.o.Name, errClosed)
	}
}

// ask asks, and again if it must, and has the answer used. again gives a request that was not sent yet.
func (s *site) ask(ctx context.Context, again func() request, use func(*http.Response) error) error {
	return s.retry(ctx, func() error {
		resp, err := s.send(ctx, again())
		if err != nil {
			return err
		}
		defer resp.Body.Close() // nothing of it is wanted any more
		return use(resp)
	}, nil)
}

// do asks for an answer of at most limit bytes.
func (s *site) do(ctx context.Context, limit int64, again func() request) (data []byte, err error) {
	err = s.ask(ctx, again, func(resp *http.Response) error {
		data, err = s.readAll(resp, limit)
		return err
	})
	return data, err
}

// reading is a request to read something.
func reading(path string) func() request {
	return func() request { return request{method: http.MethodGet, path: path, want: []int{http.StatusOK}} }
}

// get reads something of at most limit bytes.
func (s *site) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	return s.do(ctx, limit, reading(path))
}

// getList reads a list.
func getList[T any](ctx context.Context, s *site, path string, l list[T]) (elements []T, err error) {
	err = s.ask(ctx, reading(path), func(resp *http.Response) error {
		if err := s.bounded(resp, maxNumber+int64(l.limit)*int64(l.most)); err != nil {
			return err
		}
		elements, err = l.read(resp.Body)
		switch {
		case errors.As(err, &formError{}):
			return s.malformed(err)
		case err != nil:
			return s.broken(resp.Request.Context(), nil, err)
		}
		return nil
	})
	return elements, err
}

// tell asks for something whose answer is that it was done.
func (s *site) tell(ctx context.Context, method, path string, body []byte) error {
	_, err := s.do(ctx, 0, func() request {
		q := request{method: method, path: path}
		if body != nil {
			q = bytesRequest(method, path, body)
		}
		q.want = []int{http.StatusNoContent}
		return q
	})
	return err
}
