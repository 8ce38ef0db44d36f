package repo

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"evault/internal/textdiff"
	"evault/objects"
)

// BlameOptions choose what Blame looks at.
type BlameOptions struct {
	Revision    string // empty: the file as it is on disk
	Path        string
	From, To    int       // only these lines, counted from 1; 0: from the first, to the last
	IgnoreSpace bool      // changes of space alone do not count
	Since       time.Time // do not go back behind commits older than this; zero: to the beginning
}

// BlameLine is one line of a file and where it comes from.
type BlameLine struct {
	Number   int             // in the file that was asked about, from 1
	Text     []byte          // with its "\n"
	ID       objects.ID      // the commit that brought the line; zero: it is in no commit yet
	Commit   *objects.Commit // nil if ID is zero
	Path     string          // what the file was called there
	Original int             // the line's number there
	Boundary bool            // the search ended there: a first commit, or one older than Since
}

// maxBlameBytes is the largest version of a file that Blame reads.
const maxBlameBytes = 256 << 20

// Blame says of each line of a file which commit brought it, by the rules of git: a line is passed on to the first parent that has
// it at the place that a comparison of the two versions gives, under another name if the file was renamed.
func (r *Repository) Blame(ctx context.Context, o BlameOptions) ([]BlameLine, error) {
	if _, err := r.database(); err != nil {
		return nil, err
	}
	h, err := r.history(ctx)
	if err != nil {
		return nil, err
	}
	b := &blaming{repo: r, ctx: ctx, o: o, walk: &logWalk{h: h, ctx: ctx}, open: map[blameKey]*blameOrigin{}, touched: map[string]map[objects.ID]bool{}}
	b.ahead.b, b.ahead.next = b, -1
	defer b.ahead.close()
	if err := b.begin(); err != nil {
		return nil, err
	}
	for len(b.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v := heap.Pop(&b.queue).(*blameOrigin)
		delete(b.open, v.blameKey)
		if err := b.pass(v); err != nil {
			return nil, err
		}
	}
	return b.lines, nil
}

// blameKey is one version of the file: a commit, zero for the disk, and the name there.
type blameKey struct {
	id   objects.ID
	path string
}

// blameOrigin is a version with the lines that may come from it.
type blameOrigin struct {
	blameKey
	commit *objects.Commit // nil: the disk
	entry  *objects.Entry
	text   [][]byte // nil until it is needed
	spans  []blameSpan
}

// blameSpan is lines [from,to) of a version; in the file asked about they are shift further down.
type blameSpan struct{ from, to, shift int }

// blaming is one Blame under way.
type blaming struct {
	repo    *Repository
	ctx     context.Context
	o       BlameOptions
	walk    *logWalk
	queue   blameQueue
	open    map[blameKey]*blameOrigin
	touched map[string]map[objects.ID]bool // by path: which commits changed it
	ahead   blameAhead
	lines   []BlameLine
	first   int
}

// begin reads the version that is asked about.
func (b *blaming) begin() error {
	r, o := b.repo, b.o
	id, c, err := r.ResolveCommit(b.ctx, o.Revision)
	if err != nil {
		return err
	}
	e, err := r.lookup(b.ctx, id, c, o.Path)
	if err != nil {
		return err
	}
	if e.Type != objects.TypeFile {
		return usagef("%s is a %s; only a file has lines to blame", display(o.Path), e.Type)
	}
	committed := &blameOrigin{blameKey: blameKey{id, o.Path}, commit: c, entry: e}
	start := committed
	if o.Revision == "" {
		if start, err = b.onDisk(); err != nil {
			return err
		}
	} else if err := b.load(start); err != nil {
		return err
	}
	from, to, err := b.bounds(len(start.text))
	if err != nil {
		return err
	}
	b.first = from
	b.lines = make([]BlameLine, to-from)
	for i := range b.lines {
		b.lines[i] = BlameLine{Number: from + i + 1, Text: start.text[from+i]}
	}
	start.spans = []blameSpan{{from, to, 0}}
	if from == to {
		return nil
	}
	if start == committed {
		b.push(start)
		return nil
	}
	if err := b.passTo(start, committed); err != nil {
		return err
	}
	b.push(committed)
	b.keep(start, false)
	return nil
}

