package refs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"evault/keys"
	"evault/objects"
)

// history is a random set of logs: what several clones did to one store, each seeing some of the others.
type history struct {
	logs   [][]*Record
	closed bool // every record lists all that it knows, as honest writers do
}

func histTag(i int) Tag { return sha256.Sum256([]byte{byte(i)}) }

func histHash(log, seq int) [32]byte { return sha256.Sum256(fmt.Appendf(nil, "%d/%d", log, seq)) }

// drawHistory makes up to 40 records in up to 4 logs. checkpoints allows records that restate; they take a closed history.
func drawHistory(t *rapid.T, closed, checkpoints bool) *history {
	h := &history{logs: make([][]*Record, rapid.IntRange(1, 4).Draw(t, "logs")), closed: closed}
	known := make([][]int, len(h.logs)) // per log: how many records of every other it has seen
	for i := range known {
		known[i] = make([]int, len(h.logs))
	}
	for step := range rapid.IntRange(0, 40).Draw(t, "records") {
		l := rapid.IntRange(0, len(h.logs)-1).Draw(t, "log")
		body := &Body{Device: [32]byte{byte(l + 1)}, HeadAfter: Head{Branch: "main"}, Time: objects.Time{Sec: int64(step)}}
		for o := range h.logs {
			if o == l || len(h.logs[o]) == 0 {
				continue
			}
			least := 0
			if closed {
				least = known[l][o]
			}
			n := rapid.IntRange(least, len(h.logs[o])).Draw(t, "seen")
			if n == 0 {
				continue
			}
			body.Seen = append(body.Seen, Position{histTag(o), uint64(n - 1), histHash(o, n-1)})
			known[l][o] = n
		}
		if closed { // what the seen ones have seen is known too
			h.close(l, known, body)
		}
		slices.SortFunc(body.Seen, func(a, b Position) int { return compareTags(a.Tag, b.Tag) })
		rec := &Record{Header: Header{Tag: histTag(l), Seq: uint64(len(h.logs[l]))}, Body: body, Hash: histHash(l, len(h.logs[l]))}
		h.logs[l] = append(h.logs[l], rec)
		if checkpoints && rapid.IntRange(0, 7).Draw(t, "checkpoint") == 0 {
			body.Checkpoint = &Checkpoint{Refs: h.table(rec)}
			continue
		}
		for _, name := range []string{"heads/a", "heads/b", "tags/c"} {
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				body.Changes = append(body.Changes, Change{Name: name, New: objects.ID(histHash(l, int(rec.Seq)))})
			case 1:
				if rapid.Bool().Draw(t, "delete") {
					body.Changes = append(body.Changes, Change{Name: name, Old: objects.ID{1}})
				}
			}
		}
	}
	return h
}

// close raises what a record has seen to all that those have seen.
func (h *history) close(l int, known [][]int, body *Body) {
	rec := &Record{Header: Header{Tag: histTag(l), Seq: uint64(len(h.logs[l]))}, Body: body}
	past := h.past(rec)
	body.Seen = nil
	for o := range h.logs {
		n := 0
		for _, r := range h.logs[o] {
			if past[r] {
				n = int(r.Seq) + 1
			}
		}
		if o != l && n > 0 {
			body.Seen = append(body.Seen, Position{histTag(o), uint64(n - 1), histHash(o, n-1)})
			known[l][o] = n
		}
	}
}

// past is the oracle's: every record that can be reached over the log's order and over `seen`, by walking.
func (h *history) past(rec *Record) map[*Record]bool {
	out := make(map[*Record]bool)
	var visit func(tag Tag, count int)
	visit = func(tag Tag, count int) {
		for _, log := range h.logs {
			for i, r := range log {
				if r.Tag != tag || i >= count || out[r] {
					continue
				}
				out[r] = true
				for _, p := range r.Body.Seen {
					visit(p.Tag, int(p.Seq)+1)
				}
			}
		}
	}
	visit(rec.Tag, int(rec.Seq))
	for _, p := range rec.Body.Seen {
		visit(p.Tag, int(p.Seq)+1)
	}
	return out
}

