package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/objects"
	"evault/refs"
	"evault/remote"
	"evault/remote/folder"
	"evault/remote/transport"
	"evault/repo"
)

// races is how many races a test runs: many for the proof.
func races(quick, large int) int {
	if proving() {
		return large
	}
	if testing.Short() {
		return quick / 5
	}
	return quick
}

// track is where devices race: a world of which the first host is reached in the way that the test is about.
type track struct {
	*world
	tip     objects.ID
	meeting *meeting     // at the door of Append
	inside  *meeting     // inside it, where the heads are compared and the record is not written yet
	told    atomic.Int64 // how often a store said that somebody else was faster
}

// meeting lets those who come go on when all are there, or when those who are missing have ended without coming. It knows
// nothing of time: on a machine that is busy they meet later.
type meeting struct {
	mu      sync.Mutex
	missing int
	all     chan struct{}
}

func meet(n int) *meeting { return &meeting{missing: n, all: make(chan struct{})} }

func (m *meeting) wait() {
	m.less()
	<-m.all
}

// less counts one who has come, or who has ended: who ended after the meeting makes no difference any more.
func (m *meeting) less() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.missing--; m.missing == 0 {
		close(m.all)
	}
}

// racing is a site whose stores meet before they append.
type racing struct {
	remote.Site
	track *track
}

func (r racing) Store(vault keys.VaultID) remote.Store {
	return racingStore{r.Site.Store(vault), r.track}
}

type racingStore struct {
	remote.Store
	track *track
}

func (s racingStore) Append(ctx context.Context, records [][]byte, heads []refs.Position) error {
	if m := s.track.meeting; m != nil {
		m.wait()
	}
	err := s.Store.Append(ctx, records, heads)
	if errors.Is(err, remote.ErrConflict) {
		s.track.told.Add(1)
	}
	return err
}

func newTrack(t *testing.T, dial func(ctx context.Context, at remote.URL, o repo.DialOptions) (remote.Site, error), w *world) *track {
	t.Helper()
	k := &track{world: w}
	for _, d := range w.devices {
		d.settings.Dial = func(ctx context.Context, at remote.URL, o repo.DialOptions) (remote.Site, error) {
			site, err := dial(ctx, at, o)
			if err != nil {
				return nil, err
			}
			return racing{site, k}, nil
		}
	}
	k.tip = w.devices[0].head()
	return k
}

// tlsTrack is a host that listens on loopback.
func tlsTrack(t *testing.T) *track {
	t.Helper()
	w := startWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	id, err := keys.NewIdentity()
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.places[placeNames[0]].host.Serve(ctx, listener, id.TLSKey()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	port := listener.Addr().(*net.TCPAddr).Port
	return newTrack(t, func(ctx context.Context, at remote.URL, o repo.DialOptions) (remote.Site, error) {
		u := remote.URL{Scheme: remote.SchemeEvault, Host: "127.0.0.1", Port: port, Vault: at.Vault, Device: id.DeviceID()}
		return transport.Open(ctx, u, transport.Options{Identity: o.Identity})
	}, w)
}

// doorway is a disk on which devices meet before they publish a record, so that all have seen the same heads.
type doorway struct {
	vfs.FS
	track func() *track
}

func (f doorway) Sub(name string) (vfs.FS, error) {
	sub, err := f.FS.Sub(name)
	return doorway{sub, f.track}, err
}

func (f doorway) pass(name string) {
	if k := f.track(); k != nil && k.inside != nil && strings.HasPrefix(name, "logs/") {
		k.inside.wait()
	}
}

func (f doorway) Rename(from, to string) error {
	f.pass(to)
	return f.FS.Rename(from, to)
}

func (f doorway) RenameNoReplace(from, to string) error {
	f.pass(to)
	return f.FS.RenameNoReplace(from, to)
}

func (f doorway) Link(from, to string) error {
	f.pass(to)
	return f.FS.Link(from, to)
}

// folderTrack is one folder that all devices write, as a disk on a share is.
func folderTrack(t *testing.T) *track {
	t.Helper()
	w, k := startWorld(t), (*track)(nil)
	disk := doorway{memfs.New(memfs.Options{}), func() *track { return k }} // the time is the real one: a folder takes what is half written and old for abandoned
	k = newTrack(t, func(_ context.Context, _ remote.URL, _ repo.DialOptions) (remote.Site, error) {
		return folder.OpenSite(disk, "the disk")
	}, w)
	for _, d := range w.devices {
		k.must(d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
			_, err := r.AddRemote(context.Background(), "disk", "/disk", repo.AddRemoteOptions{})
			return err
		}))
	}
	k.must(k.pushNow(w.devices[0], "disk", "main"))
	return k
}

