package pack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"

	"evault/internal/vfs"
	"evault/objects"
)

// Which packs are verified
//
// A member who means harm can seal a pack whose index says that it holds objects which it does not hold. To read from such
// a pack does no harm, because every read recomputes the ID. But a commit that leaves an object out, because that index
// claims it, would lose it. So a commit relies on a pack only after all of it was opened and every ID recomputed: when this
// program wrote it, or in VerifyPack.
//
// What is kept is which packs are verified, not which are not, because everything that can go wrong then errs to the safe
// side. The table of every run says it, and the file objects/verified names those that passed after their run was written:
//
//	magic "evltvrf1" | pack names (32 each) ascending | SHA-256 of all that
//
// Neither file is synced, and either may be lost or damaged. A pack that no run knows, because it was copied into the store
// by hand, because a crash came between Receive and Adopt, or because the index was lost, is unverified. So is one whose run
// is there and that the file does not name. The price of a lost index is that packs are verified anew, each the first time
// that a commit finds something in it.
const (
	marksName  = runsDir + "/verified"
	marksMagic = "evltvrf1"
	maxMarks   = 1 << 22
	// saveEvery is how many packs may pass before the file is written again: to verify many costs little writing, and what
	// a kill loses is verified again.
	saveEvery = 256
)

// Unverified lists the packs that are known and were not verified yet, ascending. They can be read like all others.
func (db *DB) Unverified() []Name {
	db.set.mu.RLock()
	defer db.set.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(db.set.doubted), compareNames)
}

func compareNames(a, b Name) int { return slices.CompareFunc(a[:], b[:], cmp.Compare[byte]) }

// hasDoubtful is Has for an object that only packs name which are not verified.
func (db *DB) hasDoubtful(id objects.ID) bool {
	for _, loc := range db.locateAll(id) {
		if db.EnsureVerified(context.Background(), loc.Pack) == nil {
			return true
		}
	}
	return false
}

// trials are the packs that were or are being verified because somebody relies on them, so that each is verified once.
type trials struct {
	mu  sync.Mutex
	all map[Name]*trial
}

type trial struct {
	done chan struct{}
	err  error // valid when done is closed
}

// begin gives the trial of a pack, and whether the caller has to hold it.
func (t *trials) begin(name Name) (*trial, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.all[name]; known != nil {
		return known, false
	}
	if t.all == nil {
		t.all = make(map[Name]*trial)
	}
	fresh := &trial{done: make(chan struct{})}
	t.all[name] = fresh
	return fresh, true
}

func (t *trials) forget(name Name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, name)
}

// EnsureVerified verifies a pack that is one of [DB.Unverified], as [DB.VerifyPack] does; of others it is nil at once. The
// verdict on a pack that fails stands while the database is open, is given again at once, and is one of [DB.Problems].
func (db *DB) EnsureVerified(ctx context.Context, name Name) error {
	for db.set.doubts(name) {
		t, mine := db.trials.begin(name)
		if mine {
			t.err = db.VerifyPack(ctx, name, nil)
			if t.err == nil || ctx.Err() != nil {
				db.trials.forget(name)
			} else {
				db.addProblem(fmt.Errorf("a pack that came from elsewhere is not relied on: %w", t.err))
			}
			close(t.done)
			return t.err
		}
		select {
		case <-t.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if t.err != nil && !errors.Is(t.err, context.Canceled) && !errors.Is(t.err, context.DeadlineExceeded) {
			return t.err
		}
	}
	return nil
}

// doubts reports whether a pack is live and not verified.
func (s *runSet) doubts(name Name) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.doubted[name]
	return ok
}

// statuses gives all packs that some run knows, and whether they are verified. writing is held.
func (s *runSet) statuses() map[Name]bool {
	all := make(map[Name]bool)
	for _, r := range s.runs {
		for i := range r.verified {
			name := r.packName(uint32(i))
			_, marked := s.marks[name]
			all[name] = all[name] || r.verified[i] || marked
		}
	}
	return all
}

// agree brings a run that is about to join the set to one view with the others. mu is held for writing.
func (s *runSet) agree(fresh *run) {
	for i := range fresh.verified {
		name := fresh.packName(uint32(i))
		if !fresh.verified[i] {
			fresh.verified[i] = s.knowsVerified(name)
		}
		switch {
		case !fresh.live[i]:
		case fresh.verified[i]:
			s.settle(name)
		default:
			s.doubt(name)
		}
	}
}