// table is the oracle's fold of some records (nil: all): by the definition, record by record and pair by pair.
func (h *history) table(upTo *Record) []TableRef {
	var all []*Record
	for _, log := range h.logs {
		all = append(all, log...)
	}
	if upTo != nil {
		past := h.past(upTo)
		all = slices.DeleteFunc(all, func(r *Record) bool { return !past[r] })
	}
	var out []TableRef
	for _, a := range all {
		for _, c := range a.Body.Changes {
			if c.New.IsZero() || slices.ContainsFunc(all, func(b *Record) bool { return changes(b, c.Name) && h.past(b)[a] }) {
				continue
			}
			out = append(out, TableRef{c.Name, c.New, a.Tag, a.Seq})
		}
	}
	slices.SortFunc(out, compareTableRefs)
	return out
}

func changes(r *Record, name string) bool {
	return slices.ContainsFunc(r.Body.Changes, func(c Change) bool { return c.Name == name })
}

// loaded gives the history as if it had been read from a disk, in some order of logs.
func (h *history) loaded(from []int) []*loaded {
	var out []*loaded
	for i, log := range h.logs {
		if len(log) > 0 {
			out = append(out, &loaded{tag: histTag(i), records: log[from[i]:], present: uint64(len(log))})
		}
	}
	slices.SortFunc(out, func(a, b *loaded) int { return compareTags(a.tag, b.tag) })
	return out
}

func foldHistory(t interface{ Fatalf(string, ...any) }, base func() *fold, logs []*loaded) *fold {
	a, err := accept(base, logs, new(keys.Roster), nil)
	if err != nil || len(a.problems) > 0 {
		t.Fatalf("fold: %v %v", err, a)
	}
	return a.fold
}

func TestFoldAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, false, false)
		got := foldHistory(t, newFold, h.loaded(make([]int, len(h.logs)))).table()
		if want := h.table(nil); !slices.Equal(got, want) {
			t.Fatalf("fold\n%v\noracle\n%v", got, want)
		}
	})
}

// A stored fold continued by the rest is the fold of all, or says that it cannot know.
func TestFoldContinuedFromCache(t *testing.T) {
	continued := 0
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, rapid.Bool().Draw(t, "closed"), false)
		// Cut every log somewhere, then take back what the cut has not seen.
		counts := make([]int, len(h.logs))
		for i, log := range h.logs {
			counts[i] = rapid.IntRange(0, len(log)).Draw(t, "cut")
		}
		h.shrinkToClosed(counts)
		part := &history{logs: make([][]*Record, len(h.logs))}
		for i := range h.logs {
			part.logs[i] = h.logs[i][:counts[i]]
		}
		first := foldHistory(t, newFold, part.loaded(make([]int, len(h.logs))))
		stored, err := decodeFold(first.append(nil))
		if err != nil {
			t.Fatalf("stored fold: %v", err)
		}
		if !stored.same(first) {
			t.Fatalf("a stored fold differs")
		}
		a, err := accept(func() *fold { return stored }, h.loaded(counts), new(keys.Roster), nil)
		if errors.Is(err, errRefold) {
			return
		}
		if err != nil || len(a.problems) > 0 {
			t.Fatalf("continue: %v", err)
		}
		continued++
		if want := h.table(nil); !slices.Equal(a.fold.table(), want) {
			t.Fatalf("continued\n%v\noracle\n%v", a.fold.table(), want)
		}
	})
	if continued == 0 {
		t.Error("no history could be continued")
	}
}

// shrinkToClosed lowers counts until no counted record has seen one that is not.
func (h *history) shrinkToClosed(counts []int) {
	for again := true; again; {
		again = false
		for i, log := range h.logs {
			for j, r := range log[:counts[i]] {
				for _, p := range r.Body.Seen {
					for o := range h.logs {
						if histTag(o) == p.Tag && int(p.Seq) >= counts[o] && j < counts[i] {
							counts[i], again = j, true
						}
					}
				}
			}
		}
	}
}

