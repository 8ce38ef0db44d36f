package transport

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
	"unicode"

	"evault/remote"
)

// pipeBuffer is the size in bytes of what is read from a pipe at once.
const pipeBuffer = 256 << 10

// pipeConn makes a net.Conn of a pipe. It has no deadlines: HTTP/2 pings find out that a pipe has stalled, and closing
// ends every call. The first bytes that arrive are checked, and why the conversation ended is remembered, because package
// http does not tell.
type pipeConn struct {
	rw    io.ReadWriteCloser
	in    *bufio.Reader
	check func(*bufio.Reader) error // of the first bytes; nil when done. Only the one reading goroutine uses it.
	begun chan struct{}             // closed when the first bytes were right
	ended chan struct{}             // closed by Close

	once     sync.Once
	closeErr error
	mu       sync.Mutex
	why      error
}

func newPipeConn(rw io.ReadWriteCloser, check func(*bufio.Reader) error) *pipeConn {
	return &pipeConn{
		rw:    rw,
		in:    bufio.NewReaderSize(rw, pipeBuffer),
		check: check,
		begun: make(chan struct{}),
		ended: make(chan struct{}),
	}
}

func (c *pipeConn) Read(p []byte) (int, error) {
	if c.check != nil {
		if err := c.check(c.in); err != nil {
			c.failed(err)
			return 0, err
		}
		c.check = nil
		close(c.begun)
	}
	n, err := c.in.Read(p)
	c.failed(err)
	return n, err
}

func (c *pipeConn) Write(p []byte) (int, error) {
	n, err := c.rw.Write(p)
	c.failed(err)
	return n, err
}

// failed keeps the first error. What is said after Close is only its consequence.
func (c *pipeConn) failed(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.ended:
	default:
		if c.why == nil {
			c.why = err
		}
	}
}

// cause gives the error that reading or writing met first, nil if there was none.
func (c *pipeConn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

func (c *pipeConn) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		close(c.ended)
		c.mu.Unlock()
		c.closeErr = c.rw.Close()
	})
	return c.closeErr
}

// SetDeadline, SetReadDeadline and SetWriteDeadline do nothing: see pipeConn.
func (c *pipeConn) SetDeadline(time.Time) error      { return nil }
func (c *pipeConn) SetReadDeadline(time.Time) error  { return nil }
func (c *pipeConn) SetWriteDeadline(time.Time) error { return nil }

func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// checkSettings looks at the first frame header that a host sends (RFC 9113, sections 3.4 and 4.1): it is that of a SETTINGS
// frame, shorter than 16 KiB, without the flag ACK, of stream 0. What a login script prints is told from it by its first byte.
func checkSettings(in *bufio.Reader) error {
	head, err := in.Peek(9)
	masks := [9]byte{0xff, 0xc0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	want := [9]byte{3: 4}
	for i, b := range head {
		if b&masks[i] != want[i] {
			text, _ := in.Peek(min(in.Buffered(), 80)) // all of it is in memory: no error
			return fmt.Errorf("%w: it begins with %q", remote.ErrNotEvault, printable(string(text)))
		}
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// clientPreface is what an HTTP/2 client sends first (RFC 9113, section 3.4).
const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// checkPreface looks at the first bytes that a client sends.
func checkPreface(in *bufio.Reader) error {
	head, err := in.Peek(len(clientPreface))
	if !strings.HasPrefix(clientPreface, string(head)) {
		return fmt.Errorf("%w: it begins with %q", remote.ErrNotEvault, printable(string(head)))
	}
	if err == io.EOF && len(head) > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// printable makes text from another machine fit for a terminal: what is not printable becomes a space.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, text))
}
