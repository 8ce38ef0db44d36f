package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr checks that err is want.
func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// TestMain keeps http.Transport from printing what hostile hosts send unasked.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// pipes is a network in memory: a listener and the dialler that reaches it.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	// wrap changes the client's end of each connection.
	wrap func(net.Conn) net.Conn
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

// dial connects, as the transport of a client does.
func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
	case <-p.done:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p.wrap != nil {
		return p.wrap(near), nil
	}
	return near, nil
}

// memory is a store in memory, and the backend of the rig. Errors can be put into it, by the name of the method.
type memory struct {
	mu     sync.Mutex
	vault  keys.VaultID
	id     refs.StoreID
	files  map[string][]byte
	packs  map[pack.Name][]byte
	logs   map[refs.Tag][][]byte
	heads  []refs.Position
	perms  remote.Permissions
	fail   map[string]error
	calls  map[string]int
	closed int
	// before is called at the beginning of each method.
	before func(method string)
}

func newMemory(vault keys.VaultID) *memory {
	return &memory{vault: vault, id: refs.StoreID{1}, files: map[string][]byte{}, packs: map[pack.Name][]byte{},
		logs: map[refs.Tag][][]byte{}, perms: remote.Read | remote.Append | remote.Delete, fail: map[string]error{},
		calls: map[string]int{}}
}

func (m *memory) enter(method string) error {
	if m.before != nil {
		m.before(method)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[method]++
	return m.fail[method]
}

func (m *memory) called(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[method]
}

func (m *memory) Vaults(context.Context, Peer) ([]keys.VaultID, error) {
	return []keys.VaultID{m.vault}, m.enter("Vaults")
}

func (m *memory) Open(_ context.Context, _ Peer, vault keys.VaultID) (remote.Store, remote.Permissions, error) {
	if err := m.enter("Open"); err != nil {
		return nil, 0, err
	}
	if vault != m.vault {
		return nil, 0, remote.ErrRefused
	}
	return m, m.perms, nil
}

func (m *memory) Info(context.Context) (remote.Info, error) {
	return remote.Info{Vault: m.vault, Store: m.id, Quota: 1 << 60, Used: 7, Software: "memory"}, m.enter("Info")
}

func (m *memory) Create(ctx context.Context) (remote.Info, error) {
	if err := m.enter("Create"); err != nil {
		return remote.Info{}, err
	}
	return m.Info(ctx)
}

func (m *memory) Files(context.Context) (all []remote.FileInfo, err error) {
	for name, data := range m.files {
		all = append(all, remote.FileInfo{Name: name, Size: int64(len(data))})
	}
	slices.SortFunc(all, fileList().compare)
	return all, m.enter("Files")
}

func (m *memory) File(_ context.Context, name string) ([]byte, error) {
	if err := m.enter("File"); err != nil {
		return nil, err
	}
	data, ok := m.files[name]
	if !ok {
		return nil, remote.ErrNotFound
	}
	return data, nil
}

func (m *memory) PutFile(_ context.Context, name string, data []byte) error {
	if err := m.enter("PutFile"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = bytes.Clone(data)
	return remote.CheckFile(name, data)
}

func (m *memory) DeleteFile(_ context.Context, name string) error {
	delete(m.files, name)
	return m.enter("DeleteFile")
}

func (m *memory) Packs(context.Context) (all []refs.Pack, err error) {
	m.mu.Lock()
	for name, data := range m.packs {
		all = append(all, refs.Pack{Name: name, Size: uint64(len(data))})
	}
	m.mu.Unlock()
	slices.SortFunc(all, packList().compare)
	return all, m.enter("Packs")
}

func (m *memory) Pack(_ context.Context, name pack.Name, offset, length int64) (io.ReadCloser, error) {
	if err := m.enter("Pack"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.packs[name]
	if !ok {
		return nil, remote.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data[offset : offset+length])), nil
}

func (m *memory) PutPack(_ context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	if err := m.enter("PutPack"); err != nil {
		return err
	}
	r, err := open()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if sha256.Sum256(data) != p.Name || uint64(len(data)) != p.Size {
		return fmt.Errorf("%w: pack %v", remote.ErrMismatch, p)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.packs[p.Name] = data
	return nil
}

func (m *memory) CheckPack(context.Context, pack.Name) error { return m.enter("CheckPack") }

func (m *memory) DeletePack(_ context.Context, name pack.Name) error {
	delete(m.packs, name)
	return m.enter("DeletePack")
}

func (m *memory) Heads(context.Context) ([]refs.Position, error) { return m.heads, m.enter("Heads") }

func (m *memory) Records(_ context.Context, tag refs.Tag, from uint64, each func([]byte) error) error {
	for i, r := range m.logs[tag] {
		if uint64(i) < from {
			continue
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return m.enter("Records")
}

func (m *memory) Append(_ context.Context, records [][]byte, heads []refs.Position) error {
	if err := m.enter("Append"); err != nil {
		return err
	}
	h, _, err := refs.DecodeHeader(records[0])
	if err != nil {
		return err
	}
	m.logs[h.Tag] = append(m.logs[h.Tag], records...)
	m.heads = heads
	return nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}

// rig is a host in memory and a client of it.
type rig struct {
	t      testing.TB
	memory *memory
	net    *pipes
	server *http.Server
	site   remote.Site
	store  remote.Store
}

// quick are retries that a test does not wait for.
var quick = Retries{First: time.Millisecond, Most: 10 * time.Millisecond}

func newRig(t testing.TB, mods ...func(*HandlerOptions, *ClientOptions)) *rig {
	t.Helper()
	vault := keys.VaultID{7}
	g := &rig{t: t, memory: newMemory(vault), net: newPipes()}
	ho := HandlerOptions{Backend: g.memory, PeerOf: func(*http.Request) (Peer, bool) { return Peer{Name: "laptop"}, true }}
	co := ClientOptions{Base: "http://evault", Name: "friend", Retries: quick, HTTP: clientOver(g.net.dial)}
	for _, m := range mods {
		m(&ho, &co)
	}
	g.server = &http.Server{Handler: NewHandler(ho), MaxHeaderBytes: MaxHeader, ReadHeaderTimeout: HeaderTime, IdleTimeout: IdleTime}
	g.server.Protocols = new(http.Protocols)
	g.server.Protocols.SetHTTP1(true)
	g.server.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.server.Serve(g.net)
	}()
	g.site = NewSite(co)
	g.store = g.site.Store(vault)
	t.Cleanup(func() {
		g.site.Close()
		g.server.Close()
		<-done
	})
	return g
}

func clientOver(dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: dial, MaxConnsPerHost: 6, MaxIdleConnsPerHost: 6,
		ExpectContinueTimeout: 5 * time.Second, MaxResponseHeaderBytes: MaxHeader}}
}

// bytesOf gives n bytes that do not repeat soon.
func bytesOf(n int, seed byte) []byte {
	data := make([]byte, n)
	state := uint32(seed) + 1
	for i := range data {
		state = state*1664525 + 1013904223
		data[i] = byte(state >> 24)
	}
	return data
}

func packOf(data []byte) refs.Pack {
	return refs.Pack{Name: sha256.Sum256(data), Size: uint64(len(data))}
}

// opener gives data as a source of PutPack, and counts.
func opener(data []byte, times *int) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		*times++
		return io.NopCloser(bytes.NewReader(data)), nil
	}
}
