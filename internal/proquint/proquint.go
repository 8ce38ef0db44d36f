// Package proquint spells random bits as words that can be read aloud, and notices when one of them is wrong.
//
// A word is a proquint (D. Wilkerson, "A Proposal for Proquints", arXiv:0901.4016): five letters, consonant, vowel,
// consonant, vowel, consonant, that stand for 16 bits, four for each of 16 consonants and two for each of four vowels. No
// list of words is needed. Phrase adds one word that holds the CRC-16 of the others: any mistake within one word is
// noticed for certain, and any other with odds of 65,535 in 65,536.
package proquint

import (
	"encoding/binary"
	"errors"
	"strings"
)

const (
	consonants = "bdfghjklmnprstvz"
	vowels     = "aiou"
	wordLength = 5
)

// Errors of Parse.
var (
	// ErrForm: the text is not made of such words, or has another number of them.
	ErrForm = errors.New("not a phrase of five-letter words")
	// ErrCheck: the words are well formed, and at least one of them is wrong or out of place.
	ErrCheck = errors.New("at least one word is wrong or out of place")
)

// appendWord spells 16 bits, the highest first.
func appendWord(b []byte, v uint16) []byte {
	return append(b, consonants[v>>12], vowels[v>>10&3], consonants[v>>6&15], vowels[v>>4&3], consonants[v&15])
}

func parseWord(s string) (v uint16, ok bool) {
	if len(s) != wordLength {
		return 0, false
	}
	for i := range wordLength {
		letters, bits := consonants, 4
		if i%2 == 1 {
			letters, bits = vowels, 2
		}
		n := strings.IndexByte(letters, s[i])
		if n < 0 {
			return 0, false
		}
		v = v<<bits | uint16(n)
	}
	return v, true
}

// checksum is CRC-16/IBM-3740 (polynomial 0x1021, initial value 0xFFFF): a cyclic code, which notices every error burst
// of up to 16 bits, and so every error within one word.
func checksum(data []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range data {
		crc ^= uint16(b) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

// Phrase spells data, whose length must be even, in lower-case words separated by single spaces, one for every two bytes
// and one to check them by.
func Phrase(data []byte) string {
	if len(data)%2 != 0 {
		panic("proquint: odd number of bytes")
	}
	b := make([]byte, 0, (len(data)/2+1)*(wordLength+1))
	for i := 0; i < len(data); i += 2 {
		b = append(appendWord(b, binary.BigEndian.Uint16(data[i:])), ' ')
	}
	return string(appendWord(b, checksum(data)))
}

// Parse reads a phrase of size bytes back: any spaces, hyphens, capitals and small letters will do. The error is ErrForm or
// ErrCheck.
func Parse(phrase string, size int) ([]byte, error) {
	words := strings.FieldsFunc(strings.ToLower(phrase), func(r rune) bool {
		return r == ' ' || r == '-' || r == '\t' || r == '\n' || r == '\r'
	})
	if len(words) != size/2+1 {
		return nil, ErrForm
	}
	data := make([]byte, 0, size+2)
	for _, w := range words {
		v, ok := parseWord(w)
		if !ok {
			return nil, ErrForm
		}
		data = binary.BigEndian.AppendUint16(data, v)
	}
	if checksum(data[:size]) != binary.BigEndian.Uint16(data[size:]) {
		return nil, ErrCheck
	}
	return data[:size], nil
}
