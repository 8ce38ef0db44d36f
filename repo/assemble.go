package repo

import (
	"bytes"
	"errors"
	"fmt"
	"path"

	"evault/internal/vfs"
	"evault/objects"
	"evault/worktree"
)

// event is one step in tree order. The producer of a snapshot queues them, the assembler carries them out.
type event struct {
	kind     eventKind
	complete bool                // leaveFolder
	folder   *openFolder         // the folder that the step is about or that holds the name
	name     string              // replay: up to here; empty: everything
	entry    worktree.IndexEntry // keepEntry
	sub      *worktree.IndexDir  // takeOver
	job      *fileJob            // readEntry
}

type eventKind uint8

const (
	enterFolder eventKind = iota
	leaveFolder
	replay    // the names of the folder before a given one, as the index has them
	keepEntry // one name, as the index has it
	takeOver  // a folder with all below it, as the index has it
	readEntry // one name that a reader looks at
)

// openFolder is a folder whose tree is being built.
type openFolder struct {
	path    string
	name    string
	parent  *openFolder
	scan    *worktree.DirScan
	index   *worktree.IndexDir
	builder *objects.TreeBuilder
	block   *worktree.DirBlock
	kept    bool // it is taken from the index, not from the disk
	drops   bool // the folder is gone: of what is kept, the names that rm dropped and those asked for by path go
	partial bool // the index tracks other names than the tree holds: add or rm of what is not committed now
	failed  bool // something in it could not be read
}

// eventQueue is first in, first out.
type eventQueue struct {
	events []event
	head   int
}

func (q *eventQueue) len() int { return len(q.events) - q.head }

func (q *eventQueue) put(e event) { q.events = append(q.events, e) }

func (q *eventQueue) front() *event { return &q.events[q.head] }

func (q *eventQueue) drop() {
	q.events[q.head] = event{}
	q.head++
	if q.head == len(q.events) {
		q.events, q.head = q.events[:0], 0
	} else if q.head >= 4096 && q.head*2 >= len(q.events) {
		n := copy(q.events, q.events[q.head:])
		clear(q.events[n:])
		q.events, q.head = q.events[:n], 0
	}
}

// push queues a step and carries out those that are ready.
func (s *snapshot) push(e event) error {
	s.queue.put(e)
	return s.assemble(false)
}

// assemble carries out the steps at the front of the queue that wait for no reader; with all, or while the queue is too
// long, it waits for the readers.
func (s *snapshot) assemble(all bool) error {
	for s.queue.len() > 0 {
		e := s.queue.front()
		if e.job != nil && !e.job.ready() {
			if !all && s.queue.len() < queueCapacity {
				return nil
			}
			if e.job.batch == s.batch {
				if err := s.flushBatch(); err != nil {
					return err
				}
			}
			if err := e.job.wait(s.ctx); err != nil {
				return err
			}
		}
		if err := s.step(e); err != nil {
			return err
		}
		s.queue.drop()
	}
	return nil
}

func (s *snapshot) step(e *event) error {
	switch e.kind {
	case enterFolder:
		return s.enter(e.folder)
	case leaveFolder:
		return s.leave(e.folder, e.complete)
	case replay:
		return s.replay(e.folder, e.name)
	case keepEntry:
		return s.keepEntry(e.folder, &e.entry)
	case takeOver:
		return s.takeOver(e.folder, e.sub)
	}
	return s.finished(e.folder, e.job)
}

func (s *snapshot) enter(f *openFolder) error {
	f.builder = s.takeBuilder()
	var key worktree.StatKey
	switch {
	case f.scan != nil && !f.kept:
		key = worktree.KeyOf(&f.scan.Stat)
	case f.index != nil:
		key = f.index.Key
	}
	f.block = s.writer.Block(f.path, key)
	if f.index != nil && key == f.index.Key {
		f.block.Racy = f.block.Racy || f.index.Racy
	}
	if f.kept {
		f.block.Added, f.block.Removed = f.index.Added, f.index.Removed
		f.partial = f.index.Added || f.index.Removed
	}
	return nil
}

