package storetest

import (
	"slices"

	"evault/refs"
	"evault/remote"
)

func appendChecks() []check {
	return []check{
		{"one after the other", appendInOrder},
		{"the largest number at once", appendMost},
		{"no records", appendNothing},
		{"with packs", appendWithPacks},
		{"twice", appendTwice},
		{"twice, with any heads", appendTwiceAnyHeads},
		{"partly there", appendPartlyThere},
		{"partly there, with the heads of now", appendPartlyThereNow},
		{"partly there, somebody else in between", appendPartlyThereOther},
		{"heads in any order", appendHeadsAnyOrder},
	}
}

func appendInOrder(p *place) {
	w := p.writer()
	var all [][]byte
	for range 5 {
		before := w.Heads()
		all = append(all, w.Record(nil))
		p.must(p.store.Append(p.ctx, all[len(all)-1:], before))
		p.hasHeads(w.Heads()...)
	}
	p.hasRecords(w.Tag(), all)
}

func appendMost(p *place) {
	w := p.writer()
	all := w.Records(remote.MaxAppend)
	p.append(all...)
	p.hasRecords(w.Tag(), all)
}

func appendNothing(p *place) {
	w := p.writer()
	p.append(w.Record(nil))
	p.must(p.store.Append(p.ctx, nil, w.Heads()))
	p.hasHeads(w.Heads()...)
}

func appendWithPacks(p *place) {
	w := p.writer()
	var packs []refs.Pack
	for i := range 20 {
		info, _ := p.newPack(100 + i)
		packs = append(packs, info)
	}
	all := [][]byte{w.Record(packs[:10]), w.Record(packs[10:]), w.Record(packs)}
	p.append(all...)
	p.hasRecords(w.Tag(), all)
}

func appendTwice(p *place) {
	w := p.writer()
	all := w.Records(3)
	for range 2 {
		p.must(p.store.Append(p.ctx, all, nil))
		p.hasHeads(w.Heads()...)
	}
	p.must(p.store.Append(p.ctx, all[:1], nil))
	p.must(p.store.Append(p.ctx, all[1:], w.Heads()))
	p.hasRecords(w.Tag(), all)
}

// If all are there, nothing else is compared.
func appendTwiceAnyHeads(p *place) {
	w := p.writer()
	all := w.Records(3)
	p.append(all...)
	other := NewWriter(p, p.create())
	p.append(other.Record(nil))
	for _, heads := range [][]refs.Position{nil, w.Heads(), other.Heads(), {{Tag: refs.Tag{7}, Seq: 3}}} {
		p.must(p.store.Append(p.ctx, all, heads))
	}
	p.hasHeads(slices.Concat(w.Heads(), other.Heads())...)
}

// A call that was interrupted after its first records is made again as it was.
func appendPartlyThere(p *place) {
	w := p.writer()
	p.append(w.Record(nil))
	before := w.Heads()
	all := w.Records(4)
	p.must(p.store.Append(p.ctx, all[:2], before))
	p.must(p.store.Append(p.ctx, all, before))
	p.hasHeads(w.Heads()...)
	if got := p.records(w.Tag(), 1); len(got) != 4 {
		p.Errorf("%d records, want 4", len(got))
	}
	first := NewWriter(p, p.create()) // the same at the beginning of a log
	heads := p.heads()
	records := first.Records(2)
	p.must(p.store.Append(p.ctx, records[:1], heads))
	p.must(p.store.Append(p.ctx, records, heads))
	p.hasRecords(first.Tag(), records)
}

func appendPartlyThereNow(p *place) {
	w := p.writer()
	all := w.Records(4)
	p.append(all[:2]...)
	p.must(p.store.Append(p.ctx, all, p.heads()))
	p.hasRecords(w.Tag(), all)
}

// The rest of an interrupted call is not added behind the back of somebody who wrote in between.
func appendPartlyThereOther(p *place) {
	w := p.writer()
	all := w.Records(4)
	p.append(all[:2]...)
	other := NewWriter(p, p.create())
	p.append(other.Record(nil))
	p.want(p.store.Append(p.ctx, all, nil), remote.ErrConflict)
	p.hasRecords(w.Tag(), all[:2])
}

func appendHeadsAnyOrder(p *place) {
	id := p.create()
	var heads []refs.Position
	for range 4 {
		w := NewWriter(p, id)
		p.append(w.Record(nil))
		heads = append(heads, w.Heads()...)
	}
	for range len(heads) {
		heads = append(heads[1:], heads[0])
		w := NewWriter(p, id)
		p.must(p.store.Append(p.ctx, w.Records(1), heads))
		heads = append(heads, w.Heads()...)
	}
}
