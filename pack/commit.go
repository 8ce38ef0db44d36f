package pack

import (
	"context"
	"errors"
	"io/fs"

	"evault/objects"
)

// Commit writes what is left, and makes all of the session durable and visible:
//
//	for every pack: write(padding, index, trailer)  fsync(pack)  close(pack)      in incoming/, most of it already done
//	mkdirat(packs/ab) where missing
//	fsync(packs), once, and fsync(.) if the store had no pack so far
//	for every pack: renameat(incoming/.tmp-pack-x, packs/ab/<name>.pack)
//	fsync(packs/ab), once for each directory that got one
//	the local index, which is a cache and is not synced
//
// No goroutine may use the session's Frames any more. If Commit fails, nothing of the session is known to the index,
// and what was already renamed is removed again. Packs that cannot be removed then are garbage that nothing refers to.
// It returns the packs written, none if there was nothing new. After it, successful or not, the session has ended.
func (s *Session) Commit(ctx context.Context) ([]PackInfo, error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	s.mu.Unlock()
	err := s.flushAll(ctx)
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	if err = errors.Join(err, s.finishAll(err == nil)); err == nil {
		err = s.publish(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.unpublish(), s.discard())
	}
	for _, f := range s.frames {
		f.release()
	}
	s.makeKnown()
	return s.infos(), nil
}

// flushAll seals what the gatherers hold. If the session has stayed small, its metadata goes into the pack of its data.
func (s *Session) flushAll(ctx context.Context) error {
	for _, f := range s.frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.Flush(); err != nil {
			return err
		}
	}
	if !s.small() {
		return s.writePending()
	}
	for _, p := range s.pending {
		if err := s.writeFrame(ClassData, ClassMeta, p.packed, p.ids); err != nil {
			return err
		}
	}
	return s.failed()
}

// finishAll finishes the packs that are still open, if the session is good, and waits for those under way.
func (s *Session) finishAll(good bool) error {
	for class := range s.idle {
		for _, p := range s.idle[class] {
			if good {
				s.finishSoon(p)
			}
		}
		s.idle[class] = nil
	}
	s.finishing.Wait()
	if !good {
		return nil // the reason is known already
	}
	return s.failed()
}

// publish renames the packs into place and syncs the directories.
func (s *Session) publish(ctx context.Context) error {
	if len(s.all) == 0 {
		return nil
	}
	if err := s.makeDirs(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	names := make([]Name, len(s.all))
	for i, p := range s.all {
		names[i] = p.name
		if err := p.publish(); err != nil {
			return err
		}
	}
	return s.syncDirs(names)
}

// makeDirs makes the directories of the packs that are missing. It syncs the directory above them even if none was: one
// may have been made by a process that died before it synced.
func (s *Session) makeDirs() error {
	if err := s.makeDir(packsDir); err != nil {
		return err
	}
	if s.db.set.empty() {
		if err := s.db.store.SyncDir("."); err != nil {
			return err
		}
	}
	for _, p := range s.all {
		if err := s.makeDir(p.name.dir()); err != nil {
			return err
		}
	}
	return s.db.store.SyncDir(packsDir)
}

func (s *Session) makeDir(dir string) error {
	if err := s.db.store.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// syncDirs syncs the directories that hold the packs, each once.
func (s *Session) syncDirs(names []Name) error {
	var done [256]bool
	for _, n := range names {
		if done[n[0]] {
			continue
		}
		done[n[0]] = true
		if err := s.db.store.SyncDir(n.dir()); err != nil {
			return err
		}
	}
	return nil
}

// unpublish removes again what a failed Commit has renamed already, and what a renaming that reported failure did.
func (s *Session) unpublish() error {
	var errs []error
	for _, p := range s.all {
		if p.name == (Name{}) {
			continue
		}
		if err := s.db.store.Remove(p.name.Path()); err == nil {
			p.temp = ""
		} else if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// makeKnown adds the new objects to the index. The packs are durable now, so that trouble with the index, which the
// next opening builds again from them, must not make the commit fail.
func (s *Session) makeKnown() {
	if len(s.all) == 0 {
		return
	}
	names := make([]Name, len(s.all))
	for i, p := range s.all {
		names[i] = p.name
	}
	s.db.set.writing.Lock()
	defer s.db.set.writing.Unlock()
	s.db.addProblem(s.db.insertRun(packsOf(names, true), s.claims.fill))
}

func (s *Session) infos() []PackInfo {
	out := make([]PackInfo, len(s.all))
	for i, p := range s.all {
		out[i] = PackInfo{p.name, p.size}
	}
	return out
}

var _ objects.Sink = (*Frames)(nil)
