package repo

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"evault/objects"
)

// shelf keeps objects in memory, by a hash of its own.
type shelf struct{ *sync.Map }

func newShelf() shelf { return shelf{new(sync.Map)} }

func (s shelf) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	id := objects.ID(sha256.Sum256(append([]byte{byte(kind)}, data...)))
	s.Store(id, bytes.Clone(data))
	return id, nil
}

func (s shelf) Get(_ context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	if data, ok := s.Load(id); ok {
		return data.([]byte), nil
	}
	return nil, fmt.Errorf("%s %s: %w", kind, id, objects.ErrNotFound)
}

// plot is a tree as a list: paths of files with their contents, and of folders with a slash at the end. What a text says of
// an entry follows its content: "text mode=600 time=7 user=ann group=5".
type plot map[string]string

func entryFrom(name, text string, folder bool) *objects.Entry {
	content, rest, _ := strings.Cut(text, " ")
	e := &objects.Entry{Name: name, Type: objects.TypeFile, Mode: 0o644, Mtime: objects.Time{Sec: 100}}
	if folder {
		e.Type, e.Mode = objects.TypeDirectory, 0o755
		rest = text
	} else if target, ok := strings.CutPrefix(content, "->"); ok {
		e.Type, e.Target = objects.TypeSymlink, target
	} else if content != "" {
		e.Content = objects.Content{Kind: objects.ContentInline, Inline: []byte(content)}
		e.Size = uint64(len(content))
	}
	for _, word := range strings.Fields(rest) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "mode":
			fmt.Sscanf(value, "%o", &e.Mode)
		case "time":
			fmt.Sscan(value, &e.Mtime.Sec)
		case "user":
			e.User = value
		case "group":
			fmt.Sscan(value, &e.LinkGroup)
		}
	}
	return e
}