func (k *track) pushNow(d *device, to, branch string) error {
	return d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
		result, err := r.Push(context.Background(), repo.PushOptions{Remote: to, Branches: []string{branch}})
		if result != nil && len(result.Problems) > 0 {
			return errors.Join(err, fmt.Errorf("problems: %v", result.Problems))
		}
		return err
	})
}

// pullNow pulls the current branch and gives where it is then.
func (k *track) pullNow(d *device, from string) (diverged bool, err error) {
	err = d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
		result, err := r.Pull(context.Background(), repo.PullOptions{Remote: from})
		if err != nil {
			return err
		}
		diverged = slices.ContainsFunc(result.Fetch.Updates, func(u repo.RefUpdate) bool { return u.Kind == repo.UpdateDiverged })
		if len(result.Fetch.Problems) > 0 {
			return fmt.Errorf("problems: %v", result.Fetch.Problems)
		}
		return nil
	})
	return diverged, err
}

// work commits a new file on a device.
func (k *track) work(d *device, round int) {
	d.write(k.t, "own-"+d.name, fmt.Sprint("round ", round))
	k.must(d.with(context.Background(), repo.Writing, func(r *repo.Repository) error {
		result, err := r.Commit(context.Background(), repo.CommitOptions{Message: "m", All: true})
		if err == nil {
			d.made[result.ID] = true
		}
		return err
	}))
}

// run has devices push at one instant and gives what each was told.
func (k *track) run(racers []*device, to string, branch func(*device) string) []error {
	told := make([]error, len(racers))
	start := make(chan struct{})
	var work sync.WaitGroup
	for i, d := range racers {
		work.Go(func() {
			<-start
			told[i] = k.pushNow(d, to, branch(d))
			for _, m := range []*meeting{k.meeting, k.inside} {
				if m != nil {
					m.less()
				}
			}
		})
	}
	close(start)
	work.Wait()
	k.meeting, k.inside = nil, nil
	return told
}

// finish checks, after all devices have pulled, that they agree and that every commit is there.
func (k *track) finish(racers []*device, from string) {
	k.t.Helper()
	for range 2 {
		for _, d := range racers {
			if _, err := k.pullNow(d, from); err != nil {
				k.t.Fatal(err)
			}
			if err := k.pushNow(d, from, "main"); err != nil && !errors.Is(err, repo.ErrFetchFirst) {
				k.t.Fatal(err)
			}
		}
	}
	var tip objects.ID
	for n, d := range racers {
		k.observe(d)
		if n > 0 && d.seen.head != tip {
			k.t.Errorf("%s is at %s, and %s at %s", d.name, d.seen.head, racers[0].name, tip)
		}
		tip = d.seen.head
		k.whole(d)
	}
	lost := 0
	k.must(racers[0].with(context.Background(), repo.ReadOnly, func(r *repo.Repository) error {
		there := map[string]bool{}
		err := r.Log(context.Background(), repo.LogOptions{}, func(e *repo.LogEntry) error {
			there[e.ID.String()] = true
			return nil
		})
		for _, d := range racers {
			for id := range d.made {
				if !there[id.String()] {
					lost++
				}
			}
		}
		return err
	}))
	if lost > 0 {
		k.t.Errorf("%d commits are lost", lost)
	}
}

// TestProofPushRaces: of pushes of one branch at one instant one wins, the others are told to fetch, and nothing is lost.
func TestProofPushRaces(t *testing.T) {
	for _, n := range []int{2, 3} {
		t.Run(fmt.Sprint(n, " devices"), func(t *testing.T) {
			k := tlsTrack(t)
			rounds := races(280-80*n, 1000/(n-1))
			racers := k.devices[:n]
			for round := range rounds {
				for _, d := range racers {
					k.work(d, round)
				}
				if round%4 != 0 { // they are at the commit point together; else they are as together as they happen to be
					k.meeting = meet(n)
				}
				k.settleRace(racers, k.run(racers, placeNames[0], func(*device) string { return "main" }))
			}
			k.finish(racers, placeNames[0])
			t.Logf("proof push races: %d of %d devices on one branch of a host; %d times the host refused a write that came too late", rounds, n, k.told.Load())
			if int(k.told.Load()) < rounds/4 {
				t.Errorf("the host had to refuse %d times only", k.told.Load())
			}
		})
	}
}

