package repo

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"evault/objects"
)

// treeMerge merges two trees that come from one, the base. What has equal IDs on two of the three sides is taken over whole
// and not looked at, so that the cost follows what both sides changed. The result always is a whole tree: where the sides
// disagree it holds what the user is to find in the work tree, and conflicts says where. docs/merge.md lists every case;
// they are decided in
//
//   - folder and name: what becomes of a name that is a folder on some side;
//   - file: what becomes of a file, a link or a device (merge_file.go), its content (merge_text.go), its metadata
//     (merge_meta.go);
//   - planRenames: which file is which (merge_rename.go). What comes of a renamed file is worked out before the walk, and
//     waits in placed.
//   - links: whether hard links still hold the same (merge_links.go).
type treeMerge struct {
	ctx     context.Context
	src     objects.Source // gives what sink was given, too
	sink    objects.Sink
	chunker *objects.Chunker
	names   sideNames
	favour  Favour
	diff3   bool
	byName  bool // look for no renames
	depth   int  // of merges of merge bases: 0 is the merge itself

	root      objects.TreeRef
	conflicts []Conflict // ascending by path

	placed map[string]*placedFile // outcomes that renames have settled, by path
	ways   map[string]bool        // the folders above those paths
	beside []keptLine             // what the folders being walked are still to hold under another name
	merged uint64                 // bytes of merged files so far
	ahead  mergeAhead
}

// newTreeMerge prepares a merge that writes to a store in memory. Who calls it says what else is wanted.
func (r *Repository) newTreeMerge(ctx context.Context, made *treeStore) *treeMerge {
	return &treeMerge{ctx: ctx, src: made, sink: made, chunker: objects.NewChunker(r.vault.ChunkerKey()),
		names: sideNames{base: "base", ours: "ours", theirs: "theirs"}}
}

// sideNames are how the sides are called in conflict markers and in names of files.
type sideNames struct{ base, ours, theirs string }

// placedFile is what a rename made of a path.
type placedFile struct {
	outcome
	unseen []Conflict // of paths that hold nothing any more
}

// keptLine is a file that is kept under a name beside its own.
type keptLine struct {
	line     *line
	side     string
	tilde    bool // name~side, else name.side.ext
	conflict int  // of which; its path, or where the other version is, becomes the new name
}

// maxConflicts is how many paths may conflict.
const maxConflicts = 10000

