package memfs

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// CrashOptions for [Crashes].
type CrashOptions struct {
	// Seed makes the random choices; the same seed gives the same states.
	Seed uint64
	// Subsets is how many random subsets of the unsynced operations are tried at each instant, beyond the systematic
	// ones; 0 means 8, a negative number none.
	Subsets int
	// Singles bounds how many of the unsynced operations are lost one at a time; 0 means 32. If there are more, the
	// newest are taken.
	Singles int
	// From is the number of operations that are certain to have been performed: crashes before that are left out.
	From int
}

// Crash is one state of the disk that a crash may leave.
type Crash struct {
	// Done is how many of the operations had been issued; the crash came right after.
	Done int
	// Lost are the positions in the list of the operations that did not reach the disk.
	Lost []int
	// Torn is the position of a Write of which only Kept bytes reached the disk, or -1. Its other bytes are zeros,
	// or, if Short, absent and the file ends there.
	Torn, Kept int
	Short      bool

	model *crashModel
	marks int
}

// Crashes enumerates the states that the disk may be in if the machine stops after any number of ops, which began on
// base. Two crashes that leave the same operations on the disk are given once.
//
// What is on the disk for sure: a change of a file's contents or attributes that a successful Sync of that file
// follows, and a change of a directory's entries that a SyncDir of that directory follows. Of the rest any part may
// be missing, in any order, and the last write may be torn. A rename is one entry change, whole or absent, also
// between two directories, where it belongs to the new one: journalling filesystems keep it whole, and POSIX asks for
// it. Changes of one and the same name keep their order, and a directory is not removed before what was in it. A Sync
// of a file says nothing about its name. What a failed Sync was to save stays uncertain for ever.
//
// For each instant: nothing unsynced kept; all kept; each single one lost; the last write torn at several places;
// random subsets.
func Crashes(ops []Op, base *Memory, opts CrashOptions) iter.Seq[Crash] {
	if opts.Subsets == 0 {
		opts.Subsets = 8
	}
	if opts.Singles == 0 {
		opts.Singles = 32
	}
	return func(yield func(Crash) bool) {
		e := &enumeration{
			crashModel: &crashModel{opts: base.d.opts, ops: ops, image: imageOf(base.d)},
			opts:       opts,
			rng:        rand.New(rand.NewPCG(opts.Seed, 0)),
			seen:       map[uint64]struct{}{},
			yield:      yield,
		}
		e.run()
	}
}

// crashModel is what states of one enumeration share. It is never changed once a state refers to it.
type crashModel struct {
	opts  Options
	ops   []Op
	image *image // the disk with the first start operations, which are all durable, applied
	start int
}

// foldAfter is how many durable operations are replayed for each state before a new image is made instead.
const foldAfter = 64

// fold applies to the image the operations before the first that may be lost.
func (e *enumeration) fold(done int) {
	if len(e.pending) > 0 {
		done = e.pending[0]
	}
	if done-e.start < foldAfter {
		return
	}
	m := *e.crashModel
	m.image = m.image.copy()
	for ; m.start < done; m.start++ {
		m.image.born(&m.ops[m.start])
		m.image.apply(&m.ops[m.start])
	}
	e.crashModel = &m
}

type enumeration struct {
	*crashModel
	opts  CrashOptions
	rng   *rand.Rand
	seen  map[uint64]struct{}
	yield func(Crash) bool

	pending []int  // positions of the operations that are not durable, ascending
	sum     uint64 // fingerprint of all operations so far that change something
	marks   int
}

func (e *enumeration) run() {
	if e.opts.From == 0 && !e.instant(0) {
		return
	}
	for i := range e.ops {
		e.step(i)
		e.fold(i + 1)
		if i+1 >= e.opts.From && !e.instant(i+1) {
			return
		}
	}
}

// step brings the list of pending operations up to date with operation i.
func (e *enumeration) step(i int) {
	switch op := &e.ops[i]; op.Kind {
	case Mark:
		e.marks++
	case Sync, SyncDir:
		e.settle(op)
	default:
		e.pending = append(e.pending, i)
		e.sum ^= fingerprint(i)
	}
}

// settle makes durable what a sync covers, and the older changes of names on which that rests. What a failed sync
// covers is no longer in memory either, so that a later one cannot save it: it is doomed to be pending for ever.
func (e *enumeration) settle(sync *Op) {
	var left []int
	rests := newNames()
	for k := len(e.pending) - 1; k >= 0; k-- {
		i := e.pending[k]
		op := &e.ops[i]
		covered := sync.covers(op)
		if covered && sync.Failed && !op.Failed {
			e.doom(i)
		}
		if (covered || rests.meets(op)) && !e.ops[i].Failed {
			rests.add(op)
			continue
		}
		left = append(left, i)
	}
	slices.Reverse(left)
	e.pending = left
}