// takeBuilder reuses tree builders: as many are alive as folders are nested.
func (s *snapshot) takeBuilder() *objects.TreeBuilder {
	if n := len(s.builders); n > 0 {
		b := s.builders[n-1]
		s.builders = s.builders[:n-1]
		b.Reset()
		return b
	}
	return objects.NewTreeBuilder(s.meta)
}

// replay adds the names of a folder that come before upTo, all of which are as HEAD holds them.
func (s *snapshot) replay(f *openFolder, upTo string) error {
	var subs []*worktree.IndexDir
	f.index.Subdirs(func(d *worktree.IndexDir) bool {
		if upTo != "" && path.Base(d.Path) >= upTo {
			return false
		}
		subs = append(subs, d)
		return true
	})
	var failed error
	f.index.Each(func(e *worktree.IndexEntry) bool {
		if upTo != "" && e.Name >= upTo {
			return false
		}
		for len(subs) > 0 && path.Base(subs[0].Path) < e.Name && failed == nil {
			failed = s.replaySub(f, subs[0])
			subs = subs[1:]
		}
		switch {
		case failed != nil:
		case f.drops && s.goes(path.Join(f.path, e.Name), e.Removed):
			s.drop(path.Join(f.path, e.Name), &worktree.Item{Entry: e})
		default:
			failed = s.keepEntry(f, e)
		}
		return failed == nil
	})
	for _, d := range subs {
		if failed == nil {
			failed = s.replaySub(f, d)
		}
	}
	return failed
}

// replaySub is takeOver for a folder that may hold names which are tracked and not committed.
func (s *snapshot) replaySub(f *openFolder, d *worktree.IndexDir) error {
	if f.drops && s.goes(d.Path, d.Removed) {
		s.drop(d.Path, &worktree.Item{Sub: d})
		return nil
	}
	drops := f.drops && s.goesIn(d)
	if !d.Tree.ID.IsZero() && !drops {
		return s.takeOver(f, d)
	}
	sub := &openFolder{path: d.Path, name: path.Base(d.Path), parent: f, index: d, kept: true, drops: drops}
	if err := s.enter(sub); err != nil {
		return err
	}
	if err := s.replay(sub, ""); err != nil {
		return err
	}
	return s.leave(sub, false)
}

func (s *snapshot) keepEntry(f *openFolder, e *worktree.IndexEntry) error {
	if e.Added || e.Removed {
		f.partial = true
	}
	if e.Raw != nil {
		if _, err := objects.DecodeEntry(e.Raw, &s.scratch); err != nil {
			return fmt.Errorf("%s: %w", path.Join(f.path, e.Name), err)
		}
		if err := f.builder.AddEncoded(e.Raw, e.Name, 0, s.scratch.Size); err != nil {
			return err
		}
	}
	return f.block.Add(e)
}

func (s *snapshot) takeOver(f *openFolder, d *worktree.IndexDir) error {
	name := path.Base(d.Path)
	if err := f.builder.AddEncoded(d.Raw, name, d.Tree.Entries, d.Tree.Bytes); err != nil {
		return err
	}
	return s.writer.CopyDirs(s.index, d.Path)
}

// leave finishes a folder: its tree goes to the session, its block to the index, its entry to the folder above.
func (s *snapshot) leave(f *openFolder, complete bool) error {
	ref, err := f.builder.Finish()
	if err != nil {
		return fmt.Errorf("%s: %w", display(f.path), err)
	}
	s.builders = append(s.builders, f.builder)
	f.block.Complete = complete && !f.partial && !f.failed
	if !f.partial {
		f.block.Tree = ref
	}
	if f.parent == nil {
		s.root = ref
	} else if err := s.addFolder(f, ref); err != nil {
		return err
	}
	if err := s.writer.WriteDir(f.block); err != nil {
		return err
	}
	if f.scan != nil && !f.kept {
		f.scan.Release()
	}
	return nil
}

