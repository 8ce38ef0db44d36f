package transport

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/folder"
)

// serveDir, set in the environment of the test binary, makes it a host that serves this folder over its standard input and
// output: what "evault serve --stdio" does for the tests of ssh.
const serveDir = "EVAULT_TEST_SERVE"

func TestMain(m *testing.M) {
	dir := os.Getenv(serveDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := serveStdio(dir); err != nil {
		log.Fatal(err)
	}
}

func serveStdio(dir string) error {
	fsys, err := vfs.Open(dir)
	if err != nil {
		return err
	}
	site, err := folder.OpenSite(fsys, dir)
	if err != nil {
		return err
	}
	err = ServePipe(context.Background(), duplex{os.Stdin, os.Stdout}, handlerOf(site))
	return errors.Join(err, site.Close())
}

// duplex makes one io.ReadWriteCloser of two halves.
type duplex struct {
	io.ReadCloser
	io.WriteCloser
}

func (d duplex) Close() error { return errors.Join(d.WriteCloser.Close(), d.ReadCloser.Close()) }

// backend lets everybody do everything with one folder.
type backend struct{ site *folder.Site }

func (b backend) Vaults(ctx context.Context, _ api.Peer) ([]keys.VaultID, error) {
	return b.site.Vaults(ctx)
}

func (b backend) Open(_ context.Context, _ api.Peer, vault keys.VaultID) (remote.Store, remote.Permissions, error) {
	return b.site.Store(vault), remote.Read | remote.Append | remote.Delete, nil
}

func handlerOf(site *folder.Site) http.Handler {
	return api.NewHandler(api.HandlerOptions{
		Backend: backend{site},
		PeerOf:  func(*http.Request) (api.Peer, bool) { return api.Peer{Name: "test"}, true },
	})
}

// memory is a host whose disk is memory.
func memory(t testing.TB) http.Handler {
	t.Helper()
	site, err := folder.OpenSite(memfs.New(memfs.Options{}), "memory")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(site) })
	return handlerOf(site)
}

var testVault = keys.VaultID{7, 7, 7}

// device gives an identity. Making one takes a while, and nothing here depends on its being fresh.
func device(t testing.TB, n int) *keys.Identity {
	t.Helper()
	id, err := devices[n]()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var devices = [3]func() (*keys.Identity, error){
	sync.OnceValues(keys.NewIdentity), sync.OnceValues(keys.NewIdentity), sync.OnceValues(keys.NewIdentity),
}

// twoPipes gives the two ends of a pipe in memory.
func twoPipes() (client, server duplex) {
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	return duplex{toClient, fromClient}, duplex{toServer, fromServer}
}

// plainly explains ends as ssh does when it knows nothing better.
func plainly(cause error, _ bool) error { return unreachable(cause) }

// overPipe makes a site of the client's end of a pipe.
func overPipe(ctx context.Context, rw io.ReadWriteCloser) (remote.Site, error) {
	c, err := dialPipe(ctx, rw, sshTime, plainly)
	if err != nil {
		return nil, err
	}
	return api.NewSite(api.ClientOptions{HTTP: &http.Client{Transport: c}, Base: "http" + baseURL, Name: "pipe", Close: c.Close}), nil
}

// serveTLS serves a listener as a host of this identity does, to devices that allowed lets in, until the test ends.
func serveTLS(t testing.TB, l net.Listener, key ed25519.PrivateKey, allowed func(keys.DeviceID) bool, h http.Handler) {
	t.Helper()
	server := &http.Server{Handler: h, MaxHeaderBytes: api.MaxHeader, ReadHeaderTimeout: api.HeaderTime, IdleTimeout: api.IdleTime,
		ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan error, 1)
	go func() { done <- server.Serve(tls.NewListener(l, ServerTLS(key, allowed))) }()
	t.Cleanup(func() {
		closeQuietly(server)
		<-done
	})
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(l) })
	return l
}

// urlOf is the address of a listener, and of the device that is expected there.
func urlOf(l net.Listener, want keys.DeviceID) remote.URL {
	a := l.Addr().(*net.TCPAddr)
	return remote.URL{Scheme: remote.SchemeEvault, Host: a.IP.String(), Port: a.Port, Device: want}
}

func anyone(keys.DeviceID) bool { return true }
func nobody(keys.DeviceID) bool { return false }

// memoryListener gives connections within the process, for tests with a clock of their own.
type memoryListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *memoryListener) Addr() net.Addr { return pipeAddr{} }

func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// soon fails a test that waits for something that does not come.
func soon[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("it does not come")
		panic("unreachable")
	}
}
