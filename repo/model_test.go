//go:build unix

package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestModel does random things to a work tree and to its vault, and compares the vault with a model that knows nothing of
// indexes, keys and trees: only which names are tracked, what was on disk when a commit was made, and what HEAD must hold
// therefore. The worst error of all would be a change that is never committed because an index calls it clean; so
// many of the edits keep size and mtime, and some are made while a commit is between its scan and its index.
//
// EVAULT_PROVE=1 runs for minutes; EVAULT_SEED=n repeats one run.
func TestModel(t *testing.T) {
	runs, steps := 6, 60
	if os.Getenv("EVAULT_PROVE") != "" {
		runs, steps = 150, 150
	}
	first := uint64(time.Now().UnixNano() % 1e9)
	if s := os.Getenv("EVAULT_SEED"); s != "" {
		runs = 1
		if _, err := fmt.Sscan(s, &first); err != nil {
			t.Fatal(err)
		}
	}
	for seed := first; seed < first+uint64(runs); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			m := newModel(t, seed)
			for range steps {
				if m.step(); t.Failed() {
					t.Logf("EVAULT_SEED=%d\n%s", seed, strings.Join(m.log, "\n"))
					return
				}
			}
			m.g.verify()
		})
	}
}

// node is what a path is.
type node struct {
	typ   fs.FileMode
	perm  fs.FileMode
	data  string // bytes, or where a link leads
	mtime int64  // zero for folders
	inode uint64
}

// same compares two nodes as far as a commit keeps them.
func (n node) same(o node) bool {
	n.inode, o.inode = 0, 0
	if n.typ == fs.ModeSymlink && o.typ == fs.ModeSymlink {
		n.perm, o.perm = 0, 0
	}
	return n == o
}

func (n node) isDir() bool { return n.typ == fs.ModeDir }

// nodes is a tree by path; the root is not in it.
type nodes map[string]node

func readNodes(t *testing.T, dir string) nodes {
	t.Helper()
	found := nodes{}
	err := filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, full)
		if name == "." {
			return nil
		}
		if name == VaultDir {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := node{typ: info.Mode().Type(), perm: info.Mode() & 0o7777, inode: info.Sys().(*syscall.Stat_t).Ino}
		n.perm &^= fs.ModeType
		switch n.typ {
		case 0:
			data, err := os.ReadFile(full)
			if err != nil {
				return err
			}
			n.data, n.mtime = string(data), info.ModTime().UnixNano()
		case fs.ModeSymlink:
			if n.data, err = os.Readlink(full); err != nil {
				return err
			}
			n.mtime = info.ModTime().UnixNano()
		}
		found[name] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// state is what the vault knows: what HEAD holds, and what add and rm have noted beside it. Folders are apart.
type state struct {
	head    nodes
	folders map[string]bool // of head, as it was restored
	tracked map[string]bool // files that a commit takes
	removed map[string]bool // files of head that a commit drops
}

func (s *state) clone() *state {
	return &state{maps.Clone(s.head), maps.Clone(s.folders), maps.Clone(s.tracked), maps.Clone(s.removed)}
}

// files gives the names that are no folders.
func (n nodes) files() map[string]bool {
	out := map[string]bool{}
	for p, x := range n {
		if !x.isDir() {
			out[p] = true
		}
	}
	return out
}

// model is one run.
type model struct {
	t     *testing.T
	g     *rig
	rnd   *rand.Rand
	s     *state
	undo  []*state // before each commit that undo can take back; nil for an operation that ends the chain
	count int
	log   []string
}

func newModel(t *testing.T, seed uint64) *model {
	return &model{t: t, g: newRig(t), rnd: rand.New(rand.NewPCG(seed, 1)),
		s: &state{head: nodes{}, tracked: map[string]bool{}, removed: map[string]bool{}}}
}

func (m *model) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Errorf(format, args...)
}

