package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
	"evault/worktree"
)

// diskFile is a file of the work tree on one side of a comparison.
type diskFile struct {
	repo   *Repository
	path   string
	chunks []objects.Extent // of one with several, as they were when it was looked at; else nil
}

const readAttempts = 3

// load reads a whole file, of at most limit bytes. It fails with errTooLong, or with worktree.ErrChanged if the file does not
// hold still.
func (f *diskFile) load(ctx context.Context, limit int) (data []byte, err error) {
	for range readAttempts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err = f.loadOnce(limit)
		if !errors.Is(err, worktree.ErrChanged) {
			break
		}
	}
	return data, err
}

func (f *diskFile) loadOnce(limit int) ([]byte, error) {
	dir, err := openWorkFolder(f.repo.places.Work, path.Dir(f.path))
	if err != nil {
		return nil, err
	}
	data, err := f.readIn(dir, limit)
	return data, errors.Join(err, dir.Close())
}

func (f *diskFile) readIn(dir vfs.Dir, limit int) ([]byte, error) {
	name := path.Base(f.path)
	var st vfs.Stat
	if err := dir.Lstat(name, &st); err != nil {
		return nil, err
	}
	switch {
	case st.Size > int64(limit):
		return nil, errTooLong
	case st.Size <= worktree.SmallFile:
		data, _, err := worktree.ReadSmall(dir, name, &st, nil)
		return data, err
	}
	var out bytes.Buffer
	out.Grow(int(st.Size))
	chunker := objects.NewChunker(f.repo.vault.ChunkerKey())
	err := worktree.StreamFile(dir, name, &st, chunker, func(chunk []byte, hole bool, n uint64) error {
		if hole {
			chunk = make([]byte, n)
		}
		_, err := out.Write(chunk)
		return err
	})
	return out.Bytes(), err
}

// openWorkFolder opens a folder of the work tree, each step on the way as a real folder: a link that took the place of one leads
// nowhere.
func openWorkFolder(work vfs.FS, folder string) (vfs.Dir, error) {
	d, err := work.OpenDir("")
	if err != nil || folder == "." || folder == "" {
		return d, err
	}
	for name := range strings.SplitSeq(folder, "/") {
		next, err := d.OpenDir(name)
		if err = errors.Join(err, d.Close()); err != nil {
			return nil, err
		}
		d = next
	}
	return d, nil
}

// withDisk notes what differs between a tree and the work tree: first what differs between that tree and HEAD's, then, over
// it, what status says of the disk.
func (c *comparison) withDisk(ctx context.Context, from objects.TreeRef) error {
	r := c.repo
	index, err := r.loadIndex(ctx)
	if err != nil {
		return err
	}
	_, head, err := r.headCommit(ctx)
	if err != nil {
		return err
	}
	if head != nil {
		if err := c.trees(ctx, from, head.Root()); err != nil {
			return err
		}
	}
	asOf, nowErr := worktree.Now(r.local)
	m := r.settings.startMeter("comparing")
	found, err := r.status(ctx, index, worktree.ScanOptions{Paths: c.o.Paths}, m)
	m.close()
	if err != nil {
		return err
	}
	if nowErr == nil {
		r.keepRefreshed(ctx, index, found.Refreshed, asOf)
	}
	for _, p := range found.Problems {
		c.problems = append(c.problems, Problem{p.Path, p.Err})
	}
	return c.overlay(ctx, index, found.Changes)
}

// overlay puts what status found over the pairs of two trees.
func (c *comparison) overlay(ctx context.Context, index *worktree.Index, changes []worktree.Change) error {
	at := map[string]int{}
	for i := range c.pairs {
		at[c.pairs[i].new.path] = i
	}
	reader := newDiskReader(c.repo)
	for i, ch := range changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if ch.Kind == worktree.ChangeUntracked || ch.Kind == worktree.ChangeIgnored ||
			len(c.o.Paths) > 0 && !pathsCover(c.o.Paths, ch.Path) || fillsFolder(changes, i) {
			continue
		}
		now, err := reader.side(ch)
		if err != nil {
			c.problems = append(c.problems, Problem{ch.Path, err})
			continue
		}
		if p, ok := at[ch.Path]; ok {
			c.pairs[p].new = now
			continue
		}
		was, err := c.headSide(index, ch)
		if err != nil {
			return err
		}
		if len(c.pairs) >= maxDiffPaths {
			return errDiffTooLarge
		}
		c.pairs = append(c.pairs, diffPair{old: was, new: now})
	}
	c.tidy()
	return nil
}

