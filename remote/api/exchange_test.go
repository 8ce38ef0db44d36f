package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// signed gives records of one log, well formed; their bodies are noise.
func signed(t testing.TB, n int, size int) (refs.Tag, [][]byte) {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(nil)
	must(t, err)
	h := refs.Header{Key: [32]byte(pub), BodySize: uint64(size)}
	h.Tag = refs.TagOf(refs.StoreID{1}, h.Key)
	var records [][]byte
	for i := range n {
		h.Seq = uint64(i)
		records = append(records, append(h.Append(nil), bytesOf(size, byte(i))...))
	}
	return h.Tag, records
}

func TestEveryMethod(t *testing.T) {
	ctx := context.Background()
	g := newRig(t)
	m, s := g.memory, g.store

	vaults, err := g.site.Vaults(ctx)
	must(t, err)
	if !slices.Equal(vaults, []keys.VaultID{m.vault}) {
		t.Errorf("vaults: %v", vaults)
	}
	want := remote.Info{Vault: m.vault, Store: m.id, Permissions: m.perms, Quota: 1 << 60, Used: 7, Software: "memory"}
	for _, ask := range []func(context.Context) (remote.Info, error){s.Info, s.Create} {
		if info, err := ask(ctx); err != nil || info != want {
			t.Errorf("info %+v, %v", info, err)
		}
	}

	slot := bytesOf(1000, 3)
	name := fmt.Sprintf("slots/%v.age", packOf(slot))
	must(t, s.PutFile(ctx, name, slot))
	files, err := s.Files(ctx)
	must(t, err)
	if !slices.Equal(files, []remote.FileInfo{{Name: name, Size: 1000}}) {
		t.Errorf("files: %v", files)
	}
	if data, err := s.File(ctx, name); err != nil || !bytes.Equal(data, slot) {
		t.Errorf("file: %d bytes, %v", len(data), err)
	}
	must(t, s.DeleteFile(ctx, name))
	_, err = s.File(ctx, name)
	wantErr(t, err, remote.ErrNotFound)

	tag, records := signed(t, 5, 300<<10)
	heads := []refs.Position{{Tag: refs.Tag{9}, Seq: 1 << 63, Hash: [32]byte{4}}, {Tag: refs.Tag{3}, Seq: 0}}
	must(t, s.Append(ctx, records, heads))
	if len(m.logs[tag]) != 5 || m.heads[0].Tag != (refs.Tag{3}) {
		t.Errorf("append: %d records, heads %v", len(m.logs[tag]), m.heads)
	}
	got, err := s.Heads(ctx)
	if err != nil || !slices.Equal(got, []refs.Position{heads[1], heads[0]}) {
		t.Errorf("heads: %v, %v", got, err)
	}
	var back [][]byte
	must(t, s.Records(ctx, tag, 2, func(r []byte) error { back = append(back, bytes.Clone(r)); return nil }))
	if !slices.EqualFunc(back, records[2:], bytes.Equal) {
		t.Errorf("%d records from 2 on, or others", len(back))
	}
	stop := errors.New("enough")
	if err := s.Records(ctx, tag, 0, func([]byte) error { return stop }); err != stop {
		t.Errorf("error of the caller: %v", err)
	}
	must(t, s.Records(ctx, refs.Tag{}, 0, func([]byte) error { return stop }))
	must(t, g.server.Shutdown(ctx)) // until all answers are over
	if m.closed != m.called("Open") {
		t.Errorf("%d stores opened and %d closed", m.called("Open"), m.closed)
	}
}

func TestPacks(t *testing.T) {
	ctx := context.Background()
	g := newRig(t)
	data := bytesOf(3<<20+17, 1)
	p, opened := packOf(data), 0
	must(t, g.store.PutPack(ctx, p, opener(data, &opened)))
	must(t, g.store.PutPack(ctx, p, opener(data, &opened)))
	if opened != 1 || g.memory.called("PutPack") != 1 {
		t.Errorf("opened %d times, put %d times: a pack that is there was sent again", opened, g.memory.called("PutPack"))
	}
	packs, err := g.store.Packs(ctx)
	if err != nil || !slices.Equal(packs, []refs.Pack{p}) {
		t.Errorf("packs: %v, %v", packs, err)
	}
	size := int64(len(data))
	for _, c := range []struct{ offset, length int64 }{{0, -1}, {0, size}, {0, 1}, {5, 0}, {size - 1, 1}, {size - 1, -1},
		{size, -1}, {size, 0}, {1 << 20, 1 << 20}, {3, -1}} {
		want := data[c.offset:]
		if c.length >= 0 {
			want = want[:c.length]
		}
		if got, err := readPack(g.store, p.Name, c.offset, c.length); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v: %d bytes, %v", c, len(got), err)
		}
	}
	for _, c := range []struct{ offset, length int64 }{{-1, 1}, {0, -2}, {0, size + 1}, {size, 1}, {size + 1, -1}, {size + 1, 0},
		{size - 1, 2}, {1 << 62, 1 << 62}} {
		if _, err := readPack(g.store, p.Name, c.offset, c.length); !errors.Is(err, remote.ErrMismatch) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	_, err = readPack(g.store, pack.Name{1}, 0, -1)
	wantErr(t, err, remote.ErrNotFound)
	must(t, g.store.CheckPack(ctx, p.Name))
	must(t, g.store.DeletePack(ctx, p.Name))
	_, err = readPack(g.store, p.Name, 0, 0)
	wantErr(t, err, remote.ErrNotFound)
}

