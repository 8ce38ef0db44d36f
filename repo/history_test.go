package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"evault/objects"
)

// logCase is a log and what to ask git for the same.
type logCase struct {
	name string
	o    LogOptions
	git  []string
}

func randomLogCase(rng *rand.Rand, all []modelCommit, ids []objects.ID) logCase {
	var c logCase
	add := func(text string, git ...string) { c.name += " " + text; c.git = append(c.git, git...) }
	rev := func() (string, string) {
		n := len(all) - 1 - rng.IntN(min(len(all), 1+rng.IntN(len(all))))
		return ids[n].String(), fmt.Sprintf("m%d", n)
	}
	for range 1 + rng.IntN(2) {
		a, ga := rev()
		b, gb := rev()
		switch rng.IntN(5) {
		case 0:
			c.o.Revisions = append(c.o.Revisions, a+".."+b)
			add("range", ga+".."+gb)
		case 1:
			c.o.Revisions = append(c.o.Revisions, a+"..."+b)
			add("both sides", ga+"..."+gb)
		case 2:
			c.o.Revisions = append(c.o.Revisions, a, "^"+b)
			add("without", ga, "^"+gb)
		default:
			c.o.Revisions = append(c.o.Revisions, a)
			add("from", ga)
		}
	}
	filters := []func(){
		func() { c.o.NoMerges = true; add("no merges", "--no-merges") },
		func() { c.o.Merges = true; add("merges", "--merges") },
		func() { c.o.FirstParent = true; add("first parent", "--first-parent") },
		func() { c.o.Limit = 1 + rng.IntN(9); add("limit", fmt.Sprintf("-n%d", c.o.Limit)) },
		func() { c.o.Skip = rng.IntN(9); add("skip", fmt.Sprintf("--skip=%d", c.o.Skip)) },
		func() { c.o.Author = regexp.MustCompile("P1"); add("author", "--author=P1") },
		func() { c.o.Grep = regexp.MustCompile("word[12]"); add("grep", "--grep=word[12]") },
	}
	if rng.IntN(4) == 0 {
		c.o.Reverse = true
		add("reverse", "--reverse")
	}
	for rng.IntN(3) == 0 {
		filters[rng.IntN(len(filters))]()
	}
	if rng.IntN(4) > 0 {
		c.git = append(c.git, "--")
		for range 1 + rng.IntN(2) {
			p := []string{"a", "d", "d/a", "d/e", "d/e/f", "e", "z", "d-x", "none"}[rng.IntN(9)]
			c.o.Paths = append(c.o.Paths, p)
			add(p, p)
		}
	}
	return c
}

// excludes reports whether the case leaves anything out.
func (c *logCase) excludes() bool {
	return slices.ContainsFunc(c.o.Revisions, func(r string) bool { return len(r) != 64 })
}

// proveCount is how many generated cases are tried: few in the everyday run, many in the long one.
func proveCount(few, many int) int {
	if os.Getenv("EVAULT_PROVE") != "" {
		return many
	}
	return few
}

// TestLogAgainstGit compares what is shown, and in which order, with git log on the same generated histories.
func TestLogAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git to compare with")
	}
	for seed := range proveCount(6, 200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(uint64(seed), 7))
			skewed := seed%2 == 1
			all := randomHistory(rng, 20+rng.IntN(150), skewed)
			g := newRig(t)
			ids := storeModel(t, g, all)
			judge := newGitModel(t, all)
			if skewed { // without a commit graph git errs about what a range leaves out where clocks do
				judge.git(nil, "commit-graph", "write", "--reachable")
			}
			number := map[objects.ID]int{}
			for i, id := range ids {
				number[id] = i
			}
			g.with(ReadOnly, func(ctx context.Context, r *Repository) {
				for range 60 {
					c := randomLogCase(rng, all, ids)
					want := judge.log(c.git...)
					var got []int
					if err := r.Log(ctx, c.o, func(e *LogEntry) error { got = append(got, number[e.ID]); return nil }); err != nil {
						t.Fatal(err)
					}
					if len(c.o.Paths) > 0 && c.excludes() && c.o.Limit+c.o.Skip == 0 {
						// git simplifies while it walks: a merge that is the same as a parent which the range leaves out follows only
						// that one if git has not got so far yet as to know that it is left out. It then shows fewer commits.
						got = slices.DeleteFunc(got, func(n int) bool { return !slices.Contains(want, n) })
					} else if len(c.o.Paths) > 0 && c.excludes() {
						continue
					}
					if !slices.Equal(got, want) {
						t.Errorf("log%s (%q):\n got %v\nwant %v", c.name, c.git, got, want)
					}
				}
			})
		})
	}
}

