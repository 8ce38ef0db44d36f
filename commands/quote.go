package commands

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoted gives a name as it is, or, if it holds anything that could confuse a terminal or a reader of lines, as a C string
// the way git writes it: "a\tb", "caf\303". Letters of other languages stay as they are.
func quoted(name string) string {
	if !needsQuotes(name) {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
			b.WriteRune(r)
		} else if misleading(r, size) {
			quoteBytes(&b, name[i:i+size])
		} else {
			b.WriteString(name[i : i+size])
		}
		i += size
	}
	b.WriteByte('"')
	return b.String()
}

func needsQuotes(name string) bool {
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		if r == '"' || r == '\\' || misleading(r, size) {
			return true
		}
		i += size
	}
	return false
}

// misleading says that a rune is no text: a control character, a direction override, a byte that is not UTF-8.
func misleading(r rune, size int) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}

func quoteBytes(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; c {
		case '\a':
			b.WriteString(`\a`)
		case '\b':
			b.WriteString(`\b`)
		case '\t':
			b.WriteString(`\t`)
		case '\n':
			b.WriteString(`\n`)
		case '\v':
			b.WriteString(`\v`)
		case '\f':
			b.WriteString(`\f`)
		case '\r':
			b.WriteString(`\r`)
		default:
			fmt.Fprintf(b, `\%03o`, c)
		}
	}
}

// harmless makes text of unknown origin (messages, errors with names in them) safe to show: lines and tabs stay, every
// other control character is written as an escape.
func harmless(text string) string {
	clean := true
	for i := 0; i < len(text) && clean; {
		r, size := utf8.DecodeRuneInString(text[i:])
		clean = r == '\n' || r == '\t' || !misleading(r, size)
		i += size
	}
	if clean {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r != '\n' && r != '\t' && misleading(r, size) {
			quoteBytes(&b, text[i:i+size])
		} else {
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}
