package repo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"evault/objects"
	"evault/pack"
	"evault/refs"
)

// modelCommit is a commit of a generated history: its parents come before it.
type modelCommit struct {
	parents []int
	files   map[string]string
	sec     int64
	author  string
	message string
}

// randomHistory makes a history with branches and merges, if wanted with clocks that are wrong, of files in a few folders.
func randomHistory(rng *rand.Rand, n int, skewed bool) []modelCommit {
	var all []modelCommit
	heads := []int{}
	names := []string{"a", "b", "d", "d-x", "d/a", "d/b", "d/e/f", "d/e/g", "e", "e/a", "z"}
	for i := range n {
		c := modelCommit{files: map[string]string{}, sec: 1_700_000_000 + int64(i)*60, author: fmt.Sprintf("P%d <p@x>", rng.IntN(3)), message: fmt.Sprintf("commit %d\n\nword%d", i, rng.IntN(4))}
		if skewed && rng.IntN(5) == 0 {
			c.sec -= int64(rng.IntN(600))*60 + 1 + int64(i)
		}
		switch {
		case i == 0 || rng.IntN(60) == 0:
		case len(heads) > 1 && rng.IntN(3) == 0:
			p := rng.Perm(len(heads))[:min(len(heads), 2+rng.IntN(2)*rng.IntN(2))]
			for _, h := range p {
				c.parents = append(c.parents, heads[h])
			}
			mergeModel(rng, all, &c)
		default:
			p := heads[rng.IntN(len(heads))]
			if rng.IntN(4) == 0 {
				p = rng.IntN(i)
			}
			c.parents = []int{p}
			c.files = maps.Clone(all[p].files)
		}
		for range rng.IntN(3) - min(len(c.parents)-1, 1)*rng.IntN(3) {
			changeModel(rng, names, c.files)
		}
		all = append(all, c)
		heads = slices.DeleteFunc(heads, func(h int) bool { return slices.Contains(c.parents, h) && rng.IntN(8) > 0 })
		heads = append(heads, i)
	}
	return all
}

