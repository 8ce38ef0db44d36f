package transport

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
)

// benchBody is what each step of a benchmark carries: four packs of the greatest size.
const benchBody = 64 << 20

// carrier takes what is sent and sends zeros, so that nothing but the way to it is measured.
var carrier = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	buf := make([]byte, 256<<10)
	if r.Method == http.MethodPut {
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, buf)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(benchBody))
	_, _ = io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(zeros{}, benchBody), buf)
})

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func carry(b *testing.B, to http.RoundTripper, scheme, method string) {
	b.Helper()
	buf := make([]byte, 256<<10)
	b.SetBytes(benchBody)
	for b.Loop() {
		var body io.Reader
		if method == http.MethodPut {
			body = io.LimitReader(zeros{}, benchBody)
		}
		r, err := http.NewRequest(method, scheme+baseURL+"/", body)
		if err != nil {
			b.Fatal(err)
		}
		if body != nil {
			r.ContentLength = benchBody
		}
		answer, err := to.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, answer.Body, buf)
		closeQuietly(answer.Body)
		if err != nil || method == http.MethodGet && n != benchBody {
			b.Fatal(n, err)
		}
	}
}

func bothWays(b *testing.B, to http.RoundTripper, scheme string) {
	b.Run("upload", func(b *testing.B) { carry(b, to, scheme, http.MethodPut) })
	b.Run("download", func(b *testing.B) { carry(b, to, scheme, http.MethodGet) })
}

// BenchmarkTLS is one connection of HTTP/1.1 over TLS on loopback.
func BenchmarkTLS(b *testing.B) {
	l := listen(b)
	serveTLS(b, l, device(b, 0).TLSKey(), anyone, carrier)
	h := newTLSHost(urlOf(l, device(b, 0).DeviceID()), device(b, 1))
	defer closeQuietly(h)
	bothWays(b, h, "https")
}

// BenchmarkBareTLS is what there is to reach: TLS without HTTP.
func BenchmarkBareTLS(b *testing.B) {
	l := listen(b)
	secure := tls.NewListener(l, ServerTLS(device(b, 0).TLSKey(), anyone))
	go acceptAll(secure, func(c net.Conn) { _, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, make([]byte, 256<<10)) })
	h := newTLSHost(urlOf(l, device(b, 0).DeviceID()), device(b, 1))
	c, err := h.dial(b.Context(), "", "")
	if err != nil {
		b.Fatal(err)
	}
	defer closeQuietly(c)
	b.SetBytes(benchBody)
	buf := make([]byte, 256<<10)
	for b.Loop() {
		if _, err := io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(zeros{}, benchBody), buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPipe is HTTP/2 through the pipe of a child, without ssh.
func BenchmarkPipe(b *testing.B) {
	toServer, fromClient := pipe(b)
	toClient, fromServer := pipe(b)
	widen(fromClient)
	widen(fromServer)
	served := make(chan error, 1)
	go func() { served <- ServePipe(context.Background(), duplex{toServer, fromServer}, carrier) }()
	c, err := dialPipe(b.Context(), duplex{toClient, fromClient}, sshTime, plainly)
	if err != nil {
		b.Fatal(err)
	}
	bothWays(b, c, "http")
	closeQuietly(c)
	soon(b, served)
}

func pipe(b *testing.B) (r, w *os.File) {
	b.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	return r, w
}