// fillsFolder says that a change is of a folder that came or went with something in it, which is listed next.
func fillsFolder(changes []worktree.Change, i int) bool {
	c := changes[i]
	if !c.Dir || c.Kind != worktree.ChangeAdded && c.Kind != worktree.ChangeDeleted {
		return false
	}
	return i+1 < len(changes) && isUnder(changes[i+1].Path, c.Path) && changes[i+1].Path != c.Path
}

// headSide is what HEAD holds under the path of a change.
func (c *comparison) headSide(index *worktree.Index, ch worktree.Change) (diffSide, error) {
	side := diffSide{path: ch.Path}
	if ch.Kind == worktree.ChangeAdded {
		return side, nil
	}
	var raw []byte
	if e, ok := index.Entry(ch.Path); ok {
		raw = e.Raw
	} else if d, ok := index.Dir(ch.Path); ok {
		raw = d.Raw
	}
	if raw == nil {
		return side, nil
	}
	var e objects.Entry
	if _, err := objects.DecodeEntry(raw, &e); err != nil {
		return side, fmt.Errorf("stat index: %s: %w", ch.Path, err)
	}
	side.entry = &e
	return side, nil
}

// tidy drops pairs that are equal after all, and parts those of a folder and a file.
func (c *comparison) tidy() {
	kept := make([]diffPair, 0, len(c.pairs))
	for _, p := range c.pairs {
		was, is := p.old.entry, p.new.entry
		switch {
		case was == nil && is == nil:
		case was != nil && is != nil && was.IsDir() != is.IsDir():
			if !was.IsDir() || was.Entries == 0 {
				kept = append(kept, diffPair{old: p.old, new: diffSide{path: p.new.path}})
			}
			if !is.IsDir() {
				kept = append(kept, diffPair{old: diffSide{path: p.old.path}, new: p.new})
			}
		case was != nil && is != nil && was.Type == is.Type && len(c.details(was, is)) == 0:
		default:
			kept = append(kept, p)
		}
	}
	c.pairs = slices.Clip(kept)
}

// diskReader describes names of the work tree as entries.
type diskReader struct {
	repo   *Repository
	files  *worktree.FileReader
	chunks []objects.Extent // of the file being read
}

func newDiskReader(r *Repository) *diskReader {
	d := &diskReader{repo: r}
	hash := r.newHash()
	d.files = worktree.NewFileReader(objects.NewChunker(r.vault.ChunkerKey()), new(worktree.Owners), sinkFunc(func(kind objects.Kind, data []byte) (objects.ID, error) {
		id := hash(kind, data)
		if kind == objects.KindChunk && len(d.chunks) < maxSharedExtents {
			d.chunks = append(d.chunks, objects.Extent{ID: id, Length: uint64(len(data))})
		}
		return id, nil
	}))
	return d
}

// sinkFunc is a function that takes objects.
type sinkFunc func(kind objects.Kind, data []byte) (objects.ID, error)

func (f sinkFunc) Put(kind objects.Kind, data []byte) (objects.ID, error) { return f(kind, data) }

// side reads what is on disk under the path of a change, as it would be committed.
func (d *diskReader) side(ch worktree.Change) (diffSide, error) {
	side := diffSide{path: ch.Path}
	if ch.Kind == worktree.ChangeDeleted {
		return side, nil
	}
	dir, err := openWorkFolder(d.repo.places.Work, path.Dir(ch.Path))
	if err != nil {
		return side, err
	}
	var e *objects.Entry
	for range readAttempts {
		if e, err = d.entry(dir, path.Base(ch.Path)); !errors.Is(err, worktree.ErrChanged) {
			break
		}
	}
	if err = errors.Join(err, dir.Close()); err != nil {
		return side, err
	}
	side.entry = e
	if e.Type == objects.TypeFile {
		side.disk = &diskFile{repo: d.repo, path: ch.Path}
		if e.Content.Kind == objects.ContentFileList { // which is stored nowhere
			side.disk.chunks = append([]objects.Extent{}, d.chunks...)
		}
	}
	return side, nil
}

func (d *diskReader) entry(dir vfs.Dir, name string) (*objects.Entry, error) {
	var st vfs.Stat
	if err := dir.Lstat(name, &st); err != nil {
		return nil, err
	}
	e := new(objects.Entry)
	d.chunks = d.chunks[:0]
	if err := d.files.Read(dir, name, &st, e); err != nil && !onlyXattrs(err) {
		return nil, err
	}
	if st.Nlink > 1 && !e.IsDir() {
		e.LinkGroup = 1 // some other name: which is not compared
	}
	return e, nil
}
