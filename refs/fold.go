package refs

import (
	"errors"
	"fmt"
	"slices"

	"evault/objects"
)

// fold applies records to a state, each after everything in its past. The rule: record B supersedes record A for a ref if B
// changes that ref and A is in B's past, that is, before it in its log or covered by the `seen` of B or of something in B's
// past. What is left of a ref are its dots: one per record that set it and is not superseded. A deletion supersedes and
// leaves nothing; so when one clone deletes a ref and another moves it unseen, the move stays.
//
// A checkpoint restates what its past amounts to. What it covers and does not list is superseded; and what it lists stands
// even where the body of the record that set it has been dropped.
//
// The state is small (a dot per ref, a vector per log) and can be stored and continued: see cache.go. It is not safe for
// concurrent use.
type fold struct {
	logs  []*logState
	byTag map[Tag]int
	dots  map[string][]dot
}

// logState is one log as far as it is folded.
type logState struct {
	tag   Tag
	count uint64     // records folded
	tip   [32]byte   // hash of the newest
	past  vector     // what the newest has in its past, itself included
	seen  []Position // what the newest that has a body has seen directly
	// Of the newest that has a body:
	device [32]byte
	clone  CloneID
	head   Head
	time   objects.Time

	// history is kept while records are applied, so that a `seen` that names an older record finds that one's past:
	// element i belongs to record first+i.
	first   uint64
	history []pastAt
}

// pastAt is one record's hash and past. Its own log's element is left to be filled in, so that neighbours share a vector.
type pastAt struct {
	hash   [32]byte
	others vector
}

// dot is one record's setting of one ref.
type dot struct {
	log int
	seq uint64
	id  objects.ID
}

// errRefold says that a record refers to something that the stored state has already merged away: fold from the start.
var errRefold = errors.New("the stored fold does not reach back far enough")

func newFold() *fold {
	return &fold{byTag: make(map[Tag]int), dots: make(map[string][]dot)}
}

// log gives the state of a log, new if need be, and its index.
func (f *fold) log(tag Tag) (*logState, int) {
	if i, ok := f.byTag[tag]; ok {
		return f.logs[i], i
	}
	i := len(f.logs)
	l := &logState{tag: tag}
	f.logs = append(f.logs, l)
	f.byTag[tag] = i
	return l, i
}

// position is the newest folded record of a log; false when there is none.
func (f *fold) position(tag Tag) (Position, bool) {
	i, ok := f.byTag[tag]
	if !ok || f.logs[i].count == 0 {
		return Position{}, false
	}
	l := f.logs[i]
	return Position{tag, l.count - 1, l.tip}, true
}

// ready says whether everything that the record has seen is folded. If not, the position is the first that is missing.
// errRefold: the stored state cannot tell. A ForkError: the record has seen another record in that place.
func (f *fold) ready(rec *Record) (missing Position, ok bool, err error) {
	if rec.Body == nil {
		return Position{}, true, nil
	}
	var before []Position
	if i, known := f.byTag[rec.Tag]; known {
		before = f.logs[i].seen
	}
	for _, p := range rec.Body.Seen {
		if p.Tag == rec.Tag {
			return p, false, fmt.Errorf("%w: a record that has seen its own log", ErrMismatch)
		}
		if slices.Contains(before, p) {
			continue
		}
		hash, there, err := f.hashAt(p.Tag, p.Seq)
		switch {
		case err != nil:
			return p, false, err
		case !there:
			return p, false, nil
		case hash != p.Hash:
			return p, false, &ForkError{Tag: p.Tag, Seq: p.Seq, Known: hash, Found: p.Hash}
		}
	}
	return Position{}, true, nil
}

// hashAt gives the hash of a folded record.
func (f *fold) hashAt(tag Tag, seq uint64) (hash [32]byte, there bool, err error) {
	i, ok := f.byTag[tag]
	if !ok || seq >= f.logs[i].count {
		return hash, false, nil
	}
	l := f.logs[i]
	switch {
	case seq == l.count-1:
		return l.tip, true, nil
	case seq < l.first:
		return hash, false, errRefold
	}
	return l.history[seq-l.first].hash, true, nil
}

// pastOf gives what a folded record has in its past, itself included. The record was found by ready.
func (f *fold) pastOf(p Position) vector {
	i := f.byTag[p.Tag]
	l := f.logs[i]
	if p.Seq == l.count-1 {
		return l.past
	}
	return l.history[p.Seq-l.first].others.with(i, p.Seq+1)
}

