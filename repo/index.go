package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"

	"evault/internal/vfs"
	"evault/objects"
	"evault/worktree"
)

// indexPurpose is the label of the key that seals the stat index.
const indexPurpose = "stat index"

// loadIndex reads the stat index and makes sure that it speaks of HEAD's tree. An index that is damaged, missing, or left
// behind by a crash is rebuilt: it is a cache, except for what add and rm noted in it.
func (r *Repository) loadIndex(ctx context.Context) (*worktree.Index, error) {
	sealer, err := r.vault.LocalSealer(indexPurpose)
	if err != nil {
		return nil, err
	}
	_, head, err := r.headCommit(ctx)
	if err != nil {
		return nil, err
	}
	var tree objects.TreeRef
	if head != nil {
		tree = objects.TreeRef{ID: head.Tree, Entries: head.Entries, Bytes: head.Bytes}
	}
	ix, err := worktree.LoadIndex(r.local, indexName, sealer)
	if errors.Is(err, worktree.ErrIndexDamaged) {
		r.notes = append(r.notes, "the stat index was damaged; it is rebuilt, and what was added and not committed must be added again")
		ix, err = worktree.EmptyIndex(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("stat index: %w", err)
	}
	if ix.Base() == tree.ID {
		return ix, nil
	}
	return r.rebase(ctx, ix, tree, rebaseOptions{})
}

// rebaseOptions say what is known beside the two trees.
type rebaseOptions struct {
	written map[string]worktree.StatKey // files that were just written as the tree holds them
	moved   bool                        // the work tree was moved too: what only the old tree held is gone from it
	reset   bool                        // what rm noted is forgotten
	forget  bool                        // what add noted is forgotten, too
}

// rebase makes an index that speaks of another tree speak of this one. What is equal in both keeps its key; the
// rest must be read by the next scan. A file that only the old tree held stays tracked, as if it had been added. The new
// index is written where the lock is held, and only kept in memory otherwise.
func (r *Repository) rebase(ctx context.Context, ix *worktree.Index, tree objects.TreeRef, o rebaseOptions) (*worktree.Index, error) {
	sealer, err := r.vault.LocalSealer(indexPurpose)
	if err != nil {
		return nil, err
	}
	asOf, err := worktree.Now(r.local)
	if err != nil {
		return nil, err
	}
	// Readers hold no lock: they write beside the index and remove it again.
	name := indexName
	if r.lock == nil {
		name = fmt.Sprintf("%sread-%d", temporaryIndexPrefix, r.settings.now().UnixNano())
	}
	w, err := worktree.NewIndexWriter(r.local, name, sealer, asOf)
	if err != nil {
		return nil, err
	}
	if !tree.ID.IsZero() {
		if _, err := r.database(); err != nil {
			return nil, errors.Join(err, w.Abort())
		}
	}
	w.SetBase(tree.ID)
	b := rebase{ctx: ctx, repo: r, old: ix, w: w, o: o, touched: o.touched()}
	if _, err := b.folder("", tree, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("rebuilding the stat index: %w", err), w.Abort())
	}
	if err := w.Commit(); err != nil {
		return nil, err
	}
	fresh, err := worktree.LoadIndex(r.local, name, sealer)
	if r.lock == nil {
		err = errors.Join(err, r.local.Remove(name))
	}
	return fresh, err
}

const temporaryIndexPrefix = ".tmp-index-"

// rebase walks a tree beside an index of another tree.
type rebase struct {
	ctx  context.Context
	repo *Repository
	old  *worktree.Index
	w    *worktree.IndexWriter
	o    rebaseOptions
	// touched are the folders that hold something that was written, and those above them.
	touched map[string]bool
}

func (o *rebaseOptions) touched() map[string]bool {
	dirs := map[string]bool{}
	for name := range o.written {
		for dir := path.Dir(name); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
			if dir == "." {
				dirs[""] = true
				break
			}
		}
		dirs[name] = true
	}
	return dirs
}

