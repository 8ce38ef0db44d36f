package refs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"evault/keys"
	"evault/objects"
)

// Two devices write to one store; each sees what the other wrote, and a third that comes later sees both.
func TestMirrorFollowsTheStore(t *testing.T) {
	all, h := fleet(t, 3), newHost(t, 1)
	all[0].push(h, "main", 1)
	all[1].push(h, "main", 2)
	all[0].push(h, "dev", 3)
	for _, d := range all {
		m := d.mirror(h)
		if want, _ := h.Heads(context.Background()); !slices.Equal(m.Heads, want) {
			t.Errorf("heads %v", m.Heads)
		}
		r := d.open(h)
		wantRef(t, r, "main", 2)
		wantRef(t, r, "dev", 3)
	}
	h.requests = 0
	if m := all[2].mirror(h); m.New != 0 || h.requests != 1 {
		t.Errorf("nothing new: %d records, %d requests", m.New, h.requests)
	}
	all[1].push(h, "main", 4)
	if m := all[2].mirror(h); m.New != 1 {
		t.Errorf("%d records are new", m.New)
	}
	for tag, log := range h.logs { // the mirror is a copy byte for byte
		for seq, data := range log {
			got, err := readNamed(all[2].options(h).Store, recordPath(tag, uint64(seq)), MaxRecord)
			must(t, err)
			if !bytes.Equal(got, data) {
				t.Errorf("%s differs", recordName(tag, uint64(seq)))
			}
		}
	}
}

// liar changes what a source says.
type liar struct {
	LogSource
	heads   func([]Position) []Position
	records func(tag Tag, from uint64, each func([]byte) error) error
}

func (l liar) Heads(ctx context.Context) ([]Position, error) {
	heads, err := l.LogSource.Heads(ctx)
	if l.heads != nil {
		heads = l.heads(slices.Clone(heads))
	}
	return heads, err
}

func (l liar) Records(ctx context.Context, tag Tag, from uint64, each func([]byte) error) error {
	if l.records == nil {
		return l.LogSource.Records(ctx, tag, from, each)
	}
	return l.records(tag, from, each)
}

// forge makes another record for a place of a device's log at a host.
func (d *device) forge(h *host, seq uint64, prev [32]byte, change func(*Header, *Body)) []byte {
	d.t.Helper()
	key, err := d.vault.LogKey(h.id, d.clone)
	must(d.t, err)
	hd := Header{Tag: TagOf(h.id, key.Public()), Key: key.Public(), Seq: seq, Previous: prev}
	b := &Body{Vault: d.vault.ID(), Store: h.id, Device: d.vault.DevicePublicKey(), Clone: d.clone, Seq: seq, Roster: d.vault.RosterHash(), Operation: "forged"}
	if change != nil {
		change(&hd, b)
	}
	_, data, err := signRecord(d.vault, key, newSealers(d.vault), hd, b)
	must(d.t, err)
	return data
}

func (d *device) tag(h *host) Tag {
	key, err := d.vault.LogKey(h.id, d.clone)
	must(d.t, err)
	return TagOf(h.id, key.Public())
}

