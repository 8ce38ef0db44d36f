package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// body reads what a client sends, and gives up on one that sends less than the limits allow. It counts for the log.
type body struct {
	src       io.Reader
	deadlines *http.ResponseController
	limits    Limits
	size      int64 // as the header says; -1: it does not
	total     int64
	set       time.Time // when the deadline was set
	noted     int64     // total at that time
	ended     bool
}

func newBody(w http.ResponseWriter, r *http.Request, limits Limits) *body {
	return &body{src: r.Body, deadlines: http.NewResponseController(w), limits: limits, size: r.ContentLength}
}

// Read reads from the client. errStalled: too little has come.
func (b *body) Read(p []byte) (int, error) {
	if err := b.extend(); err != nil {
		return 0, err
	}
	n, err := b.src.Read(p)
	b.total += int64(n)
	switch {
	case err == io.EOF:
		b.ended = true
		if err := b.until(time.Time{}); err != nil { // so that none strikes while the host is writing to its disk
			return n, err
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.ended = true // the deadline stays, and ends what the server reads of the rest
		err = fmt.Errorf("%w: less than %d bytes per second for %v", errStalled, b.limits.StallRate, b.limits.StallTime)
	}
	return n, err
}

// extend moves the deadline when enough has come since it was set.
func (b *body) extend() error {
	now := time.Now()
	enough := b.limits.StallRate * int64(b.limits.StallTime/time.Second)
	if !b.set.IsZero() && (b.total-b.noted < enough || now.Sub(b.set) < time.Second) {
		return nil
	}
	b.set, b.noted = now, b.total
	return b.until(now.Add(b.limits.StallTime))
}

// finish puts an end to what is left of a body that the answer did not wait for.
func (b *body) finish() {
	if !b.ended && b.size != 0 {
		b.ended = true
		_ = b.until(time.Now().Add(time.Second)) // fails over a connection that is gone, which has ended, too
	}
}

func (b *body) until(t time.Time) error {
	if err := b.deadlines.SetReadDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// all reads the whole body, at most limit bytes. Memory grows with what arrives.
func (b *body) all(limit int64) ([]byte, error) {
	if err := b.fits(limit); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(b, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the body of the request: %w", err)
	case int64(len(data)) > limit:
		return nil, tooLarge(limit)
	case int64(len(data)) != b.size:
		return nil, &statusError{http.StatusBadRequest, "the body is not as long as the header says"}
	}
	return data, nil
}

// fits checks the length that the header gives.
func (b *body) fits(limit int64) error {
	switch {
	case b.size < 0:
		return &statusError{http.StatusLengthRequired, "the header does not say how long the body is"}
	case b.size > limit:
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	return &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", limit)}
}
