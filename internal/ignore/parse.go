package ignore

import (
	"bytes"
	"strconv"
	"strings"
)

// Limits of Parse. They are far above what people write, and keep the time and
// memory a hostile file can take in proportion. What lies beyond them has no
// effect and is named by [Patterns.Problems]: the outcome is that more files
// are kept, never fewer.
const (
	// MaxSize is the number of bytes of one file that are looked at. A line
	// that is cut by it does not count.
	MaxSize = 8 << 20
	// MaxLine is the longest line in bytes, without its line end.
	MaxLine = 4096
	// MaxRules is the largest number of patterns in one file.
	MaxRules = 200_000
	// MaxProblems is the largest number of problems kept for one file.
	MaxProblems = 100
)

// Problem is one line of a pattern file that has no effect although it looks
// like a pattern.
type Problem struct {
	Line int    // line number, from 1
	Text string // what is wrong, in a few lower-case words
}

// String returns "line 3: unclosed character set".
func (p Problem) String() string {
	return "line " + strconv.Itoa(p.Line) + ": " + p.Text
}

// utf8BOM is the byte order mark some editors put before the first line.
const utf8BOM = "\xef\xbb\xbf"

// Parse reads one file of patterns. It cannot fail: as in git, a line that
// means nothing has no effect. Patterns.Problems tells about such lines. Parse
// keeps no reference to data.
func Parse(data []byte) *Patterns {
	p := &Patterns{}
	cut := len(data) > MaxSize
	if cut {
		data = data[:bytes.LastIndexByte(data[:MaxSize], '\n')+1]
	}
	text := strings.TrimPrefix(string(data), utf8BOM)
	line := 1
	for ; text != "" && len(p.rules) < MaxRules; line++ {
		var entry string
		entry, text, _ = strings.Cut(text, "\n")
		p.addLine(entry, line)
	}
	switch {
	case text != "":
		p.problem(line, "too many patterns in one file")
	case cut:
		p.problem(line, "beyond the size limit of a pattern file")
	}
	p.seal()
	return p
}

// addLine adds the pattern of one line, given without its line feed.
func (p *Patterns) addLine(entry string, line int) {
	if entry == "" || entry[0] == '#' {
		return
	}
	if len(entry) > MaxLine+1 { // one more for a carriage return
		p.problem(line, "line too long")
		return
	}
	entry = strings.TrimSuffix(entry, "\r")
	if i := strings.IndexByte(entry, 0); i >= 0 {
		entry = entry[:i]
	}
	entry = trimSpaces(entry)
	if len(entry) > MaxLine {
		p.problem(line, "line too long")
		return
	}
	pattern, negated := strings.CutPrefix(entry, "!")
	pattern, dirOnly := strings.CutSuffix(pattern, "/")
	if pattern == "" {
		return
	}
	if fault := p.addPattern(pattern, dirOnly); fault != "" {
		p.problem(line, fault)
		return
	}
	p.rules = append(p.rules, rule{text: entry, line: int32(line), negated: negated})
}

// trimSpaces drops the spaces at the end of s, but keeps one that a backslash
// escapes.
func trimSpaces(s string) string {
	end := 0 // just behind the last byte that must stay
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		end = i + 1
	}
	return s[:min(end, len(s))]
}

func (p *Patterns) problem(line int, text string) {
	if len(p.problems) < MaxProblems {
		p.problems = append(p.problems, Problem{Line: line, Text: text})
	}
}
