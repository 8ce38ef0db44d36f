package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/internal/vfs"
	"evault/objects"
)

// tree1 on disk, with an index of it, ready to move to another tree.
type checkedOut struct {
	s    *store
	dir  string
	root vfs.FS
	at   objects.TreeRef
	ix   *Index
}

// checkOut restores files and writes the index of them.
func checkOut(t testing.TB, files map[string]string) *checkedOut {
	t.Helper()
	c := &checkedOut{s: newStore(t)}
	c.dir, c.root = openRoot(t)
	c.at = c.s.files(t, files)
	mustRestore(t, c.s, c.at, nil, RestoreOptions{Root: c.root})
	c.index(t)
	return c
}

// index makes the index of the tree that is on disk.
func (c *checkedOut) index(t testing.TB) { c.indexAsOf(t, vfs.Time{Sec: 1 << 40}) }

func (c *checkedOut) indexAsOf(t testing.TB, asOf vfs.Time) {
	t.Helper()
	_, local := openRoot(t)
	sealer, err := c.s.vault.LocalSealer("test")
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewIndexWriter(local, "index", sealer, asOf)
	if err != nil {
		t.Fatal(err)
	}
	c.indexDir(t, w, "", c.at)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if c.ix, err = LoadIndex(local, "index", sealer); err != nil {
		t.Fatal(err)
	}
}

func (c *checkedOut) indexDir(t testing.TB, w *IndexWriter, path string, ref objects.TreeRef) {
	t.Helper()
	b := w.Block(path, StatKey{})
	b.Tree = ref
	err := objects.ReadDir(context.Background(), c.s, ref.ID, func(e *objects.Entry, raw []byte) error {
		full := joinPath(path, e.Name)
		if e.IsDir() {
			c.indexDir(t, w, full, below(e))
			return nil
		}
		ie := IndexEntry{Name: e.Name, Raw: bytes.Clone(raw)}
		if st, err := c.root.LstatStat(full); err == nil {
			ie.Key = KeyOf(&st)
		}
		return b.Add(&ie)
	})
	if err = errors.Join(err, w.WriteDir(b)); err != nil {
		t.Fatal(err)
	}
}

func (c *checkedOut) options() CheckoutOptions {
	return CheckoutOptions{RestoreOptions: RestoreOptions{Root: c.root, NewHasher: c.s.vault.NewHasher}}
}

func (c *checkedOut) plan(files map[string]string, t testing.TB, o CheckoutOptions) (*Plan, error) {
	t.Helper()
	return PlanCheckout(context.Background(), c.s, c.at, c.s.files(t, files), c.ix, o)
}

// to moves to other files, which must work.
func (c *checkedOut) to(t testing.TB, files map[string]string, o CheckoutOptions) *Plan {
	t.Helper()
	plan, err := c.plan(files, t, o)
	if err != nil {
		t.Fatalf("plan: %v %+v", err, err)
	}
	res, err := plan.Apply(context.Background())
	if err != nil {
		t.Fatalf("apply: %v %v", err, res.Problems)
	}
	return plan
}

func (c *checkedOut) refused(t testing.TB, files map[string]string, o CheckoutOptions, paths ...string) {
	t.Helper()
	before := onDisk(t, c.dir)
	_, err := c.plan(files, t, o)
	var d *DirtyError
	if !errors.As(err, &d) {
		t.Fatalf("plan over uncommitted work: %v", err)
	}
	var got []string
	for _, p := range d.Paths {
		got = append(got, p.Path)
	}
	if !slices.Equal(got, paths) {
		t.Errorf("in the way: %q, want %q", got, paths)
	}
	if !maps.Equal(before, onDisk(t, c.dir)) {
		t.Error("a refused plan changed the disk")
	}
}

var before = map[string]string{
	"same":     "same",
	"changed":  "old",
	"gone":     "gone",
	"dir/a":    "a",
	"dir/b":    "b",
	"dead/x/y": "y",
	"file":     "will be a directory",
	"tree/z":   "will be a file",
	"link":     "->same",
}

var after = map[string]string{
	"same":       "same",
	"changed":    "new content",
	"dir/a":      "a",
	"dir/b":      "B",
	"dir/c/d":    "d",
	"file/inner": "inner",
	"tree":       "now a file",
	"link":       "->changed",
	"new/one":    "1",
	"new/two":    "2",
}

func TestCheckoutMovesBetweenTrees(t *testing.T) {
	c := checkOut(t, before)
	plan := c.to(t, after, c.options())
	wantDisk(t, c.dir, after)
	want := "1 changed|2 dead/x/y|4 dead/x|4 dead|5 dir|1 dir/b|3 dir/c|2 file|3 file|2 gone|1 link|2 tree/z|4 tree|1 tree|3 new"
	var got []string
	for _, op := range plan.Ops {
		got = append(got, fmt.Sprintf("%d %s", op.Kind, op.Path))
	}
	slices.Sort(got)
	list := strings.Split(want, "|")
	slices.Sort(list)
	if !slices.Equal(got, list) {
		t.Errorf("steps %q\nwant %q", got, list)
	}
	c.at = c.s.files(t, after)
	c.index(t)
	c.to(t, before, c.options())
	wantDisk(t, c.dir, before)
}

