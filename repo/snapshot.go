package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"sync"
	"syscall"

	"evault/internal/ignore"
	"evault/internal/vfs"
	"evault/objects"
	"evault/pack"
	"evault/worktree"
)

// A snapshot turns the work tree into trees of objects. Three kinds of goroutine take part:
//
//	producer    one, the caller's: walks the scan and decides for each name whether it is as HEAD's tree holds it,
//	            must be read, or is dropped. What it decides goes into a queue, in tree order.
//	readers     one for each processor: read, chunk, hash, compress and seal files, a batch of neighbours at a time,
//	            so that what lies together in the tree lies together in a frame.
//	assembler   the caller's goroutine again, between two steps of the producer: takes from the front of the queue
//	            what is ready and writes trees and the new index.
//
// Memory is bounded by the batches under way, not by the tree. A folder in which nothing differs, with everything below
// it, is never opened up: its tree and its part of the index are taken over whole. That is what makes a commit of one
// changed file cheap.
type snapshot struct {
	repo    *Repository
	ctx     context.Context
	cancel  context.CancelCauseFunc
	o       snapshotOptions
	index   *worktree.Index
	scanner *worktree.Scanner
	session *pack.Session
	meta    *pack.Frames // the assembler's
	writer  *worktree.IndexWriter
	readers *readers
	links   worktree.Links
	// seedLinks fills links from the index, once.
	seedLinks sync.Once
	seedErr   error
	owners    worktree.Owners
	meter     *meter
	asOf      vfs.Time // the filesystem's clock when the scan began

	queue    eventQueue
	batch    *batch // being filled
	builders []*objects.TreeBuilder
	result   snapshotResult
	root     objects.TreeRef
	scratch  objects.Entry
}

// snapshotOptions say what a commit takes.
type snapshotOptions struct {
	trackNew    bool     // take untracked names that are not ignored, and drop what is missing
	paths       []string // only these; the rest stays as HEAD holds it. Missing ones among them are dropped.
	ignore      *ignore.Stack
	storedTrees bool // write trees even where nothing differs: for the first commit of a branch
}

// snapshotResult counts what a snapshot found.
type snapshotResult struct {
	tree                     objects.TreeRef
	added, modified, deleted int64
	read                     int64 // bytes of files that were read
	missing                  []string
	missingCount             int64
	marked                   []string // texts with conflict markers, of those that differ from HEAD
	problems                 []Problem
	notes                    []string
	// noted is for the index where there is nothing to commit: files that were read and found as they were, what rm had
	// dropped and is taken again, and names that were never committed and are gone.
	noted []worktree.IndexEdit
}

// changed reports whether anything differs from HEAD that makes a commit worth it. The times of folders do not.
func (r *snapshotResult) changed() bool { return r.added+r.modified+r.deleted > 0 }

const (
	maxListed     = 1000    // problems and missing paths that are named
	batchBytes    = 1 << 20 // file bytes after which a batch goes to the readers
	batchFiles    = 256
	queueCapacity = 64 << 10 // names the producer may be ahead of the assembler
)

// newSnapshot prepares a snapshot; run does the work and close ends it in any case.
func (r *Repository) newSnapshot(ctx context.Context, index *worktree.Index, o snapshotOptions, m *meter) (*snapshot, error) {
	sealer, err := r.vault.LocalSealer(indexPurpose)
	if err != nil {
		return nil, err
	}
	asOf, err := worktree.Now(r.local)
	if err != nil {
		return nil, err
	}
	s := &snapshot{repo: r, o: o, index: index, meter: m, asOf: asOf}
	if s.writer, err = worktree.NewIndexWriter(r.local, indexName, sealer, asOf); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.scanner = worktree.NewScanner(s.ctx, worktree.ScanOptions{
		Root: r.places.Work, Index: index, Ignore: o.ignore, Paths: o.paths, TrackNew: o.trackNew,
	})
	return s, nil
}

// close gives everything back that run has not handed over.
func (s *snapshot) close() error {
	s.cancel(errSnapshotOver)
	if s.readers != nil {
		s.readers.abandon()
	}
	s.scanner.Close()
	errs := []error{s.writer.Abort()}
	if s.session != nil {
		errs = append(errs, s.session.Abort())
	}
	return errors.Join(errs...)
}

var errSnapshotOver = errors.New("snapshot is over")

