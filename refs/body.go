package refs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"

	"evault/internal/wire"
	"evault/objects"
)

const bodyVersion = 1

// Kinds of an encoded Head.
const (
	headNone   = 0
	headBranch = 1
	headCommit = 2
)

// appendSigned appends all of the body that the device's signature covers.
func (b *Body) appendSigned(dst []byte) []byte {
	dst = append(dst, bodyVersion)
	dst = append(dst, b.Vault[:]...)
	dst = append(dst, b.Store[:]...)
	dst = append(dst, b.Device[:]...)
	dst = append(dst, b.Clone[:]...)
	dst = binary.BigEndian.AppendUint64(dst, b.Seq)
	dst = append(dst, b.Roster[:]...)
	dst = wire.AppendText(dst, b.Operation)
	dst = wire.AppendText(dst, b.Description)
	dst = wire.AppendTime(dst, b.Time.Sec, b.Time.Nsec)
	dst = binary.BigEndian.AppendUint16(dst, uint16(b.Zone))
	dst = appendHead(dst, b.HeadBefore)
	dst = appendHead(dst, b.HeadAfter)
	dst = binary.AppendUvarint(dst, uint64(len(b.Changes)))
	for i := range b.Changes {
		dst = wire.AppendText(dst, b.Changes[i].Name)
		dst = append(dst, b.Changes[i].Old[:]...)
		dst = append(dst, b.Changes[i].New[:]...)
	}
	dst = appendPacks(dst, b.Needed)
	dst = appendPositions(dst, b.Seen)
	return appendCheckpoint(dst, b.Checkpoint)
}

func appendPositions(dst []byte, list []Position) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = append(dst, list[i].Tag[:]...)
		dst = binary.BigEndian.AppendUint64(dst, list[i].Seq)
		dst = append(dst, list[i].Hash[:]...)
	}
	return dst
}

