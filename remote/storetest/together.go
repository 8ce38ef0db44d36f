package storetest

import (
	"errors"
	"sync"

	"evault/refs"
	"evault/remote"
)

func togetherChecks() []check {
	return []check{
		{"one pack from many", togetherOnePack},
		{"many packs, read and listed meanwhile", togetherManyPacks},
		{"one file from many", togetherOneFile},
		{"appends through one store", togetherAppendOneStore},
		{"appends through several stores", togetherAppendStores},
		{"everybody gets his turn", togetherTurns},
	}
}

// atOnce runs n functions at the same time and gives their errors.
func (p *place) atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

func togetherOnePack(p *place) {
	p.create()
	info, data := Pack(1, 500_000)
	for _, err := range p.atOnce(6, func(int) error { return p.store.PutPack(p.ctx, info, Source(data)) }) {
		p.must(err)
	}
	p.lists(info)
	p.hasPack(info, data)
}

func togetherManyPacks(p *place) {
	p.create()
	const n = 24
	packs := make([]refs.Pack, n)
	errs := p.atOnce(n, func(i int) error {
		info, data := Pack(uint64(i), 50_000)
		packs[i] = info
		if err := p.store.PutPack(p.ctx, info, Source(data)); err != nil {
			return err
		}
		if _, err := p.store.Packs(p.ctx); err != nil {
			return err
		}
		got, err := p.readPack(info.Name, 0, -1)
		if err == nil && string(got) != string(data) {
			err = errors.New("other bytes")
		}
		return err
	})
	for _, err := range errs {
		p.must(err)
	}
	p.lists(packs...)
}

func togetherOneFile(p *place) {
	p.create()
	name, data := slotFile(1)
	for _, err := range p.atOnce(6, func(int) error { return p.store.PutFile(p.ctx, name, data) }) {
		p.must(err)
	}
	p.hasFile(name, data)
}

func togetherAppendOneStore(p *place) {
	p.race(true, func(int) remote.Store { return p.store })
}

func togetherAppendStores(p *place) {
	p.race(!p.o.NoLock, func(int) remote.Store { return p.site.Store(p.vault) })
}

// race has several writers append to an empty store at the same time. Exactly one wins, if they are kept apart.
func (p *place) race(apart bool, store func(i int) remote.Store) {
	p.Helper()
	id := p.create()
	const n = 6
	writers, records := make([]*Writer, n), make([][][]byte, n)
	for i := range n {
		writers[i] = NewWriter(p, id)
		records[i] = writers[i].Records(2)
	}
	var winners []*Writer
	for i, err := range p.atOnce(n, func(i int) error { return store(i).Append(p.ctx, records[i], nil) }) {
		if err == nil {
			winners = append(winners, writers[i])
			continue
		}
		p.want(err, remote.ErrConflict)
	}
	if len(winners) == 0 || apart && len(winners) != 1 {
		p.Errorf("%d of %d appends at once succeeded", len(winners), n)
	}
	var heads []refs.Position
	for _, w := range winners {
		heads = append(heads, w.Heads()...)
	}
	p.hasHeads(heads...)
}

func togetherTurns(p *place) {
	id := p.create()
	const n, each = 4, 5
	writers := make([]*Writer, n)
	for i := range n {
		writers[i] = NewWriter(p, id)
	}
	records := make([][][]byte, n)
	for i, w := range writers {
		records[i] = w.Records(each)
	}
	errs := p.atOnce(n, func(i int) error {
		for _, record := range records[i] {
			if err := p.insist(record); err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		p.must(err)
	}
	for i, w := range writers {
		p.hasRecords(w.Tag(), records[i])
	}
}

// insist appends a record, again and again while others are faster.
func (p *place) insist(record []byte) error {
	for {
		heads, err := p.store.Heads(p.ctx)
		if err != nil {
			return err
		}
		if err = p.store.Append(p.ctx, [][]byte{record}, heads); !errors.Is(err, remote.ErrConflict) {
			return err
		}
	}
}