// settleRace checks that one won, and has the others pull and push.
func (k *track) settleRace(racers []*device, told []error) {
	k.t.Helper()
	won := 0
	for i, d := range racers {
		switch err := told[i]; {
		case err == nil:
			won++
		case !errors.Is(err, repo.ErrFetchFirst):
			k.t.Fatalf("%s lost, and is told: %v", d.name, err)
		default:
			diverged, err := k.pullNow(d, placeNames[0])
			if err == nil {
				err = k.pushNow(d, placeNames[0], "main")
			}
			if err != nil || diverged {
				k.t.Fatalf("%s, after it lost: %v, diverged: %v", d.name, err, diverged)
			}
		}
	}
	if won != 1 {
		k.t.Fatalf("%d devices won: %v", won, told)
	}
	for i, d := range racers {
		if told[i] == nil || len(racers) > 2 {
			if diverged, err := k.pullNow(d, placeNames[0]); err != nil || diverged {
				k.t.Fatalf("%s: %v, diverged: %v", d.name, err, diverged)
			}
		}
	}
}

// TestProofBranchRaces: pushes of different branches at one instant all succeed.
func TestProofBranchRaces(t *testing.T) {
	k := tlsTrack(t)
	rounds := races(20, 300)
	for _, d := range k.devices {
		k.switchTo(d, "of-"+d.name)
	}
	for round := range rounds {
		for _, d := range k.devices {
			k.work(d, round)
		}
		k.meeting = meet(len(k.devices))
		for i, err := range k.run(k.devices, placeNames[0], func(d *device) string { return "of-" + d.name }) {
			if err != nil {
				t.Fatalf("%s: %v", k.devices[i].name, err)
			}
		}
	}
	for _, d := range k.devices {
		k.must(d.with(t.Context(), repo.Writing, func(r *repo.Repository) error {
			result, err := r.Fetch(t.Context(), repo.FetchOptions{Remote: placeNames[0]})
			return errors.Join(append([]error{err}, result.Problems...)...)
		}))
		k.observe(d)
		for _, other := range k.devices {
			if !other.made[d.seen.tracking[placeNames[0]]["of-"+other.name]] {
				t.Errorf("%s does not see the work of %s", d.name, other.name)
			}
		}
		k.whole(d)
	}
	t.Logf("proof push races: %d of %d devices on different branches of a host; %d times tried again", rounds, len(k.devices), k.told.Load())
}

// TestProofFolderRaces: a folder has no host that decides. There both may win, which is then seen by everybody; nothing is
// lost, and a pull brings it together.
func TestProofFolderRaces(t *testing.T) {
	k := folderTrack(t)
	rounds, racers, both := races(40, 1000), k.devices[:2], 0
	rnd := rand.New(rand.NewPCG(1, 1))
	for round := range rounds {
		for _, d := range racers {
			k.work(d, round)
		}
		if round%2 == 0 {
			k.meeting = meet(len(racers))
		} else {
			k.inside = meet(len(racers))
		}
		told := k.run(racers, "disk", func(*device) string { return "main" })
		won := 0
		for i, err := range told {
			if err == nil {
				won++
			} else if !errors.Is(err, repo.ErrFetchFirst) && !errors.Is(err, remote.ErrConflict) {
				t.Fatalf("%s: %v", racers[i].name, err)
			}
		}
		if won == 0 {
			t.Fatalf("nobody won: %v", told)
		}
		if won > 1 {
			both++
		}
		first := rnd.IntN(2)
		for _, d := range []*device{racers[first], racers[1-first]} {
			if _, err := k.pullNow(d, "disk"); err != nil {
				t.Fatalf("%s after %v: %v", d.name, told, err)
			}
			if err := k.pushNow(d, "disk", "main"); err != nil {
				t.Fatalf("%s after %v: %v", d.name, told, err)
			}
		}
		if diverged, err := k.pullNow(racers[first], "disk"); err != nil || diverged {
			t.Fatalf("%s: diverged: %v, %v", racers[first].name, diverged, err)
		}
	}
	k.finish(racers, "disk")
	t.Logf("proof push races: %d of %d devices on a folder; both won %d times", rounds, len(racers), both)
	if both < rounds/4 {
		t.Errorf("both won %d times only", both)
	}
}
