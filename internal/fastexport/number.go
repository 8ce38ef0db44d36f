package fastexport

import "strings"

// number reads a number in decimal digits, in its only spelling, up to a limit.
func number(text string, limit int64) (int64, bool) {
	if text == "" || len(text) > 19 || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	var n int64
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (limit-int64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= limit
}

// mark reads ":" and a number of at least 1.
func mark(text string) (Mark, bool) {
	digits, ok := strings.CutPrefix(text, ":")
	if !ok {
		return 0, false
	}
	n, ok := number(digits, maxMark)
	return Mark(n), ok && n > 0
}

// objectID checks the hexadecimal ID of an object: SHA-1 or SHA-256.
func objectID(text string) bool {
	if len(text) != 40 && len(text) != 64 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// mode reads the modes of files, in the long and the short spelling.
func mode(text string) (Mode, bool) {
	switch text {
	case "100644", "644":
		return ModeFile, true
	case "100755", "755":
		return ModeExecutable, true
	case "120000":
		return ModeSymlink, true
	case "160000":
		return ModeSubmodule, true
	}
	return 0, false
}
