package repo

import (
	"context"
	"sync"
	"sync/atomic"

	"evault/internal/textdiff"
	"evault/objects"
)

// Bounds of what blame reads before it is asked for.
const (
	blameAheadVersions = 32      // versions
	blameAheadBytes    = 1 << 20 // of one version; a longer one is read when its turn comes
)

// blameAhead reads the versions of a file that blame is about to ask for. Most of the time of a blame goes into opening frames: of
// a file in a thousand versions, its folders' trees lie in one half of all frames and its contents in the other, with those of
// everything else that was committed then. So the one goroutine looks the file up in the trees, and the other reads what was
// found, while the caller compares versions.
//
// What comes next is guessed: the version that the first parents lead to. A guess is acted on once the one before it was right,
// and a wrong one costs no more than what was read in vain.
type blameAhead struct {
	b      *blaming
	path   string
	next   int             // the commit that is guessed to be asked for behind those under way; -1: none
	window int             // how many may be under way
	queue  []*aheadVersion // under way, in the order in which they will be asked for
	finds  chan *aheadVersion
	reads  chan *aheadVersion
	ended  sync.WaitGroup
}

// aheadVersion is the file in one commit. When done is closed, entry, text and err are set; text is nil if it was not read.
type aheadVersion struct {
	number  int
	tree    objects.ID
	path    string
	dropped atomic.Bool // nobody will ask for it
	done    chan struct{}
	entry   objects.Entry
	text    [][]byte
	err     error
}

// take gives the file in a commit if it was read ahead, and nil if it was not or that failed: who then reads it finds out why.
func (a *blameAhead) take(number int, path string) *aheadVersion {
	if len(a.queue) > 0 && a.path == path && a.queue[0].number == number {
		v := a.queue[0]
		a.queue = a.queue[1:]
		a.window = min(2*a.window, blameAheadVersions)
		a.fill()
		<-v.done
		if v.err != nil {
			return nil
		}
		return v
	}
	guessed := len(a.queue) == 0 && a.path == path && a.next == number
	a.drop()
	a.path, a.next, a.window = path, a.b.before(number, path), 2
	if guessed {
		a.fill()
	}
	return nil
}

// fill has read as much as may be under way.
func (a *blameAhead) fill() {
	for len(a.queue) < a.window && a.next >= 0 {
		c, err := a.b.walk.h.at(a.next)
		if err != nil {
			a.next = -1
			return
		}
		v := &aheadVersion{number: a.next, tree: c.Tree, path: a.path, done: make(chan struct{})}
		a.queue = append(a.queue, v)
		a.start()
		a.finds <- v
		a.next = a.b.before(a.next, a.path)
	}
}

// start starts the goroutines, once.
func (a *blameAhead) start() {
	if a.finds != nil {
		return
	}
	a.finds, a.reads = make(chan *aheadVersion, blameAheadVersions), make(chan *aheadVersion, blameAheadVersions)
	a.ended.Go(func() {
		for v := range a.finds {
			if !v.dropped.Load() {
				v.entry, v.err = objects.Lookup(a.b.ctx, a.b.repo.db, v.tree, v.path)
			}
			a.reads <- v
		}
		close(a.reads)
	})
	a.ended.Go(func() {
		for v := range a.reads {
			v.read(a.b.ctx, a.b.repo.db)
			close(v.done)
		}
	})
}

func (v *aheadVersion) read(ctx context.Context, src objects.Source) {
	if v.err != nil || v.dropped.Load() || v.entry.Type != objects.TypeFile || v.entry.Size > blameAheadBytes {
		return
	}
	data, err := contentOf(ctx, src, &v.entry, blameAheadBytes)
	if v.err = err; err == nil {
		v.text = nonNilLines(textdiff.Lines(data))
	}
}

// drop gives up what is under way.
func (a *blameAhead) drop() {
	for _, v := range a.queue {
		v.dropped.Store(true)
	}
	a.queue = nil
}

// close ends the goroutines.
func (a *blameAhead) close() {
	a.drop()
	if a.finds != nil {
		close(a.finds)
		a.ended.Wait()
	}
}

// resting follows first parents from a commit for as long as they leave a path alone: to the one that brought what the commit
// holds there, or to the one where the search ends.
func (b *blaming) resting(number int, path string) int {
	h, touched := b.walk.h, b.touching(path)
	for !touched[h.ids[number]] && !b.tooOld(h.nodes[number].sec, h.nodes[number].nsec) {
		parents := h.parentsOf(number)
		if len(parents) == 0 {
			break
		}
		number = int(parents[0])
	}
	return number
}

// before gives the commit with the version before that of a commit, along first parents; -1: there is none.
func (b *blaming) before(number int, path string) int {
	h := b.walk.h
	parents := h.parentsOf(number)
	if len(parents) == 0 || b.tooOld(h.nodes[number].sec, h.nodes[number].nsec) {
		return -1
	}
	return b.resting(int(parents[0]), path)
}

// touching gives the commits that the history's index knows to have changed a path against their first parents.
func (b *blaming) touching(path string) map[objects.ID]bool {
	set := b.touched[path]
	if set == nil {
		set = map[objects.ID]bool{}
		for id := range b.walk.h.touching(path) {
			set[id] = true
		}
		b.touched[path] = set
	}
	return set
}
