package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/storetest"
)

// flip changes one bit of a file.
func flip(t *testing.T, fsys vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fsys.OpenHandle(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	wantError(t, f.Close(), nil)
}

func packPath(v keys.VaultID, p refs.Pack) string {
	return path.Join(vaultDir(v), pack.Name(p.Name).Path())
}

func TestScrub(t *testing.T) {
	r := newRig(t, allowing("ada", DefaultPermissions))
	var packs []refs.Pack
	for n := range byte(3) {
		s, _ := r.made("ada", vaultNumber(n+1))
		for i := range uint64(4) {
			packs = append(packs, mustPut(t, s, i+10*uint64(n), 3000))
		}
	}
	report, err := r.h.Scrub(t.Context())
	if err != nil || report.Vaults != 3 || report.Packs != 12 || report.Bytes != 36000 || len(report.Damaged)+len(report.Failed) != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	bad := packs[5]
	flip(t, r.root, packPath(vaultNumber(2), bad), 1234)
	report, err = r.h.Scrub(t.Context())
	if err != nil || len(report.Damaged) != 1 || report.Damaged[0] != (PackOf{vaultNumber(2), bad.Name}) || report.Packs != 12 {
		t.Fatalf("%+v, %v", report, err)
	}
	if !strings.Contains(r.log.String(), pack.Name(bad.Name).String()) {
		t.Error("the log does not name it")
	}
	s := r.open("ada", vaultNumber(2))
	_, err = s.Pack(t.Context(), bad.Name, 0, -1)
	wantError(t, err, remote.ErrNotFound)
	list, err := s.Packs(t.Context())
	if err != nil || slices.ContainsFunc(list, func(p refs.Pack) bool { return p.Name == bad.Name }) {
		t.Errorf("it is listed, %v", err)
	}
	damaged, err := namesIn(r.root, path.Join(vaultDir(vaultNumber(2)), "damaged"))
	if err != nil || len(damaged) == 0 {
		t.Errorf("damaged/ holds %v, %v", damaged, err)
	}
	mustPut(t, s, 11, 3000) // a client sends it again
	wantError(t, s.CheckPack(t.Context(), bad.Name), nil)
	if report, err = r.h.Scrub(t.Context()); err != nil || len(report.Damaged) != 0 || report.Packs != 12 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestScrubNamesWhatItCannotRead: and goes on.
func TestScrubNamesWhatItCannotRead(t *testing.T) {
	r := newRig(t, allowing("ada", DefaultPermissions))
	s, _ := r.made("ada", vaultNumber(1))
	for n := range uint64(3) {
		mustPut(t, s, n, 3000)
	}
	first := true
	r.root.(*memfs.Memory).SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.Read && strings.HasSuffix(op.Name, ".pack") && first {
			first = false
			return errors.New("unreadable sector")
		}
		return nil
	})
	report, err := r.h.Scrub(t.Context())
	if err != nil || len(report.Failed) != 1 || len(report.Damaged) != 0 || report.Packs != 3 || !strings.Contains(report.Failed[0].Err.Error(), "sector") {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestOneScrubAtATime(t *testing.T) {
	r := newRig(t)
	lock, err := r.root.Lock(scrubLockName)
	wantError(t, err, nil)
	_, err = r.h.Scrub(t.Context())
	wantError(t, err, ErrScrubbing)
	wantError(t, lock.Close(), nil)
	_, err = r.h.Scrub(t.Context())
	wantError(t, err, nil)
}

func TestScrubIsDue(t *testing.T) {
	r := newRig(t)
	due := func() bool {
		t.Helper()
		is, err := r.h.scrubDue()
		wantError(t, err, nil)
		return is
	}
	if due() {
		t.Error("a new host scrubs at once")
	}
	r.clock = r.clock.Add(DefaultScrub - time.Second)
	r.restart() // which does not begin the week anew
	if due() {
		t.Error("too early")
	}
	r.clock = r.clock.Add(time.Second)
	if !due() {
		t.Error("not after a week")
	}
	_, err := r.h.Scrub(t.Context())
	wantError(t, err, nil)
	if due() {
		t.Error("right after a scrub")
	}
	wantError(t, publish(r.config, "[scrub]\nevery = \"1h\"\n"), nil)
	r.restart()
	r.clock = r.clock.Add(time.Hour)
	if !due() {
		t.Error("not after an hour")
	}
	wantError(t, publish(r.config, "[scrub]\nevery = \"never\"\n"), nil)
	r.restart()
	if due() {
		t.Error("never is now")
	}
}

// TestScrubGoesOn: one that is cut short is continued by the timer, and not begun anew.
func TestScrubGoesOn(t *testing.T) {
	r := newRig(t, allowing("ada", DefaultPermissions))
	s, _ := r.made("ada", vaultNumber(2))
	var names []pack.Name
	for n := range uint64(6) {
		names = append(names, mustPut(t, s, n, 100).Name)
	}
	slices.SortFunc(names, func(a, b pack.Name) int { return slices.Compare(a[:], b[:]) })
	r.made("ada", vaultNumber(1))
	r.made("ada", vaultNumber(3))
	wantError(t, r.h.saveScrub(scrubState{Vault: vaultNumber(2).String(), Pack: names[3].String()}), nil)
	report, err := r.h.scrub(t.Context(), true)
	if err != nil || report.Packs != 2 || report.Vaults != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	if report, err = r.h.scrub(t.Context(), true); err != nil || report.Packs != 6 || report.Vaults != 3 {
		t.Errorf("the next one: %+v, %v", report, err)
	}
	wantError(t, vfs.Publish(r.root, scrubStateName, []byte("garbage"), 0o600), nil)
	if report, err = r.h.scrub(t.Context(), true); err != nil || report.Packs != 6 {
		t.Errorf("after garbage: %+v, %v", report, err)
	}
}

// TestScrubKeepsToItsRate and ends when it is told to.
func TestScrubKeepsToItsRate(t *testing.T) {
	r := newRig(t, allowing("ada", DefaultPermissions))
	wantError(t, UpdateConfig(r.config, ConfigName, func(c *Config) error { c.Scrub.Rate = 100_000; return nil }), nil)
	r.restart()
	s, _ := r.made("ada", vaultNumber(1))
	for n := range uint64(4) {
		mustPut(t, s, n, 10_000)
	}
	began := time.Now()
	_, err := r.h.Scrub(t.Context())
	wantError(t, err, nil)
	if took := time.Since(began); took < 390*time.Millisecond {
		t.Errorf("40 kB at 100 kB/s took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = r.h.Scrub(ctx)
	wantError(t, err, context.DeadlineExceeded)
}

func TestSweepOrphans(t *testing.T) {
	r := diskRig(t, allowing("ada", DefaultPermissions))
	s, w := r.made("ada", vaultNumber(1))
	named, orphan, young := mustPut(t, s, 1, 100), mustPut(t, s, 2, 100), mustPut(t, s, 3, 100)
	late := mustPut(t, s, 4, 100)
	wantError(t, s.Append(t.Context(), [][]byte{w.Record([]refs.Pack{named})}, nil), nil)
	month := time.Now().Add(-31 * 24 * time.Hour)
	for _, p := range []refs.Pack{named, orphan, late} {
		wantError(t, r.root.Chtimes(packPath(vaultNumber(1), p), month, month), nil)
	}
	heads := w.Heads()
	record := w.Record([]refs.Pack{late})
	wantError(t, s.Append(t.Context(), [][]byte{record}, heads), nil)
	n, err := r.h.SweepOrphans(t.Context(), 30*24*time.Hour)
	if err != nil || n != 1 {
		t.Errorf("removed %d, %v", n, err)
	}
	list, err := s.Packs(t.Context())
	wantError(t, err, nil)
	for _, p := range []refs.Pack{named, young, late} {
		if !slices.Contains(list, p) {
			t.Errorf("pack %s is gone", p)
		}
	}
	if slices.Contains(list, orphan) {
		t.Error("the orphan is there")
	}
}

// TestProofCreateCrashes: whatever instant the machine stops at while a store is made, there is a whole store or none, a
// repeated Create completes it, and the host goes on.
func TestProofCreateCrashes(t *testing.T) {
	m := memfs.New(memfs.Options{})
	base := m.Snapshot()
	r := rigOn(t, m, limited("ada", Limits{Quota: 1 << 30}))
	m.Record()
	s, w := r.made("ada", vaultNumber(1))
	p := mustPut(t, s, 1, 5000)
	wantError(t, s.Append(t.Context(), [][]byte{w.Record([]refs.Pack{p})}, nil), nil)
	states := 0
	for crash := range memfs.Crashes(m.Ops(), base, memfs.CrashOptions{Subsets: 16}) {
		states++
		after := rigOn(t, crash.Open(), limited("ada", Limits{Quota: 1 << 30}))
		if err := survives(after, p); err != nil {
			t.Fatalf("%v: %v", crash, err)
		}
	}
	if states < 100 {
		t.Errorf("%d states", states)
	}
}

// survives repeats on a host what may or may not have been done before.
func survives(r *rig, p refs.Pack) error {
	list, err := r.h.shelf.vaults(r.t.Context())
	if err != nil {
		return err
	}
	s := r.open("ada", vaultNumber(1))
	defer s.Close()
	before, err := s.Info(r.t.Context())
	if err != nil && !errors.Is(err, remote.ErrNoStore) || len(list) == 1 != (err == nil) {
		return fmt.Errorf("%d vaults, and its store: %w", len(list), err)
	}
	info, err := s.Create(r.t.Context())
	if err != nil {
		return err
	}
	if len(list) == 1 && info.Store != before.Store {
		return errors.New("another store")
	}
	_, data := storetest.Pack(1, 5000)
	if err := s.PutPack(r.t.Context(), p, storetest.Source(data)); err != nil {
		return err
	}
	heads, err := s.Heads(r.t.Context())
	if err != nil {
		return err
	}
	w := storetest.NewWriter(r.t, info.Store)
	return s.Append(r.t.Context(), [][]byte{w.Record([]refs.Pack{p})}, heads)
}