// lies are what a host may do to the logs. Each says what has to be found, and whether what is honest still gets through.
var lies = map[string]struct {
	lie  func(t *testing.T, h *host, writer, other *device) LogSource
	want error
	name string
}{
	"log gone": {func(t *testing.T, h *host, writer, other *device) LogSource {
		delete(h.logs, writer.tag(h))
		return h
	}, ErrRollback, "4 records and has 0"},
	"everything gone": {func(t *testing.T, h *host, writer, other *device) LogSource {
		clear(h.logs)
		return h
	}, ErrRollback, "has 0"},
	"put back": {func(t *testing.T, h *host, writer, other *device) LogSource {
		h.logs[writer.tag(h)] = h.logs[writer.tag(h)][:2]
		return h
	}, ErrRollback, "4 records and has 2"},
	"put back and forked": {func(t *testing.T, h *host, writer, other *device) LogSource {
		tag := writer.tag(h)
		h.logs[tag] = append(h.logs[tag][:2:2], writer.forge(h, 2, headerHash(h.logs[tag][1]), nil))
		return h
	}, ErrFork, "record 2"},
	"forked at the tip": {func(t *testing.T, h *host, writer, other *device) LogSource {
		tag := writer.tag(h)
		h.logs[tag] = append(h.logs[tag][:3:3], writer.forge(h, 3, headerHash(h.logs[tag][2]), nil))
		return h
	}, ErrFork, "record 3"},
	"forked at the tip and gone on": {func(t *testing.T, h *host, writer, other *device) LogSource {
		tag := writer.tag(h)
		x := writer.forge(h, 3, headerHash(h.logs[tag][2]), nil)
		h.logs[tag] = append(h.logs[tag][:3:3], x, writer.forge(h, 4, headerHash(x), nil))
		return h
	}, ErrFork, "record 3"},
	"announces another record in place of the tip": {func(t *testing.T, h *host, writer, other *device) LogSource {
		return liar{h, func(heads []Position) []Position {
			for i := range heads {
				heads[i].Hash[0] ^= 1
			}
			return heads
		}, nil}
	}, ErrMismatch, "record 3"},
	"announces another new record than it gives": {func(t *testing.T, h *host, writer, other *device) LogSource {
		other.push(h, "other", 9)
		return liar{h, func(heads []Position) []Position {
			for i := range heads {
				if heads[i].Tag == other.tag(h) {
					heads[i].Hash[0] ^= 1
				}
			}
			return heads
		}, nil}
	}, ErrMismatch, "record 1"},
	"announces more than it gives": {func(t *testing.T, h *host, writer, other *device) LogSource {
		return liar{h, func(heads []Position) []Position {
			for i := range heads {
				heads[i].Seq += 3
			}
			return heads
		}, nil}
	}, ErrHidden, "record 4"},
	"announces and gives nothing": {func(t *testing.T, h *host, writer, other *device) LogSource {
		return liar{h, func(heads []Position) []Position {
			for i := range heads {
				heads[i].Seq++
			}
			return heads
		}, func(Tag, uint64, func([]byte) error) error { return nil }}
	}, ErrHidden, "record 3"},
	"heads out of order": {func(t *testing.T, h *host, writer, other *device) LogSource {
		return liar{h, func(heads []Position) []Position { slices.Reverse(heads); return heads }, nil}
	}, ErrMismatch, "out of order"},
	"too many logs": {func(t *testing.T, h *host, writer, other *device) LogSource {
		return liar{h, func([]Position) []Position { return make([]Position, MaxLogs+1) }, nil}
	}, ErrDamaged, "4097 logs"},
	"changed byte": {func(t *testing.T, h *host, writer, other *device) LogSource {
		other.push(h, "other", 9)
		data := h.logs[other.tag(h)][1]
		data[len(data)-1] ^= 1
		return h
	}, ErrDamaged, "record 1"},
	"too long a record": {func(t *testing.T, h *host, writer, other *device) LogSource {
		h.logs[writer.tag(h)] = append(h.logs[writer.tag(h)], make([]byte, MaxRecord+1))
		return h
	}, ErrDamaged, "record 4"},
	"garbage behind the tip": {func(t *testing.T, h *host, writer, other *device) LogSource {
		h.logs[writer.tag(h)] = append(h.logs[writer.tag(h)], []byte("garbage"))
		return h
	}, ErrDamaged, "record 4"},
	"made-up log": {func(t *testing.T, h *host, writer, other *device) LogSource {
		h.logs[Tag{5}] = [][]byte{[]byte("garbage")}
		return h
	}, ErrDamaged, "record 0 of log 05"},
	"another device's log under this tag": {func(t *testing.T, h *host, writer, other *device) LogSource {
		h.logs[Tag{5}] = h.logs[writer.tag(h)]
		return h
	}, ErrMismatch, "record 0 of log 05"},
	"record of another store": {func(t *testing.T, h *host, writer, other *device) LogSource {
		elsewhere := newHost(t, 77)
		writer.push(elsewhere, "main", 1)
		h.logs[writer.tag(elsewhere)] = elsewhere.logs[writer.tag(elsewhere)]
		return h
	}, ErrMismatch, "record 0"},
	"stranger's log": {func(t *testing.T, h *host, writer, other *device) LogSource {
		v, err := keys.NewEphemeral()
		must(t, err)
		s := newDevice(t, v, 9)
		h.logs[s.tag(h)] = [][]byte{s.forge(h, 0, [32]byte{}, nil)}
		return h
	}, ErrDamaged, "record 0"},
	"log without bodies": {func(t *testing.T, h *host, writer, other *device) LogSource {
		v, err := keys.NewEphemeral()
		must(t, err)
		s := newDevice(t, v, 9)
		data := s.forge(h, 0, [32]byte{}, func(hd *Header, _ *Body) { hd.Condemned = manyPacks(3) })
		_, body, err := DecodeHeader(data)
		must(t, err)
		h.logs[s.tag(h)] = [][]byte{data[:len(data)-len(body)]}
		return h
	}, ErrUnauthorised, "no record shows who writes this log"},
	"newer version": {func(t *testing.T, h *host, writer, other *device) LogSource {
		data := bytes.Clone(h.logs[writer.tag(h)][3])
		data[len(headerMagic)] = 2
		h.logs[writer.tag(h)] = append(h.logs[writer.tag(h)], data)
		return h
	}, ErrNewer, "record 4"},
	"a record with another past": {func(t *testing.T, h *host, writer, other *device) LogSource {
		h.logs[writer.tag(h)] = append(h.logs[writer.tag(h)], writer.forge(h, 4, [32]byte{1}, nil))
		return h
	}, ErrChain, "record 4"},
	"a record of another clone": {func(t *testing.T, h *host, writer, other *device) LogSource {
		tag := writer.tag(h)
		h.logs[tag] = append(h.logs[tag], writer.forge(h, 4, headerHash(h.logs[tag][3]), func(_ *Header, b *Body) { b.Clone = CloneID{77} }))
		return h
	}, ErrMismatch, "record 4"},
	"a record left out": {func(t *testing.T, h *host, writer, other *device) LogSource {
		tag := writer.tag(h)
		x := writer.forge(h, 4, headerHash(h.logs[tag][3]), nil)
		y := writer.forge(h, 5, headerHash(x), nil)
		h.logs[tag] = append(h.logs[tag], y)
		return h
	}, ErrMismatch, "record 4"},
}