// pick chooses a path of a small world, in which files, folders and links meet under the same names.
func (m *model) pick() string {
	all := []string{"a", "b", "c", "d", "e", "d/a", "d/b", "d/e", "d/e/a", "d/e/b", "e/a", "e/b", "a/b", "a/a", "d-x"}
	return all[m.rnd.IntN(len(all))]
}

func (m *model) content() string {
	sizes := []int{0, 5, 5, 5, 3000}
	return strings.Repeat(string(rune('a'+m.rnd.IntN(26))), sizes[m.rnd.IntN(len(sizes))])
}

// step does one thing: three times in four to the disk, else to the vault.
func (m *model) step() {
	if m.rnd.IntN(4) != 0 {
		m.onDisk()
		return
	}
	switch n := m.rnd.IntN(20); {
	case n < 4:
		m.commit(CommitOptions{All: true})
	case n < 7:
		m.commit(CommitOptions{})
	case n < 10:
		m.commit(CommitOptions{Paths: []string{m.pick()}, All: m.rnd.IntN(3) == 0})
	case n < 12:
		m.add()
	case n < 14:
		m.remove()
	case n == 14:
		m.undoOne()
	case n == 15:
		m.restore()
	case n == 16:
		m.move()
	case n == 17:
		m.switching()
	case n == 18:
		m.loseIndex()
	default:
		time.Sleep(25 * time.Millisecond) // keys taken from now on are not racy
		m.note("settle")
	}
	if !m.t.Failed() {
		m.checkStatus()
	}
}

// onDisk changes the work tree. What the system refuses is no change.
func (m *model) onDisk() {
	p, q := m.pick(), m.pick()
	full, other := m.g.path(p), m.g.path(q)
	ops := []struct {
		name string
		do   func() error
	}{
		{"write", func() error { return os.WriteFile(full, []byte(m.content()), 0o644) }},
		{"sneak", func() error { return sneak(full, m.rnd) }},
		{"sneak", func() error { return sneak(full, m.rnd) }},
		{"touch", func() error { return os.Chtimes(full, time.Time{}, time.Unix(int64(m.rnd.IntN(1e9)), 5)) }},
		{"chmod", func() error { return os.Chmod(full, []fs.FileMode{0o600, 0o644, 0o755}[m.rnd.IntN(3)]) }},
		{"rename", func() error { return os.Rename(full, other) }},
		{"delete", func() error { return os.Remove(full) }},
		{"delete all", func() error { return os.RemoveAll(full) }},
		{"mkdir", func() error { return os.Mkdir(full, 0o755) }},
		{"symlink", func() error { return os.Symlink(q, full) }},
		{"link", func() error { return os.Link(full, other) }},
		{"folder for file", func() error {
			return errors.Join(os.RemoveAll(full), os.Mkdir(full, 0o755), os.WriteFile(full+"/a", []byte(m.content()), 0o644))
		}},
		{"file for folder", func() error {
			return errors.Join(os.RemoveAll(full), os.WriteFile(full, []byte(m.content()), 0o600))
		}},
	}
	if i := m.rnd.IntN(len(ops) + 6); i < len(ops) {
		m.doDisk(ops[i].name, p, q, ops[i].do)
	} else {
		m.doDisk("write", p, q, func() error {
			return errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(m.content()), 0o644))
		})
	}
}

func (m *model) doDisk(name, p, q string, do func() error) {
	if err := do(); err == nil {
		m.note("%s %s %s", name, p, q)
	}
}

// sneak changes a file and keeps its size and mtime.
func sneak(full string, rnd *rand.Rand) error {
	info, err := os.Lstat(full)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return errors.Join(err, errors.ErrUnsupported)
	}
	data := strings.Repeat(string(rune('A'+rnd.IntN(26))), int(info.Size()))
	f, err := os.OpenFile(full, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(data)
	return errors.Join(err, f.Close(), os.Chtimes(full, time.Time{}, info.ModTime()))
}

