package storetest

import (
	"bytes"
	"errors"
	"slices"

	"evault/refs"
	"evault/remote"
)

func refusalChecks() []check {
	return []check{
		{"other heads", refuseHeads},
		{"missing packs", refuseMissingPacks},
		{"packs of another size", refusePackSize},
		{"a gap", refuseGap},
		{"another record in a place that is taken", refuseFork},
		{"out of order", refuseOutOfOrder},
		{"two logs at once", refuseTwoLogs},
		{"another predecessor", refusePredecessor},
		{"changed bytes", refuseChanged},
		{"another store's", refuseForeignStore},
		{"another log's tag", refuseForeignTag},
		{"no body", refuseBodiless},
		{"garbage", refuseGarbage},
		{"over the limits", refuseOverLimits},
		{"all or none", refuseAll},
	}
}

// refused wants an Append refused, and the heads and records as they were.
func (p *place) refused(records [][]byte, heads []refs.Position, oneOf ...error) error {
	p.Helper()
	before := p.heads()
	err := p.store.Append(p.ctx, records, heads)
	p.want(err, oneOf...)
	p.hasHeads(before...)
	for _, head := range before {
		if got := p.records(head.Tag, head.Seq); len(got) != 1 {
			p.Errorf("%d records from the head of a log on", len(got))
		}
	}
	return err
}

func refuseHeads(p *place) {
	w := p.writer()
	p.append(w.Record(nil))
	older := w.Heads()
	p.append(w.Record(nil))
	other := NewWriter(p, p.create())
	newest := w.Heads()[0]
	otherHash, otherSeq, otherTag := newest, newest, newest
	otherHash.Hash[31] ^= 1
	otherSeq.Seq++
	otherTag.Tag[0] ^= 1
	for _, heads := range [][]refs.Position{nil, older, {otherHash}, {otherSeq}, {otherTag}, {newest, newest}, {newest, otherTag}} {
		p.refused([][]byte{other.Sign(other.Next(), []byte("body"))}, heads, remote.ErrConflict)
	}
	p.must(p.store.Append(p.ctx, other.Records(1), w.Heads()))
	p.refused([][]byte{w.Sign(w.Next(), []byte("body"))}, w.Heads(), remote.ErrConflict)
}

func refuseMissingPacks(p *place) {
	w := p.writer()
	there, _ := p.newPack(100)
	var packs, missing []refs.Pack
	for i := range 300 {
		info, _ := Pack(uint64(1000+i), 10)
		missing = append(missing, info)
	}
	packs = append(slices.Clone(missing), there)
	records := [][]byte{w.Record(nil), w.Record(packs[:200]), w.Record(packs[100:])}
	err := p.refused(records, nil, remote.ErrNotFound)
	var m *remote.MissingPacksError
	if !errors.As(err, &m) {
		p.Fatalf("the error %v does not say what is missing", err)
	}
	slices.SortFunc(missing, func(a, b refs.Pack) int { return bytes.Compare(a.Name[:], b.Name[:]) })
	if !slices.Equal(m.Packs, missing) {
		p.Errorf("%d packs are said to be missing, want %d", len(m.Packs), len(missing))
	}
	for i := range missing {
		info, data := Pack(uint64(1000+i), 10)
		p.must(p.store.PutPack(p.ctx, info, Source(data)))
	}
	p.must(p.store.Append(p.ctx, records, nil))
}

func refusePackSize(p *place) {
	w := p.writer()
	info, _ := p.newPack(100)
	info.Size++
	p.refused([][]byte{w.Record([]refs.Pack{info})}, nil, remote.ErrNotFound, remote.ErrMismatch)
}

func refuseGap(p *place) {
	w := p.writer()
	all := w.Records(5)
	p.refused(all[1:], nil, remote.ErrMismatch)
	p.append(all[0])
	p.refused(all[2:], p.heads(), remote.ErrMismatch)
	p.refused([][]byte{all[1], all[3]}, p.heads(), remote.ErrMismatch)
	p.append(all[1:]...)
	p.hasRecords(w.Tag(), all)
}

