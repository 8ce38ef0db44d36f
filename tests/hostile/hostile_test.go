package hostile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/objects"
)

// behaviour is one way to lie.
type behaviour struct {
	name string
	what string // what the host does
	// lie makes the lies; l still is honest.
	lie func(c *hostileCase) lies
	// must are the outcomes that are right, for each verb; "" stands for all others. An outcome is a list of classes.
	must map[string][]string
	// shows is the state that a success shows the client; nil: the truth.
	shows func(w *world) state
	// evidence says that after an outcome of security something must be kept in local/evidence.
	evidence bool
	// forked says that the evidence is a record, for whoever knows the other one.
	forked bool
	// after is what the verb must come to when the host is honest again; nil: ok.
	after map[string][]string
	// deaf says that a push can be acknowledged and never be there: only verify --remote finds out.
	deaf bool
	// spoiled says that a sound client ends with a damaged pack, which a member made: its own verify names it.
	spoiled bool
	// healed says that what a push lost there is found by verify --remote, and brought back by repair --from.
	healed bool
	// carriers by name, and TLS besides unless the list says "only"; nil: direct and pipe2.
	carriers []string
	// verbs by name; nil: all
	verbs []string
	// base is the state of the host; empty: the truth
	base func(w *world) state
}

// hostileCase is one behaviour, one verb, one way.
type hostileCase struct {
	*behaviour
	verb    verb
	carrier carrier
	w       *world
	l       *liar
	t       testing.TB
}

func (c *hostileCase) String() string { return c.name + "/" + c.verb.name + "/" + c.carrier.name }

// wants gives the right outcomes of a table for a verb.
func wants(table map[string][]string, verb string) []string {
	if list, said := table[verb]; said {
		return list
	}
	if list, said := table[""]; said {
		return list
	}
	return []string{ok}
}

// verbLimit is how long one verb may take.
const verbLimit = 60 * time.Second

// run plays one case and gives its outcome and what is wrong.
func (c *hostileCase) run(ctx context.Context) (outcome string, faults []string) {
	base := c.w.truth()
	if c.base != nil {
		base = c.base(c.w)
	}
	c.l = newLiar(c.t, c.w.vault, base.disk.Snapshot())
	c.l.lies = c.lie(c)
	c.l.lying.Store(true)
	dial, closeAll := c.carrier.open(c.t, c.w, c.l)
	defer func() { closeAll() }()
	template := c.verb.on(c.w)
	sound := template
	if c.verb.hurt {
		sound = c.w.alice
	}
	before := c.w.beforeOf(c.t, sound)
	m := template.copy(c.t, dial)

	err := c.play(ctx, m)
	outcome = classOf(err)
	shows := base.tips
	if c.shows != nil {
		shows = c.shows(c.w).tips
	}
	j := c.w.judge(ctx, c.verb.name, m, before, shownIf(err == nil, shows), c.spoiled)
	c.outcome(j, err, outcome)
	if err != nil && c.verb.name == vClone {
		j.unfinished()
	}
	j.sent(c.l.sent)
	if err == nil && c.verb.name == vPush && !c.deaf {
		c.pushed(ctx, j, m)
	}
	if outcome == security && c.evidence {
		j.evidence(c.forked && c.verb.name != vClone)
	}
	faults = j.faults

	c.l.lying.Store(false)
	if c.l.lies.peer != nil {
		closeAll()
		m.settings.Dial, closeAll = c.carrier.open(c.t, c.w, c.l)
	}
	faults = append(faults, c.honestAgain(ctx, m, before, base)...)
	if c.healed && c.verb.name == vPush {
		faults = append(faults, c.heal(ctx, m, before)...)
	}
	return outcome, faults
}

// heal finds out that the host has lost something, and brings it back.
func (c *hostileCase) heal(ctx context.Context, m *machine, before picture) []string {
	j := &judgement{w: c.w, verb: vPush, before: before, m: m}
	j.atHost(c.t, c.l.disk)
	lost := len(j.faults) > 0 // else the push that came after has brought it there
	j.faults = nil
	if found := classOf(m.verifyRemote(ctx)); lost && found != damage && found != security {
		j.fault("the host has lost what was pushed, and verify --remote ends as %q", found)
	}
	if err := repairFrom(ctx, c.w, m); err != nil {
		j.fault("repair --from an honest host: %v", err)
	}
	if err := m.verifyRemote(ctx); err != nil {
		j.fault("verify --remote after repair --from: %v", err)
	}
	if err := m.push(ctx, topicBranch); err != nil {
		j.fault("push after repair --from: %v", err)
	}
	c.pushed(ctx, j, m)
	return j.faults
}

func shownIf(done bool, tips map[string]objects.ID) map[string]objects.ID {
	if !done {
		return nil
	}
	return tips
}

