package hostile

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/folder"
)

// liar is a host's store: honest until told, then it lies as its lies say, and where they say nothing it is honest still.
type liar struct {
	t      testing.TB
	vault  keys.VaultID
	disk   *memfs.Memory // of the honest store
	honest remote.Store
	lying  atomic.Bool

	lies lies
	sent *capture
}

// lies are what a behaviour puts in the place of honest answers. A nil function tells no lie.
type lies struct {
	base   remote.Store // another store that is served
	vaults func(context.Context) ([]keys.VaultID, error)

	info      func(context.Context) (remote.Info, error)
	create    func(context.Context) (remote.Info, error)
	files     func(context.Context) ([]remote.FileInfo, error)
	file      func(context.Context, string) ([]byte, error)
	putFile   func(context.Context, string, []byte) error
	packs     func(context.Context) ([]refs.Pack, error)
	packBytes func(context.Context, pack.Name) ([]byte, error)        // an answer of known length
	pack      func(context.Context, pack.Name) (io.ReadCloser, error) // any other
	putPack   func(context.Context, refs.Pack, func() (io.ReadCloser, error)) error
	checkPack func(context.Context, pack.Name) error
	heads     func(context.Context) ([]refs.Position, error)
	records   func(context.Context, refs.Tag, uint64, func([]byte) error) error
	append    func(context.Context, [][]byte, []refs.Position) error

	http func(w http.ResponseWriter, r *http.Request, next http.Handler) // below the store
	raw  string                                                          // all that a connection ever answers
	peer *keys.Identity                                                  // another key than the pinned one, for TLS
}

// newLiar is a host with this disk.
func newLiar(t testing.TB, vault keys.VaultID, disk *memfs.Memory) *liar {
	t.Helper()
	return &liar{t: t, vault: vault, disk: disk, honest: storeOn(t, vault, disk), sent: &capture{}}
}

func storeOn(t testing.TB, vault keys.VaultID, disk *memfs.Memory) *folder.Store {
	t.Helper()
	s, err := folder.Open(disk, folder.Options{Vault: vault, Name: "friend"})
	must(t, err)
	return s
}

// base is the store that is spoken for now.
func (l *liar) base() remote.Store {
	if l.lying.Load() && l.lies.base != nil {
		return l.lies.base
	}
	return l.honest
}

// now gives the lies that are told now.
func (l *liar) now() lies {
	if l.lying.Load() {
		return l.lies
	}
	return lies{}
}

func (l *liar) Info(ctx context.Context) (remote.Info, error) {
	if f := l.now().info; f != nil {
		return f(ctx)
	}
	return l.base().Info(ctx)
}

func (l *liar) Create(ctx context.Context) (remote.Info, error) {
	if f := l.now().create; f != nil {
		return f(ctx)
	}
	return l.base().Create(ctx)
}

func (l *liar) Files(ctx context.Context) ([]remote.FileInfo, error) {
	if f := l.now().files; f != nil {
		return f(ctx)
	}
	return l.base().Files(ctx)
}

func (l *liar) File(ctx context.Context, name string) ([]byte, error) {
	if f := l.now().file; f != nil {
		return f(ctx, name)
	}
	return l.base().File(ctx, name)
}

func (l *liar) PutFile(ctx context.Context, name string, data []byte) error {
	l.sent.add(data)
	if f := l.now().putFile; f != nil {
		return f(ctx, name, data)
	}
	return l.base().PutFile(ctx, name, data)
}

func (l *liar) DeleteFile(ctx context.Context, name string) error {
	return l.base().DeleteFile(ctx, name)
}

func (l *liar) Packs(ctx context.Context) ([]refs.Pack, error) {
	if f := l.now().packs; f != nil {
		return f(ctx)
	}
	return l.base().Packs(ctx)
}

func (l *liar) Pack(ctx context.Context, name pack.Name, offset, length int64) (io.ReadCloser, error) {
	lie := l.now()
	switch {
	case lie.pack != nil:
		return lie.pack(ctx, name)
	case lie.packBytes == nil:
		return l.base().Pack(ctx, name, offset, length)
	}
	data, err := lie.packBytes(ctx, name)
	if err != nil {
		return nil, err
	}
	data = data[min(offset, int64(len(data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// PackSize goes with what Pack gives, so that the lie arrives whole.
func (l *liar) PackSize(ctx context.Context, name pack.Name) (int64, error) {
	if lie := l.now(); lie.packBytes != nil {
		data, err := lie.packBytes(ctx, name)
		return int64(len(data)), err
	}
	r, err := l.base().Pack(ctx, name, 0, -1)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
}

func (l *liar) PutPack(ctx context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
	spied := func() (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		return spy{io.TeeReader(r, l.sent), r}, nil
	}
	if f := l.now().putPack; f != nil {
		return f(ctx, p, spied)
	}
	return l.base().PutPack(ctx, p, spied)
}

type spy struct {
	io.Reader
	io.Closer
}

func (l *liar) CheckPack(ctx context.Context, name pack.Name) error {
	if f := l.now().checkPack; f != nil {
		return f(ctx, name)
	}
	return l.base().CheckPack(ctx, name)
}

func (l *liar) DeletePack(ctx context.Context, name pack.Name) error {
	return l.base().DeletePack(ctx, name)
}

func (l *liar) Heads(ctx context.Context) ([]refs.Position, error) {
	if f := l.now().heads; f != nil {
		return f(ctx)
	}
	return l.base().Heads(ctx)
}

func (l *liar) Records(ctx context.Context, tag refs.Tag, from uint64, each func([]byte) error) error {
	if f := l.now().records; f != nil {
		return f(ctx, tag, from, each)
	}
	return l.base().Records(ctx, tag, from, each)
}

func (l *liar) Append(ctx context.Context, records [][]byte, heads []refs.Position) error {
	for _, r := range records {
		l.sent.add(r)
	}
	if f := l.now().append; f != nil {
		return f(ctx, records, heads)
	}
	return l.base().Append(ctx, records, heads)
}

// Close does nothing: the store outlives conversations.
func (l *liar) Close() error { return nil }

// liarSite is the host called directly.
type liarSite struct{ l *liar }

func (s liarSite) Vaults(ctx context.Context) ([]keys.VaultID, error) {
	if f := s.l.now().vaults; f != nil {
		return f(ctx)
	}
	return []keys.VaultID{s.l.vault}, nil
}

func (s liarSite) Store(keys.VaultID) remote.Store { return s.l }
func (s liarSite) Close() error                    { return nil }
