package schedule

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/host"
	"evault/repo"
)

// place is a host and its machine.
type place struct {
	machine
	name   string
	config *memfs.Memory
	clock  *clock
	host   *host.Host
}

func (p *place) boot() (err error) {
	p.host, err = host.Open(host.Options{Root: p.disk, Config: p.config, Now: p.clock.now})
	return err
}

func newPlace(t testing.TB, name string, c *clock, peers []host.Peer) *place {
	t.Helper()
	p := &place{name: name, config: memfs.New(memfs.Options{Now: c.now}), clock: c}
	p.disk = memfs.New(memfs.Options{Now: c.now})
	config := &host.Config{Peers: peers}
	if err := config.Write(p.config, host.ConfigName); err != nil {
		t.Fatal(err)
	}
	if err := p.boot(); err != nil {
		t.Fatal(err)
	}
	return p
}

// line is what lies between devices and hosts during one verb, and what goes wrong with it.
type line struct {
	cut    bool         // nothing passes
	lose   atomic.Int64 // the call that goes wrong, counted down to 0; -1: the next Append; -2: none any more
	answer bool         // it is the answer that is lost, not the request
}

// passes does one call over the line.
func (l *line) passes(d *device, p *place, isAppend bool, call func() error) error {
	lost := false
	if n := l.lose.Load(); n > 0 {
		lost = l.lose.Add(-1) == 0
	} else if n == -1 && isAppend {
		lost = l.lose.CompareAndSwap(-1, -2)
	}
	if l.cut || d.dead.Load() || p.dead.Load() || lost && !l.answer {
		return fmt.Errorf("%s: %w: no answer", p.name, remote.ErrUnreachable)
	}
	err := call()
	if d.dead.Load() || p.dead.Load() || lost {
		return fmt.Errorf("%s: %w: the answer is lost", p.name, remote.ErrUnreachable)
	}
	return err
}

// dialer is how a device reaches the places.
func dialer(d *device, places map[string]*place, weather func() *line) repo.Dialer {
	return func(_ context.Context, at remote.URL, o repo.DialOptions) (remote.Site, error) {
		p := places[at.Host]
		if p == nil {
			return nil, remote.ErrUnreachable
		}
		return &site{device: d, place: p, line: weather(), peer: api.Peer{Name: d.name, Device: o.Identity.DeviceID()}}, nil
	}
}

type site struct {
	device *device
	place  *place
	line   *line
	peer   api.Peer
}

func (s *site) Vaults(ctx context.Context) (list []keys.VaultID, err error) {
	err = s.line.passes(s.device, s.place, false, func() error {
		list, err = s.place.host.Vaults(ctx, s.peer)
		return err
	})
	return list, err
}

func (s *site) Close() error { return nil }

func (s *site) Store(vault keys.VaultID) remote.Store {
	inner, _, err := s.place.host.Open(context.Background(), s.peer, vault)
	return &store{s, inner, err}
}

// store is a store at the other end of a line.
type store struct {
	*site
	inner remote.Store
	err   error // of opening it
}

func (s *store) call(do func() error) error { return s.over(false, do) }

func (s *store) over(isAppend bool, do func() error) error {
	return s.line.passes(s.device, s.place, isAppend, func() error {
		if s.err != nil {
			return s.err
		}
		return do()
	})
}

func (s *store) Info(ctx context.Context) (info remote.Info, err error) {
	var inner error
	err = s.call(func() error { info, inner = s.inner.Info(ctx); return inner })
	return info, err
}

func (s *store) Create(ctx context.Context) (info remote.Info, err error) {
	var inner error
	err = s.call(func() error { info, inner = s.inner.Create(ctx); return inner })
	return info, err
}

func (s *store) Files(ctx context.Context) (list []remote.FileInfo, err error) {
	var inner error
	err = s.call(func() error { list, inner = s.inner.Files(ctx); return inner })
	return list, err
}

func (s *store) File(ctx context.Context, name string) (data []byte, err error) {
	var inner error
	err = s.call(func() error { data, inner = s.inner.File(ctx, name); return inner })
	return data, err
}

func (s *store) PutFile(ctx context.Context, name string, data []byte) error {
	return s.call(func() error { return s.inner.PutFile(ctx, name, data) })
}

func (s *store) DeleteFile(ctx context.Context, name string) error {
	return s.call(func() error { return s.inner.DeleteFile(ctx, name) })
}

func (s *store) Packs(ctx context.Context) (list []refs.Pack, err error) {
	var inner error
	err = s.call(func() error { list, inner = s.inner.Packs(ctx); return inner })
	return list, err
}

func (s *store) Pack(ctx context.Context, name pack.Name, offset, length int64) (body io.ReadCloser, err error) {
	err = s.call(func() error {
		inner, err := s.inner.Pack(ctx, name, offset, length)
		body = inner
		return err
	})
	if err != nil && body != nil {
		body.Close()
	}
	return body, err
}

func (s *store) PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	return s.call(func() error { return s.inner.PutPack(ctx, p, open) })
}

func (s *store) CheckPack(ctx context.Context, name pack.Name) error {
	return s.call(func() error { return s.inner.CheckPack(ctx, name) })
}

func (s *store) DeletePack(ctx context.Context, name pack.Name) error {
	return s.call(func() error { return s.inner.DeletePack(ctx, name) })
}

func (s *store) Heads(ctx context.Context) (list []refs.Position, err error) {
	var inner error
	err = s.call(func() error { list, inner = s.inner.Heads(ctx); return inner })
	return list, err
}

func (s *store) Records(ctx context.Context, tag refs.Tag, from uint64, each func(data []byte) error) error {
	return s.call(func() error { return s.inner.Records(ctx, tag, from, each) })
}

func (s *store) Append(ctx context.Context, records [][]byte, heads []refs.Position) error {
	return s.over(true, func() error { return s.inner.Append(ctx, records, heads) })
}

func (s *store) Close() error {
	if s.inner == nil {
		return nil
	}
	return s.inner.Close()
}
