package textdiff

import "bytes"

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// WithoutSpace is a key for DiffBy: a line without any spaces, tabs and line ends. Lines that differ only in those are equal.
func WithoutSpace(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, c := range line {
		if !isSpace(c) {
			out = append(out, c)
		}
	}
	return out
}

// SpaceAsOne is a key for DiffBy: each run of spaces and tabs counts as one space, and none at the end of the line. Lines that
// differ only in the amount of space are equal.
func SpaceAsOne(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, c := range WithoutSpaceAtEnd(line) {
		if !isSpace(c) {
			out = append(out, c)
		} else if len(out) == 0 || out[len(out)-1] != ' ' {
			out = append(out, ' ')
		}
	}
	return out
}

// WithoutSpaceAtEnd is a key for DiffBy: a line without the space, and the line end, at its end.
func WithoutSpaceAtEnd(line []byte) []byte { return bytes.TrimRight(line, " \t\r\n") }