// isLost reports whether a path is not on disk as a name that is no folder.
func isLost(disk nodes, p string) bool {
	n, ok := disk[p]
	return !ok || n.isDir()
}

// commit makes a commit and compares what it holds with what it must hold.
func (m *model) commit(o CommitOptions) {
	m.note("commit all=%v %q", o.All, o.Paths)
	disk := readNodes(m.t, m.g.path("."))
	want := m.expect(disk, o)
	before := m.s.clone()
	late := m.rnd.IntN(3) == 0
	o.MessageFunc = func(string) (string, error) {
		if late { // the scan is over and the index not yet written
			for range 3 {
				p := m.pick()
				m.doDisk("meanwhile sneak", p, "", func() error { return sneak(m.g.path(p), m.rnd) })
			}
		}
		return "m", nil
	}
	var result *CommitResult
	var err error
	m.g.with(Writing, func(ctx context.Context, r *Repository) { result, err = r.Commit(ctx, o) })
	known := o.All || len(o.Paths) == 0
	for _, p := range o.Paths {
		known = known || m.knows(p)
	}
	if errors.Is(err, ErrPathNotFound) || errors.Is(err, syscall.ELOOP) {
		if known && len(m.s.filesUnder(o.Paths)) > 0 {
			m.fail("commit of %q: %v", o.Paths, err)
		}
		return
	}
	if err != nil {
		m.fail("commit: %v", err)
		return
	}
	if result.Nothing {
		m.note("  nothing")
		if got := differences(m.s.head, want.head); len(got) > 0 {
			m.fail("nothing to commit, but these differ: %q", got)
		}
		m.s.tracked, m.s.removed = want.tracked, want.removed
		return
	}
	m.s = want
	m.undo = append(m.undo, before)
	m.checkHead(disk, o)
}

func (m *model) knows(p string) bool { return len(m.s.filesUnder([]string{p})) > 0 }

// filesUnder lists the names that the vault knows and that are, or are below, one of some paths.
func (s *state) filesUnder(paths []string) []string {
	var out []string
	for p := range s.tracked {
		if pathsCover(paths, p) {
			out = append(out, p)
		}
	}
	for p := range s.removed {
		if pathsCover(paths, p) {
			out = append(out, p)
		}
	}
	return out
}

// expect says what a commit must hold, and what is tracked after it.
func (m *model) expect(disk nodes, o CommitOptions) *state {
	s := m.s.clone()
	selected := func(p string) bool { return len(o.Paths) == 0 || pathsCover(o.Paths, p) }
	take := func(p string) {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) { // what was a file is a folder now
			s.forget(dir)
		}
		for q := range m.s.head {
			if isUnder(q, p) {
				s.forget(q)
			}
		}
		for q := range m.s.tracked {
			if isUnder(q, p) {
				s.forget(q)
			}
		}
		s.head[p], s.tracked[p] = disk[p], true
	}
	for p := range m.s.removed {
		if selected(p) {
			s.forget(p)
		}
	}
	for p := range m.s.tracked {
		switch {
		case !selected(p):
		case !isLost(disk, p):
			take(p)
		case o.All || len(o.Paths) > 0:
			s.forget(p)
			for q := range disk.files() { // a file that became a folder, and is taken as one
				if isUnder(q, p) && disk[p].isDir() {
					defer take(q)
				}
			}
		}
	}
	for _, p := range o.Paths { // a file that took the place of a folder above it comes along
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if m.s.tracked[dir] && !isLost(disk, dir) {
				take(dir)
			}
		}
	}
	for dir := range m.s.trackedFolders() { // one that became a file, and is taken as one
		if n, ok := disk[dir]; ok && !n.isDir() && selected(dir) && len(o.Paths) > 0 {
			take(dir)
		}
	}
	if o.All {
		for p := range disk.files() {
			if selected(p) {
				take(p)
			}
		}
	}
	// A folder whose name is taken by a tracked file in its place goes with it; folders are compared by another check.
	for p, n := range s.head {
		if n.isDir() {
			delete(s.head, p)
		}
	}
	return s
}

