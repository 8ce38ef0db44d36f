package hostile

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/refs"
	"evault/remote"
	"evault/repo"
)

// moment is the host after one push of a long history.
type moment struct {
	who     string
	length  [3]int // of the logs, by writer
	rosters int
	tips    map[string]objects.ID
	client  *machine // one that has followed until here
	fork    [][]byte // the writer's log, with another record in the place of this one
}

// saga is a history of three devices that push in turn, and change the members in between.
type saga struct {
	*building
	writers []*machine
	tags    [3]refs.Tag
	moments []moment
	logs    [3][][]byte
	rosters []string // names, in the order of their numbers
}

const sagaPushes = 18

// newSaga lets it happen.
func newSaga(t testing.TB) *saga {
	t.Helper()
	w := &world{t: t, clock: &clock{}, commits: map[objects.ID]commitFacts{}, logs: map[string]refs.Tag{}, before: map[*machine]picture{}}
	s := &saga{building: &building{world: w, t: t, tips: map[string]objects.ID{}}}
	var err error
	w.hostKey, err = keys.NewIdentity()
	must(t, err)
	w.alice = newMachine(t, w.clock, "alice")
	_, err = repo.Init(t.Context(), w.alice.places, w.alice.settings, repo.InitOptions{Label: "alice"})
	must(t, err)
	w.alice.findVault()
	w.alice.must(t, repo.ReadOnly, func(r *repo.Repository) error { w.vault = r.VaultID(); return nil })
	w.url = fmt.Sprintf("evault://friend/%s#%s", w.vault, w.hostKey.DeviceID())
	s.host = newLiar(t, w.vault, memfs.New(memfs.Options{Now: w.clock.now}))
	s.writers = []*machine{w.alice, newMachine(t, w.clock, "bob"), newMachine(t, w.clock, "carol")}
	client := newMachine(t, w.clock, "client")
	for _, m := range append(s.writers[1:3:3], client) {
		s.admit(m)
		s.reach(m)
	}
	s.reach(w.alice)
	w.alice.must(t, repo.Writing, func(r *repo.Repository) error {
		_, err := r.AddRemote(t.Context(), "friend", w.url, repo.AddRemoteOptions{})
		return err
	})
	for n := range sagaPushes {
		s.step(n, client)
	}
	for i, tag := range s.tags {
		must(t, s.host.honest.Records(t.Context(), tag, 0, func(data []byte) error {
			s.logs[i] = append(s.logs[i], slices.Clone(data))
			return nil
		}))
	}
	for _, name := range names(t, s.host.disk, "roster") {
		s.rosters = append(s.rosters, "roster/"+name)
	}
	slices.SortFunc(s.rosters, func(a, b string) int { return rosterNumber(a[7:]) - rosterNumber(b[7:]) })
	return s
}

// branchOf is the branch that a writer writes.
func branchOf(m *machine) string {
	if m.name == "alice" {
		return "main"
	}
	return canaryBranch + "-" + m.name
}

// step is one push, and before it now and then a change of the members.
func (s *saga) step(n int, client *machine) {
	t, i := s.t, n%3
	m := s.writers[i]
	switch {
	case n == 0:
	case n < 3:
		must(t, m.clone(t.Context(), s.url))
		s.branchOff(t, m, branchOf(m))
	default:
		must(t, m.fetch(t.Context()))
	}
	if i == 0 && n%2 == 1 {
		m.must(t, repo.Writing, func(r *repo.Repository) error {
			devices := r.Devices()
			_, err := r.RenameDevice(t.Context(), devices[len(devices)-1].Device.String(), fmt.Sprintf("label %d", n))
			return err
		})
	}
	if n == 0 {
		s.commit(m, map[string]string{"start.txt": "start"})
	}
	before := m.copy(t, nil)
	was := s.host.disk.Snapshot()
	s.push(m, branchOf(m), s.commit(m, map[string]string{m.name + ".txt": text(m.name, n)}), fmt.Sprint(n))
	now := moment{who: m.name, rosters: len(names(t, s.host.disk, "roster")), tips: maps.Clone(s.tips)}
	s.tags[i] = s.building.logs[m.name]
	for k, tag := range s.tags {
		now.length[k] = s.host.counts()[tag]
	}
	if n > 0 {
		now.fork = s.forkOf(before, was, n)
	}
	if n == 0 {
		must(t, client.clone(t.Context(), s.url))
	} else {
		must(t, client.pull(t.Context()))
	}
	now.client = client.copy(t, nil)
	s.moments = append(s.moments, now)
}

// forkOf has a writer push something else in the place of what it is about to push.
func (s *saga) forkOf(m *machine, disk *memfs.Memory, n int) (log [][]byte) {
	host := newLiar(s.t, s.vault, disk)
	c := m.copy(s.t, oneSite(func() remote.Site { return liarSite{host} }))
	s.commit(c, map[string]string{m.name + ".txt": text(m.name, 1000+n)})
	must(s.t, c.push(s.t.Context(), branchOf(m)))
	must(s.t, host.honest.Records(s.t.Context(), s.building.logs[m.name], 0, func(data []byte) error {
		log = append(log, slices.Clone(data))
		return nil
	}))
	return log
}

