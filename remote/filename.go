package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// CheckFileName takes the name of a roster, keyring or slot apart: "roster/3-<sha256>", "keyring/1-<sha256>",
// "slots/<sha256>.age", in exactly that spelling. It gives the hash that the contents must have. The error is ErrMismatch.
func CheckFileName(name string) (hash [sha256.Size]byte, err error) {
	dir, file, _ := strings.Cut(name, "/")
	var digits string
	ok := false
	switch dir {
	case "roster", "keyring":
		var number string
		number, digits, ok = strings.Cut(file, "-")
		n, err := strconv.ParseUint(number, 10, 32)
		ok = ok && err == nil && strconv.FormatUint(n, 10) == number
	case "slots":
		digits, ok = strings.CutSuffix(file, ".age")
	}
	if ok && len(digits) == 2*len(hash) && strings.ToLower(digits) == digits {
		if _, err := hex.Decode(hash[:], []byte(digits)); err == nil {
			return hash, nil
		}
	}
	return hash, fmt.Errorf("%w: %.100q names no roster, keyring or slot", ErrMismatch, name)
}

// CheckFile checks that the data of a roster, keyring or slot fit its name. The error is ErrMismatch.
func CheckFile(name string, data []byte) error {
	hash, err := CheckFileName(name)
	if err != nil {
		return err
	}
	if sha256.Sum256(data) != hash {
		return fmt.Errorf("%w: %s", ErrMismatch, name)
	}
	return nil
}