// Whatever the host does is named, adds nothing to the mirror that is wrong, and takes nothing from it.
func TestLyingHost(t *testing.T) {
	all := fleet(t, 3)
	for name, c := range lies {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, 1)
			var ds []*device
			for i, d := range all {
				ds = append(ds, newDevice(t, d.vault, byte(i+1)))
			}
			reader, writer, other := ds[0], ds[1], ds[2]
			other.push(h, "other", 8)
			for n := range 4 {
				writer.push(h, "main", n+1)
			}
			reader.sync(h)
			known := h.copy()
			src := c.lie(t, h, writer, other)
			var before []Position
			for range 2 { // it does not get used to it
				m := reader.tryMirror(h, src)
				if len(m.Problems) == 0 {
					t.Fatal("unnoticed")
				}
				wantNamed(t, errors.Join(m.Problems...), c.want, c.name)
				for _, p := range m.Problems {
					if !errors.Is(p, ErrSecurity) && !errors.Is(p, ErrDamaged) && !errors.Is(p, ErrNewer) {
						t.Errorf("of no class: %v", p)
					}
					var fork *ForkError
					if errors.As(p, &fork) && len(fork.Evidence) == 0 {
						t.Error("a fork without evidence")
					}
				}
				if errors.Is(c.want, ErrFork) {
					names, err := readNames(reader.options(h).Local, evidenceDir)
					must(t, err)
					if len(names) != 1 {
						t.Errorf("%d pieces of evidence", len(names))
					}
				}
				r := reader.open(h)
				wantRef(t, r, "main", 4)
				if before != nil && !slices.Equal(before, r.fold.seenBy(Tag{})) {
					t.Error("the second time something was taken")
				}
				before = r.fold.seenBy(Tag{})
			}
			for tag, log := range known.logs {
				for seq, data := range log {
					got, err := readNamed(reader.options(h).Store, recordPath(tag, uint64(seq)), MaxRecord)
					if err != nil || !bytes.Equal(got, data) {
						t.Fatalf("%s is another one in the mirror: %v", recordName(tag, uint64(seq)), err)
					}
				}
			}
		})
	}
}

// The mirror is lost and the pins are not: what they say counts.
func TestPinsOutliveTheMirror(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *host, writer *device)
		want   error
	}{
		"honest": {func(*host, *device) {}, nil},
		"put back": {func(h *host, w *device) {
			h.logs[w.tag(h)] = h.logs[w.tag(h)][:2]
		}, ErrRollback},
		"gone": {func(h *host, w *device) { clear(h.logs) }, ErrRollback},
		"forked": {func(h *host, w *device) {
			x := w.forge(h, 3, headerHash(h.logs[w.tag(h)][2]), nil)
			h.logs[w.tag(h)] = append(h.logs[w.tag(h)][:3:3], x, w.forge(h, 4, headerHash(x), nil))
		}, ErrFork},
		"forked before the pin": {func(h *host, w *device) {
			x := w.forge(h, 2, headerHash(h.logs[w.tag(h)][1]), nil)
			h.logs[w.tag(h)] = append(h.logs[w.tag(h)][:2:2], x, w.forge(h, 3, headerHash(x), nil))
		}, ErrFork},
	} {
		t.Run(name, func(t *testing.T) {
			all, h := fleet(t, 2), newHost(t, 1)
			for n := range 4 {
				all[1].push(h, "main", n+1)
			}
			all[0].sync(h)
			must(t, all[0].disk.RemoveAll("remotes"))
			c.change(h, all[1])
			m := all[0].tryMirror(h, h)
			if err := errors.Join(m.Problems...); !errors.Is(err, c.want) {
				t.Fatalf("problems %v", err)
			}
			_, err := Open(all[0].options(h))
			if c.want == nil {
				must(t, err)
			} else {
				wantErr(t, err, ErrRollback) // the mirror ends before the pin
			}
		})
	}
}