func refuseFork(p *place) {
	w := p.writer()
	p.append(w.Record(nil))
	next := w.Next()
	all := w.Records(2)
	p.append(all...)
	fork := w.Sign(next, []byte("another body"))
	p.refused([][]byte{fork}, p.heads(), remote.ErrMismatch, remote.ErrConflict)
	p.refused([][]byte{fork}, nil, remote.ErrMismatch, remote.ErrConflict)
	if got := p.records(w.Tag(), 1); !slices.EqualFunc(got, all, bytes.Equal) {
		p.Error("records were replaced")
	}
}

func refuseOutOfOrder(p *place) {
	w := p.writer()
	all := w.Records(3)
	p.refused([][]byte{all[0], all[2], all[1]}, nil, remote.ErrMismatch)
	p.refused([][]byte{all[0], all[0]}, nil, remote.ErrMismatch)
	p.refused([][]byte{all[2], all[1], all[0]}, nil, remote.ErrMismatch)
}

func refuseTwoLogs(p *place) {
	id := p.create()
	a, b := NewWriter(p, id), NewWriter(p, id)
	p.refused([][]byte{a.Record(nil), b.Record(nil)}, nil, remote.ErrMismatch)
}

func refusePredecessor(p *place) {
	w := p.writer()
	p.append(w.Records(2)...)
	h := w.Next()
	h.Previous[0] ^= 1
	p.refused([][]byte{w.Sign(h, []byte("body"))}, w.Heads(), remote.ErrMismatch)
	p.append(w.Record(nil))
}

func refuseChanged(p *place) {
	w := p.writer()
	good := w.Record(nil)
	for at := 0; at < len(good); at += 7 {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		p.want(p.store.Append(p.ctx, [][]byte{bad}, nil), remote.ErrMismatch)
	}
	for _, bad := range [][]byte{good[:len(good)-1], append(bytes.Clone(good), 0)} {
		p.refused([][]byte{bad}, nil, remote.ErrMismatch)
	}
	p.isEmpty()
	p.append(good)
}

func refuseForeignStore(p *place) {
	id := p.create()
	id[0] ^= 1
	p.refused(NewWriter(p, id).Records(1), nil, remote.ErrMismatch)
}

func refuseForeignTag(p *place) {
	id := p.create()
	a, b := NewWriter(p, id), NewWriter(p, id)
	h := a.Next()
	h.Tag = b.Tag()
	p.refused([][]byte{a.Sign(h, []byte("body"))}, nil, remote.ErrMismatch)
	h = a.Next()
	h.Key = b.Next().Key
	p.refused([][]byte{a.Sign(h, []byte("body"))}, nil, remote.ErrMismatch)
}

func refuseBodiless(p *place) {
	w := p.writer()
	body := []byte("body")
	whole := w.Sign(w.Next(), body)
	p.refused([][]byte{whole[:len(whole)-len(body)]}, nil, remote.ErrMismatch)
	p.append(whole)
}

func refuseGarbage(p *place) {
	p.create()
	for _, bad := range [][]byte{nil, {}, {0}, []byte("evaultlg"), bytes.Repeat([]byte{0xff}, 1000)} {
		p.refused([][]byte{bad}, nil, remote.ErrMismatch)
	}
}

func refuseOverLimits(p *place) {
	w := p.writer()
	p.refused([][]byte{w.Sign(w.Next(), make([]byte, refs.MaxRecord))}, nil, tooLarge()...)
	p.refused(NewWriter(p, p.create()).Records(remote.MaxAppend+1), nil, tooLarge()...)
	large := NewWriter(p, p.create())
	var records [][]byte
	for total := 0; total <= remote.MaxAppendBytes; {
		records = append(records, large.RecordOf(nil, 1_000_000))
		total += len(records[len(records)-1])
	}
	p.refused(records, nil, tooLarge()...)
	p.append(records[:len(records)-1]...)
}

func refuseAll(p *place) {
	w := p.writer()
	missing, data := Pack(5, 10)
	records := append(w.Records(3), w.Record([]refs.Pack{missing}))
	p.refused(records, nil, remote.ErrNotFound)
	if got := p.records(w.Tag(), 0); len(got) != 0 {
		p.Fatalf("%d records were added of a call that was refused", len(got))
	}
	p.must(p.store.PutPack(p.ctx, missing, Source(data)))
	p.must(p.store.Append(p.ctx, records, nil))
}
