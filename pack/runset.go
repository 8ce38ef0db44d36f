package pack

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"evault/internal/vfs"
	"evault/objects"
)

const (
	runsDir   = "objects"
	runSuffix = ".run"
	// mergeFactor decides when runs are merged: when one is less than so many times larger than all smaller ones
	// together. So there are only logarithmically many, and each record is copied logarithmically often.
	mergeFactor = 2
)

// runSet is the local object index: a few runs, the largest first. Lookups go on beside one writer.
type runSet struct {
	fs  vfs.FS
	crc *crc32.Table

	writing sync.Mutex   // held by whoever changes the set, during all of the change
	mu      sync.RWMutex // guards runs and doubted, and that no run in use is unmapped
	runs    []*run
	doubted map[Name]struct{} // live packs that are not verified

	// Packs that were verified after a run was written, and how many of them are not on disk yet; see verified.go. They are
	// used under writing only.
	marks   map[Name]struct{}
	unsaved int
}

// has reports whether some run knows the ID in a live pack that is verified; doubtful, if none does, whether one knows it in
// a pack that is not. Bad names the run that is damaged.
func (s *runSet) has(id *objects.ID) (found, doubtful bool, bad *run) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.runs {
		yes, perhaps, err := r.has(id)
		if err != nil {
			return false, false, r
		}
		if yes {
			return true, false, nil
		}
		doubtful = doubtful || perhaps
	}
	return false, doubtful, nil
}

// locate gives all places of an ID in live packs.
func (s *runSet) locate(id *objects.ID) ([]Location, *run) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []Location
	for _, r := range s.runs {
		err := r.find(id, func(rec record) bool {
			found = append(found, Location{Pack: r.packName(rec.pack), Frame: rec.frame, Place: rec.place})
			return true
		})
		if err != nil {
			return nil, r
		}
	}
	return found, nil
}

// first gives one place of an ID without allocating, if possible in a pack that is verified: an object whose true place is
// known is not looked for where a pack only claims to hold it.
func (s *runSet) first(id *objects.ID) (loc Location, ok bool, bad *run) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.runs {
		sure := false
		err := r.find(id, func(rec record) bool {
			if sure = r.verified[rec.pack]; sure || !ok {
				loc = Location{Pack: r.packName(rec.pack), Frame: rec.frame, Place: rec.place}
				ok = true
			}
			return !sure
		})
		if err != nil {
			return Location{}, false, r
		}
		if sure {
			break
		}
	}
	return loc, ok, nil
}

// setLive marks in every run which packs are in the store and which are verified, and gives the packs that no run covers.
func (s *runSet) setLive(present map[Name]struct{}) (uncovered []Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	covered := s.statuses()
	s.doubted = nil
	for _, r := range s.runs {
		for i := range r.live {
			name := r.packName(uint32(i))
			_, r.live[i] = present[name]
			r.verified[i] = covered[name]
			if r.live[i] && !r.verified[i] {
				s.doubt(name)
			}
		}
	}
	for name := range present {
		if _, ok := covered[name]; !ok {
			uncovered = append(uncovered, name)
		}
	}
	slices.SortFunc(uncovered, func(a, b Name) int { return strings.Compare(string(a[:]), string(b[:])) })
	return uncovered
}

// markLive says whether what the runs know of a pack counts.
func (s *runSet) markLive(name Name, live bool) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		for i := range r.live {
			if r.packName(uint32(i)) != name {
				continue
			}
			if r.live[i] = live; live && !r.verified[i] {
				s.doubt(name)
			}
			if !live {
				delete(s.doubted, name)
			}
		}
	}
}

// revive makes those of the packs live that some run knows, and gives the others, each once. A pack may come back after it
// was missing; what was verified of it stays so, because its name says what it holds.
func (s *runSet) revive(names []Name) (unknown []Name) {
	wanted := make(map[Name]bool, len(names)) // known?
	for _, name := range names {
		wanted[name] = false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		for i := range r.live {
			name := r.packName(uint32(i))
			if _, ok := wanted[name]; !ok {
				continue
			}
			wanted[name], r.live[i] = true, true
			if !r.verified[i] {
				s.doubt(name)
			}
		}
	}
	for _, name := range names {
		if known, again := wanted[name]; again && !known {
			unknown = append(unknown, name)
			delete(wanted, name)
		}
	}
	return unknown
}

// empty reports whether no pack is known.
func (s *runSet) empty() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.runs) == 0
}

// load maps the runs on disk. What stands in the way is returned and is no reason to stop: the index is a cache.
func (s *runSet) load() (problems error) {
	entries, err := s.fs.ReadDir(runsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err, s.loadMarks()}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), runSuffix) {
			errs = append(errs, s.loadRun(e.Name()))
		}
	}
	s.sortRuns()
	return errors.Join(errs...)
}