// run merges.
func (m *treeMerge) run(base, ours, theirs objects.TreeRef) (err error) {
	m.placed, m.ways = map[string]*placedFile{}, map[string]bool{}
	defer m.ahead.close()
	if !m.byName {
		if err := m.planRenames(base, ours, theirs); err != nil {
			return err
		}
	}
	if m.root, err = m.folder("", base, ours, theirs, 0); err != nil {
		return err
	}
	if err := m.links(base, ours, theirs); err != nil {
		return err
	}
	slices.SortStableFunc(m.conflicts, func(a, b Conflict) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// conflict notes one.
func (m *treeMerge) conflict(c Conflict) error {
	if len(m.conflicts) >= maxConflicts {
		return conflictf("more than %d paths conflict", maxConflicts)
	}
	m.conflicts = append(m.conflicts, c)
	return nil
}

// folder merges one folder; a zero reference is a folder that a side does not have.
func (m *treeMerge) folder(full string, base, ours, theirs objects.TreeRef, depth int) (objects.TreeRef, error) {
	if !m.ways[full] {
		switch {
		case ours == theirs || base == theirs:
			return ours, nil
		case base == ours:
			return theirs, nil
		}
	}
	if depth > objects.MaxDepth {
		return objects.TreeRef{}, fmt.Errorf("%.300q: nested deeper than %d: %w", full, objects.MaxDepth, objects.ErrLimit)
	}
	var held []*line
	var taken []string
	waiting := len(m.beside)
	err := abreast(m.ctx, m.src, full, []objects.TreeRef{base, ours, theirs}, func(name string, at []*line) error {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		taken = append(taken, name)
		l, err := m.name(path.Join(full, name), at[0], at[1], at[2], depth)
		if l != nil {
			held = append(held, l)
		}
		return err
	})
	if err != nil {
		return objects.TreeRef{}, err
	}
	if held, err = m.putBeside(full, held, taken, waiting); err != nil {
		return objects.TreeRef{}, err
	}
	return m.build(held)
}

// build makes the tree of a folder.
func (m *treeMerge) build(held []*line) (objects.TreeRef, error) {
	b := objects.NewTreeBuilder(m.sink)
	for _, l := range held {
		entries, size := l.Totals()
		if err := b.AddEncoded(l.raw, l.Name, entries, size); err != nil {
			return objects.TreeRef{}, err
		}
	}
	return b.Finish()
}

// putBeside gives the files that are kept under another name one that is free.
func (m *treeMerge) putBeside(dir string, held []*line, taken []string, waiting int) ([]*line, error) {
	if len(m.beside) == waiting {
		return held, nil
	}
	used := map[string]bool{}
	for _, name := range taken {
		used[name] = true
	}
	for _, k := range m.beside[waiting:] {
		name := freeName(k.line.Name, k.side, k.tilde, used)
		used[name] = true
		l, err := named(k.line, name)
		if err != nil {
			return nil, err
		}
		held = append(held, l)
		c := &m.conflicts[k.conflict]
		if k.tilde {
			c.Path = path.Join(dir, name)
		} else {
			c.Kept = path.Join(dir, name)
		}
	}
	m.beside = m.beside[:waiting]
	slices.SortFunc(held, func(a, b *line) int { return strings.Compare(a.Name, b.Name) })
	return held, nil
}

// name merges what three sides hold under one name; nil is nothing.
func (m *treeMerge) name(full string, base, ours, theirs *line, depth int) (*line, error) {
	placed := m.placed[full]
	if placed == nil && !m.ways[full] {
		switch {
		case sameLine(ours, theirs) || sameLine(base, theirs):
			return ours, nil
		case sameLine(base, ours):
			return theirs, nil
		}
	}
	dir, err := m.folderOf(full, base, ours, theirs, depth)
	if err != nil {
		return nil, err
	}
	var out outcome
	if placed != nil {
		out = placed.outcome
		for _, c := range placed.unseen {
			if err := m.conflict(c); err != nil {
				return nil, err
			}
		}
	} else if out, err = m.file(stages{full: full, base: fileOf(base), ours: fileOf(ours), theirs: fileOf(theirs)}); err != nil {
		return nil, err
	}
	if dir != nil && out.line != nil {
		return m.fileAndFolder(full, dir, out, isFolder(ours))
	}
	if dir != nil {
		return dir, nil
	}
	return m.settle(out)
}

// settle notes the conflict of an outcome and gives what stays.
func (m *treeMerge) settle(out outcome) (*line, error) {
	if out.conflict == nil {
		return out.line, nil
	}
	if err := m.conflict(*out.conflict); err != nil {
		return nil, err
	}
	if out.kept != nil {
		m.beside = append(m.beside, keptLine{line: out.kept, side: m.names.theirs, conflict: len(m.conflicts) - 1})
	}
	return out.line, nil
}

// fileAndFolder is the end of a name under which there is a file and a folder: the folder keeps it, and the file moves
// aside.
func (m *treeMerge) fileAndFolder(full string, dir *line, out outcome, foldersAreOurs bool) (*line, error) {
	side := m.names.ours
	if foldersAreOurs {
		side = m.names.theirs
	}
	switch fileWins := (m.favour == FavourOurs) != foldersAreOurs; {
	case m.favour == FavourNone:
	case m.favour == FavourNewest:
		if newer(out.line, dir) == out.line {
			return m.settle(out)
		}
		return dir, nil
	case fileWins:
		return m.settle(out)
	default:
		return dir, nil
	}
	c := Conflict{Path: full, Kind: ConflictFileFolder, Written: out.line.raw}
	if foldersAreOurs {
		c.Theirs = out.line.raw
	} else {
		c.Ours = out.line.raw
	}
	if out.conflict != nil {
		c.Base, c.Ours, c.Theirs = out.conflict.Base, out.conflict.Ours, out.conflict.Theirs
	}
	if err := m.conflict(c); err != nil {
		return nil, err
	}
	m.beside = append(m.beside, keptLine{line: out.line, side: side, tilde: true, conflict: len(m.conflicts) - 1})
	return dir, nil
}

// folderOf merges what is a folder on one side or both; nil: there is none any more.
func (m *treeMerge) folderOf(full string, base, ours, theirs *line, depth int) (*line, error) {
	switch {
	case isFolder(ours) && isFolder(theirs):
		return m.bothFolders(full, base, ours, theirs, depth)
	case isFolder(ours):
		return m.oneFolder(full, base, ours, ours, nil, depth)
	case isFolder(theirs):
		return m.oneFolder(full, base, theirs, nil, theirs, depth)
	}
	return nil, nil
}

// bothFolders merges a folder that both sides have.
func (m *treeMerge) bothFolders(full string, base, ours, theirs *line, depth int) (*line, error) {
	ref, err := m.folder(full, below(base), below(ours), below(theirs), depth+1)
	if err != nil {
		return nil, err
	}
	if !isFolder(base) {
		base = nil
	}
	e, differs := m.mergeMeta(base, ours, theirs)
	if differs && base != nil {
		c := Conflict{Path: full, Kind: ConflictMetadata, Base: base.raw, Ours: ours.raw, Theirs: theirs.raw}
		if err := m.conflict(c); err != nil {
			return nil, err
		}
	}
	e.Tree, e.Entries, e.Bytes = ref.ID, ref.Entries, ref.Bytes
	return encodeLine(&e)
}

// oneFolder merges a folder that one side has. If the other side removed it, or put something else in its place, what was
// not changed in it goes, and the folder with its last name; what was added stays.
func (m *treeMerge) oneFolder(full string, base, has, ours, theirs *line, depth int) (*line, error) {
	if !isFolder(base) && !m.ways[full] {
		return has, nil
	}
	ref, err := m.folder(full, below(base), below(ours), below(theirs), depth+1)
	if err != nil || ref.Entries == 0 && isFolder(base) {
		return nil, err
	}
	e := has.Clone()
	e.Tree, e.Entries, e.Bytes = ref.ID, ref.Entries, ref.Bytes
	return encodeLine(&e)
}

// freeName gives a name for a file that is kept beside another: "name~side" or "name.side.ext", with a number if there is
// one of that name.
func freeName(name, side string, tilde bool, used map[string]bool) string {
	side = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, side)
	side = strings.ToValidUTF8(side[:min(len(side), 60)], "")
	for n := -1; ; n++ {
		mark := side
		if n >= 0 {
			mark = fmt.Sprintf("%s_%d", side, n)
		}
		stem, ext := name, ""
		if !tilde {
			if ext = path.Ext(name); len(ext) == len(name) || len(ext) > 40 {
				ext = ""
			}
			stem = strings.TrimSuffix(name, ext)
			mark = "." + mark + ext
		} else {
			mark = "~" + mark
		}
		found := stem[:min(len(stem), objects.MaxName-len(mark))] + mark
		if !used[found] && objects.ValidateName(found) == nil {
			return found
		}
	}
}