// A host invents logs, and a real one is among them.
func TestInventedLogsAreLimited(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	all[1].push(h, "main", 1)
	for i := range 300 {
		h.logs[Tag{1, byte(i >> 8), byte(i)}] = [][]byte{make([]byte, 1000)}
	}
	h.requests = 0
	m := all[0].tryMirror(h, h)
	limit := defaultMirrorLimits().strangers
	if h.requests > limit+10 {
		t.Errorf("%d requests", h.requests)
	}
	wantNamed(t, errors.Join(m.Problems...), ErrUnauthorised, "not looked at")
	if l, err := listLogs(all[0].options(h).Store); err != nil || len(l.tags) > 1 {
		t.Errorf("%d logs were written, %v", len(l.tags), err)
	}
}

// A log that does not show who writes it is not read on and on, and nothing of it is kept.
func TestLongLogOfAStrangerIsNotReadOn(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	all[1].push(h, "main", 1)
	// A log that was read before is no stranger's, in whatever order the two come.
	_, err := Mirror(context.Background(), all[0].options(h), h)
	must(t, err)
	all[1].push(h, "main", 2)
	v, err := keys.NewEphemeral()
	must(t, err)
	s := newDevice(t, v, 9)
	var log [][]byte
	size, prev := 0, [32]byte{}
	for seq := range 40 {
		data := s.forge(h, uint64(seq), prev, func(hd *Header, _ *Body) { hd.Condemned = manyPacks(20) })
		_, body, err := DecodeHeader(data)
		must(t, err)
		log, prev = append(log, data[:len(data)-len(body)]), headerHash(data)
		size = len(log[0])
	}
	h.logs[s.tag(h)] = log
	given := 0
	src := liar{h, nil, func(tag Tag, from uint64, each func([]byte) error) error {
		return h.Records(context.Background(), tag, from, func(data []byte) error {
			if tag == s.tag(h) {
				given++
			}
			return each(data)
		})
	}}
	limits := defaultMirrorLimits()
	limits.strangerBytes = int64(10 * size)
	m, err := mirrorWithin(context.Background(), all[0].options(h), src, limits)
	must(t, err)
	wantNamed(t, errors.Join(m.Problems...), ErrUnauthorised, "no record shows who writes this log")
	if given > 12 {
		t.Errorf("%d records were read", given)
	}
	if m.New != 1 {
		t.Errorf("%d records were taken", m.New)
	}
}

// More than one call may take: an error says so, what was taken stays, and the next call goes on.
func TestMirrorInSeveralCalls(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	for n := range 12 {
		all[1].push(h, "main", n+1)
	}
	limits := defaultMirrorLimits()
	limits.bytes, limits.batch = 5000, 2
	total, calls := 0, 0
	for ; ; calls++ {
		m, err := mirrorWithin(context.Background(), all[0].options(h), h, limits)
		total += m.New
		if err == nil {
			break
		}
		wantNamed(t, err, ErrLimit, "run it again")
		if m.New == 0 || calls > 12 {
			t.Fatal("no progress")
		}
	}
	if total != 12 || calls == 0 {
		t.Errorf("%d records in %d calls", total, calls)
	}
	wantRef(t, all[0].sync(h), "main", 12)
}

// The connection is lost half way: the error is the source's own, and what came before it stays.
func TestMirrorKeepsWhatCameBeforeTheConnectionWasLost(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	for n := range 12 {
		all[1].push(h, "main", n+1)
	}
	lost := liar{LogSource: h, records: func(tag Tag, from uint64, each func([]byte) error) error {
		for seq := from; seq < from+5; seq++ {
			if err := each(h.logs[tag][seq]); err != nil {
				return err
			}
		}
		return errAway
	}}
	m, err := Mirror(context.Background(), all[0].options(h), lost)
	if err != errAway {
		t.Errorf("error %v", err)
	}
	if m.New != 5 {
		t.Errorf("%d records", m.New)
	}
	wantRef(t, all[0].open(h), "main", 5)
	wantRef(t, all[0].sync(h), "main", 12)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	all[1].push(h, "main", 13)
	_, err = Mirror(ctx, all[0].options(h), h)
	wantErr(t, err, context.Canceled)
}

