package worktree

import (
	"context"
	"errors"
	"slices"
	"sync"

	"evault/internal/vfs"
	"evault/objects"
)

// statusRun is one status: the consumer of the scan, and workers that read what must be read.
type statusRun struct {
	o       StatusOptions
	scanner *Scanner
	jobs    chan statusJob
	wg      sync.WaitGroup

	mu  sync.Mutex
	res StatusResult
}

// statusJob is the suspects of one directory.
type statusJob struct {
	path   string
	open   func() (vfs.Dir, error)
	self   *suspect // the directory itself, looked at from its parent
	parent func() (vfs.Dir, error)
	items  []suspect
}

// suspect is one name that may have changed.
type suspect struct {
	path string
	name string
	st   vfs.Stat
	raw  []byte
}

func runStatus(ctx context.Context, o StatusOptions) (*StatusResult, error) {
	if o.Owners == nil {
		o.Owners = new(Owners)
	}
	r := &statusRun{o: o, scanner: NewScanner(ctx, o.Scan), jobs: make(chan statusJob, 64)}
	for range r.scanner.o.Workers {
		r.wg.Go(func() { r.work(ctx) })
	}
	err := r.visit("", nil)
	close(r.jobs)
	r.wg.Wait()
	if err := errors.Join(err, r.scanner.Close(), ctx.Err()); err != nil {
		return nil, err
	}
	slices.SortFunc(r.res.Changes, func(a, b Change) int {
		if c := comparePaths(a.Path, b.Path); c != 0 {
			return c
		}
		return int(b.Kind) - int(a.Kind) // D before ?
	})
	byPath := func(a, b ScanProblem) int { return comparePaths(a.Path, b.Path) }
	slices.SortStableFunc(r.res.Problems, byPath)
	slices.SortStableFunc(r.res.Notes, byPath)
	return &r.res, nil
}

func (r *statusRun) visit(path string, parent *DirScan) error {
	d, err := r.scanner.Dir(path)
	if err != nil {
		return err
	}
	defer d.Release()
	if d.Err != nil {
		r.problem(path, d.Err)
		return nil
	}
	r.directory(d, parent)
	for {
		if err := r.items(d); err != nil || d.Last {
			return err
		}
		if err := r.scanner.More(d); err != nil {
			return err
		}
	}
}

// directory reports on d itself.
func (r *statusRun) directory(d, parent *DirScan) {
	switch {
	case d.LeftOut():
		r.note(d.Path, ErrNestedVault)
	case d.Index == nil && !d.merge.node.trackNew:
		if parent != nil && len(d.Items) == 0 && d.Last && d.merge.node.sel == nil {
			r.change(Change{Path: d.Path, Kind: ChangeUntracked, Dir: true})
		}
	case d.Index == nil || d.Index.Added:
		if parent != nil {
			r.change(Change{Path: d.Path, Kind: ChangeAdded, Dir: true})
		}
	case d.Self == Suspect && d.Index.Raw != nil && parent != nil:
		_, name := splitPath(d.Path)
		self := suspect{d.Path, name, d.Stat, d.Index.Raw}
		r.jobs <- statusJob{path: d.Path, self: &self, parent: parent.opener()}
	}
}

func (r *statusRun) items(d *DirScan) error {
	var found []suspect
	for i := range d.Items {
		it := &d.Items[i]
		if it.State == Unchanged {
			continue
		}
		path := joinPath(d.Path, it.Name)
		if it.State == Suspect {
			found = append(found, suspect{path, it.Name, it.Stat, it.Entry.Raw})
			continue
		}
		r.item(path, it)
		if it.Descend {
			if err := r.visit(path, d); err != nil {
				return err
			}
		}
	}
	if found != nil {
		r.jobs <- statusJob{path: d.Path, open: d.opener(), items: found}
	}
	return nil
}

