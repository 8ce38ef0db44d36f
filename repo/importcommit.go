package repo

import (
	"context"
	"fmt"
	"strings"

	"evault/internal/fastexport"
	"evault/objects"
)

// importCommit is a commit of the stream with the contents that its changes name.
type importCommit struct {
	*fastexport.Commit
	blobs []*importBlob // by change
}

// imported is a commit that was made, as long as its children may need it.
type imported struct {
	id         objects.ID
	generation uint64
	parents    []*imported
	tree       *importTree // nil when nobody needs it any more
	children   int32       // that are still to come
}

// commitMaker makes the vault's commits out of those of the stream. It belongs to one goroutine.
type commitMaker struct {
	ctx     context.Context
	repo    *Repository
	o       *ImportOptions
	history *gitHistory
	sink    *orderedSink
	trees   treeWriter
	file    objects.Entry // what every file's entry has in common
	byMark  map[fastexport.Mark]*imported
	byID    map[gitID]*imported
	targets map[*importBlob]string // of links whose text is not in the blob's entry
	report  *importReport
	made    int64
}

// commit makes one commit.
func (m *commitMaker) commit(c *importCommit) error {
	if err := m.ctx.Err(); err != nil {
		return context.Cause(m.ctx)
	}
	id, ok := parseGitID(c.Original)
	if !ok || c.Mark == 0 {
		return fmt.Errorf("%w: a commit without a name", fastexport.ErrSyntax)
	}
	parents, err := m.parents(c)
	if err != nil {
		return err
	}
	tree, err := m.tree(c, parents)
	if err != nil {
		return fmt.Errorf("commit %s: %w", c.Original, err)
	}
	when := objects.Time{Sec: c.Committer.Sec}
	root, err := m.trees.write(tree, when)
	if err != nil {
		return fmt.Errorf("commit %s: %w", c.Original, err)
	}
	out := &imported{parents: parents, children: m.history.children[id]}
	if out.children > 0 {
		out.tree = tree
	}
	if err := m.store(c, root, out); err != nil {
		return fmt.Errorf("commit %s: %w", c.Original, err)
	}
	for _, p := range parents {
		if p.children--; p.children <= 0 {
			p.tree = nil
		}
	}
	m.byMark[c.Mark], m.byID[id] = out, out
	m.made++
	return nil
}

// parents gives the commits that a commit follows, each once.
func (m *commitMaker) parents(c *importCommit) ([]*imported, error) {
	var list []*imported
	names := c.Merge
	if !c.From.IsZero() {
		names = append([]fastexport.Ref{c.From}, c.Merge...)
	}
	seen := make(map[*imported]bool, len(names))
	for _, name := range names {
		p := m.byMark[name.Mark]
		if p == nil || name.Mark == 0 {
			return nil, fmt.Errorf("commit %s: %w: its parent %.80q was not there before it", c.Original, fastexport.ErrSyntax, name)
		}
		if seen[p] {
			m.report.change(c.Original, "a parent that it names twice is named once")
			p.children--
			continue
		}
		seen[p] = true
		list = append(list, p)
	}
	return list, nil
}