// begin opens the session and starts the readers, when the first name needs them.
func (s *snapshot) begin() error {
	if s.session != nil {
		return nil
	}
	db, err := s.repo.database()
	if err != nil {
		return err
	}
	s.session = db.NewSession(pack.SessionOptions{})
	s.meta = s.session.NewFrames()
	s.readers = startReaders(s.ctx, s.cancel, s, s.repo.workers())
	return nil
}

func (r *Repository) workers() int {
	if n := r.config.Core.Workers; n > 0 {
		return n
	}
	return max(runtime.GOMAXPROCS(0), 2)
}

// run takes the whole snapshot. The caller commits the session and the index writer, in this order.
func (s *snapshot) run() (*snapshotResult, error) {
	root := &folder{}
	if err := s.visit(root); err != nil {
		return nil, s.cause(err)
	}
	if err := s.flushBatch(); err != nil {
		return nil, s.cause(err)
	}
	if err := s.assemble(true); err != nil {
		return nil, s.cause(err)
	}
	if s.readers != nil {
		if err := s.readers.finish(); err != nil {
			return nil, s.cause(err)
		}
		if err := s.meta.Flush(); err != nil {
			return nil, err
		}
	}
	if root.open == nil { // nothing differs at all
		s.root = root.index.Tree
		if err := s.writer.CopyDirs(s.index, ""); err != nil {
			return nil, err
		}
	}
	s.result.tree = s.root
	return &s.result, nil
}

// cause prefers the reason for which everything was stopped to what stopping led to.
func (s *snapshot) cause(err error) error {
	if c := context.Cause(s.ctx); c != nil && c != errSnapshotOver {
		return c
	}
	return err
}

// folder is a directory on the producer's way.
type folder struct {
	path   string
	name   string
	parent *folder
	scan   *worktree.DirScan
	index  *worktree.IndexDir // nil if it is not tracked
	open   *openFolder        // nil while nothing differs
	exact  bool               // the scan's word that the folder holds just the tracked names still stands
}

// visit walks one folder. The folder's tree is in the queue when it returns, or folder.open is nil.
func (s *snapshot) visit(f *folder) error {
	d, err := s.scanner.Dir(f.path)
	if err != nil {
		return err
	}
	f.scan, f.index = d, d.Index
	if d.Err != nil {
		return s.unreadableFolder(f, d.Err)
	}
	if d.LeftOut() {
		s.note(f.path, worktree.ErrNestedVault)
		f.parent.exact = false
		d.Release()
		return nil
	}
	if f.index == nil || f.index.Tree.ID.IsZero() || d.Self != worktree.Unchanged && f.parent != nil || s.o.storedTrees {
		if err := s.openUp(f, ""); err != nil {
			return err
		}
	}
	f.exact = true
	for {
		for i := range d.Items {
			if err := s.item(f, &d.Items[i]); err != nil {
				return err
			}
		}
		if d.Last {
			break
		}
		if err := s.scanner.More(d); err != nil {
			return err
		}
	}
	s.meter.items.Add(1)
	if f.open == nil {
		d.Release()
		return nil
	}
	return s.push(event{kind: leaveFolder, folder: f.open, complete: d.Complete && f.exact})
}

// unreadableFolder says that a folder cannot be read. What HEAD holds of it is kept, as of one in which nothing differs.
func (s *snapshot) unreadableFolder(f *folder, cause error) error {
	if f.parent == nil {
		return cause
	}
	s.problem(f.path, cause)
	f.parent.exact = false // the next scan must meet it again
	return nil
}

// openUp begins to build a folder anew, and those above it. What lies before the name upTo is as HEAD holds it.
func (s *snapshot) openUp(f *folder, upTo string) error {
	if f.open != nil {
		return nil
	}
	if err := s.begin(); err != nil {
		return err
	}
	var above *openFolder
	if f.parent != nil {
		if err := s.openUp(f.parent, f.name); err != nil {
			return err
		}
		above = f.parent.open
	}
	f.open = &openFolder{path: f.path, name: f.name, parent: above, scan: f.scan, index: f.index}
	if err := s.push(event{kind: enterFolder, folder: f.open}); err != nil {
		return err
	}
	if upTo == "" || f.index == nil {
		return nil
	}
	return s.push(event{kind: replay, folder: f.open, name: upTo})
}