func TestCheckoutOfTheSameTreeDoesNothing(t *testing.T) {
	c := checkOut(t, before)
	put(t, c.dir, map[string]string{"changed": "mine", "dir/new": "mine"})
	if plan := c.to(t, before, c.options()); len(plan.Ops) != 0 {
		t.Errorf("%d steps", len(plan.Ops))
	}
}

func TestCheckoutKeepsWhatDoesNotMatter(t *testing.T) {
	c := checkOut(t, before)
	put(t, c.dir, map[string]string{"same": "my edit", "dir/a": "my edit", "dead/mine": "untracked", "notes": "untracked"})
	if err := os.Remove(filepath.Join(c.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	c.to(t, after, c.options())
	want := maps.Clone(after)
	want["same"], want["dir/a"], want["dead/mine"], want["notes"] = "my edit", "my edit", "untracked", "untracked"
	wantDisk(t, c.dir, want)
}

func TestCheckoutRefusesToDestroyWork(t *testing.T) {
	c := checkOut(t, before)
	cases := []struct {
		edit map[string]string
		path string
	}{
		{map[string]string{"changed": "edit"}, "changed"},
		{map[string]string{"gone": "edit"}, "gone"},
		{map[string]string{"dead/x/y": "edit"}, "dead/x/y"},
		{map[string]string{"file": "edit"}, "file"},
		{map[string]string{"tree/z": "edit"}, "tree/z"},
		{map[string]string{"tree/untracked": "mine"}, "tree/untracked"},
		{map[string]string{"tree/sub/deep": "mine"}, "tree/sub/deep"},
		{map[string]string{"dir/c": "a file"}, "dir/c"},
		{map[string]string{"dir/c/d": "other"}, "dir/c/d"},
		{map[string]string{"new": "->dir"}, "new"},
		{map[string]string{"new/two": "->one"}, "new/two"},
		{map[string]string{"new/one/x": "mine"}, "new/one/x"},
	}
	for _, k := range cases {
		put(t, c.dir, k.edit)
		c.refused(t, after, c.options(), k.path)
		o := c.options()
		o.Force = true
		plan, err := c.plan(after, t, o)
		if err != nil || len(plan.Lost) != 1 || plan.Lost[0].Path != k.path {
			t.Errorf("%v: forced plan %+v %v", k.edit, plan, err)
		}
		for path := range k.edit { // undo
			if err := os.RemoveAll(filepath.Join(c.dir, path)); err != nil {
				t.Fatal(err)
			}
			top, _, _ := strings.Cut(path, "/")
			if _, ok := before[top]; !ok && top != "dir" && top != "dead" && top != "tree" {
				if err := os.RemoveAll(filepath.Join(c.dir, top)); err != nil {
					t.Fatal(err)
				}
			}
			for _, extra := range []string{"tree/sub", "dir/c"} {
				if err := os.RemoveAll(filepath.Join(c.dir, extra)); err != nil {
					t.Fatal(err)
				}
			}
		}
		mustRestore(t, c.s, c.at, nil, RestoreOptions{Root: c.root})
		c.index(t)
	}
	put(t, c.dir, map[string]string{"changed": "edit", "new/one": "x"})
	o := c.options()
	o.Force = true
	c.to(t, after, o)
	wantDisk(t, c.dir, after)
}

// A mode is work too, a time is not.
func TestCheckoutModeAndTime(t *testing.T) {
	c := checkOut(t, map[string]string{"a": "1", "b": "2"})
	to := map[string]string{"a": "1+", "b": "2+"}
	when := someTimeAgo()
	if err := os.Chtimes(filepath.Join(c.dir, "a"), when, when); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(c.dir, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.refused(t, to, c.options(), "b")
}

func TestCheckoutTakesOverWhatIsThere(t *testing.T) {
	c := checkOut(t, before)
	put(t, c.dir, map[string]string{"changed": after["changed"], "new/one": "1", "dir/c/d": "d"})
	c.to(t, after, c.options())
	wantDisk(t, c.dir, after)
}

// On a filesystem that folds names the new spelling finds the old file. Two names of one file look the same to the plan.
func TestCheckoutRenamesInCaseOnly(t *testing.T) {
	c := checkOut(t, map[string]string{"Name": "x"})
	if err := os.Link(filepath.Join(c.dir, "Name"), filepath.Join(c.dir, "name")); err != nil {
		t.Fatal(err)
	}
	c.index(t)
	to := map[string]string{"name": "y"}
	c.refused(t, to, c.options(), "name")
	o := c.options()
	o.FoldNames = true
	plan, err := c.plan(to, t, o)
	if err != nil || len(plan.Ops) != 2 || plan.Ops[0] != (Op{Kind: OpDelete, Path: "Name"}) || plan.Ops[1].Kind != OpWrite {
		t.Errorf("plan %+v %v", plan, err)
	}
}

func TestCheckoutFromNothingAndToNothing(t *testing.T) {
	c := checkOut(t, nil)
	c.at, c.ix = objects.TreeRef{}, nil
	c.to(t, before, c.options())
	wantDisk(t, c.dir, before)
	c.at = c.s.files(t, before)
	c.index(t)
	o := c.options()
	o.FoldNames = true
	plan, err := PlanCheckout(context.Background(), c.s, c.at, objects.TreeRef{}, c.ix, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Apply(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantDisk(t, c.dir, nil)
}

func TestCheckoutForceReset(t *testing.T) {
	c := checkOut(t, before)
	put(t, c.dir, map[string]string{"same": "edit", "dir/a": "edit"})
	if err := os.Remove(filepath.Join(c.dir, "dead/x/y")); err != nil {
		t.Fatal(err)
	}
	o := c.options()
	o.Force, o.Reset = true, []string{"same", "dir/a", "dead/x/y"}
	plan := c.to(t, before, o)
	wantDisk(t, c.dir, before)
	if len(plan.Lost) != 2 {
		t.Errorf("lost %v", plan.Lost)
	}
}

func TestCheckoutNeverTouchesANestedVault(t *testing.T) {
	c := checkOut(t, before)
	put(t, c.dir, map[string]string{"tree/other/.evault/store/id": "theirs"})
	o := c.options()
	o.Force = true
	c.refused(t, after, o, "tree/other/.evault")
}

func TestCheckoutLeavesWhatChangedSinceThePlan(t *testing.T) {
	c := checkOut(t, before)
	plan, err := c.plan(after, t, c.options())
	if err != nil {
		t.Fatal(err)
	}
	put(t, c.dir, map[string]string{"changed": "late edit", "gone": "late edit", "new": "late"})
	res, err := plan.Apply(context.Background())
	if !errors.Is(err, ErrIncomplete) || res.ProblemCount != 3 {
		t.Errorf("%v %v", err, res.Problems)
	}
	for _, p := range res.Problems {
		if !errors.Is(p.Err, ErrChangedSince) {
			t.Errorf("problem %v", p)
		}
	}
	got := onDisk(t, c.dir)
	if got["changed"] != "late edit" || got["gone"] != "late edit" || got["new"] != "late" || got["tree"] != after["tree"] {
		t.Errorf("late edits: %q", got)
	}
}

// Any tree to any other, with untracked files in between: what is tracked ends as the target says and what is not stays.
func TestCheckoutProperty(t *testing.T) {
	names := rapid.SampledFrom([]string{"a", "b", "c", "a/x", "a/y", "b/x", "b/x/deep", "c/x/y/z", "a-b", "a/x-y"})
	files := rapid.MapOfN(names, rapid.SampledFrom([]string{"1", "2", strings.Repeat("3", 500), "->a", ""}), 0, 6)
	rapid.Check(t, func(rt *rapid.T) {
		from, to := consistent(files.Draw(rt, "from")), consistent(files.Draw(rt, "to"))
		c := checkOut(t, from)
		put(t, c.dir, map[string]string{"untracked": "mine"})
		c.to(t, to, c.options())
		to["untracked"] = "mine"
		wantDisk(t, c.dir, to)
	})
}

// consistent drops the files that stand where another needs a directory.
func consistent(files map[string]string) map[string]string {
	for path := range maps.Clone(files) {
		for up, _ := splitPath(path); up != ""; up, _ = splitPath(up) {
			delete(files, up)
		}
	}
	return files
}

// An edit so soon after the index was written that the key is the same as before.
func TestCheckoutReadsRacyFiles(t *testing.T) {
	c := checkOut(t, before)
	put(t, c.dir, map[string]string{"changed": "edit"})
	c.indexAsOf(t, vfs.Time{})
	c.refused(t, after, c.options(), "changed")
}

func TestCheckoutInAReadOnlyDirectory(t *testing.T) {
	c := checkOut(t, nil)
	tree := func(files ...objects.Entry) objects.TreeRef {
		d := c.s.dir(t, "ro", files...)
		d.Mode = 0o555
		return c.s.tree(t, d)
	}
	from := tree(c.s.file(t, "a", "1"), c.s.file(t, "b", "2"))
	to := tree(c.s.file(t, "a", "changed"), c.s.file(t, "c", "3"))
	mustRestore(t, c.s, from, nil, RestoreOptions{Root: c.root})
	t.Cleanup(func() { os.Chmod(filepath.Join(c.dir, "ro"), 0o755) })
	plan, err := PlanCheckout(context.Background(), c.s, from, to, nil, c.options())
	if err != nil {
		t.Fatal(err)
	}
	if res, err := plan.Apply(context.Background()); err != nil {
		t.Fatal(err, res.Problems)
	}
	wantDisk(t, c.dir, map[string]string{"ro/a": "changed", "ro/c": "3"})
	if st, err := c.root.LstatStat("ro"); err != nil || st.Perm != 0o555 {
		t.Errorf("mode %o %v", st.Perm, err)
	}
}
