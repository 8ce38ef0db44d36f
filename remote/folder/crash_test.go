package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/pack"
	"evault/refs"
	"evault/remote"
	"evault/remote/storetest"
)

// prove says whether the large variants are to be run.
func prove() bool { return os.Getenv("EVAULT_PROVE") == "1" }

// act is one thing done to a store, and what must hold once it is said to be done.
type act struct {
	name string
	do   func(s *Store) error
	done func(s *Store) error // nil if it holds
	// before must hold of what the store held before, whatever happened.
	before func(s *Store) error
}

// script is a store with something in it, and the acts that are tried on it.
type script struct {
	base *memfs.Memory
	acts []act
}

func newScript(t *testing.T) script {
	t.Helper()
	disk := memfs.New(memfs.Options{})
	s := storeOn(t, disk)
	info, err := s.Create(t.Context())
	must(t, err)
	w := storetest.NewWriter(t, info.Store)
	old, oldData := storetest.Pack(1, 1000)
	must(t, s.PutPack(t.Context(), old, storetest.Source(oldData)))
	first := w.Record([]refs.Pack{old})
	must(t, s.Append(t.Context(), [][]byte{first}, nil))
	before := func(s *Store) error { return errors.Join(holdsPack(s, old, oldData), holdsRecords(s, w.Tag(), first)) }

	heads := w.Heads()
	fresh, freshData := storetest.Pack(2, 300_000)
	three := w.Records(3)
	other := storetest.NewWriter(t, info.Store)
	begin := other.Record(nil)
	name, data := rosterFile("roster")
	acts := []act{
		{name: "PutPack", do: func(s *Store) error {
			return s.PutPack(context.Background(), fresh, storetest.Source(freshData))
		}, done: func(s *Store) error { return holdsPack(s, fresh, freshData) }},
		{name: "PutFile", do: func(s *Store) error { return s.PutFile(context.Background(), name, data) },
			done: func(s *Store) error { return holdsFile(s, name, data) }},
		{name: "Append", do: func(s *Store) error { return s.Append(context.Background(), three, heads) },
			done: func(s *Store) error {
				return holdsRecords(s, w.Tag(), slices.Concat([][]byte{first}, three)...)
			}},
		{name: "Append to a new log", do: func(s *Store) error { return s.Append(context.Background(), [][]byte{begin}, heads) },
			done: func(s *Store) error { return holdsRecords(s, other.Tag(), begin) }},
	}
	for i := range acts {
		acts[i].before = before
	}
	acts[2].before = func(s *Store) error {
		return errors.Join(holdsPack(s, old, oldData), holdsPrefix(s, w.Tag(), slices.Concat([][]byte{first}, three), 1))
	}
	return script{disk.Snapshot(), acts}
}

// creation is a script of making the store.
func creation() script {
	return script{memfs.New(memfs.Options{}), []act{{
		name: "Create",
		do: func(s *Store) error {
			_, err := s.Create(context.Background())
			return err
		},
		done: func(s *Store) error {
			info, err := s.Info(context.Background())
			if err == nil && (info.Store == refs.StoreID{} || info.Vault != testVault) {
				err = fmt.Errorf("info %+v", info)
			}
			return err
		},
		before: func(s *Store) error {
			info, err := s.Info(context.Background())
			if err == nil && info.Vault != testVault {
				return fmt.Errorf("a store that does not say whose it is: %+v", info)
			}
			if errors.Is(err, remote.ErrNoStore) {
				return nil
			}
			return err
		},
	}}}
}

func storeOn(t testing.TB, disk *memfs.Memory) *Store {
	t.Helper()
	s, err := Open(disk, Options{Vault: testVault, Name: "the folder"})
	must(t, err)
	return s
}

// TestCrashAtEveryInstant walks through the states that a crash during each act may leave: what was there stays, what was
// said to be done is done, and to do it again completes it.
func TestCrashAtEveryInstant(t *testing.T) {
	opts := memfs.CrashOptions{Seed: 1, Subsets: 24}
	if prove() {
		opts.Subsets = 400
	}
	states := 0
	for _, sc := range []script{creation(), newScript(t)} {
		for _, a := range sc.acts {
			disk := sc.base.Snapshot()
			disk.Record()
			must(t, a.do(storeOn(t, disk)))
			disk.Mark("done")
			for c := range memfs.Crashes(disk.Ops(), sc.base, opts) {
				states++
				after := c.Open()
				a.judge(t, fmt.Sprintf("%s: %v", a.name, c), after, len(c.Marks()) > 0)
			}
		}
	}
	if states < 150 {
		t.Errorf("only %d states", states)
	}
	t.Logf("proof row 1: %d crash states of a store in a folder, 0 lost", states)
}

