package wire

import "fmt"

// Kind says in what way a field is wrong.
type Kind uint8

// The ways in which a field can be wrong.
const (
	Short       Kind = iota + 1 // the bytes end within the field
	NoNumber                    // a number of more than 64 bits
	LongForm                    // a number that is not in its shortest form
	TooGreat                    // a number, or a length, over its limit
	Crowded                     // a list of more elements than what follows can hold
	Unprintable                 // text with control characters, or not UTF-8
	Nanoseconds                 // a time with a second or more in nanoseconds
	Left                        // bytes follow the end
)

// Fault is what is wrong with a field.
type Fault struct {
	Kind  Kind
	Field string // as the caller named it
	Value uint64 // TooGreat, Nanoseconds: the number; Crowded: the elements; Left: how many bytes
	Limit uint64 // TooGreat, Nanoseconds, Crowded: what would have been right
}

// Error says it in words. They do not quote the field, which may be secret, but for lengths of lists and nanoseconds.
func (f Fault) Error() string {
	switch f.Kind {
	case Short:
		return f.Field + " is cut short"
	case NoNumber:
		return f.Field + " does not fit 64 bits"
	case LongForm:
		return f.Field + " is not in its shortest form"
	case TooGreat:
		return fmt.Sprintf("%s is over its limit of %d", f.Field, f.Limit)
	case Crowded:
		return fmt.Sprintf("%s: %d of them do not fit into what follows", f.Field, f.Value)
	case Unprintable:
		return f.Field + " holds control characters or is not UTF-8"
	case Nanoseconds:
		return fmt.Sprintf("%s has %d nanoseconds", f.Field, f.Value)
	case Left:
		return fmt.Sprintf("%d bytes follow the %s", f.Value, f.Field)
	}
	return fmt.Sprintf("%s is wrong in way %d", f.Field, f.Kind)
}
