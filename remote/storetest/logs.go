package storetest

import (
	"bytes"
	"errors"
	"slices"

	"evault/refs"
)

func logChecks() []check {
	return []check{
		{"heads of several logs", headsOfSeveral},
		{"records from a sequence on", recordsFrom},
		{"records of a log that is not there", recordsNotThere},
		{"records are ended by the caller", recordsEnded},
		{"large records", recordsLarge},
		{"many records", recordsMany},
	}
}

// heads gives the heads of the store.
func (p *place) heads() []refs.Position {
	p.Helper()
	heads, err := p.store.Heads(p.ctx)
	p.must(err)
	return heads
}

// hasHeads wants exactly these heads, given in any order.
func (p *place) hasHeads(want ...refs.Position) {
	p.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b refs.Position) int { return bytes.Compare(a.Tag[:], b.Tag[:]) })
	if got := p.heads(); !slices.Equal(got, want) {
		p.Errorf("heads %v, want %v", got, want)
	}
}

// records gives the records of a log from a sequence on.
func (p *place) records(tag refs.Tag, from uint64) (all [][]byte) {
	p.Helper()
	p.must(p.store.Records(p.ctx, tag, from, func(data []byte) error {
		all = append(all, bytes.Clone(data))
		return nil
	}))
	return all
}

// hasRecords wants exactly these records in a log.
func (p *place) hasRecords(tag refs.Tag, want [][]byte) {
	p.Helper()
	if got := p.records(tag, 0); !slices.EqualFunc(got, want, bytes.Equal) {
		p.Errorf("log %v has %d records, or other ones than the %d wanted", tag, len(got), len(want))
	}
}

// append wants records appended to what is there.
func (p *place) append(records ...[]byte) {
	p.Helper()
	p.must(p.store.Append(p.ctx, records, p.heads()))
}

func headsOfSeveral(p *place) {
	id := p.create()
	var want []refs.Position
	for i := range 5 {
		w := NewWriter(p, id)
		p.append(w.Records(i + 1)...)
		want = append(want, w.Heads()...)
		p.hasHeads(want...)
	}
	for _, head := range want {
		if got := p.records(head.Tag, 0); uint64(len(got)) != head.Seq+1 {
			p.Errorf("%d records in the log whose head is %v", len(got), head)
		}
	}
}

func recordsFrom(p *place) {
	w := p.writer()
	all := w.Records(10)
	p.append(all...)
	for from := range all {
		if got := p.records(w.Tag(), uint64(from)); !slices.EqualFunc(got, all[from:], bytes.Equal) {
			p.Errorf("%d records from %d on, or other ones", len(got), from)
		}
	}
	for _, from := range []uint64{10, 11, 1 << 40, 1<<64 - 1} {
		if got := p.records(w.Tag(), from); len(got) != 0 {
			p.Errorf("%d records from %d on, where there are none", len(got), from)
		}
	}
}

func recordsNotThere(p *place) {
	w := p.writer()
	for _, tag := range []refs.Tag{{}, w.Tag()} {
		if got := p.records(tag, 0); len(got) != 0 {
			p.Errorf("%d records of a log that is not there", len(got))
		}
	}
}

func recordsEnded(p *place) {
	w := p.writer()
	p.append(w.Records(5)...)
	own := errors.New("enough")
	seen := 0
	err := p.store.Records(p.ctx, w.Tag(), 0, func([]byte) error {
		if seen++; seen == 2 {
			return own
		}
		return nil
	})
	if err != own || seen != 2 {
		p.Errorf("got error %v after %d records, want the caller's own after 2", err, seen)
	}
	p.hasHeads(w.Heads()...)
}

func recordsLarge(p *place) {
	w := p.writer()
	overhead := len(w.Sign(w.Next(), []byte{1})) + 2 // the body's size is written in up to 3 bytes
	var all [][]byte
	for _, size := range []int{refs.MaxRecord - overhead, 1, 100_000, refs.MaxRecord - overhead} {
		all = append(all, w.RecordOf(nil, size))
	}
	if len(all[0]) < refs.MaxRecord-2 {
		p.Fatalf("the largest record has %d bytes only", len(all[0]))
	}
	p.append(all...)
	p.hasRecords(w.Tag(), all)
}

func recordsMany(p *place) {
	w := p.writer()
	var all [][]byte
	for range 4 {
		part := w.Records(12)
		p.append(part...)
		all = append(all, part...)
	}
	p.hasRecords(w.Tag(), all)
	p.hasHeads(w.Heads()...)
}
