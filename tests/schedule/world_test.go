package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/remote"
	"evault/remote/host"
	"evault/repo"
)

const deviceCount = 3

var placeNames = []string{"north", "south"}

// world is three devices, two hosts, what lies between them, and what must be true of all that.
type world struct {
	t       testing.TB
	rnd     *rand.Rand
	clock   *clock
	devices []*device
	places  map[string]*place
	line    *line // of the verb that runs
	cut     map[string]bool
	history *history
	at      map[string]map[string]choices // by place and branch
	text    int                           // contents that were used
	log     []string
	count   map[string]int

	troubled bool // the verb that runs, or has run last, had something to fail by
	quiet    bool // nothing goes wrong any more
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// startWorld makes a vault on the first device, pushes it to the first host, and clones it on the others, which are members.
func startWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, rnd: rand.New(rand.NewPCG(1, 1)), clock: &clock{}, history: newHistory(), places: map[string]*place{},
		cut: map[string]bool{}, line: &line{}, at: map[string]map[string]choices{}, count: map[string]int{}}
	var peers []host.Peer
	for n := range deviceCount {
		d := &device{name: fmt.Sprintf("device%d", n), state: state{"main", map[string]objects.ID{}, tree{}}, made: map[objects.ID]bool{}}
		d.disk = memfs.New(memfs.Options{Now: w.clock.now})
		for _, dir := range []string{"work", "config", "state"} {
			w.must(d.disk.Mkdir(dir, 0o755))
		}
		w.must(d.boot())
		w.settle(d)
		id, _, err := repo.EnsureIdentity(d.places, d.settings)
		w.must(err)
		peers = append(peers, host.Peer{Name: d.name, Device: id.DeviceID(), Limits: host.Limits{Allow: remote.Read | remote.Append}})
		w.devices = append(w.devices, d)
	}
	for _, name := range placeNames {
		w.places[name], w.at[name] = newPlace(t, name, w.clock, peers), map[string]choices{}
	}
	w.begin()
	return w
}

// settle gives a device the world's clock and lines.
func (w *world) settle(d *device) {
	d.settings = repo.Settings{Author: "Tester", Label: d.name, UserID: -1, Now: w.clock.now, Dir: "/",
		Dial: dialer(d, w.places, func() *line { return w.line })}
}

func address(place string, v keys.VaultID) string {
	text := ""
	if !v.IsZero() {
		text = "/" + v.String()
	}
	return "evault://" + place + text + "#" + keys.DeviceID{1}.String()
}

func (w *world) begin() {
	ctx := context.Background()
	first := w.devices[0]
	_, err := repo.Init(ctx, first.places, first.settings, repo.InitOptions{Label: first.name})
	w.must(err)
	w.must(first.boot())
	first.write(w.t, "s0", "the beginning")
	first.write(w.t, "s1", "the beginning, too")
	var vault keys.VaultID
	w.must(first.with(ctx, repo.Writing, func(r *repo.Repository) error {
		vault = r.VaultID()
		made, err := r.Commit(ctx, repo.CommitOptions{Message: "first", All: true})
		if err != nil {
			return err
		}
		w.history.add(made.ID, first.files)
		first.branches["main"] = made.ID
		for _, d := range w.devices[1:] {
			id, err := repo.LoadIdentity(d.places, d.settings)
			if err != nil {
				return err
			}
			q, err := repo.NewDeviceRequest(id, vault, d.name)
			if err != nil {
				return err
			}
			if _, err := r.AddDevice(ctx, q, keys.RoleWriter); err != nil {
				return err
			}
		}
		for _, name := range placeNames {
			if _, err := r.AddRemote(ctx, name, address(name, vault), repo.AddRemoteOptions{}); err != nil {
				return err
			}
		}
		for _, name := range placeNames {
			if _, err := r.Push(ctx, repo.PushOptions{Remote: name}); err != nil {
				return err
			}
			w.at[name]["main"] = choices{made.ID}
		}
		return nil
	}))
	for _, d := range w.devices[1:] {
		_, err := repo.Clone(ctx, d.places, d.settings, repo.CloneOptions{URL: address(placeNames[0], vault), Remote: placeNames[0]})
		w.must(err)
		w.must(d.boot())
		w.must(d.with(ctx, repo.Writing, func(r *repo.Repository) error {
			_, err := r.AddRemote(ctx, placeNames[1], address(placeNames[1], vault), repo.AddRemoteOptions{})
			return err
		}))
		d.state = first.state.copy()
		w.observe(d)
		w.check(d)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// copy is the same world with disks of its own.
func (w *world) copy(t testing.TB, seed uint64) *world {
	c := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 2)), clock: &clock{}, history: w.history.copy(), places: map[string]*place{},
		cut: map[string]bool{}, line: &line{}, at: map[string]map[string]choices{}, count: map[string]int{}}
	c.clock.passed.Store(w.clock.passed.Load())
	for _, d := range w.devices {
		e := &device{name: d.name, state: d.state.copy(), made: map[objects.ID]bool{}}
		e.disk = d.disk.Snapshot()
		c.must(e.boot())
		c.settle(e)
		c.devices = append(c.devices, e)
	}
	for name, p := range w.places {
		q := &place{name: name, config: p.config, clock: c.clock}
		q.disk = p.disk.Snapshot()
		c.must(q.boot())
		c.places[name], c.at[name] = q, maps.Clone(w.at[name])
	}
	return c
}

// check compares a device with the oracle, as it was observed last: branches, HEAD, files.
func (w *world) check(d *device) {
	w.t.Helper()
	if got := d.seen; got.branch != d.branch || !maps.Equal(got.branches, d.branches) {
		w.t.Errorf("%s is on %s of %v, and should be on %s of %v", d.name, got.branch, got.branches, d.branch, d.branches)
	}
	if files, err := d.onDisk(); err != nil || !maps.Equal(files, d.files) {
		w.t.Errorf("%s has the files %v, and should have %v (%v)", d.name, files, d.files, err)
	}
}

// view is where a device says that it stands.
type view struct {
	branch   string
	branches map[string]objects.ID
	tracking map[string]map[string]objects.ID // branches of remotes
	head     objects.ID
	parents  []objects.ID
}

// observe asks a device where it stands.
func (w *world) observe(d *device) {
	w.t.Helper()
	ctx := context.Background()
	s := view{branches: map[string]objects.ID{}, tracking: map[string]map[string]objects.ID{}}
	err := d.with(ctx, repo.Writing, func(r *repo.Repository) error {
		list, err := r.Branches(ctx)
		for _, b := range list {
			if s.branches[b.Name] = b.Commit; b.Current {
				s.branch = b.Name
			}
		}
		for _, one := range r.Remotes() {
			s.tracking[one.Name] = map[string]objects.ID{}
			for _, b := range one.Branches {
				s.tracking[one.Name][b.Name] = b.ID
			}
		}
		head, c, err2 := r.ResolveCommit(ctx, "HEAD")
		if err2 == nil {
			s.head, s.parents = head, c.Parents
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		w.t.Errorf("%s: %v", d.name, err)
	}
	d.seen = s
}

// honest fails on anything that says that somebody cheats, or that something is broken: nobody does, and nothing is.
func (w *world) honest(what string, errs ...error) {
	w.t.Helper()
	for _, err := range errs {
		if err == nil {
			continue
		}
		alarm := errors.Is(err, repo.ErrSecurity) || errors.Is(err, repo.ErrDamaged) || errors.Is(err, remote.ErrDamaged) || strings.Contains(err.Error(), "panic")
		if alarm {
			w.t.Errorf("%s: a false alarm: %v", what, err)
		}
	}
}
