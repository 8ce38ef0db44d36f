package pairing

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
)

// Format says how a code looks.
type Format uint8

// The formats.
const (
	Letters Format = 1 // eight letters and digits, 40 bits: the default
	Digits  Format = 2 // six digits, 20 bits: one guess in 333,333 gets through with three tries
)

const (
	letterCount = 8
	digitCount  = 6
	groupCount  = 4 // letters are shown in groups of four
	// alphabet is Crockford's base 32, which has no I, L, O and U.
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// Code is a pairing code without separators: eight characters of Crockford's base 32, or six digits.
type Code string

func newCode(f Format) (Code, error) {
	switch f {
	case Letters:
		var b [letterCount]byte
		rand.Read(b[:]) // never fails
		for i := range b {
			b[i] = alphabet[b[i]%byte(len(alphabet))] // 32 divides 256
		}
		return Code(b[:]), nil
	case Digits:
		return Code(fmt.Sprintf("%06d", randomBelow(1_000_000))), nil
	}
	return "", fmt.Errorf("%w: no such format", ErrCode)
}

// randomBelow draws a number without bias.
func randomBelow(n uint32) uint32 {
	for {
		var b [4]byte
		rand.Read(b[:])
		if v := binary.BigEndian.Uint32(b[:]); v < (1<<32-1)/n*n {
			return v % n
		}
	}
}

// String is the code as it is shown: "7KQ4-9XWM", "493027".
func (c Code) String() string {
	if len(c) != letterCount {
		return string(c)
	}
	return string(c[:groupCount] + "-" + c[groupCount:])
}

// ParseCode reads a code as somebody has typed it: hyphens, spaces and the case of letters do not matter, O is taken for 0,
// and I and L for 1. The error is ErrCode: such a text is no wrong guess and costs no try.
func ParseCode(text string) (Code, error) {
	if len(text) > 64 {
		return "", fmt.Errorf("%w: too long", ErrCode)
	}
	s := strings.Map(humanLetter, text)
	switch len(s) {
	case letterCount:
		if strings.Trim(s, alphabet) == "" {
			return Code(s), nil
		}
	case digitCount:
		if strings.Trim(s, "0123456789") == "" {
			return Code(s), nil
		}
	default:
		return "", fmt.Errorf("%w: it has %d characters (eight letters and digits, or six digits)", ErrCode, len(s))
	}
	return "", fmt.Errorf("%w: a character in it is none of a code", ErrCode)
}

func humanLetter(r rune) rune {
	switch {
	case r == '-' || r == ' ' || r == '\t' || r == '\n' || r == '\r':
		return -1
	case r >= 'a' && r <= 'z':
		r += 'A' - 'a'
	}
	switch r {
	case 'O':
		return '0'
	case 'I', 'L':
		return '1'
	}
	return r
}
