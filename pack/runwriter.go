package pack

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// runFile is what a run is written to: a file, or memory.
type runFile interface {
	io.Writer
	io.WriterAt
}

// runWriter writes a run as a stream. The calling sequence is newRunWriter, add for every record in ascending order,
// finish. Only finish writes the header, so that a file that was not finished is not a run.
type runWriter struct {
	f       runFile
	crc     *crc32.Table
	packs   []knownPack
	buf     []byte // whole blocks, and one that is being filled
	inBlock int
	records uint64
	last    record
}

// runBuffer is how many bytes are written at a time.
const runBuffer = 64 * blockSize

func newRunWriter(f runFile, crc *crc32.Table, packs []knownPack) (*runWriter, error) {
	w := &runWriter{f: f, crc: crc, packs: packs, buf: make([]byte, 0, runBuffer)}
	_, err := f.Write(make([]byte, len(w.header())))
	return w, err
}

func (w *runWriter) header() []byte {
	head := make([]byte, 0, roundUp(int64(runHead+len(w.packs)*runPackSize+sha256.Size)))
	head = append(head, runMagic...)
	head = binary.BigEndian.AppendUint32(head, runVersion)
	head = binary.BigEndian.AppendUint32(head, uint32(len(w.packs)))
	head = binary.BigEndian.AppendUint64(head, w.records)
	for i := range w.packs {
		head = append(head, w.packs[i].name[:]...)
		head = append(head, flagOf(w.packs[i].verified))
	}
	sum := sha256.Sum256(head)
	return append(head, sum[:]...)[:cap(head)]
}

func flagOf(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// add appends a record. One equal to the last is dropped.
func (w *runWriter) add(r *record) error {
	if w.records > 0 {
		switch c := compareRecords(&w.last, r); {
		case c == 0:
			return nil
		case c > 0:
			return fmt.Errorf("records of an index out of order at %s", r.id)
		}
	}
	w.last = *r
	w.records++
	w.buf = r.append(w.buf)
	if w.inBlock++; w.inBlock == blockRecords {
		return w.endBlock()
	}
	return nil
}

// endBlock fills the block up, sums it, and writes out when the buffer is full.
func (w *runWriter) endBlock() error {
	for range (blockRecords - w.inBlock) * recordSize {
		w.buf = append(w.buf, 0)
	}
	block := w.buf[len(w.buf)-(blockSize-4):]
	w.buf = binary.BigEndian.AppendUint32(w.buf, crc32.Checksum(block, w.crc))
	w.inBlock = 0
	if len(w.buf) < runBuffer {
		return nil
	}
	return w.flush()
}

func (w *runWriter) flush() error {
	_, err := w.f.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *runWriter) finish() error {
	if w.inBlock > 0 {
		if err := w.endBlock(); err != nil {
			return err
		}
	}
	if len(w.buf) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	_, err := w.f.WriteAt(w.header(), 0)
	return err
}

// memoryRun takes a run where it cannot be written to disk: the index is a cache, and a full disk must not stop what
// has already been made durable.
type memoryRun struct{ data []byte }

func (m *memoryRun) Write(p []byte) (int, error) {
	m.data = append(m.data, p...)
	return len(p), nil
}

func (m *memoryRun) WriteAt(p []byte, off int64) (int, error) {
	return copy(m.data[off:], p), nil
}
