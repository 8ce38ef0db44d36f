package api

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how many bytes of text from the other side are shown to a person.
const (
	maxText     = 600
	maxSoftware = 100
)

// clean makes text from the other side fit to be shown: no control or format characters, which could steer a terminal
// or turn the direction of writing; on one line; at most limit bytes, cut at a character's border.
func clean(text string, limit int) string {
	if len(text) > 4*limit {
		text = text[:4*limit]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, !unicode.IsPrint(r) && !unicode.IsSpace(r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= limit {
		return text
	}
	cut := limit - len("...")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
