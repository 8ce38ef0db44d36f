package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// place says where an object lies.
type place struct {
	kind  byte
	frame frameKey
	index int
}

type frameKey struct {
	pack   string
	offset uint64
}

// frame is one opened frame.
type frame struct {
	kinds []byte
	data  [][]byte
}

// openPacks verifies every pack and notes where objects lie: sections 10 and 11.
func (v *vault) openPacks() error {
	v.objects, v.packed, v.recent = map[[32]byte]place{}, map[string]uint64{}, map[frameKey]*frame{}
	for i := range 256 {
		folder := hex.EncodeToString([]byte{byte(i)})
		err := named(filepath.Join(v.dir, "store/packs", folder), `(`+folder+`[0-9a-f]{62})\.pack`, 64<<20, func(m []string, data []byte) error {
			v.packs = append(v.packs, m[1])
			v.packed[m[1]] = uint64(len(data))
			return v.openPack(m[1], data)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// packSealer reads a pack's header.
func (v *vault) packSealer(data []byte) (*sealer, error) {
	d := decoder{rest: data}
	if len(data) < 16384 || string(d.take(8)) != "evltpack" {
		return nil, errors.New("not a pack")
	}
	version, epoch, salt, wrap := d.number(4), d.number(4), d.take(32), d.u8()
	if version != 1 || wrap != 0 {
		return nil, fmt.Errorf("version %d, wrapping %d: %w", version, wrap, errNewer)
	}
	if len(bytes.Trim(d.take(15), "\x00")) > 0 {
		return nil, errors.New("header's last bytes are not zero")
	}
	key, ok := v.epochs[epoch]
	if !ok {
		return nil, fmt.Errorf("epoch %d is not in the keyring", epoch)
	}
	return newSealer(key, v.id, "evault pack v1", salt)
}

func (v *vault) openPack(name string, data []byte) error {
	s, err := v.packSealer(data)
	if err != nil {
		return err
	}
	size := uint64(len(data))
	end := data[size-121:]
	if !bytes.Equal(end[:32], data[16:48]) {
		return errors.New("the salts differ")
	}
	plain, err := s.openCommitted(end[32:], binary.BigEndian.AppendUint64([]byte("trailer"), size))
	if err != nil {
		return fmt.Errorf("trailer: %w", err)
	}
	d := decoder{rest: plain}
	at, length, frames, class := d.number(8), d.number(4), d.number(4), d.u8()
	if err := d.end(); err != nil || at < 64 || at > size || at+length+121 != size {
		return errors.New("trailer does not fit")
	}
	plain, err = s.openCommitted(data[at:at+length], binary.BigEndian.AppendUint64([]byte("index"), at))
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	d = decoder{rest: plain}
	if c, n := d.u8(), d.count(131072, 35); d.err != nil || c != class || uint64(n) != frames || n == 0 {
		return errors.New("index does not fit the trailer")
	}
	offset, classes := uint64(64), byte(0)
	for range frames {
		c, size := d.u8(), d.uvarint(4456501)
		ids := make([][32]byte, d.count(65536, 32))
		for i := range ids {
			ids[i] = d.hash()
		}
		if d.err != nil || offset+size > at || c != 1 && c != 2 {
			return errors.New("index does not fit")
		}
		if err := v.checkFrame(s, name, data, offset, size, c, ids); err != nil {
			return fmt.Errorf("frame at %d: %w", offset, err)
		}
		offset, classes = offset+size, classes|c
	}
	if classes != class {
		d.fail("class of the pack is not that of its frames")
	}
	return d.end()
}

// checkFrame opens a frame, and computes the ID of every object in it.
func (v *vault) checkFrame(s *sealer, name string, data []byte, offset, size uint64, class byte, ids [][32]byte) error {
	f, err := openFrame(s, data[offset:], offset, class)
	if err != nil {
		return err
	}
	if f.size != size || len(f.kinds) != len(ids) {
		return errors.New("not what the index says")
	}
	for i, id := range ids {
		if mac(v.idKey[:], f.kinds[i:i+1], f.data[i]) != id {
			return fmt.Errorf("object %x has another ID", id[:6])
		}
		v.objects[id] = place{f.kinds[i], frameKey{name, offset}, i}
	}
	return nil
}

type openedFrame struct {
	frame
	size uint64 // in the file
}

func openFrame(s *sealer, data []byte, offset uint64, class byte) (*openedFrame, error) {
	if len(data) < 46 {
		return nil, errors.New("cut short")
	}
	nonce := data[:24]
	length := uint64(binary.BigEndian.Uint32(data[24:]) ^ s.frameMask(nonce))
	if length > uint64(len(data)-28) {
		return nil, errors.New("masked length does not fit")
	}
	additional := binary.BigEndian.AppendUint64(append([]byte("frame"), class), offset)
	plain, err := s.open(nonce, data[28:28+length], additional)
	if err != nil {
		return nil, err
	}
	d := decoder{rest: plain}
	compression, rawSize := d.u8(), d.uvarint(4456452)
	raw := d.rest
	switch {
	case d.err != nil:
		return nil, d.err
	case compression == 1:
		if raw, err = unzstd(raw, rawSize); err != nil {
			return nil, err
		}
	case compression != 0:
		return nil, fmt.Errorf("compression %d: %w", compression, errNewer)
	}
	if uint64(len(raw)) != rawSize {
		return nil, errors.New("raw length does not fit")
	}
	f := &openedFrame{size: 28 + length}
	return f, f.split(raw, class)
}

// split takes the table and the objects apart.
func (f *openedFrame) split(raw []byte, class byte) error {
	d := decoder{rest: raw}
	sizes := make([]uint64, d.count(65536, 2))
	total := uint64(0)
	for i := range sizes {
		kind := d.u8()
		limit := uint64(4 << 20)
		if kind == 1 {
			limit = 1 << 20
		}
		if d.err == nil && (kind == 0 || kind > 5) {
			d.fail("object of kind %d: %w", kind, errNewer)
		}
		if (kind == 1) != (class == 1) {
			d.fail("object of another class")
		}
		sizes[i] = d.uvarint(limit)
		total += sizes[i]
		f.kinds = append(f.kinds, kind)
	}
	if total > 4<<20 || len(sizes) == 0 {
		d.fail("a frame of %d objects and %d bytes", len(sizes), total)
	}
	for _, n := range sizes {
		f.data = append(f.data, d.take(n))
	}
	return d.end()
}

// unzstd decompresses exactly one plain zstd frame.
func unzstd(body []byte, size uint64) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		return nil, err
	}
	if h.Skippable || h.DictionaryID != 0 || h.HasCheckSum || !h.HasFCS || h.FrameContentSize != size || !h.SingleSegment && h.WindowSize > 8<<20 {
		return nil, errors.New("not a plain zstd frame")
	}
	rest := body[h.HeaderSize:]
	for last := false; !last; { // RFC 8878, 3.1.1.2
		if len(rest) < 3 {
			return nil, errors.New("zstd block cut short")
		}
		head := uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16
		n := int(head >> 3)
		if head>>1&3 == 1 {
			n = 1
		}
		if last = head&1 == 1; len(rest) < 3+n {
			return nil, errors.New("zstd block cut short")
		}
		rest = rest[3+n:]
	}
	if len(rest) > 0 {
		return nil, errors.New("bytes behind the zstd frame")
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(4456452), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.DecodeAll(body, make([]byte, 0, size))
}

// get gives an object, whose ID openPacks has checked.
func (v *vault) get(id [32]byte, kind byte) ([]byte, error) {
	at, ok := v.objects[id]
	if !ok || at.kind != kind {
		return nil, fmt.Errorf("object %x of kind %d is missing", id[:6], kind)
	}
	f, ok := v.recent[at.frame]
	if !ok {
		data, err := os.ReadFile(filepath.Join(v.dir, "store/packs", at.frame.pack[:2], at.frame.pack+".pack"))
		if err != nil {
			return nil, err
		}
		s, err := v.packSealer(data)
		if err != nil {
			return nil, err
		}
		class := byte(2)
		if kind == 1 {
			class = 1
		}
		opened, err := openFrame(s, data[at.frame.offset:], at.frame.offset, class)
		if err != nil {
			return nil, err
		}
		if f = &opened.frame; len(v.recent) >= 64 {
			clear(v.recent)
		}
		v.recent[at.frame] = f
	}
	if mac(v.idKey[:], []byte{kind}, f.data[at.index]) != id {
		return nil, fmt.Errorf("object %x has changed", id[:6])
	}
	return f.data[at.index], nil
}
