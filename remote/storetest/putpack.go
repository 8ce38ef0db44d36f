package storetest

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"evault/refs"
	"evault/remote"
)

func putPackChecks() []check {
	return []check{
		{"sizes", putSizes},
		{"twice", putTwice},
		{"wrong bytes", putWrongBytes},
		{"wrong size", putWrongSize},
		{"over the limit", putOverLimit},
		{"a reader that fails", putFailingReader},
		{"a source that does not open", putFailingOpen},
		{"reads that are short", putShortReads},
		{"closes what it opened", putCloses},
	}
}

func putSizes(p *place) {
	p.create()
	var want []refs.Pack
	for _, size := range []int{0, 1, 4095, 4096, 1<<18 - 1, 1 << 18, 1<<18 + 1, 3 << 20} {
		info, data := p.newPack(size)
		p.hasPack(info, data)
		want = append(want, info)
	}
	p.lists(want...)
}

func putTwice(p *place) {
	p.create()
	info, data := p.newPack(100_000)
	var sent atomic.Int64
	p.must(p.store.PutPack(p.ctx, info, func() (io.ReadCloser, error) {
		return io.NopCloser(io.TeeReader(bytes.NewReader(data), counter{&sent})), nil
	}))
	if sent.Load() != 0 {
		p.Errorf("%d bytes of a pack that is there were sent again", sent.Load())
	}
	p.lists(info)
	p.hasPack(info, data)
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// refuses wants a pack refused, nothing left of it, and the right one taken afterwards.
func (p *place) refuses(info refs.Pack, wrong func() (io.ReadCloser, error), right []byte, oneOf ...error) {
	p.Helper()
	err := p.store.PutPack(p.ctx, info, wrong)
	if len(oneOf) > 0 {
		p.want(err, oneOf...)
	}
	if err == nil {
		p.Fatal("a pack was taken that must not be")
	}
	p.lists()
	_, err = p.readPack(info.Name, 0, -1)
	p.want(err, remote.ErrNotFound)
	info.Size = uint64(len(right))
	p.must(p.store.PutPack(p.ctx, info, Source(right)))
	p.lists(info)
	p.hasPack(info, right)
}

func putWrongBytes(p *place) {
	p.create()
	info, data := Pack(1, 300_000)
	wrong := bytes.Clone(data)
	wrong[len(wrong)-1] ^= 1
	p.refuses(info, Source(wrong), data, remote.ErrMismatch)
}

func putWrongSize(p *place) {
	for _, d := range []int{-300_000, -1, 1, 300_000} {
		p.create()
		p.seed++
		info, data := Pack(p.seed, 300_000)
		info.Size = uint64(int(info.Size) + d)
		err := p.store.PutPack(p.ctx, info, Source(data))
		p.want(err, remote.ErrMismatch)
		p.lists()
	}
	info, data := Pack(9, 5000)
	p.refuses(info, Source(data[:4999]), data, remote.ErrMismatch)
}

func putOverLimit(p *place) {
	p.create()
	for _, size := range []uint64{refs.MaxPackSize + 1, 1 << 40, 1<<64 - 1} {
		err := p.store.PutPack(p.ctx, refs.Pack{Name: [32]byte{1}, Size: size}, func() (io.ReadCloser, error) {
			return io.NopCloser(zeros{}), nil
		})
		p.want(err, tooLarge()...)
	}
	p.lists()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

var errReader = errors.New("the source broke")

func putFailingReader(p *place) {
	p.create()
	info, data := Pack(1, 700_000)
	for _, n := range []int{0, 1, 262_144, 699_999} {
		err := p.store.PutPack(p.ctx, info, func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(data[:n]), failing{})), nil
		})
		if err == nil {
			p.Fatalf("a source that broke after %d bytes was taken for whole", n)
		}
		p.lists()
	}
	p.must(p.store.PutPack(p.ctx, info, Source(data)))
	p.hasPack(info, data)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errReader }

func putFailingOpen(p *place) {
	p.create()
	info, data := Pack(1, 1000)
	p.refuses(info, func() (io.ReadCloser, error) { return nil, errReader }, data)
}

func putShortReads(p *place) {
	p.create()
	info, data := Pack(1, 20_000)
	p.must(p.store.PutPack(p.ctx, info, func() (io.ReadCloser, error) {
		return io.NopCloser(oneByte{bytes.NewReader(data)}), nil
	}))
	p.hasPack(info, data)
}

// oneByte gives a byte at a time.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

func putCloses(p *place) {
	p.create()
	info, data := Pack(1, 1000)
	var opened, closed atomic.Int64
	source := func(data []byte) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) {
			opened.Add(1)
			return closing{bytes.NewReader(data), &closed}, nil
		}
	}
	p.want(p.store.PutPack(p.ctx, info, source(data[:999])), remote.ErrMismatch)
	p.must(p.store.PutPack(p.ctx, info, source(data)))
	for range 500 { // HTTP/2 closes a body in a goroutine of its own
		if opened.Load() == closed.Load() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if opened.Load() == 0 || opened.Load() != closed.Load() {
		p.Errorf("opened %d times, closed %d times", opened.Load(), closed.Load())
	}
}

type closing struct {
	io.Reader
	n *atomic.Int64
}

func (c closing) Close() error {
	c.n.Add(1)
	return nil
}
