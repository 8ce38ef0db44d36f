package worktree

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
)

// inMemory lists what a filesystem in memory holds, with modes and times, and skips the root itself.
func inMemory(t testing.TB, m vfs.FS, dir string, found map[string]string) {
	t.Helper()
	infos, err := m.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		path := joinPath(dir, info.Name())
		st, err := m.LstatStat(path)
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("%v %o %v", st.Type, st.Perm, st.Mtime)
		switch st.Type {
		case vfs.Directory:
			inMemory(t, m, path, found)
		case vfs.Symlink:
			target, err := m.Readlink(path)
			if err != nil {
				t.Fatal(err)
			}
			what += target
		case vfs.Regular:
			f, err := m.Map(path)
			if err != nil {
				t.Fatal(err)
			}
			what += string(f.Data)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		found[path] = what
	}
}

// Whatever operation fails, once, by not happening, by happening and saying it failed, or by half of a write: a restore that
// says it worked did, and one that says it did not has no half-written file under its name.
func TestRestoreFaults(t *testing.T) {
	s := newStore(t)
	hard := s.file(t, "h1", "linked")
	hard.LinkGroup = 3
	twin := hard
	twin.Name = "h2"
	tree := s.tree(t, hard, twin, s.dir(t, "d", s.file(t, "f", strings.Repeat("data", 500)), link("l", "f"), s.dir(t, "e", s.file(t, "g", ""))),
		objects.Entry{Name: "p", Type: objects.TypeFifo, Mode: 0o600, Mtime: someTime})
	want := make(map[string]string)
	good := memfs.New(memfs.Options{})
	mustRestore(t, s, tree, nil, RestoreOptions{Root: good, Workers: 1})
	inMemory(t, good, "", want)
	if len(want) != 8 {
		t.Fatalf("%d names: %v", len(want), want)
	}
	eio := error(syscall.EIO)
	count, silent := 0, 0
	faults := []error{eio, memfs.Late{Err: eio}, memfs.ShortWrite{N: 3, Err: eio}, syscall.ENOSPC, eio, syscall.ENOSPC}
	for i, fault := range faults {
		forGood := i >= 4
		for at := 0; ; at++ {
			m := memfs.New(memfs.Options{})
			hit := false
			n := 0
			var kind memfs.Kind
			m.SetFault(func(op memfs.Op) error {
				n++
				if n-1 < at || n-1 > at && !forGood {
					return nil
				}
				if !hit {
					hit, kind = true, op.Kind
				}
				if _, short := fault.(memfs.ShortWrite); short && op.Kind != memfs.Write {
					return eio
				}
				return fault
			})
			res, err := Restore(context.Background(), s, tree.ID, nil, RestoreOptions{Root: m, Workers: 1})
			m.SetFault(nil)
			if !hit {
				break
			}
			count++
			got := make(map[string]string)
			inMemory(t, m, "", got)
			if err == nil && !maps.Equal(got, want) {
				silent++
				t.Errorf("fault %v at %d: no error, but %v", fault, at, got)
			}
			if err == nil && (kind.Mutates() || kind == memfs.Close) {
				t.Errorf("fault %v at %d: a failed %v is not reported", fault, at, kind)
			}
			for path, what := range got {
				kind, _, _ := strings.Cut(what, " ")
				if strings.Contains(path, tempPrefix) {
					continue // its removal may be what failed; the next run sweeps it
				}
				if kind == "regular" && what != want[path] {
					t.Errorf("fault %v at %d: half-done %q: %q", fault, at, path, what)
				}
			}
			if err != nil && res.ProblemCount == 0 && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("fault %v at %d: no reason in %v", fault, at, err)
			}
			mustRestore(t, s, tree, nil, RestoreOptions{Root: m, Workers: 1})
			clear(got)
			inMemory(t, m, "", got)
			if !maps.Equal(got, want) {
				t.Errorf("fault %v at %d: repeated: %v", fault, at, got)
			}
		}
	}
	t.Logf("proof row 3 (restore): %d faults, %d silent", count, silent)
}

// The same for a checkout: repeated after a fault, it arrives.
func TestCheckoutFaults(t *testing.T) {
	s := newStore(t)
	from, to := s.files(t, before), s.files(t, after)
	want := make(map[string]string)
	good := memfs.New(memfs.Options{})
	mustRestore(t, s, to, nil, RestoreOptions{Root: good, Workers: 1})
	inMemory(t, good, "", want)
	count := 0
	for _, fault := range []error{syscall.EIO, memfs.Late{Err: syscall.EIO}} {
		for at := 0; ; at++ {
			m := memfs.New(memfs.Options{})
			mustRestore(t, s, from, nil, RestoreOptions{Root: m, Workers: 1})
			o := CheckoutOptions{RestoreOptions: RestoreOptions{Root: m, Workers: 1, NewHasher: s.vault.NewHasher}}
			n, hit := 0, false
			m.SetFault(func(op memfs.Op) error {
				n++
				if n-1 != at {
					return nil
				}
				hit = true
				return fault
			})
			plan, err := PlanCheckout(context.Background(), s, from, to, nil, o)
			if err == nil {
				_, err = plan.Apply(context.Background())
			}
			m.SetFault(nil)
			if !hit {
				break
			}
			count++
			got := make(map[string]string)
			inMemory(t, m, "", got)
			if err == nil && !maps.Equal(got, want) {
				t.Errorf("fault %v at %d: no error, but %v", fault, at, got)
			}
			plan, err = PlanCheckout(context.Background(), s, from, to, nil, o)
			if err == nil {
				_, err = plan.Apply(context.Background())
			}
			clear(got)
			inMemory(t, m, "", got)
			if err != nil || !sameContents(got, want) {
				t.Errorf("fault %v at %d: repeated: %v\n%v\n%v", fault, at, err, got, want)
			}
		}
	}
	t.Logf("proof row 3 (checkout): %d faults", count)
}

// sameContents compares without the metadata of directories: that of one that needed no more change is not looked at again.
func sameContents(got, want map[string]string) bool {
	drop := func(_, what string) bool { return strings.HasPrefix(what, "directory") }
	got, want = maps.Clone(got), maps.Clone(want)
	maps.DeleteFunc(got, drop)
	maps.DeleteFunc(want, drop)
	maps.DeleteFunc(got, func(path, _ string) bool { return strings.Contains(path, tempPrefix) })
	return maps.Equal(got, want)
}
