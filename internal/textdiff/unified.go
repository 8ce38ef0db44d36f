package textdiff

import (
	"bufio"
	"io"
	"strconv"
)

// NoNewline is what a unified diff prints below a line that has no "\n".
const NoNewline = "\\ No newline at end of file"

// Header is the first line of a hunk in a unified diff, without a line end: "@@ -3,7 +3,8 @@". Lines are counted from 1, a
// length of 1 is left out, and an empty side names the line before it.
func (h Hunk) Header() string {
	b := make([]byte, 0, 40)
	b = append(b, "@@ -"...)
	b = appendRange(b, h.A0, h.A1)
	b = append(b, " +"...)
	b = appendRange(b, h.B0, h.B1)
	return string(append(b, " @@"...))
}

func appendRange(b []byte, from, to int) []byte {
	length := to - from
	if length > 0 {
		from++
	}
	b = strconv.AppendInt(b, int64(from), 10)
	if length == 1 {
		return b
	}
	b = append(b, ',')
	return strconv.AppendInt(b, int64(length), 10)
}

// WriteUnified writes hunks as a unified diff has them, without the lines that name the files. It fails only as w does.
func WriteUnified(w io.Writer, a, b [][]byte, hunks []Hunk) error {
	out := bufio.NewWriter(w)
	for _, h := range hunks {
		out.WriteString(h.Header()) // bufio keeps the first error for Flush
		out.WriteByte('\n')
		for kind, line := range h.Lines(a, b) {
			out.WriteByte(kind)
			out.Write(line)
			if line[len(line)-1] != '\n' {
				out.WriteString("\n" + NoNewline + "\n")
			}
		}
	}
	return out.Flush()
}