// item decides about one name.
func (s *snapshot) item(f *folder, it *worktree.Item) error {
	switch it.State {
	case worktree.Untracked, worktree.Ignored:
		return nil
	case worktree.Unchanged:
		return s.unchanged(f, it)
	case worktree.Unselected, worktree.Removed:
	default:
		s.replaced(path.Join(f.path, it.Name), it)
	}
	if it.Descend {
		return s.descend(f, it)
	}
	if it.State == worktree.Skipped {
		return s.skip(f, it)
	}
	if err := s.openUp(f, it.Name); err != nil {
		return err
	}
	switch it.State {
	case worktree.Suspect, worktree.Added:
		return s.read(f, it)
	case worktree.TypeChanged:
		return s.typeChanged(f, it)
	case worktree.Missing:
		return s.missing(f, it)
	case worktree.Removed:
		return s.removed(f, it)
	case worktree.Unselected:
		return s.keep(f.open, it, false)
	case worktree.Unreadable:
		s.problem(path.Join(f.path, it.Name), it.Err)
		f.exact = false
		return s.keep(f.open, it, false)
	}
	return fmt.Errorf("%s: scan says %v, which a commit does not know", path.Join(f.path, it.Name), it.State)
}

func (s *snapshot) unchanged(f *folder, it *worktree.Item) error {
	s.meter.items.Add(1)
	if f.open == nil {
		return nil
	}
	return s.push(event{kind: keepEntry, folder: f.open, entry: *it.Entry})
}

// replaced drops what rm has noted of a name under which something else is tracked now: a folder for a file, or a file for
// a folder.
func (s *snapshot) replaced(full string, it *worktree.Item) {
	if it.Entry == nil {
		return
	}
	if it.Entry.Removed && (it.Descend || it.Sub != nil) {
		s.drop(full, &worktree.Item{Entry: it.Entry})
		it.Entry = nil
	} else if it.Entry.Tracked() && it.Sub != nil && it.Sub.Removed {
		s.drop(full, &worktree.Item{Sub: it.Sub})
		it.Sub = nil
	}
}

func (s *snapshot) descend(f *folder, it *worktree.Item) error {
	sub := &folder{path: path.Join(f.path, it.Name), name: it.Name, parent: f}
	wasFile := it.State == worktree.TypeChanged
	if wasFile && !s.o.trackNew && !s.drops(sub.path) { // only -A, or naming it, takes the folder for the file
		if err := s.openUp(f, it.Name); err != nil {
			return err
		}
		return s.missing(f, it)
	}
	if err := s.visit(sub); err != nil {
		return err
	}
	switch {
	case sub.open != nil && wasFile:
		s.drop(path.Join(f.path, it.Name), it)
	case sub.open != nil:
	case wasFile: // and the folder cannot be read
		if err := s.openUp(f, it.Name); err != nil {
			return err
		}
		return s.keep(f.open, it, false)
	case sub.index != nil && (f.open != nil || sub.index.Tree.ID.IsZero()):
		if err := s.openUp(f, it.Name); err != nil {
			return err
		}
		return s.keepFolder(f.open, it.Name, sub.index, false)
	}
	return nil
}

func (s *snapshot) skip(f *folder, it *worktree.Item) error {
	s.note(path.Join(f.path, it.Name), it.Err)
	if it.Entry == nil && it.Sub == nil {
		return nil
	}
	if err := s.openUp(f, it.Name); err != nil {
		return err
	}
	return s.keep(f.open, it, false)
}

func (s *snapshot) typeChanged(f *folder, it *worktree.Item) error {
	if it.Sub != nil && !s.drops(path.Join(f.path, it.Name)) {
		return s.missing(f, it)
	}
	if it.Sub != nil {
		s.drop(path.Join(f.path, it.Name), it)
	}
	return s.read(f, it)
}

// drops reports whether a name that is gone from the disk is to go from the snapshot too.
func (s *snapshot) drops(full string) bool {
	if len(s.o.paths) > 0 {
		return pathsCover(s.o.paths, full)
	}
	return s.o.trackNew
}

func (s *snapshot) missing(f *folder, it *worktree.Item) error {
	full := path.Join(f.path, it.Name)
	if s.drops(full) || it.Sub != nil && !holdsFiles(it.Sub) { // an empty folder goes with its last file
		s.drop(path.Join(f.path, it.Name), it)
		return nil
	}
	f.exact = false
	s.result.missingCount++
	if len(s.result.missing) < maxListed {
		s.result.missing = append(s.result.missing, full)
	}
	return s.keep(f.open, it, true)
}

// drop counts what goes from the snapshot with a name.
func (s *snapshot) drop(full string, it *worktree.Item) {
	before := s.result.deleted
	if it.Entry != nil && it.Entry.Raw != nil {
		s.result.deleted++
	}
	if it.Sub != nil {
		s.result.deleted += committedNames(it.Sub)
	}
	if s.result.deleted == before {
		s.result.noted = append(s.result.noted, worktree.IndexEdit{Path: full, Op: worktree.EditRemove})
	}
}