func (b *blaming) onDisk() (*blameOrigin, error) {
	file := diskFile{repo: b.repo, path: b.o.Path}
	data, err := file.load(b.ctx, maxBlameBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.o.Path, err)
	}
	text, err := blameText(b.o.Path, data)
	return &blameOrigin{blameKey: blameKey{path: b.o.Path}, text: text}, err
}

// bounds turns the lines that are wanted into places.
func (b *blaming) bounds(lines int) (from, to int, err error) {
	from, to = max(b.o.From-1, 0), b.o.To
	if to == 0 || to > lines {
		to = lines
	}
	if from > 0 && from >= lines {
		return 0, 0, usagef("%s has only %d lines", display(b.o.Path), lines)
	}
	if from > to {
		return 0, 0, usagef("there are no lines from %d to %d", b.o.From, b.o.To)
	}
	return from, to, nil
}

func blameText(name string, data []byte) ([][]byte, error) {
	if textdiff.IsBinary(data) {
		return nil, usagef("%s is a binary file; only text has lines to blame", display(name))
	}
	return nonNilLines(textdiff.Lines(data)), nil
}

func nonNilLines(lines [][]byte) [][]byte {
	if lines == nil {
		return [][]byte{}
	}
	return lines
}

// load reads a version's text, once. Only the one that is asked about is refused for being binary.
func (b *blaming) load(v *blameOrigin) error {
	if v.text != nil {
		return nil
	}
	data, err := contentOf(b.ctx, b.repo.db, v.entry, maxBlameBytes)
	if err == nil && len(b.lines) == 0 {
		v.text, err = blameText(v.path, data)
	} else if err == nil {
		v.text = nonNilLines(textdiff.Lines(data))
	}
	if err != nil && !errors.Is(err, ErrUsage) {
		return fmt.Errorf("%s in commit %s: %w", v.path, v.id.Short(), err)
	}
	return err
}

// push queues a version, or adds its lines to it if it is queued already. Parents come after all of their children.
func (b *blaming) push(v *blameOrigin) {
	if len(v.spans) == 0 {
		return
	}
	if was := b.open[v.blameKey]; was != nil {
		was.spans = append(was.spans, v.spans...)
		if was.text == nil {
			was.text = v.text
		}
		return
	}
	b.open[v.blameKey] = v
	heap.Push(&b.queue, v)
}

// keep says of the lines that are left with a version that they come from it.
func (b *blaming) keep(v *blameOrigin, boundary bool) {
	for _, s := range v.spans {
		for i := s.from; i < s.to; i++ {
			line := &b.lines[i+s.shift-b.first]
			line.ID, line.Commit, line.Path, line.Original, line.Boundary = v.id, v.commit, v.path, i+1, boundary
		}
	}
}

// pass hands the lines of a version on to the parents that have them.
func (b *blaming) pass(v *blameOrigin) error {
	if len(v.commit.Parents) == 0 || b.tooOld(v.commit.Time.Sec, v.commit.Time.Nsec) {
		b.keep(v, true)
		return nil
	}
	parents, whole, err := b.parents(v)
	if err != nil {
		return err
	}
	if whole != nil { // the same content: all of it is older
		whole.spans, whole.text = v.spans, v.text
		b.push(whole)
		return nil
	}
	for _, p := range parents {
		if len(v.spans) == 0 {
			break
		}
		if err := b.passTo(v, p); err != nil {
			return err
		}
		b.push(p)
	}
	b.keep(v, false)
	return nil
}

