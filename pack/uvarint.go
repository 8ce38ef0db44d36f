package pack

import (
	"encoding/binary"
	"errors"
)

var errUvarint = errors.New("number cut off, too great or not in its shortest form")

// takeUvarint reads a number of at most max in its only allowed, shortest form.
func takeUvarint(data []byte, max uint64) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(data)
	if n <= 0 || v > max || n > 1 && data[n-1] == 0 {
		return 0, nil, errUvarint
	}
	return v, data[n:], nil
}