// committedNames counts a folder of the index and what HEAD holds in it.
func committedNames(d *worktree.IndexDir) int64 {
	n := int64(0)
	if d.Raw != nil {
		n++
	}
	d.Each(func(e *worktree.IndexEntry) bool {
		if e.Raw != nil {
			n++
		}
		return true
	})
	d.Subdirs(func(sub *worktree.IndexDir) bool { n += committedNames(sub); return true })
	return n
}

// holdsFiles reports whether a folder of the index holds a name that is still tracked.
func holdsFiles(d *worktree.IndexDir) bool {
	found := false
	d.Each(func(e *worktree.IndexEntry) bool {
		found = e.Tracked()
		return !found
	})
	if !found {
		d.Subdirs(func(sub *worktree.IndexDir) bool {
			found = holdsFiles(sub)
			return !found
		})
	}
	return found
}

func (s *snapshot) removed(f *folder, it *worktree.Item) error {
	if len(s.o.paths) > 0 && !pathsCover(s.o.paths, path.Join(f.path, it.Name)) {
		return s.keep(f.open, it, true)
	}
	s.result.deleted++
	return nil
}

// keep takes a name over as the index has it: a file, a folder, or a file that rm has dropped and the folder that add has
// put in its place. A folder that is gone loses those of its names that the commit was asked for.
func (s *snapshot) keep(open *openFolder, it *worktree.Item, gone bool) error {
	if it.Entry != nil {
		if err := s.push(event{kind: keepEntry, folder: open, entry: *it.Entry}); err != nil {
			return err
		}
	}
	if it.Sub != nil {
		return s.keepFolder(open, it.Name, it.Sub, gone)
	}
	return nil
}

// keepFolder takes over a whole folder from the index without looking at the disk.
func (s *snapshot) keepFolder(parent *openFolder, name string, d *worktree.IndexDir, gone bool) error {
	drops := gone && s.goesIn(d)
	if !d.Tree.ID.IsZero() && !drops {
		return s.push(event{kind: takeOver, folder: parent, sub: d})
	}
	open := &openFolder{path: d.Path, name: name, parent: parent, index: d, kept: true, drops: drops}
	if err := s.push(event{kind: enterFolder, folder: open}); err != nil {
		return err
	}
	if err := s.push(event{kind: replay, folder: open}); err != nil {
		return err
	}
	return s.push(event{kind: leaveFolder, folder: open})
}

// goes reports whether a name in a folder that is gone is to go from the snapshot: rm dropped it, or it was asked for.
func (s *snapshot) goes(full string, removed bool) bool {
	if len(s.o.paths) > 0 {
		return pathsCover(s.o.paths, full)
	}
	return removed
}

// goesIn reports whether goes may hold of a name in a folder of the index.
func (s *snapshot) goesIn(d *worktree.IndexDir) bool {
	if len(s.o.paths) > 0 {
		return pathsTouch(s.o.paths, d.Path)
	}
	return d.Tree.ID.IsZero()
}

func (s *snapshot) problem(full string, err error) {
	if len(s.result.problems) < maxListed {
		s.result.problems = append(s.result.problems, Problem{full, err})
	}
}

func (s *snapshot) note(full string, err error) {
	if len(s.result.notes) < maxListed {
		s.result.notes = append(s.result.notes, fmt.Sprintf("%s: %v", full, err))
	}
}

// read gives a name to the readers.
func (s *snapshot) read(f *folder, it *worktree.Item) error {
	j := &fileJob{dir: f.scan, path: path.Join(f.path, it.Name), name: it.Name, stat: it.Stat}
	if it.Entry != nil {
		j.previous, j.isNew = *it.Entry, it.Entry.Raw == nil
	} else {
		j.isNew = true
	}
	if s.batch == nil {
		s.batch = newBatch()
	}
	s.batch.add(j)
	if s.batch.full() {
		if err := s.flushBatch(); err != nil {
			return err
		}
	}
	return s.push(event{kind: readEntry, folder: f.open, job: j})
}

func (s *snapshot) flushBatch() error {
	if s.batch == nil {
		return nil
	}
	b := s.batch
	s.batch = nil
	return s.readers.give(b)
}

// isGone reports whether an error says that a name is not there any more, or that a folder above it is none.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }
