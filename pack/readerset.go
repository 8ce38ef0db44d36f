package pack

import (
	"errors"
	"sync"

	"evault/internal/vfs"
	"evault/keys"
)

// maxReaders is how many packs are kept open. Each costs a file handle and a few kilobytes.
const maxReaders = 128

// readerSet keeps packs open for reading.
type readerSet struct {
	store vfs.FS
	vault *keys.Vault

	mu   sync.Mutex
	open map[Name]*reader
	tick uint64
}

// get gives an open pack, which must be given back to put.
func (s *readerSet) get(name Name) (*reader, error) {
	s.mu.Lock()
	r := s.take(name)
	s.mu.Unlock()
	if r != nil {
		return r, nil
	}
	fresh, err := s.openReader(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.take(name); r != nil { // somebody was faster
		return r, fresh.close()
	}
	s.evict()
	s.open[name] = fresh
	return s.take(name), nil
}

// take counts one more user of a pack that is open.
func (s *readerSet) take(name Name) *reader {
	r := s.open[name]
	if r != nil {
		s.tick++
		r.users++
		r.used = s.tick
	}
	return r
}

func (s *readerSet) put(r *reader) {
	s.mu.Lock()
	r.users--
	s.mu.Unlock()
}

func (s *readerSet) openReader(name Name) (*reader, error) {
	r, err := openPackFile(s.store, name.Path(), s.vault)
	if err != nil {
		return nil, openError(name, err)
	}
	r.name = name
	if _, err := r.readIndex(); err != nil {
		return nil, errors.Join(openError(name, err), r.close())
	}
	return r, nil
}

// evict closes the pack that was not used for longest, when there are too many. Its file was only read: an error of
// closing it loses nothing.
func (s *readerSet) evict() {
	if len(s.open) < maxReaders {
		return
	}
	var oldest *reader
	for _, r := range s.open {
		if r.users == 0 && (oldest == nil || r.used < oldest.used) {
			oldest = r
		}
	}
	if oldest != nil {
		delete(s.open, oldest.name)
		_ = oldest.close()
	}
}

// drop closes a pack that is about to be moved away. It is false if the pack is in use.
func (s *readerSet) drop(name Name) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.open[name]
	if r == nil {
		return true, nil
	}
	if r.users > 0 {
		return false, nil
	}
	delete(s.open, name)
	return true, r.close()
}

func (s *readerSet) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, r := range s.open {
		errs = append(errs, r.close())
	}
	s.open = map[Name]*reader{}
	return errors.Join(errs...)
}
