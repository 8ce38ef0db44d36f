package transport

import (
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxMessage is how many bytes of what a child said last are kept.
const maxMessage = 2 << 10

// messages takes what a child writes to its standard error. A host can make ssh write anything there, so control characters
// are taken out before it reaches a terminal. The end is kept, to be told with an error.
type messages struct {
	to io.Writer // nil: nobody

	mu   sync.Mutex
	part []byte // the beginning of a character whose rest has not come yet
	last []byte
}

// Write never fails: that a message could not be shown is no reason to break off a conversation.
func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := append(m.part, p...)
	var clean []byte
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		if r == '\n' || r == '\t' || r == '\r' || unicode.IsPrint(r) && r != utf8.RuneError {
			clean = utf8.AppendRune(clean, r)
		} else {
			clean = append(clean, '?')
		}
		text = text[size:]
	}
	m.part = append([]byte(nil), text...)
	m.last = append(m.last, clean...)
	m.last = m.last[max(0, len(m.last)-maxMessage):]
	if m.to != nil && len(clean) > 0 {
		_, _ = m.to.Write(clean)
	}
	return len(p), nil
}

// tail gives the last lines, up to four, as one.
func (m *messages) tail() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := strings.FieldsFunc(string(m.last), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) > 4 {
		lines = lines[len(lines)-4:]
	}
	return printable(strings.Join(lines, "; "))
}

// has says whether text stands in what is kept.
func (m *messages) has(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Contains(string(m.last), text)
}
