package objects

import "strings"

// hasNUL reports whether s has a NUL byte.
func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }

// hasControl reports whether s has an ASCII control character, which could break
// a line or do something to a terminal.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func validLabelKey(key string) bool {
	return key != "" && len(key) <= MaxLabelKey && !hasControl(key) && !strings.Contains(key, "=")
}