// trackedFolders gives the folders of head that rm has not dropped, and those above what is tracked.
func (s *state) trackedFolders() map[string]bool {
	out := map[string]bool{}
	maps.Copy(out, s.folders)
	for p := range s.tracked {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			out[dir] = true
		}
	}
	return out
}

// forget drops one file altogether.
func (s *state) forget(p string) {
	delete(s.head, p)
	delete(s.tracked, p)
	delete(s.removed, p)
}

// differences names the files that are not the same in two trees.
func differences(a, b nodes) []string {
	var out []string
	for p := range a.files() {
		if x, ok := b[p]; !ok || !x.same(a[p]) {
			out = append(out, fmt.Sprintf("%s: %s, want %s", p, a[p], x))
		}
	}
	for p := range b.files() {
		if _, ok := a[p]; !ok {
			out = append(out, fmt.Sprintf("%s: nothing, want %s", p, b[p]))
		}
	}
	slices.Sort(out)
	return out
}

func (n node) String() string {
	return fmt.Sprintf("%v %d bytes %.3q %d", n.typ|n.perm, len(n.data), n.data, n.mtime)
}

// checkHead restores HEAD elsewhere and compares.
func (m *model) checkHead(disk nodes, o CommitOptions) {
	m.count++
	name := fmt.Sprintf("copy%d", m.count)
	to := m.g.open(name)
	m.g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		if _, err := r.Restore(ctx, RestoreOptions{To: to}); err != nil {
			m.fail("restore: %v", err)
		}
	})
	got := readNodes(m.t, filepath.Join(m.g.dir, name))
	if err := os.RemoveAll(filepath.Join(m.g.dir, name)); err != nil {
		m.t.Fatal(err)
	}
	if diff := differences(got, m.s.head); len(diff) > 0 {
		m.fail("HEAD holds %q", diff)
	}
	m.s.folders = map[string]bool{}
	for p, n := range got {
		if n.isDir() {
			m.s.folders[p] = true
		}
	}
	if len(o.Paths) > 0 {
		return
	}
	if o.All {
		for p, n := range disk {
			if g, ok := got[p]; n.isDir() && (!ok || !g.same(n)) {
				m.fail("folder %s: %v, want %v", p, g, n)
			}
		}
		for p, g := range got {
			if _, ok := disk[p]; !ok && g.isDir() {
				m.fail("folder %s is committed and not on disk", p)
			}
		}
	}
	m.checkLinks(disk, got)
}

// checkLinks compares which of the files that a whole commit took are names of one file.
func (m *model) checkLinks(disk, got nodes) {
	var taken []string
	for p := range m.s.tracked {
		if !isLost(disk, p) && disk[p].typ == 0 {
			taken = append(taken, p)
		}
	}
	for i, p := range taken {
		for _, q := range taken[:i] {
			if was, is := disk[p].inode == disk[q].inode, got[p].inode == got[q].inode; was != is {
				m.fail("%s and %s: one file on disk %v, in the commit %v", p, q, was, is)
			}
		}
	}
}

