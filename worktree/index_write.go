package worktree

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"evault/internal/vfs"
	"evault/keys"
	"evault/objects"
)

// pieceSize is how many bytes of entries a directory gathers in memory before they are written; also how many must be
// decoded to find one of them.
const pieceSize = 16 << 10

// IndexWriter writes a new index beside the old one, in a constant amount of memory but for one row per directory:
//
//	w, err := NewIndexWriter(local, name, sealer, asOf)
//	defer w.Abort()
//	b := w.Block(path, key)      one per directory, in any order, several at a time
//	b.Add(&entry) ...            in ascending order of names
//	b.Tree = ...
//	w.WriteDir(b)
//	w.CopyDirs(old, path)        a subtree as the old index has it
//	w.Commit()                   rename over the old index
//
// It is safe for concurrent use; one [DirBlock] is not.
//
// Nothing is synced: a file that a crash tore is recognised by [LoadIndex], and can be rebuilt.
type IndexWriter struct {
	local  vfs.FS
	name   string
	sealer *keys.Sealer
	asOf   vfs.Time
	base   objects.ID
	blocks sync.Pool // *DirBlock

	mu      sync.Mutex
	file    vfs.File
	temp    string
	header  []byte
	stream  []byte // the segment being filled
	sealed  []byte
	written int // bytes of the stream in full segments
	segment int
	rows    []indexRow
	err     error
	done    bool
}

type indexRow struct {
	path           string
	offset, length int
}

// Now gives the present instant on the clock of the file system that holds dir, by looking at a fresh file. (The clock
// of the process may run apart from it, on a network file system by any amount.)
func Now(dir vfs.FS) (vfs.Time, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return vfs.Time{}, err
	}
	name := vfs.TempPrefix + "now-" + hex.EncodeToString(random[:])
	f, err := dir.OpenHandle(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return vfs.Time{}, err
	}
	st, err := f.StatStat()
	return st.Mtime, errors.Join(err, f.Close(), dir.Remove(name))
}

// NewIndexWriter begins a new index that will replace name in local.
//
// asOf is an instant on the clock of the file system (see [Now]) that no entry to be written can have been changed
// before unnoticed: the START of the scan whose keys are written. Where keys are of files that this run itself wrote,
// it is the end of the writing. Entries whose last change is not older than asOf by a tick are marked racy.
func NewIndexWriter(local vfs.FS, name string, s *keys.Sealer, asOf vfs.Time) (*IndexWriter, error) {
	var random [16 + 8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	w := &IndexWriter{local: local, name: name, sealer: s, asOf: asOf}
	w.blocks.New = func() any { return new(DirBlock) }
	w.temp = vfs.TempPrefix + "index-" + hex.EncodeToString(random[16:])
	w.header = append([]byte(indexMagic), random[:16]...)
	f, err := local.OpenHandle(w.temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w.file = f
	if _, err := f.Write(w.header); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	w.stream = make([]byte, 0, segmentSize)
	return w, nil
}

// SetBase says which root tree the index speaks of; see [Index.Base].
func (w *IndexWriter) SetBase(tree objects.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.base = tree
}

// inherit sets the base if there is none yet.
func (w *IndexWriter) inherit(tree objects.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.base.IsZero() {
		w.base = tree
	}
}

// DirBlock is one directory on its way into the index. Its fields but Path and Key may be set until WriteDir.
type DirBlock struct {
	IndexDir // Path, Key and Racy are given to Block; the rest is the caller's to set

	w       *IndexWriter
	entries []byte
	last    string
	list    []byte // pieces written: offset, length
	count   uint64
	err     error
}

// Block begins a directory whose own key is key; a zero key is allowed.
func (w *IndexWriter) Block(path string, key StatKey) *DirBlock {
	b := w.blocks.Get().(*DirBlock)
	*b = DirBlock{w: w, entries: b.entries[:0], list: b.list[:0]}
	b.Path, b.Key = path, key
	b.Racy = !key.IsZero() && key.racy(w.asOf)
	return b
}

// Add appends an entry; e is not kept. Names must ascend. What goes wrong is told by WriteDir, here only not to lose
// time.
func (b *DirBlock) Add(e *IndexEntry) error {
	if e.Name <= b.last || e.Added == (e.Raw != nil) || len(e.Raw) > maxRaw || len(e.Name) > objects.MaxName || e.Key.Size < 0 {
		b.err = errors.Join(b.err, fmt.Errorf("index entry %q after %q in %q is not valid", e.Name, b.last, b.Path))
	}
	if b.err != nil {
		return b.err
	}
	b.last = e.Name
	if !e.Racy && !e.Key.IsZero() && e.Key.racy(b.w.asOf) {
		marked := *e
		marked.Racy = true
		e = &marked
	}
	b.entries = appendEntry(b.entries, e, &b.Key)
	if len(b.entries) >= pieceSize {
		b.err = b.flush()
	}
	return b.err
}

func (b *DirBlock) flush() error {
	at, err := b.w.put(b.entries)
	b.list = binary.AppendUvarint(b.list, uint64(at))
	b.list = binary.AppendUvarint(b.list, uint64(len(b.entries)))
	b.count++
	b.entries = b.entries[:0]
	return err
}

// WriteDir finishes a directory. b must not be used afterwards.
func (w *IndexWriter) WriteDir(b *DirBlock) error {
	err := b.err
	if err == nil {
		err = w.putBlock(&b.IndexDir, b.count, b.list, b.entries)
	}
	w.blocks.Put(b)
	return err
}

func (w *IndexWriter) putBlock(dir *IndexDir, count uint64, list, entries []byte) error {
	head := appendHead(make([]byte, 0, 256+len(dir.Raw)+len(list)), dir)
	head = binary.AppendUvarint(head, count)
	head = append(head, list...)
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.append(head)
	w.append(entries)
	w.rows = append(w.rows, indexRow{dir.Path, at, len(head) + len(entries)})
	return w.err
}

// CopyDirs copies a directory and everything below it from an older index, as it is. A path that ix does not hold is
// an error.
func (w *IndexWriter) CopyDirs(ix *Index, path string) error {
	first, ok := ix.idx.find(path)
	if !ok {
		return fmt.Errorf("index holds no directory %q", path)
	}
	for i := first; i < ix.idx.after(first); i++ {
		if err := w.copyDir(ix, i); err != nil {
			return err
		}
	}
	return nil
}

func (w *IndexWriter) copyDir(ix *Index, i int) error {
	var d IndexDir
	ix.loadDir(i, &d)
	var list []byte
	var count uint64
	var failed error
	if len(d.pieces) > 0 {
		d.eachPiece(func(s span) bool {
			if s == d.tail || failed != nil {
				return false
			}
			var at int
			at, failed = w.put(ix.data[s.start:s.end])
			list = binary.AppendUvarint(list, uint64(at))
			list = binary.AppendUvarint(list, uint64(s.end-s.start))
			count++
			return true
		})
	}
	if failed != nil {
		return failed
	}
	return w.putBlock(&d, count, list, ix.data[d.tail.start:d.tail.end])
}

// put writes bytes into the stream and gives where they begin.
func (w *IndexWriter) put(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.append(p)
	return at, w.err
}

// append is put with the lock held. The first error sticks.
func (w *IndexWriter) append(p []byte) int {
	at := w.written + len(w.stream)
	for len(p) > 0 && w.err == nil {
		if len(w.stream) == segmentSize {
			w.seal(false)
		}
		n := min(len(p), segmentSize-len(w.stream))
		w.stream = append(w.stream, p[:n]...)
		p = p[n:]
	}
	return at
}

func (w *IndexWriter) seal(last bool) {
	w.sealed = w.sealer.Seal(w.sealed[:0], w.stream, segmentAAD(w.header, w.segment, last))
	if _, err := w.file.Write(w.sealed); err != nil && w.err == nil {
		w.err = err
	}
	w.segment++
	w.written += len(w.stream)
	w.stream = w.stream[:0]
}

// Commit completes the file and renames it over the old one. Every directory's parent must have been written.
func (w *IndexWriter) Commit() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return errors.New("index was already written")
	}
	if w.err == nil {
		w.err = w.finish()
	}
	if w.err != nil {
		return errors.Join(w.err, w.abort())
	}
	w.end()
	if err := w.file.Close(); err != nil {
		return errors.Join(err, w.local.Remove(w.temp))
	}
	if err := w.local.Rename(w.temp, w.name); err != nil {
		return errors.Join(err, w.local.Remove(w.temp))
	}
	return nil
}