// Bodies behind a checkpoint can be dropped, any of them, and nothing changes.
func TestFoldWithDroppedBodies(t *testing.T) {
	dropped := 0
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, true, true)
		want := h.table(nil)
		if got := foldHistory(t, newFold, h.loaded(make([]int, len(h.logs)))).table(); !slices.Equal(got, want) {
			t.Fatalf("with all bodies\n%v\noracle\n%v", got, want)
		}
		covered := make(map[*Record]bool)
		for _, log := range h.logs {
			for _, r := range log {
				if r.Body.Checkpoint != nil {
					for p := range h.past(r) {
						covered[p] = true
					}
				}
			}
		}
		thin := &history{logs: make([][]*Record, len(h.logs))}
		for i, log := range h.logs {
			for _, r := range log {
				c := *r
				if covered[r] && r.Body.Checkpoint == nil && rapid.Bool().Draw(t, "drop") {
					c.Body = nil
					dropped++
				}
				thin.logs[i] = append(thin.logs[i], &c)
			}
		}
		if got := foldHistory(t, newFold, thin.loaded(make([]int, len(h.logs)))).table(); !slices.Equal(got, want) {
			t.Fatalf("with dropped bodies\n%v\noracle\n%v", got, want)
		}
	})
	if dropped == 0 {
		t.Error("no body was dropped")
	}
}

// Whatever is hidden, what depends on it is held back, the rest is folded, and the hidden record is named.
func TestHiddenRecordsHoldBackWhatHasSeenThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, false, false)
		logs := h.loaded(make([]int, len(h.logs)))
		if len(logs) == 0 {
			return
		}
		victim := logs[rapid.IntRange(0, len(logs)-1).Draw(t, "victim")]
		keep := rapid.IntRange(0, len(victim.records)-1).Draw(t, "keep")
		cut := victim.records[keep:]
		victim.records, victim.present = victim.records[:keep], uint64(keep)
		a, err := accept(newFold, logs, new(keys.Roster), nil)
		if err != nil {
			t.Fatal(err)
		}
		depends := func(r *Record) bool {
			past := h.past(r)
			return slices.ContainsFunc(cut, func(c *Record) bool { return past[c] })
		}
		held := false
		for _, l := range logs {
			for _, r := range l.records {
				if a.fold.has(r) == depends(r) {
					t.Fatalf("%v: folded %v, depends on the hidden %v", r.Position(), a.fold.has(r), depends(r))
				}
				held = held || depends(r)
			}
		}
		if held != a.hidden() {
			t.Fatalf("held back %v, problems %v", held, a.problems)
		}
		for _, p := range a.problems {
			var hid *HiddenError
			if errors.As(p, &hid) && (hid.Missing.Tag != victim.tag || hid.Missing.Seq < uint64(keep)) {
				t.Fatalf("the hidden record is not the one named: %v", p)
			}
		}
	})
}

func TestRevokedDevices(t *testing.T) {
	// Log 0 by a member, log 1 by a revoked device; the member has seen three of its five records.
	h := &history{logs: make([][]*Record, 2)}
	for i := range 5 {
		h.logs[1] = append(h.logs[1], &Record{Header: Header{Tag: histTag(1), Seq: uint64(i)}, Hash: histHash(1, i),
			Body: &Body{Device: [32]byte{2}, Changes: []Change{{"heads/a", objects.ID{}, objects.ID(histHash(1, i))}}}})
	}
	h.logs[0] = []*Record{{Header: Header{Tag: histTag(0)}, Hash: histHash(0, 0),
		Body: &Body{Device: [32]byte{1}, Seen: []Position{{histTag(1), 2, histHash(1, 2)}}}}}
	cut := func(seq int, hash [32]byte) []keys.Cutoff {
		return []keys.Cutoff{{Log: histTag(1), Sequence: uint64(seq), Header: hash}}
	}
	for name, c := range map[string]struct {
		cutoffs []keys.Cutoff
		accept  uint64
		want    error
	}{
		"not listed: what a member has seen": {nil, 3, ErrUnauthorised},
		"listed: to the cut-off":             {cut(3, histHash(1, 3)), 4, ErrUnauthorised},
		"cut-off at the end":                 {cut(4, histHash(1, 4)), 5, nil},
		"cut-off beyond the end":             {cut(9, histHash(1, 9)), 5, nil},
		"another record at the cut-off":      {cut(3, histHash(9, 9)), 3, ErrFork},
	} {
		t.Run(name, func(t *testing.T) {
			roster := &keys.Roster{Revocations: []keys.Revocation{{Device: [32]byte{2}, Cutoffs: c.cutoffs}}}
			a, err := accept(newFold, h.loaded([]int{0, 0}), roster, nil)
			must(t, err)
			if pos, _ := a.fold.position(histTag(1)); pos.Seq+1 != c.accept {
				t.Errorf("%d records accepted, want %d", pos.Seq+1, c.accept)
			}
			if err := errors.Join(a.problems...); !errors.Is(err, c.want) {
				t.Errorf("problems %v, want %v", err, c.want)
			}
		})
	}
}

