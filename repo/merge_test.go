package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"testing"
	"time"

	"evault/internal/vfs"
	"evault/internal/vfs/memfs"
	"evault/objects"
	"evault/pack"
	"evault/refs"
)

// merge merges a branch into the current one.
func (g *rig) merge(branch string, o mergeOptions) (result *MergeResult, err error) {
	g.t.Helper()
	g.with(Writing, func(ctx context.Context, r *Repository) {
		id, ok := r.refs.View().Ref(branchPrefix + branch)
		if !ok {
			g.t.Fatalf("no branch %s", branch)
		}
		o.What = branch
		result, err = r.mergeCommit(ctx, id, o)
	})
	return result, err
}

// fork makes a branch from main, commits on it what change does, and goes back.
func (g *rig) fork(branch string, change func()) objects.ID {
	g.t.Helper()
	g.switchTo(CheckoutOptions{Create: branch})
	change()
	settle()
	id := g.commit("on " + branch).ID
	g.switchTo(CheckoutOptions{Revision: "main", Branch: true})
	return id
}

func (g *rig) switchTo(o CheckoutOptions) {
	g.t.Helper()
	if _, err := g.checkout(o); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) head() (id objects.ID) {
	g.t.Helper()
	g.with(ReadOnly, func(_ context.Context, r *Repository) { id = r.head() })
	return id
}

// started is a rig with a first commit on main.
func started(t *testing.T) *rig {
	g := newRig(t)
	g.write("a", "1")
	g.write("d/b", "1")
	g.write("d/c", "1")
	settle()
	g.commit("first")
	return g
}

func TestMergeUpToDateAndFastForward(t *testing.T) {
	g := started(t)
	first := g.head()
	other := g.fork("other", func() {
		g.write("d/b", "2")
		g.remove("d/c")
		g.write("new/file", "3")
	})
	g.write("untracked", "mine")
	g.write("a", "not committed")
	result, err := g.merge("other", mergeOptions{FastForwardOnly: true})
	if err != nil || result.Kind != MergeFastForward || result.Commit != other || g.head() != other || result.Written != 2 || result.Deleted != 1 || result.Subject != "on other" {
		t.Fatalf("%+v, %v", result, err)
	}
	if g.read("d/b") != "2" || g.exists("d/c") || g.read("new/file") != "3" || g.read("untracked") != "mine" || g.read("a") != "not committed" {
		t.Error("the work tree is not as it should be")
	}
	g.wantStatus("M a", "? untracked")
	for range 2 {
		result, err = g.merge("other", mergeOptions{})
		if err != nil || result.Kind != MergeUpToDate || result.Commit != other || g.head() != other {
			t.Fatalf("again: %+v, %v", result, err)
		}
	}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if result, err := r.mergeCommit(ctx, first, mergeOptions{What: "old"}); err != nil || result.Kind != MergeUpToDate {
			t.Errorf("an ancestor: %+v, %v", result, err)
		}
		if _, err := r.mergeCommit(ctx, objects.ID{5}, mergeOptions{What: "nothing"}); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("no such commit: %v", err)
		}
	})
	g.verify()
}

func TestMergeIntoABranchWithoutCommits(t *testing.T) {
	g := started(t)
	other := g.fork("other", func() { g.write("x", "1") })
	g.with(Writing, func(ctx context.Context, r *Repository) {
		op := refs.Operation{Name: "switch", Description: "to nothing", HeadAfter: refs.Head{Branch: "empty"}}
		if _, err := r.moveTo(ctx, &destination{op: op}, false, false); err != nil {
			t.Fatal(err)
		}
	})
	if g.exists("a") {
		t.Fatal("there are files on a branch without commits")
	}
	result, err := g.merge("other", mergeOptions{})
	if err != nil || result.Kind != MergeFastForward || g.head() != other || g.read("x") != "1" {
		t.Errorf("%+v, %v", result, err)
	}
	g.wantStatus()
	g.verify()
}

