package refs

import (
	"encoding/hex"
	"errors"
)

var errNotHex = errors.New("not lower-case hexadecimal of the right length")

// parseHex fills dst from exactly its length in lower-case hexadecimal.
func parseHex(dst []byte, s string) error {
	if len(s) != hex.EncodedLen(len(dst)) {
		return errNotHex
	}
	if _, err := hex.Decode(dst, []byte(s)); err != nil || hex.EncodeToString(dst) != s {
		return errNotHex
	}
	return nil
}