// TestHistoryGrowsAsItIsBuilt adds commits one by one, as commit does, and compares with an index that was built at once.
func TestHistoryGrowsAsItIsBuilt(t *testing.T) {
	g := newRig(t)
	n := proveCount(70, 600)
	for i := range n {
		g.write(fmt.Sprintf("d%d/f%d", i%3, i%7), fmt.Sprint(i))
		g.commitWith(CommitOptions{Message: fmt.Sprint("commit ", i), All: true})
	}
	files := func() []string { return g.historyFiles() }
	if got := files(); len(got) == 0 || len(got) > 3*joinCount {
		t.Errorf("%d commits are in %d files", n, len(got))
	}
	grown := g.describeHistory()
	if err := os.RemoveAll(g.path(".evault/local/history")); err != nil {
		t.Fatal(err)
	}
	if built := g.describeHistory(); !slices.Equal(grown, built) {
		t.Errorf("grown:\n%q\nbuilt:\n%q", grown, built)
	}
	if got := files(); len(got) != 1 {
		t.Errorf("built at once it is %q", got)
	}
	if len(grown) < n {
		t.Errorf("%d lines of %d commits", len(grown), n)
	}
}

func (g *rig) historyFiles() (names []string) {
	g.t.Helper()
	entries, err := os.ReadDir(g.path(".evault/local/history"))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// describeHistory lists all that the index knows.
func (g *rig) describeHistory() (out []string) {
	g.t.Helper()
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		h, err := r.history(ctx)
		if err != nil {
			g.t.Fatal(err)
		}
		for n, id := range h.ids {
			c, err := h.at(n)
			if err != nil {
				g.t.Fatal(err)
			}
			_, read, err := r.readCommit(ctx, id)
			if err != nil || read.Message != c.Message || read.Tree != c.Tree {
				g.t.Fatalf("%+v, %+v, %v", c, read, err)
			}
			out = append(out, fmt.Sprint(n, id, c.Message, h.parentsOf(n), h.nodes[n]))
		}
		for _, p := range []string{"d0", "d1/f1", "d2", "none"} {
			for id := range h.touching(p) {
				out = append(out, p+" "+id.Short())
			}
		}
	})
	return out
}