// tooOld says that the search does not go back behind a commit of that time.
func (b *blaming) tooOld(sec int64, nsec uint32) bool {
	return !b.o.Since.IsZero() && time.Unix(sec, int64(nsec)).Before(b.o.Since)
}

// parents gives the versions that a version was made of, or only one if that is all the same.
func (b *blaming) parents(v *blameOrigin) (list []*blameOrigin, whole *blameOrigin, err error) {
	if n, known := b.walk.h.number(v.id); known && !b.touching(v.path)[v.id] {
		whole, err = b.version(b.walk.h.ids[b.resting(n, v.path)], v.path, v.entry)
		return nil, whole, err
	}
	found := make([]*blameOrigin, len(v.commit.Parents))
	for _, find := range []func(*blameOrigin, objects.ID) (*blameOrigin, error){b.sameName, b.otherName} {
		for i, id := range v.commit.Parents {
			if found[i] != nil {
				continue
			}
			if found[i], err = find(v, id); err != nil {
				return nil, nil, err
			}
			if p := found[i]; p != nil && sameText(p.entry, v.entry) {
				return nil, p, nil
			}
		}
	}
	for _, p := range found {
		if p != nil && !slices.ContainsFunc(list, func(q *blameOrigin) bool { return sameText(p.entry, q.entry) }) {
			list = append(list, p)
		}
	}
	return list, nil, nil
}

func sameText(a, b *objects.Entry) bool { return a.Size == b.Size && a.Content.Equal(&b.Content) }

func (b *blaming) version(id objects.ID, name string, e *objects.Entry) (*blameOrigin, error) {
	c, err := b.repo.loadCommit(b.ctx, id)
	if err != nil {
		return nil, err
	}
	return &blameOrigin{blameKey: blameKey{id, name}, commit: c, entry: e}, nil
}

// sameName finds the file under the same name in a parent; nil: it is not there.
func (b *blaming) sameName(v *blameOrigin, parent objects.ID) (*blameOrigin, error) {
	return b.named(parent, v.path)
}

// named finds a file in a commit. Of commits that hold the same file, the one that brought it stands for the others.
func (b *blaming) named(id objects.ID, name string) (*blameOrigin, error) {
	var ready *aheadVersion
	if n, known := b.walk.h.number(id); known {
		n = b.resting(n, name)
		id = b.walk.h.ids[n]
		ready = b.ahead.take(n, name)
	}
	v, err := b.version(id, name, nil)
	if err != nil {
		return nil, err
	}
	if ready != nil && ready.entry.Type == objects.TypeFile {
		v.entry, v.text = &ready.entry, ready.text
		return v, nil
	}
	e, err := objects.Lookup(b.ctx, b.repo.db, v.commit.Tree, name)
	switch {
	case errors.Is(err, objects.ErrNoPath):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s in commit %s: %w", name, id.Short(), err)
	case e.Type != objects.TypeFile:
		return nil, nil
	}
	v.entry = &e
	return v, nil
}

// otherName finds what the file was called in a parent, if it was renamed since.
func (b *blaming) otherName(v *blameOrigin, parent objects.ID) (*blameOrigin, error) {
	n, known := b.walk.h.number(v.id)
	p, parentKnown := b.walk.h.number(parent)
	if !known || !parentKnown {
		return nil, nil
	}
	name, ok, err := b.walk.renamedFrom(n, p, v.path)
	if err != nil || !ok {
		return nil, err
	}
	return b.named(parent, path.Clean(name))
}

// blameQueue gives versions so that none comes before one that was made of it.
type blameQueue []*blameOrigin

func (q blameQueue) Len() int           { return len(q) }
func (q blameQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q blameQueue) Less(i, j int) bool { return q[i].commit.Generation > q[j].commit.Generation }
func (q *blameQueue) Push(x any)        { *q = append(*q, x.(*blameOrigin)) }
func (q *blameQueue) Pop() any {
	old := *q
	v := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return v
}
