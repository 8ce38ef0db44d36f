package pack

import (
	"errors"
	"fmt"

	"evault/objects"
)

var (
	// ErrNewer says that a pack has a version, a compression or a way of wrapping its key that this program does
	// not know. It is not damage. It is the same error as that of objects.
	ErrNewer = objects.ErrNewer

	// ErrDamaged is what every [DamagedError] wraps.
	ErrDamaged = errors.New("damaged")

	// ErrClosed says that a session or database has ended.
	ErrClosed = errors.New("already closed")

	// ErrNoPack says that a pack is not in the store.
	ErrNoPack = errors.New("no such pack")
)

// NoFrame and NoPlace stand in a [DamagedError] for damage that is not in one frame, or not in one object.
const (
	NoFrame = -1
	NoPlace = -1
)

// DamagedError names what is damaged: a pack, a frame of it, an object of that. It is ErrDamaged.
type DamagedError struct {
	Pack   Name
	Frame  int        // number of the frame in the pack, or NoFrame
	Place  int        // place of the object in the frame, or NoPlace
	Object objects.ID // the object that was asked for or that the index names; zero if unknown
	Err    error      // what is wrong
}

// Error names the pack and, as far as known, frame and object.
func (e *DamagedError) Error() string {
	s := "pack " + e.Pack.String()
	if e.Frame != NoFrame {
		s += fmt.Sprintf(" frame %d", e.Frame)
	}
	if e.Place != NoPlace {
		s += fmt.Sprintf(" place %d", e.Place)
	}
	if !e.Object.IsZero() {
		s += " object " + e.Object.String()
	}
	return s + " is damaged: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// Is makes every DamagedError an [ErrDamaged].
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// damaged makes the error for damage that is not in one frame. An ErrNewer stays what it is.
func damaged(n Name, err error) error { return damagedFrame(n, NoFrame, err) }

func damagedFrame(n Name, frame int, err error) error {
	if errors.Is(err, ErrNewer) {
		return fmt.Errorf("pack %s: %w", n, err)
	}
	return &DamagedError{Pack: n, Frame: frame, Place: NoPlace, Err: err}
}