// A source that gives more than it has announced is not read to its end.
func TestMirrorTakesNoMoreThanAnnounced(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	for n := range 6 {
		all[1].push(h, "main", n+1)
	}
	earlier := h.copy()
	earlier.logs[all[1].tag(h)] = earlier.logs[all[1].tag(h)][:4]
	given := 0
	src := liar{LogSource: earlier, records: func(tag Tag, from uint64, each func([]byte) error) error {
		return h.Records(context.Background(), tag, from, func(b []byte) error { given++; return each(b) })
	}}
	if m := all[0].tryMirror(h, src); m.New != 4 || len(m.Problems) != 0 || given > 5 {
		t.Errorf("%d records of %d given, problems %v", m.New, given, m.Problems)
	}
}

// Nothing is written by whoever may only read.
func TestMirrorNeedsWriting(t *testing.T) {
	all, h := fleet(t, 1), newHost(t, 1)
	o := all[0].options(h)
	o.ReadOnly = true
	_, err := Mirror(context.Background(), o, h)
	wantErr(t, err, ErrReadOnly)
}

// A record at the mirror's tip has rotted: it is taken anew.
func TestRottenTipIsTakenAnew(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	for n := range 3 {
		all[1].push(h, "main", n+1)
	}
	all[0].sync(h)
	name := "remotes/" + h.id.String() + "/" + recordPath(all[1].tag(h), 2)
	f, err := all[0].disk.OpenFile(name, 2, 0)
	must(t, err)
	_, err = f.Write([]byte("rot"))
	must(t, errors.Join(err, f.Close()))
	wantRef(t, all[0].sync(h), "main", 3)
}

// A reader publishes nothing: what he writes all the same is not even mirrored.
func TestReadersRecordsAreNotMirrored(t *testing.T) {
	g, f, first := family(t)
	d := newDevice(t, admit(t, g, f, first, keys.RoleReader), 2)
	h := newHost(t, 1)
	h.logs[d.tag(h)] = [][]byte{d.forge(h, 0, [32]byte{}, nil)}
	o := newDevice(t, g.vault, 1).options(h)
	o.Shared = false // whoever mirrors a store is not alone with it
	m, err := Mirror(context.Background(), o, h)
	must(t, err)
	if wantErr(t, errors.Join(m.Problems...), ErrUnauthorised); m.New != 0 {
		t.Error("it was mirrored")
	}
}

// Evidence goes where it is wanted.
func TestEvidenceFolder(t *testing.T) {
	all, h := fleet(t, 2), newHost(t, 1)
	all[1].push(h, "main", 1)
	all[0].sync(h)
	h.logs[all[1].tag(h)] = [][]byte{all[1].forge(h, 0, [32]byte{}, nil)}
	o := all[0].options(h)
	must(t, all[0].disk.Mkdir("proof", 0o700))
	var err error
	o.Evidence, err = all[0].disk.Sub("proof")
	must(t, err)
	m, err := Mirror(context.Background(), o, h)
	must(t, err)
	wantErr(t, errors.Join(m.Problems...), ErrFork)
	names, err := readNames(o.Evidence, ".")
	must(t, err)
	if len(names) != 1 {
		t.Errorf("evidence: %v", names)
	}
	if there, err := exists(o.Local, evidenceDir); there || err != nil {
		t.Error("evidence is in the local folder")
	}
}

// Refs of the local store that stand for branches elsewhere are refs like others.
func TestRemoteTrackingRefs(t *testing.T) {
	g := newRig(t)
	r := g.start()
	for i := range 3 {
		old, _ := r.View().Ref("remotes/friend/main")
		g.append(r, Operation{Name: "fetch", Changes: []Change{{"remotes/friend/main", old, commitID(i + 1)},
			{fmt.Sprint("remotes/friend/topic/", i), objects.ID{}, commitID(i)}}})
	}
	r = g.open()
	var seen []string
	must(t, r.Records(context.Background(), func(rec *Record) bool {
		for _, c := range rec.Body.Changes {
			seen = append(seen, c.Name)
		}
		return true
	}))
	if len(seen) != 6 || !slices.Contains(seen, "remotes/friend/topic/2") {
		t.Errorf("the reflog shows %v", seen)
	}
	if id, _ := r.View().Ref("remotes/friend/main"); id != commitID(3) {
		t.Errorf("it stands at %s", id)
	}
	if p := g.problems(r); len(p) != 0 {
		t.Errorf("problems %v", p)
	}
}