// apply folds one record that continues its log and is ready.
func (f *fold) apply(rec *Record) {
	l, i := f.log(rec.Tag)
	past := l.past
	if rec.Body != nil {
		for _, p := range rec.Body.Seen {
			if !slices.Contains(l.seen, p) {
				past = past.join(f.pastOf(p))
			}
		}
	}
	if l.count == 0 || len(l.history) == 0 {
		l.first, l.history = rec.Seq, l.history[:0]
	}
	others := past
	if n := len(l.history); n > 0 && sameOthers(l.history[n-1].others, past, i) {
		others = l.history[n-1].others
	}
	l.history = append(l.history, pastAt{rec.Hash, others})
	l.past = past.with(i, rec.Seq+1)
	l.count, l.tip = rec.Seq+1, rec.Hash
	if rec.Body != nil {
		f.applyBody(rec, l, i)
	}
}

// sameOthers says that two vectors differ at most in element i.
func sameOthers(a, b vector, i int) bool {
	for j := range max(len(a), len(b)) {
		if j != i && a.at(j) != b.at(j) {
			return false
		}
	}
	return true
}

func (f *fold) applyBody(rec *Record, l *logState, i int) {
	b := rec.Body
	l.seen, l.device, l.clone, l.head, l.time = b.Seen, b.Device, b.Clone, b.HeadAfter, b.Time
	if b.Checkpoint != nil {
		f.restate(b.Checkpoint, l.past)
	}
	for _, c := range b.Changes {
		left := f.superseded(f.dots[c.Name], l.past)
		if !c.New.IsZero() {
			left = append(left, dot{i, rec.Seq, c.New})
		}
		f.setDots(c.Name, left)
	}
}

// superseded returns the dots that past does not cover, in the same memory.
func (f *fold) superseded(dots []dot, past vector) []dot {
	return slices.DeleteFunc(dots, func(d dot) bool { return d.seq < past.at(d.log) })
}

func (f *fold) setDots(name string, dots []dot) {
	if len(dots) == 0 {
		delete(f.dots, name)
		return
	}
	f.dots[name] = dots
}

// restate removes the dots that a checkpoint covers and does not list.
func (f *fold) restate(c *Checkpoint, past vector) {
	for name, dots := range f.dots {
		f.setDots(name, slices.DeleteFunc(dots, func(d dot) bool {
			if d.seq >= past.at(d.log) {
				return false
			}
			return !c.lists(TableRef{Name: name, Origin: f.logs[d.log].tag, Seq: d.seq})
		}))
	}
}

// lists says that the checkpoint's table has this ref with this origin.
func (c *Checkpoint) lists(r TableRef) bool {
	_, ok := slices.BinarySearchFunc(c.Refs, r, compareTableRefs)
	return ok
}

// recall puts the dots of records whose bodies were dropped back into an empty fold, from the tables of checkpoints. A dot
// stands only if every checkpoint that covers it lists it: that is decided when those checkpoints are applied. Here it is
// enough to know each.
func (f *fold) recall(c *Checkpoint, dropped func(Tag, uint64) bool) {
	for _, r := range c.Refs {
		if !dropped(r.Origin, r.Seq) {
			continue
		}
		_, i := f.log(r.Origin)
		d := dot{i, r.Seq, r.ID}
		if !slices.Contains(f.dots[r.Name], d) {
			f.dots[r.Name] = append(f.dots[r.Name], d)
		}
	}
}

// table gives the refs of a checkpoint that covers all that is folded.
func (f *fold) table() []TableRef {
	var out []TableRef
	for name, dots := range f.dots {
		for _, d := range dots {
			out = append(out, TableRef{name, d.id, f.logs[d.log].tag, d.seq})
		}
	}
	slices.SortFunc(out, compareTableRefs)
	return out
}

// seenBy gives the heads of all logs but one: what a new record of that one has seen. Strictly ascending by tag.
func (f *fold) seenBy(own Tag) []Position {
	var out []Position
	for _, l := range f.logs {
		if l.tag != own && l.count > 0 {
			out = append(out, Position{l.tag, l.count - 1, l.tip})
		}
	}
	slices.SortFunc(out, func(a, b Position) int { return compareTags(a.Tag, b.Tag) })
	return out
}