// finish appends the table, the places and the footer.
func (w *IndexWriter) finish() error {
	slices.SortFunc(w.rows, func(a, b indexRow) int { return comparePaths(a.path, b.path) })
	after, err := subtrees(w.rows)
	if err != nil {
		return err
	}
	table := w.written + len(w.stream)
	places := make([]byte, 0, len(w.rows)*placeSize)
	var row []byte
	for i, r := range w.rows {
		at := w.written + len(w.stream) - table
		places = binary.BigEndian.AppendUint64(places, uint64(at))
		places = binary.BigEndian.AppendUint32(places, after[i])
		row = binary.AppendUvarint(row[:0], uint64(len(r.path)))
		row = append(row, r.path...)
		row = binary.AppendUvarint(row, uint64(r.offset))
		row = binary.AppendUvarint(row, uint64(r.length))
		w.append(row)
	}
	foot := binary.BigEndian.AppendUint64(nil, uint64(table))
	foot = binary.BigEndian.AppendUint64(foot, uint64(w.append(places)))
	foot = binary.BigEndian.AppendUint64(foot, uint64(len(w.rows)))
	foot = binary.BigEndian.AppendUint64(foot, uint64(w.asOf.Sec))
	foot = binary.BigEndian.AppendUint32(foot, w.asOf.Nsec)
	foot = append(foot, w.base[:]...)
	w.append(foot)
	if w.err == nil {
		w.seal(true)
	}
	return w.err
}

// subtrees gives for each row the number of the first row outside its subtree.
func subtrees(rows []indexRow) ([]uint32, error) {
	after := make([]uint32, len(rows))
	var open []int
	for i, r := range rows {
		parent, _ := splitPath(r.path)
		for len(open) > 0 && rows[open[len(open)-1]].path != parent {
			after[open[len(open)-1]] = uint32(i)
			open = open[:len(open)-1]
		}
		if i > 0 && (len(open) == 0 || r.path == rows[i-1].path) || i == 0 && r.path != "" {
			return nil, fmt.Errorf("index directory %q has no parent, or was written twice", r.path)
		}
		open = append(open, i)
	}
	for _, i := range open {
		after[i] = uint32(len(rows))
	}
	return after, nil
}

// Abort removes the unfinished file. After Commit it does nothing.
func (w *IndexWriter) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.abort()
}

func (w *IndexWriter) abort() error {
	if w.done {
		return nil
	}
	w.end()
	return errors.Join(w.file.Close(), w.local.Remove(w.temp))
}

// end lets go of the buffers: the pool keeps the writer itself reachable for two more collections of garbage.
func (w *IndexWriter) end() { w.done, w.stream, w.sealed = true, nil, nil }
