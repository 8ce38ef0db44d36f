package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evault/internal/fastexport"
	"evault/objects"
	"evault/refs"
)

func TestImportedRefNames(t *testing.T) {
	for name, want := range map[string]string{
		"main": "main", "a/b": "a/b", "ü": "ü", "x.": "x%2E", "a./b": "a./b", "-x": "%2Dx", "HEAD": "%48EAD", "a.lock": "a%2Elock",
		"a:b": "a%3Ab", "v@{1}": "v%40{1}", ".x/y": "%2Ex/y", "a..b": "a.%2Eb",
	} {
		if got := importRefName("", name, refs.ValidateBranchName); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab.@{-~^: lock/ü\x01")), 1, 200, -1), 1, 3).Draw(t, "parts")
		name := strings.Trim(strings.Join(parts, "x/x"), "/")
		for strings.Contains(name, "//") {
			name = strings.ReplaceAll(name, "//", "/")
		}
		if name == "" {
			return
		}
		got := importRefName("p/", name, refs.ValidateBranchName)
		if err := refs.ValidateBranchName(got); err != nil {
			t.Fatalf("%q became %q: %v", name, got, err)
		}
	})
}

func TestImportedTexts(t *testing.T) {
	long := strings.Repeat("ü", objects.MaxMessage)
	for text, want := range map[string]string{
		"a\n\n": "a", "\na\nb\n": "\na\nb", "a\x00b": "a\uFFFDb", long: long[:objects.MaxMessage], "": "",
	} {
		got, change := importMessage(text)
		if got != want || (change == "") != (strings.TrimRight(text, "\n") == want) {
			t.Errorf("%.40q became %.40q (%s)", text, got, change)
		}
	}
	for _, p := range []fastexport.Person{{Name: "a\x1bb\nc"}, {Name: "\xff\x02"}, {Email: strings.Repeat("x", 5000)}, {}} {
		who, _ := importPerson(&p)
		c := &objects.Commit{Generation: 1, Author: who}
		if _, err := c.Encode(); err != nil {
			t.Errorf("%.40q became %.40q: %v", p.Who(), who, err)
		}
	}
	if zone, change := importZone(&fastexport.Person{Zone: 31080, ZoneText: "+051800"}); zone != 0 || change == "" {
		t.Errorf("zone %d, %q", zone, change)
	}
}

// mapSink keeps objects in memory.
type mapSink map[objects.ID][]byte

func (s mapSink) Put(kind objects.Kind, data []byte) (objects.ID, error) {
	var id objects.ID
	r := rand.New(rand.NewPCG(uint64(len(data)), sum(data)))
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	s[id] = slices.Clone(data)
	return id, nil
}

func (s mapSink) place(string) {}

func (s mapSink) Get(_ context.Context, id objects.ID, _ objects.Kind) ([]byte, error) {
	data, ok := s[id]
	if !ok {
		return nil, objects.ErrNotFound
	}
	return data, nil
}

