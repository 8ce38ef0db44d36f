package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"evault/remote"
)

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
