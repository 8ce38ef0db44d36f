package textdiff

import "bytes"

// Lines cuts a text after each "\n". Only the last line may be without one; an empty text has no lines. The lines are views of
// the text, not copies.
func Lines(text []byte) [][]byte {
	if len(text) == 0 {
		return nil
	}
	lines := make([][]byte, 0, bytes.Count(text, []byte{'\n'})+1)
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		lines = append(lines, text[:end:end])
		text = text[end:]
	}
	return lines
}

// binaryWindow is how far into a file is looked for a NUL, in bytes: as git does, so that both call the same files binary.
const binaryWindow = 8000

// IsBinary says whether data is taken for something else than text: there is a NUL among its first 8,000 bytes.
func IsBinary(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), binaryWindow)], 0) >= 0
}

// markerSize is how many signs a conflict marker has if nobody says otherwise.
const markerSize = 7

// HasConflictMarkers says whether a text looks as a merge left it: a line that begins with "<<<<<<< ", behind it one that is
// "=======", behind that one that begins with ">>>>>>> ".
func HasConflictMarkers(text []byte) bool {
	wanted := []func([]byte) bool{isMarker('<'), isMarker('='), isMarker('>')}
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		if wanted[0](bytes.TrimSuffix(line, []byte{'\r'})) {
			if wanted = wanted[1:]; len(wanted) == 0 {
				return true
			}
		}
		text = rest
	}
	return false
}

// isMarker tells whether a line is seven times the sign, and then nothing, or, except for "=", a space and a label.
func isMarker(sign byte) func([]byte) bool {
	marker := bytes.Repeat([]byte{sign}, markerSize)
	return func(line []byte) bool {
		label, ok := bytes.CutPrefix(line, marker)
		return ok && (len(label) == 0 || sign != '=' && label[0] == ' ')
	}
}
