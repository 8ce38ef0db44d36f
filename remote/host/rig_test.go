package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/refs"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/storetest"
	"evault/remote/transport"
)

// TestMain lets this program be a host behind a pipe, too: what a test starts in place of ssh.
func TestMain(m *testing.M) {
	if root := os.Getenv("EVAULT_HOST_TEST_ROOT"); root != "" {
		if err := servePipeOf(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func servePipeOf(root string) error {
	fsys, err := vfs.Open(root)
	if err != nil {
		return err
	}
	h, err := Open(Options{Root: fsys})
	if err != nil {
		return err
	}
	return h.ServeStdio(context.Background(), Pipe{os.Stdin, os.Stdout}, api.Peer{Name: "ssh"}, all)
}

const all = remote.Read | remote.Append | remote.Delete

// rig is a host in memory, or on the disk, with peers of the test's choosing.
type rig struct {
	t      *testing.T
	root   vfs.FS
	config vfs.FS
	log    *logText
	clock  time.Time
	h      *Host
}

// logText gathers what a host logs.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newRig(t *testing.T, peers ...Peer) *rig {
	t.Helper()
	return rigOn(t, memfs.New(memfs.Options{}), peers...)
}

// diskRig is a rig on the real disk.
func diskRig(t *testing.T, peers ...Peer) *rig {
	t.Helper()
	return rigOn(t, openDir(t, t.TempDir()), peers...)
}

func openDir(t *testing.T, dir string) vfs.FS {
	t.Helper()
	fsys, err := vfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func rigOn(t *testing.T, root vfs.FS, peers ...Peer) *rig {
	t.Helper()
	r := &rig{t: t, root: root, config: memfs.New(memfs.Options{}), log: &logText{}, clock: time.Now()}
	r.peers(peers...)
	r.restart()
	return r
}

// peers writes the configuration anew.
func (r *rig) peers(peers ...Peer) {
	r.t.Helper()
	c := &Config{Peers: peers}
	if err := c.Write(r.config, ConfigName); err != nil {
		r.t.Fatal(err)
	}
}

// restart is another process on the same root, after this one has ended.
func (r *rig) restart() {
	r.t.Helper()
	if r.h != nil {
		if err := r.h.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.h = r.another()
}

// another is another process on the same root.
func (r *rig) another() *Host {
	r.t.Helper()
	h, err := Open(Options{Root: r.root, Config: r.config, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Now: func() time.Time { return r.clock }, Software: "evault test"})
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// open gives a vault's store as a peer sees it.
func (r *rig) open(peer string, v keys.VaultID) remote.Store {
	r.t.Helper()
	return openOn(r.t, r.h, peer, v)
}

func openOn(t *testing.T, h *Host, peer string, v keys.VaultID) remote.Store {
	t.Helper()
	p := h.current().Peer(peer)
	if p == nil {
		t.Fatalf("no peer %s", peer)
	}
	s, _, err := h.Open(t.Context(), api.Peer{Name: p.Name, Device: p.Device}, v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// made is open of a store that is made, with a writer for it.
func (r *rig) made(peer string, v keys.VaultID) (remote.Store, *storetest.Writer) {
	r.t.Helper()
	s := r.open(peer, v)
	info, err := s.Create(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return s, storetest.NewWriter(r.t, info.Store)
}

func allowing(name string, p remote.Permissions) Peer {
	return Peer{Name: name, Device: deviceOf(name), Limits: Limits{Allow: p}}
}

func deviceOf(name string) (id keys.DeviceID) {
	copy(id[:], "device of "+name)
	return id
}

func vaultNumber(n byte) keys.VaultID { return keys.VaultID{n} }

// put stores a pack and gives its name and size.
func put(t *testing.T, s remote.Store, seed uint64, size int) (refs.Pack, error) {
	t.Helper()
	p, data := storetest.Pack(seed, size)
	return p, s.PutPack(t.Context(), p, storetest.Source(data))
}

func mustPut(t *testing.T, s remote.Store, seed uint64, size int) refs.Pack {
	t.Helper()
	p, err := put(t, s, seed, size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantError checks that an error is of a kind; nil: that there is none.
func wantError(t *testing.T, err, kind error) {
	t.Helper()
	if (kind == nil) != (err == nil) || kind != nil && !errors.Is(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
	}
}

// served is a host that listens on loopback.
type served struct {
	*rig
	identity *keys.Identity
	address  string
	stop     func() error // tells it to stop and waits
}

func newIdentity(t *testing.T) *keys.Identity {
	t.Helper()
	id, err := keys.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func serveRig(t *testing.T, r *rig) *served {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{rig: r, identity: newIdentity(t), address: listener.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.h.Serve(ctx, listener, s.identity.TLSKey()) }()
	maintained := make(chan struct{})
	go func() {
		defer close(maintained)
		r.h.Maintain(ctx)
	}()
	s.stop = sync.OnceValue(func() error {
		cancel()
		<-maintained
		return <-ended
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// site is the host as a device reaches it.
func (s *served) site(device *keys.Identity) remote.Site {
	s.t.Helper()
	u, err := remote.ParseURL("evault://"+s.address+"#"+s.identity.DeviceID().String(), "/")
	if err != nil {
		s.t.Fatal(err)
	}
	site, err := transport.Open(s.t.Context(), u, transport.Options{Identity: device})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { site.Close() })
	return site
}

// drain reads all of what a store gives.
func drain(t *testing.T, r io.ReadCloser, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// publish writes the configuration as a text.
func publish(fsys vfs.FS, text string) error {
	return vfs.Publish(fsys, ConfigName, []byte(text), 0o600)
}

var errExpired = context.DeadlineExceeded

// expired is a context that ends at once.
func expired(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func within50ms() <-chan time.Time { return time.After(50 * time.Millisecond) }

// copyAway reads to the end, keeping nothing.
func copyAway(r io.ReadCloser) (int64, error) {
	n, err := io.Copy(io.Discard, r)
	return n, errors.Join(err, r.Close())
}