// checkStatus compares status with the disk, file by file.
func (m *model) checkStatus() {
	disk := readNodes(m.t, m.g.path("."))
	var want []string
	for p := range m.s.removed {
		want = append(want, "D "+p)
	}
	for p := range m.s.tracked {
		was, committed := m.s.head[p]
		is, ok := disk[p]
		switch {
		case !ok:
			want = append(want, "! "+p)
		case is.isDir() || committed && is.typ != was.typ:
			want = append(want, "T "+p)
		case !committed:
			want = append(want, "A "+p)
		case !is.same(was):
			want = append(want, "M "+p)
		}
	}
	for p := range disk.files() {
		if !m.s.tracked[p] {
			want = append(want, "? "+p)
		}
	}
	var got []string
	clean := false
	m.g.with(ReadOnly, func(ctx context.Context, r *Repository) {
		s, err := r.Status(ctx, StatusOptions{Untracked: "all"})
		if err != nil {
			m.fail("status: %v", err)
			return
		}
		clean = s.Clean
		for _, c := range s.Changes {
			if c.IsDir && c.Kind != TypeChanged || c.Kind == Modified && slices.Equal(c.Details, []string{DetailLinks}) {
				continue
			}
			got = append(got, string(rune(c.Kind))+" "+c.Path)
		}
	})
	for p, n := range disk { // a folder that is tracked, and a file now
		if t := "T " + p; !n.isDir() && !m.s.tracked[p] && slices.Contains(got, t) {
			got = slices.DeleteFunc(got, func(s string) bool { return s == t })
			want = slices.DeleteFunc(want, func(s string) bool { return s == "? "+p })
		}
	}
	want, got = m.clear(disk, want), m.clear(disk, got)
	if !slices.Equal(want, got) {
		m.fail("status is %q, want %q", got, want)
	}
	if clean && slices.ContainsFunc(want, func(s string) bool { return s[0] != '?' }) {
		m.fail("status is clean")
	}
}

// clear leaves out what is below a name that is of another kind on disk than it is tracked as: status names that alone.
func (m *model) clear(disk nodes, lines []string) []string {
	lines = slices.DeleteFunc(lines, func(line string) bool {
		for dir := path.Dir(line[2:]); dir != "."; dir = path.Dir(dir) {
			if n, ok := disk[dir]; ok && !n.isDir() || m.s.tracked[dir] {
				return true
			}
		}
		p := line[2:]
		if n, ok := disk[p]; ok && !n.isDir() { // a file where a folder is tracked
			for q := range m.s.tracked {
				if q != p && isUnder(q, p) {
					return true
				}
			}
		}
		return false
	})
	slices.Sort(lines)
	return slices.Compact(lines)
}

func (m *model) add() {
	p := m.pick()
	m.note("add %s", p)
	disk := readNodes(m.t, m.g.path("."))
	var err error
	m.g.with(Writing, func(ctx context.Context, r *Repository) { _, err = r.Add(ctx, AddOptions{Paths: []string{p}}) })
	if err != nil {
		if _, ok := disk[p]; ok {
			m.fail("add %s: %v", p, err)
		}
		return
	}
	for q := range maps.Clone(m.s.tracked) { // a file that is a folder now
		if (isUnder(q, p) || isUnder(p, q)) && disk[q].isDir() {
			m.s.untrack(q)
		}
	}
	for q := range disk.files() {
		if isUnder(q, p) {
			m.s.track(q)
		}
	}
}

// blocked reports whether HEAD, having moved, holds another kind of thing in the way of a path: that goes before what add
// has noted.
func (m *model) blocked(p string) bool {
	if m.s.folders[p] {
		return true
	}
	for q := range m.s.tracked {
		if q != p && (isUnder(p, q) || isUnder(q, p)) {
			return true
		}
	}
	return false
}

// track makes a file tracked. What is tracked as another kind of thing gives way.
func (s *state) track(p string) {
	for q := range maps.Clone(s.tracked) {
		if q != p && (isUnder(p, q) || isUnder(q, p)) {
			s.untrack(q)
		}
	}
	maps.DeleteFunc(s.folders, func(dir string, _ bool) bool { return isUnder(dir, p) })
	delete(s.removed, p)
	s.tracked[p] = true
}

func (s *state) untrack(p string) {
	delete(s.tracked, p)
	if _, ok := s.head[p]; ok {
		s.removed[p] = true
	}
}

