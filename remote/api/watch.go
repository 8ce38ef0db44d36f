package api

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"evault/remote"
)

// watch ends a client's request when the host is too slow. Its clock runs only while the client waits for the host, so
// that a caller that takes its time is not taken for a host that stalls.
type watch struct {
	limits Limits
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // runs while the host is waited for
	since time.Time   // when it was started
	spent time.Duration
	moved int64 // bytes, in the time spent
	over  bool
}

func newWatch(limits Limits, cancel context.CancelCauseFunc) *watch {
	w := &watch{limits: limits, cancel: cancel}
	w.timer = time.AfterFunc(limits.Answer, func() { cancel(errStalled) })
	return w
}

// answer starts the clock for an answer to begin.
func (w *watch) answer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start(w.limits.Answer)
}

// transfer starts the clock for bytes to move: what is left of the time within which enough must have.
func (w *watch) transfer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start(w.limits.StallTime - w.spent)
}

func (w *watch) start(d time.Duration) {
	if !w.over {
		w.since = time.Now()
		w.timer.Reset(max(d, 0))
	}
}

// pause stops the clock of a transfer, after n bytes have moved.
func (w *watch) pause(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.spent += time.Since(w.since)
	w.moved += int64(n)
	if w.moved >= w.limits.StallRate*int64(w.limits.StallTime/time.Second) {
		w.spent, w.moved = 0, 0
	}
}

// begin stops the clock of an answer, before the first bytes move.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// end stops the clock for good.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}

// errShort and errLong: what is to be sent is not as long as was said.
var (
	errShort = fmt.Errorf("%w: shorter than announced", remote.ErrMismatch)
	errLong  = fmt.Errorf("%w: longer than announced", remote.ErrMismatch)
)

// upload is the body of a client's request. What goes wrong with its source is kept, to be told from what goes wrong
// with the connection.
type upload struct {
	ctx     context.Context
	src     io.ReadCloser
	left    int64
	watch   *watch
	limiter *Limiter

	started bool
	pending int // bytes that the transport has taken and is sending
	mu      sync.Mutex
	err     error
}

// Read gives the transport the next bytes. That it asks for them means that those before are on their way.
func (u *upload) Read(p []byte) (n int, err error) {
	if u.started {
		u.watch.pause(u.pending)
	} else {
		u.started = true
		u.watch.begin()
	}
	n, err = u.read(p)
	u.pending = n
	if err != nil {
		u.watch.answer()
	} else {
		u.watch.transfer()
	}
	return n, err
}

func (u *upload) read(p []byte) (int, error) {
	if u.limiter != nil {
		p = p[:min(len(p), limitedPiece)]
	}
	n, err := u.src.Read(p)
	u.left -= int64(n)
	switch {
	case u.ctx.Err() != nil: // so that nothing is completed that the caller has given up
		return 0, u.ctx.Err()
	case u.left < 0:
		return 0, u.fail(errLong)
	case err == io.EOF && u.left > 0:
		return n, u.fail(errShort)
	case err != nil && err != io.EOF:
		return n, u.fail(err)
	}
	if waiting := u.limiter.Wait(u.ctx, n); waiting != nil {
		return 0, waiting
	}
	return n, err
}

func (u *upload) fail(err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
	return err
}

// failure gives what went wrong with the source, if anything.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// Close closes the source.
func (u *upload) Close() error { return u.src.Close() }

// download is the body of a host's answer.
type download struct {
	src   io.ReadCloser
	watch *watch
	end   func(error)
}

// Read gives the next bytes that the host sent.
func (d *download) Read(p []byte) (int, error) {
	d.watch.transfer()
	n, err := d.src.Read(p)
	d.watch.pause(n)
	return n, err
}

// Close ends the answer, whether all of it has been read or not.
func (d *download) Close() error {
	d.watch.end()
	err := d.src.Close()
	d.end(context.Canceled)
	return err
}
