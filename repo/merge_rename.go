package repo

import (
	"cmp"
	"maps"
	"path"
	"slices"

	"evault/objects"
)

// planRenames finds the files that one side renamed and the other changed, or renamed, or removed, and works out what
// becomes of them. Renames that meet no change of the other side need nothing: the file is gone here and new there, and
// that merges by itself. So nothing is read but what both sides touched, as in git's ort, whose treatment of the cases
// this follows; unlike there a renamed folder does not take along what the other side adds to it.
func (m *treeMerge) planRenames(base, ours, theirs objects.TreeRef) error {
	mine, err := m.removals(base, ours)
	if err != nil || len(mine.gone) == 0 && len(mine.changed) == 0 {
		return err
	}
	other, err := m.removals(base, theirs)
	if err != nil {
		return err
	}
	m.mergeTexts(mine, other)
	p := renamePlan{m: m, roots: [3]objects.TreeRef{base, ours, theirs}, at: map[string]*meeting{}}
	if p.ours, err = m.renamesOf(base, ours, mine, other); err != nil {
		return err
	}
	if p.theirs, err = m.renamesOf(base, theirs, other, mine); err != nil {
		return err
	}
	return p.run()
}

func (m *treeMerge) removals(base, side objects.TreeRef) (sideChanges, error) {
	s := sideChanges{gone: map[string]*line{}, changed: map[string]changedLine{}}
	c := lineChanges{ctx: m.ctx, src: m.src, known: true, each: func(full string, was, is *line) error {
		switch {
		case was == nil || was.IsDir():
		case is == nil || is.IsDir():
			s.gone[full] = was
		default:
			s.changed[full] = changedLine{was, is}
		}
		return m.ctx.Err()
	}}
	return s, c.run("", base, side, 0)
}

// renamesOf gives where a side has put files that the other side has done something to as well: the new path by the old.
func (m *treeMerge) renamesOf(base, side objects.TreeRef, here, there sideChanges) (map[string]string, error) {
	var gone, relevant []renameFile
	for full, l := range here.gone {
		if !isRegular(l) || l.Size == 0 {
			continue
		}
		f := renameFile{path: full, entry: &l.Entry}
		gone = append(gone, f)
		if there.has(full) {
			relevant = append(relevant, f)
		}
	}
	if len(relevant) == 0 {
		return nil, nil
	}
	var added []renameFile
	c := lineChanges{ctx: m.ctx, src: m.src, each: func(full string, was, is *line) error {
		if isRegular(is) && is.Size > 0 && (was == nil || was.IsDir()) {
			added = append(added, renameFile{path: full, entry: &is.Entry})
		}
		return m.ctx.Err()
	}}
	if err := c.run("", base, side, 0); err != nil || len(added) == 0 {
		return nil, err
	}
	return m.match(gone, relevant, added)
}

// match finds renames: the same content among all files, and then a similar one for those that matter.
func (m *treeMerge) match(gone, relevant, added []renameFile) (map[string]string, error) {
	byPath := func(a, b renameFile) int { return cmp.Compare(a.path, b.path) }
	for _, files := range [][]renameFile{gone, relevant, added} {
		slices.SortFunc(files, byPath)
	}
	found := map[string]string{}
	used := map[string]bool{}
	for _, step := range []struct {
		from      []renameFile
		threshold int
	}{{gone, exact}, {relevant, defaultThreshold}} {
		from := slices.DeleteFunc(slices.Clone(step.from), func(f renameFile) bool { return found[f.path] != "" })
		to := slices.DeleteFunc(slices.Clone(added), func(f renameFile) bool { return used[f.path] })
		// The method needs nothing of a repository but its name.
		renames, err := (*Repository)(nil).findRenames(m.ctx, m.src, from, to, nil, renameOptions{threshold: step.threshold})
		if err != nil {
			return nil, err
		}
		for _, r := range renames {
			if found[r.from] == "" {
				found[r.from], used[r.to] = r.to, true
			}
		}
	}
	matters := map[string]bool{}
	for _, f := range relevant {
		matters[f.path] = true
	}
	maps.DeleteFunc(found, func(from, _ string) bool { return !matters[from] })
	return found, nil
}

// renamePlan works out what becomes of renamed files.
type renamePlan struct {
	m            *treeMerge
	roots        [3]objects.TreeRef
	ours, theirs map[string]string // new path by old
	at           map[string]*meeting
}

// meeting is what comes together under one new path.
type meeting struct {
	stages
	kind    string // a conflict that it is in any case
	unseen  []Conflict
	nothing bool
}

const (
	stageBase = iota
	stageOurs
	stageTheirs
)

// look gives what a side holds under a path, if that is no folder.
func (p *renamePlan) look(stage int, full string) (*line, error) {
	if p.roots[stage].ID.IsZero() {
		return nil, nil
	}
	return lookLine(p.m.ctx, p.m.src, p.roots[stage].ID, full)
}

func (p *renamePlan) run() error {
	olds := map[string]bool{}
	for full := range p.ours {
		olds[full] = true
	}
	for full := range p.theirs {
		olds[full] = true
	}
	for _, old := range slices.Sorted(maps.Keys(olds)) {
		if err := p.file(old); err != nil {
			return err
		}
	}
	return p.settle()
}