// judge looks at what a crash or a fault left, does the act again and looks again.
func (a act) judge(t *testing.T, when string, disk *memfs.Memory, done bool) {
	t.Helper()
	if err := a.before(storeOn(t, disk)); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if done {
		if err := a.done(storeOn(t, disk)); err != nil {
			t.Fatalf("%s: said to be done: %v", when, err)
		}
	}
	if err := wholePacks(storeOn(t, disk)); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if err := a.do(storeOn(t, disk)); err != nil {
		t.Fatalf("%s: again: %v", when, err)
	}
	if err := a.done(storeOn(t, disk)); err != nil {
		t.Fatalf("%s: after it was done again: %v", when, err)
	}
}

// TestFaultAtEveryOperation makes every operation of each act fail in several ways, once and for good. Success is never
// claimed for what did not happen; nothing half done is seen; to do it again completes it; and with a disk that works again
// nothing is left in incoming/.
func TestFaultAtEveryOperation(t *testing.T) {
	count, failed := 0, 0
	for _, sc := range []script{creation(), newScript(t)} {
		for _, a := range sc.acts {
			for _, fault := range []error{syscall.EIO, syscall.ENOSPC, memfs.ShortWrite{N: 3, Err: syscall.ENOSPC}, memfs.Late{Err: syscall.EIO}} {
				for _, forGood := range []bool{false, true} {
					n, f := a.faults(t, sc.base, fault, forGood)
					count, failed = count+n, failed+f
				}
			}
		}
	}
	if count < 500 || failed < 400 {
		t.Errorf("only %d faults, %d of which were reported", count, failed)
	}
	t.Logf("proof row 3: %d faults in a store in a folder, %d reported, 0 silent", count, failed)
}

func (a act) faults(t *testing.T, base *memfs.Memory, fault error, forGood bool) (count, failed int) {
	t.Helper()
	for at := 0; ; at++ {
		disk := base.Snapshot()
		s := storeOn(t, disk)
		n, hit := 0, false
		disk.SetFault(func(op memfs.Op) error {
			var short memfs.ShortWrite
			n++
			if n-1 < at || n-1 > at && !forGood || errors.As(fault, &short) && op.Kind != memfs.Write {
				return nil
			}
			hit = true
			return fault
		})
		err := a.do(s)
		disk.SetFault(nil)
		if n <= at {
			return count, failed
		}
		if !hit {
			continue
		}
		count++
		when := fmt.Sprintf("%s: %v at operation %d, for good %v (%v)", a.name, fault, at, forGood, err)
		if err != nil {
			failed++
			if !slices.ContainsFunc(sentinels(), func(s error) bool { return errors.Is(err, s) }) {
				t.Errorf("%s: no error of package remote", when)
			}
			if errors.Is(fault, syscall.ENOSPC) != errors.Is(err, remote.ErrFull) {
				t.Errorf("%s: a full disk is told apart", when)
			}
		}
		a.judge(t, when, disk, err == nil)
	}
}

func holdsPack(s *Store, info refs.Pack, data []byte) error {
	var got bytes.Buffer
	r, err := s.Pack(context.Background(), pack.Name(info.Name), 0, -1)
	if err != nil {
		return err
	}
	_, err = got.ReadFrom(r)
	if err == nil && !bytes.Equal(got.Bytes(), data) {
		err = fmt.Errorf("pack %v holds other bytes", info)
	}
	return errors.Join(err, r.Close())
}

// wholePacks checks every pack that is listed.
func wholePacks(s *Store) error {
	packs, err := s.Packs(context.Background())
	if errors.Is(err, remote.ErrNoStore) {
		return nil
	}
	for _, p := range packs {
		err = errors.Join(err, s.CheckPack(context.Background(), p.Name))
	}
	return err
}

