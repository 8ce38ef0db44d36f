package memfs

import (
	"errors"
	"fmt"
)

// ShortWrite is a fault that makes a Write write only its first N bytes and then fail with Err.
type ShortWrite struct {
	N   int
	Err error
}

// Error says what happened.
func (e ShortWrite) Error() string { return fmt.Sprintf("short write of %d bytes: %v", e.N, e.Err) }

// Unwrap gives Err.
func (e ShortWrite) Unwrap() error { return e.Err }

// Late is a fault that lets the operation happen and then reports Err: what a caller sees when an answer is lost. A
// failure has to be tested both ways, because a caller cannot tell them apart.
type Late struct{ Err error }

// Error says what happened.
func (e Late) Error() string { return "happened, then failed: " + e.Err.Error() }

// Unwrap gives Err.
func (e Late) Unwrap() error { return e.Err }

// SetFault makes f decide about every operation from now on, before it happens: nil lets it happen; [ShortWrite] and
// [Late] let a part, or all, of it happen; any other error stops it and is returned to the caller inside an
// *fs.PathError. A stopped Sync besides drops what was written since the last one, as a kernel may. nil removes the
// fault. f may be called from many goroutines and must not use the Memory.
func (m *Memory) SetFault(f func(op Op) error) {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	m.d.fault = f
}

// admit numbers the operation and asks the fault function. late is to be returned after the operation has happened.
func (d *disk) admit(op *Op) (late, err error) {
	d.mu.Lock()
	op.Index = d.next
	d.next++
	fault := d.fault
	d.mu.Unlock()
	if fault == nil {
		return nil, nil
	}
	err = fault(*op)
	var l Late
	if errors.As(err, &l) {
		return l.Err, nil
	}
	return nil, err
}