// doubt notes a live pack that is not verified. mu is held for writing.
func (s *runSet) doubt(name Name) {
	if s.doubted == nil {
		s.doubted = make(map[Name]struct{})
	}
	s.doubted[name] = struct{}{}
}

// knowsVerified reports whether a pack is verified as far as the runs say. It looks at all of their tables, so it is for
// packs that come from elsewhere only.
func (s *runSet) knowsVerified(name Name) bool {
	for _, r := range s.runs {
		for i := range r.verified {
			if r.verified[i] && r.packName(uint32(i)) == name {
				return true
			}
		}
	}
	return false
}

// settle makes all runs say that a pack is verified, and reports whether that was new. mu is held for writing.
func (s *runSet) settle(name Name) bool {
	if _, ok := s.doubted[name]; !ok {
		return false
	}
	delete(s.doubted, name)
	for _, r := range s.runs {
		for i := range r.verified {
			if r.packName(uint32(i)) == name {
				r.verified[i] = true
			}
		}
	}
	return true
}

// markVerified notes that a pack has passed. It waits for whoever changes the set: a run that is being merged from others
// would not hear of it.
func (s *runSet) markVerified(name Name) error {
	if !s.doubts(name) {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if s.settle(name) {
		s.mark(name)
		s.unsaved++
	}
	s.mu.Unlock()
	return s.saveMarks(saveEvery)
}

func (s *runSet) mark(name Name) {
	if s.marks == nil {
		s.marks = make(map[Name]struct{})
	}
	s.marks[name] = struct{}{}
}

// loadMarks reads which packs have passed. A file that is damaged says nothing.
func (s *runSet) loadMarks() error {
	names, err := s.readMarks()
	for _, name := range names {
		s.mark(name)
	}
	return err
}

func (s *runSet) readMarks() ([]Name, error) {
	f, err := s.fs.OpenHandle(marksName, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data, err := readMarksFile(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return decodeMarks(data), nil
}

func readMarksFile(f vfs.File) ([]byte, error) {
	st, err := f.StatStat()
	if err != nil || st.Size > int64(len(marksMagic)+maxMarks*len(Name{})+sha256.Size) {
		return nil, err
	}
	data := make([]byte, st.Size)
	if len(data) == 0 {
		return nil, nil
	}
	return data, readFull(f, data, 0)
}

// decodeMarks gives the names in a file; none if anything about it is wrong.
func decodeMarks(data []byte) []Name {
	list, ok := bytes.CutPrefix(data, []byte(marksMagic))
	end := len(list) - sha256.Size
	if !ok || end < 0 || end%len(Name{}) != 0 {
		return nil
	}
	if sum := sha256.Sum256(data[:len(data)-sha256.Size]); !bytes.Equal(sum[:], list[end:]) {
		return nil
	}
	names := make([]Name, 0, end/len(Name{}))
	for ; end > 0; end -= len(Name{}) {
		names = append(names, Name(list[:len(Name{})]))
		list = list[len(Name{}):]
		if n := len(names); n > 1 && compareNames(names[n-2], names[n-1]) >= 0 {
			return nil
		}
	}
	return names
}

func encodeMarks(names []Name) []byte {
	data := append(make([]byte, 0, len(marksMagic)+len(names)*len(Name{})+sha256.Size), marksMagic...)
	for i := range names {
		data = append(data, names[i][:]...)
	}
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

// saveMarks writes which packs have passed if at least so many are not on disk. What another process has written meanwhile
// stays. No other method changes the set meanwhile.
func (s *runSet) saveMarks(least int) error {
	if s.unsaved < least {
		return nil
	}
	s.unsaved = 0 // an error is no reason to try at every pack that follows
	if err := s.loadMarks(); err != nil {
		return err
	}
	known := s.statuses()
	maps.DeleteFunc(s.marks, func(name Name, _ struct{}) bool { _, ok := known[name]; return !ok })
	names := slices.SortedFunc(maps.Keys(s.marks), compareNames)
	names = names[:min(len(names), maxMarks)]
	f, err := vfs.Stage(s.fs, runsDir, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.File.Write(encodeMarks(names)); err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.CommitNoDirSync(path.Base(marksName))
}