func readPack(s remote.Store, name pack.Name, offset, length int64) ([]byte, error) {
	r, err := s.Pack(context.Background(), name, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestPutPackWrongSource(t *testing.T) {
	ctx := context.Background()
	g := newRig(t)
	data := bytesOf(500_000, 1)
	times := 0
	broken := errors.New("disk broke")
	for name, c := range map[string]struct {
		p    refs.Pack
		open func() (io.ReadCloser, error)
		want error
	}{
		"other bytes":   {refs.Pack{Name: [32]byte{1}, Size: 500_000}, opener(data, &times), remote.ErrMismatch},
		"too short":     {refs.Pack{Name: packOf(data).Name, Size: 500_001}, opener(data, &times), remote.ErrMismatch},
		"too long":      {refs.Pack{Name: packOf(data).Name, Size: 499_999}, opener(data, &times), remote.ErrMismatch},
		"too large":     {refs.Pack{Name: [32]byte{1}, Size: refs.MaxPackSize + 1}, opener(data, &times), remote.ErrMismatch},
		"does not open": {packOf(data), func() (io.ReadCloser, error) { return nil, broken }, broken},
		"breaks": {packOf(data), func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(data[:300_000]), failing{broken})), nil
		}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			wantErr(t, g.store.PutPack(ctx, c.p, c.open), c.want)
			if len(g.memory.packs) > 0 {
				t.Error("something was stored")
			}
		})
	}
	must(t, g.store.PutPack(ctx, packOf(nil), opener(nil, &times)))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestNothingSentInVain shows that a host which refuses a pack does not get any of it.
func TestNothingSentInVain(t *testing.T) {
	g := newRig(t)
	g.memory.fail["PutPack"] = fmt.Errorf("%w: 10 GiB for this vault", remote.ErrQuota)
	read := false
	data := bytesOf(1<<20, 1)
	err := g.store.PutPack(context.Background(), packOf(data), func() (io.ReadCloser, error) {
		return io.NopCloser(readerFunc(func([]byte) (int, error) { read = true; return 0, io.EOF })), nil
	})
	wantErr(t, err, remote.ErrQuota)
	if read {
		t.Error("the pack was read although it was refused")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNoVaultNamed(t *testing.T) {
	g := newRig(t)
	_, err := g.site.Store(keys.VaultID{}).Info(context.Background())
	wantErr(t, err, remote.ErrNoStore)
}

func TestAppendLimits(t *testing.T) {
	ctx := context.Background()
	g := newRig(t)
	must(t, g.store.Append(ctx, nil, nil))
	_, many := signed(t, remote.MaxAppend+1, 10)
	wantErr(t, g.store.Append(ctx, many, nil), remote.ErrMismatch)
	must(t, g.store.Append(ctx, many[:remote.MaxAppend], nil))
	_, large := signed(t, 18, 1<<20-1000)
	wantErr(t, g.store.Append(ctx, large, nil), remote.ErrMismatch)
	wantErr(t, g.store.Append(ctx, [][]byte{{1, 2, 3}}, nil), remote.ErrMismatch)
	_, one := signed(t, 1, 10)
	_, other := signed(t, 1, 10)
	wantErr(t, g.store.Append(ctx, [][]byte{one[0], other[0]}, nil), remote.ErrMismatch)
	wantErr(t, g.store.Append(ctx, [][]byte{one[0], {1, 2, 3}}, nil), remote.ErrMismatch)
}

func TestClosedSite(t *testing.T) {
	g := newRig(t)
	answered := make(chan struct{})
	g.memory.before = func(method string) {
		if method == "Heads" {
			g.site.Close()
			<-answered
		}
	}
	_, err := g.store.Heads(context.Background())
	close(answered)
	wantErr(t, err, remote.ErrUnreachable)
	_, err = g.store.Info(context.Background())
	wantErr(t, err, remote.ErrUnreachable)
}

func TestCancelled(t *testing.T) {
	g := newRig(t)
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan struct{})
	g.memory.before = func(method string) {
		if method == "Heads" {
			cancel()
			<-answered
		}
	}
	_, err := g.store.Heads(ctx)
	close(answered)
	wantErr(t, err, context.Canceled)
	if errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("the host is not to blame: %v", err)
	}
}
