package objects

import "bytes"

// IsZero reports whether all bytes of data are zero. It runs at the speed of
// comparing memory, and stops early when they are not.
func IsZero(data []byte) bool {
	// All bytes equal their successor, and the first is zero.
	return len(data) == 0 || data[0] == 0 && bytes.Equal(data[1:], data[:len(data)-1])
}
