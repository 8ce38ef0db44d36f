package worktree

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"evault/internal/ignore"
	"evault/internal/vfs"
	"evault/objects"
)

// vaultDir is the folder of the vault itself, in the root of its work tree.
const vaultDir = ".evault"

// merge walks the names of one directory on the disk beside the files and the subdirectories that the index holds for
// it, all in ascending order.
type merge struct {
	s    *Scanner
	node *node
	dir  vfs.Dir

	listed bool // names are all that the directory holds
	same   bool // the directory holds exactly the tracked names, as its key proves
	names  []vfs.DirName
	at     int // next of names

	files cursor
	file  IndexEntry // next of files, if haveFile
	have  bool
	sub   int // next subdirectory's number in the index; subEnd if there is none
	end   int

	clean    bool
	complete bool
	children []*node
}

// entrySlab holds the entries of a DirScan, at places that do not move.
type entrySlab struct {
	chunks [][]IndexEntry
	used   int
}

const slabChunk = 32

func (b *entrySlab) put(e *IndexEntry) *IndexEntry {
	i := b.used / slabChunk
	if i == len(b.chunks) {
		b.chunks = append(b.chunks, make([]IndexEntry, slabChunk))
	}
	p := &b.chunks[i][b.used%slabChunk]
	*p = *e
	b.used++
	return p
}

func (b *entrySlab) reset() { b.used = 0 }

// begin opens the directory of n and reads its first batch of items.
func (d *DirScan) begin(s *Scanner, n *node) {
	d.Path = n.path
	d.merge.s, d.merge.node = s, n
	m := &d.merge
	if err := m.open(d); err != nil {
		d.Err, d.Last = err, true
		return
	}
	d.nextBatch()
}

func (m *merge) open(d *DirScan) (err error) {
	n := m.node
	if n.row >= 0 {
		d.Index = new(IndexDir)
		m.s.o.Index.loadDir(n.row, d.Index)
	}
	if n.parent == nil {
		m.dir, err = m.s.o.Root.OpenDir("")
	} else {
		m.dir, err = n.parent.dir.OpenDir(n.name)
	}
	if err != nil {
		return err
	}
	n.dir, n.users, n.merging = m.dir, 1, true
	if err := m.dir.Stat(&d.Stat); err != nil {
		return err
	}
	d.Self = selfState(d.Index, &d.Stat)
	return m.prepare(d)
}

// selfState compares a directory with its own key.
func selfState(ix *IndexDir, st *vfs.Stat) ItemState {
	switch {
	case ix == nil || ix.Added || ix.Removed:
		return Added
	case ix.Key.Matches(st) && !ix.Racy:
		return Unchanged
	}
	return Suspect
}

// prepare decides whether the directory must be listed, does so, and reads its ignore file.
func (m *merge) prepare(d *DirScan) error {
	n, o := m.node, &m.s.o
	if ix := d.Index; ix != nil {
		m.same = ix.Complete && !ix.Racy && !ix.Removed && ix.Key.Matches(&d.Stat)
		m.files = ix.cursor()
		m.nextFile()
		m.sub, m.end = n.row+1, o.Index.idx.after(n.row)
	}
	m.clean, m.complete = true, m.same
	if m.same || !n.trackNew && o.Untracked == UntrackedNone {
		if n.trackNew || o.Untracked != UntrackedNone {
			return m.ignoreRules(d, m.tracks(d, IgnoreFile))
		}
		return nil
	}
	names, err := m.dir.ReadNames(m.names[:0])
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b vfs.DirName) int { return strings.Compare(a.Name, b.Name) })
	m.names, m.listed, m.complete = names, true, true
	d.Items = slices.Grow(d.Items, min(len(names), maxBatch))
	d.Nested = n.parent != nil && hasName(names, vaultDir)
	if d.Nested && (n.row < 0 || d.Index.Removed) {
		m.names = names[:0]
		m.complete = false
		return nil
	}
	return m.ignoreRules(d, hasName(names, IgnoreFile))
}

func (m *merge) tracks(d *DirScan, name string) bool {
	e, ok := d.Index.Find(name)
	return ok && e.Tracked()
}

func hasName(names []vfs.DirName, name string) bool {
	_, ok := slices.BinarySearchFunc(names, name, func(n vfs.DirName, name string) int { return strings.Compare(n.Name, name) })
	return ok
}

