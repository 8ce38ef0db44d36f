package repo

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"evault/internal/fastexport"
	"evault/objects"
)

// importTree is the tree of one commit while history is imported: folders in memory, which commits share where they are equal.
//
// A folder belongs to the tree that its owner names, and only that tree may change it; any other copies it first. Where a
// commit has one child, the child takes the tree over, and nothing is copied at all. So a commit costs what the folders cost
// that it changes, however large the tree is.
type importTree struct {
	owner  *treeOwner
	root   *importFolder
	shared bool // another tree has folders that this one owns: nobody may change them any more
}

// treeOwner is who may change folders in place. Its address is all that counts.
type treeOwner struct{ _ byte }

type importFolder struct {
	owner   *treeOwner
	entries []importEntry // ascending by name
	ref     objects.TreeRef
	changed bool // ref is not that of the entries
}

// importEntry is a name in a folder.
type importEntry struct {
	name   string
	raw    []byte          // the encoded entry; of a folder that has changed, nil
	size   uint64          // of a file
	blob   *importBlob     // of a file or link
	mode   fastexport.Mode // of a file or link
	folder *importFolder
}

func newImportTree() *importTree {
	owner := &treeOwner{}
	return &importTree{owner: owner, root: &importFolder{owner: owner, changed: true}}
}

// share gives a tree that begins as this one and may be changed. last says that nobody needs this one any more.
func (t *importTree) share(last bool) *importTree {
	if last && !t.shared {
		return t
	}
	t.shared = true
	return &importTree{owner: &treeOwner{}, root: t.root}
}

// own gives a folder that may be changed: itself, or a copy.
func (t *importTree) own(f *importFolder) *importFolder {
	if f.owner != t.owner {
		f = &importFolder{owner: t.owner, entries: slices.Clone(f.entries), ref: f.ref, changed: f.changed}
	}
	return f
}

func (f *importFolder) find(name string) (int, bool) {
	i := sort.Search(len(f.entries), func(i int) bool { return f.entries[i].name >= name })
	return i, i < len(f.entries) && f.entries[i].name == name
}

// get finds what a path is.
func (t *importTree) get(path string) (importEntry, bool) {
	f := t.root
	for {
		name, rest, deeper := strings.Cut(path, "/")
		i, ok := f.find(name)
		if !ok {
			return importEntry{}, false
		}
		if !deeper {
			return f.entries[i], true
		}
		if f = f.entries[i].folder; f == nil {
			return importEntry{}, false
		}
		path = rest
	}
}

// set puts an entry at a path, in place of what is there: a file in the way of the folders above goes, too.
func (t *importTree) set(path string, e importEntry) {
	t.root = t.own(t.root)
	f := t.root
	for {
		f.changed = true
		name, rest, deeper := strings.Cut(path, "/")
		i, there := f.find(name)
		if !there {
			f.entries = slices.Insert(f.entries, i, importEntry{name: strings.Clone(name)})
		}
		at := &f.entries[i]
		if !deeper {
			name = at.name
			*at = e
			at.name = name
			return
		}
		if at.folder == nil {
			*at = importEntry{name: at.name, folder: &importFolder{owner: t.owner}}
		}
		at.folder, at.raw = t.own(at.folder), nil
		f, path = at.folder, rest
	}
}

// remove takes a path out, and the folders above that it leaves empty, which git does not know. It reports whether there was
// something.
func (t *importTree) remove(path string) bool {
	if _, ok := t.get(path); !ok {
		return false
	}
	t.root = t.own(t.root)
	t.removeFrom(t.root, path)
	return true
}

func (t *importTree) removeFrom(f *importFolder, path string) {
	f.changed = true
	name, rest, deeper := strings.Cut(path, "/")
	i, _ := f.find(name)
	if deeper {
		sub := t.own(f.entries[i].folder)
		f.entries[i].folder, f.entries[i].raw = sub, nil
		if t.removeFrom(sub, rest); len(sub.entries) > 0 {
			return
		}
	}
	f.entries = slices.Delete(f.entries, i, i+1)
}

func (t *importTree) clear() {
	t.root = &importFolder{owner: t.owner, changed: true}
}

// treeWriter makes objects of trees. It keeps one builder for each depth.
type treeWriter struct {
	sink     placedSink
	builders []*objects.TreeBuilder
	folder   objects.Entry // what every folder's entry has in common
}

// write stores what has changed, and gives the root. A folder in which something changed has the time of the commit.
func (w *treeWriter) write(t *importTree, when objects.Time) (objects.TreeRef, error) {
	w.folder.Mtime = when
	return w.writeFolder(t.root, "", 0)
}

func (w *treeWriter) writeFolder(f *importFolder, path string, depth int) (objects.TreeRef, error) {
	if !f.changed {
		return f.ref, nil
	}
	for i := range f.entries {
		e := &f.entries[i]
		if e.folder == nil || e.raw != nil {
			continue
		}
		ref, err := w.writeFolder(e.folder, strings.TrimPrefix(path+"/"+e.name, "/"), depth+1)
		if err != nil {
			return ref, err
		}
		entry := w.folder
		entry.Name, entry.Tree, entry.Entries, entry.Bytes = e.name, ref.ID, ref.Entries, ref.Bytes
		if e.raw, err = objects.AppendEntry(nil, &entry); err != nil {
			return ref, fmt.Errorf("%q: %w", e.name, err)
		}
	}
	for depth >= len(w.builders) {
		w.builders = append(w.builders, objects.NewTreeBuilder(w.sink))
	}
	b := w.builders[depth]
	b.Reset()
	w.sink.place(path)
	for i := range f.entries {
		e := &f.entries[i]
		entries, bytes := uint64(0), e.size
		if e.folder != nil {
			entries, bytes = e.folder.ref.Entries, e.folder.ref.Bytes
		}
		if err := b.AddEncoded(e.raw, e.name, entries, bytes); err != nil {
			return objects.TreeRef{}, err
		}
	}
	ref, err := b.Finish()
	if err == nil {
		f.ref, f.changed = ref, false
	}
	return ref, err
}
