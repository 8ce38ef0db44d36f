package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"evault/internal/vfs/memfs"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/folder"
	"evault/remote/storetest"
)

// line is what lies between a client and a host: after so many bytes, both ways together, it breaks, or stalls, for good.
type line struct {
	stalls bool
	// swallows says that a stalled line takes what is sent for as long as one likes, as the buffers on the way do at first.
	swallows bool

	mu   sync.Mutex
	left int
	down chan struct{} // closed when it has happened
	used int
}

func newLine(left int, stalls bool) *line {
	return &line{left: left, stalls: stalls, down: make(chan struct{})}
}

// swallowingLine is a line that stalls in one direction only. The clock of a test stands still while somebody waits for a
// mutex, and package http's pings wait for one while a write does not end: see TestBlockedPipe for that.
func swallowingLine(left int) *line {
	l := newLine(left, true)
	l.swallows = true
	return l
}

// take lets through at most n bytes.
func (l *line) take(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, l.left)
	l.left -= n
	l.used += n
	if l.left == 0 {
		select {
		case <-l.down:
		default:
			close(l.down)
		}
	}
	return n
}

func (l *line) isDown() bool {
	select {
	case <-l.down:
		return true
	default:
		return false
	}
}

// lineEnd is one end of a connection over a line.
type lineEnd struct {
	net.Conn
	hole   net.Conn // where bytes go that stall: nobody is at its other end
	line   *line
	once   sync.Once
	closed chan struct{}
}

func (l *line) end(c net.Conn) *lineEnd {
	hole, _ := net.Pipe()
	e := &lineEnd{Conn: c, hole: hole, line: l, closed: make(chan struct{})}
	if !l.stalls {
		go func() {
			select {
			case <-l.down:
				closeQuietly(c)
			case <-e.closed:
			}
		}()
	}
	return e
}

// over is what a call comes to when the line is down: no end before that of the connection or its deadline, or an error.
func (e *lineEnd) over(n int, stall func([]byte) (int, error)) (int, error) {
	if e.line.stalls {
		_, err := stall([]byte{0})
		return n, err
	}
	return n, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
}

func (e *lineEnd) Read(p []byte) (int, error) {
	if e.line.isDown() {
		return e.over(0, e.hole.Read)
	}
	n, err := e.Conn.Read(p)
	if got := e.line.take(n); got < n || err != nil && e.line.isDown() {
		return e.over(got, e.hole.Read)
	}
	return n, err
}

func (e *lineEnd) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(p[:e.line.take(len(p))])
	if e.line.swallows && e.line.isDown() {
		return len(p), nil
	}
	if n < len(p) && e.line.isDown() {
		return e.over(n, e.hole.Write)
	}
	return n, err
}

func (e *lineEnd) Close() error {
	e.once.Do(func() { close(e.closed) })
	closeQuietly(e.hole)
	return e.Conn.Close()
}

func (e *lineEnd) SetDeadline(t time.Time) error {
	return errors.Join(e.hole.SetDeadline(t), e.Conn.SetDeadline(t))
}

func (e *lineEnd) SetReadDeadline(t time.Time) error {
	return errors.Join(e.hole.SetReadDeadline(t), e.Conn.SetReadDeadline(t))
}

func (e *lineEnd) SetWriteDeadline(t time.Time) error {
	return errors.Join(e.hole.SetWriteDeadline(t), e.Conn.SetWriteDeadline(t))
}

// overLine opens a site whose bytes go over a line to a host with this folder. It leaves nothing running when the site is
// closed and end was called.
type overLine func(t *testing.T, l *line, host *folder.Site) (site remote.Site, end func(), err error)

func pipeOverLine(t *testing.T, l *line, host *folder.Site) (remote.Site, func(), error) {
	client, server := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- ServePipe(t.Context(), server, handlerOf(host)) }()
	site, err := overPipe(t.Context(), l.end(client))
	return site, func() {
		closeQuietly(client)
		<-served
	}, err
}