// TestDamagedHistoryIsBuiltAgain changes, cuts and removes files of the index.
func TestDamagedHistoryIsBuiltAgain(t *testing.T) {
	g := newRig(t)
	for i := range 20 {
		g.write("f", fmt.Sprint(i))
		g.commit(fmt.Sprint("commit ", i))
	}
	want := g.describeHistory()
	rng := rand.New(rand.NewPCG(1, 2))
	for try := range proveCount(30, 1000) {
		names := g.historyFiles()
		name := g.path(".evault/local/history/" + names[rng.IntN(len(names))])
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		switch try % 3 {
		case 0:
			data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
		case 1:
			data = data[:rng.IntN(len(data))]
		case 2:
			data = nil
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if try%6 != 5 {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if try%4 == 0 {
			g.write("f", fmt.Sprint("try ", try))
			g.commitWith(CommitOptions{Message: "meanwhile", Paths: []string{"f"}})
			g.with(Writing, func(ctx context.Context, r *Repository) {
				if _, err := r.Undo(ctx, UndoOptions{}); err != nil {
					t.Fatal(err)
				}
			})
		}
		got := g.describeHistory()
		got = slices.DeleteFunc(got, func(line string) bool { return len(line) > 0 && regexp.MustCompile("meanwhile").MatchString(line) })
		if try%4 != 0 && !slices.Equal(got[:20], want[:20]) {
			t.Fatalf("try %d: %q, want %q", try, got, want)
		}
	}
}

// TestLogWithoutIndexIsTheSame compares the two ways to walk.
func TestLogWithoutIndexIsTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	all := randomHistory(rng, 80, true)
	g := newRig(t)
	ids := storeModel(t, g, all)
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		for _, o := range []LogOptions{{}, {Author: regexp.MustCompile("P2")}, {NoMerges: true}, {Since: time.Unix(1_700_000_000+2000, 0)}} {
			set := func(log func(each func(*LogEntry) error) error) map[objects.ID]bool {
				all := map[objects.ID]bool{}
				if err := log(func(e *LogEntry) error { all[e.ID] = true; return nil }); err != nil {
					t.Fatal(err)
				}
				return all
			}
			o.Revisions = []string{ids[len(ids)-1].String(), "^" + ids[5].String()}
			with := set(func(each func(*LogEntry) error) error { return r.Log(ctx, o, each) })
			without := set(func(each func(*LogEntry) error) error {
				return r.logWithoutIndex(ctx, o, ids[len(ids)-1:], ids[5:6], each)
			})
			if len(with) == 0 || fmt.Sprint(len(with)) != fmt.Sprint(len(without)) {
				t.Errorf("%d commits with the index, %d without", len(with), len(without))
			}
			for id := range with {
				if !without[id] {
					t.Errorf("%s is only shown with the index", id.Short())
				}
			}
		}
	})
}

// TestAmbiguousPrefixNamesTheCandidates makes commits until two begin alike.
func TestAmbiguousPrefixNamesTheCandidates(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	g := newRig(t)
	ids := storeModel(t, g, randomHistory(rng, 1500, false))
	begin := map[string][]objects.ID{}
	for _, id := range ids {
		begin[id.String()[:minPrefix]] = append(begin[id.String()[:minPrefix]], id)
	}
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		ambiguous := 0
		for prefix, all := range begin {
			id, _, err := r.ResolveCommit(ctx, prefix)
			if len(all) == 1 {
				if err != nil || id != all[0] {
					t.Fatalf("%s is %s, %v, want %s", prefix, id, err, all[0])
				}
				continue
			}
			ambiguous++
			if !errors.Is(err, ErrUnknownRevision) {
				t.Fatalf("%s of %d commits: %v", prefix, len(all), err)
			}
			for _, id := range all {
				if !strings.Contains(err.Error(), "\n  "+id.Short()+"  2023-11-1") {
					t.Errorf("%v does not name %s", err, id.Short())
				}
			}
		}
		if ambiguous == 0 {
			t.Error("no two commits begin alike")
		}
	})
}

// TestHistoryAtScale compares a long history with git: ten thousand commits in the long run, some hundreds every day.
func TestHistoryAtScale(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git to compare with")
	}
	n := proveCount(600, 10_000)
	rng := rand.New(rand.NewPCG(11, 11))
	all := randomHistory(rng, n, false)
	g := newRig(t)
	ids := storeModel(t, g, all)
	judge := newGitModel(t, all)
	number := map[objects.ID]int{}
	for i, id := range ids {
		number[id] = i
	}
	for _, paths := range [][]string{nil, {"d/e"}, {"d-x", "z"}, {"d/e/f"}} {
		g.with(ReadOnly, func(ctx context.Context, r *Repository) {
			begin := time.Now()
			var got []int
			o := LogOptions{Revisions: []string{ids[n-1].String()}, Paths: paths}
			if err := r.Log(ctx, o, func(e *LogEntry) error { got = append(got, number[e.ID]); return nil }); err != nil {
				t.Fatal(err)
			}
			t.Logf("log of %q: %d commits in %v", paths, len(got), time.Since(begin))
			if want := judge.log(append([]string{fmt.Sprintf("m%d", n-1), "--"}, paths...)...); !slices.Equal(got, want) {
				t.Errorf("log of %q: %d commits, git has %d", paths, len(got), len(want))
			}
		})
	}
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		begin, found := time.Now(), 0
		err := r.Find(ctx, FindOptions{Pattern: "f"}, func(f *Found) error {
			if found++; f.Path != "d/e/f" || len(f.Versions) < n/100 {
				t.Errorf("found %s with %d versions", f.Path, len(f.Versions))
			}
			return nil
		})
		t.Logf("find: %v", time.Since(begin))
		if err != nil || found != 1 {
			t.Errorf("%d found, %v", found, err)
		}
	})
}

