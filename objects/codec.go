package objects

import (
	"fmt"

	"evault/internal/wire"
)

// malformed returns an error that wraps ErrMalformed.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// newer returns an error that wraps ErrNewer.
func newer(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrNewer)
}

// tooLarge returns an error that wraps ErrLimit.
func tooLarge(what string, n, limit uint64) error {
	return fmt.Errorf("%s of %d: %w: at most %d", what, n, ErrLimit, limit)
}

// decoder reads fields and knows those of this package. Its errors wrap
// ErrMalformed or ErrNewer.
type decoder struct{ wire.Decoder }

func newDecoder(data []byte) decoder { return decoder{wire.NewDecoder(data, refusal)} }

// refusal says of a field that came from outside that it is malformed, too great
// or not.
func refusal(f wire.Fault) error {
	if f.Kind == wire.TooGreat {
		return fmt.Errorf("%w: %w", ErrMalformed, tooLarge(f.Field, f.Value, f.Limit))
	}
	return fmt.Errorf("%w: %w", ErrMalformed, f)
}

// text takes a length of at most limit and that many bytes. It returns old when
// that is equal, to spare an allocation: neighbours often have the same owner.
func (d *decoder) text(old string, limit uint64, what string) string {
	b := d.Text(limit, what)
	if string(b) == old {
		return old
	}
	return string(b)
}

func (d *decoder) id(what string) ID { return d.Array32(what) }

func (d *decoder) time(what string) (t Time) {
	t.Sec, t.Nsec = d.Time(what)
	return t
}