// play runs the verb, with an end.
func (c *hostileCase) play(ctx context.Context, m *machine) error {
	ctx, cancel := context.WithTimeout(ctx, verbLimit)
	defer cancel()
	err := c.verb.run(ctx, c.w, m)
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

// wanted gives the right outcomes. A repair of one lie may heal what another verb complains of.
func (c *hostileCase) wanted() []string {
	switch {
	case c.verb.heals && c.forked:
		return []string{security}
	case c.verb.heals:
		return []string{ok, failed, conflict, unreachable, damage, security}
	}
	return wants(c.must, c.verb.name)
}

func (c *hostileCase) wantedAfter() []string {
	if c.verb.heals && c.after != nil {
		return []string{ok, failed, conflict, unreachable, damage, security}
	}
	return wants(c.after, c.verb.name)
}

func (c *hostileCase) outcome(j *judgement, err error, outcome string) {
	if want := c.wanted(); !slices.Contains(want, outcome) {
		j.fault("ends as %q and must as %q: %v", outcome, want, err)
	}
	if errors.Is(err, errWrong) && !(c.spoiled && c.verb.name == vVerify) {
		j.fault("%v", err)
	}
	j.text(err)
}

// pushed checks that a push which was acknowledged is there: a device that knows nothing clones it from the honest host.
func (c *hostileCase) pushed(ctx context.Context, j *judgement, m *machine) {
	j.atHost(c.t, c.l.disk)
	lying := c.l.lying.Swap(false)
	defer c.l.lying.Store(lying)
	d := c.w.dora.copy(c.t, m.settings.Dial)
	if err := d.clone(ctx, c.w.url); err != nil {
		j.fault("a clone after the push: %v", err)
		return
	}
	p, err := d.picture(ctx)
	if err != nil || p.tracking[topicBranch] != j.before.branches[topicBranch] {
		j.fault("the push is not to be seen by others: %v %v", p.tracking, err)
	}
}

// honestAgain repeats the verb with an honest host.
func (c *hostileCase) honestAgain(ctx context.Context, m *machine, before picture, base state) []string {
	verb := *c
	if c.verb.name == vClone && m.cloned() {
		verb.verb.run = func(ctx context.Context, _ *world, m *machine) error { return m.pull(ctx) }
	}
	err := verb.play(ctx, m)
	outcome := classOf(err)
	j := c.w.judge(ctx, c.verb.name, m, before, shownIf(err == nil, base.tips), c.spoiled)
	if want := c.wantedAfter(); !slices.Contains(want, outcome) {
		j.fault("ends as %q and must as %q: %v", outcome, want, err)
	}
	if err == nil && c.verb.name == vPush && !c.deaf {
		c.pushed(ctx, j, m)
	}
	for i := range j.faults {
		j.faults[i] = "honest again: " + j.faults[i]
	}
	return j.faults
}

// slow is how long a case takes of which the log tells.
const slow = 2 * time.Second

// ways lists the carriers of one verb: all of them, or in the quick column one after the other.
func (b *behaviour) ways(turn int) []string {
	list := []string{"direct", "pipe2", "tls"}
	if b.carriers != nil {
		list = slices.Clone(b.carriers)
		if i := slices.Index(list, "only"); i >= 0 {
			list = slices.Delete(list, i, i+1)
		} else {
			list = append(list, "tls")
		}
	}
	if proving() || os.Getenv("EVAULT_CASE") != "" {
		return list
	}
	return list[turn%len(list):][:1]
}

// cases lists what is played.
func cases(t testing.TB, w *world, table []behaviour) (all []*hostileCase) {
	ways := map[string]carrier{}
	for _, c := range carriers() {
		ways[c.name] = c
	}
	for i := range table {
		b := &table[i]
		for n, v := range verbs() {
			if b.verbs != nil && !slices.Contains(b.verbs, v.name) || v.heals && v.hurt == (i%2 == 0) && !proving() {
				continue
			}
			for _, way := range b.ways(i + n) {
				all = append(all, &hostileCase{behaviour: b, verb: v, carrier: ways[way], w: w, t: t})
			}
		}
	}
	return all
}

// TestHostileHost plays all behaviours. Floors are what was reached when they were written down.
func TestHostileHost(t *testing.T) {
	const floorBehaviours, floorCases = 150, 1000
	w := newWorld(t)
	table := behaviours()
	checkTable(t, table, floorBehaviours)
	count := newTally(t)
	rounds := 1
	if proving() {
		rounds = 3
	}
	for range rounds {
		all := cases(t, w, table)
		if only := os.Getenv("EVAULT_CASE"); only != "" {
			all = slices.DeleteFunc(all, func(c *hostileCase) bool { return !strings.HasPrefix(c.String(), only) })
		}
		each(t, all, (*hostileCase).String, func(c *hostileCase) {
			start := time.Now()
			outcome, faults := c.run(t.Context())
			count.add(outcome)
			if took := time.Since(start).Round(time.Millisecond); took > slow || os.Getenv("EVAULT_CASE") != "" {
				t.Logf("%s: %s (%v)", c, outcome, took)
			}
			for _, f := range faults {
				count.fail("%s: %s", c, f)
			}
		})
	}
	count.report(fmt.Sprintf("7 hostile host, %d behaviours", len(table)), floorCases)
}

// checkTable holds the table itself to its rules.
func checkTable(t testing.TB, table []behaviour, floor int) {
	t.Helper()
	seen := map[string]bool{}
	for _, b := range table {
		if b.name == "" || b.what == "" || seen[b.name] {
			t.Errorf("behaviour %q has no name of its own or says not what it does", b.name)
		}
		seen[b.name] = true
		for _, v := range slices.Concat(slices.Collect(maps.Keys(b.must)), slices.Collect(maps.Keys(b.after)), b.verbs) {
			if v != "" && !slices.ContainsFunc(verbs(), func(one verb) bool { return one.name == v }) {
				t.Errorf("%s: no verb %q", b.name, v)
			}
		}
	}
	if len(table) < floor {
		t.Errorf("%d behaviours, and there must be %d", len(table), floor)
	}
}
