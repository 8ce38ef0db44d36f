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

// do asks, and again if it must, and reads an answer of at most limit bytes. ask gives a request that was not sent yet.
func (s *site) do(ctx context.Context, limit int64, ask func() request) (data []byte, status int, err error) {
	err = s.retry(ctx, func() error {
		resp, err := s.send(ctx, ask())
		if err != nil {
			return err
		}
		defer resp.Body.Close() // nothing of it is wanted any more
		status = resp.StatusCode
		data, err = s.readAll(resp, limit)
		return err
	}, nil)
	return data, status, err
}

// get reads something of at most limit bytes.
func (s *site) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, _, err := s.do(ctx, limit, func() request {
		return request{method: http.MethodGet, path: path, want: []int{http.StatusOK}}
	})
	return data, err
}

// tell asks for something whose answer is that it was done.
func (s *site) tell(ctx context.Context, method, path string, body []byte) error {
	_, _, err := s.do(ctx, 0, func() request {
		q := request{method: method, path: path}
		if body != nil {
			q = bytesRequest(method, path, body)
		}
		q.want = []int{http.StatusNoContent}
		return q
	})
	return err
}