func appendCheckpoint(dst []byte, c *Checkpoint) []byte {
	if c == nil {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	dst = binary.AppendUvarint(dst, uint64(len(c.Refs)))
	for i := range c.Refs {
		r := &c.Refs[i]
		dst = wire.AppendText(dst, r.Name)
		dst = append(dst, r.ID[:]...)
		dst = append(dst, r.Origin[:]...)
		dst = binary.BigEndian.AppendUint64(dst, r.Seq)
	}
	return appendPacks(dst, c.Live)
}

func appendHead(dst []byte, h Head) []byte {
	switch {
	case h.Branch != "":
		return wire.AppendText(append(dst, headBranch), h.Branch)
	case h.Detached():
		return append(append(dst, headCommit), h.Commit[:]...)
	}
	return append(dst, headNone)
}

// Append appends the body's plaintext to dst: fields, signature, zeros up to a length that says little about them.
func (b *Body) Append(dst []byte) []byte {
	start := len(dst)
	dst = b.appendSigned(dst)
	dst = append(dst, b.Signature[:]...)
	n := len(dst) - start
	return append(dst, make([]byte, paddedSize(n)-n)...)
}

// paddedSize is the length that a plaintext of n bytes is padded to: the next multiple of 512, and of the step of Padme
// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019) where that is
// greater, so that a host cannot tell the length of a message or a ref's name.
func paddedSize(n int) int {
	step := 512
	if n > 1 {
		e := bits.Len(uint(n)) - 1
		step = max(step, 1<<(e-bits.Len(uint(e))))
	}
	return (n + step - 1) / step * step
}

// DecodeBody reads a body's plaintext. It checks form, not signature. The errors are ErrDamaged, ErrLimit, ErrName and
// ErrNewer.
func DecodeBody(data []byte) (*Body, error) {
	if len(data) > MaxRecord {
		return nil, fmt.Errorf("%w: %w: body of %d bytes", ErrDamaged, ErrLimit, len(data))
	}
	d := newDecoder(data)
	if v := d.Uint8("body version"); d.Err() == nil && v != bodyVersion {
		d.fail(ErrNewer, "log body of version %d", v)
	}
	b := new(Body)
	b.Vault = d.Array32("vault ID")
	d.Fill(b.Store[:], "store ID")
	b.Device = d.Array32("device key")
	d.Fill(b.Clone[:], "clone ID")
	b.Seq = d.Uint64("sequence")
	b.Roster = d.Array32("roster hash")
	b.Operation = d.Printable(MaxOperation, "operation")
	b.Description = d.Printable(MaxDescription, "description")
	b.Time = d.time("time")
	b.Zone = d.zone("time zone")
	b.HeadBefore = d.head("head before")
	b.HeadAfter = d.head("head after")
	b.Changes = d.changes()
	b.Needed = d.packs("needed packs")
	b.Seen = d.positions("seen heads")
	b.Checkpoint = d.checkpoint()
	if b.Checkpoint != nil && len(b.Changes) > 0 {
		d.fail(ErrDamaged, "a checkpoint changes refs")
	}
	d.Fill(b.Signature[:], "signature")
	d.padding(len(data))
	if d.Err() != nil {
		return nil, d.Err()
	}
	return b, nil
}

func (d *decoder) head(what string) Head {
	switch kind := d.Uint8(what); {
	case d.Err() != nil || kind == headNone:
		return Head{}
	case kind == headBranch:
		return Head{Branch: d.nameUnder(headsPrefix, what)}
	case kind == headCommit:
		h := Head{Commit: d.Array32(what)}
		if h.Commit.IsZero() {
			d.fail(ErrDamaged, "%s is the zero commit", what)
		}
		return h
	default:
		d.fail(ErrNewer, "%s of kind %d", what, kind)
		return Head{}
	}
}

func (d *decoder) changes() []Change {
	n := d.count(1+64, "ref changes")
	if n == 0 {
		return nil
	}
	list := make([]Change, n)
	for i := range list {
		c := &list[i]
		c.Name = d.refName("name of a changed ref")
		c.Old = objects.ID(d.Array32("old ID"))
		c.New = objects.ID(d.Array32("new ID"))
		if i > 0 && list[i-1].Name >= c.Name {
			d.fail(ErrDamaged, "ref changes are out of order")
		}
		if c.Old == c.New {
			d.fail(ErrDamaged, "a ref change changes nothing")
		}
		if d.Err() != nil {
			return nil
		}
	}
	return list
}

func (d *decoder) positions(what string) []Position {
	n := d.count(32+8+32, what)
	if n == 0 {
		return nil
	}
	list := make([]Position, n)
	for i := range list {
		p := &list[i]
		p.Tag = d.Array32(what)
		p.Seq = d.Uint64(what)
		p.Hash = d.Array32(what)
		if i > 0 && compareTags(list[i-1].Tag, p.Tag) >= 0 {
			d.fail(ErrDamaged, "%s are out of order", what)
		}
	}
	if d.Err() != nil {
		return nil
	}
	return list
}

func (d *decoder) checkpoint() *Checkpoint {
	switch flag := d.Uint8("checkpoint flag"); {
	case d.Err() != nil || flag == 0:
		return nil
	case flag != 1:
		d.fail(ErrNewer, "checkpoint of kind %d", flag)
		return nil
	}
	c := new(Checkpoint)
	if n := d.count(1+72, "checkpoint's refs"); n > 0 {
		c.Refs = make([]TableRef, n)
	}
	for i := range c.Refs {
		r := &c.Refs[i]
		r.Name = d.refName("name of a checkpoint's ref")
		r.ID = objects.ID(d.Array32("ID of a checkpoint's ref"))
		r.Origin = d.Array32("origin of a checkpoint's ref")
		r.Seq = d.Uint64("origin of a checkpoint's ref")
		if i > 0 && compareTableRefs(c.Refs[i-1], *r) >= 0 {
			d.fail(ErrDamaged, "a checkpoint's refs are out of order")
		}
		if r.ID.IsZero() {
			d.fail(ErrDamaged, "a checkpoint's ref is the zero commit")
		}
		if d.Err() != nil {
			return nil
		}
	}
	c.Live = d.packs("live packs")
	return c
}

// padding checks that the rest is the zeros that Append adds, no more and no fewer.
func (d *decoder) padding(total int) {
	if d.Err() != nil {
		return
	}
	if total != paddedSize(total-len(d.Rest())) || len(bytes.TrimLeft(d.Rest(), "\x00")) > 0 {
		d.fail(ErrDamaged, "the padding is not as it must be")
	}
}

func compareTags(a, b Tag) int { return bytes.Compare(a[:], b[:]) }

func compareTableRefs(a, b TableRef) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), compareTags(a.Origin, b.Origin), cmp.Compare(a.Seq, b.Seq))
}
