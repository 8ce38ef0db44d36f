package repo

import (
	"errors"

	"evault/keys"
	"evault/objects"
	"evault/pack"
	"evault/refs"
)

// isDamage reports whether an error says that stored bytes are missing or are not what they must be.
func isDamage(err error) bool {
	for _, kind := range []error{pack.ErrDamaged, pack.ErrNoPack, objects.ErrNotFound, objects.ErrMalformed, refs.ErrDamaged,
		keys.ErrTampered, ErrDamaged} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
