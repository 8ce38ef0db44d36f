package repo

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"evault/objects"
)

// script is a tree of texts: paths with contents; "x" before the content makes a file executable, "->" a link.
type script map[string]string

func (p script) build(t testing.TB, m *treeMerge, dir string) objects.TreeRef {
	t.Helper()
	subs := map[string]bool{}
	var names []string
	for full := range p {
		rest, ok := strings.CutPrefix(full, dir)
		if !ok {
			continue
		}
		name, _, folder := strings.Cut(rest, "/")
		if _, again := subs[name]; !again {
			names = append(names, name)
		}
		subs[name] = folder
	}
	slices.Sort(names)
	b := objects.NewTreeBuilder(m.sink)
	for _, name := range names {
		e := &objects.Entry{Name: name, Type: objects.TypeFile, Mode: 0o644}
		text := p[dir+name]
		if subs[name] {
			ref := p.build(t, m, dir+name+"/")
			e.Type, e.Mode, e.Tree, e.Entries, e.Bytes = objects.TypeDirectory, 0o755, ref.ID, ref.Entries, ref.Bytes
		} else if target, ok := strings.CutPrefix(text, "->"); ok {
			e.Type, e.Target = objects.TypeSymlink, target
		} else {
			if text[0] == 'x' {
				e.Mode = 0o755
			}
			if err := m.keep([]byte(text[1:]), e); err != nil {
				t.Fatal(err)
			}
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

func readScript(t testing.TB, m *treeMerge, root objects.TreeRef) script {
	t.Helper()
	out := script{}
	err := objects.WalkExact(t.Context(), m.src, root, func(full string, e *objects.Entry) error {
		switch e.Type {
		case objects.TypeSymlink:
			out[full] = "->" + e.Target
		case objects.TypeFile:
			data, err := contentOf(t.Context(), m.src, e, 1<<20)
			if err != nil {
				return err
			}
			out[full] = "-" + string(data)
			if e.Mode&0o100 != 0 {
				out[full] = "x" + string(data)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// author writes scripts whose files are told apart by their words, and edits them as people do.
type author struct {
	*rand.Rand
	fresh int
}

func (a *author) line(topic string) string {
	a.fresh++
	return fmt.Sprintf("%s %d %s\n", topic, a.fresh, strings.Repeat("w", a.IntN(12)))
}

func (a *author) text() string {
	a.fresh++
	topic := fmt.Sprintf("topic%d", a.fresh)
	var b strings.Builder
	for range 12 + a.IntN(24) {
		b.WriteString(a.line(topic))
	}
	return "-" + b.String()
}

func (a *author) name() string {
	a.fresh++
	parts := []string{fmt.Sprintf("%c%d", 'a'+a.IntN(4), a.fresh)}
	for range a.IntN(3) {
		parts = append([]string{string(rune('d' + a.IntN(3)))}, parts...)
	}
	return strings.Join(parts, "/")
}

func (a *author) script() script {
	p := script{}
	for range 3 + a.IntN(8) {
		p[a.name()] = a.text()
	}
	return p
}

// change edits a few lines of a text.
func (a *author) change(text string, edits int) string {
	if strings.HasPrefix(text, "->") {
		return text + "x"
	}
	lines := strings.SplitAfter(text[1:], "\n")
	lines = lines[:len(lines)-1]
	for range edits {
		at := a.IntN(len(lines) + 1)
		switch kind := a.IntN(3); {
		case kind == 0 || len(lines) < 8:
			lines = slices.Insert(lines, at, a.line("new"))
		case kind == 1 && at < len(lines):
			lines[at] = a.line("other")
		case at < len(lines):
			lines = slices.Delete(lines, at, at+1)
		}
	}
	return text[:1] + strings.Join(lines, "")
}

// edit gives what somebody made of a script. Names that both sides may choose are in shared.
func (a *author) edit(p script, n int, shared []string) script {
	p = maps.Clone(p)
	for range n {
		all := slices.Sorted(maps.Keys(p))
		if len(all) == 0 {
			break
		}
		full := all[a.IntN(len(all))]
		switch kind := a.IntN(16); {
		case kind < 8:
			p[full] = a.change(p[full], 1+a.IntN(3))
		case kind < 11:
			to := a.name()
			if a.IntN(4) == 0 {
				to = shared[a.IntN(len(shared))]
			}
			if p.free(to) {
				p[to] = p[full]
				delete(p, full)
				if a.IntN(3) == 0 {
					p[to] = a.change(p[to], 1)
				}
			}
		case kind < 12:
			delete(p, full)
		case kind < 13:
			if to := shared[a.IntN(len(shared))]; p.free(to) {
				p[to] = a.text()
			}
		case kind < 14:
			p[a.name()] = a.text()
		case kind < 15 && p[full][0] == '-' && p[full][1] != '>':
			p[full] = "x" + p[full][1:]
		}
	}
	return p
}

// free says that neither a file nor a folder has a path.
func (p script) free(full string) bool {
	for q := range p {
		if q == full || strings.HasPrefix(q, full+"/") || strings.HasPrefix(full, q+"/") {
			return false
		}
	}
	return true
}

// judge is a repository of git.
type judge struct {
	t   *testing.T
	dir string
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	if os.Getenv("EVAULT_NO_GIT") == "1" {
		t.Skip("EVAULT_NO_GIT=1: the comparison with git is left out on purpose")
	}
	j := &judge{t, t.TempDir()}
	j.git(nil, "init", "-q", "--bare", ".")
	return j
}

func (j *judge) git(in io.Reader, args ...string) []byte {
	j.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", j.dir, "-c", "merge.directoryRenames=false", "-c", "merge.conflictStyle=merge"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+j.dir)
	cmd.Stdin = in
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		j.t.Fatalf("git %s: %v: %s", args[0], err, problems.String())
	}
	return out
}

// importer writes commits for git fast-import.
type importer struct {
	bytes.Buffer
	marks int
}

func (w *importer) commit(p script, parents ...int) int {
	w.marks++
	fmt.Fprintf(w, "commit refs/heads/c%d\nmark :%d\ncommitter x <x> %d +0000\ndata 0\n", w.marks, w.marks, w.marks)
	for i, parent := range parents {
		fmt.Fprintf(w, "%s :%d\n", [...]string{"from", "merge"}[min(i, 1)], parent)
	}
	w.WriteString("deleteall\n")
	for _, full := range slices.Sorted(maps.Keys(p)) {
		mode, data := "100644", p[full][1:]
		switch {
		case strings.HasPrefix(p[full], "->"):
			mode, data = "120000", data[1:]
		case p[full][0] == 'x':
			mode = "100755"
		}
		fmt.Fprintf(w, "M %s inline %s\ndata %d\n%s\n", mode, full, len(data), data)
	}
	return w.marks
}

// ruling is what git made of a merge.
type ruling struct {
	clean     bool
	tree      string
	conflicts []string // paths, ascending
}

// merges asks git for many merges.
func (j *judge) merges(ask io.Reader, n int) (all []ruling) {
	j.t.Helper()
	out := j.git(ask, "merge-tree", "--write-tree", "--stdin", "--no-messages")
	fields := strings.Split(string(out), "\x00")
	for len(all) < n && len(fields) >= 2 {
		v := ruling{clean: fields[0] == "1", tree: fields[1]}
		fields = fields[2:]
		for len(fields) > 0 && fields[0] != "" {
			_, full, _ := strings.Cut(fields[0], "\t")
			v.conflicts = append(v.conflicts, full)
			fields = fields[1:]
		}
		fields = fields[min(1, len(fields)):]
		slices.Sort(v.conflicts)
		v.conflicts = slices.Compact(v.conflicts)
		all = append(all, v)
	}
	if len(all) != n {
		j.t.Fatalf("%d answers, want %d: %.300q", len(all), n, out)
	}
	return all
}

// read gives a tree of git, contents by their hashes.
func (j *judge) read(tree string) script {
	j.t.Helper()
	out := script{}
	for _, entry := range strings.Split(string(j.git(nil, "ls-tree", "-r", "-z", "--format=%(objectmode) %(objectname) %(path)", tree)), "\x00") {
		mode, rest, ok := strings.Cut(entry, " ")
		if !ok {
			continue
		}
		id, full, _ := strings.Cut(rest, " ")
		out[full] = map[string]string{"100644": "-", "100755": "x", "120000": "->"}[mode] + id
	}
	return out
}

// hashed is a script as read gives it.
func (p script) hashed() script {
	out := script{}
	for full, text := range p {
		mark := text[:1]
		if strings.HasPrefix(text, "->") {
			mark = "->"
		}
		out[full] = mark + gitBlob(text[len(mark):])
	}
	return out
}

// TestMergeOfTextsAgainstGit merges generated edits of texts, renames among them, as git does: the same is clean, with the
// same bytes; the same paths conflict; and the files in conflict hold the same bytes, markers included.
func TestMergeOfTextsAgainstGit(t *testing.T) {
	j := newJudge(t)
	cases := 150
	if os.Getenv("EVAULT_PROVE") == "1" {
		cases = 4000
	}
	a := &author{Rand: rand.New(rand.NewPCG(21, 22))}
	var stream importer
	var ask bytes.Buffer
	type trial struct {
		base, ours, theirs script
		names              sideNames
	}
	var trials []trial
	for range cases {
		base := a.script()
		shared := []string{a.name(), a.name(), a.name()}
		c := trial{base: base, ours: a.edit(base, 1+a.IntN(5), shared), theirs: a.edit(base, 1+a.IntN(5), shared)}
		root := stream.commit(c.base)
		o, th := stream.commit(c.ours, root), stream.commit(c.theirs, root)
		c.names = sideNames{base: "base", ours: fmt.Sprintf("c%d", o), theirs: fmt.Sprintf("c%d", th)}
		fmt.Fprintf(&ask, "%s %s\n", c.names.ours, c.names.theirs)
		trials = append(trials, c)
	}
	j.git(&stream, "fast-import", "--quiet")
	answers := j.merges(&ask, cases)
	clean, kinds := 0, map[string]int{}
	for i, c := range trials {
		m := testMerge(t, newShelf())
		m.names = c.names
		if err := m.run(c.base.build(t, m, ""), c.ours.build(t, m, ""), c.theirs.build(t, m, "")); err != nil {
			t.Fatal(err)
		}
		got, want := readScript(t, m, m.root), j.read(answers[i].tree)
		if answers[i].clean {
			clean++
		}
		for _, c := range m.conflicts {
			kinds[c.Kind]++
		}
		if paths := pathsOf(m.conflicts); !slices.Equal(paths, answers[i].conflicts) || answers[i].clean != (len(paths) == 0) {
			t.Fatalf("case %d: %+v conflict, git says %q\n%s", i, m.conflicts, answers[i].conflicts, tell(c.base, c.ours, c.theirs))
		}
		if hashes := got.hashed(); !maps.Equal(hashes, want) {
			for _, full := range slices.Sorted(maps.Keys(hashes)) {
				if hashes[full] != want[full] {
					t.Logf("%s: %s, git has %s\n%s", full, hashes[full], want[full], got[full])
					if want[full] != "" {
						t.Logf("git:\n%s", j.git(nil, "cat-file", "blob", want[full][1:]))
					}
				}
			}
			t.Fatalf("case %d: merged to\n%v, git to\n%v\n%s", i, slices.Sorted(maps.Keys(hashes)), slices.Sorted(maps.Keys(want)), tell(c.base, c.ours, c.theirs))
		}
	}
	if clean < cases/4 || clean > cases*9/10 || kinds[ConflictContent] == 0 || kinds[ConflictModifyDelete] == 0 {
		t.Errorf("only %d of %d merges are clean; conflicts %v", clean, cases, kinds)
	}
	t.Logf("%d merges as git does them, %d of them clean; conflicts %v", cases, clean, kinds)
}

// tell says what sides did to a base.
func tell(base script, sides ...script) string {
	var b strings.Builder
	for i, side := range sides {
		fmt.Fprintf(&b, "side %d:\n", i+1)
		for _, full := range slices.Sorted(maps.Keys(base)) {
			if is, ok := side[full]; !ok {
				fmt.Fprintf(&b, "  - %s\n", full)
			} else if is != base[full] {
				fmt.Fprintf(&b, "  M %s\n", full)
			}
		}
		for _, full := range slices.Sorted(maps.Keys(side)) {
			if _, ok := base[full]; !ok {
				from := ""
				for was, text := range base {
					if strings.HasPrefix(side[full], text[:min(12, len(text))]) {
						from = was
					}
				}
				fmt.Fprintf(&b, "  + %s (%s)\n", full, path.Clean(from))
			}
		}
	}
	return b.String()
}