// loadRun maps one run. A file that is no run, or of another version, is removed if possible.
func (s *runSet) loadRun(file string) error {
	m, err := s.fs.Map(path.Join(runsDir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody merged it meanwhile; packs that are not covered now are read again
	}
	if err != nil {
		return err
	}
	r, err := openRun(file, m, s.crc)
	if err != nil {
		return errors.Join(m.Close(), s.removeFile(file))
	}
	s.runs = append(s.runs, r)
	return nil
}

func (s *runSet) sortRuns() {
	slices.SortStableFunc(s.runs, func(a, b *run) int {
		switch {
		case a.records > b.records:
			return -1
		case a.records < b.records:
			return 1
		}
		return 0
	})
}

func (s *runSet) removeFile(file string) error {
	err := s.fs.Remove(path.Join(runsDir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// create makes a run of records on disk or, if that fails, in memory. The run is not yet in the set.
func (s *runSet) create(packs []knownPack, fill func(w *runWriter) error) (*run, error) {
	if r, err := s.createFile(packs, fill); err == nil {
		return r, nil
	}
	return s.createInMemory(packs, fill)
}

func (s *runSet) createInMemory(packs []knownPack, fill func(w *runWriter) error) (*run, error) {
	var m memoryRun
	if err := writeRun(&m, s.crc, packs, fill); err != nil {
		return nil, err
	}
	return openRun("", vfs.NewMapping(m.data, nil), s.crc)
}

// createFile makes a run on disk. All packs in its table count as live.
func (s *runSet) createFile(packs []knownPack, fill func(w *runWriter) error) (*run, error) {
	if err := s.fs.Mkdir(runsDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	var random [12]byte
	rand.Read(random[:]) // never fails: it ends the process instead
	base := hex.EncodeToString(random[:])
	temp, file := path.Join(runsDir, vfs.TempPrefix+base), base+runSuffix
	f, err := s.fs.OpenHandle(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = writeRun(f, s.crc, packs, fill)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, s.fs.Remove(temp))
	}
	if err := s.fs.Rename(temp, path.Join(runsDir, file)); err != nil {
		return nil, errors.Join(err, s.fs.Remove(temp))
	}
	m, err := s.fs.Map(path.Join(runsDir, file))
	if err != nil {
		return nil, errors.Join(err, s.removeFile(file))
	}
	r, err := openRun(file, m, s.crc)
	if err != nil {
		return nil, errors.Join(err, m.Close(), s.removeFile(file))
	}
	return r, nil
}

func writeRun(f runFile, crc *crc32.Table, packs []knownPack, fill func(w *runWriter) error) error {
	w, err := newRunWriter(f, crc, packs)
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		return err
	}
	return w.finish()
}

// insert puts a new run into the set and merges what has become too small beside it. s.writing is held.
// If merging fails the set is still right. The damaged run, if that is why, is named.
func (s *runSet) insert(r *run) (bad *run, err error) {
	s.mu.Lock()
	s.agree(r)
	s.runs = append(s.runs, r)
	s.sortRuns()
	tail := s.runs[s.mergeFrom():]
	s.mu.Unlock()
	if len(tail) < 2 {
		return nil, nil
	}
	return s.merge(slices.Clone(tail))
}

// mergeFrom gives the first of the runs at the end that are too small to stay apart.
func (s *runSet) mergeFrom() int {
	i := len(s.runs) - 1
	sum := s.runs[i].records
	for i > 0 && s.runs[i-1].records <= mergeFactor*sum {
		i--
		sum += s.runs[i].records
	}
	return i
}

// merge replaces runs by one. s.writing is held.
func (s *runSet) merge(old []*run) (bad *run, err error) {
	packs, cursors := mergedTable(old)
	merged, err := s.createFile(packs, func(w *runWriter) error { return mergeRecords(w, cursors) })
	if err != nil {
		if errors.Is(err, errRun) {
			return firstDamaged(old), err
		}
		return nil, err
	}
	return nil, s.replace(old, merged)
}

// firstDamaged finds which run a failed merge stumbled on.
func firstDamaged(runs []*run) *run {
	for _, r := range runs {
		c := &cursor{run: r, remap: make([]uint32, r.packs())}
		for {
			if err := c.next(); err != nil {
				return r
			}
			if !c.ok {
				break
			}
		}
	}
	return nil
}

// replace takes old runs out of the set and their files off the disk, and puts in new ones. s.writing is held.
func (s *runSet) replace(old []*run, fresh ...*run) error {
	s.mu.Lock()
	s.runs = slices.DeleteFunc(s.runs, func(r *run) bool { return slices.Contains(old, r) })
	s.runs = append(s.runs, fresh...)
	s.sortRuns()
	s.mu.Unlock()
	var errs []error
	for _, r := range old { // nobody can be reading them now: readers hold mu
		errs = append(errs, r.close())
		if r.file != "" {
			errs = append(errs, s.removeFile(r.file))
		}
	}
	return errors.Join(errs...)
}

func (s *runSet) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, r := range s.runs {
		errs = append(errs, r.close())
	}
	s.runs = nil
	return errors.Join(errs...)
}

// addSorted sorts records and adds them to a run.
func addSorted(w *runWriter, recs []record) error {
	slices.SortFunc(recs, func(a, b record) int { return compareRecords(&a, &b) })
	for i := range recs {
		if err := w.add(&recs[i]); err != nil {
			return err
		}
	}
	return nil
}
