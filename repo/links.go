package repo

import (
	"path"

	"evault/internal/vfs"
	"evault/objects"
	"evault/worktree"
)

// linkGroup gives the number that the names of one file share. What HEAD holds of names that are links of this file keeps
// its number, read or not: else a commit that reads only some of the names would take them for different files. The index
// is searched for such names when the first file with several names is read.
func (s *snapshot) linkGroup(st *vfs.Stat, full string) (uint64, error) {
	if st.Nlink <= 1 {
		return 0, nil
	}
	s.seedLinks.Do(func() {
		if root, ok := s.index.Dir(""); ok {
			s.seedErr = s.seedFrom(root)
		}
	})
	return s.links.Group(st, full), s.seedErr
}

// seedFrom records the numbers in one folder of the index and all below it. A name has its number still if it names the
// file that it named; of a name that was never read, only HEAD's word is known.
func (s *snapshot) seedFrom(d *worktree.IndexDir) (err error) {
	if st, err := s.repo.places.Work.LstatStat(d.Path); err != nil || st.Type != vfs.Directory {
		return nil // nothing is to be linked with what is gone
	}
	var e objects.Entry
	d.Each(func(x *worktree.IndexEntry) bool {
		if x.Raw == nil {
			return true
		}
		if _, err = objects.DecodeEntry(x.Raw, &e); err != nil {
			return false
		}
		if e.LinkGroup == 0 {
			return true
		}
		st, lookErr := s.repo.places.Work.LstatStat(path.Join(d.Path, x.Name))
		if lookErr == nil && st.Nlink > 1 && (x.Key.IsZero() || x.Key.Ino == st.Ino && x.Key.Dev == st.Dev) {
			s.links.Seed(st.Dev, st.Ino, e.LinkGroup)
		}
		s.links.Reserve(e.LinkGroup)
		return true
	})
	d.Subdirs(func(sub *worktree.IndexDir) bool {
		if err == nil {
			err = s.seedFrom(sub)
		}
		return err == nil
	})
	return err
}
