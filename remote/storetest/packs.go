package storetest

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

func packChecks() []check {
	return []check{
		{"list", packsList},
		{"ranges", packRanges},
		{"ranges outside", packRangesOutside},
		{"not there", packNotThere},
		{"check", packCheck},
		{"delete", packDelete},
	}
}

// newPack makes and stores a pack of so many bytes.
func (p *place) newPack(size int) (refs.Pack, []byte) {
	p.Helper()
	p.seed++
	info, data := Pack(p.seed, size)
	p.must(p.store.PutPack(p.ctx, info, Source(data)))
	return info, data
}

// readPack reads a part of a pack.
func (p *place) readPack(name pack.Name, offset, length int64) ([]byte, error) {
	p.Helper()
	r, err := p.store.Pack(p.ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func (p *place) hasPack(info refs.Pack, want []byte) {
	p.Helper()
	got, err := p.readPack(info.Name, 0, -1)
	p.must(err)
	if !bytes.Equal(got, want) {
		p.Errorf("pack %v has %d bytes, or other ones than the %d stored", info, len(got), len(want))
	}
}

// lists wants exactly these packs, given in any order.
func (p *place) lists(want ...refs.Pack) {
	p.Helper()
	got, err := p.store.Packs(p.ctx)
	p.must(err)
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b refs.Pack) int { return bytes.Compare(a.Name[:], b.Name[:]) })
	if !slices.Equal(got, want) {
		p.Errorf("listed %v, want %v", got, want)
	}
}

func packsList(p *place) {
	p.create()
	var want []refs.Pack
	for i := range 40 {
		info, _ := p.newPack(1 + 37*i)
		want = append(want, info)
	}
	p.lists(want...)
}

func packRanges(p *place) {
	p.create()
	const size = 300_000
	info, data := p.newPack(size)
	for _, r := range [][2]int64{{0, -1}, {0, size}, {0, 1}, {1, -1}, {size - 1, 1}, {size - 1, -1}, {1000, 70_000}, {size, 0}, {0, 0},
		{size, -1}, {262_143, 2}} {
		got, err := p.readPack(info.Name, r[0], r[1])
		p.must(err)
		end := r[0] + r[1]
		if r[1] == -1 {
			end = size
		}
		if !bytes.Equal(got, data[r[0]:end]) {
			p.Errorf("range %v: %d bytes, or other ones", r, len(got))
		}
	}
	r, err := p.store.Pack(p.ctx, info.Name, 0, -1) // closed before its end
	p.must(err)
	_, err = io.ReadFull(r, make([]byte, 10))
	p.must(errors.Join(err, r.Close()))
	p.hasPack(info, data)
}

func packRangesOutside(p *place) {
	p.create()
	info, data := p.newPack(1000)
	for _, r := range [][2]int64{{-1, 1}, {-1, -1}, {0, 1001}, {1001, 0}, {1001, -1}, {1000, 1}, {1, 1000}, {0, -2}, {1 << 62, 1 << 62},
		{1, 1<<63 - 1}} {
		if got, err := p.readPack(info.Name, r[0], r[1]); err == nil {
			p.Errorf("range %v of a pack of 1000 bytes gives %d bytes", r, len(got))
		}
	}
	p.hasPack(info, data)
}

func packNotThere(p *place) {
	p.create()
	there, _ := p.newPack(100)
	near := pack.Name(there.Name)
	near[31] ^= 1 // in the same folder
	for _, name := range []pack.Name{{}, {1}, near} {
		_, err := p.readPack(name, 0, -1)
		p.want(err, remote.ErrNotFound)
		_, err = p.readPack(name, 5, 10)
		p.want(err, remote.ErrNotFound)
		p.want(p.store.CheckPack(p.ctx, name), remote.ErrNotFound)
	}
}

func packCheck(p *place) {
	p.create()
	info, data := p.newPack(600_000)
	p.must(p.store.CheckPack(p.ctx, info.Name))
	p.hasPack(info, data)
}

func packDelete(p *place) {
	p.create()
	info, data := p.newPack(100)
	other, otherData := p.newPack(200)
	if !p.mayDelete() {
		p.want(p.store.DeletePack(p.ctx, info.Name), remote.ErrRefused)
		p.hasPack(info, data)
		return
	}
	for range 2 { // the second time it is not there
		p.must(p.store.DeletePack(p.ctx, info.Name))
		_, err := p.readPack(info.Name, 0, -1)
		p.want(err, remote.ErrNotFound)
	}
	p.lists(other)
	p.hasPack(other, otherData)
	p.must(p.store.PutPack(p.ctx, info, Source(data)))
	p.lists(info, other)
}