// TestFindAgainstTheModel compares every version of every path with what the commits hold.
func TestFindAgainstTheModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 3))
	all := randomHistory(rng, 150, true)
	g := newRig(t)
	ids := storeModel(t, g, all)
	want := map[string]map[objects.ID]ChangeKind{}
	for i, c := range all {
		before := map[string]string{}
		if len(c.parents) > 0 {
			before = all[c.parents[0]].files
		}
		note := func(p string, kind ChangeKind) {
			if want[p] == nil {
				want[p] = map[objects.ID]ChangeKind{}
			}
			want[p][ids[i]] = kind
		}
		dirsBefore, dirs := modelDirs(before), modelDirs(c.files)
		for p, content := range c.files {
			switch was, ok := before[p]; {
			case dirsBefore[p]:
				note(p, TypeChanged)
			case !ok:
				note(p, Added)
			case was != content:
				note(p, Modified)
			}
		}
		for p := range before {
			if _, ok := c.files[p]; !ok && dirs[p] {
				note(p, TypeChanged)
			} else if !ok {
				note(p, Deleted)
			}
		}
	}
	g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		seen := 0
		err := r.Find(ctx, FindOptions{}, func(f *Found) error {
			for _, v := range f.Versions {
				kind, ok := want[f.Path][v.Commit]
				if dir := modelDirs(all[slices.Index(ids, v.Commit)].files)[f.Path]; !ok && (dir || v.Kind == Deleted) {
					continue // of a folder, or of one that was there
				}
				if seen++; kind != v.Kind {
					t.Errorf("%s in %s: %c, want %c", f.Path, v.Commit.Short(), v.Kind, kind)
				}
			}
			return nil
		})
		total := 0
		for _, versions := range want {
			total += len(versions)
		}
		if err != nil || seen != total {
			t.Errorf("%d versions of %d, %v", seen, total, err)
		}
	})
}

// modelDirs gives the folders that files are in.
func modelDirs(files map[string]string) map[string]bool {
	dirs := map[string]bool{}
	for p := range files {
		for i := range len(p) {
			if p[i] == '/' {
				dirs[p[:i]] = true
			}
		}
	}
	return dirs
}

// A commit that the history index gives leads on to its tree: who reads on must find the vault's objects open.
func TestCommitsOfTheIndexLeadToTheirTrees(t *testing.T) {
	g := newRig(t)
	g.write("d/a", "1")
	g.commit("first")
	for name, read := range map[string]func(context.Context, *Repository) error{
		"cat": func(ctx context.Context, r *Repository) error { return r.Cat(ctx, "HEAD", "d/a", io.Discard) },
		"restore": func(ctx context.Context, r *Repository) error {
			_, err := r.Restore(ctx, RestoreOptions{DryRun: true, Paths: []string{"d"}})
			return err
		},
		"diff": func(ctx context.Context, r *Repository) error {
			return r.Diff(ctx, DiffOptions{From: "HEAD", To: "HEAD", Content: true}, func(*FileDiff) error { return nil })
		},
	} {
		g.with(ReadOnly, func(ctx context.Context, r *Repository) {
			if _, err := r.history(ctx); err != nil {
				t.Fatal(err)
			}
			if err := read(ctx, r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