func TestMergeOfTwoSides(t *testing.T) {
	g := started(t)
	other := g.fork("other", func() {
		g.write("d/b", "theirs")
		g.remove("d/c")
		g.write("new/file", "theirs")
	})
	g.write("a", "ours")
	g.write("d/e", "ours")
	settle()
	ours := g.commit("ours").ID
	g.write("d/e", "not committed") // the merge has no business with it
	g.write("untracked", "mine")
	if _, err := g.merge("other", mergeOptions{FastForwardOnly: true}); !errors.Is(err, ErrConflict) || g.head() != ours {
		t.Errorf("fast-forward only: %v", err)
	}
	added := refs.Pack{}
	g.with(ReadOnly, func(_ context.Context, r *Repository) {
		db, err := r.database()
		if err != nil {
			t.Fatal(err)
		}
		infos, err := db.Packs()
		if err != nil {
			t.Fatal(err)
		}
		added = refs.Pack{Name: infos[0].Name, Size: uint64(infos[0].Size)}
	})
	result, err := g.merge("other", mergeOptions{PacksAdded: []refs.Pack{added}})
	if err != nil || result.Kind != MergeCommit || result.Commit != g.head() || result.Written != 2 || result.Deleted != 1 || result.Subject != "Merge other into main" {
		t.Fatalf("%+v, %v", result, err)
	}
	for name, want := range map[string]string{"a": "ours", "d/b": "theirs", "d/e": "not committed", "new/file": "theirs", "untracked": "mine"} {
		if got := g.read(name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if g.exists("d/c") {
		t.Error("what they removed is still there")
	}
	g.wantStatus("M d/e", "? untracked")
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		c, err := r.loadCommit(ctx, result.Commit)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.Parents, []objects.ID{ours, other}) || c.Generation != 3 || c.Author != "Tester" {
			t.Errorf("commit %+v", c)
		}
		err = r.refs.Records(ctx, func(rec *refs.Record) bool {
			if rec.Body.Operation != "merge" || len(rec.Body.Changes) != 1 || len(rec.Added) != 2 || len(rec.Body.Needed) != 1 || !slices.Contains(rec.Added, added) {
				t.Errorf("the record: %+v", rec)
			}
			return false
		})
		if err != nil {
			t.Fatal(err)
		}
		if ahead, behind, err := r.aheadBehind(ctx, result.Commit, other); err != nil || ahead != 2 || behind != 0 {
			t.Errorf("%d ahead, %d behind, %v", ahead, behind, err)
		}
	})
	g.verify()
}

func (g *rig) countPacks() (n int) {
	g.t.Helper()
	g.with(ReadOnly, func(_ context.Context, r *Repository) {
		db, err := r.database()
		if err != nil {
			g.t.Fatal(err)
		}
		infos, err := db.Packs()
		if err != nil {
			g.t.Fatal(err)
		}
		n = len(infos)
	})
	return n
}

func TestMergeNeverOverwritesWork(t *testing.T) {
	g := started(t)
	g.fork("other", func() { g.write("d/b", "theirs"); g.write("new", "theirs") })
	for _, kind := range []string{MergeFastForward, MergeCommit} {
		if kind == MergeCommit {
			g.write("a", "ours")
			settle()
			g.commit("ours")
		}
		before, packs := g.head(), g.countPacks()
		for _, c := range []struct{ path, was string }{{"d/b", "1"}, {"new", ""}} {
			g.write(c.path, "work")
			_, err := g.merge("other", mergeOptions{})
			var dirty *DirtyError
			if !errors.As(err, &dirty) || !slices.Equal(dirty.Paths, []string{c.path}) {
				t.Errorf("%s, %s: %v", kind, c.path, err)
			}
			if g.head() != before || g.read(c.path) != "work" || g.countPacks() != packs {
				t.Errorf("%s, %s: something changed", kind, c.path)
			}
			if g.remove(c.path); c.was != "" {
				g.write(c.path, c.was)
			}
		}
	}
}

func TestMergeIntoADetachedHead(t *testing.T) {
	g := started(t)
	g.fork("other", func() { g.write("d/b", "theirs") })
	g.write("a", "ours")
	settle()
	ours := g.commit("ours").ID
	g.switchTo(CheckoutOptions{Revision: ours.String(), Detach: true})
	result, err := g.merge("other", mergeOptions{})
	if err != nil || result.Subject != "Merge other into HEAD" || g.head() != result.Commit {
		t.Fatalf("%+v, %v", result, err)
	}
	g.with(ReadOnly, func(_ context.Context, r *Repository) {
		if at, _ := r.refs.View().Ref(branchPrefix + "main"); at != ours || !r.refs.View().Head.Detached() {
			t.Error("the branch moved")
		}
	})
	g.verify()
}