func (m *model) remove() {
	p, cached := m.pick(), m.rnd.IntN(2) == 0
	m.note("rm cached=%v %s", cached, p)
	disk := readNodes(m.t, m.g.path("."))
	var err error
	m.g.with(Writing, func(ctx context.Context, r *Repository) {
		_, err = r.Remove(ctx, RemoveOptions{Paths: []string{p}, Cached: cached, Recursive: true})
	})
	after := readNodes(m.t, m.g.path("."))
	for q, n := range disk {
		_, left := after[q]
		if left || n.isDir() {
			continue
		}
		if was, ok := m.s.head[q]; err != nil || cached || !isUnder(q, p) || !ok || !was.same(n) {
			m.fail("rm deleted %s, error %v", q, err)
		}
	}
	if err != nil {
		m.note("  %v", err)
		return
	}
	for q := range maps.Clone(m.s.tracked) {
		if isUnder(q, p) {
			m.s.untrack(q)
		}
	}
	maps.DeleteFunc(m.s.folders, func(dir string, _ bool) bool { return isUnder(dir, p) })
}

func (m *model) move() {
	p, q := m.pick(), m.pick()
	m.note("mv %s %s", p, q)
	disk := readNodes(m.t, m.g.path("."))
	var err error
	var result *MoveResult
	m.g.with(Writing, func(ctx context.Context, r *Repository) {
		result, err = r.Move(ctx, MoveOptions{Sources: []string{p}, Target: q})
	})
	if err != nil {
		m.note("  %v", err)
		if got := differences(readNodes(m.t, m.g.path(".")), disk); len(got) > 0 {
			m.fail("mv failed, and changed %q", got)
		}
		return
	}
	to := result.Moved[0][1]
	for f := range maps.Clone(m.s.tracked) {
		if isUnder(f, p) {
			m.s.untrack(f)
			m.s.track(to + strings.TrimPrefix(f, p))
		}
	}
	maps.DeleteFunc(m.s.folders, func(dir string, _ bool) bool { return isUnder(dir, p) })
}

// rebase says what is tracked when HEAD has moved to another tree and the work tree has not.
func (s *state) rebase(to *state) *state {
	head := to.head
	out := &state{head: head, folders: to.folders, tracked: map[string]bool{}, removed: map[string]bool{}}
	for p := range head.files() {
		if s.removed[p] {
			out.removed[p] = true
		} else {
			out.tracked[p] = true
		}
	}
	for p := range s.tracked {
		if _, ok := head[p]; ok {
			continue
		}
		free := !to.folders[p]
		for q := range out.tracked {
			free = free && !isUnder(p, q) && !isUnder(q, p)
		}
		for q := range out.removed { // a name cannot be noted as removed where a folder of that name is tracked
			free = free && !isUnder(q, p) && !isUnder(p, q)
		}
		if free {
			defer func() { out.tracked[p] = true }()
		}
	}
	return out
}

// undoOne takes the last commit back.
func (m *model) undoOne() {
	if len(m.undo) == 0 {
		return
	}
	before := m.undo[len(m.undo)-1]
	m.undo = m.undo[:len(m.undo)-1]
	m.note("undo")
	m.g.with(Writing, func(ctx context.Context, r *Repository) {
		if _, err := r.Undo(ctx, UndoOptions{}); err != nil {
			m.fail("undo: %v", err)
		}
	})
	m.s = m.s.rebase(before)
}

// restore brings one path back in place.
func (m *model) restore() {
	p := m.pick()
	m.note("restore %s", p)
	var err error
	m.g.with(Writing, func(ctx context.Context, r *Repository) {
		_, err = r.Restore(ctx, RestoreOptions{Paths: []string{p}})
	})
	disk := readNodes(m.t, m.g.path("."))
	known := false
	for q := range m.s.head.files() {
		if !isUnder(q, p) {
			continue
		}
		known = true
		if n, ok := disk[q]; err == nil && (!ok || !n.same(m.s.head[q])) {
			m.fail("restored %s is %v, want %v", q, n, m.s.head[q])
		} else if ok && n.same(m.s.head[q]) && (err == nil || errors.Is(err, ErrIncomplete)) && m.s.removed[q] {
			m.s.track(q)
		}
	}
	if err != nil {
		m.note("  %v", err)
		if known && errors.Is(err, ErrPathNotFound) {
			m.fail("restore: %v", err)
		}
	}
}