// mergeModel takes each path from one of the parents.
func mergeModel(rng *rand.Rand, all []modelCommit, c *modelCommit) {
	favourite := rng.IntN(len(c.parents))
	for i, p := range c.parents {
		for _, name := range slices.Sorted(maps.Keys(all[p].files)) {
			content := all[p].files[name]
			if _, have := c.files[name]; !have || i == favourite && rng.IntN(4) > 0 {
				setModel(c.files, name, content)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		if _, ok := all[c.parents[favourite]].files[name]; !ok && rng.IntN(3) > 0 {
			delete(c.files, name)
		}
	}
}

// setModel gives a path a content, and removes what is in the way.
func setModel(files map[string]string, name, content string) {
	for other := range files {
		if isUnder(other, name) || isUnder(name, other) {
			delete(files, other)
		}
	}
	files[name] = content
}

func changeModel(rng *rand.Rand, names []string, files map[string]string) {
	name := names[rng.IntN(len(names))]
	if _, ok := files[name]; ok && rng.IntN(4) == 0 {
		delete(files, name)
		return
	}
	setModel(files, name, fmt.Sprintf("content %d\n", rng.IntN(4)))
}

// modelStore writes generated commits into a vault.
type modelStore struct {
	t   *testing.T
	r   *Repository
	f   *pack.Frames
	ids []objects.ID
	gen []uint64
}

// storeModel stores a history and makes a branch for each commit that nothing descends from.
func storeModel(t *testing.T, g *rig, all []modelCommit) (ids []objects.ID) {
	t.Helper()
	g.with(Writing, func(ctx context.Context, r *Repository) {
		db, err := r.database()
		if err != nil {
			t.Fatal(err)
		}
		session := db.NewSession(pack.SessionOptions{})
		s := &modelStore{t: t, r: r, f: session.NewFrames()}
		tips := map[int]bool{}
		for i, c := range all {
			s.commit(c)
			for _, p := range c.parents {
				delete(tips, p)
			}
			tips[i] = true
		}
		if err := s.f.Flush(); err != nil {
			t.Fatal(err)
		}
		packs, err := session.Commit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		op := refs.Operation{Name: "import", Description: "a model"}
		for _, p := range packs {
			op.PacksAdded = append(op.PacksAdded, refs.Pack{Name: p.Name, Size: uint64(p.Size)})
		}
		op.PacksNeeded = op.PacksAdded
		for i := range tips {
			op.Changes = append(op.Changes, refs.Change{Name: fmt.Sprintf("%st%d", branchPrefix, i), New: s.ids[i]})
		}
		slices.SortFunc(op.Changes, func(a, b refs.Change) int { return cmp.Compare(a.Name, b.Name) })
		if err := r.record(ctx, op); err != nil {
			t.Fatal(err)
		}
		ids = s.ids
	})
	return ids
}

func (s *modelStore) commit(c modelCommit) {
	s.t.Helper()
	tree := s.tree(c.files)
	commit := &objects.Commit{Tree: tree.ID, Entries: tree.Entries, Bytes: tree.Bytes, Generation: 1, Device: s.r.vault.DevicePublicKey(),
		Author: c.author, Message: c.message, Time: objects.Time{Sec: c.sec}}
	for _, p := range c.parents {
		commit.Parents = append(commit.Parents, s.ids[p])
		commit.Generation = max(commit.Generation, s.gen[p]+1)
	}
	var err error
	if commit.Signature, err = s.r.vault.SignCommit(commit.SigningHash()); err != nil {
		s.t.Fatal(err)
	}
	data, err := commit.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := s.f.Put(objects.KindCommit, data)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ids, s.gen = append(s.ids, id), append(s.gen, commit.Generation)
}

func (s *modelStore) tree(files map[string]string) objects.TreeRef {
	s.t.Helper()
	below, entries := map[string]map[string]string{}, []objects.Entry{}
	for name, content := range files {
		if dir, rest, ok := strings.Cut(name, "/"); ok {
			if below[dir] == nil {
				below[dir] = map[string]string{}
			}
			below[dir][rest] = content
			continue
		}
		entries = append(entries, objects.Entry{Name: name, Type: objects.TypeFile, Mode: 0o644, Size: uint64(len(content)),
			Content: objects.Content{Kind: objects.ContentInline, Inline: []byte(content)}})
	}
	for name, files := range below {
		ref := s.tree(files)
		entries = append(entries, objects.Entry{Name: name, Type: objects.TypeDirectory, Mode: 0o755, Tree: ref.ID, Entries: ref.Entries, Bytes: ref.Bytes})
	}
	slices.SortFunc(entries, func(a, b objects.Entry) int { return strings.Compare(a.Name, b.Name) })
	b := objects.NewTreeBuilder(s.f)
	for i := range entries {
		if err := b.Add(&entries[i]); err != nil {
			s.t.Fatal(err)
		}
	}
	ref, err := b.Finish()
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

// gitModel is the same history in a git repository.
type gitModel struct {
	t      *testing.T
	dir    string
	number map[string]int // of a commit, by git's ID
}

func newGitModel(t *testing.T, all []modelCommit) *gitModel {
	t.Helper()
	g := &gitModel{t: t, dir: t.TempDir(), number: map[string]int{}}
	g.git(nil, "init", "-q", "--bare", ".")
	var in bytes.Buffer
	tips := map[int]bool{}
	for i, c := range all {
		fmt.Fprintf(&in, "reset refs/heads/m%d\n", i)
		fmt.Fprintf(&in, "commit refs/heads/m%d\nmark :%d\nauthor %s %d +0000\ncommitter %s %d +0000\ndata %d\n%s\n", i, i+1, c.author, c.sec, c.author, c.sec, len(c.message), c.message)
		for j, p := range c.parents {
			fmt.Fprintf(&in, "%s :%d\n", []string{"from", "merge"}[min(j, 1)], p+1)
			delete(tips, p)
		}
		in.WriteString("deleteall\n")
		for _, name := range slices.Sorted(maps.Keys(c.files)) {
			fmt.Fprintf(&in, "M 100644 inline %s\ndata %d\n%s\n", name, len(c.files[name]), c.files[name])
		}
		tips[i] = true
	}
	in.WriteString("done\n")
	g.git(in.Bytes(), "fast-import", "--quiet", "--done", "--export-marks=marks")
	marks, err := os.ReadFile(filepath.Join(g.dir, "marks"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(marks)) {
		var mark int
		var id string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &id); err != nil {
			t.Fatal(err)
		}
		g.number[id] = mark - 1
	}
	return g
}

func (g *gitModel) git(in []byte, args ...string) string {
	g.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", g.dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME="+g.dir)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("git %q: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// log gives the numbers of the commits that git log shows.
func (g *gitModel) log(args ...string) []int {
	g.t.Helper()
	var out []int
	for id := range strings.FieldsSeq(g.git(nil, append([]string{"log", "--date-order", "--format=%H"}, args...)...)) {
		out = append(out, g.number[id])
	}
	return out
}