// file deals with one renamed file.
func (p *renamePlan) file(old string) error {
	here, there := p.ours[old], p.theirs[old]
	base, err := p.look(stageBase, old)
	if err != nil {
		return err
	}
	switch {
	case here == "":
		return p.oneSide(old, there, base, stageTheirs, stageOurs)
	case there == "":
		return p.oneSide(old, here, base, stageOurs, stageTheirs)
	case here == there:
		return p.sameName(old, here, base)
	}
	return p.twoNames(old, here, there, base)
}

// meet gives the meeting at a path, with what the sides hold there.
func (p *renamePlan) meet(full string) (*meeting, error) {
	if at := p.at[full]; at != nil {
		return at, nil
	}
	at := &meeting{}
	at.full = full
	var err error
	if at.ours, err = p.look(stageOurs, full); err != nil {
		return nil, err
	}
	if at.theirs, err = p.look(stageTheirs, full); err != nil {
		return nil, err
	}
	p.at[full] = at
	return at, nil
}

func (p *renamePlan) sameName(old, full string, base *line) error {
	at, err := p.meet(full)
	if err != nil {
		return err
	}
	at.base, err = named(base, path.Base(full))
	at.baseAt = old
	return err
}

// oneSide is a file that one side renamed and the other changed or removed.
func (p *renamePlan) oneSide(old, full string, base *line, renamed, kept int) error {
	at, err := p.meet(full)
	if err != nil {
		return err
	}
	name := path.Base(full)
	if base, err = named(base, name); err != nil {
		return err
	}
	was, err := p.look(kept, old)
	if err != nil {
		return err
	}
	mine, theirs := &at.ours, &at.theirs
	if renamed == stageTheirs {
		mine, theirs = theirs, mine
	}
	if was == nil { // removed there
		if *theirs == nil {
			at.base, at.kind = base, ConflictRenameDelete
			at.baseAt = old
		}
		return nil
	}
	p.at[old] = &meeting{stages: stages{full: old}, nothing: true}
	if was, err = named(was, name); err != nil {
		return err
	}
	s := stages{full: full, base: base, baseAt: old}
	if renamed == stageOurs {
		s.ours, s.theirs, s.theirsAt = *mine, was, old
	} else {
		s.ours, s.oursAt, s.theirs = was, old, *mine
	}
	if *theirs == nil {
		unseen, kind := at.unseen, at.kind
		*at = meeting{stages: s, unseen: unseen, kind: kind}
		return nil
	}
	// The other side has something else under the new path: what the rename gave meets that.
	s.nested = true
	out, err := p.m.file(s)
	if err != nil {
		return err
	}
	*mine = out.line
	at.base = nil
	if at.kind == "" {
		at.kind = ConflictAddAdd
	}
	return nil
}

// twoNames is a file that the sides renamed differently: what they made of it is kept under both names.
func (p *renamePlan) twoNames(old, here, there string, base *line) error {
	a, err := p.meet(here)
	if err != nil {
		return err
	}
	b, err := p.meet(there)
	if err != nil {
		return err
	}
	s := stages{full: here, baseAt: old, oursAt: here, theirsAt: there, ours: a.ours, nested: true}
	if s.base, err = named(base, path.Base(here)); err != nil {
		return err
	}
	if s.theirs, err = named(b.theirs, path.Base(here)); err != nil {
		return err
	}
	out, err := p.m.file(s)
	if err != nil {
		return err
	}
	if l, ok := p.m.decide(a.ours, b.theirs); ok {
		if win := l == a.ours; win {
			a.ours, b.theirs, b.nothing = out.line, nil, b.ours == nil
		} else {
			a.ours, a.nothing = nil, a.theirs == nil
			b.theirs, err = named(out.line, path.Base(there))
		}
		return err
	}
	a.ours = out.line
	if b.theirs, err = named(out.line, path.Base(there)); err != nil {
		return err
	}
	a.kind, b.kind = ConflictRenameRename, ConflictRenameRename
	gone := Conflict{Path: old, Kind: ConflictRenameRename, Resolved: true}
	if base != nil {
		gone.Base = base.raw
	}
	a.unseen = append(a.unseen, gone)
	return nil
}

// settle works out every meeting, for the walk to find.
func (p *renamePlan) settle() error {
	for _, full := range slices.Sorted(maps.Keys(p.at)) {
		at := p.at[full]
		placed := &placedFile{unseen: at.unseen}
		if !at.nothing {
			var err error
			if placed.outcome, err = p.outcome(at); err != nil {
				return err
			}
		}
		p.m.placed[full] = placed
		for dir := path.Dir(full); ; dir = path.Dir(dir) {
			if dir == "." {
				dir = ""
			}
			p.m.ways[dir] = true
			if dir == "" {
				break
			}
		}
	}
	return nil
}

func (p *renamePlan) outcome(at *meeting) (outcome, error) {
	if at.kind == ConflictRenameDelete {
		return p.renamedAndRemoved(at), nil
	}
	out, err := p.m.file(at.stages)
	if err != nil || at.kind == "" || out.conflict != nil {
		return out, err
	}
	if _, ok := p.m.decide(at.ours, at.theirs); ok || p.m.depth > 0 {
		return out, nil
	}
	kept := out.kept
	out = at.against(at.kind, out.line)
	out.kept = kept
	return out, nil
}

func (p *renamePlan) renamedAndRemoved(at *meeting) outcome {
	left := at.ours
	if left == nil {
		left = at.theirs
	}
	if p.m.depth > 0 {
		return whole(left)
	}
	if l, ok := p.m.decide(at.ours, at.theirs); ok {
		return whole(l)
	}
	return at.against(ConflictRenameDelete, left)
}
