package commands

import (
	"bytes"
	"strings"

	"evault/internal/textdiff"
	"evault/repo"
)

// wordHunk prints a hunk with what differs within its lines marked: in reverse video, or, without colours, as [-gone-] and
// {+new+}. With the marks it is for reading; patch does not take it.
func (p *patchPrinter) wordHunk(c *repo.ContentDiff, h *textdiff.Hunk) {
	at := h.B0
	for _, ch := range h.Changes {
		p.lines(' ', "", c.New[at:ch.B0])
		at = ch.B1
		was, is := c.Old[ch.A0:ch.A1], c.New[ch.B0:ch.B1]
		if len(was) == 0 || len(is) == 0 {
			p.lines('-', red, was)
			p.lines('+', green, is)
			continue
		}
		inOld, inNew := textdiff.Words(bytes.Join(was, nil), bytes.Join(is, nil))
		p.marked('-', red, was, inOld)
		p.marked('+', green, is, inNew)
	}
	p.lines(' ', "", c.New[at:h.B1])
}

// marked prints lines, of which spans, counted from the start of the first line, are marked.
func (p *patchPrinter) marked(sign byte, color string, lines [][]byte, spans []textdiff.Span) {
	start := 0
	for _, line := range lines {
		body, ended := bytes.CutSuffix(line, []byte("\n"))
		var text strings.Builder
		text.WriteString(p.paint(color, string(sign)))
		done := 0
		for len(spans) > 0 && spans[0].From < start+len(line) {
			from, to := min(max(spans[0].From-start, done), len(body)), min(spans[0].To-start, len(body))
			if to > from {
				text.WriteString(p.paint(color, p.text(body[done:from])))
				text.WriteString(p.mark(sign, color, p.text(body[from:to])))
				done = to
			}
			if spans[0].To > start+len(line) {
				break
			}
			spans = spans[1:]
		}
		text.WriteString(p.paint(color, p.text(body[done:])))
		p.put("", text.String())
		if !ended {
			p.noNewline(false)
		}
		start += len(line)
	}
}

const reverse = "7"

func (p *patchPrinter) mark(sign byte, color, text string) string {
	switch {
	case p.colored():
		return p.paint(color+";"+reverse, text)
	case sign == '-':
		return "[-" + text + "-]"
	}
	return "{+" + text + "+}"
}
