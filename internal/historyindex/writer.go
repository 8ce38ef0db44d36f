package historyindex

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Writer writes a segment: all commits first, parents before children, then all paths in the order of ComparePaths, then
// Close. The first error sticks. It is for one goroutine, and holds a block and what it knows of each commit's place.
type Writer struct {
	w       io.Writer
	sealer  Sealer
	codec   *Codec
	header  []byte
	numbers map[ID]int // of the commits of this segment
	graph   []int64    // lengths
	text    []textBlock
	dict    []pathsBlock
	touches uint64
	paths   uint64
	nodes   []byte // blocks being filled
	texts   []byte
	inText  int
	entries []byte
	first   string // of the block being filled
	last    []byte // path
	sec     int64
	pending [][]byte // graph blocks wait until all commits are there, since texts are written meanwhile
	bodies  [][]byte
	err     error
}

// NewWriter begins a segment with a random salt.
func NewWriter(w io.Writer, sealer Sealer, codec *Codec) *Writer {
	header := make([]byte, headerSize)
	copy(header, magic)
	_, _ = rand.Read(header[len(magic):]) // never fails: see crypto/rand
	out := &Writer{w: w, sealer: sealer, codec: codec, header: header, numbers: map[ID]int{}}
	out.write(header)
	return out
}

func (w *Writer) write(data []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(data)
	}
}

func (w *Writer) seal(raw []byte, kind byte, number int) []byte {
	packed, err := w.codec.pack(raw)
	if err != nil && w.err == nil {
		w.err = err
	}
	return w.sealer.Seal(make([]byte, 0, len(packed)+64), packed, aadOf(w.header, kind, number))
}

// Commit adds a commit. Parents that are not in the segment are taken to be in an older one.
func (w *Writer) Commit(c *Commit) {
	switch {
	case w.err != nil:
		return
	case len(c.Parents) > MaxParents || len(c.Data) > maxRaw/2 || len(w.numbers) >= maxCommits:
		w.err = fmt.Errorf("history index: commit %x is too large", c.ID[:6])
		return
	}
	if _, again := w.numbers[c.ID]; again {
		w.err = fmt.Errorf("history index: commit %x twice", c.ID[:6])
		return
	}
	number := len(w.numbers)
	w.numbers[c.ID] = number
	w.nodes = appendNode(w.nodes, c, w.sec, func(p ID) int {
		if n, ok := w.numbers[p]; ok && n < number {
			return number - n
		}
		return 0
	})
	w.sec = c.Sec
	if (number+1)%groupCommits == 0 {
		w.flushNodes()
	}
	w.texts = append(binary.AppendUvarint(w.texts, uint64(len(c.Data))), c.Data...)
	if w.inText++; w.inText == textCommits || len(w.texts) >= blockTarget {
		w.flushTexts()
	}
}

func (w *Writer) flushNodes() {
	if len(w.nodes) == 0 {
		return
	}
	w.pending = append(w.pending, w.seal(w.nodes, blockGraph, len(w.pending)))
	w.nodes, w.sec = w.nodes[:0], 0
}

func (w *Writer) flushTexts() {
	if w.inText == 0 {
		return
	}
	body := w.seal(w.texts, blockText, len(w.text))
	w.bodies = append(w.bodies, body)
	w.text = append(w.text, textBlock{place: place{length: int64(len(body))}, count: w.inText})
	w.texts, w.inText = w.texts[:0], 0
}

// endCommits writes the blocks of commits, once.
func (w *Writer) endCommits() {
	w.flushNodes()
	w.flushTexts()
	for _, body := range w.pending {
		w.graph = append(w.graph, int64(len(body)))
		w.write(body)
	}
	for _, body := range w.bodies {
		w.write(body)
	}
	w.pending, w.bodies = nil, nil
}

// Path adds the touches of one path, in ascending order of commits. Paths ascend; a path may come again with later touches.
func (w *Writer) Path(path string, touches []Touch) {
	if w.pending != nil || len(w.nodes) > 0 || w.inText > 0 {
		w.endCommits()
	}
	for len(touches) > 0 && w.err == nil {
		n := min(len(touches), entryTouches)
		w.entry(path, touches[:n])
		touches = touches[n:]
	}
}

func (w *Writer) entry(path string, touches []Touch) {
	if order := ComparePaths(string(w.last), path); len(path) > MaxPath || order > 0 {
		w.err = fmt.Errorf("history index: path %.100q is too long or out of order", path)
		return
	}
	if len(w.entries) == 0 {
		w.first, w.last = path, w.last[:0]
	}
	shared := 0
	for shared < min(len(path), len(w.last)) && path[shared] == w.last[shared] {
		shared++
	}
	var body []byte
	before := 0
	for i := range touches {
		t := &touches[i]
		if t.Commit < before || t.Commit >= len(w.numbers) || t.Kind >= kinds {
			w.err = fmt.Errorf("history index: a touch of commit %d of %d", t.Commit, len(w.numbers))
			return
		}
		body = appendTouch(body, t, before)
		before = t.Commit
	}
	w.entries = binary.AppendUvarint(w.entries, uint64(shared))
	w.entries = binary.AppendUvarint(w.entries, uint64(len(path)-shared))
	w.entries = append(w.entries, path[shared:]...)
	w.entries = binary.AppendUvarint(w.entries, uint64(len(body)))
	w.entries = append(w.entries, body...)
	w.last = append(w.last[:0], path...)
	w.paths++
	w.touches += uint64(len(touches))
	if len(w.entries) >= blockTarget {
		w.flushEntries()
	}
}

func (w *Writer) flushEntries() {
	if len(w.entries) == 0 {
		return
	}
	body := w.seal(w.entries, blockPaths, len(w.dict))
	w.dict = append(w.dict, pathsBlock{place{length: int64(len(body))}, w.first})
	w.write(body)
	w.entries = w.entries[:0]
}

// Close writes what is left and the directory. It does not close the underlying writer.
func (w *Writer) Close() error {
	w.endCommits()
	w.flushEntries()
	dir := binary.AppendUvarint(nil, uint64(len(w.numbers)))
	dir = binary.AppendUvarint(dir, w.touches)
	dir = binary.AppendUvarint(dir, w.paths)
	dir = binary.AppendUvarint(dir, uint64(len(w.graph)))
	for _, n := range w.graph {
		dir = binary.AppendUvarint(dir, uint64(n))
	}
	dir = binary.AppendUvarint(dir, uint64(len(w.text)))
	for _, b := range w.text {
		dir = binary.AppendUvarint(dir, uint64(b.length))
		dir = binary.AppendUvarint(dir, uint64(b.count))
	}
	dir = binary.AppendUvarint(dir, uint64(len(w.dict)))
	for _, b := range w.dict {
		dir = binary.AppendUvarint(dir, uint64(b.length))
		dir = binary.AppendUvarint(dir, uint64(len(b.first)))
		dir = append(dir, b.first...)
	}
	if len(dir) > maxDirectory && w.err == nil {
		w.err = fmt.Errorf("history index: a directory of %d bytes", len(dir))
	}
	sealed := w.seal(dir, blockDir, 0)
	w.write(binary.BigEndian.AppendUint32(slices.Clip(sealed), uint32(len(sealed))))
	return w.err
}
