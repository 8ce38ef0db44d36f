package keys

import (
	"crypto/rand"
	"errors"
	"fmt"

	"evault/internal/proquint"
)

// recoveryBytes is how much randomness recovery words hold: 128 bits.
const recoveryBytes = 16

// ErrRecoveryWords says that what was typed is recovery words with a mistake in them, found without trying any slot.
var ErrRecoveryWords = errors.New("mistyped recovery words")

// NewRecoveryWords draws 128 bits and spells them as eight words of five letters and a ninth that checks them. The words,
// in lower case with single spaces, are the passphrase of an ordinary age slot.
func NewRecoveryWords() string {
	var b [recoveryBytes]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return proquint.Phrase(b[:])
}

// NormalizeRecoveryWords brings recovery words as somebody typed them (capitals, more spaces, hyphens) into the form that
// opens the slot. The error is ErrRecoveryWords when they have the form of recovery words and a word is wrong; ok is false
// when the text is no recovery words at all, but perhaps a passphrase.
func NormalizeRecoveryWords(typed []byte) (words string, ok bool, err error) {
	const longest = 1024
	if len(typed) > longest {
		return "", false, nil
	}
	data, err := proquint.Parse(string(typed), recoveryBytes)
	switch {
	case err == nil:
		return proquint.Phrase(data), true, nil
	case errors.Is(err, proquint.ErrCheck):
		return "", false, fmt.Errorf("%w: %w", ErrRecoveryWords, err)
	}
	return "", false, nil
}