// ignoreRules completes the stack of patterns, with the directory's own file if there is one.
func (m *merge) ignoreRules(d *DirScan, own bool) (err error) {
	n, o := m.node, &m.s.o
	if o.NoIgnore {
		return nil
	}
	if n.chain {
		n.stack, err = IgnoreStack(o.Root, o.Ignore, n.path)
	} else if own {
		var p *ignore.Patterns
		if p, err = readIgnore(m.dir); err == nil {
			n.stack = n.stack.Push(n.path, p)
		}
	}
	d.Ignore = n.stack
	return err
}

func (m *merge) nextFile() { m.have = m.files.next(&m.file) }

func (m *merge) subName() string {
	_, name := splitPath(m.s.o.Index.idx.path(m.sub))
	return name
}

// nextBatch replaces the items by the following ones.
func (d *DirScan) nextBatch() {
	d.Items = d.Items[:0]
	d.slab.reset()
	m := &d.merge
	for len(d.Items) < maxBatch {
		if !m.step(d) {
			d.Last = true
			d.Clean, d.Complete = m.clean, m.complete && !d.Nested
			return
		}
	}
}

// step takes the smallest of the next names, from wherever it comes.
func (m *merge) step(d *DirScan) bool {
	var f found
	if m.at < len(m.names) {
		f.name, f.onDisk, f.typ = m.names[m.at].Name, true, m.names[m.at].Type
	}
	if m.have && (!f.onDisk || m.file.Name <= f.name) {
		if m.file.Name != f.name {
			f = found{name: m.file.Name}
		}
		f.file = true
	}
	if m.sub < m.end {
		name := m.subName()
		none := !f.onDisk && !f.file
		if none || name < f.name {
			f = found{name: name}
		}
		f.sub = f.name == name
	}
	if !f.onDisk && !f.file && !f.sub {
		return false
	}
	m.item(d, &f)
	if f.onDisk {
		m.at++
	}
	if f.file {
		m.nextFile()
	}
	if f.sub {
		m.sub = m.s.o.Index.idx.after(m.sub)
	}
	return true
}

// found is one name and where it was found.
type found struct {
	name   string
	typ    vfs.Type
	onDisk bool // it was listed
	file   bool // merge.file has this name
	sub    bool // the index's directory merge.sub has this name
}

// item makes one name an item, or passes it over.
func (m *merge) item(d *DirScan, f *found) {
	d.Items = append(d.Items, Item{Name: f.name})
	it := &d.Items[len(d.Items)-1]
	if f.file {
		it.Entry = d.slab.put(&m.file)
	}
	var sub *IndexDir
	if f.sub {
		sub = new(IndexDir)
		m.s.o.Index.loadDir(m.sub, sub)
	}
	sel, selected := m.node.sel.child(f.name)
	keep := true
	switch {
	case !selected:
		keep = m.unselected(it, sub)
	case sub != nil && !sub.Removed:
		m.trackedDir(it, f, sub, sel)
	case it.Entry != nil && it.Entry.Tracked():
		it.Sub = sub // a folder that is tracked no longer: the file took its place
		m.trackedFile(it, f, sel)
	case f.onDisk:
		keep = m.newName(d, it, f, sub, sel)
	default:
		it.State, it.Sub = Removed, sub
	}
	if !keep {
		d.Items = d.Items[:len(d.Items)-1]
		return
	}
	m.tally(it, sub)
}

// tally keeps count of whether the directory is still clean and complete.
func (m *merge) tally(it *Item, sub *IndexDir) {
	switch it.State {
	case Unchanged:
	case Subdir:
		m.clean = m.clean && sub != nil && !sub.Removed && !sub.Added && it.Entry == nil
		m.complete = m.complete && (m.node.trackNew || sub != nil && !sub.Removed)
	case Untracked, Ignored:
		m.clean = m.clean && it.Entry == nil && sub == nil
		m.complete = false
	case Added, Suspect, TypeChanged:
		m.clean = false
	default:
		m.clean, m.complete = false, false
	}
}

func (m *merge) unselected(it *Item, sub *IndexDir) bool {
	it.State, it.Sub = Unselected, sub
	switch {
	case sub != nil:
		it.Stat.Type = vfs.Directory
		if sub.Removed {
			it.State = Removed
		}
	case it.Entry == nil:
		m.complete = false
		return false
	case it.Entry.Removed:
		it.State = Removed
	}
	return true
}