// item reports on a name whose state says enough.
func (r *statusRun) item(path string, it *Item) {
	dir := it.Stat.Type == vfs.Directory
	switch it.State {
	case Added:
		r.change(Change{Path: path, Kind: ChangeAdded})
	case Missing, Removed:
		r.gone(path, it)
	case TypeChanged:
		r.change(Change{Path: path, Kind: ChangeType, Dir: dir})
	case Untracked, Ignored:
		r.gone(path, it)
		if dir && it.State == Untracked && r.holdsVault(path) {
			r.note(path, ErrNestedVault)
			return
		}
		kind := ChangeUntracked
		if it.State == Ignored {
			kind = ChangeIgnored
		}
		r.change(Change{Path: path, Kind: kind, Dir: dir})
	case Subdir: // what is in it is reported when it is visited
		if sub := it.Sub; sub != nil {
			r.change(Change{Path: path, Kind: ChangeDeleted, Dir: true, Removed: sub.Removed})
			it.Sub = nil
		}
		r.gone(path, it)
	case Unreadable:
		r.problem(path, it.Err)
	case Skipped:
		r.gone(path, it)
		r.note(path, it.Err)
	}
}

// holdsVault looks into an untracked directory, which is reported as one and not walked.
func (r *statusRun) holdsVault(path string) bool {
	_, err := r.o.Scan.Root.LstatStat(joinPath(path, vaultDir))
	return err == nil
}

// gone reports what the index holds under a name and the disk, or the tracked set, does not.
func (r *statusRun) gone(path string, it *Item) {
	if e := it.Entry; e != nil && (e.Raw != nil || it.State == Missing) {
		r.change(Change{Path: path, Kind: ChangeDeleted, Removed: e.Removed})
	}
	if it.Sub != nil {
		r.goneDir(it.Sub)
	}
}

func (r *statusRun) goneDir(d *IndexDir) {
	r.change(Change{Path: d.Path, Kind: ChangeDeleted, Dir: true, Removed: d.Removed})
	d.Each(func(e *IndexEntry) bool {
		r.change(Change{Path: joinPath(d.Path, e.Name), Kind: ChangeDeleted, Removed: e.Removed})
		return true
	})
	d.Subdirs(func(s *IndexDir) bool {
		r.goneDir(s)
		return true
	})
}

func (r *statusRun) change(c Change) {
	r.mu.Lock()
	r.res.Changes = append(r.res.Changes, c)
	r.mu.Unlock()
}

func (r *statusRun) problem(path string, err error) {
	r.mu.Lock()
	r.res.Problems = append(r.res.Problems, ScanProblem{path, err})
	r.mu.Unlock()
}

func (r *statusRun) note(path string, err error) {
	r.mu.Lock()
	r.res.Notes = append(r.res.Notes, ScanProblem{path, err})
	r.mu.Unlock()
}

// work compares suspects until there are no more.
func (r *statusRun) work(ctx context.Context) {
	var sink objects.Sink
	if r.o.NewHash != nil {
		sink = r.o.NewHash()
	}
	reader := NewFileReader(r.o.Chunker, r.o.Owners, sink)
	for job := range r.jobs {
		if ctx.Err() == nil {
			r.compareAll(reader, &job)
		}
	}
}

func (r *statusRun) compareAll(reader *FileReader, job *statusJob) {
	open, items := job.open, job.items
	if job.self != nil {
		open, items = job.parent, []suspect{*job.self}
	}
	dir, err := open()
	if err != nil {
		r.problem(job.path, err)
		return
	}
	for i := range items {
		r.compareOne(reader, dir, &items[i])
	}
	if err := dir.Close(); err != nil {
		r.problem(job.path, err)
	}
}

// compareOne compares one suspect, again if it is changing under our eyes.
func (r *statusRun) compareOne(reader *FileReader, dir vfs.Dir, s *suspect) {
	var detail Detail
	var err error
	for try := 0; try < 3; try++ {
		detail, err = compareEntry(reader, dir, s, r.o.Details)
		if !errors.Is(err, ErrChanged) {
			break
		}
		if err := dir.Lstat(s.name, &s.st); err != nil {
			break
		}
	}
	switch {
	case errors.Is(err, errOtherType):
		r.change(Change{Path: s.path, Kind: ChangeType})
	case err != nil:
		r.problem(s.path, err)
	case detail != 0:
		r.change(Change{Path: s.path, Kind: ChangeModified, Detail: detail, Dir: s.st.Type == vfs.Directory})
	default:
		r.refreshed(s)
	}
}

func (r *statusRun) refreshed(s *suspect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Read++
	if s.st.Type != vfs.Directory {
		r.res.Refreshed = append(r.res.Refreshed, IndexEdit{Path: s.path, Op: EditKey, Key: KeyOf(&s.st)})
	}
}