// TestMergeAfterACrissCross has two merge bases. Edits that no base sees differently merge; a path that the bases disagree
// about is a conflict.
func TestMergeAfterACrissCross(t *testing.T) {
	for _, overlapping := range []bool{false, true} {
		g := started(t)
		g.fork("other", func() { g.write("d/b", "theirs") })
		g.write("a", "ours")
		settle()
		ours := g.commit("ours").ID
		g.switchTo(CheckoutOptions{Revision: "other", Branch: true})
		g.with(Writing, func(ctx context.Context, r *Repository) {
			if _, err := r.mergeCommit(ctx, ours, mergeOptions{What: "main"}); err != nil {
				t.Fatal(err)
			}
		})
		if overlapping { // back to what it was before the merge: by one base a change, by the other none
			g.write("a", "1")
		}
		g.write("on other", "1")
		settle()
		other := g.commit("more on other").ID
		g.switchTo(CheckoutOptions{Revision: "main", Branch: true})
		g.with(Writing, func(ctx context.Context, r *Repository) {
			c, err := r.loadCommit(ctx, other)
			if err != nil {
				t.Fatal(err)
			}
			m, err := r.loadCommit(ctx, c.Parents[0])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.mergeCommit(ctx, m.Parents[0], mergeOptions{What: "other~2"}); err != nil {
				t.Fatal(err)
			}
		})
		g.write("on main", "1")
		settle()
		g.commit("more on main")
		result, err := g.merge("other", mergeOptions{})
		if overlapping {
			// What other changed back counts against what both sides had merged.
			if err != nil || g.read("a") != "1" {
				t.Errorf("overlapping: %+v, %v", result, err)
			}
			continue
		}
		if err != nil || g.read("on other") != "1" || g.read("on main") != "1" || g.read("a") != "ours" || g.read("d/b") != "theirs" {
			t.Errorf("%+v, %v", result, err)
		}
		g.wantStatus()
		g.verify()
	}
}

func TestMergeOfStrangers(t *testing.T) {
	g := started(t)
	g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.database(); err != nil {
			t.Fatal(err)
		}
		s := r.db.NewSession(pack.SessionOptions{})
		id := kernelCommit(t, r, s.NewFrames(), "stranger", 0, nil)
		if _, err := s.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := r.mergeCommit(ctx, id, mergeOptions{What: "stranger"}); !errors.Is(err, ErrConflict) {
			t.Errorf("without a common commit: %v", err)
		}
	})
}

// diskOf is a rig on a disk in memory.
type diskOf struct {
	disk     *memfs.Memory
	places   Places
	settings Settings
}

func onMemory(t *testing.T, disk *memfs.Memory, settings Settings) *diskOf {
	t.Helper()
	sub := func(name string) vfs.FS {
		fsys, err := disk.Sub(name)
		if err != nil {
			t.Fatal(err)
		}
		return fsys
	}
	d := &diskOf{disk: disk, settings: settings}
	d.places = Places{WorkPath: "work", Work: sub("work"), Config: sub("config"), State: sub("state")}
	if _, err := disk.Lstat("work/" + VaultDir); err == nil {
		d.places.Vault = sub("work/" + VaultDir)
	}
	return d
}

func (d *diskOf) with(ctx context.Context, mode Mode, do func(r *Repository) error) error {
	r, err := Open(ctx, d.places, d.settings, mode)
	if err != nil {
		return err
	}
	return errors.Join(do(r), r.Close())
}

func (d *diskOf) write(t *testing.T, name, content string) {
	t.Helper()
	if err := d.disk.MkdirAll("work/"+path.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := d.disk.OpenHandle("work/"+name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMergeCrashes kills the process and stops the machine at every instant of a merge: afterwards the branch is where it
// was or at the merge, the vault is sound, work that was not committed is there, and the merge can be made again.
func TestMergeCrashes(t *testing.T) {
	now := time.Unix(1_700_000_000, 0).UTC()
	tick := func() time.Time { now = now.Add(30 * time.Millisecond); return now }
	disk := memfs.New(memfs.Options{Now: tick})
	for _, dir := range []string{"work", "config", "state"} {
		if err := disk.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	settings := Settings{Author: "Tester", Label: "here", UserID: -1, Now: tick}
	d := onMemory(t, disk, settings)
	ctx := t.Context()
	if _, err := Init(ctx, d.places, settings, InitOptions{Label: "here"}); err != nil {
		t.Fatal(err)
	}
	d = onMemory(t, disk, settings)
	commit := func(message string) {
		t.Helper()
		if err := d.with(ctx, Writing, func(r *Repository) error {
			_, err := r.Commit(ctx, CommitOptions{Message: message, All: true})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	move := func(o CheckoutOptions) {
		t.Helper()
		if err := d.with(ctx, Writing, func(r *Repository) error { _, err := r.Checkout(ctx, o); return err }); err != nil {
			t.Fatal(err)
		}
	}
	d.write(t, "a", "1")
	d.write(t, "d/b", "1")
	d.write(t, "w", "1")
	commit("first")
	move(CheckoutOptions{Create: "other"})
	d.write(t, "d/b", "theirs")
	d.write(t, "new/file", "theirs")
	commit("theirs")
	move(CheckoutOptions{Revision: "main", Branch: true})
	d.write(t, "a", "ours")
	commit("ours")
	d.write(t, "w", "work")

	merge := func(d *diskOf) (id objects.ID, err error) {
		err = d.with(ctx, Writing, func(r *Repository) error {
			theirs, _ := r.refs.View().Ref(branchPrefix + "other")
			result, err := r.mergeCommit(ctx, theirs, mergeOptions{What: "other"})
			if err == nil {
				id = result.Commit
			}
			return err
		})
		return id, err
	}
	var before objects.ID
	if err := d.with(ctx, ReadOnly, func(r *Repository) error { before = r.head(); return nil }); err != nil {
		t.Fatal(err)
	}
	base := disk.Snapshot()
	disk.Record()
	after, err := merge(d)
	if err != nil {
		t.Fatal(err)
	}
	disk.Mark("merged")
	opts := memfs.CrashOptions{Seed: 5, Subsets: -1, Singles: 2}
	if os.Getenv("EVAULT_PROVE") == "1" {
		opts = memfs.CrashOptions{Seed: 5, Subsets: 8}
	}
	count, merged := 0, 0
	judge := func(name string, disk *memfs.Memory, done, killed bool) {
		t.Helper()
		d := onMemory(t, disk, settings)
		err := d.with(ctx, Writing, func(r *Repository) error {
			if head := r.head(); head != before && head != after || done && head != after {
				return fmt.Errorf("HEAD is at %s", head)
			}
			_, err := r.Verify(ctx, VerifyOptions{})
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if data := readMemory(t, disk, "work/w"); data != "work" {
			t.Fatalf("%s: uncommitted work is %q", name, data)
		}
		if !killed {
			return // files just written need not be whole: see tests/proof
		}
		id, err := merge(d)
		if err != nil {
			t.Fatalf("%s: again: %v", name, err)
		}
		if id == after {
			merged++
		}
		for file, want := range map[string]string{"a": "ours", "d/b": "theirs", "new/file": "theirs", "w": "work"} {
			if got := readMemory(t, disk, "work/"+file); got != want {
				t.Fatalf("%s: %s is %q, want %q", name, file, got, want)
			}
		}
	}
	// takenBack proves that a merge which was killed leaves either nothing, or a note by which it is taken back.
	takenBack := func(name string, disk *memfs.Memory) {
		t.Helper()
		d := onMemory(t, disk, settings)
		err := d.with(ctx, Writing, func(r *Repository) error {
			s, err := r.inProgress()
			if err != nil || r.head() == after {
				return err
			}
			if s != nil {
				if _, err = r.AbortMerge(ctx); err != nil {
					return err
				}
			}
			if got := readMemory(t, disk, "work/d/b"); got != "1" {
				return fmt.Errorf("d/b is %q", got)
			}
			if s, err := r.inProgress(); err != nil || s != nil {
				return fmt.Errorf("still in progress: %v, %w", s, err)
			}
			return err
		})
		if err != nil {
			t.Fatalf("%s: taking it back: %v", name, err)
		}
		if got := readMemory(t, disk, "work/w"); got != "work" {
			t.Fatalf("%s: uncommitted work is %q", name, got)
		}
	}
	every := 4
	if os.Getenv("EVAULT_PROVE") == "1" {
		every = 1
	}
	seen := 0
	for crash := range memfs.Crashes(disk.Ops(), base, opts) {
		killed := len(crash.Lost) == 0 && crash.Torn < 0
		if seen++; !killed && seen%every != 0 {
			continue
		}
		count++
		judge(crash.String(), crash.Open(), len(crash.Marks()) > 0, killed)
		if killed {
			takenBack(crash.String(), crash.Open())
		}
	}
	if count < 100 || merged == 0 {
		t.Errorf("only %d states, %d after the merge", count, merged)
	}
	t.Logf("%d crash states of a merge, 0 lost", count)
}

func readMemory(t *testing.T, disk *memfs.Memory, name string) string {
	t.Helper()
	data, err := readFile(disk, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// beforeConflict gives a disk with two branches that change a file differently, and work that is in no commit.
func beforeConflict(t *testing.T) (*memfs.Memory, Settings) {
	t.Helper()
	now := time.Unix(1_700_000_000, 0).UTC()
	tick := func() time.Time { now = now.Add(30 * time.Millisecond); return now }
	disk := memfs.New(memfs.Options{Now: tick})
	for _, dir := range []string{"work", "config", "state"} {
		if err := disk.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	settings := Settings{Author: "Tester", Label: "here", UserID: -1, Now: tick}
	ctx := t.Context()
	d := onMemory(t, disk, settings)
	if _, err := Init(ctx, d.places, settings, InitOptions{Label: "here"}); err != nil {
		t.Fatal(err)
	}
	d = onMemory(t, disk, settings)
	do := func(verb func(r *Repository) error) {
		t.Helper()
		if err := d.with(ctx, Writing, verb); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(r *Repository) error {
		_, err := r.Commit(ctx, CommitOptions{Message: "m", All: true})
		return err
	}
	d.write(t, "a", "1\n2\n3\n")
	d.write(t, "w", "1")
	d.write(t, "gone", "1")
	do(commit)
	do(func(r *Repository) error { _, err := r.Checkout(ctx, CheckoutOptions{Create: "other"}); return err })
	d.write(t, "a", "1\nzwei\n3\n")
	d.write(t, "new/file", "theirs")
	if err := disk.Remove("work/gone"); err != nil {
		t.Fatal(err)
	}
	do(commit)
	do(func(r *Repository) error {
		_, err := r.Checkout(ctx, CheckoutOptions{Revision: "main", Branch: true})
		return err
	})
	d.write(t, "a", "1\ndeux\n3\n")
	do(commit)
	d.write(t, "w", "work")
	return disk, settings
}

// conflictInA is what the merge of such a disk makes of the file a.
const conflictInA = "1\n<<<<<<< HEAD\ndeux\n=======\nzwei\n>>>>>>> other\n3\n"

func mergeOther(r *Repository) error {
	_, err := r.Merge(context.Background(), MergeOptions{Revision: "other"})
	return err
}

// TestMergeConflictCrashes kills the process at every instant of a merge with conflicts, and stops the machine: afterwards HEAD
// has not moved, and the merge is made by running it again, or taken back.
func TestMergeConflictCrashes(t *testing.T) {
	ctx := t.Context()
	disk, settings := beforeConflict(t)
	d := onMemory(t, disk, settings)
	base := disk.Snapshot()
	disk.Record()
	var conflict *MergeConflictError
	if err := d.with(ctx, Writing, mergeOther); !errors.As(err, &conflict) {
		t.Fatal(err)
	}
	count := 0
	for crash := range memfs.Crashes(disk.Ops(), base, memfs.CrashOptions{Seed: 7, Subsets: -1, Singles: 1}) {
		if len(crash.Lost) > 0 || crash.Torn >= 0 {
			continue
		}
		count++
		for _, again := range []bool{true, false} {
			disk := crash.Open()
			d := onMemory(t, disk, settings)
			err := d.with(ctx, Writing, mergeOther)
			var waiting *InProgressError
			if !errors.As(err, &conflict) && !errors.As(err, &waiting) {
				t.Fatalf("%s: again: %v", crash.String(), err)
			}
			want := conflictInA
			if !again {
				want = "1\ndeux\n3\n"
				if err := d.with(ctx, Writing, func(r *Repository) error { _, err := r.AbortMerge(ctx); return err }); err != nil {
					t.Fatalf("%s: taking it back: %v", crash.String(), err)
				}
			}
			if got := readMemory(t, disk, "work/a"); got != want {
				t.Fatalf("%s: a is %q, want %q", crash.String(), got, want)
			}
			if got := readMemory(t, disk, "work/w"); got != "work" {
				t.Fatalf("%s: uncommitted work is %q", crash.String(), got)
			}
		}
		// And straight back from the state that the crash left.
		disk := crash.Open()
		d := onMemory(t, disk, settings)
		err := d.with(ctx, Writing, func(r *Repository) error {
			if s, err := r.inProgress(); err != nil || s == nil {
				return err
			}
			_, err := r.AbortMerge(ctx)
			return err
		})
		if err != nil {
			t.Fatalf("%s: taking it back at once: %v", crash.String(), err)
		}
		if got := readMemory(t, disk, "work/a"); got != "1\ndeux\n3\n" {
			t.Fatalf("%s: taken back at once, a is %q", crash.String(), got)
		}
	}
	if count < 20 {
		t.Errorf("only %d states", count)
	}
	t.Logf("%d crash states of a merge with conflicts, 0 lost", count)
}

// A fast-forward that is killed is finished by the same command, or taken back.
func TestFastForwardCrashes(t *testing.T) {
	ctx := t.Context()
	now := time.Unix(1_700_000_000, 0).UTC()
	tick := func() time.Time { now = now.Add(30 * time.Millisecond); return now }
	disk := memfs.New(memfs.Options{Now: tick})
	for _, dir := range []string{"work", "config", "state"} {
		if err := disk.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	settings := Settings{Author: "Tester", Label: "here", UserID: -1, Now: tick}
	d := onMemory(t, disk, settings)
	if _, err := Init(ctx, d.places, settings, InitOptions{Label: "here"}); err != nil {
		t.Fatal(err)
	}
	d = onMemory(t, disk, settings)
	do := func(d *diskOf, work func(r *Repository) error) {
		t.Helper()
		if err := d.with(ctx, Writing, work); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(r *Repository) error {
		_, err := r.Commit(ctx, CommitOptions{All: true, Message: "m"})
		return err
	}
	move := func(o CheckoutOptions) func(*Repository) error {
		return func(r *Repository) error { _, err := r.Checkout(ctx, o); return err }
	}
	merge := func(r *Repository) error { _, err := r.Merge(ctx, MergeOptions{Revision: "other"}); return err }
	d.write(t, "a", "1")
	do(d, commit)
	do(d, move(CheckoutOptions{Create: "other"}))
	d.write(t, "a", "2")
	d.write(t, "new", "2")
	do(d, commit)
	do(d, move(CheckoutOptions{Revision: "main", Branch: true}))
	base := disk.Snapshot()
	disk.Record()
	do(d, merge)
	count, noted := 0, 0
	for crash := range memfs.Crashes(disk.Ops(), base, memfs.CrashOptions{Seed: 9, Subsets: -1, Singles: 1}) {
		if len(crash.Lost) > 0 || crash.Torn >= 0 {
			continue
		}
		count++
		again, back := crash.Open(), crash.Open()
		do(onMemory(t, again, settings), merge)
		if got := readMemory(t, again, "work/a"); got != "2" {
			t.Fatalf("%s: again: a is %q", crash.String(), got)
		}
		want := "1"
		do(onMemory(t, back, settings), func(r *Repository) error {
			if other, _ := r.refs.View().Ref(branchPrefix + "other"); r.head() == other {
				want = "2"
			}
			s, err := r.inProgress()
			if err != nil || s == nil {
				return err
			}
			noted++
			_, err = r.AbortMerge(ctx)
			return err
		})
		if got := readMemory(t, back, "work/a"); got != want {
			t.Fatalf("%s: taken back, a is %q, want %q", crash.String(), got, want)
		}
	}
	if count < 10 || noted == 0 {
		t.Errorf("only %d states, %d of them in the middle", count, noted)
	}
}
