package host

import (
	"errors"
	"io"
	"os"
	"sync"
	"testing"

	"evault/internal/vfs"
	"evault/keys"
	"evault/refs"
	"evault/remote"
	"evault/remote/storetest"
	"evault/remote/transport"
)

// races is how many appends at one instant are tried.
func races(quick, large int) int {
	if os.Getenv("EVAULT_PROVE") != "" {
		return large
	}
	return quick
}

// TestProofRacesOfHosts: of two appends at one instant through two hosts that share a root, exactly one wins, and the other is
// told so. Nothing that was acknowledged is lost.
func TestProofRacesOfHosts(t *testing.T) {
	dir := t.TempDir()
	var stores []remote.Store
	for range 2 {
		r := rigOn(t, openDir(t, dir), allowing("ada", all))
		stores = append(stores, r.open("ada", vaultNumber(1)))
	}
	race(t, stores, races(60, 1000))
}

// TestProofRacesOfProcesses is the same with two processes that serve pipes.
func TestProofRacesOfProcesses(t *testing.T) {
	dir := t.TempDir()
	race(t, []remote.Store{pipeTo(t, dir).Store(vaultNumber(1)), pipeTo(t, dir).Store(vaultNumber(1))}, races(40, 1000))
}

// pipeTo starts a host behind a pipe: this program, in place of ssh.
func pipeTo(t *testing.T, dir string) remote.Site {
	t.Helper()
	program, err := os.Executable()
	wantError(t, err, nil)
	t.Setenv("EVAULT_HOST_TEST_ROOT", dir)
	u, err := remote.ParseURL("ssh://host/root", "/")
	wantError(t, err, nil)
	site, err := transport.Open(t.Context(), u, transport.Options{SSHCommand: []string{program}, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { site.Close() })
	return site
}

// race has every store append a record of a log of its own at the same instant, again and again.
func race(t *testing.T, stores []remote.Store, rounds int) {
	t.Helper()
	info, err := stores[0].Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	writers := make([]*racer, len(stores))
	for i, s := range stores {
		writers[i] = &racer{store: s, w: storetest.NewWriter(t, info.Store)}
	}
	won := 0
	for range rounds {
		heads, err := stores[0].Heads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		won += oneWins(t, writers, heads)
	}
	if won != rounds {
		t.Errorf("%d of %d races were won by one", won, rounds)
	}
	for _, w := range writers {
		n := 0
		err := stores[0].Records(t.Context(), w.w.Tag(), 0, func([]byte) error { n++; return nil })
		if err != nil || n != w.wins {
			t.Errorf("%d records of %d that were acknowledged, %v", n, w.wins, err)
		}
	}
}

// racer is one who appends. A record that did not get in is tried again next time, as it must be: it is signed.
type racer struct {
	store remote.Store
	w     *storetest.Writer
	next  []byte
	wins  int
	err   error
}

func oneWins(t *testing.T, writers []*racer, heads []refs.Position) int {
	start := make(chan struct{})
	var work sync.WaitGroup
	for _, r := range writers {
		if r.next == nil {
			r.next = r.w.Record(nil)
		}
		work.Go(func() {
			<-start
			r.err = r.store.Append(t.Context(), [][]byte{r.next}, heads)
		})
	}
	close(start)
	work.Wait()
	won := 0
	for _, r := range writers {
		switch {
		case r.err == nil:
			won++
			r.wins++
			r.next = nil
		case !errors.Is(r.err, remote.ErrConflict):
			t.Errorf("the loser is told: %v", r.err)
		}
	}
	return won
}

// TestCreateAtOnce: two hosts make one store, and both get its ID.
func TestCreateAtOnce(t *testing.T) {
	dir := t.TempDir()
	a, b := rigOn(t, openDir(t, dir), allowing("ada", all)), rigOn(t, openDir(t, dir), allowing("ada", all))
	for n := range byte(20) {
		v := keys.VaultID{9, n}
		stores := []remote.Store{a.open("ada", v), b.open("ada", v)}
		var ids [2]refs.StoreID
		var work sync.WaitGroup
		for i, s := range stores {
			work.Go(func() {
				info, err := s.Create(t.Context())
				if err != nil {
					t.Error(err)
				}
				ids[i] = info.Store
			})
		}
		work.Wait()
		if ids[0] != ids[1] || ids[0] == (refs.StoreID{}) {
			t.Fatalf("two stores: %v", ids)
		}
	}
}

// TestTheLockIsWaitedFor: and given up when the caller does.
func TestTheLockIsWaitedFor(t *testing.T) {
	r := diskRig(t, allowing("ada", all))
	s, w := r.made("ada", vaultNumber(1))
	lock, err := r.root.Lock(lockName(vaultNumber(1)))
	wantError(t, err, nil)
	done := make(chan error, 1)
	record := w.Record(nil)
	go func() { done <- s.Append(t.Context(), [][]byte{record}, nil) }()
	select {
	case err := <-done:
		t.Errorf("it was not waited for: %v", err)
	case <-within50ms():
	}
	wantError(t, lock.Close(), nil)
	wantError(t, <-done, nil)
	var locked io.Closer
	locked, err = r.root.Lock(lockName(vaultNumber(1)))
	wantError(t, err, nil)
	defer locked.Close()
	wantError(t, s.Append(expired(t), [][]byte{w.Record(nil)}, nil), errExpired)
	if _, err := r.root.Lock(lockName(vaultNumber(1))); !errors.Is(err, vfs.ErrLocked) {
		t.Error("the lock of another was taken")
	}
}