// What a removed device has seen does not count as seen, even where its own records are accepted up to a cut-off.
func TestRemovedDeviceVouchesForNothing(t *testing.T) {
	h := &history{logs: make([][]*Record, 2)}
	rec := func(log int, seen ...Position) {
		h.logs[log] = []*Record{{Header: Header{Tag: histTag(log)}, Hash: histHash(log, 0), Body: &Body{Device: [32]byte{byte(log + 1)}, Seen: seen}}}
	}
	rec(0)
	rec(1, Position{histTag(0), 0, histHash(0, 0)})
	listed := []keys.Cutoff{{Log: histTag(1), Header: histHash(1, 0)}}
	for name, c := range map[string]struct {
		revoked []keys.Revocation
		accept  bool
	}{
		"the one that has seen it has its rights": {[]keys.Revocation{{Device: [32]byte{1}}}, true},
		"both are removed":                        {[]keys.Revocation{{Device: [32]byte{1}}, {Device: [32]byte{2}, Cutoffs: listed}}, false},
	} {
		a, err := accept(newFold, h.loaded([]int{0, 0}), &keys.Roster{Revocations: c.revoked}, nil)
		must(t, err)
		if a.fold.has(h.logs[0][0]) != c.accept {
			t.Errorf("%s: accepted is %v", name, !c.accept)
		}
	}
}

// What a held-back record has seen does not count as seen.
func TestHeldBackRecordsVouchForNothing(t *testing.T) {
	h := &history{logs: make([][]*Record, 3)}
	rec := func(log, seq int, seen ...Position) {
		h.logs[log] = append(h.logs[log], &Record{Header: Header{Tag: histTag(log), Seq: uint64(seq)}, Hash: histHash(log, seq),
			Body: &Body{Device: [32]byte{byte(log + 1)}, Seen: seen}})
	}
	rec(1, 0)
	rec(0, 0, Position{histTag(1), 0, histHash(1, 0)}, Position{histTag(2), 0, histHash(2, 0)}) // log 2 is hidden
	roster := &keys.Roster{Revocations: []keys.Revocation{{Device: [32]byte{2}}}}
	a, err := accept(newFold, h.loaded([]int{0, 0, 0}), roster, nil)
	must(t, err)
	if a.fold.has(h.logs[1][0]) {
		t.Error("a revoked device's record was accepted on the word of one that was held back")
	}
}

func TestNewestAmongCandidates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A random order of descent: i descends from j if bit j of above[i] is set; closed transitively.
		n := rapid.IntRange(1, 6).Draw(t, "n")
		above := make([]uint, n)
		for i := range above {
			above[i] = 1 << i
			for j := range i {
				if rapid.Bool().Draw(t, "edge") {
					above[i] |= above[j]
				}
			}
		}
		perm := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := range n {
				if !yield(i) {
					return
				}
			}
		})).Draw(t, "order")
		var ids []objects.ID
		for _, i := range perm {
			ids = append(ids, objects.ID{byte(i + 1)})
		}
		got, ok, err := newest(ids, func(a, b objects.ID) (bool, error) { return above[a[0]-1]>>(b[0]-1)&1 == 1, nil })
		if err != nil {
			t.Fatal(err)
		}
		want, found := 0, false
		for i := range n {
			if above[i] == 1<<n-1 {
				want, found = i, true
			}
		}
		if ok != found || ok && !bytes.Equal(got[:1], []byte{byte(want + 1)}) {
			t.Fatalf("winner %v %v, want %v %v", got[0], ok, want+1, found)
		}
	})
}