func tlsOverLine(t *testing.T, l *line, host *folder.Site) (remote.Site, func(), error) {
	listener := newMemoryListener()
	serveTLS(t, listener, device(t, 0).TLSKey(), anyone, handlerOf(host))
	h := newTLSHost(remote.URL{Scheme: remote.SchemeEvault, Host: "host", Port: 1, Device: device(t, 0).DeviceID()}, device(t, 1))
	h.reach = func(ctx context.Context) (net.Conn, error) {
		if l.isDown() {
			if l.stalls {
				dial, cancel := context.WithTimeout(ctx, dialTime)
				defer cancel()
				<-dial.Done()
				return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
			}
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		c, err := listener.dial(ctx)
		if err != nil {
			return nil, err
		}
		return l.end(c), nil
	}
	return h.site(Options{}), func() { h.http.CloseIdleConnections() }, nil
}

// conversation does a little of everything, and checks every success against what the host really holds. It stops at the
// first error.
func conversation(ctx context.Context, site, host remote.Site, t *testing.T) error {
	store, truth := site.Store(testVault), host.Store(testVault)
	info, err := store.Create(ctx)
	if err != nil {
		return err
	}
	if real, err := truth.Info(ctx); err != nil || real.Store != info.Store {
		t.Fatalf("created %v, and there is %v, %v", info.Store, real.Store, err)
	}
	p, data := storetest.Pack(1, 100_000)
	if err := store.PutPack(ctx, p, storetest.Source(data)); err != nil {
		return err
	}
	if err := truth.CheckPack(ctx, p.Name); err != nil {
		t.Fatalf("sent a pack: %v", err)
	}
	w := storetest.NewWriter(t, info.Store)
	record := w.Record(nil)
	if err := store.Append(ctx, [][]byte{record}, nil); err != nil {
		return err
	}
	if heads, err := truth.Heads(ctx); err != nil || len(heads) != 1 || heads[0] != w.Heads()[0] {
		t.Fatalf("appended a record, and the heads are %v, %v", heads, err)
	}
	if heads, err := store.Heads(ctx); err != nil || len(heads) != 1 || heads[0] != w.Heads()[0] {
		return orWrong(err, "heads %v", heads)
	}
	if packs, err := store.Packs(ctx); err != nil || len(packs) != 1 || packs[0] != p {
		return orWrong(err, "packs %v", packs)
	}
	r, err := store.Pack(ctx, p.Name, 0, -1)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	closeQuietly(r)
	if err != nil || !bytes.Equal(got, data) {
		return orWrong(err, "a pack of %d bytes", len(got))
	}
	n := 0
	err = store.Records(ctx, w.Tag(), 0, func(data []byte) error {
		if n++; !bytes.Equal(data, record) {
			return fmt.Errorf("%w: another record", errWrong)
		}
		return nil
	})
	if err != nil || n != 1 {
		return orWrong(err, "%d records", n)
	}
	return nil
}

var errWrong = errors.New("wrong success")

func orWrong(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: "+format, append([]any{errWrong}, args...)...)
}

// overLines runs the conversation once over a line that holds, to count its bytes, and then over lines that fail after n
// bytes, for n over all of that range, close together where the conversation begins.
func overLines(t *testing.T, lineOf func(left int) *line, open overLine) {
	device(t, 0) // made here, where the clock is the real one
	device(t, 1)
	run := func(t *testing.T, left int) (used int, took time.Duration, err error) {
		host, err := folder.OpenSite(memfs.New(memfs.Options{}), "memory")
		if err != nil {
			t.Fatal(err)
		}
		l := lineOf(left)
		start := time.Now()
		site, end, err := open(t, l, host)
		if err == nil {
			err = conversation(t.Context(), site, host, t)
			took = time.Since(start)
			closeQuietly(site)
		}
		end()
		closeQuietly(host)
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.used, took, err
	}
	var whole int
	synctest.Test(t, func(t *testing.T) {
		var err error
		if whole, _, err = run(t, 1<<30); err != nil {
			t.Fatal(err)
		}
	})
	step, tried, failed := 97, 0, 0
	for n := 0; n < whole; n += step {
		if n > 8000 {
			step = 7001
		}
		synctest.Test(t, func(t *testing.T) {
			_, took, err := run(t, n)
			if err != nil && !errors.Is(err, remote.ErrUnreachable) {
				t.Errorf("after %d bytes: %v", n, err)
			}
			if took > 5*time.Minute {
				t.Errorf("after %d bytes it took %v", n, took)
			}
			tried++
			if err != nil {
				failed++
			}
		})
	}
	t.Logf("%d bytes in all; %d tries, of which %d ended early", whole, tried, failed)
	if tried < 90 || failed < tried*9/10 {
		t.Errorf("of %d tries only %d met the end of the line", tried, failed)
	}
}

func cutting(left int) *line  { return newLine(left, false) }
func stalling(left int) *line { return newLine(left, true) }

func TestCutPipe(t *testing.T)      { overLines(t, cutting, pipeOverLine) }
func TestStalledPipe(t *testing.T)  { overLines(t, swallowingLine, pipeOverLine) }
func TestCutTLS(t *testing.T)       { overLines(t, cutting, tlsOverLine) }
func TestStalledTLS(t *testing.T)   { overLines(t, stalling, tlsOverLine) }
func TestSwallowedTLS(t *testing.T) { overLines(t, swallowingLine, tlsOverLine) }

// TestBlockedPipe is a line that takes nothing any more, by the real clock. The conversation ends, and so does closing it.
func TestBlockedPipe(t *testing.T) {
	limits := api.Limits{StallTime: time.Second, Answer: time.Second}
	for _, left := range []int{1000, 20_000, 60_000} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			t.Parallel()
			host, err := folder.OpenSite(memfs.New(memfs.Options{}), "memory")
			if err != nil {
				t.Fatal(err)
			}
			client, server := net.Pipe()
			served := make(chan error, 1)
			go func() { served <- ServePipe(context.Background(), server, handlerOf(host)) }()
			c, err := dialPipe(t.Context(), newLine(left, true).end(client), sshTime, plainly)
			if err != nil {
				t.Fatal(err)
			}
			site := api.NewSite(api.ClientOptions{HTTP: &http.Client{Transport: c}, Base: "http" + baseURL, Name: "pipe",
				Close: c.Close, Limits: limits, Retries: api.Retries{Tries: 1}})
			wantError(t, conversation(t.Context(), site, host, t), remote.ErrUnreachable)
			if err := site.Close(); err != nil {
				t.Error(err)
			}
			if err := soon(t, served); err != nil {
				t.Errorf("the host ended with %v", err)
			}
		})
	}
}
