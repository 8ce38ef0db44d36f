package repo

import (
	"errors"

	"evault/objects"
	"evault/pack"
	"evault/worktree"
)

const (
	// blockThreshold is the size of a file, in bytes, from which its chunks are stored by several readers at once.
	blockThreshold = 4 << 20
	// blockBytes is how much of such a file is handed over at once.
	blockBytes = 1 << 20
	// blocksUnderWay bounds the memory that one large file takes.
	blocksUnderWay = 4
)

// block is a run of chunks of one large file, for any reader to store.
type block struct {
	data    []byte
	lengths []int
	ids     []objects.ID
	holes   []uint64 // hole after each chunk; 0 is none
	before  uint64   // hole before the first chunk
	err     error
	done    chan struct{}
}

func (b *block) store(frames *pack.Frames) {
	rest := b.data
	for _, n := range b.lengths {
		id, err := frames.Put(objects.KindChunk, rest[:n])
		if err != nil {
			b.err = err
			break
		}
		b.ids = append(b.ids, id)
		rest = rest[n:]
	}
	close(b.done)
}

// readLarge reads one large file. This reader cuts it into chunks; readers that have nothing to do store them, and where
// there is none this one does.
func (w *reader) readLarge(j *fileJob) error {
	attrErr := worktree.ReadMeta(w.dir, j.name, &j.stat, &w.snap.owners, &w.entry)
	if attrErr != nil && !onlyXattrs(attrErr) {
		return attrErr
	}
	w.list.Reset()
	l := largeFile{w: w, current: w.newBlock()}
	err := worktree.StreamFile(w.dir, j.name, &j.stat, w.chunker, l.add)
	if err == nil {
		err = l.hand()
	}
	if drainErr := l.drain(0); err == nil {
		err = drainErr
	}
	if err != nil {
		return err
	}
	w.entry.Content, err = w.list.Finish()
	if err != nil {
		return err
	}
	return attrErr
}

// largeFile gathers the chunks of one file into blocks and their IDs, in order, into its file list.
type largeFile struct {
	w       *reader
	current *block
	waiting []*block // handed over, in the file's order
}

func (l *largeFile) add(chunk []byte, hole bool, length uint64) error {
	b := l.current
	switch {
	case !hole:
		b.data = append(b.data, chunk...)
		b.lengths = append(b.lengths, len(chunk))
		b.holes = append(b.holes, 0)
	case len(b.lengths) == 0:
		b.before += length
	default:
		b.holes[len(b.holes)-1] += length
	}
	l.w.snap.meter.done.Add(int64(length))
	if len(b.data) < blockBytes {
		return l.w.ctx.Err()
	}
	return l.hand()
}

// hand gives the current block to a reader that waits for work, or stores it here.
func (l *largeFile) hand() error {
	b := l.current
	l.current = l.w.newBlock()
	l.waiting = append(l.waiting, b)
	select {
	case l.w.blocks <- b:
	default:
		b.store(l.w.frames)
	}
	return l.drain(blocksUnderWay)
}

// drain takes the IDs of finished blocks, and waits while more than limit are under way.
func (l *largeFile) drain(limit int) error {
	for len(l.waiting) > 0 {
		b := l.waiting[0]
		select {
		case <-b.done:
		default:
			if len(l.waiting) <= limit {
				return nil
			}
			l.help(b)
		}
		l.waiting = l.waiting[1:]
		if err := l.take(b); err != nil {
			return err
		}
	}
	return nil
}

// help waits for a block and stores those of others meanwhile, so that no two readers wait for each other.
func (l *largeFile) help(b *block) {
	for {
		select {
		case <-b.done:
			return
		case other := <-l.w.blocks:
			other.store(l.w.frames)
		}
	}
}

func (l *largeFile) take(b *block) error {
	if b.err != nil {
		return &storeError{b.err}
	}
	err := l.hole(b.before)
	for i, id := range b.ids {
		err = errors.Join(err, l.w.list.AddChunk(id, uint64(b.lengths[i])), l.hole(b.holes[i]))
	}
	l.w.free = append(l.w.free, b)
	return err
}

func (l *largeFile) hole(n uint64) error {
	if n == 0 {
		return nil
	}
	return l.w.list.AddHole(n)
}

func (w *reader) newBlock() *block {
	if n := len(w.free); n > 0 {
		b := w.free[n-1]
		w.free = w.free[:n-1]
		*b = block{data: b.data[:0], lengths: b.lengths[:0], ids: b.ids[:0], holes: b.holes[:0], done: make(chan struct{})}
		return b
	}
	return &block{data: make([]byte, 0, blockBytes+objects.MaxChunk), done: make(chan struct{})}
}
