package fastexport

import "strings"

// unquote reads a path that begins with a quotation mark, as C writes strings, and gives what follows it.
func unquote(text string) (path, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(text); {
		c := text[i]
		switch c {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			char, n := escaped(text[i+1:])
			if n == 0 {
				return "", "", false
			}
			b.WriteByte(char)
			i += 1 + n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", "", false
}

// escaped reads what stands behind a backslash: how many bytes, 0 for what is no escape.
func escaped(text string) (char byte, n int) {
	if text == "" {
		return 0, 0
	}
	if at := strings.IndexByte(`abfnrtv\"`, text[0]); at >= 0 {
		return "\a\b\f\n\r\t\v\\\""[at], 1
	}
	if len(text) < 3 || text[0] < '0' || text[0] > '3' {
		return 0, 0
	}
	for i := range 3 {
		if text[i] < '0' || text[i] > '7' {
			return 0, 0
		}
		char = char<<3 | (text[i] - '0')
	}
	return char, 3
}

// lastPath reads a path that fills the line.
func lastPath(text string) (string, bool) {
	if text != "" && text[0] == '"' {
		path, rest, ok := unquote(text)
		return path, ok && rest == "" && len(path) <= MaxPath
	}
	return text, text != "" && len(text) <= MaxPath
}

// twoPaths reads a path without spaces, or a quoted one, and another that fills the line.
func twoPaths(text string) (from, to string, ok bool) {
	if text != "" && text[0] == '"' {
		var rest string
		if from, rest, ok = unquote(text); !ok {
			return "", "", false
		}
		if rest, ok = strings.CutPrefix(rest, " "); !ok {
			return "", "", false
		}
		text = rest
	} else if from, text, ok = strings.Cut(text, " "); !ok {
		return "", "", false
	}
	to, ok = lastPath(text)
	return from, to, ok && from != "" && len(from) <= MaxPath
}