// tree applies the changes of a commit to the tree of its first parent.
func (m *commitMaker) tree(c *importCommit, parents []*imported) (*importTree, error) {
	var t *importTree
	switch {
	case len(parents) == 0:
		t = newImportTree()
	case parents[0].tree == nil:
		return nil, fmt.Errorf("%w: more commits follow its parent than git has counted", fastexport.ErrSyntax)
	default:
		t = parents[0].tree.share(parents[0].children == 1)
	}
	// What git writes is how two trees differ, each path once, and not in an order that could be followed: where a file "a"
	// becomes a folder, "M a/b" stands before "D a" (git 2.39, whose own fast-import then loses the folder).
	for i := range c.Changes {
		if err := m.remove(t, &c.Changes[i]); err != nil {
			return nil, err
		}
	}
	for i := range c.Changes {
		if c.Changes[i].Op != fastexport.Modify {
			continue
		}
		if err := m.modify(t, c, i, parents); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// remove takes out what a change takes out.
func (m *commitMaker) remove(t *importTree, change *fastexport.Change) error {
	switch change.Op {
	case fastexport.Delete:
		t.remove(change.Path)
	case fastexport.DeleteAll:
		t.clear()
	case fastexport.Modify, fastexport.Note:
	default: // git writes renames and copies only when it is asked to
		return fmt.Errorf("%w: a change %q", fastexport.ErrSyntax, byte(change.Op))
	}
	return nil
}

// modify sets one path. What cannot be kept is left out, and named.
func (m *commitMaker) modify(t *importTree, c *importCommit, i int, parents []*imported) error {
	change := &c.Changes[i]
	if why := m.cannotKeep(change); why != "" {
		m.report.skip(change.Path, why, c.Original)
		t.remove(change.Path) // what was there before is not there any more
		return nil
	}
	blob := c.blobs[i]
	if len(parents) > 1 { // what comes from another parent is the same file, with the same time
		for _, p := range parents[1:] {
			if p.tree == nil {
				continue
			}
			if was, ok := p.tree.get(change.Path); ok && was.blob == blob && was.mode == change.Mode {
				t.set(change.Path, was)
				return nil
			}
		}
	}
	e, why, err := m.entry(change, blob, objects.Time{Sec: c.Committer.Sec})
	if err != nil {
		return err
	}
	if why != "" {
		m.report.skip(change.Path, why, c.Original)
		t.remove(change.Path)
		return nil
	}
	t.set(change.Path, e)
	return nil
}

// cannotKeep says why a vault does not keep a path.
func (m *commitMaker) cannotKeep(change *fastexport.Change) string {
	if change.Mode == fastexport.ModeSubmodule {
		return "a submodule, which is another repository"
	}
	if len(change.Path) > objects.MaxPath {
		return "the path is too long"
	}
	depth := 0
	for name := range strings.SplitSeq(change.Path, "/") {
		if err := objects.ValidateName(name); err != nil {
			return err.Error()
		}
		if depth++; depth > objects.MaxDepth {
			return "too many folders inside each other"
		}
	}
	return ""
}

// entry makes the entry of a file or link; why says why there can be none.
func (m *commitMaker) entry(change *fastexport.Change, blob *importBlob, when objects.Time) (out importEntry, why string, err error) {
	if err := blob.wait(m.ctx); err != nil {
		return out, "", err
	}
	e := m.file
	e.Name, e.Mtime = change.Path[strings.LastIndexByte(change.Path, '/')+1:], when
	switch change.Mode {
	case fastexport.ModeSymlink:
		e.Type, e.Mode = objects.TypeSymlink, 0o777
		if e.Target, why, err = m.target(blob); why != "" || err != nil {
			return out, why, err
		}
	default:
		e.Size, e.Content = blob.size, blob.content
		if change.Mode == fastexport.ModeExecutable {
			e.Mode |= 0o111
		}
	}
	out = importEntry{blob: blob, mode: change.Mode, size: e.Size}
	out.raw, err = objects.AppendEntry(nil, &e)
	return out, "", err
}

// target gives the text of a link. What is not kept in the blob's own entry is asked of git, which is rare.
func (m *commitMaker) target(blob *importBlob) (target, why string, err error) {
	if known, ok := m.targets[blob]; ok {
		return known, "", nil
	}
	switch {
	case blob.size > objects.MaxPath:
		return "", "the target of the link is too long", nil
	case blob.content.Kind == objects.ContentInline:
		target = string(blob.content.Inline)
	case blob.size > 0:
		if target, err = m.o.gitOutput(m.ctx, "cat-file", "blob", blob.original); err != nil {
			return "", "", err
		}
		m.targets[blob] = target
	}
	if target == "" || strings.Contains(target, "\x00") {
		return "", "a link without a target that a system could follow", nil
	}
	return target, "", nil
}

// store makes the commit object, in one or more steps if it has more parents than a commit can.
func (m *commitMaker) store(c *importCommit, root objects.TreeRef, out *imported) error {
	commit := m.describe(c, root)
	ids := make([]objects.ID, len(out.parents))
	generations := make([]uint64, len(out.parents))
	for i, p := range out.parents {
		ids[i], generations[i] = p.id, p.generation
	}
	// From the end, as many parents as fit are joined into a commit that takes their place.
	for len(ids) > objects.MaxParents {
		at := max(len(ids)-objects.MaxParents, objects.MaxParents-1)
		part := *commit
		part.Message = fmt.Sprintf("Parents %d to %d of git's merge %s", at+1, len(ids), c.Original)
		part.Labels = []objects.Label{{Key: labelPart, Value: c.Original}}
		id, generation, err := m.put(&part, ids[at:], generations[at:])
		if err != nil {
			return err
		}
		ids, generations = append(ids[:at:at], id), append(generations[:at:at], generation)
		m.report.change(c.Original, fmt.Sprintf("of its %d parents those from the %dth on are joined in a commit of their own", len(out.parents), at+1))
	}
	var err error
	out.id, out.generation, err = m.put(commit, ids, generations)
	return err
}

// The labels of imported commits.
const (
	labelCommit    = "git.commit"    // the ID in git
	labelCommitted = "git.committed" // when it was committed, if that differs from when it was written
	labelCommitter = "git.committer" // by whom, if that is not the author
	labelEncoding  = "git.encoding"  // of the message, if it is not UTF-8
	labelPart      = "git.part-of"   // of a commit that stands for some parents of a merge
)

// describe is all of a commit but parents and signature.
func (m *commitMaker) describe(c *importCommit, root objects.TreeRef) *objects.Commit {
	commit := &objects.Commit{Tree: root.ID, Entries: root.Entries, Bytes: root.Bytes, Device: m.repo.vault.DevicePublicKey()}
	var changes [4]string
	commit.Author, changes[0] = importPerson(&c.Author)
	commit.ZoneMinutes, changes[1] = importZone(&c.Author)
	commit.Time.Sec = c.Author.Sec
	commit.Message, changes[2] = importMessage(c.Message)
	_, changes[3] = importZone(&c.Committer)
	for i, what := range changes {
		if what != "" && !(i == 3 && what == changes[1]) {
			m.report.change(c.Original, what)
		}
	}
	if c.Signed {
		m.report.signed++
	}
	commit.Labels = append(commit.Labels, objects.Label{Key: labelCommit, Value: c.Original})
	if when := importTime(&c.Committer); when != importTime(&c.Author) {
		commit.Labels = append(commit.Labels, objects.Label{Key: labelCommitted, Value: when})
	}
	if who := c.Committer.Who(); who != c.Author.Who() {
		commit.Labels = append(commit.Labels, objects.Label{Key: labelCommitter, Value: labelValue(who)})
	}
	if c.Encoding != "" {
		commit.Labels = append(commit.Labels, objects.Label{Key: labelEncoding, Value: labelValue(c.Encoding)})
		m.report.change(c.Original, "git could not turn the message into UTF-8")
	}
	return commit
}

// put signs and stores a commit.
func (m *commitMaker) put(c *objects.Commit, parents []objects.ID, generations []uint64) (objects.ID, uint64, error) {
	c.Parents, c.Generation = parents, 1
	for _, g := range generations {
		c.Generation = max(c.Generation, g+1)
	}
	var err error
	if c.Signature, err = m.repo.vault.SignCommit(c.SigningHash()); err != nil {
		return objects.ID{}, 0, err
	}
	data, err := c.Encode()
	if err != nil {
		return objects.ID{}, 0, err
	}
	m.sink.place("")
	id, err := m.sink.Put(objects.KindCommit, data)
	return id, c.Generation, err
}