// folder writes one folder of the new index and all below it. It reports whether the index tracks just what the tree
// holds. raw is the folder's entry in the tree above; tree is zero for a folder that the tree does not hold.
func (b *rebase) folder(full string, tree objects.TreeRef, raw []byte) (same bool, err error) {
	old, tracked := b.old.Dir(full)
	if tracked && old.Tree == tree && !tree.ID.IsZero() && bytes.Equal(old.Raw, raw) && !b.touched[full] {
		return true, b.w.CopyDirs(b.old, full)
	}
	var key worktree.StatKey
	var subs []*worktree.IndexDir
	var entries []worktree.IndexEntry
	if tracked {
		key = old.Key
		old.Subdirs(func(d *worktree.IndexDir) bool { subs = append(subs, d); return true })
		old.Each(func(e *worktree.IndexEntry) bool { entries = append(entries, *e); return true })
	}
	if !tracked || !bytes.Equal(old.Raw, raw) {
		key = worktree.StatKey{}
	}
	racy := tracked && old.Racy && !key.IsZero()
	if k, ok := b.o.written[full]; ok {
		key, racy = k, false
	}
	block := b.w.Block(full, key)
	block.Racy = block.Racy || racy
	block.Raw, block.Added = bytes.Clone(raw), raw == nil && full != ""
	same = true
	merge := mergeOld{b: b, block: block, entries: entries, subs: subs, same: &same}
	if !tree.ID.IsZero() {
		err = objects.ReadDir(b.ctx, b.repo.db, tree.ID, func(e *objects.Entry, raw []byte) error {
			return merge.entry(full, e, bytes.Clone(raw))
		})
	}
	if err == nil {
		err = merge.before("", true)
	}
	if err != nil {
		return false, err
	}
	if same {
		block.Tree = tree
	}
	return same, b.w.WriteDir(block)
}

// mergeOld goes through what the old index tracks in one folder, in step with the new tree.
type mergeOld struct {
	b       *rebase
	block   *worktree.DirBlock
	entries []worktree.IndexEntry
	subs    []*worktree.IndexDir
	same    *bool
}

// entry takes one entry of the new tree over.
func (m *mergeOld) entry(dir string, e *objects.Entry, raw []byte) error {
	if err := m.before(e.Name, false); err != nil {
		return err
	}
	full := path.Join(dir, e.Name)
	if len(m.subs) > 0 && path.Base(m.subs[0].Path) == e.Name {
		m.subs = m.subs[1:]
	}
	if e.IsDir() {
		if len(m.entries) > 0 && m.entries[0].Name == e.Name {
			m.entries = m.entries[1:]
		}
		same, err := m.b.folder(full, objects.TreeRef{ID: e.Tree, Entries: e.Entries, Bytes: e.Bytes}, raw)
		*m.same = *m.same && same
		return err
	}
	fresh := worktree.IndexEntry{Name: e.Name, Raw: raw}
	if len(m.entries) > 0 && m.entries[0].Name == e.Name {
		was := m.entries[0]
		m.entries = m.entries[1:]
		if bytes.Equal(was.Raw, raw) {
			fresh = was
		}
		fresh.Removed = was.Removed && !m.b.o.reset
	}
	if key, ok := m.b.o.written[full]; ok {
		fresh.Key, fresh.Racy, fresh.Removed = key, false, false
	}
	*m.same = *m.same && !fresh.Removed
	return m.block.Add(&fresh)
}

// before deals with what the old index tracks before a name, or after the last one, and the new tree does not hold.
func (m *mergeOld) before(name string, rest bool) error {
	for len(m.entries) > 0 && (rest || m.entries[0].Name < name) {
		was := m.entries[0]
		m.entries = m.entries[1:]
		if was.Removed || m.b.o.forget || m.b.o.moved && !was.Added {
			continue
		}
		*m.same = false
		if err := m.block.Add(&worktree.IndexEntry{Name: was.Name, Added: true}); err != nil {
			return err
		}
	}
	for len(m.subs) > 0 && (rest || path.Base(m.subs[0].Path) < name) {
		sub := m.subs[0]
		m.subs = m.subs[1:]
		if m.b.o.forget || !sub.Added && !m.b.survives(sub) {
			continue
		}
		*m.same = false
		if _, err := m.b.folder(sub.Path, objects.TreeRef{}, nil); err != nil {
			return err
		}
	}
	return nil
}

// survives reports whether a folder that the new tree does not hold has anything in it that stays tracked.
func (b *rebase) survives(d *worktree.IndexDir) bool {
	found := d.Added
	d.Each(func(e *worktree.IndexEntry) bool {
		found = found || e.Added || !b.o.moved && e.Tracked()
		return !found
	})
	d.Subdirs(func(sub *worktree.IndexDir) bool {
		found = found || b.survives(sub)
		return !found
	})
	return found
}

// refreshIndex writes new keys of files that were read and found as they were, so that the next scan need not read them.
// asOf is when the scan that gave the keys began.
func (r *Repository) refreshIndex(ix *worktree.Index, edits []worktree.IndexEdit, asOf vfs.Time) error {
	if len(edits) == 0 {
		return nil
	}
	return r.editIndex(ix, edits, asOf)
}

func (r *Repository) editIndex(ix *worktree.Index, edits []worktree.IndexEdit, asOf vfs.Time) error {
	sealer, err := r.vault.LocalSealer(indexPurpose)
	if err != nil {
		return err
	}
	w, err := worktree.NewIndexWriter(r.local, indexName, sealer, asOf)
	if err != nil {
		return err
	}
	w.SetBase(ix.Base())
	if err := worktree.RewriteIndex(ix, w, edits); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}