// switching goes to a new branch at an older commit or back, and sees that no work in no commit is lost.
func (m *model) switching() {
	if len(m.undo) == 0 || len(m.s.removed) > 0 {
		return
	}
	target := m.undo[len(m.undo)-1]
	if len(target.head) == 0 {
		return
	}
	disk := readNodes(m.t, m.g.path("."))
	var err error
	m.g.with(Writing, func(ctx context.Context, r *Repository) {
		_, err = r.Checkout(ctx, CheckoutOptions{Revision: "HEAD~1"})
	})
	after := readNodes(m.t, m.g.path("."))
	m.note("checkout HEAD~1: %v", err)
	var dirty *DirtyError
	if errors.As(err, &dirty) {
		if got := differences(after, disk); len(got) > 0 {
			m.fail("refused, and changed %q", got)
		}
		return
	}
	if err != nil {
		m.fail("checkout: %v", err)
		return
	}
	for p := range disk.files() {
		n, was := disk[p], m.s.head[p]
		if x, ok := after[p]; ok && (x.same(n) || x.same(target.head[p])) {
			continue
		}
		if !sameWork(n, was) {
			m.fail("checkout overwrote %s", p)
		}
	}
	for p, n := range target.head {
		if was, ok := m.s.head[p]; (!ok || !was.same(n)) && !after[p].same(n) {
			m.fail("checkout left %s as %v, want %v", p, after[p], n)
		}
	}
	old := m.s
	m.s = &state{head: target.head, folders: target.folders, tracked: target.head.files(), removed: map[string]bool{}}
	for p := range old.tracked {
		if _, ok := old.head[p]; !ok && !m.blocked(p) {
			m.s.track(p)
		}
	}
	m.undo = nil
	m.back(old)
}

// back takes the checkout back at once, by undo.
func (m *model) back(old *state) {
	m.checkStatus()
	if m.t.Failed() || m.rnd.IntN(2) == 0 {
		return
	}
	disk := readNodes(m.t, m.g.path("."))
	var err error
	m.g.with(Writing, func(ctx context.Context, r *Repository) { _, err = r.Undo(ctx, UndoOptions{}) })
	m.note("undo checkout: %v", err)
	if errors.Is(err, ErrConflict) { // what the first one left alone is in the way now
		if got := differences(readNodes(m.t, m.g.path(".")), disk); len(got) > 0 {
			m.fail("refused, and changed %q", got)
		}
		return
	}
	if err != nil {
		m.fail("undo of checkout: %v", err)
		return
	}
	added := m.s
	m.s = &state{head: old.head, folders: old.folders, tracked: old.head.files(), removed: map[string]bool{}}
	for p := range added.tracked {
		if _, ok := added.head[p]; !ok && !m.blocked(p) {
			m.s.track(p)
		}
	}
}

// sameWork compares what a checkout must not lose: times are no work.
func sameWork(a, b node) bool {
	a.mtime, b.mtime = 0, 0
	return a.same(b)
}

// loseIndex removes the stat index, or damages it.
func (m *model) loseIndex() {
	full := m.g.path(VaultDir + "/local/index")
	m.note("lose index")
	err := os.Remove(full)
	if m.rnd.IntN(2) == 0 {
		err = os.WriteFile(full, []byte("evindex\x01 and not much else, but more than nothing at all, so that it is a header"), 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	m.s.tracked, m.s.removed = m.s.head.files(), map[string]bool{}
}
