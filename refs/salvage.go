package refs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
)

// Salvaged is what can still be read of the logs of a local store: of records that are damaged or gone nothing, and
// of those behind them everything that they say by themselves.
type Salvaged struct {
	// Problems are all that is wrong with the logs; none means that nothing else here is of interest.
	Problems []error
	// Refs, ascending by name, and Head are what the readable records amount to, the last word of each counting.
	Refs []Ref
	Head Head
	// Own says that this clone's own log has records, and that all of them are accepted: then the view is whole.
	Own bool
	// Behind is how many records could be read that stand behind a damaged one.
	Behind int
	// Lost is how many records there were, as far as their numbers and the pins tell, that cannot be read.
	Lost int
	// Newer is how many records there are that only a newer evault reads. Rot may make one look like that.
	Newer int
	// Kept says for each log how many records of it are accepted.
	Kept map[Tag]uint64
}

// Salvage reads every record of a local store that is right by itself, with no regard to caches, and changes nothing. It is
// for a repair: what stands behind a damaged record is signed by a member, but nothing shows any more that it is all
// there was. The error is one of reading the disk, or the context's.
func Salvage(ctx context.Context, o Options) (*Salvaged, error) {
	o.ReadOnly, o.Salvage = true, true
	r := &Refs{o: o, checker: newChecker(&o)}
	if err := r.identify(); err != nil {
		return nil, err
	}
	var err error
	if r.pins, err = readPins(o.State, o.Vault.ID().String(), o.StoreID); err != nil {
		return nil, err
	}
	l, err := listLogs(o.Store)
	if err != nil {
		return nil, err
	}
	a, err := foldAll(ctx, &o, r.checker, r.pins.known)
	if err != nil {
		return nil, err
	}
	s := &salvage{r: r, acceptance: a, found: &Salvaged{Kept: map[Tag]uint64{}}}
	s.found.Problems = slices.Concat(a.problems, r.rollbacks(a.fold, a.logs), strangers(l, a.logs))
	return s.found, s.run(ctx)
}

// salvage is one run of Salvage.
type salvage struct {
	*acceptance
	r     *Refs
	found *Salvaged
	refs  map[string]objects.ID
}

func (s *salvage) run(ctx context.Context) error {
	view, err := s.fold.view(s.r.own, s.r.o.CloneID, s.r.o.Descends)
	if err != nil {
		return err
	}
	s.found.Head, s.refs = view.Head, map[string]objects.ID{}
	for name, id := range view.All() {
		s.refs[name] = id
	}
	behind := map[Tag][]*Record{}
	for _, l := range s.logs {
		if err := s.readBehind(ctx, l, behind); err != nil {
			return err
		}
	}
	if err := s.readOutbox(behind); err != nil {
		return err
	}
	for _, tag := range s.order(behind) {
		for _, rec := range behind[tag] {
			s.apply(rec)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.refs)) {
		s.found.Refs = append(s.found.Refs, Ref{name, s.refs[name]})
	}
	return nil
}

// readBehind reads the records of a log that were not accepted.
func (s *salvage) readBehind(ctx context.Context, l *acceptedLog, behind map[Tag][]*Record) (err error) {
	d, err := openLog(s.r.o.Store, l.tag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	seqs, _, err := d.sequences()
	if err != nil {
		return err
	}
	kept, end := s.foldedOf(l.tag), uint64(0)
	s.found.Kept[l.tag] = kept
	if pin, ok := s.r.pins.known[l.tag]; ok {
		end = pin.Seq + 1
	}
	for _, seq := range seqs {
		if seq < kept {
			continue
		}
		end = max(end, seq+1)
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := d.read(seq)
		if err != nil && !isContent(err) {
			return err
		}
		if err != nil {
			continue
		}
		rec, err := s.r.checker.record(l.tag, seq, data)
		if err == nil {
			behind[l.tag] = append(behind[l.tag], rec)
		} else if errors.Is(err, ErrNewer) {
			s.found.Newer++
		}
	}
	if l.tag == s.r.own {
		s.found.Own = kept > 0 && end <= kept
	}
	if end > kept {
		s.found.Lost += int(min(end-kept, MaxLogs)) - min(len(behind[l.tag]), MaxLogs)
	}
	return nil
}

func (s *salvage) foldedOf(tag Tag) uint64 {
	if i, ok := s.fold.byTag[tag]; ok {
		return s.fold.logs[i].count
	}
	return 0
}

// readOutbox reads what a crash has left half way. What cannot be read there keeps the vault from being opened.
func (s *salvage) readOutbox(behind map[Tag][]*Record) error {
	names, err := readNames(s.r.o.Local, outboxDir)
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b vfs.DirName) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range names {
		tag, seq, ok := parseOutboxName(n.Name)
		if !ok {
			continue
		}
		data, err := readNamed(s.r.o.Local, outboxDir+"/"+n.Name, MaxRecord)
		if err != nil && !isContent(err) {
			return err
		}
		var ours bool
		if err == nil {
			_, _, ours, err = checkOutboxRecord(&s.r.o, tag, seq, data)
		}
		if err != nil {
			s.found.Problems = append(s.found.Problems, fmt.Errorf("outbox: %w", err))
			continue
		}
		if rec, err := s.r.checker.record(tag, seq, data); ours && err == nil && seq >= s.foldedOf(tag) {
			behind[tag] = append(behind[tag], rec)
		}
	}
	return nil
}

// order puts logs in the order in which clones followed each other: by their newest readable record, this clone's own last.
func (s *salvage) order(behind map[Tag][]*Record) []Tag {
	newest := func(tag Tag) (t objects.Time) {
		for _, rec := range behind[tag] {
			if rec.Body != nil {
				t = rec.Body.Time
			}
		}
		return t
	}
	return slices.SortedFunc(maps.Keys(behind), func(a, b Tag) int {
		if (a == s.r.own) != (b == s.r.own) {
			if a == s.r.own {
				return 1
			}
			return -1
		}
		x, y := newest(a), newest(b)
		return cmp.Or(cmp.Compare(x.Sec, y.Sec), cmp.Compare(x.Nsec, y.Nsec), compareTags(a, b))
	})
}

func (s *salvage) apply(rec *Record) {
	s.found.Behind++
	if rec.Body == nil {
		return
	}
	if c := rec.Body.Checkpoint; c != nil {
		for _, e := range c.Refs {
			s.refs[e.Name] = e.ID
		}
	}
	for _, c := range rec.Body.Changes {
		if c.New.IsZero() {
			delete(s.refs, c.Name)
		} else {
			s.refs[c.Name] = c.New
		}
	}
	if !rec.Body.HeadAfter.IsZero() {
		s.found.Head = rec.Body.HeadAfter
	}
}
