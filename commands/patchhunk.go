package commands

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"evault/internal/textdiff"
	"evault/repo"
)

// hunks prints the changed lines. Where nothing has to be coloured or made harmless, they are written as they are.
func (p *patchPrinter) hunks(c *repo.ContentDiff) {
	var section sectionFinder
	for i := range c.Hunks {
		h := &c.Hunks[i]
		p.hunkHeader(h, section.before(c.Old, h.A0))
		if p.o.words {
			p.wordHunk(c, h)
			continue
		}
		at := h.B0
		for _, ch := range h.Changes {
			p.lines(' ', "", c.New[at:ch.B0])
			p.lines('-', red, c.Old[ch.A0:ch.A1])
			p.lines('+', green, c.New[ch.B0:ch.B1])
			at = ch.B1
		}
		p.lines(' ', "", c.New[at:h.B1])
	}
}

func (p *patchPrinter) hunkHeader(h *textdiff.Hunk, section string) {
	line := p.paint(cyan, h.Header())
	if section != "" {
		line += " " + p.text([]byte(section))
	}
	p.put("", line)
}

// text is a piece of a file, made harmless where it is meant for eyes.
func (p *patchPrinter) text(line []byte) string {
	if p.env.Terminal.Out || p.colored() {
		return harmless(string(line))
	}
	return string(line)
}

func (p *patchPrinter) lines(sign byte, color string, lines [][]byte) {
	plain := !p.env.Terminal.Out && !p.colored()
	for _, line := range lines {
		if p.err != nil {
			return
		}
		body, ended := bytes.CutSuffix(line, []byte("\n"))
		if plain {
			p.raw(sign, line)
		} else {
			p.put(color, string(sign)+p.text(body))
		}
		if !ended {
			p.noNewline(plain)
		}
	}
}

// raw writes a line byte by byte.
func (p *patchPrinter) raw(sign byte, line []byte) {
	var mark = [1]byte{sign}
	if _, p.err = p.w.Write(mark[:]); p.err == nil {
		_, p.err = p.w.Write(line)
	}
}

// noNewline says that the line above ends with the file; plain: it was printed without an end of line.
func (p *patchPrinter) noNewline(plain bool) {
	text := textdiff.NoNewline + "\n"
	if plain {
		text = "\n" + text
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text)
	}
}

// sectionFinder finds the line that a hunk's first line stands under: the last one above that begins with a letter, "_" or
// "$", as git and diff -p do for files of unknown languages.
type sectionFinder struct {
	searched int // lines before this one were looked at
	found    string
}

const maxSection = 80

// before gives the section of a line; lines must be asked for in ascending order.
func (s *sectionFinder) before(lines [][]byte, at int) string {
	for i := at - 1; i >= s.searched; i-- {
		if isSection(lines[i]) {
			s.found = sectionText(lines[i])
			break
		}
	}
	s.searched = max(s.searched, at)
	return s.found
}

// sectionText is as much of a line as is shown behind "@@": so many bytes, and no half or wrong characters.
func sectionText(line []byte) string {
	text := strings.TrimRight(string(line[:min(len(line), maxSection)]), " \t\r\n\v\f")
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return text[:i]
		}
		i += size
	}
	return text
}

func isSection(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	c := line[0]
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