// look makes it.Stat what lstat says. If that fails the state says so.
func (m *merge) look(it *Item) bool {
	err := m.dir.Lstat(it.Name, &it.Stat)
	switch {
	case err == nil && entryType(it.Stat.Type) == 0:
		it.State, it.Err = Skipped, ErrSocket
	case err == nil:
		return true
	case errors.Is(err, fs.ErrNotExist):
		it.State = Missing
	default:
		it.State, it.Err = Unreadable, err
	}
	return false
}

func (m *merge) trackedFile(it *Item, f *found, sel *selection) {
	if m.listed && !f.onDisk {
		it.State = Missing
		return
	}
	if !m.look(it) {
		return
	}
	e := it.Entry
	switch {
	case it.Stat.Type == vfs.Directory:
		m.becameDir(it, sel)
	case !e.Key.IsZero() && e.Key.Type != it.Stat.Type:
		it.State = TypeChanged
	case e.Added:
		it.State = Added
	case e.Key.Matches(&it.Stat) && !e.Racy:
		it.State = Unchanged
	default:
		it.State = Suspect
	}
}

// becameDir is a tracked file whose name is a directory now: all in it is tracked.
func (m *merge) becameDir(it *Item, sel *selection) {
	it.State = TypeChanged
	c := m.descend(it, -1, sel)
	c.trackNew = true
	c.chain = !m.node.trackNew && m.s.o.Untracked == UntrackedNone && !m.s.o.NoIgnore
}

// descend makes the item one that the consumer may ask for.
func (m *merge) descend(it *Item, row int, sel *selection) *node {
	n := m.node
	c := &node{path: joinPath(n.path, it.Name), name: it.Name, parent: n, row: row, sel: sel, stack: n.stack,
		trackNew: n.trackNew}
	it.Descend = true
	m.children = append(m.children, c)
	return c
}

func (m *merge) trackedDir(it *Item, f *found, sub *IndexDir, sel *selection) {
	it.Stat.Type = f.typ
	if m.same {
		it.Stat.Type = vfs.Directory // else its name would have been removed, and the key be another
	}
	if m.listed && !f.onDisk {
		it.State, it.Sub = Missing, sub
		return
	}
	if it.Stat.Type != vfs.Directory && !m.look(it) {
		it.Sub = sub
		return
	}
	if it.Stat.Type != vfs.Directory {
		it.State, it.Sub = TypeChanged, sub
		return
	}
	it.State = Subdir
	m.descend(it, m.sub, sel)
}

// newName is a name on the disk that is not tracked.
func (m *merge) newName(d *DirScan, it *Item, f *found, sub *IndexDir, sel *selection) bool {
	if f.name == vaultDir {
		return false // the vault, or d.Nested
	}
	if strings.HasPrefix(f.name, tempPrefix) {
		m.complete = false
		return false
	}
	it.Stat.Type, it.Sub = f.typ, sub
	if err := objects.ValidateName(f.name); err != nil {
		it.State, it.Err = Unreadable, err
		return true
	}
	if f.typ == vfs.TypeUnknown && !m.look(it) {
		return it.State != Missing // it was gone again
	}
	isDir := it.Stat.Type == vfs.Directory
	if m.ignored(f.name, isDir) {
		it.State = Ignored
		if sub != nil || it.Entry != nil {
			it.State = Removed
		}
		m.complete = false
		return m.s.o.ShowIgnored || m.node.sel != nil || it.State == Removed
	}
	switch {
	case isDir:
		m.newDir(it, sub, sel)
	case m.node.trackNew:
		return m.newFile(it)
	case entryType(it.Stat.Type) == 0:
		it.State, it.Err = Skipped, ErrSocket
	case m.s.o.Untracked == UntrackedNone:
		m.complete = false
		return false
	default:
		it.State = Untracked
	}
	return true
}

func (m *merge) ignored(name string, isDir bool) bool {
	return m.node.stack != nil && !m.s.o.NoIgnore &&
		m.node.stack.Match(joinPath(m.node.path, name), isDir) == ignore.Ignored
}

func (m *merge) newFile(it *Item) bool {
	if !m.look(it) {
		return it.State != Missing
	}
	it.State = Added
	if it.Entry != nil {
		it.State = Suspect // removed, and there again
	}
	return true
}

func (m *merge) newDir(it *Item, sub *IndexDir, sel *selection) {
	row := -1
	if sub != nil {
		row = m.sub
	}
	if m.node.trackNew || m.s.o.Untracked == UntrackedAll || sel != nil {
		it.State = Subdir
		m.descend(it, row, sel)
		return
	}
	it.State = Untracked
}
