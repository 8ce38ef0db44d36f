package pack

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

func FuzzDecodeHeader(f *testing.F) {
	h := header{epoch: 3, salt: [saltSize]byte{1, 2, 3}}
	f.Add(h.append(nil))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decodeHeader(data)
		if err == nil && !bytes.Equal(h.append(nil), data) {
			t.Error("decodes to something else")
		}
	})
}

func FuzzDecodeTrailer(f *testing.F) {
	good := trailer{indexOff: 1000, indexSize: 200, frames: 3, class: ClassMixed}
	f.Add(good.append(nil), int64(1200+trailerSize))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		got, err := decodeTrailer(data, size)
		if err != nil {
			return
		}
		if !bytes.Equal(got.append(nil), data) {
			t.Error("decodes to something else")
		}
		if got.indexOff < headerSize || got.indexOff+int64(got.indexSize)+trailerSize != size {
			t.Errorf("accepted %+v in %d bytes", got, size)
		}
	})
}

func FuzzDecodeIndex(f *testing.F) {
	var x index
	x.add(ClassData, 500, []objects.ID{{1}, {2}})
	x.add(ClassMeta, 300, []objects.ID{{3}})
	f.Add(x.append(nil), int64(5000))
	f.Add([]byte{1, 1, 1, 0x80}, int64(100))
	f.Fuzz(func(t *testing.T, data []byte, limit int64) {
		got, err := decodeIndex(data, limit)
		if err != nil {
			return
		}
		if !bytes.Equal(got.append(nil), data) {
			t.Error("decodes to something else")
		}
		if got.end() > limit || len(got.frames) == 0 {
			t.Error("accepted frames beyond the limit, or none")
		}
	})
}

func FuzzDecodeTable(f *testing.F) {
	var tab table
	tab.add(objects.KindTree, 3)
	tab.add(objects.KindCommit, 0)
	f.Add(append(tab.append(nil), 1, 2, 3), byte(ClassMeta))
	f.Fuzz(func(t *testing.T, data []byte, class byte) {
		var got table
		body, err := got.decode(data, Class(class))
		if err != nil {
			return
		}
		if !bytes.Equal(append(got.append(nil), body...), data) {
			t.Error("decodes to something else")
		}
		for i := range got.len() {
			from, to := got.span(i)
			if from > to || to > len(body) {
				t.Fatal("object beyond the frame")
			}
		}
	})
}

func FuzzDecompress(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.close() })
	f.Add(c.compress(nil, bytes.Repeat([]byte("evault "), 100)))
	f.Add(c.compress(nil, []byte{1, 2, 3}))
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := c.decompress(nil, data)
		if err != nil {
			return
		}
		size, _ := binary.Uvarint(data[1:])
		if uint64(len(raw)) != size || size > maxRaw {
			t.Errorf("%d bytes out of what says %d", len(raw), size)
		}
	})
}

// FuzzOpenFrame gives bytes of an attacker who has the key: what opens must be one of three honest frames.
func FuzzOpenFrame(f *testing.F) {
	v, err := keys.NewEphemeral()
	if err != nil {
		f.Fatal(err)
	}
	s, err := v.PackSealer(v.Epoch(), [32]byte{1})
	if err != nil {
		f.Fatal(err)
	}
	good := sealFrame(s, nil, []byte("packed"), ClassData, 64)
	f.Add(bytes.Clone(good), int64(64))
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, data []byte, off int64) {
		is := bytes.Equal(data, good) && off == 64
		_, err := openFrame(s, nil, bytes.Clone(data), ClassData, off)
		if is != (err == nil) {
			t.Errorf("honest %v, opens with %v", is, err)
		}
	})
}

func FuzzOpenRun(f *testing.F) {
	crc := crc32.MakeTable(crc32.Castagnoli)
	var m memoryRun
	recs := []record{{id: objects.ID{1}}, {id: objects.ID{9}, frame: 1, place: 2}, {id: objects.ID{200}}}
	if err := writeRun(&m, crc, packsOf([]Name{{5}}, true), func(w *runWriter) error { return addSorted(w, recs) }); err != nil {
		f.Fatal(err)
	}
	f.Add(m.data, []byte{9})
	f.Fuzz(func(t *testing.T, data, key []byte) {
		r, err := openRun("x", vfs.NewMapping(data, nil), crc)
		if err != nil {
			return
		}
		var id objects.ID
		copy(id[:], key)
		if err := r.find(&id, func(rec record) bool {
			if rec.id != id {
				t.Error("found another ID")
			}
			return true
		}); err != nil {
			return
		}
		c := &cursor{run: r, remap: make([]uint32, r.packs())}
		for n := uint64(0); ; n++ {
			if err := c.next(); err != nil || !c.ok {
				break
			}
			if n > r.records {
				t.Fatal("endless")
			}
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add(Name{1, 2}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseName(s); err == nil && n.String() != s {
			t.Error("parses to something else")
		}
	})
}