// build makes the tree of a plot below a folder.
func (p plot) build(t testing.TB, s shelf, dir string) objects.TreeRef {
	t.Helper()
	type part struct {
		text   string
		folder bool
	}
	parts := map[string]part{}
	for full, text := range p {
		rest, ok := strings.CutPrefix(full, dir)
		if !ok || rest == "" {
			continue
		}
		name, deeper, folder := strings.Cut(rest, "/")
		was := parts[name]
		if deeper == "" {
			was.text = text
		}
		was.folder = was.folder || folder
		parts[name] = was
	}
	b := objects.NewTreeBuilder(s)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		e := entryFrom(name, parts[name].text, parts[name].folder)
		if e.IsDir() {
			ref := p.build(t, s, dir+name+"/")
			e.Tree, e.Entries, e.Bytes = ref.ID, ref.Entries, ref.Bytes
		}
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	ref, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// readPlot gives the plot of a tree, folders only if they are empty.
func readPlot(t testing.TB, s shelf, root objects.TreeRef) plot {
	t.Helper()
	out := plot{}
	err := objects.WalkExact(t.Context(), s, root, func(full string, e *objects.Entry) error {
		switch {
		case e.IsDir() && e.Entries == 0:
			out[full+"/"] = ""
		case e.Type == objects.TypeSymlink:
			out[full] = "->" + e.Target
		case !e.IsDir():
			out[full] = string(e.Content.Inline)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func testMerge(t testing.TB, s interface {
	objects.Source
	objects.Sink
}) *treeMerge {
	return &treeMerge{ctx: t.Context(), src: s, sink: s, chunker: objects.NewChunker([32]byte{}),
		names: sideNames{base: "base", ours: "ours", theirs: "theirs"}}
}

func mergePlots(t testing.TB, s shelf, base, ours, theirs plot) *treeMerge {
	t.Helper()
	m := testMerge(t, s)
	m.byName = true
	if err := m.run(base.build(t, s, ""), ours.build(t, s, ""), theirs.build(t, s, "")); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMergeRules(t *testing.T) {
	f := func(pairs ...string) plot {
		p := plot{}
		for i := 0; i < len(pairs); i += 2 {
			p[pairs[i]] = pairs[i+1]
		}
		return p
	}
	for _, c := range []struct {
		name               string
		base, ours, theirs plot
		want               plot     // nil: a conflict
		at                 []string // where
	}{
		{"nothing", f("a", "1"), f("a", "1"), f("a", "1"), f("a", "1"), nil},
		{"ours", f("a", "1"), f("a", "2"), f("a", "1"), f("a", "2"), nil},
		{"theirs", f("a", "1"), f("a", "1"), f("a", "2"), f("a", "2"), nil},
		{"the same", f("a", "1"), f("a", "2"), f("a", "2"), f("a", "2"), nil},
		{"both", f("a", "1"), f("a", "2"), f("a", "3"), nil, []string{"a"}},
		{"two conflicts", f("a", "1", "b/c", "1", "z", "1"), f("a", "2", "b/c", "2", "z", "1"), f("a", "3", "b/c", "3", "z", "2"), nil, []string{"a", "b/c"}},
		{"two files", f("a", "1", "b", "1"), f("a", "2", "b", "1"), f("a", "1", "b", "2"), f("a", "2", "b", "2"), nil},
		{"added by both, other", f(), f("a", "1"), f("a", "2"), nil, []string{"a"}},
		{"added by both, same", f(), f("a", "1"), f("a", "1"), f("a", "1"), nil},
		{"added by both at other times", f(), f("a", "1 time=5"), f("a", "1 time=9"), f("a", "1 time=9"), nil},
		{"added by two users", f(), f("a", "1 user=ann time=9"), f("a", "1 user=bob time=5"), f("a", "1 user=ann time=9"), nil},
		{"added by two users, theirs newer", f(), f("a", "1 user=ann time=5"), f("a", "1 user=bob time=9"), f("a", "1 user=ann time=9"), nil},
		{"given to two users", f("a", "1 user=x"), f("a", "1 user=ann"), f("a", "1 user=bob"), f("a", "1 user=ann"), nil},
		{"removed by both", f("a", "1", "b", "1"), f("b", "1"), f("b", "1"), f("b", "1"), nil},
		{"removed and changed", f("a", "1"), f(), f("a", "2"), nil, []string{"a"}},
		{"changed and removed", f("a", "1"), f("a", "2"), f(), nil, []string{"a"}},
		{"removed and touched", f("a", "1"), f(), f("a", "1 time=7"), f(), nil},
		{"touched and removed", f("a", "1"), f("a", "1 time=7"), f(), f(), nil},
		{"touched by both", f("a", "1"), f("a", "1 time=500"), f("a", "1 time=400"), f("a", "1 time=500"), nil},
		{"touched and changed", f("a", "1"), f("a", "1 time=500"), f("a", "2 time=400"), f("a", "2 time=400"), nil},
		{"changed and touched", f("a", "1"), f("a", "2"), f("a", "1 time=7"), f("a", "2"), nil},
		{"mode and content", f("a", "1"), f("a", "1 mode=600"), f("a", "2"), f("a", "2 mode=600"), nil},
		{"mode alone", f("a", "1"), f("a", "1 mode=600"), f("a", "1"), f("a", "1 mode=600"), nil},
		{"two modes", f("a", "1"), f("a", "1 mode=600"), f("a", "1 mode=400"), nil, []string{"a"}},
		{"link and file", f("a", "1"), f("a", "->x"), f("a", "2"), nil, []string{"a"}},
		{"links", f("a", "->x"), f("a", "->y"), f("a", "->x"), f("a", "->y"), nil},
		{"file becomes folder", f("a", "1"), f("a/b", "1"), f("a", "1"), f("a/b", "1"), nil},
		{"file becomes folder, touched", f("a", "1"), f("a/b", "1"), f("a", "1 time=7"), f("a/b", "1"), nil},
		{"file becomes folder, changed", f("a", "1"), f("a/b", "1"), f("a", "2"), nil, []string{"a~theirs"}},
		{"file against folder", f(), f("a", "1"), f("a/b", "1"), nil, []string{"a~ours"}},
		{"folder becomes file", f("a/b", "1", "a/c", "1"), f("a", "1"), f("a/b", "1", "a/c", "1"), f("a", "1"), nil},
		{"folder becomes file, emptied", f("a/b", "1", "a/c", "1"), f("a", "1"), f("a/c", "1"), f("a", "1"), nil},
		{"folder becomes file, changed", f("a/b", "1", "a/c", "1"), f("a", "1"), f("a/b", "1", "a/c", "2"), nil, []string{"a/c", "a~ours"}},
		{"folder becomes file, filled", f("a/b", "1"), f("a", "1"), f("a/b", "1", "a/c", "1"), nil, []string{"a~ours"}},
		{"folder becomes file, removed", f("a/b", "1"), f("a", "1"), f(), f("a", "1"), nil},
		{"folder becomes two files", f("a/b", "1"), f("a", "1"), f("a", "2"), nil, []string{"a"}},
		{"file becomes folder, removed", f("a", "1"), f("a/b", "1"), f(), f("a/b", "1"), nil},
		{"file becomes two folders", f("a", "1"), f("a/b", "1"), f("a/c", "1"), f("a/b", "1", "a/c", "1"), nil},
		{"both folders new", f(), f("d/a", "1"), f("d/b", "1"), f("d/a", "1", "d/b", "1"), nil},
		{"both folders new, other modes", f(), f("d/", "mode=700 time=9", "d/a", "1"), f("d/", "time=8", "d/b", "1"), f("d/", "mode=700 time=9", "d/a", "1", "d/b", "1"), nil},
		{"folder's times", f("d/", "", "d/a", "1"), f("d/", "time=400", "d/a", "2"), f("d/", "time=300", "d/a", "1", "d/b", "1"), f("d/", "time=400", "d/a", "2", "d/b", "1"), nil},
		{"folder's mode and names", f("d/", "", "d/a", "1"), f("d/", "mode=700", "d/a", "1"), f("d/", "time=300", "d/a", "2"), f("d/", "mode=700 time=300", "d/a", "2"), nil},
		{"folder's modes", f("d/", "", "d/a", "1"), f("d/", "mode=700", "d/a", "1"), f("d/", "mode=750", "d/a", "1"), nil, []string{"d"}},
		{"folder removed", f("d/a", "1", "x", "1"), f("x", "1"), f("d/a", "1", "x", "2"), f("x", "2"), nil},
		{"folder removed, its time changed", f("d/a", "1"), f(), f("d/", "time=300", "d/a", "1"), f(), nil},
		{"folder removed, its mode changed", f("d/a", "1"), f(), f("d/", "mode=700", "d/a", "1"), f(), nil},
		{"folder removed, changed in it", f("d/e/a", "1", "d/b", "1"), f(), f("d/e/a", "2", "d/b", "1"), nil, []string{"d/e/a"}},
		{"folder removed, added to", f("d/a", "1"), f(), f("d/a", "1", "d/b", "1"), f("d/b", "1"), nil},
		{"added to, folder removed", f("d/a", "1", "d/b", "1"), f("d/", "mode=700", "d/b", "1", "d/c", "1"), f(), f("d/", "mode=700", "d/c", "1"), nil},
		{"empty folder removed", f("d/", ""), f(), f("d/", "time=3"), f(), nil},
		{"emptied by both", f("d/a", "1", "d/b", "1"), f("d/a", "1"), f("d/b", "1"), f("d/", ""), nil},
		{"one side writes to links, the other adds one", f("a", "1 group=5", "b", "1 group=5"), f("a", "2 group=5", "b", "2 group=5"),
			f("a", "1 group=5", "b", "1 group=5", "d/c", "1 group=5"), nil, []string{"a", "d/c"}},
		{"both add a link", f("a", "1 group=5", "b", "1 group=5"), f("a", "1 group=5", "b", "1 group=5", "c", "1 group=5"),
			f("a", "1 group=5", "b", "1 group=5", "d", "1 group=5"), f("a", "1 group=5", "b", "1 group=5", "c", "1 group=5", "d", "1 group=5"), nil},
		{"one side writes to links", f("a", "1 group=5", "b", "1 group=5", "x", "1"), f("a", "2 group=5", "b", "2 group=5", "x", "1"),
			f("a", "1 group=5", "b", "1 group=5", "x", "2"), f("a", "2 group=5", "b", "2 group=5", "x", "2"), nil},
		{"both touch links", f("a", "1 group=5", "b", "1 group=5"), f("a", "1 group=5 time=8", "b", "1 group=5 time=8"),
			f("a", "1 group=5 time=9", "b", "1 group=5 time=9"), f("a", "1 group=5 time=9", "b", "1 group=5 time=9"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShelf()
			m := mergePlots(t, s, c.base, c.ours, c.theirs)
			if !slices.Equal(pathsOf(m.conflicts), c.at) {
				t.Fatalf("conflicts at %q, want %q; %v", pathsOf(m.conflicts), c.at, readPlot(t, s, m.root))
			}
			if c.want == nil {
				return
			}
			if want := c.want.build(t, s, ""); m.root != want {
				t.Errorf("merged to %v, want %v", readPlot(t, s, m.root), c.want)
			}
			// The other way round, where no side is preferred.
			if strings.Contains(c.name, "two users") || strings.Contains(c.name, "other modes") {
				return
			}
			if back := mergePlots(t, s, c.base, c.theirs, c.ours); back.root != m.root {
				t.Errorf("the other way round: %v", readPlot(t, s, back.root))
			}
		})
	}
}

// grower makes random plots and edits them.
type grower struct {
	*rand.Rand
	fresh int
}

func (g *grower) path() string {
	parts := make([]string, 1+g.IntN(3))
	for i := range parts {
		parts[i] = string(rune('a' + g.IntN(4)))
	}
	return strings.Join(parts, "/")
}

// place puts a file at a path; what was in the way goes.
func (p plot) place(full, content string) {
	for q := range p {
		if q == full || strings.HasPrefix(q, full+"/") || strings.HasPrefix(full, q+"/") {
			delete(p, q)
		}
	}
	p[full] = content
}

func (g *grower) content() string {
	g.fresh++
	return fmt.Sprintf("c%d", g.fresh)
}

func (g *grower) plot(n int) plot {
	p := plot{}
	for range n {
		p.place(g.path(), g.content())
	}
	return p
}

// edit changes a copy: new contents, new files, removals, sometimes what others might do, too.
func (g *grower) edit(p plot, n int) plot {
	p = maps.Clone(p)
	for range n {
		all := slices.Sorted(maps.Keys(p))
		switch kind := g.IntN(6); {
		case kind < 2 || len(all) == 0:
			p.place(g.path(), g.content())
		case kind == 2:
			p[all[g.IntN(len(all))]] = g.content()
		case kind == 3:
			p[all[g.IntN(len(all))]] = fmt.Sprintf("common%d", g.IntN(2))
		case kind == 4:
			delete(p, all[g.IntN(len(all))])
		default:
			dir := path.Dir(all[g.IntN(len(all))])
			maps.DeleteFunc(p, func(q, _ string) bool { return strings.HasPrefix(q, dir+"/") })
		}
	}
	return p
}

// TestMergeAgainstGit merges random trees and asks git, which knows no renames here: clean or not must be the same, and so
// must be what a clean merge holds.
func TestMergeAgainstGit(t *testing.T) {
	if os.Getenv("EVAULT_NO_GIT") == "1" {
		t.Skip("EVAULT_NO_GIT=1: the comparison with git is left out on purpose")
	}
	cases := 240
	if os.Getenv("EVAULT_PROVE") == "1" {
		cases = 5000
	}
	g := &grower{Rand: rand.New(rand.NewPCG(11, 12))}
	sides := make([][3]plot, cases)
	var stream, ask bytes.Buffer
	mark := 0
	commit := func(p plot, parent int) int {
		mark++
		fmt.Fprintf(&stream, "commit refs/heads/c%d\nmark :%d\ncommitter x <x> 1 +0000\ndata 0\n", mark, mark)
		if parent > 0 {
			fmt.Fprintf(&stream, "from :%d\n", parent)
		}
		stream.WriteString("deleteall\n")
		for _, full := range slices.Sorted(maps.Keys(p)) {
			fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", full, len(p[full]), p[full])
		}
		return mark
	}
	for i := range sides {
		base := g.plot(1 + g.IntN(12))
		sides[i] = [3]plot{base, g.edit(base, 1+g.IntN(4)), g.edit(base, 1+g.IntN(4))}
		root := commit(base, 0)
		ours, theirs := commit(sides[i][1], root), commit(sides[i][2], root)
		fmt.Fprintf(&ask, "c%d c%d\n", ours, theirs)
	}
	dir := t.TempDir()
	git := func(in io.Reader, args ...string) []byte {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "merge.renames=false", "-c", "merge.directoryRenames=false"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir)
		cmd.Stdin = in
		var problems strings.Builder
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %s: %v: %s", args[0], err, problems.String())
		}
		return out
	}
	git(nil, "init", "-q", "--bare", ".")
	git(&stream, "fast-import", "--quiet")
	answers := mergesOfGit(t, git(&ask, "merge-tree", "--write-tree", "--stdin", "--no-messages"), cases)
	clean := 0
	for i, side := range sides {
		s := newShelf()
		m := mergePlots(t, s, side[0], side[1], side[2])
		if (len(m.conflicts) == 0) != answers[i].clean {
			t.Fatalf("case %d: conflicts %v, git says clean %v\n%v\n%v\n%v", i, m.conflicts, answers[i].clean, side[0], side[1], side[2])
		}
		if !answers[i].clean {
			continue
		}
		clean++
		want := plot{}
		for _, entry := range strings.Split(string(git(nil, "ls-tree", "-r", "-z", "--format=%(objectname) %(path)", answers[i].tree)), "\x00") {
			if id, full, ok := strings.Cut(entry, " "); ok {
				want[full] = id
			}
		}
		got := readPlot(t, s, m.root)
		maps.DeleteFunc(got, func(q, _ string) bool { return strings.HasSuffix(q, "/") }) // git has no empty folders
		for full, content := range got {
			got[full] = gitBlob(content)
		}
		if !maps.Equal(got, want) {
			t.Fatalf("case %d: merged to\n%v, git to\n%v", i, got, want)
		}
	}
	if clean < cases/5 || clean > cases*4/5 {
		t.Errorf("only %d of %d merges are clean", clean, cases)
	}
	t.Logf("%d merges as git does them, %d of them clean", cases, clean)
}

type gitMerge struct {
	clean bool
	tree  string
}

// mergesOfGit takes the output of git merge-tree --stdin apart: for each merge a line "1" or "0", the tree, for a merge that
// is not clean the stages of its conflicts, and an empty field; all ended by NUL.
func mergesOfGit(t *testing.T, out []byte, n int) (all []gitMerge) {
	t.Helper()
	fields := strings.Split(string(out), "\x00")
	for len(all) < n && len(fields) >= 2 {
		all = append(all, gitMerge{fields[0] == "1", fields[1]})
		fields = fields[2:]
		for len(fields) > 0 && fields[0] != "" {
			fields = fields[1:]
		}
		fields = fields[min(1, len(fields)):]
	}
	if len(all) != n {
		t.Fatalf("%d answers, want %d: %.300q", len(all), n, out)
	}
	return all
}

// TestMergeOfSeparateEdits merges edits that do not meet: the outcome is the tree with both, byte for byte, whichever side
// is which, and the trees that only one side changed keep their IDs.
func TestMergeOfSeparateEdits(t *testing.T) {
	g := &grower{Rand: rand.New(rand.NewPCG(13, 14))}
	const cases = 400
	for i := range cases {
		base := g.plot(4 + g.IntN(20))
		both, ours, theirs := maps.Clone(base), maps.Clone(base), maps.Clone(base)
		for n, full := range slices.Sorted(maps.Keys(base)) {
			side := [...]plot{ours, theirs}[n%2]
			switch g.IntN(4) {
			case 0:
				text := g.content() + fmt.Sprintf(" time=%d mode=%o", 50+g.IntN(200), 0o600+g.IntN(8))
				side[full], both[full] = text, text
			case 1:
				delete(side, full)
				delete(both, full)
			case 2:
				text := g.content()
				side[full+"-new"], both[full+"-new"] = text, text
			}
			// Folders stay, so that what is removed leaves the same behind on all sides.
			for dir := path.Dir(full); dir != "."; dir = path.Dir(dir) {
				for _, p := range []plot{base, ours, theirs, both} {
					p[dir+"/"] = ""
				}
			}
		}
		s := newShelf()
		m := mergePlots(t, s, base, ours, theirs)
		back := mergePlots(t, s, base, theirs, ours)
		if want := both.build(t, s, ""); len(m.conflicts) > 0 || m.root != want || back.root != want {
			t.Fatalf("case %d: conflicts %q, merged to %v, want %v", i, pathsOf(m.conflicts), readPlot(t, s, m.root), both)
		}
	}
	t.Logf("%d merges of separate edits", cases)
}

// TestMergeReadsLittle has a tree of a thousand folders, two of which were changed.
func TestMergeReadsLittle(t *testing.T) {
	base := plot{}
	for i := range 1000 {
		base[fmt.Sprintf("%02d/%02d/file", i/30, i%30)] = "text"
	}
	ours, theirs := maps.Clone(base), maps.Clone(base)
	ours["17/20/file"], theirs["30/13/file"] = "ours", "theirs"
	s := newShelf()
	c := &counter{shelf: s}
	m := testMerge(t, c)
	if err := m.run(base.build(t, s, ""), ours.build(t, s, ""), theirs.build(t, s, "")); err != nil || len(m.conflicts) > 0 {
		t.Fatal(err, m.conflicts)
	}
	if c.gets.Load() > 24 {
		t.Errorf("%d trees read", c.gets.Load())
	}
}

type counter struct {
	shelf
	gets atomic.Int64
}

func (c *counter) Get(ctx context.Context, id objects.ID, kind objects.Kind) ([]byte, error) {
	c.gets.Add(1)
	return c.shelf.Get(ctx, id, kind)
}

func TestMergeOfMissingAndHostileTrees(t *testing.T) {
	s := newShelf()
	base := plot{"d/a": "1"}.build(t, s, "")
	ours := plot{"d/a": "1", "d/b": "1"}.build(t, s, "")
	theirs := plot{"d/a": "1", "d/c": "1"}.build(t, s, "")
	s.Delete(plot{"a": "1", "c": "1"}.build(t, newShelf(), "").ID)
	m := testMerge(t, s)
	if err := m.run(base, ours, theirs); !errors.Is(err, objects.ErrNotFound) || !strings.Contains(err.Error(), "d: ") {
		t.Errorf("a missing tree: %v", err)
	}
	// More entries than the commit says.
	lying := theirs
	lying.Entries--
	m = testMerge(t, s)
	if err := m.run(base, ours, lying); !errors.Is(err, objects.ErrMalformed) {
		t.Errorf("a tree that lies about its size: %v", err)
	}
	// Folders within folders, deeper than any tree may be.
	deep := func(content string) objects.TreeRef {
		ref := plot{"x": content}.build(t, s, "")
		for range objects.MaxDepth + 2 {
			b := objects.NewTreeBuilder(s)
			e := entryFrom("d", "", true)
			e.Tree, e.Entries, e.Bytes = ref.ID, ref.Entries, ref.Bytes
			if err := b.Add(e); err != nil {
				t.Fatal(err)
			}
			ref, _ = b.Finish()
		}
		return ref
	}
	m = testMerge(t, s)
	if err := m.run(deep("1"), deep("2"), deep("3")); !errors.Is(err, objects.ErrLimit) {
		t.Errorf("too deep a tree: %v", err)
	}
}

// gitBlob gives the ID that git has for a file's content.
func gitBlob(content string) string {
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content)))
}