// hybrid is a host that shows so many records of each log and so many rosters. forked, if not zero, is the moment whose other
// record stands at the end of the writer's log.
type hybrid struct {
	length  [3]int
	rosters int
	forked  int
}

func (h hybrid) String() string {
	return fmt.Sprintf("logs %v, %d rosters, fork %d", h.length, h.rosters, h.forked)
}

// shown gives a hybrid's logs.
func (s *saga) shown(h hybrid) (logs map[refs.Tag][][]byte) {
	logs = map[refs.Tag][][]byte{}
	for i, n := range h.length {
		if n > 0 {
			logs[s.tags[i]] = s.logs[i][:n]
		}
	}
	if h.forked > 0 {
		i := h.forked % 3
		logs[s.tags[i]] = s.moments[h.forked].fork
	}
	return logs
}

// lies serves a hybrid.
func (s *saga) lies(h hybrid) lies {
	logs := s.shown(h)
	hidden := s.rosters[h.rosters:]
	return lies{
		heads: func(context.Context) (out []refs.Position, err error) {
			for tag, log := range logs {
				hd, body, err := refs.DecodeHeader(log[len(log)-1])
				if err != nil {
					return nil, err
				}
				out = append(out, refs.Position{Tag: tag, Seq: hd.Seq, Hash: sumOf(log[len(log)-1], body)})
			}
			slices.SortFunc(out, func(a, b refs.Position) int { return slices.Compare(a.Tag[:], b.Tag[:]) })
			return out, nil
		},
		records: func(_ context.Context, tag refs.Tag, from uint64, each func([]byte) error) error {
			log := logs[tag]
			return giveAll(log[min(from, uint64(len(log))):], each)
		},
		files: func(ctx context.Context) ([]remote.FileInfo, error) {
			list, err := s.host.honest.Files(ctx)
			return slices.DeleteFunc(list, func(f remote.FileInfo) bool { return slices.Contains(hidden, f.Name) }), err
		},
		file: func(ctx context.Context, name string) ([]byte, error) {
			if slices.Contains(hidden, name) {
				return nil, remote.ErrNotFound
			}
			return s.host.honest.File(ctx, name)
		},
	}
}

// behind says that a hybrid lacks, or has otherwise, a record that was there at a moment.
func (s *saga) behind(h hybrid, known moment, at int) bool {
	for i, n := range h.length {
		if n < known.length[i] {
			return true
		}
	}
	return h.forked > 0 && h.forked <= at
}

// TestEarlierStates serves each earlier state and hybrid to clients that know a later one: none is accepted.
func TestEarlierStates(t *testing.T) {
	floor := 500
	if proving() {
		floor = 10_000
	}
	s := newSaga(t)
	dice := newDice(t)
	all := s.hybrids(dice, floor)
	count := newTally(t)
	each(t, all, served8.String, func(c served8) {
		outcome, faults := s.serve(t.Context(), c)
		count.add(outcome)
		for _, f := range faults {
			count.fail("%s: %s", c, f)
		}
	})
	count.report("8 earlier states", floor)
}

// served8 is a hybrid for a client that has followed until a moment.
type served8 struct {
	hybrid
	at   int
	pull bool
}

func (c served8) String() string { return fmt.Sprintf("client of moment %d, %v", c.at, c.hybrid) }

// hybrids lists what is served. Those that are not behind what the client knows are not counted as such, and left out.
func (s *saga) hybrids(dice *rand.Rand, floor int) (all []served8) {
	most := s.moments[len(s.moments)-1]
	for at, known := range s.moments {
		for a := range most.length[0] + 1 {
			for b := range most.length[1] + 1 {
				for c := range most.length[2] + 1 {
					h := hybrid{length: [3]int{a, b, c}}
					if !s.behind(h, known, at) {
						continue
					}
					for r := s.moments[0].rosters; r <= most.rosters; r++ {
						h.rosters = r
						all = append(all, served8{h, at, len(all)%3 == 0})
					}
				}
			}
		}
		for forked := 1; forked <= at; forked++ {
			for _, others := range s.moments[forked:] {
				all = append(all, served8{hybrid{others.length, others.rosters, forked}, at, false})
			}
		}
	}
	s.t.Logf("%d hybrids that lack something", len(all))
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), floor+floor/25)]
}

// serve plays one.
func (s *saga) serve(ctx context.Context, c served8) (outcome string, faults []string) {
	known := s.moments[c.at]
	l := &liar{t: s.t, vault: s.vault, disk: s.host.disk, honest: s.host.honest, sent: &capture{}}
	l.lies = s.lies(c.hybrid)
	l.lying.Store(true)
	m := known.client.copy(s.t, oneSite(func() remote.Site { return liarSite{l} }))
	before := s.beforeOf(s.t, known.client)
	verb, err := vFetch, error(nil)
	if c.pull {
		verb, err = vPull, m.pull(ctx)
	} else {
		err = m.fetch(ctx)
	}
	if outcome = classOf(err); outcome != security {
		faults = append(faults, fmt.Sprintf("accepted: ends as %q: %v", outcome, err))
	}
	j := s.judge(ctx, verb, m, before, nil, false)
	if j.after.roster != before.roster && c.rosters <= known.rosters {
		j.fault("the members are others than before")
	}
	if c.forked > 0 && c.forked <= c.at {
		j.evidence(true)
	}
	return outcome, append(faults, j.faults...)
}