func sum(data []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range data {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// Trees that share folders behave as trees that share nothing, whichever is changed, and what is written is what they hold.
func TestImportTreesAgainstMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type pair struct {
			tree  *importTree
			model map[string]int
		}
		all := []pair{{newImportTree(), map[string]int{}}}
		sink := mapSink{}
		w := treeWriter{sink: sink, folder: objects.Entry{Type: objects.TypeDirectory, Mode: 0o755}}
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			at := rapid.IntRange(0, len(all)-1).Draw(t, "at")
			p := &all[at]
			name := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 4).Draw(t, "path"), "/")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				all = append(all, pair{p.tree.share(false), maps.Clone(p.model)})
			case 1:
				p.tree = p.tree.share(true)
				p.tree.remove(name)
				removeBelow(p.model, name)
			default:
				p.tree = p.tree.share(true)
				e := objects.Entry{Name: path.Base(name), Type: objects.TypeFile, Mode: 0o644, Mtime: objects.Time{Sec: int64(step)}}
				raw, err := objects.AppendEntry(nil, &e)
				if err != nil {
					t.Fatal(err)
				}
				p.tree.set(name, importEntry{raw: raw})
				removeBelow(p.model, name)
				for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
					delete(p.model, dir)
				}
				p.model[name] = step
			}
			if rapid.Bool().Draw(t, "write") {
				if _, err := w.write(p.tree, objects.Time{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, p := range all {
			ref, err := w.write(p.tree, objects.Time{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			err = objects.WalkExact(context.Background(), sink, ref, func(p string, e *objects.Entry) error {
				if !e.IsDir() {
					got[p] = int(e.Mtime.Sec)
				} else if e.Entries == 0 {
					return fmt.Errorf("folder %s is empty", p)
				}
				return nil
			})
			if err != nil || !maps.Equal(got, p.model) {
				t.Fatalf("tree %d: %v, want %v (%v)", i, got, p.model, err)
			}
		}
	})
}

func removeBelow(model map[string]int, name string) {
	maps.DeleteFunc(model, func(p string, _ int) bool { return isUnder(p, name) })
}

// fakeGit answers from a table; a fast-export that is not whole fails as git does when it dies.
type fakeGit map[string]string

type fakeProcess struct {
	io.Reader
	err error
}

func (p fakeProcess) Wait() error { return p.err }

var errFakeGit = errors.New("git died")

func (g fakeGit) run(_ context.Context, args ...string) (GitProcess, error) {
	text := g[args[0]]
	if args[0] == "fast-export" && !strings.HasSuffix(text, "done\n") {
		return fakeProcess{strings.NewReader(text), errFakeGit}, nil
	}
	return fakeProcess{strings.NewReader(text), nil}, nil
}

func newFakeGit() fakeGit {
	const one, two = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"
	person := "Ann <a@x> 981173106 +0100\n"
	commit := func(mark int, id, rest string) string {
		return fmt.Sprintf("commit refs/heads/main\nmark :%d\noriginal-oid %s\nauthor %scommitter %sdata 1\nx\n%s\n", mark, id, person, person, rest)
	}
	return fakeGit{
		"rev-parse": "false\n", "symbolic-ref": "refs/heads/main\n",
		"for-each-ref": two + " commit refs/heads/main\n", "rev-list": two + " " + one + "\n" + one + "\n",
		"fast-export": fmt.Sprintf("blob\nmark :1\ndata 2\nhi\nblob\nmark :2\ndata %d\n%s\n", 2<<20, strings.Repeat("large\n.", 2<<20/7+1)[:2<<20]) +
			commit(3, one, "M 100644 :1 a\n") + commit(4, two, "from :3\nM 100644 :2 b\n") + "done\n",
	}
}

// A stream that breaks off, wherever, is an error that says so, and leaves nothing; the whole one is then imported.
func TestUnterminatedImport(t *testing.T) {
	g := newRig(t)
	whole := newFakeGit()
	text := whole["fast-export"]
	cuts := []int{0, 4, 30, 1 << 20, 2 << 20, len(text) - 6, len(text) - 40, len(text) - 200, len(text) - 400}
	for _, cut := range cuts {
		broken := maps.Clone(whole)
		broken["fast-export"] = text[:cut]
		g.with(Writing, func(ctx context.Context, r *Repository) {
			_, err := r.Import(ctx, ImportOptions{Git: broken.run, Name: "x"})
			if !errors.Is(err, fastexport.ErrUnterminated) || !errors.Is(err, errFakeGit) {
				t.Errorf("cut at %d: %v", cut, err)
			}
			if !r.head().IsZero() || g.exists("a") {
				t.Errorf("cut at %d: something is there", cut)
			}
			db, err := r.database()
			if err != nil {
				t.Fatal(err)
			}
			if packs, err := db.Packs(); err != nil || len(packs) > 0 {
				t.Errorf("cut at %d: %d packs (%v)", cut, len(packs), err)
			}
		})
	}
	g.with(Writing, func(ctx context.Context, r *Repository) {
		result, err := r.Import(ctx, ImportOptions{Git: whole.run, Name: "x"})
		if err != nil || result.Commits != 2 || result.Branch != "main" {
			t.Fatalf("%+v, %v", result, err)
		}
	})
	if g.read("a") != "hi" || len(g.read("b")) != 2<<20 {
		t.Error("not the files")
	}
	if changes := g.status(StatusOptions{}); len(changes) > 0 {
		t.Errorf("status: %v", changes)
	}
}

// Streams that contradict what git has said before, or themselves, are refused.
func TestContradictoryImports(t *testing.T) {
	for name, change := range map[string]func(fakeGit){
		"more children": func(g fakeGit) {
			g["rev-list"] = strings.ReplaceAll(g["rev-list"], " 1111111111111111111111111111111111111111", "")
		},
		"fewer commits": func(g fakeGit) { g["rev-list"] += "3333333333333333333333333333333333333333\n" },
		"ref elsewhere": func(g fakeGit) {
			g["for-each-ref"] = "3333333333333333333333333333333333333333 commit refs/heads/main\n"
		},
		"no ref":    func(g fakeGit) { g["for-each-ref"] = "hello\n" },
		"no blob":   func(g fakeGit) { g["fast-export"] = strings.Replace(g["fast-export"], ":2 b", ":9 b", 1) },
		"no parent": func(g fakeGit) { g["fast-export"] = strings.Replace(g["fast-export"], "from :3", "from :9", 1) },
		"a rename":  func(g fakeGit) { g["fast-export"] = strings.Replace(g["fast-export"], "M 100644 :2 b", "R a b", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			g, git := newRig(t), newFakeGit()
			change(git)
			g.with(Writing, func(ctx context.Context, r *Repository) {
				if _, err := r.Import(ctx, ImportOptions{Git: git.run, Name: "x"}); err == nil {
					t.Error("no error")
				}
				if !r.head().IsZero() || g.exists("a") {
					t.Error("something is there")
				}
			})
		})
	}
}

// What waits is written with commits first and then as a walk meets it, each path in the order of history.
func TestOrderOfWaitingObjects(t *testing.T) {
	var list []waitingObject
	for i, p := range []string{"b", "a-b/x", "a/x", "a/x", "a", "", "a.c"} {
		list = append(list, waitingObject{kind: objects.KindTree, path: orderPath(p), data: []byte{byte(i)}})
	}
	list = append(list, waitingObject{kind: objects.KindCommit, data: []byte{9}})
	slices.SortStableFunc(list, compareWaiting)
	var got []byte
	for _, w := range list {
		got = append(got, w.data...)
	}
	if want := []byte{9, 5, 4, 2, 3, 1, 6, 0}; !bytes.Equal(got, want) {
		t.Fatalf("order %v, want %v", got, want)
	}
}

// Pieces of an arena do not overlap, and come again after a reset.
func TestArena(t *testing.T) {
	var a arena
	for range 2 {
		var pieces [][]byte
		for i := range 300 {
			p := a.alloc(i * 1000)
			for k := range p {
				p[k] = byte(i)
			}
			pieces = append(pieces, p)
		}
		for i, p := range pieces {
			if len(p) != i*1000 || bytes.Count(p, []byte{byte(i)}) != len(p) {
				t.Fatalf("piece %d was overwritten", i)
			}
		}
		a.reset()
	}
}