// covers reports whether a sync makes op durable.
func (sync *Op) covers(op *Op) bool {
	if op.changesEntry() {
		return op.ofDir() == sync.ino
	}
	return op.ino == sync.ino
}

// doom marks an operation in a copy of the list, as the list belongs to the caller.
func (e *enumeration) doom(i int) {
	m := *e.crashModel
	m.ops = append([]Op(nil), e.ops...)
	m.ops[i].Failed = true
	e.crashModel = &m
}

func (p *Op) changesEntry() bool {
	switch p.Kind {
	case Create, Mkdir, Symlink, Mknod, Link, Remove, RemoveDir, Rename:
		return true
	}
	return false
}

// ofDir is the inode of the directory whose SyncDir makes the operation durable.
func (p *Op) ofDir() uint64 {
	switch {
	case !p.changesEntry():
		return 0
	case p.Kind == Rename || p.Kind == Link:
		return p.newDir
	}
	return p.dir
}

// instant gives the states of a crash after done operations, and reports whether to go on.
func (e *enumeration) instant(done int) bool {
	n := len(e.pending)
	if !e.give(done, func(int) bool { return false }) || !e.give(done, func(int) bool { return true }) {
		return false
	}
	for lost := max(0, n-e.opts.Singles); lost < n; lost++ {
		if !e.give(done, func(i int) bool { return i != lost }) {
			return false
		}
	}
	if !e.tear(done) {
		return false
	}
	for range e.opts.Subsets {
		if n < 2 {
			break
		}
		mask := make([]bool, n)
		for i := range mask {
			mask[i] = e.rng.IntN(2) == 0
		}
		if !e.give(done, func(i int) bool { return mask[i] }) {
			return false
		}
	}
	return true
}

// sectorSize is the unit that a disk writes whole.
const sectorSize = 512

// tear gives the states in which the newest pending write is torn and all else is kept.
func (e *enumeration) tear(done int) bool {
	last := -1
	for _, i := range e.pending {
		if e.ops[i].Kind == Write {
			last = i
		}
	}
	if last < 0 {
		return true
	}
	size := len(e.ops[last].Data)
	cuts := []int{0, 1, size - 1, size / 2, size / 2 / sectorSize * sectorSize, e.rng.IntN(size)}
	for _, cut := range cuts {
		for _, short := range []bool{false, true} {
			if cut < 0 || cut >= size {
				continue
			}
			c := e.state(done, func(int) bool { return true })
			c.Torn, c.Kept, c.Short = last, cut, short
			if !e.once(c) {
				return false
			}
		}
	}
	return true
}

// give yields the state in which those pending operations are kept whose index among them keep says.
func (e *enumeration) give(done int, keep func(i int) bool) bool {
	return e.once(e.state(done, keep))
}

// state works out which operations are on the disk: a change of a name needs the older ones that it rests on.
func (e *enumeration) state(done int, keep func(i int) bool) Crash {
	c := Crash{Done: done, Torn: -1, model: e.crashModel, marks: e.marks}
	gone := newNames()
	for k, i := range e.pending {
		op := &e.ops[i]
		if keep(k) && !gone.meetsLater(op) {
			continue
		}
		c.Lost = append(c.Lost, i)
		gone.add(op)
	}
	return c
}

// once yields a state unless one with the same operations on the disk was yielded before. What was promised before
// the crash is part of the case: the same disk is fine before the promise and a loss after it.
func (e *enumeration) once(c Crash) bool {
	key := e.sum ^ fingerprint(-2-c.marks)
	for _, i := range c.Lost {
		key ^= fingerprint(i)
	}
	if c.Torn >= 0 {
		key = fingerprint(int(key)) ^ fingerprint(c.Torn)<<1 ^ fingerprint(c.Kept)<<2
		if c.Short {
			key = ^key
		}
	}
	if _, ok := e.seen[key]; ok {
		return true
	}
	e.seen[key] = struct{}{}
	return e.yield(c)
}

// fingerprint scatters a number over 64 bits: the finaliser of SplitMix64.
func fingerprint(n int) uint64 {
	x := uint64(n) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Marks gives the labels of [Memory.Mark] that lie before the crash, in order.
func (c Crash) Marks() (labels []string) {
	for _, op := range c.model.ops[:c.Done] {
		if op.Kind == Mark {
			labels = append(labels, op.Name)
		}
	}
	return labels
}