// addFolder adds a folder's own entry to the tree of the folder above.
func (s *snapshot) addFolder(f *openFolder, ref objects.TreeRef) error {
	var e, was objects.Entry
	known := f.index != nil && f.index.Raw != nil
	if f.kept && !known { // tracked, and not committed now
		f.parent.partial = true
		return nil
	}
	if known {
		if _, err := objects.DecodeEntry(f.index.Raw, &was); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	if f.kept || known && f.scan.Self == worktree.Unchanged {
		e = was
	} else if err := s.folderMeta(f, &e); err != nil {
		s.problem(f.path, err)
		f.block.Racy = true // the next commit looks again
		switch {
		case onlyXattrs(err):
		case known:
			e = was
		default:
			e = s.bareFolder(&f.scan.Stat)
		}
	}
	if !f.kept {
		s.countFolder(known, &was, &e)
	}
	if known && !f.kept && f.index.Removed { // and taken again
		s.result.noted = append(s.result.noted, worktree.IndexEdit{Path: f.path, Op: worktree.EditAddDir})
	}
	e.Name, e.Tree, e.Entries, e.Bytes = f.name, ref.ID, ref.Entries, ref.Bytes
	raw, err := objects.AppendEntry(nil, &e)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.block.Raw, f.block.Added = raw, false
	f.parent.partial = f.parent.partial || f.partial
	return f.parent.builder.AddEncoded(raw, f.name, ref.Entries, ref.Bytes)
}

func (s *snapshot) countFolder(known bool, was, is *objects.Entry) {
	switch {
	case !known:
		s.result.added++
	case len(entryDetails(was, is)) > 0:
		s.result.modified++
	}
}

func (s *snapshot) folderMeta(f *openFolder, e *objects.Entry) error {
	dir, err := f.parent.scan.Open()
	if err != nil {
		return err
	}
	st := f.scan.Stat
	return errors.Join(worktree.ReadMeta(dir, f.name, &st, &s.owners, e), dir.Close())
}

// bareFolder is what the scan saw of a folder whose metadata could not be read.
func (s *snapshot) bareFolder(st *vfs.Stat) objects.Entry {
	return objects.Entry{Type: objects.TypeDirectory, Mode: st.Perm & 0o7777, UID: st.UID, GID: st.GID,
		User: s.owners.User(st.UID), Group: s.owners.Group(st.GID), Mtime: objects.Time{Sec: st.Mtime.Sec, Nsec: st.Mtime.Nsec}}
}

func onlyXattrs(err error) bool {
	var x *worktree.XattrError
	return errors.As(err, &x)
}

// finished adds what a reader made of a name.
func (s *snapshot) finished(f *openFolder, j *fileJob) error {
	if j.err != nil {
		s.problem(j.path, j.err)
	}
	if j.raw == nil { // nothing came of it
		f.failed = true
		if j.gone && s.drops(j.path) {
			s.drop(j.path, &worktree.Item{Entry: &j.previous})
			return nil
		}
		if j.previous.Name == "" {
			return nil
		}
		return s.keepEntry(f, &j.previous)
	}
	switch {
	case j.isNew:
		s.result.added++
	case !bytes.Equal(j.raw, j.previous.Raw):
		s.result.modified++
		if j.marked && len(s.result.marked) < maxListed {
			s.result.marked = append(s.result.marked, j.path)
		}
	case j.previous.Removed: // and taken again
		s.result.noted = append(s.result.noted, worktree.IndexEdit{Path: j.path, Op: worktree.EditAdd})
	default:
		s.result.noted = append(s.result.noted, worktree.IndexEdit{Path: j.path, Op: worktree.EditKey, Key: j.key})
	}
	s.result.read += j.read
	if err := f.builder.AddEncoded(j.raw, j.name, 0, j.size); err != nil {
		return err
	}
	return f.block.Add(&worktree.IndexEntry{Name: j.name, Key: j.key, Raw: j.raw})
}