func holdsFile(s *Store, name string, data []byte) error {
	got, err := s.File(context.Background(), name)
	if err == nil && !bytes.Equal(got, data) {
		err = fmt.Errorf("%s holds other bytes", name)
	}
	return err
}

func recordsOf(s *Store, tag refs.Tag) (all [][]byte, err error) {
	err = s.Records(context.Background(), tag, 0, func(data []byte) error {
		all = append(all, bytes.Clone(data))
		return nil
	})
	return all, err
}

func holdsRecords(s *Store, tag refs.Tag, want ...[]byte) error {
	return holdsPrefix(s, tag, want, len(want))
}

// holdsPrefix wants the first of some records in a log, at least least of them, and the head to be the last of these.
func holdsPrefix(s *Store, tag refs.Tag, want [][]byte, least int) error {
	got, err := recordsOf(s, tag)
	if err != nil {
		return err
	}
	if len(got) < least || len(got) > len(want) || !slices.EqualFunc(got, want[:len(got)], bytes.Equal) {
		return fmt.Errorf("%d records, or other ones, of %d to %d", len(got), least, len(want))
	}
	heads, err := s.Heads(context.Background())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(heads, func(p refs.Position) bool { return p.Tag == tag })
	if i < 0 || heads[i].Seq != uint64(len(got)-1) {
		return fmt.Errorf("heads %v with %d records", heads, len(got))
	}
	return nil
}

// rosterFile gives a name and contents that fit it.
func rosterFile(text string) (string, []byte) {
	return "roster/1-" + hashHex(text), []byte(text)
}

// Records of one call that a crash has cut in two are completed by the same call, and by nothing else.
func TestAppendIsCompleted(t *testing.T) {
	sc := newScript(t)
	i := slices.IndexFunc(sc.acts, func(a act) bool { return a.name == "Append" })
	a := sc.acts[i]
	disk := sc.base.Snapshot()
	renames := 0
	disk.SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.Rename && strings.Contains(op.NewName, logsDir) {
			if renames++; renames == 2 {
				return syscall.EIO
			}
		}
		return nil
	})
	if err := a.do(storeOn(t, disk)); !errors.Is(err, remote.ErrHost) {
		t.Fatalf("error %v", err)
	}
	disk.SetFault(nil)
	s := storeOn(t, disk)
	heads, err := s.Heads(t.Context())
	must(t, err)
	if len(heads) != 1 || heads[0].Seq != 1 {
		t.Fatalf("heads %v, want one record of three added", heads)
	}
	names, err := disk.ReadDir(incomingDir)
	must(t, err)
	if len(names) != 0 {
		t.Errorf("%d files left in incoming/", len(names))
	}
	must(t, a.do(s))
	must(t, a.done(s))
}

// TestCrashAfterRetry lets one operation that should make something durable fail, does the act again, and crashes: what the
// second attempt found in its place counts only if that, too, was made durable.
func TestCrashAfterRetry(t *testing.T) {
	states := 0
	for _, sc := range []script{creation(), newScript(t)} {
		for _, a := range sc.acts {
			for at := 0; ; at++ {
				disk := sc.base.Snapshot()
				disk.Record()
				n, hit := 0, false
				disk.SetFault(func(op memfs.Op) error {
					if op.Kind != memfs.SyncDir && op.Kind != memfs.Sync {
						return nil
					}
					n++
					if n-1 == at {
						hit = true
						return syscall.EIO
					}
					return nil
				})
				err := a.do(storeOn(t, disk))
				disk.SetFault(nil)
				if !hit {
					break
				}
				if err == nil {
					t.Errorf("%s: a failed sync, number %d, was passed over", a.name, at)
				}
				must(t, a.do(storeOn(t, disk)))
				disk.Mark("done")
				for c := range memfs.Crashes(disk.Ops(), sc.base, memfs.CrashOptions{Seed: 1, Subsets: 2}) {
					states++
					a.judge(t, fmt.Sprintf("%s, sync %d failed: %v", a.name, at, c), c.Open(), len(c.Marks()) > 0)
				}
			}
		}
	}
	if states < 500 {
		t.Errorf("only %d states", states)
	}
	t.Logf("proof row 1: %d crash states after a failed and repeated write, 0 lost", states)
}
