package pack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
)

// onOneDisk is a place whose store and local are directories of one disk, so that one list of operations has both.
func onOneDisk(t testing.TB) (*memfs.Memory, *place) {
	t.Helper()
	m := memfs.New(memfs.Options{})
	for _, dir := range []string{"store", "local", "store/packs"} {
		if err := m.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return m, on(t, m, newVault(t))
}

// tryCommit opens, puts and commits, and gives whatever goes wrong.
func tryCommit(p *place, all []thing) (err error) {
	db, err := OpenDB(Options{Store: p.store, Local: p.local, Vault: p.vault})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := db.NewSession(SessionOptions{})
	f := s.NewFrames()
	for _, o := range all {
		if _, err := f.Put(o.kind, o.data); err != nil {
			return errors.Join(err, s.Abort())
		}
	}
	_, err = s.Commit(context.Background())
	return err
}

// TestFaultAtEveryOperation makes every operation of opening, writing and committing fail in several ways, once and for
// good. What was there before must stay; what was said to be done must be there; and to do it again must work.
func TestFaultAtEveryOperation(t *testing.T) {
	m, p := onOneDisk(t)
	before := things(p.vault, 20, 20, 700)
	put(t, p.open(t), before)
	all := things(p.vault, 21, 30, 900)
	base := m.Snapshot()
	count, failed := 0, 0
	for kind, fault := range map[string]error{
		"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC,
		"late": memfs.Late{Err: syscall.EIO}, "short": memfs.ShortWrite{N: 3, Err: syscall.ENOSPC},
	} {
		for _, forGood := range []bool{false, true} {
			for at := 0; ; at++ {
				disk := base.Snapshot()
				q := on(t, disk, p.vault)
				first, hit := disk.OpCount()+at, false
				disk.SetFault(func(op memfs.Op) error {
					if op.Index == first || forGood && op.Index > first {
						if kind == "short" && op.Kind != memfs.Write {
							return nil
						}
						hit = true
						return fault
					}
					return nil
				})
				err := tryCommit(q, all)
				disk.SetFault(nil)
				if disk.OpCount() <= first {
					break
				}
				if !hit {
					continue
				}
				count++
				name := fmt.Sprintf("%s at operation %d, for good %v", kind, at, forGood)
				fresh, openErr := OpenDB(Options{Store: q.store, Local: q.local, Vault: q.vault})
				if openErr != nil {
					t.Fatalf("%s: opening afterwards: %v", name, openErr)
				}
				mustHold(t, fresh, before)
				mustVerify(t, fresh)
				if err == nil {
					mustHold(t, fresh, all)
				} else {
					failed++
				}
				fresh.Close()
				if err := tryCommit(q, all); err != nil {
					t.Fatalf("%s: trying again: %v", name, err)
				}
				again := q.open(t)
				mustHold(t, again, slices.Concat(before, all))
				again.Close()
			}
		}
	}
	if count < 100 || failed < 50 {
		t.Errorf("only %d faults, %d of which were reported", count, failed)
	}
	t.Logf("proof row 3: %d faults in open, put and commit, %d reported, 0 silent", count, failed)
}

// TestCrashAtEveryInstant walks through the states that a crash during a commit may leave.
func TestCrashAtEveryInstant(t *testing.T) {
	m, p := onOneDisk(t)
	before := things(p.vault, 22, 20, 700)
	put(t, p.open(t), before)
	all := things(p.vault, 23, 30, 900)
	base := m.Snapshot()
	m.Record()
	if err := tryCommit(p, all); err != nil {
		t.Fatal(err)
	}
	m.Mark("committed")
	opts := memfs.CrashOptions{Seed: 1, Subsets: 4}
	if prove() {
		opts.Subsets = 200
	}
	count, done := 0, 0
	for state := range memfs.Crashes(m.Ops(), base, opts) {
		count++
		q := on(t, state.Open(), p.vault)
		db, err := OpenDB(Options{Store: q.store, Local: q.local, Vault: q.vault})
		if err != nil {
			t.Fatalf("%v: %v", state, err)
		}
		mustHold(t, db, before)
		mustVerify(t, db)
		if len(state.Marks()) > 0 {
			done++
			mustHold(t, db, all)
		}
		if err := SweepIncoming(q.store); err != nil {
			t.Fatal(err)
		}
		if left, err := q.store.ReadDir(incomingDir); err == nil && len(left) != 0 {
			t.Fatalf("%v: %d files left after the sweep", state, len(left))
		}
		db.Close()
		if count%4 != 0 {
			continue
		}
		if err := tryCommit(q, all); err != nil {
			t.Fatalf("%v: committing again: %v", state, err)
		}
		mustHold(t, q.open(t), slices.Concat(before, all))
	}
	if count < 50 || done == 0 {
		t.Errorf("only %d states, %d after the commit", count, done)
	}
	t.Logf("proof row 1: %d crash states of a commit, 0 lost", count)
}
