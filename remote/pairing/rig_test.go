package pairing

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"evault/keys"
	"evault/remote"
)

// prove says that the large column is wanted.
func prove() bool { return os.Getenv("EVAULT_PROVE") != "" }

func identity(t testing.TB) *keys.Identity {
	t.Helper()
	id, err := keys.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// fast are limits for tests that are not about time.
func fast() limits {
	l := usualLimits()
	l.pause, l.penalty = 0, 0
	return l
}

// listening is a listener that runs in the background.
type listening struct {
	t      testing.TB
	inv    *Invitation
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	cancel context.CancelFunc
	done   chan outcome
	last   *outcome

	mu       sync.Mutex
	admitted []Peer
	wrong    int
}

// listenOn starts a listener for a friend's host, unless device is given.
func listenOn(t testing.TB, id *keys.Identity, l net.Listener, limits limits, device *DeviceSide) *listening {
	t.Helper()
	inv, err := NewInvitation(Letters)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &listening{t: t, inv: inv, cancel: cancel, done: make(chan outcome, 1)}
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if p, ok := l.(*pipes); ok {
			return p.dial(ctx)
		}
		return (&net.Dialer{}).DialContext(ctx, l.Addr().Network(), l.Addr().String())
	}
	o := ServeOptions{Identity: id, Label: "the host", Device: device, Wrong: func(net.Addr, int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wrong++
	}}
	if device == nil {
		o.Host = &HostSide{Admit: s.admit}
	}
	go func() {
		r, err := serve(ctx, l, inv, o, limits)
		s.done <- outcome{r, err}
	}()
	t.Cleanup(func() {
		cancel()
		s.outcome()
	})
	return s
}

func (s *listening) admit(_ context.Context, p Peer, _ net.Addr) (HostGrant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admitted = append(s.admitted, p)
	return HostGrant{Permissions: remote.Read | remote.Append, Quota: 50 << 30, Port: 4722}, nil
}

// outcome waits for what Serve gives.
func (s *listening) outcome() outcome {
	if s.last == nil {
		select {
		case o := <-s.done:
			s.last = &o
		case <-time.After(10 * time.Minute):
			s.t.Error("the listener does not end")
			return outcome{}
		}
	}
	return *s.last
}

// wrongCodes is how many guesses have been counted.
func (s *listening) wrongCodes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

// join has somebody with this code try.
func (s *listening) join(id *keys.Identity, code Code) (*Result, error) {
	target, err := NewTarget("host.example:4723", code)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.joinTarget(id, target)
}

func (s *listening) joinTarget(id *keys.Identity, target Target) (*Result, error) {
	return join(context.Background(), target, JoinOptions{Identity: id, Label: "the laptop", Dial: s.dial}, fast())
}

// socket gives a listener of which there can be any number, and that leaves nothing behind.
func socket(t testing.TB) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "pair") // t.TempDir may be too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func tcp(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// pipes is a listener without a network, for tests with a clock of their own.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.waiting <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
